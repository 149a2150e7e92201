"""Weighing what a bounce says of one recipient."""

from __future__ import annotations

import re
from typing import Final

from newsletter.inbound.bounces.phrases import MAX_TEXT, Evidence, Weight
from newsletter.inbound.bounces.reasons import is_hard, judge
from newsletter.inbound.bounces.reasons_phase import Phase, phase_of
from newsletter.inbound.bounces.reasons_status import Codes, codes_of
from newsletter.inbound.model import BounceReason, Failure, Report
from newsletter.inbound.reading.mail import Mail

#: Characters of a mail's own text in which a refusal is looked for.
_MAX_OWN = 65_536
#: Characters of a report about one recipient.
_MAX_REPORT = 4096
#: Characters behind an address that may be about it.
_NEAR = 700
#: Letters of a phrase that is no chance find among the many words of a letter.
_SENTENCE = 14
#: Where a text goes over into the message that is returned.
_RETURNED = re.compile(
    r"\n[ \t>]*(?:received|return-path|message-id|delivered-to|mime-version): ?|"
    r"\n[ \t>-]*(?:original (?:mail|message)(?! was)|unsent message|message headers|(?:the )?headers? of the (?:original|mail)"
    r"|(?:this is a |below this line is a )?copy of |forwarded message|returned (?:mail|message) )"
)

#: What sending services file a bounce under: PowerMTA in a field of its report, Amazon's SES in its notice.
_POWERMTA = re.compile(r"^x-powermta-bouncecategory:[ \t]*([a-z-]+)", re.MULTILINE)
_SES = re.compile(r'bouncesubtype\\*":\\*"([a-z]+)')
_CATEGORIES: Final = {
    "bad-mailbox": BounceReason.USER_UNKNOWN,
    "bad-domain": BounceReason.HOST_UNKNOWN,
    "bad-connection": BounceReason.NETWORK_ERROR,
    "bad-configuration": BounceReason.SYSTEM_ERROR,
    "content-related": BounceReason.CONTENT_ERROR,
    "inactive-mailbox": BounceReason.SUSPEND,
    "invalid-sender": BounceReason.REJECTED,
    "message-expired": BounceReason.EXPIRED,
    "no-answer-from-host": BounceReason.EXPIRED,
    "policy-related": BounceReason.POLICY_VIOLATION,
    "protocol-errors": BounceReason.SYNTAX_ERROR,
    "quota-issues": BounceReason.MAILBOX_FULL,
    "relaying-issues": BounceReason.NO_RELAYING,
    "routing-errors": BounceReason.HOST_UNKNOWN,
    "spam-block": BounceReason.BLOCKED,
    "spam-related": BounceReason.SPAM_DETECTED,
    "virus-related": BounceReason.VIRUS_DETECTED,
}
_SUBTYPES: Final = {
    "attachmentrejected": BounceReason.SECURITY_ERROR,
    "contentrejected": BounceReason.CONTENT_ERROR,
    "mailboxfull": BounceReason.MAILBOX_FULL,
    "messagetoolarge": BounceReason.MESG_TOO_BIG,
    "noemail": BounceReason.USER_UNKNOWN,
    "onaccountsuppressionlist": BounceReason.SUPPRESSED,
    "suppressed": BounceReason.SUPPRESSED,
}


def weigh(report: Report, mail: Mail) -> Failure:
    """Say why a message did not reach one recipient, and whether that is for good.

    What the refusing server said counts; where it said nothing of use, what the bouncing one writes about the recipient.

    Args:
        report: what was found of the recipient.
        mail: the bounce it was found in.
    """
    diagnostic = report.diagnostic[:MAX_TEXT].casefold()
    text = mail.text[:_MAX_OWN].casefold()
    recipient = report.recipient.casefold()
    codes = codes_of(report.reply_code, report.status, diagnostic)
    phase = phase_of(diagnostic, recipient, text)
    best = judge(codes, diagnostic, phase)
    subtype = _subtype_of_ses(text)
    if subtype:
        best = Evidence(subtype, Weight.CERTAIN)
    elif best.weight < Weight.LIKELY:
        best = max(best, _told_by_bouncer(recipient, text, mail, codes, phase), key=lambda evidence: evidence.weight)
    if report.action == "delayed":
        return Failure(report, best.reason if best.weight >= Weight.LIKELY else BounceReason.EXPIRED, hard=False)
    return Failure(report, best.reason, hard=is_hard(best.reason, codes))


def _told_by_bouncer(recipient: str, text: str, mail: Mail, codes: Codes, phase: Phase) -> Evidence:
    """Judge what the bouncing server wrote of its own: about the recipient, else at all, else as subject."""
    report = next((part.text[:_MAX_REPORT] for part in mail.parts if part.content_type == "message/delivery-status"), "")
    filed = set(_POWERMTA.findall(report.casefold()))
    if len(filed) == 1 and (reason := _CATEGORIES.get(filed.pop())):
        return Evidence(reason, Weight.LIKELY)
    returned = _RETURNED.search(text)
    head = text[: returned.start()] if returned else text
    place = head.find(recipient) if recipient else -1
    near = head[place + len(recipient) : place + _NEAR] if place >= 0 else ""
    for words in (near, head[:MAX_TEXT], mail.header.get("subject").casefold()):
        found = judge(codes, words, phase)
        if found.weight >= Weight.CLEAR or found.extent >= _SENTENCE:
            return found
    return judge(codes, near[:1], phase)


def _subtype_of_ses(text: str) -> BounceReason | None:
    """Return what SES's own notice says beside what the server said."""
    if "notificationtype" not in text and "eventtype" not in text:
        return None
    # Lines of JSON are so long that servers break them, anywhere.
    found = set(_SES.findall("".join(text.replace("!\n ", "").split())))
    return _SUBTYPES.get(found.pop()) if len(found) == 1 else None
