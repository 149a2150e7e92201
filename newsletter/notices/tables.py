"""The queue of notices."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class NoticeRow(Base):
    """One notice and what became of it.

    States are those of a delivery. ``subscriber_id`` is None for a mail to somebody who is no subscriber. ``content`` is the
    whole message: stored with its first intent so that a repeat is byte-identical, or with the notice where whoever asked for
    it made it. It goes, with ``address``, ``details`` and ``client``, once the notice is settled. ``digest_id`` are the papers
    a welcome brought. ``epoch`` is the fencing number: it grows with every claim, and a write with an older one is refused.
    """

    __tablename__ = "notice"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    subscriber_id: Mapped[int | None] = mapped_column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(String(320))
    newsletter: Mapped[str] = mapped_column(String(64))
    reference: Mapped[int] = mapped_column(RowId)
    #: What an answer says, as figures and names.
    details: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    client: Mapped[str] = mapped_column(String(64))
    digest_id: Mapped[int | None] = mapped_column(RowId, ForeignKey("digest.id"))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    epoch: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    envelope_from: Mapped[str] = mapped_column(String(320), default="")
    reply_code: Mapped[int | None]
    reply_status: Mapped[str] = mapped_column(String(16), default="")
    reply_text: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        Index(None, "state", "not_before", "id"),
        Index(None, "subscriber_id"),
        {"sqlite_autoincrement": True},
    )
