"""Which kind of mail it is. What is told by form goes before what is told by words, and machines before people."""

from __future__ import annotations

from collections.abc import Callable

from newsletter.inbound.bounces.addresses import first_address
from newsletter.inbound.bounces.failures import read_bounce
from newsletter.inbound.model import BounceReason, Door, Failure, MailKind, Report, Verdict
from newsletter.inbound.reading.header import Header
from newsletter.inbound.reading.mail import Mail
from newsletter.inbound.reading.quoting import own_words
from newsletter.inbound.sorting.absences import answers_by_itself, is_absence, wants_no_machine
from newsletter.inbound.sorting.automatic import is_automatic, is_from_list, is_null_sender
from newsletter.inbound.sorting.challenges import is_challenge
from newsletter.inbound.sorting.complaints import complaint_of
from newsletter.inbound.sorting.filtered import is_spam
from newsletter.inbound.sorting.intent import asks_to_leave, confirms, is_answer, looks_like_command

#: Fields of which every mail has one.
_ESSENTIAL = ("from", "to", "subject", "date", "message-id", "received", "return-path", "sender", "delivered-to")
#: Doors that nobody finds but him whom we wrote to: what a filter says of his answer does not count.
_SIGNED = (Door.REPLY, Door.CONFIRM)


def sort(
    mail: Mail,
    *,
    envelope_from: str | None = None,
    door: Door = Door.UNKNOWN,
    looks_like_command: Callable[[str], bool] = looks_like_command,
) -> Verdict:
    """Decide what a mail is. Never raises.

    In this order: complaint, bounce or notice of delay, other reports, challenge, a program that unsubscribes its user, an
    answering machine, mail of lists, spam, other machines, and then what a person wants: to confirm, a command, an answer.

    Args:
        mail: as it was read.
        envelope_from: of the SMTP transaction, ``""`` for the null sender; None if it is not known.
        door: which of our addresses it came to. What comes to an address for bounces is never taken for a command.
        looks_like_command: whether a text (what the writer wrote himself, or a subject) begins with a command.
    """
    complaint = complaint_of(mail)
    if complaint is not None:
        return complaint
    bounce = read_bounce(mail, envelope_from=envelope_from)
    if bounce is not None:
        return Verdict(MailKind.DELAYED if bounce.is_delayed else MailKind.BOUNCE, failures=bounce.failures)
    if not any(mail.header.get(name) for name in _ESSENTIAL):
        return Verdict(MailKind.OTHER, "unreadable")
    words = own_words(mail)
    # Who answers with nothing at all to what was said to them says yes to what it asked.
    is_empty_answer = door is Door.REPLY and not words.strip()
    is_command = door is not Door.CONFIRM and (looks_like_command(words) or is_empty_answer)
    # Who begins with a command is a person, also where he goes on to say that he will be away.
    verdict = _machine(mail, "" if is_command else words, envelope_from, door)
    if verdict is not None:
        return verdict
    if not first_address(mail.header.get("from")):
        # Nobody who could be answered.
        return Verdict(MailKind.OTHER, "unreadable")
    if door is Door.BOUNCES:
        return Verdict(MailKind.HUMAN)
    if door is Door.CONFIRM or (door is Door.UNKNOWN and confirms(mail.header, words)):
        return Verdict(MailKind.CONFIRM)
    is_command = is_command or (not is_answer(mail.header) and looks_like_command(mail.header.get("subject")))
    return Verdict(MailKind.COMMAND if is_command else MailKind.HUMAN)


def _machine(mail: Mail, words: str, envelope_from: str | None, door: Door) -> Verdict | None:
    """Return the verdict on what no person wrote; None if one did."""
    header = mail.header
    report = _report(mail)
    if report:
        return Verdict(MailKind.OTHER, report)
    if is_challenge(mail, words):
        return Verdict(MailKind.OTHER, "challenge")
    if _leaves(header, envelope_from, door):
        return Verdict(MailKind.UNSUBSCRIBE)
    # Consent must be a person's.
    is_doubtful = door is Door.CONFIRM and wants_no_machine(header)
    if is_absence(mail, words) or is_doubtful or (is_null_sender(header, envelope_from) and is_answer(header)):
        return Verdict(MailKind.AUTO_REPLY, failures=(_vacation(header),))
    if is_from_list(header):
        return Verdict(MailKind.OTHER, "list")
    if door not in _SIGNED and is_spam(header):
        return Verdict(MailKind.OTHER, "spam")
    if is_automatic(mail, envelope_from):
        return Verdict(MailKind.OTHER, "automatic")
    return None


def _report(mail: Mail) -> str:
    """Return which report about mail it is that tells of no failure; ``""`` if it is none."""
    kind = mail.parameters.get("report-type", "").strip().lower()
    if kind == "disposition-notification" or any(
        part.depth == 0 and part.content_type.endswith("disposition-notification") for part in mail.parts
    ):
        return "receipt"
    subject = mail.header.get("subject")[:200].strip().lower()
    is_about_domain = (
        subject.startswith(("report domain:", "[preview] report domain:", "report domain ")) and "submitter" in subject
    )
    return "report" if mail.content_type == "multipart/report" or is_about_domain else ""


def _leaves(header: Header, envelope_from: str | None, door: Door) -> bool:
    """Say whether a program unsubscribes its user. It may call itself an automatic answer, and be called spam: it is heeded."""
    if door is Door.BOUNCES or is_null_sender(header, envelope_from):
        return False
    if not is_answer(header) and asks_to_leave(header):
        return True
    return door is Door.UNSUBSCRIBE and not answers_by_itself(header)


def _vacation(header: Header) -> Failure:
    """Return who is away."""
    address = next(filter(None, (first_address(header.get(name)) for name in ("from", "reply-to", "return-path"))), "")
    return Failure(Report(address), BounceReason.VACATION, hard=False)
