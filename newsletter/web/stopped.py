"""Why somebody whose mails came back gets no more of them, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from newsletter.rendering.words.language import ENGLISH
from subscribers.holdings import Held
from subscribers.model import SubscriberState, SuppressionReason

_UNKNOWN = "Mails to you came back as undeliverable."
_NO_MAILBOX = "Mails to you came back: we were told that there is no such mailbox."
_NO_SERVER = "Mails to you came back: nothing takes mail for what stands behind the @."
_BROKEN = "Mails to you came back for days: the server of your mailbox could not be reached or did not work."
#: By the reason that the suppression was written down with.
_WHY = {
    "userunknown": _NO_MAILBOX,
    "hasmoved": "Mails to you came back: we were told that you have left this mailbox.",
    "hostunknown": _NO_SERVER,
    "notaccept": _NO_SERVER,
    "mailboxfull": "Mails to you came back: your mailbox was full.",
    "suspend": "Mails to you came back: we were told that your mailbox is switched off.",
    "filtered": "Mails to you came back: the rules of your mailbox turned them away.",
    "suppressed": "Mails to you came back too often for the service that carries our mails.",
    "expired": _BROKEN,
    "systemerror": _BROKEN,
    "systemfull": _BROKEN,
    "mailererror": _BROKEN,
}


@dataclass(frozen=True, slots=True)
class StoppedMails:
    """That mails to somebody were stopped.

    Attributes:
        why: one sentence.
        since: the day, in words, of the person's own zone.
    """

    why: str
    since: str


def stopped_mails(held: Held) -> StoppedMails | None:
    """Return why and since when mails to a person were stopped as they came back; None if they were not."""
    if held.subscriber.state is not SubscriberState.BOUNCED:
        return None
    said = held.suppression if held.suppression and held.suppression.reason is SuppressionReason.BOUNCED else None
    reason = said.detail.partition(" ")[0] if said else ""
    at = said.at if said else held.subscriber.changed_at
    zone = ZoneInfo(next((found.zone for found in held.subscriptions), "UTC"))
    return StoppedMails(_WHY.get(reason, _UNKNOWN), ENGLISH.date(at.astimezone(zone)))
