"""The subscriber store's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class SubscriberRow(Base):
    """A person. ``address_key`` is the case-folded address: one row a mailbox."""

    __tablename__ = "subscriber"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    address: Mapped[str] = mapped_column(String(320))
    address_key: Mapped[str] = mapped_column(String(320), unique=True)
    state: Mapped[str] = mapped_column(String(16))
    token_epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("address_key <> ''", name="address_given"),
        {"sqlite_autoincrement": True},  # an erased reader's number is never given to somebody else
    )


class SubscriptionRow(Base):
    """A person's choices for one newsletter."""

    __tablename__ = "subscription"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"))
    newsletter: Mapped[str] = mapped_column(String(64))
    cadence: Mapped[str] = mapped_column(String(16))
    local_hour: Mapped[int]
    zone: Mapped[str] = mapped_column(String(64))
    interests: Mapped[dict[str, Any]]
    size: Mapped[int | None]
    paused_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("subscriber_id", "newsletter"),
        Index(None, "newsletter", "cadence", "subscriber_id"),
        CheckConstraint("local_hour BETWEEN 0 AND 23", name="local_hour_in_day"),
    )


class ConsentRow(Base):
    """Append-only proof of consent (GDPR Art. 7(1))."""

    __tablename__ = "consent"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"), index=True)
    newsletter: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(16))
    method: Mapped[str] = mapped_column(String(16))
    wording: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class SuppressionRow(Base):
    """An address never to be written to: only its keyed hash is kept, so it outlives the person's row."""

    __tablename__ = "suppression"

    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
