"""What is done with a mail that came in: the form of all that act on one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from newsletter.delivery.identity.verp import Signed
from newsletter.inbound.model import Door, MailKind, Stored, Verdict
from newsletter.inbound.reading.mail import Mail
from subscribers.model import Notice, SubscriberId


@dataclass(frozen=True, slots=True)
class Addressed:
    """Which of our addresses a mail came to.

    Attributes:
        door: what kind of address that is.
        signed: what a signed one was signed for: certain, as nobody else can make one.
        newsletter: slug of the newsletter whose address it is; ``""`` if it is none's.
    """

    door: Door
    signed: Signed | None = None
    newsletter: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A mail that was kept, read, sorted, and whose address was looked at."""

    stored: Stored
    mail: Mail
    verdict: Verdict
    addressed: Addressed


@dataclass(frozen=True, slots=True)
class Handled:
    """What was done with a mail.

    Attributes:
        outcome: short and stable, like ``bounce.counted``; at most 48 characters.
        subscriber_id: whom it was certainly about; None if nobody.
        newsletter: slug, ``""`` if none.
        facts: what is worth keeping, as figures and names; never an address.
        notices: mails that leave because of it, written in the transaction that settles the mail.
        kind: what the mail was found to be, where only the handler knows: of a provider's report.
        detail: likewise; at most 32 characters.
    """

    outcome: str
    subscriber_id: SubscriberId | None = None
    newsletter: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    kind: MailKind | None = None
    detail: str = ""


class Handler(Protocol):
    """Acts on mails of some kinds.

    It may be called again for the same mail, after a crash or when the operator wants it: then it changes nothing that is done.
    """

    def handle(self, received: Received, *, now: datetime) -> Handled:
        """Act on a mail.

        Args:
            received: the mail.
            now: aware UTC.
        """
        ...


class ReportHandler(Protocol):
    """Acts on what a provider's webhook said; as :class:`Handler`, safe to call again."""

    def handle(self, stored: Stored, *, now: datetime) -> Handled:
        """Act on a report. ``Handled.kind`` says what it was; None counts as other.

        Args:
            stored: the body of the request, and whose it is.
            now: aware UTC.
        """
        ...
