"""Why a server refused, from its codes and words, and whether that is for good.

Sentences, codes and the refused command each speak for a reason; the heaviest evidence decides. The names and their meaning are
those that bounce parsers share; what is permanent follows them too: a disabled or full mailbox may come back, an address that
does not exist will not.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from newsletter.inbound.bounces.phrases import MAX_TEXT, Evidence, PhraseBook, Weight, Words, words_of
from newsletter.inbound.bounces.reasons_phase import Phase, phase_of
from newsletter.inbound.bounces.reasons_status import Codes, codes_of, evidence_of
from newsletter.inbound.bounces.sentences import REASONS, sentences
from newsletter.inbound.model import BounceReason

#: Reasons that no later mail can change, if the refusal was a permanent one.
HARD: Final = frozenset({BounceReason.USER_UNKNOWN, BounceReason.HOST_UNKNOWN, BounceReason.HAS_MOVED, BounceReason.NOT_ACCEPT})

NOTHING: Final = Evidence(BounceReason.UNDEFINED, 0.0)

#: What the refused command alone lets one think, in the absence of anything better.
_BY_PHASE: Final = {
    Phase.CONNECT: Evidence(BounceReason.BLOCKED, 1.5),
    Phase.HELLO: Evidence(BounceReason.BLOCKED, 1.5),
    Phase.STARTTLS: Evidence(BounceReason.FAILED_STARTTLS, 1.5),
    Phase.AUTH: Evidence(BounceReason.SECURITY_ERROR, 1.5),
    Phase.MAIL: Evidence(BounceReason.REJECTED, 1.5),
    Phase.DATA: Evidence(BounceReason.FILTERED, 0.3),
}
_UNKNOWN: Final = (BounceReason.USER_UNKNOWN, BounceReason.HOST_UNKNOWN)
#: Commands that say who we are: an unknown name in the answer is ours.
_ABOUT_US: Final = (Phase.CONNECT, Phase.HELLO, Phase.MAIL)
#: Statuses that are about an address, or that Sendmail and Microsoft give together with such a reply.
_OF_ADDRESSES: Final = ("1.", "3.0", "5.0")
#: "This host does not accept mail from …"
_PICKY: Final = re.compile(
    r" (?:accepts?|accepting|receives?) (?:any |no )?(?:e?mails?|messages?|connections?) (?:from|with|of|that|which|unless) "
)
_BLOCKED: Final = Evidence(BounceReason.BLOCKED, Weight.LIKELY)
#: Something was said, but nothing that is known.
_SOMETHING: Final = Evidence(BounceReason.ON_HOLD, 0.2)


def reason_of_reply(code: int, status: str, text: str) -> tuple[BounceReason, bool]:
    """Say why a server refused in an SMTP session, and whether the mailbox or its host is gone for good.

    Args:
        code: reply code, 400 to 599.
        status: enhanced status code, ``""`` if there was none.
        text: of the reply, without the code; lines joined. That of ``RCPT``, unless it says otherwise.
    """
    said = text[:MAX_TEXT].casefold()
    codes = codes_of(str(code), status, said)
    phase = phase_of(f"{code} {said}", "", "")
    evidence = judge(codes, said, Phase.RCPT if phase is Phase.UNKNOWN else phase)
    return evidence.reason, is_hard(evidence.reason, codes)


def is_hard(reason: BounceReason, codes: Codes) -> bool:
    """Tell whether no later mail can arrive."""
    return reason in HARD and not codes.is_temporary


def judge(codes: Codes, text: str, phase: Phase) -> Evidence:
    """Return the evidence that decides; that of ``UNDEFINED`` if nothing was said at all."""
    words = words_of(text)
    found = [*_book().find(words), *evidence_of(codes)]
    if _PICKY.search(words.spaced):
        # It takes mail, though not ours.
        found = [_BLOCKED if evidence.reason is BounceReason.NOT_ACCEPT else evidence for evidence in found]
    if phase in _BY_PHASE:
        found.append(_BY_PHASE[phase])
    if codes.reply or codes.statuses or words.spaced.strip():
        found.append(_SOMETHING)
    best = max(found, key=_value, default=NOTHING)
    return Evidence(_in_context(best, words, codes, phase), best.weight, best.extent)


def _value(evidence: Evidence) -> tuple[float, bool, int, BounceReason]:
    # Nobody names a virus that was not found; that the content was refused, or spam, is then no more than what follows.
    return evidence.weight, evidence.reason is BounceReason.VIRUS_DETECTED, evidence.extent, evidence.reason


@cache
def _book() -> PhraseBook:
    """Make the book when it is first needed: reading some thousand phrases takes longer than a command may to start."""
    return PhraseBook(
        (BounceReason(reason), Weight[weight.upper()], listed) for name in REASONS for reason, weight, listed in sentences(name)
    )


def _in_context(best: Evidence, words: Words, codes: Codes, phase: Phase) -> BounceReason:
    """Say what the same words mean of somebody else, or in answer to another command."""
    is_sure = best.weight >= Weight.CERTAIN
    if best.reason in _UNKNOWN and phase in _ABOUT_US:
        return _BY_PHASE[phase].reason
    if best.reason in _UNKNOWN and not is_sure and _is_of_sender(words):
        return BounceReason.REJECTED
    if best.reason is BounceReason.HOST_UNKNOWN and codes.reply and phase is Phase.DATA:
        return BounceReason.REJECTED
    if best.reason is BounceReason.HOST_UNKNOWN and codes.is_temporary:
        return BounceReason.NETWORK_ERROR
    # That nobody is there, a server knows that refuses the recipient; whoever says so later is a filter, unless by number.
    is_of_recipient = phase is Phase.RCPT or codes.is_unknown or (phase is not Phase.DATA and codes.has_kind(_OF_ADDRESSES))
    if best.reason is BounceReason.USER_UNKNOWN and not is_sure and not is_of_recipient:
        return BounceReason.FILTERED
    return best.reason


def _is_of_sender(words: Words) -> bool:
    return " sender " in words.spaced and not any(other in words.spaced for other in (" recipient ", " to sender "))
