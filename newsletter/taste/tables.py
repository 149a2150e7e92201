"""What was learned about a reader's taste."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class TasteRow(Base):
    """A reader's linear model, made anew from the reader's opinions; it goes with the person's row."""

    __tablename__ = "taste"

    subscriber_id: Mapped[int] = mapped_column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True)
    #: The opinions it was learned from: how many, and the instant of the newest.
    opinions: Mapped[int]
    newest_at: Mapped[datetime]
    learned_at: Mapped[datetime]
    #: A number of 16 bits (IEEE 754, little-endian) for each column of :class:`newsletter.trending.vectors.Vectors`.
    weights: Mapped[bytes] = mapped_column(LargeBinary)
