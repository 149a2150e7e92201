"""The ledger: one row per issue and subscriber, and the composed bodies that repeats are made from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class DeliveryRow(Base):
    """One message to one reader and everything that is known of its fate.

    ``not_before`` is when it may be tried (the reader's local hour, later the retry time). ``epoch`` is the fencing number:
    it grows with every claim, and a write with an older one is refused. ``dated_at`` becomes the message's Date header with the
    first claim and never changes, so that a repeat is byte-identical.
    """

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    issue_id: Mapped[int] = mapped_column(RowId, ForeignKey("issue.id"))
    subscriber_id: Mapped[int] = mapped_column(RowId)
    digest_id: Mapped[int | None] = mapped_column(RowId, ForeignKey("digest.id"))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    dated_at: Mapped[datetime | None]
    epoch: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    reply_code: Mapped[int | None]
    reply_status: Mapped[str] = mapped_column(String(16), default="")
    reply_text: Mapped[str] = mapped_column(Text, default="")
    changed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("issue_id", "subscriber_id"),
        Index(None, "state", "not_before", "id"),
        Index(None, "issue_id", "state", "id"),
        Index(None, "subscriber_id", "issue_id"),
    )


class ComposedBodyRow(Base):
    """The encoded message body of one digest, kept until its issue is finished: every repeat is cut from the same bytes."""

    __tablename__ = "composed_body"

    digest_id: Mapped[int] = mapped_column(RowId, ForeignKey("digest.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    composed_at: Mapped[datetime]
