"""What a mail that came in is found to be, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

InboundId = NewType("InboundId", int)


class Via(StrEnum):
    """The way a mail came in."""

    PIPE = "pipe"
    IMAP = "imap"
    LMTP = "lmtp"
    SES = "ses"
    POSTMARK = "postmark"
    SENDGRID = "sendgrid"
    MAILGUN = "mailgun"


#: Ways on which reports come, not mails.
REPORTS = frozenset({Via.SES, Via.POSTMARK, Via.SENDGRID, Via.MAILGUN})


class MailKind(StrEnum):
    """What a mail is. ``OTHER``: nothing that is acted upon, such as spam, mail of lists and what cannot be read."""

    BOUNCE = "bounce"
    DELAYED = "delayed"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto-reply"
    COMMAND = "command"
    CONFIRM = "confirm"
    UNSUBSCRIBE = "unsubscribe"
    HUMAN = "human"
    OTHER = "other"


class Door(StrEnum):
    """Which of our addresses a mail came to.

    ``BOUNCES``: an envelope sender of ours, signed or not. ``REPLY``: the signed address that takes answers to one message;
    ``CONFIRM``: likewise, and that message asks to confirm something. ``UNSUBSCRIBE``: NAME+unsubscribe@DOMAIN of an address
    that takes commands. ``PLAIN``: such an address itself. ``UNKNOWN``: none of ours, or the way in does not tell.
    """

    BOUNCES = "bounces"
    REPLY = "reply"
    CONFIRM = "confirm"
    UNSUBSCRIBE = "unsubscribe"
    PLAIN = "plain"
    UNKNOWN = "unknown"


class InboundState(StrEnum):
    """Where a kept mail stands. ``FAILED``: handling it was tried often enough; it waits for the operator."""

    WAITING = "waiting"
    AT_WORK = "at-work"
    HANDLED = "handled"
    FAILED = "failed"


class BounceReason(StrEnum):
    """Why a message was not delivered, in the names that bounce parsers share.

    ``FEEDBACK`` is that of a complaint, ``VACATION`` that of an auto-reply.
    """

    AUTH_FAILURE = "authfailure"
    BAD_REPUTATION = "badreputation"
    BLOCKED = "blocked"
    CONTENT_ERROR = "contenterror"
    DELIVERED = "delivered"
    EXCEED_LIMIT = "exceedlimit"
    EXPIRED = "expired"
    FAILED_STARTTLS = "failedstarttls"
    FEEDBACK = "feedback"
    FILTERED = "filtered"
    HAS_MOVED = "hasmoved"
    HOST_UNKNOWN = "hostunknown"
    MAILBOX_FULL = "mailboxfull"
    MAILER_ERROR = "mailererror"
    MESG_TOO_BIG = "mesgtoobig"
    NETWORK_ERROR = "networkerror"
    NO_RELAYING = "norelaying"
    NOT_ACCEPT = "notaccept"
    NOT_COMPLIANT_RFC = "notcompliantrfc"
    ON_HOLD = "onhold"
    POLICY_VIOLATION = "policyviolation"
    REJECTED = "rejected"
    REQUIRE_PTR = "requireptr"
    SECURITY_ERROR = "securityerror"
    SPAM_DETECTED = "spamdetected"
    SPEEDING = "speeding"
    SUPPRESSED = "suppressed"
    SUSPEND = "suspend"
    SYNTAX_ERROR = "syntaxerror"
    SYSTEM_ERROR = "systemerror"
    SYSTEM_FULL = "systemfull"
    TOO_MANY_CONN = "toomanyconn"
    UNDEFINED = "undefined"
    USER_UNKNOWN = "userunknown"
    VACATION = "vacation"
    VIRUS_DETECTED = "virusdetected"


@dataclass(frozen=True, slots=True)
class Report:
    """What a bounce says of one recipient. Absent text is ``""``.

    Attributes:
        recipient: the address that failed, as reported; ``""`` if the message names none.
        action: ``failed``, ``delayed``, ``delivered``, ``relayed`` or ``expanded`` (RFC 3464 section 2.3.3), lower case.
        status: enhanced status code (RFC 3463), like ``5.1.1``.
        reply_code: of the SMTP reply, like ``550``.
        diagnostic: what the refusing server, or the bouncing one, said; one line.
        remote: name of the server that refused, lower case.
    """

    recipient: str
    action: str = ""
    status: str = ""
    reply_code: str = ""
    diagnostic: str = ""
    remote: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A report, weighed.

    Attributes:
        report: what was said.
        reason: why it was not delivered.
        hard: whether the mailbox is gone for good, so that no later mail can arrive.
    """

    report: Report
    reason: BounceReason
    hard: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a mail is.

    Attributes:
        kind: how it is dealt with.
        detail: finer than the kind, for people: ``challenge``, ``list``, ``spam``, ``unreadable``, the type of a complaint
            (RFC 5965 section 3.1: ``abuse``); ``""`` if there is no more to say.
        failures: of a bounce, a delayed notice or a complaint: what is said of each recipient, in the order of the message.
    """

    kind: MailKind
    detail: str = ""
    failures: tuple[Failure, ...] = ()

    @property
    def worst(self) -> Failure | None:
        """The first hard failure, else the first; None if there is none."""
        return next((failure for failure in self.failures if failure.hard), self.failures[0] if self.failures else None)

    def as_json(self) -> dict[str, object]:
        """Return what ``inbound classify --json`` prints: ``kind``, ``hard``, ``reason``, ``status``, ``recipients``."""
        worst = self.worst
        return {
            "kind": self.kind.value,
            "hard": None if worst is None else worst.hard,
            "reason": None if worst is None else worst.reason.value,
            "status": (worst.report.status or None) if worst is not None else None,
            "recipients": [failure.report.recipient for failure in self.failures if failure.report.recipient],
        }


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail as it reached us, before anybody looked into it.

    Attributes:
        raw: its very bytes; of a webhook, the body of the request.
        via: the way it came.
        envelope_from: of the SMTP transaction, ``""`` for the null sender; None if the way in does not tell.
        recipients: of the SMTP transaction; empty if the way in does not tell.
        named: what the sender proved to be the name of this one alone, so that another under it is the same, whatever it
            says; ``""``: it is the same if bytes and recipients are.
    """

    raw: bytes
    via: Via
    envelope_from: str | None = None
    recipients: tuple[str, ...] = ()
    named: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """The number a mail is kept under, and whether this call stored it: False if the very same mail had come before."""

    id: InboundId
    is_new: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A kept mail with what is known of it.

    Attributes:
        arrival: as it came.
        received_at: when, aware UTC.
    """

    id: InboundId
    arrival: Arrival
    received_at: datetime
