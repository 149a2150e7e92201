"""A delivery and its states, and what an SMTP server answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

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


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """An SMTP reply: three-digit code, enhanced status code (RFC 3463, ``""`` if none) and text."""

    code: int
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process may send until ``lease_until``, as long as ``epoch`` is still the row's."""

    delivery_id: DeliveryId
    issue_id: IssueId
    digest_id: DigestId
    subscriber_id: SubscriberId
    address: str
    token_epoch: int
    attempts: int
    epoch: int
    dated_at: datetime
    lease_until: datetime
