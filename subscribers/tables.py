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
    #: The operator's own fields, by name.
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
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


class SignUpRow(Base):
    """A sign-up that was taken in and not looked at yet: durable before it is answered, deleted once it was dealt with."""

    __tablename__ = "sign_up"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    address: Mapped[str] = mapped_column(String(320))
    newsletter: Mapped[str] = mapped_column(String(64))
    choices: Mapped[dict[str, Any]]
    method: Mapped[str] = mapped_column(String(16))
    wording: Mapped[str] = mapped_column(Text)
    client: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime]


class WishRow(Base):
    """A sign-up that waits for its confirmation. The latest of a person for a newsletter takes the place of the one before."""

    __tablename__ = "wish"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"))
    newsletter: Mapped[str] = mapped_column(String(64))
    choices: Mapped[dict[str, Any]]
    method: Mapped[str] = mapped_column(String(16))
    wording: Mapped[str] = mapped_column(Text)
    #: Keyed hash of the network it came from; goes with the row, weeks later.
    network: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime] = mapped_column(index=True)
    confirmed_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("subscriber_id", "newsletter"),
        {"sqlite_autoincrement": True},  # a link to confirm names the row, so its number is never given to another
    )


class AddressChangeRow(Base):
    """A wish for another address, until it is confirmed from there; one a person."""

    __tablename__ = "address_change"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"), unique=True)
    address: Mapped[str] = mapped_column(String(320))
    asked_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = ({"sqlite_autoincrement": True},)


class MailLimitRow(Base):
    """How often an address was written to without its having answered: by keyed hash, so it outlives the person's row."""

    __tablename__ = "mail_limit"

    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    unanswered: Mapped[int]
    mailed_at: Mapped[datetime]


class AllowanceRow(Base):
    """What is left of a budget (token bucket) at an instant: of a network, by keyed hash, or of all."""

    __tablename__ = "allowance"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    tokens: Mapped[float]
    at: Mapped[datetime] = mapped_column(index=True)


class MailboxRow(Base):
    """How a reader's mailbox fares: a score that grows with each mail that comes back, and is forgotten where none does.

    ``stepped_at`` is when it last grew. ``probed_at`` is when the last mail before the end was asked for, None before that.
    ``reason`` and ``status`` are those of the last step.
    """

    __tablename__ = "mailbox"

    subscriber_id: Mapped[int] = mapped_column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True)
    score: Mapped[float]
    stepped_at: Mapped[datetime]
    probed_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))


class AnsweredRow(Base):
    """How many automatic answers an address got lately, by keyed hash: since ``since``."""

    __tablename__ = "answered"

    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    answers: Mapped[int]
    since: Mapped[datetime] = mapped_column(index=True)


class OpinionRow(Base):
    """More or less like this: what a reader said of a paper, by the paper's ingest number."""

    __tablename__ = "opinion"

    subscriber_id: Mapped[int] = mapped_column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True)
    paper_seq: Mapped[int] = mapped_column(RowId, primary_key=True)
    taste: Mapped[str] = mapped_column(String(8))
    at: Mapped[datetime]


class ImportPositionRow(Base):
    """How far an import of a file has come: written with each batch, so that running it again goes on there."""

    __tablename__ = "import_position"

    #: Hash of the file's beginning, its length and what was asked for.
    file: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(RowId)
    line: Mapped[int] = mapped_column(RowId)
    added: Mapped[int] = mapped_column(RowId)
    known: Mapped[int] = mapped_column(RowId)
    refused: Mapped[int] = mapped_column(RowId)
    at: Mapped[datetime]
