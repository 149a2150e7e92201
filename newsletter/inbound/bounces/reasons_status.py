"""What codes say: enhanced status codes (RFC 3463, its registry at IANA, and providers' own), replies, exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from newsletter.inbound.bounces.phrases import Evidence, Weight
from newsletter.inbound.model import BounceReason

#: A status whose meaning is settled: less than a plain sentence, more than any other.
SETTLED: Final = 3.5
#: A status that says in which direction to think: more than a vague sentence.
TELLING: Final = 1.2
#: A status that servers give for many things.
LOOSE: Final = 0.5
#: A status of a single provider, which says just one thing.
OWN: Final = float(Weight.CERTAIN)

_STATUS = re.compile(r"(?<![\w.])([245])\.(\d{1,3})\.(\d{1,3})(?!\w|\.\d)")
#: A reply stands at the start, or behind what a bouncing server writes before it.
_REPLY = re.compile(r"(?:^|smtp;|said:|<<<|reason:|error:|response:|\(|\[|<)[ :#]*([245][0-5]\d)(?=[- #:]|$)")
_EXIT = re.compile(r"x-unix; ?(\d{1,3})\b")
_FRENCH_NUMBER = re.compile(r"\b(?:ofr|lpn|ouk)\d{0,3}_(\d{3})\b")
_MAX_CODES = 4

#: Subject and detail -> reason (RFC 3463 section 3 and the registry "SMTP Enhanced Status Codes").
_SETTLED: Final = {
    "1.1": BounceReason.USER_UNKNOWN,
    "1.2": BounceReason.HOST_UNKNOWN,
    "1.3": BounceReason.USER_UNKNOWN,
    "1.6": BounceReason.HAS_MOVED,
    "1.7": BounceReason.REJECTED,
    "1.8": BounceReason.REJECTED,
    "1.10": BounceReason.NOT_ACCEPT,
    "2.2": BounceReason.MAILBOX_FULL,
    "2.3": BounceReason.EXCEED_LIMIT,
    "3.1": BounceReason.SYSTEM_FULL,
    "3.2": BounceReason.NOT_ACCEPT,
    "3.4": BounceReason.MESG_TOO_BIG,
    "4.3": BounceReason.SYSTEM_ERROR,
    "4.4": BounceReason.HOST_UNKNOWN,
    "4.5": BounceReason.SYSTEM_FULL,
    "4.6": BounceReason.NETWORK_ERROR,
    "4.7": BounceReason.EXPIRED,
    "5.3": BounceReason.SPEEDING,
    "6.0": BounceReason.CONTENT_ERROR,
    "6.1": BounceReason.CONTENT_ERROR,
    "6.2": BounceReason.CONTENT_ERROR,
    "6.3": BounceReason.CONTENT_ERROR,
    "6.4": BounceReason.CONTENT_ERROR,
    "6.5": BounceReason.CONTENT_ERROR,
    "6.6": BounceReason.CONTENT_ERROR,
    "6.7": BounceReason.CONTENT_ERROR,
    "6.8": BounceReason.CONTENT_ERROR,
    "6.9": BounceReason.CONTENT_ERROR,
    "6.10": BounceReason.CONTENT_ERROR,
    "7.8": BounceReason.SECURITY_ERROR,
    "7.10": BounceReason.SECURITY_ERROR,
    "7.13": BounceReason.SUSPEND,
    "7.17": BounceReason.HAS_MOVED,
    "7.18": BounceReason.HAS_MOVED,
    "7.20": BounceReason.AUTH_FAILURE,
    "7.21": BounceReason.AUTH_FAILURE,
    "7.22": BounceReason.AUTH_FAILURE,
    "7.23": BounceReason.AUTH_FAILURE,
    "7.24": BounceReason.AUTH_FAILURE,
    "7.25": BounceReason.REQUIRE_PTR,
    "7.26": BounceReason.AUTH_FAILURE,
    "7.27": BounceReason.REJECTED,
    "7.28": BounceReason.SPEEDING,
    "7.29": BounceReason.AUTH_FAILURE,
    "7.30": BounceReason.SECURITY_ERROR,
}

#: What tells the field, not the fault.
_TELLING: Final = {
    "1.4": BounceReason.FILTERED,
    "2.1": BounceReason.FILTERED,
    "2.4": BounceReason.FILTERED,
    "7.0": BounceReason.SECURITY_ERROR,
    "7.1": BounceReason.SECURITY_ERROR,
    "7.2": BounceReason.REJECTED,
    "7.3": BounceReason.SECURITY_ERROR,
    "7.4": BounceReason.SECURITY_ERROR,
    "7.5": BounceReason.SECURITY_ERROR,
    "7.6": BounceReason.SECURITY_ERROR,
    "7.7": BounceReason.SECURITY_ERROR,
    "7.9": BounceReason.SECURITY_ERROR,
    "7.11": BounceReason.SECURITY_ERROR,
    "7.12": BounceReason.SECURITY_ERROR,
    "7.14": BounceReason.SECURITY_ERROR,
}

#: What servers say when they mean nothing of the kind.
_LOOSE: Final = {
    "1.0": BounceReason.USER_UNKNOWN,
    "1.5": BounceReason.SYSTEM_ERROR,
    "1.9": BounceReason.SYSTEM_ERROR,
    "2.0": BounceReason.FILTERED,
    "3.0": BounceReason.SYSTEM_ERROR,
    "3.3": BounceReason.SYSTEM_ERROR,
    "3.5": BounceReason.SYSTEM_ERROR,
    "4.0": BounceReason.NETWORK_ERROR,
    "4.1": BounceReason.EXPIRED,
    "4.2": BounceReason.EXPIRED,
    "5.1": BounceReason.SYNTAX_ERROR,
    "5.2": BounceReason.SYNTAX_ERROR,
    "5.4": BounceReason.SYNTAX_ERROR,
    "5.5": BounceReason.SYSTEM_ERROR,
    "5.6": BounceReason.SYNTAX_ERROR,
}

#: Microsoft's, from "Email non-delivery reports in Exchange Online".
_MICROSOFT: Final = {
    "1.20": BounceReason.NOT_COMPLIANT_RFC,
    "1.90": BounceReason.SPEEDING,
    "2.14": BounceReason.SYSTEM_ERROR,
    "2.121": BounceReason.SPEEDING,
    "2.122": BounceReason.SPEEDING,
    "4.14": BounceReason.NETWORK_ERROR,
    "4.300": BounceReason.EXPIRED,
    "4.310": BounceReason.HOST_UNKNOWN,
    "4.312": BounceReason.NETWORK_ERROR,
    "4.316": BounceReason.EXPIRED,
    "6.11": BounceReason.NOT_COMPLIANT_RFC,
    "7.57": BounceReason.SECURITY_ERROR,
    "7.60": BounceReason.REJECTED,
    "7.64": BounceReason.NO_RELAYING,
    "7.124": BounceReason.SECURITY_ERROR,
    "7.133": BounceReason.SECURITY_ERROR,
    "7.134": BounceReason.SECURITY_ERROR,
    "7.135": BounceReason.SECURITY_ERROR,
    "7.136": BounceReason.SECURITY_ERROR,
    "7.321": BounceReason.FAILED_STARTTLS,
    "7.322": BounceReason.FAILED_STARTTLS,
    "7.323": BounceReason.FAILED_STARTTLS,
    "7.324": BounceReason.FAILED_STARTTLS,
    "7.325": BounceReason.FAILED_STARTTLS,
    "7.501": BounceReason.SPAM_DETECTED,
    "7.502": BounceReason.SPAM_DETECTED,
    "7.503": BounceReason.SPAM_DETECTED,
    "7.504": BounceReason.FILTERED,
    "7.505": BounceReason.FILTERED,
    "7.506": BounceReason.BLOCKED,
    "7.507": BounceReason.BLOCKED,
    "7.508": BounceReason.SPEEDING,
    "7.509": BounceReason.AUTH_FAILURE,
    "7.510": BounceReason.BLOCKED,
    "7.511": BounceReason.BLOCKED,
    "7.512": BounceReason.NOT_COMPLIANT_RFC,
    "7.513": BounceReason.BLOCKED,
    "7.515": BounceReason.AUTH_FAILURE,
    "7.520": BounceReason.POLICY_VIOLATION,
    "7.650": BounceReason.BAD_REPUTATION,
    "7.651": BounceReason.BAD_REPUTATION,
    "7.652": BounceReason.SPEEDING,
    "7.705": BounceReason.SPEEDING,
    "7.708": BounceReason.BAD_REPUTATION,
    "7.750": BounceReason.REJECTED,
}
#: Microsoft's numbers of banned senders' machines: 5.7.606 to 5.7.649.
_BANNED: Final = range(606, 650)

#: What some of them mean if it is only for now.
_FOR_NOW: Final = {"2.1": BounceReason.SUSPEND, "7.1": BounceReason.BLOCKED, "7.2": BounceReason.BLOCKED}

_BY_WEIGHT: Final = ((OWN, _MICROSOFT), (SETTLED, _SETTLED), (TELLING, _TELLING), (LOOSE, _LOOSE))

#: ``sysexits.h``, as local mailers end and Sendmail reports ``X-Unix; 67``.
_EXITS: Final = {
    "64": BounceReason.MAILER_ERROR,
    "65": BounceReason.CONTENT_ERROR,
    "67": BounceReason.USER_UNKNOWN,
    "68": BounceReason.HOST_UNKNOWN,
    "69": BounceReason.MAILER_ERROR,
    "70": BounceReason.SYSTEM_ERROR,
    "71": BounceReason.SYSTEM_ERROR,
    "72": BounceReason.SYSTEM_ERROR,
    "73": BounceReason.SYSTEM_ERROR,
    "74": BounceReason.SYSTEM_ERROR,
    "75": BounceReason.SYSTEM_ERROR,
    "77": BounceReason.SYSTEM_ERROR,
    "78": BounceReason.SYSTEM_ERROR,
}

#: Replies that mean the same wherever they come from (RFC 5321 section 4.2.3 and what became custom).
_REPLIES: Final = {
    "422": BounceReason.MAILBOX_FULL,
    "500": BounceReason.SYNTAX_ERROR,
    "501": BounceReason.SYNTAX_ERROR,
    "502": BounceReason.SYNTAX_ERROR,
    "503": BounceReason.SYNTAX_ERROR,
    "504": BounceReason.SYNTAX_ERROR,
    "511": BounceReason.USER_UNKNOWN,
    "521": BounceReason.NOT_ACCEPT,
    "522": BounceReason.MAILBOX_FULL,
    "523": BounceReason.EXCEED_LIMIT,
    "525": BounceReason.SUSPEND,
    "530": BounceReason.SECURITY_ERROR,
    "534": BounceReason.SECURITY_ERROR,
    "535": BounceReason.SECURITY_ERROR,
    "538": BounceReason.SECURITY_ERROR,
    "542": BounceReason.USER_UNKNOWN,
    "551": BounceReason.HAS_MOVED,
    "552": BounceReason.MAILBOX_FULL,
    "556": BounceReason.NOT_ACCEPT,
}

#: The numbers of Orange, Wanadoo and La Poste, written behind letters that name the server: ``OFR_416``, ``LPN007_416``.
_FRENCH: Final = {
    "102": BounceReason.BLOCKED,
    "103": BounceReason.BLOCKED,
    "104": BounceReason.TOO_MANY_CONN,
    "105": BounceReason.SPEEDING,
    "107": BounceReason.BLOCKED,
    "109": BounceReason.REQUIRE_PTR,
    "305": BounceReason.SECURITY_ERROR,
    "402": BounceReason.SECURITY_ERROR,
    "403": BounceReason.REJECTED,
    "405": BounceReason.REJECTED,
    "415": BounceReason.REJECTED,
    "416": BounceReason.USER_UNKNOWN,
    "417": BounceReason.MAILBOX_FULL,
    "418": BounceReason.SUSPEND,
    "420": BounceReason.SUSPEND,
    "421": BounceReason.REJECTED,
    "505": BounceReason.SYSTEM_ERROR,
    "506": BounceReason.SPAM_DETECTED,
    "510": BounceReason.SPAM_DETECTED,
    "513": BounceReason.SPAM_DETECTED,
    "514": BounceReason.MESG_TOO_BIG,
    "515": BounceReason.SPAM_DETECTED,
    "518": BounceReason.POLICY_VIOLATION,
    "522": BounceReason.AUTH_FAILURE,
}


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of a refusal.

    Attributes:
        reply: of SMTP, like ``550``; ``""`` if there was none.
        statuses: enhanced, like ``5.1.1``; the first one counts most.
        exit: of a local mailer, ``""`` if there was none.
        french: number of Orange and La Poste, ``""`` if there was none.
    """

    reply: str = ""
    statuses: tuple[str, ...] = ()
    exit: str = ""
    french: str = ""

    @property
    def is_temporary(self) -> bool:
        """Whether the server asked for another try."""
        return self.reply.startswith("4") or (bool(self.statuses) and self.statuses[0].startswith("4"))

    @property
    def is_unknown(self) -> bool:
        """Whether the first status is ``x.1.1``: bad destination mailbox address."""
        return bool(self.statuses) and self.statuses[0][2:] == "1.1"

    def has_kind(self, kinds: tuple[str, ...]) -> bool:
        """Tell whether subject and detail of the first status, like ``1.1``, begin with one of ``kinds``."""
        return bool(self.statuses) and self.statuses[0][2:].startswith(kinds)


