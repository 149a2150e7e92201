"""Mails that came in, each kept whole until it is old."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class InboundMailRow(Base):
    """A mail and what was made of it.

    ``key`` is a hash of its bytes and recipients, or of the name that a provider gave it: the very same mail is kept once,
    however often a way in delivers it. ``raw``
    is compressed (zlib); it goes when the mail is old or its person is erased, with ``envelope_from`` and ``recipients``.
    ``epoch`` is the fencing number: it grows with every claim, and a result under an older one is refused. ``kind``, ``detail``
    and ``outcome`` are what the mail was found to be, and what was done about it.
    """

    __tablename__ = "inbound_mail"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    via: Mapped[str] = mapped_column(String(16))
    envelope_from: Mapped[str | None] = mapped_column(String(1000))
    recipients: Mapped[list[str]]
    size: Mapped[int]
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    epoch: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(16), default="")
    detail: Mapped[str] = mapped_column(String(32), default="")
    outcome: Mapped[str] = mapped_column(String(48), default="")
    newsletter: Mapped[str] = mapped_column(String(64), default="")
    subscriber_id: Mapped[int | None] = mapped_column(RowId, index=True)
    #: What else is worth keeping of it as figures and names: reason, status, commands. Never an address.
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    handled_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "state", "not_before", "id"), {"sqlite_autoincrement": True})


class InboundPersonRow(Base):
    """Somebody whose address a kept mail names, as a keyed hash: by it the mail is found when they are erased."""

    __tablename__ = "inbound_person"

    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    inbound_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("inbound_mail.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class InboundErasedRow(Base):
    """Somebody who was erased while mails waited that nobody had looked into: those up to the number ``up_to``."""

    __tablename__ = "inbound_erased"

    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    up_to: Mapped[int] = mapped_column(RowId)
