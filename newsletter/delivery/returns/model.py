"""What comes back of messages, as frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from newsletter.delivery.identity.verp import Signed
from newsletter.delivery.returns.reasons import REASONS, UNDEFINED, About, about
from newsletter.digest.model import IssueId
from subscribers.model import NoticeKind, SubscriberId

_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")


class ReturnKind(StrEnum):
    """What came back. ``REFUSAL``: the next hop refused the message itself. ``DELAYED``: a server still tries."""

    BOUNCE = "bounce"
    DELAYED = "delayed"
    REFUSAL = "refusal"
    COMPLAINT = "complaint"


class ReturnOutcome(StrEnum):
    """What was done about something that came back.

    ``COUNTED``: a step of the reader's score. ``PROBED``: so many that a last mail asks. ``ENDED``: the reader gets no more
    mail. ``SUPPRESSED``: somebody complained and is never written to again. ``NOTED``: kept for the rates alone, as it is not
    about the mailbox, or is no step now. ``KNOWN``: it had been said of this message before. ``TOO_OLD``: of a message that was
    sent too long ago. ``NOBODY``: nobody is left whom it could be about.
    """

    COUNTED = "counted"
    PROBED = "probed"
    ENDED = "ended"
    SUPPRESSED = "suppressed"
    NOTED = "noted"
    KNOWN = "known"
    TOO_OLD = "too_old"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that left us, or was refused: what may be said to have come back.

    Attributes:
        signed: delivery or notice, and its number; never one that takes answers.
        subscriber_id: whom it went to.
        newsletter: slug, ``""`` for a notice that concerns all of them.
        issue_id: of a delivery; None for a notice.
        relay: next hop that took or refused it, ``""`` if that is not known.
        at: when that was, aware UTC.
        notice: what a notice was about; None for a delivery.
    """

    signed: Signed
    subscriber_id: SubscriberId
    newsletter: str
    issue_id: IssueId | None
    relay: str
    at: datetime
    notice: NoticeKind | None = None

    @property
    def is_probe(self) -> bool:
        """Whether it was the last mail to a mailbox whose mails came back."""
        return self.notice is NoticeKind.PROBE

    @property
    def went_elsewhere(self) -> bool:
        """Whether it went to another mailbox than the person's own: the one they want to have, or the one they left."""
        return self.notice in (NoticeKind.CONFIRM_ADDRESS, NoticeKind.ADDRESS_CHANGED)


@dataclass(frozen=True, slots=True)
class Returned:
    """Something that came back of a message. Make it with :meth:`of`: what others wrote is checked there.

    Attributes:
        kind: what it is.
        is_hard: the mailbox is gone for good.
        reason: why, one of :data:`~newsletter.delivery.returns.reasons.REASONS`.
        status: enhanced code (RFC 3463), ``""`` if none.
        inbound_id: number of the mail that said so; None for a refusal, or a report that is no mail.
    """

    kind: ReturnKind
    is_hard: bool
    reason: str
    status: str
    inbound_id: int | None

    @classmethod
    def of(cls, kind: ReturnKind, *, is_hard: bool, reason: str, status: str, inbound_id: int | None) -> Self:
        """Return what was said, as far as it can be believed: hard is only a failure that is about the mailbox."""
        reason = reason if reason in REASONS else UNDEFINED
        status = status if _STATUS.fullmatch(status) else ""
        returned = cls(kind, is_hard, reason, status, inbound_id)
        return returned if returned.is_about_mailbox else replace(returned, is_hard=False)

    @property
    def is_about_mailbox(self) -> bool:
        """Whether it is a failure, and the reader's mailbox is why."""
        return self.kind in _FAILURES and about(self.reason) is About.MAILBOX


_FAILURES = frozenset({ReturnKind.BOUNCE, ReturnKind.REFUSAL})
