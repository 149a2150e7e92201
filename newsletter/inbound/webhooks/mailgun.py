"""Mailgun's webhooks: a signed time and token beside one event.

Source: documentation.mailgun.com/docs/mailgun/user-manual/webhooks: securing-webhooks, webhook-payloads, webhook-retries.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from datetime import UTC, datetime, timedelta

from newsletter.inbound.model import BounceReason
from newsletter.inbound.webhooks.judging import judge
from newsletter.inbound.webhooks.model import EventKind, Post, Proof, ProviderEvent, addresses_in, part, read_json, text

#: A post that was refused comes again for eight hours, with the signature of its first try.
FRESH = timedelta(hours=9)
#: Clocks differ.
AHEAD = timedelta(minutes=10)
#: Tokens that are remembered; older ones go first. More posts than these in nine hours are no newsletter's.
MAX_TOKENS = 200_000
#: Why Mailgun did not even try.
_SUPPRESSED = {
    "suppress-bounce": (EventKind.BOUNCE, BounceReason.SUPPRESSED),
    "suppress-complaint": (EventKind.COMPLAINT, BounceReason.FEEDBACK),
    "suppress-unsubscribe": (EventKind.UNSUBSCRIBE, BounceReason.UNDEFINED),
}


class MailgunCheck:
    """Checks the signature over time and token, and that no token comes with two bodies, as the signature leaves the body out.

    Tokens are remembered by this process alone: what is done about a report is safe to repeat.

    Args:
        secret: the account's HTTP webhook signing key.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._tokens: dict[str, bytes] = {}
        self._lock = threading.Lock()

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
        if not -AHEAD <= age <= FRESH:
            return Proof.FORGED
        digest = hashlib.sha256(post.body).digest()
        with self._lock:
            while len(self._tokens) >= MAX_TOKENS:
                del self._tokens[next(iter(self._tokens))]
            # The very same post again is one whose answer was lost.
            return Proof.GENUINE if self._tokens.setdefault(token, digest) == digest else Proof.FORGED

    def forget(self, post: Post) -> None:
        """Let the token be used again."""
        token = text(part(read_json(post.body), "signature").get("token"))
        with self._lock:
            self._tokens.pop(token, None)


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
