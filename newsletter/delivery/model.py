"""A delivery and its states, and what an SMTP server answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType, TypeAlias

from newsletter.digest.model import DigestId, IssueId
from subscribers.model import SubscriberId

DeliveryId = NewType("DeliveryId", int)


class DeliveryState(StrEnum):
    """Where a delivery stands. ``SENT`` means: the next hop took it; arrival needs proof.

    ``DOT_SENT`` is written durably before the message's final dot leaves, so whoever finds it there after a crash knows
    that this one message is in doubt.
    """

    PENDING = "pending"
    CLAIMED = "claimed"
    DOT_SENT = "dot_sent"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    DOUBTFUL = "doubtful"
    SKIPPED = "skipped"


#: States in which nothing more will happen by itself.
SETTLED = frozenset({DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.DOUBTFUL, DeliveryState.SKIPPED})


class SkipReason(StrEnum):
    """Why a reader of the audience gets no mail of this issue."""

    NOTHING_NEW = "nothing_new"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a delivery is deferred, failed or doubtful.

    ``POLICY`` is an objection to us or to the message, not to the reader. ``IN_DOUBT`` sticks to a delivery until it settles:
    one of its messages may have arrived.
    """

    REFUSED = "refused"
    POLICY = "policy"
    UNREACHABLE = "unreachable"
    NOT_COMPOSED = "not_composed"
    IN_DOUBT = "in_doubt"
    OUT_OF_TRIES = "out_of_tries"
    TOO_OLD = "too_old"
    SUPERSEDED = "superseded"


class Phase(StrEnum):
    """Where a conversation with an SMTP server stands. Only after ``DOT`` may the server have taken the message."""

    CONNECT = "connect"
    HELLO = "hello"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """An SMTP reply: three-digit code, enhanced status code (RFC 3463, ``""`` if none) and text."""

    code: int
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process may send as long as ``epoch`` is still the row's.

    ``address_hash`` is what a suppression of its reader would be kept under. ``doubted``: an earlier message of it may have
    arrived.
    """

    delivery_id: DeliveryId
    issue_id: IssueId
    digest_id: DigestId
    subscriber_id: SubscriberId
    address: str
    token_epoch: int
    attempts: int
    epoch: int
    dated_at: datetime
    address_hash: str = ""
    doubted: bool = False

    @property
    def label(self) -> str:
        """What the log calls it."""
        return f"delivery={self.delivery_id}"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message ready for the wire: ``data`` is all of it, with CRLF line ends, not dot-stuffed.

    ``envelope_id`` is what a DSN will name it by (RFC 3461 section 4.4); empty asks for no DSN. ``is_checked`` says that
    ``data`` was put together from checked pieces: 7-bit, no bare CR or LF, no long line, none that begins with a dot.
    """

    envelope_from: str
    recipient: str
    data: bytes
    envelope_id: str = ""
    is_checked: bool = False


#: Makes a message in some microseconds, when it is its turn: there and then the processor has it at hand. Asks nobody for it.
Draft: TypeAlias = Callable[[], OutgoingMessage]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one try led to: the delivery's next state and all that is stored with it.

    ``attempts`` are the tries that count against the delivery so far. ``not_before`` is when to try again; None leaves what is
    stored. ``reply`` is None where no server answered; ``relay`` is the name of the one that did.
    """

    state: DeliveryState
    attempts: int
    reason: str = ""
    not_before: datetime | None = None
    reply: SmtpReply | None = None
    relay: str = ""

    def answered_by(self, relay: str) -> Outcome:
        """Return the same with who answered. Made for every message, so not by ``replace``, which takes twice as long."""
        return Outcome(self.state, self.attempts, self.reason, self.not_before, self.reply, relay)


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a claim, to be written under the claim's epoch."""

    claim: Claim
    outcome: Outcome

    @property
    def finding(self) -> Finding:
        """What the ledger needs of it."""
        return Finding(self.claim.delivery_id, self.claim.epoch, self.outcome)


@dataclass(frozen=True, slots=True)
class Finding:
    """A result as it is written: the outcome of a delivery, counting only while ``epoch`` is the row's."""

    delivery_id: DeliveryId
    epoch: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it stands, for people to look at. ``reply`` is the last one, if any, and ``relay`` who gave it."""

    id: DeliveryId
    issue_id: IssueId
    subscriber_id: SubscriberId
    digest_id: DigestId | None
    state: DeliveryState
    reason: str
    attempts: int
    not_before: datetime
    dated_at: datetime | None
    changed_at: datetime
    reply: SmtpReply | None
    relay: str = ""

    @property
    def last_reply(self) -> str:
        """The last reply on one line; empty if there was none."""
        return "" if self.reply is None else " ".join(filter(None, (str(self.reply.code), self.reply.status, self.reply.text)))

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values under snake_case names; instants stay ``datetime``."""
        return asdict(self)
