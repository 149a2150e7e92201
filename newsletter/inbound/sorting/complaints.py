"""Complaints: reports of feedback (RFC 5965), and what providers send that do not keep to it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from newsletter.inbound.bounces.addresses import first_address
from newsletter.inbound.model import BounceReason, Failure, MailKind, Report, Verdict
from newsletter.inbound.reading.header import Header, read_fields
from newsletter.inbound.reading.mail import Mail
from newsletter.inbound.reading.phrases import phrases
from newsletter.inbound.sorting.automatic import is_automatic

#: Types, as they stand in the detail of a verdict, that say nothing of what a reader wants: that a signature failed, that a
#: message is no spam, that it had a virus. All others, unknown ones too, mean that he wants no more mail.
HARMLESS = frozenset({"auth-failure", "dmarc", "not-spam", "virus"})
#: A report is read for so many recipients; a message to more was none of ours.
MAX_RECIPIENTS = 50
_MAX_SENT_TO = 5
_LOOKED_AT = 64 * 1024
_TYPE = re.compile(r"[a-z][a-z-]{0,30}")
_PASTED = re.compile(r"^Feedback-Type[ \t]{0,9}:[ \t]{0,9}[A-Za-z-]{3,30}[ \t]{0,9}$", re.MULTILINE | re.IGNORECASE)
_PASTED_TOO = re.compile(r"^(?:User-Agent|Version|Original-Mail-From|Source-IP)[ \t]{0,9}:", re.MULTILINE | re.IGNORECASE)
_SPAMCOP = re.compile(r"\[spamcop [^\]\n]{0,200}id:\d+\]", re.IGNORECASE)
_SES_COMPLAINT = re.compile(r'"(?:notificationType|eventType)"\s{0,9}:\s{0,9}"Complaint"')
_SES_RECIPIENTS = re.compile(r'"complainedRecipients"\s{0,9}:\s{0,9}\[([^\]]{0,9999})')
_SES_ADDRESS = re.compile(r'"emailAddress"\s{0,9}:\s{0,9}"([^"\s]{3,320})"')
_SES_TYPE = re.compile(r'"complaintFeedbackType"\s{0,9}:\s{0,9}"([a-z-]{3,30})"')
_SUBJECTS = (
    *("abuse report", "spam report", "spam complaint", "feedback report", "feedback loop", "complaint about", "complaint from"),
    *("complaint report", "abuse complaint", "fbl report", "email complaint", "tos notification"),
)
#: Whose reports come from; the part before the @.
_REPORTERS = frozenset(
    phrases("""
    fbl | feedback | feedbackloop | feedback-loop | complaint | complaints | abuse | abuse-report | arf | scomp | spam | report
    | reports | jmrp | staff | fbl-no-reply | fblnoreply | postmaster
    """)
)
#: Who complained, as Hotmail and Outlook.com say in the header of the message that they send back.
_HOTMAIL = "x-hmxmroriginalrecipient"
#: Where a message says whom it was sent to, the surest first.
_SENT_TO = (_HOTMAIL, "x-original-to", "delivered-to", "x-apparently-to", "x-rcpt-to", "envelope-to", "to")


def complaint_of(mail: Mail) -> Verdict | None:
    """Return the verdict on a complaint: of each recipient it names, and its type as the detail; None if it is none."""
    fields = _report(mail)
    if fields is not None:
        return _verdict(fields.get("feedback-type"), _reported(fields) or _sent_to(mail))
    if _is_dialect(mail):
        return _verdict("", _sent_to(mail))
    return _notice(mail)


def _verdict(kind: str, recipients: Iterable[str]) -> Verdict:
    addresses = list(dict.fromkeys(recipients))[:MAX_RECIPIENTS] or [""]
    failures = tuple(Failure(Report(address), BounceReason.FEEDBACK, hard=False) for address in addresses)
    named = _TYPE.match(kind.strip().lower())
    return Verdict(MailKind.COMPLAINT, named[0] if named else "abuse", failures)


def _report(mail: Mail) -> Header | None:
    """Return the fields of the report; None if there is none."""
    reports = [part for part in mail.parts if part.content_type.endswith("/feedback-report")]
    # In a message that somebody passed on without a word it is still the report; with words it is theirs that count.
    if reports and (reports[0].depth == 0 or not mail.text.strip()):
        return read_fields(reports[0].body)
    if mail.parameters.get("report-type", "").strip().lower() == "feedback-report":
        return Header(())
    text = mail.text[:_LOOKED_AT]
    pasted = _PASTED.search(text) if "eedback-" in text else None
    if pasted and _PASTED_TOO.search(text) and not mail.header.get("in-reply-to"):
        return read_fields(text[pasted.start() :].encode("utf-8", "replace"))
    return None


def _is_dialect(mail: Mail) -> bool:
    """Say whether it is a complaint in a provider's own form: the message complained of, under words that say so."""
    header = mail.header
    if header.get("x-xarf") or header.get("x-arf") or header.get(_HOTMAIL):
        return True
    subject = header.get("subject")[:500].strip().lower()
    if _SPAMCOP.match(subject):
        return True
    if not mail.enclosed or subject.startswith("re:"):
        return False
    if any(enclosed.get(_HOTMAIL) for enclosed in mail.enclosed):
        return True
    if subject.startswith("complaint about message from"):
        return True
    reporter = first_address(header.get("from")).partition("@")[0].lower()
    return any(phrase in subject for phrase in _SUBJECTS) and (reporter in _REPORTERS or is_automatic(mail))


def _notice(mail: Mail) -> Verdict | None:
    """Return what a notice of Amazon SES says: JSON, which a topic of SNS sends as mail, in a string of JSON or not."""
    text = mail.text[:_LOOKED_AT]
    if "{" not in text or not (text.lstrip().startswith("{") or is_automatic(mail)):
        return None
    # Long lines may have been broken by a server on the way.
    text = text.replace("!\n ", "").replace("\n", "").replace('\\"', '"')
    if not _SES_COMPLAINT.search(text):
        return None
    recipients = _SES_RECIPIENTS.search(text)
    kind = _SES_TYPE.search(text)
    return _verdict(kind[1] if kind else "", _SES_ADDRESS.findall(recipients[1]) if recipients else ())


def _reported(fields: Header) -> list[str]:
    named = (first_address(value) for name in ("original-rcpt-to", "removal-recipient") for value in fields.all(name))
    return list(filter(None, named))


def _sent_to(mail: Mail) -> list[str]:
    """Return whom the message was sent to: the enclosed one, or the one that was sent back as it is."""
    header = mail.enclosed[0] if mail.enclosed else mail.header
    for name in _SENT_TO:
        found = [first_address(each) for each in header.get(name).split(",")[:_MAX_SENT_TO]]
        if any(found):
            return list(filter(None, found))
    return []
