"""Weighing what a bounce says of one recipient."""

from __future__ import annotations

import re
from collections.abc import Iterable

from newsletter.inbound.bounces.bouncer import Bouncer
from newsletter.inbound.bounces.phrases import MAX_TEXT, Evidence, Weight
from newsletter.inbound.bounces.reasons import is_hard, judge
from newsletter.inbound.bounces.reasons_phase import Phase, phase_of
from newsletter.inbound.bounces.reasons_status import Codes, codes_of
from newsletter.inbound.model import BounceReason, Failure, Report
from newsletter.inbound.reading.mail import Mail

#: What IronPort and Amazon's SES write around the reply they got: "5.1.0 - Unknown address error 550-'5.2.2 … full'". The words
#: before it are those of a class of replies, not of this one.
_WRAPPED = re.compile(r"[45]\.\d\.\d{1,3} - [a-z][a-z ]{4,40} ([45]\d\d)[ -]{1,2}\[?'(.*)", re.DOTALL)
#: A reply that says of a domain, and of nobody in it, that there is none.
_NO_DOMAIN = re.compile(
    r"(?:^|[\s<(])((?:[a-z0-9_-]{1,63}\.){1,8}[a-z]{2,24})[>)]? (?:does not exist|doesn't exist|is unknown|not found)"
)
#: Where a reply that is cited begins. What stands before it tells what the bouncing server did: Gmail, qmail, Exchange, Exim.
_CITING = re.compile(
    r"(?:other server returned was|response (?:from the remote server )?was|remote (?:host|server) (?:said|returned|replied))"
    r"\s?:?\s?(?=['\"(\[]?[45]\d\d)"
    r"|(?<![^\s:'\"(\[<])(?=[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}[^\d.])"
    r"|(?<=[\])>a-z]: )(?=[45][0-5]\d[ -](?!bytes|kb|mb))"
)
_REPLY_FIRST = re.compile(r"[\s'\"(\[<]{0,3}[245]\d\d\b")


def weigh(reports: Iterable[Report], mail: Mail) -> tuple[Failure, ...]:
    """Say why a message did not reach each recipient, and whether that is for good.

    What the refusing server said counts; where it said nothing of use, what the bouncing one writes about the recipient.

    Args:
        reports: what was found of each recipient.
        mail: the bounce they were found in.
    """
    bouncer = Bouncer(mail)
    return tuple(_weighed(report, bouncer) for report in reports)


def _weighed(report: Report, bouncer: Bouncer) -> Failure:
    said = report.diagnostic[:MAX_TEXT].casefold()
    recipient = report.recipient.casefold()
    cited = _cited(said)
    codes = codes_of(report.reply_code, report.status, cited)
    best = _best(said, cited, recipient, codes, bouncer)
    if report.action == "delayed":
        return Failure(report, best.reason if best.weight >= Weight.LIKELY else BounceReason.EXPIRED, hard=False)
    return Failure(report, best.reason, hard=is_hard(best.reason, codes))


def _best(said: str, cited: str, recipient: str, codes: Codes, bouncer: Bouncer) -> Evidence:
    """Return what decides, of all that is said of a recipient."""
    if bouncer.filed_by_ses:
        return Evidence(bouncer.filed_by_ses, Weight.CERTAIN)
    phase = phase_of(said, recipient, bouncer.text)
    if phase is Phase.UNKNOWN and not codes.reply and bouncer.is_exim:
        # It refused the address itself, as it would a recipient in a session.
        phase = Phase.RCPT
    best = judge(codes, cited, phase)
    if best.weight < Weight.LIKELY and not _WRAPPED.search(said):
        best = max(best, bouncer.told_of(recipient, codes, phase), key=lambda evidence: evidence.weight)
    elif best.reason is BounceReason.USER_UNKNOWN and not codes.has_kind(("1.",)):
        best = bouncer.heading_of(recipient) or best
    if best.weight < Weight.LIKELY and (domain := _NO_DOMAIN.search(cited)):
        # If it is not that of the recipient, it is ours.
        is_theirs = recipient.endswith(f"@{domain[1]}")
        return Evidence(BounceReason.HOST_UNKNOWN if is_theirs else BounceReason.REJECTED, Weight.LIKELY)
    return best


def _cited(diagnostic: str) -> str:
    """Return the reply of the refusing server, if a diagnostic cites one; else all of it."""
    if wrapped := _WRAPPED.search(diagnostic):
        return f"{wrapped[1]} {wrapped[2]}"
    # What a reply cites itself may be about somebody else: "550 Sender verify failed: … said: 550 User unknown".
    citing = None if _REPLY_FIRST.match(diagnostic) else _CITING.search(diagnostic)
    return diagnostic[citing.end() :] if citing else diagnostic
