"""What the store holds: subscribers, their subscriptions, consent and suppression, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import NewType
from zoneinfo import available_timezones

SubscriberId = NewType("SubscriberId", int)


class SubscriberState(StrEnum):
    """Where a person stands with us. Only ``ACTIVE`` is ever written to."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    ERASED = "erased"


class Cadence(StrEnum):
    """How often a reader gets an issue."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class ConsentEvent(StrEnum):
    """One line in the append-only proof of what a person asked for."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class ConsentMethod(StrEnum):
    """How a consent event reached us."""

    WEB = "web"
    MAIL = "mail"
    IMPORT = "import"
    OPERATOR = "operator"
    DEMO = "demo"


class SuppressionReason(StrEnum):
    """Why an address must never be written to."""

    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    ERASED = "erased"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Interests:
    """What a reader wants more and less of. Empty means: the common digest.

    Matching is case-insensitive. ``categories`` are arXiv categories (``cs.CL``); ``keywords`` and ``muted`` are words or
    phrases looked up in title, abstract and keywords; ``authors`` and ``labs`` are names.
    """

    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    labs: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.categories or self.keywords or self.authors or self.labs or self.muted)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person picks for one newsletter.

    ``local_hour`` (0-23) is in ``zone`` (IANA name). ``size`` is papers per digest (1-60); None takes the newsletter's.

    Raises:
        ValueError: an hour, zone or size that does not exist.
    """

    cadence: Cadence = Cadence.DAILY
    local_hour: int = 8
    zone: str = "UTC"
    interests: Interests = field(default_factory=Interests)
    size: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.local_hour <= 23:
            raise ValueError("the hour is not one from 0 to 23")
        if self.size is not None and not 1 <= self.size <= 60:
            raise ValueError("the number of papers is not one from 1 to 60")
        if self.zone not in _zones():
            raise ValueError("no such time zone; write it like Europe/Berlin")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person: an address and where they stand with us."""

    id: SubscriberId
    address: str
    state: SubscriberState
    token_epoch: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Subscription:
    """One person's choices for one newsletter.

    ``local_hour`` (0-23) is in ``zone`` (IANA name). ``size`` is papers per digest; None takes the newsletter's.
    """

    subscriber_id: SubscriberId
    newsletter: str
    cadence: Cadence
    local_hour: int
    zone: str
    interests: Interests = field(default_factory=Interests)
    size: int | None = None
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Everything the digest builder needs to know of one recipient of one newsletter."""

    subscriber_id: SubscriberId
    interests: Interests
    size: int | None
    local_hour: int
    zone: str


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent event: who, when, how, and the very words that were agreed to."""

    subscriber_id: SubscriberId
    newsletter: str
    event: ConsentEvent
    method: ConsentMethod
    wording: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address never to be written to; only its keyed hash is known."""

    address_hash: str
    reason: SuppressionReason
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Added:
    """The person, and whether the call changed anything: False if they got that newsletter already."""

    subscriber: Subscriber
    is_new: bool


@dataclass(frozen=True, slots=True)
class Held:
    """Everything that is held about one person (GDPR Art. 15)."""

    subscriber: Subscriber
    subscriptions: tuple[Subscription, ...]
    consents: tuple[Consent, ...]
    suppression: Suppression | None


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a verified token belongs to, and the newsletter it is about (None: all of them)."""

    subscriber: Subscriber
    newsletter: str | None
