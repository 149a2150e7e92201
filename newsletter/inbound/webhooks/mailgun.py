"""Mailgun's webhooks: a signed time and token beside one event.

Source: documentation.mailgun.com/docs/mailgun/user-manual/webhooks: securing-webhooks, webhook-payloads, webhook-retries.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from newsletter.inbound.model import BounceReason
from newsletter.inbound.webhooks.judging import judge
from newsletter.inbound.webhooks.model import EventKind, Post, Proof, ProviderEvent, addresses_in, part, read_json, text

#: A post that was refused comes again for eight hours, with the signature of its first try.
FRESH = timedelta(hours=9)
#: Clocks differ.
AHEAD = timedelta(minutes=10)
#: Why Mailgun did not even try.
_SUPPRESSED = {
    "suppress-bounce": (EventKind.BOUNCE, BounceReason.SUPPRESSED),
    "suppress-complaint": (EventKind.COMPLAINT, BounceReason.FEEDBACK),
    "suppress-unsubscribe": (EventKind.UNSUBSCRIBE, BounceReason.UNDEFINED),
}


class MailgunCheck:
    """Checks the signature over time and token.

    It leaves the rest out; so it names the post, and whatever else comes with it once more is the same post.

    Args:
        secret: the account's HTTP webhook signing key.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def __call__(self, post: Post, *, now: datetime) -> Proof:
        signed = part(read_json(post.body), "signature")
        stamp, token = text(signed.get("timestamp")), text(signed.get("token"))
        wanted = hmac.digest(self._secret, f"{stamp}{token}".encode(), "sha256").hex()
        if not hmac.compare_digest(wanted.encode(), text(signed.get("signature")).encode()):
            return Proof.FORGED
        try:
            age = now - datetime.fromtimestamp(int(stamp), UTC)
        except (ValueError, OverflowError, OSError):
            return Proof.FORGED
        return Proof.GENUINE if -AHEAD <= age <= FRESH else Proof.FORGED

    def may_be(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - the proof is in the body
        return True

    def name_of(self, post: Post) -> str:
        return text(part(read_json(post.body), "signature").get("signature"))


def mailgun_events(body: bytes) -> tuple[ProviderEvent, ...]:
    """Return what happened: one event, or none that matters."""
    said = part(read_json(body), "event-data")
    name, address, why = text(said.get("event")), text(said.get("recipient")), text(said.get("reason"))
    headers, envelope = part(said, "message", "headers"), part(said, "envelope")
    ids = tuple(filter(None, [text(headers.get("message-id"))]))
    ours = addresses_in(text(envelope.get("sender")), text(headers.get("reply-to")), text(headers.get("from")))
    event = ProviderEvent(EventKind.COMPLAINT, address, ids, ours, reason=BounceReason.FEEDBACK)
    if name == "complained":
        return (event,)
    if name == "unsubscribed":
        return (ProviderEvent(EventKind.UNSUBSCRIBE, address, ids, ours),)
    if name != "failed":
        return ()
    is_permanent = text(said.get("severity")) == "permanent"
    if is_permanent and why in _SUPPRESSED:
        kind, reason = _SUPPRESSED[why]
        return (ProviderEvent(kind, address, ids, ours, reason=reason),)
    answer = part(said, "delivery-status")
    reason, is_hard, status = judge(
        f"{text(answer.get('message'))} {text(answer.get('description'))}".strip(),
        code=text(answer.get("code")),
        status=text(answer.get("enhanced-code")),
        is_permanent=is_permanent,
        otherwise=BounceReason.EXPIRED if why == "old" else BounceReason.UNDEFINED,
    )
    kind = EventKind.BOUNCE if is_permanent else EventKind.DELAYED
    return (ProviderEvent(kind, address, ids, ours, is_hard=is_hard, reason=reason, status=status),)
