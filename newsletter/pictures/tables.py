"""Pictures, and what became of the picture of each paper."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class PictureRow(Base):
    """A picture as it was made. In the database, so that every machine that serves the pages has it."""

    __tablename__ = "picture"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(16))
    width: Mapped[int]
    height: Mapped[int]
    #: A logo stands in every mail there ever was, and is not dropped.
    is_logo: Mapped[bool]
    made_at: Mapped[datetime] = mapped_column(index=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class PaperPictureRow(Base):
    """What was done about the picture of one paper. Without names there is none to show."""

    __tablename__ = "paper_picture"

    paper_seq: Mapped[int] = mapped_column(RowId, ForeignKey("paper.seq"), primary_key=True)
    source_url: Mapped[str] = mapped_column(Text)
    large_name: Mapped[str | None] = mapped_column(String(32), ForeignKey("picture.name"), index=True)
    small_name: Mapped[str | None] = mapped_column(String(32), ForeignKey("picture.name"), index=True)
    #: What went wrong when the address was asked last; "" if nothing did.
    problem: Mapped[str] = mapped_column(Text)
    tries: Mapped[int]
    asked_at: Mapped[datetime] = mapped_column(index=True)
    #: None: not again, as long as the address is the same.
    next_try_at: Mapped[datetime | None]
