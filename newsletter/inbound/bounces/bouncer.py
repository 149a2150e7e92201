"""What the bouncing server writes of its own, beside what the refusing one said."""

from __future__ import annotations

import re
from typing import Final

from newsletter.inbound.bounces.phrases import MAX_TEXT, Evidence, Weight
from newsletter.inbound.bounces.reasons import judge
from newsletter.inbound.bounces.reasons_phase import Phase
from newsletter.inbound.bounces.reasons_status import Codes
from newsletter.inbound.model import BounceReason
from newsletter.inbound.reading.mail import Mail

#: Characters of a mail's own text in which a refusal is looked for.
_MAX_OWN = 65_536
#: Characters of a report about one recipient.
_MAX_REPORT = 4096
#: Characters beside an address that may be about it.
_NEAR = 700
#: Lines above a recipient, and letters of one, that may be the heading of what is said of him.
_MAX_HEADINGS = 8
_MAX_HEADING = 60
_OF_MAILBOX: Final = (BounceReason.SUSPEND, BounceReason.MAILBOX_FULL)
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


class Bouncer:
    """The own words of the server that sent a bounce.

    Attributes:
        text: of the mail, as far as it is looked at; without case.
        is_exim: whether it names in the header who failed, as Exim does.
        filed_by_ses: what Amazon's SES files the bounce under in a notice of its own; None if this is none.
    """

    def __init__(self, mail: Mail) -> None:
        self.text = mail.text[:_MAX_OWN].casefold()
        self.is_exim = bool(mail.header.get("x-failed-recipients"))
        self.filed_by_ses = _subtype_of_ses(self.text)
        returned = _RETURNED.search(self.text)
        self._head = self.text[: returned.start()] if returned else self.text
        self._subject = mail.header.get("subject").casefold()
        self._filed = _filed(mail)

    def told_of(self, recipient: str, codes: Codes, phase: Phase) -> Evidence:
        """Judge what it wrote about a recipient, else at all, else as subject."""
        if self._filed:
            return Evidence(self._filed, Weight.LIKELY)
        place = self._head.find(recipient) if recipient else -1
        near = self._head[place + len(recipient) : place + _NEAR] if place >= 0 else ""
        for words in (near, self._head[:MAX_TEXT], self._subject):
            found = judge(codes, words, phase)
            if found.weight >= Weight.CLEAR or found.extent >= _SENTENCE:
                return found
        return judge(codes, near[:1], phase)

    def heading_of(self, recipient: str) -> Evidence | None:
        """Return what a line of its own above a recipient says of the mailbox, like "The user(s) account is disabled".

        A server that knows that there is a mailbox knows more than one that calls its user unknown. None if there is none.
        """
        place = self.text.find(recipient) if recipient else -1
        above = self.text[max(place - _NEAR, 0) : max(place, 0)]
        for line in above.split("\n")[-_MAX_HEADINGS:]:
            words = line.strip()
            if 0 < len(words) <= _MAX_HEADING:
                found = judge(Codes(), words, Phase.UNKNOWN)
                if found.reason in _OF_MAILBOX and found.weight >= Weight.CLEAR and 2 * found.extent >= len(words):
                    return found
        return None


def _filed(mail: Mail) -> BounceReason | None:
    """Return what PowerMTA files a bounce under, if it is one thing for all recipients."""
    report = next((part.text[:_MAX_REPORT] for part in mail.parts if part.content_type == "message/delivery-status"), "")
    filed = set(_POWERMTA.findall(report.casefold()))
    return _CATEGORIES.get(filed.pop()) if len(filed) == 1 else None


def _subtype_of_ses(text: str) -> BounceReason | None:
    """Return what SES's own notice says beside what the server said."""
    if "notificationtype" not in text and "eventtype" not in text:
        return None
    # Lines of JSON are so long that servers break them, anywhere.
    found = set(_SES.findall("".join(text.replace("!\n ", "").split())))
    return _SUBTYPES.get(found.pop()) if len(found) == 1 else None
