"""By what signs a mail is known to be from a mail system that tells of a message of ours.

No single sign is enough, as null senders answer from holidays too, postmasters write letters, and people quote bounces. A mail
comes from a machine, and it tells of a failure; how sure either is adds up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from newsletter.inbound.bounces.account import Account, fold
from newsletter.inbound.bounces.addresses import first_address, is_daemon
from newsletter.inbound.bounces.sentences import telling
from newsletter.inbound.reading.mail import Mail, Part

_MAX_SUBJECT = 500
#: Words of an account that are searched for sentences.
_MAX_WORDS = 16 * 1024
_MAIL_SYSTEM = re.compile(
    r"mailer.?daemon|post.?master|delivery (?:sub)?system|system (?:administrator|attendant)|bounce (?:handler|notif)"
    r"|microsoftexchange"
    r"|mail (?:deliver|transfer|admin|system|server|router|gateway)|delivery (?:service|agent|notification|status|failure)"
)
_ROLE = re.compile(
    r"(?:.*[-._+])?(?:admin|administrator|owner|bounces?|no-?reply|do-?not-?reply|system|root|smtp|mailer|mail|daemon)$"
)
_REFUSAL = re.compile(r"(?<![\d.])5\d\d[ \-][#(<]?5\.\d\.\d{1,3}|[<>]{3} ?5\d\d[ -]|\b55[0-4] [a-z<5#]|#5\.\d\.\d")
_OTHER_REPORTS = ("feedback-report", "disposition-notification")


class Writer(IntEnum):
    """Who wrote a mail, by its header."""

    UNKNOWN = 0
    #: An address that is not a person's, such as ``noreply@``.
    ROLE = 1
    #: A machine: the null sender, a name like that of a mail system, or it says so itself (RFC 3834 section 5).
    MACHINE = 2
    MAIL_SYSTEM = 3


class Tells(IntEnum):
    """How clearly a mail tells of a failure."""

    NOTHING = 0
    #: Words that are near failures and elsewhere.
    PERHAPS = 1
    IN_ITS_WORDS = 2
    #: In its subject too.
    CLEARLY = 3


@dataclass(frozen=True, slots=True)
class Signs:
    """What was found.

    Attributes:
        writer: who wrote it.
        tells: how clearly it tells of a failure or a delay.
        is_late: it tells of a message that is still under way.
        is_other: a machine's mail of another kind: away, a challenge.
        is_answer: a person's answer or forwarding.
    """

    writer: Writer
    tells: Tells
    is_late: bool
    is_other: bool
    is_answer: bool

    @property
    def is_from_a_person(self) -> bool:
        """Whether it looks like the answer of a person, which may quote anything."""
        return self.is_answer and self.writer < Writer.MAIL_SYSTEM

    @property
    def may_be_bounce(self) -> bool:
        """Whether this may be a bounce or a notice of delay, by its words alone."""
        if self.is_other or self.is_from_a_person:
            return False
        needed = {Writer.MAIL_SYSTEM: Tells.PERHAPS, Writer.MACHINE: Tells.IN_ITS_WORDS}.get(self.writer, Tells.CLEARLY)
        return self.tells >= needed


def status_parts(mail: Mail, signs: Signs) -> tuple[Part, ...]:
    """Return the delivery-status parts of a mail itself, or those of the message that it only wraps.

    What a person sends on is not looked into.
    """
    parts = [part for part in mail.parts if part.content_type.endswith("delivery-status")]
    depth = min((part.depth for part in parts), default=0)
    if signs.is_from_a_person or (depth > 0 and signs.writer is Writer.UNKNOWN and not _is_report(mail)):
        return ()
    return tuple(part for part in parts if part.depth == depth)


def _is_report(mail: Mail) -> bool:
    return mail.content_type == "multipart/report" or mail.parameters.get("report-type", "").lower() == "delivery-status"


def is_other_report(mail: Mail) -> bool:
    """Whether this is a report of another kind: a complaint (RFC 5965), a confirmation of reading (RFC 8098)."""
    if mail.parameters.get("report-type", "").lower() in _OTHER_REPORTS:
        return True
    return any(part.depth == 0 and part.content_type.endswith(_OTHER_REPORTS) for part in mail.parts)


def signs_of(mail: Mail, account: Account, *, envelope_from: str | None) -> Signs:
    """Look for the signs."""
    known = telling()
    subject = fold(mail.header.get("subject")[:_MAX_SUBJECT])
    words = account.folded[:_MAX_WORDS]
    writer = _writer(mail, envelope_from)
    # No person's program makes a multipart/report; what one forwards stands within another kind of mail.
    is_answer = not _is_report(mail) and (
        subject.startswith(known.answer_subjects) or (writer < Writer.MAIL_SYSTEM and bool(mail.header.get("in-reply-to")))
    )
    has_failure_subject = not is_answer and _has(subject, known.failure_subjects)
    is_late = _has(subject, known.delay_subjects) or _has(words, known.delay_sentences)
    if is_late or mail.header.get("x-failed-recipients") or _has(words, known.failure_sentences):
        tells = Tells.CLEARLY if has_failure_subject else Tells.IN_ITS_WORDS
    elif has_failure_subject and _REFUSAL.search(words):
        tells = Tells.IN_ITS_WORDS
    else:
        is_near = has_failure_subject or _REFUSAL.search(words) or _has(words, known.failure_stems)
        tells = Tells.PERHAPS if is_near else Tells.NOTHING
    return Signs(
        writer=writer,
        tells=tells,
        is_late=is_late and not _has(words, known.final_sentences),
        is_other=not has_failure_subject and (_has(subject, known.other_subjects) or _has(words, known.other_sentences)),
        is_answer=is_answer,
    )


def _has(text: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in text for phrase in phrases)


def _writer(mail: Mail, envelope_from: str | None) -> Writer:
    header = mail.header
    sender = header.get("from")[:_MAX_SUBJECT]
    address = first_address(sender)
    if not sender.strip() or is_daemon(address or sender) or _MAIL_SYSTEM.search((address or sender).lower()):
        return Writer.MAIL_SYSTEM
    return_path = header.get("return-path")[:_MAX_SUBJECT]
    is_null = envelope_from == "" or return_path.strip() == "<>" or is_daemon(first_address(return_path))
    says_so = header.get("auto-submitted").strip().lower() not in ("", "no")
    if is_null or says_so or header.get("x-failed-recipients") or _MAIL_SYSTEM.search(sender.lower()):
        return Writer.MACHINE
    return Writer.ROLE if _ROLE.match(address.partition("@")[0].lower()) else Writer.UNKNOWN
