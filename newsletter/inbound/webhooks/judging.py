"""What a refusal means that a provider passes on."""

from __future__ import annotations

from newsletter.inbound.bounces.reasons import reason_of_reply
from newsletter.inbound.bounces.replies import reply_code_in, status_in
from newsletter.inbound.model import BounceReason

#: Reasons that say no more than that it did not arrive.
_VAGUE = frozenset({BounceReason.UNDEFINED, BounceReason.ON_HOLD})


def judge(
    said: str, *, code: str = "", status: str = "", is_permanent: bool, otherwise: BounceReason = BounceReason.UNDEFINED
) -> tuple[BounceReason, bool, str]:
    """Return reason, whether the mailbox is gone for good, and the enhanced status.

    Args:
        said: what the refusing server said, as the provider has it.
        code: of the reply, if the provider names it.
        status: enhanced, likewise.
        is_permanent: whether the provider gave up because of the answer; nothing is for good without that.
        otherwise: the provider's own word for it, where the server's say nothing.
    """
    status = status if status[:2] in {"4.", "5."} else status_in(said)
    code = code if len(code) == 3 and code[0] in "45" and code.isdecimal() else reply_code_in(said)
    number = int(code) if code else {"4": 450, "5": 550}.get(status[:1], 550 if is_permanent else 450)
    reason, is_hard = reason_of_reply(number, status, said)
    if reason in _VAGUE and otherwise is not BounceReason.UNDEFINED:
        # The servers' words say nothing, and the provider has seen more than those.
        return otherwise, is_permanent and otherwise is BounceReason.USER_UNKNOWN, status
    return reason, is_permanent and is_hard, status
