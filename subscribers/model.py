"""What the store holds: subscribers, their subscriptions, consent and suppression, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, NewType, TypeAlias
from zoneinfo import available_timezones

SubscriberId = NewType("SubscriberId", int)
#: What a reader wrote into a field of the operator's own: text (a date as ISO 8601), a whole number, or yes and no.
FieldValue: TypeAlias = str | int | bool


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


class NoticeKind(StrEnum):
    """What a mail to one person outside any issue is about.

    ``KNOWN`` answers a sign-up of somebody who gets the newsletter already. ``CONFIRM_ADDRESS`` goes to the new address of a
    change, ``ADDRESS_CHANGED`` to the old one. ``GOODBYE`` goes to somebody who left a newsletter on a page. ``ANSWER`` answers
    a mail. ``PROBE`` is the last one to a mailbox whose mails come back: if that does too, there are no more. ``OPERATOR`` goes
    to whoever runs the newsletter.
    """

    CONFIRM = "confirm"
    KNOWN = "known"
    WELCOME = "welcome"
    CONFIRM_ADDRESS = "confirm_address"
    ADDRESS_CHANGED = "address_changed"
    GOODBYE = "goodbye"
    ANSWER = "answer"
    PROBE = "probe"
    OPERATOR = "operator"


class Taste(StrEnum):
    """What a reader says of a paper: more or less like this."""

    MORE = "more"
    LESS = "less"


class Verdict(StrEnum):
    """Whether a sign-up was taken in. It never depends on the address, so that nobody learns who is on the list."""

    TAKEN = "taken"
    NETWORK_BUSY = "network_busy"
    ALL_BUSY = "all_busy"


@dataclass(frozen=True, slots=True)
class Interests:
    """What a reader wants more and less of. Empty means: the common digest.

    Matching is case-insensitive. ``categories`` are arXiv categories (``cs.CL``) or archives (``cs``), which stand for all of
    theirs; ``keywords`` and ``muted`` are words and phrases looked up in title, abstract and keywords, as
    :func:`subscribers.interests.parse_phrases` reads them; ``authors`` and ``labs`` are names, which a reader follows.
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
    ``fields`` are the operator's own, by name, in the order of their names.

    Raises:
        ValueError: an hour, zone or size that does not exist.
    """

    cadence: Cadence = Cadence.DAILY
    local_hour: int = 8
    zone: str = "UTC"
    interests: Interests = field(default_factory=Interests)
    size: int | None = None
    fields: tuple[tuple[str, FieldValue], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.local_hour <= 23:
            raise ValueError("the hour is not one from 0 to 23")
        if self.size is not None and not 1 <= self.size <= 60:
            raise ValueError("the number of papers is not one from 1 to 60")
        if self.zone not in time_zones():
            raise ValueError("no such time zone; write it like Europe/Berlin")


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """Return the names of all zones there are; looking them up reads a folder, so it is done once."""
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
    """One person's choices for one newsletter; see :class:`Choices`. ``paused_until``: no mail before that instant."""

    subscriber_id: SubscriberId
    newsletter: str
    cadence: Cadence
    local_hour: int
    zone: str
    interests: Interests = field(default_factory=Interests)
    size: int | None = None
    paused_until: datetime | None = None
    fields: tuple[tuple[str, FieldValue], ...] = ()

    @property
    def choices(self) -> Choices:
        """What the person picked."""
        return Choices(self.cadence, self.local_hour, self.zone, self.interests, self.size, self.fields)


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
class Holder:
    """Whom a verified token belongs to, and the newsletter it is about (None: all of them)."""

    subscriber: Subscriber
    newsletter: str | None


@dataclass(frozen=True, slots=True)
class SignUp:
    """A wish to get a newsletter, as it came in: nothing was looked up, and nobody confirmed it.

    Attributes:
        address: as written, at most 320 characters; whether it is an address is found out later.
        newsletter: slug of one there is.
        choices: what was picked.
        method: web or mail.
        wording: the very words that stood beside the button.
        client: IP address of whoever sent the form, as text; named in the confirmation mail's header; ``""`` if unknown.
    """

    address: str
    newsletter: str
    choices: Choices
    method: ConsentMethod
    wording: str
    client: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """A sign-up that waits for its confirmation, or had it (``confirmed_at``)."""

    id: int
    subscriber_id: SubscriberId
    newsletter: str
    choices: Choices
    asked_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class AddressChange:
    """A wish to get the mails at another address, which waits for its confirmation from there."""

    id: int
    subscriber_id: SubscriberId
    address: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a reader said of a paper, by the paper's ingest number."""

    paper_seq: int
    taste: Taste
    at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail to one person outside any issue, to be sent at once.

    Attributes:
        subscriber_id: whom it is about; None for somebody who is no subscriber, and for the operator.
        address: where it goes.
        newsletter: slug; ``""`` where it concerns all of them.
        reference: number of the wish or address change it asks to confirm, or of the mail it answers; 0 for none.
        client: as in :class:`SignUp`.
        details: what an answer says, as plain JSON values; never an address.
        content: the whole message, CRLF line ends, where whoever asks for it made it; ``b""``: it is made when it leaves.
    """

    kind: NoticeKind
    subscriber_id: SubscriberId | None
    address: str
    newsletter: str
    reference: int = 0
    client: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class SignUpLimits:
    """How much anybody can make us write to people who asked for nothing.

    Attributes:
        mail_every: least time between two confirmation mails to one address.
        unanswered: mails to one address, ever, until it answers one.
        network_per_hour: sign-ups taken from one network (IPv4 /24, IPv6 /64): so many at once, and so many again each hour.
        total_per_hour: likewise, from everywhere.
        confirm_within: how long a link to confirm works.
        forget_after: age at which an unconfirmed sign-up is deleted with all that belongs to it.
    """

    mail_every: timedelta = timedelta(hours=24)
    unanswered: int = 3
    network_per_hour: int = 30
    total_per_hour: int = 1000
    confirm_within: timedelta = timedelta(days=7)
    forget_after: timedelta = timedelta(days=30)