def codes_of(reply: str, status: str, text: str) -> Codes:
    """Gather codes: those in the text of the refusing server go before ``status``, which a server in between may have made up.

    Args:
        reply: known reply code, or ``""``.
        status: known enhanced status code, or ``""``.
        text: what the server said, lower case.
    """
    told = tuple(dict.fromkeys(match.group() for match in _STATUS.finditer(text)))[:_MAX_CODES]
    known = _STATUS.search(status)
    found = None if reply else _REPLY.search(text)
    exited, french = _EXIT.search(text), _FRENCH_NUMBER.search(text)
    return Codes(
        reply=reply or (found.group(1) if found else ""),
        statuses=told or ((known.group(),) if known else ()),
        exit=exited.group(1) if exited else "",
        french=french.group(1) if french else "",
    )


def evidence_of(codes: Codes) -> Iterator[Evidence]:
    """Yield what the codes say of the reason."""
    for place, status in enumerate(codes.statuses):
        kind = status[2:]
        for weight, meanings in _BY_WEIGHT:
            reason = (_FOR_NOW.get(kind) if status.startswith("4") else None) or meanings.get(kind)
            if kind in meanings and reason:
                yield Evidence(reason, weight, -place)
        if kind.startswith("7.") and int(kind[2:]) in _BANNED:
            yield Evidence(BounceReason.BLOCKED, OWN, -place)
    if codes.exit in _EXITS:
        yield Evidence(_EXITS[codes.exit], OWN, -_MAX_CODES)
    if codes.french in _FRENCH:
        yield Evidence(_FRENCH[codes.french], OWN)
    if codes.reply in _REPLIES:
        yield Evidence(_REPLIES[codes.reply], LOOSE, 1)
