"""The ledger: one row per issue and subscriber; bodies that repeats are made from; who is sending, and how fast."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class DeliveryRow(Base):
    """One message to one reader and everything that is known of its fate.

    ``not_before`` is when it may be tried (the reader's local hour, later the retry time). ``worker_id`` is who holds it while
    it is claimed or its dot has left. ``epoch`` is the fencing number: it grows with every claim, and a write with an older one
    is refused. ``dated_at`` becomes the message's Date header with the
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
    worker_id: Mapped[int | None] = mapped_column(RowId)
    reply_code: Mapped[int | None]
    reply_status: Mapped[str] = mapped_column(String(16), default="")
    reply_text: Mapped[str] = mapped_column(Text, default="")
    #: Name of the next hop that answered last; "" before any did.
    relay: Mapped[str] = mapped_column(String(63), default="", server_default="")
    changed_at: Mapped[datetime]

    __table_args__ = (
        # In this order it also answers what one reader was sent; three entries a row and change are all that speed allows.
        UniqueConstraint("subscriber_id", "issue_id"),
        Index(None, "issue_id", "state", "id"),
    )


class ComposedBodyRow(Base):
    """The encoded message body of one digest, kept until its issue is finished: every repeat is cut from the same bytes.

    It is whole, or a list of the pieces that it is put together from.
    """

    __tablename__ = "composed_body"

    digest_id: Mapped[int] = mapped_column(RowId, ForeignKey("digest.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    composed_at: Mapped[datetime]


class ComposedPieceRow(Base):
    """Encoded lines that many bodies of an issue have, named by a hash of ``content``; kept as long as any body is."""

    __tablename__ = "composed_piece"

    issue_id: Mapped[int] = mapped_column(RowId, ForeignKey("issue.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(24), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class WorkerRow(Base):
    """A process that sends. Its ``beat`` grows while it lives; what one holds that stands still is taken over by another.

    ``name`` is host and process id, for people.
    """

    __tablename__ = "worker"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    beat: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime]

    # A number is never given again: others remember by it when they last saw a beat.
    __table_args__ = ({"sqlite_autoincrement": True},)


class PaceRow(Base):
    """A token bucket and a day's count, shared by all senders. ``name``: ``all``, ``relay:NAME`` or ``domain:NAME``.

    ``tokens`` were there at ``refilled_at``; ``used`` messages were granted on the UTC date ``day`` (``2026-11-21``).
    """

    __tablename__ = "pace"

    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    tokens: Mapped[float]
    refilled_at: Mapped[datetime]
    day: Mapped[str] = mapped_column(String(10))
    used: Mapped[int]


class ReturnRow(Base):
    """Something that came back of a message: a bounce, a refusal at SMTP time, a complaint.

    One of each kind a message; ``delivery_id`` is None for a notice, and ``notice_id`` for a delivery. ``reason`` and
    ``status`` are those of the bounce. ``domain`` is the reader's, ``relay`` the next hop that took or refused the message.
    ``inbound_id`` is the mail that said so. ``is_counted``: it was a step of the reader's score.
    """

    __tablename__ = "returned"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    is_hard: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))
    delivery_id: Mapped[int | None] = mapped_column(RowId)
    notice_id: Mapped[int | None] = mapped_column(RowId)
    issue_id: Mapped[int | None] = mapped_column(RowId)
    subscriber_id: Mapped[int] = mapped_column(RowId, index=True)
    domain: Mapped[str] = mapped_column(String(255))
    relay: Mapped[str] = mapped_column(String(63))
    inbound_id: Mapped[int | None] = mapped_column(RowId)
    is_counted: Mapped[bool]
    at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        UniqueConstraint("delivery_id", "kind"),
        UniqueConstraint("notice_id", "kind"),
        Index(None, "issue_id", "kind"),
    )
