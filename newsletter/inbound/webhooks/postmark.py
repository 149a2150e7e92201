"""Postmark's webhooks: proven by the name and password in their address, one event in each post.

Source: postmarkapp.com/developer/webhooks: bounce-webhook, spam-complaint-webhook, subscription-change-webhook; bounce types in
postmarkapp.com/developer/api/bounce-api.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from newsletter.inbound.model import BounceReason
from newsletter.inbound.webhooks.judging import judge
from newsletter.inbound.webhooks.model import EventKind, Post, Proof, ProviderEvent, addresses_in, part, read_json, text

#: What Postmark's types say of a message that did not arrive, where the server's words say nothing.
_TYPES = {
    "HardBounce": BounceReason.USER_UNKNOWN,
    "BadEmailAddress": BounceReason.USER_UNKNOWN,
    "SoftBounce": BounceReason.UNDEFINED,
    "Unknown": BounceReason.UNDEFINED,
    "AddressChange": BounceReason.HAS_MOVED,
    "DnsError": BounceReason.NETWORK_ERROR,
    "SpamNotification": BounceReason.SPAM_DETECTED,
    "VirusNotification": BounceReason.VIRUS_DETECTED,
    "Blocked": BounceReason.BLOCKED,
    "DMARCPolicy": BounceReason.AUTH_FAILURE,
}
_PERMANENT = frozenset({"HardBounce", "BadEmailAddress"})


class PostmarkCheck:
    """Checks HTTP basic authentication (RFC 7617), as Postmark signs nothing.

    Args:
        secret: ``USER:PASSWORD``.
    """

    def __init__(self, secret: str) -> None:
        self._wanted = hashlib.sha256(secret.encode()).digest()

    def __call__(self, post: Post, *, now: datetime) -> Proof:  # noqa: ARG002 - a password has no time
        return Proof.GENUINE if self.may_be(post.headers) else Proof.FORGED

    def may_be(self, headers: Mapping[str, str]) -> bool:
        scheme, _, said = headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(said.strip(), validate=True) if scheme.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            given = b""
        return hmac.compare_digest(hashlib.sha256(given).digest(), self._wanted)

    def name_of(self, post: Post) -> str:  # noqa: ARG002 - the password vouches for the whole post
        return ""


def postmark_events(body: bytes) -> tuple[ProviderEvent, ...]:
    """Return what happened: one event, or none that matters."""
    said = part(read_json(body))
    make = {"Bounce": _bounce, "SpamComplaint": _complaint, "SubscriptionChange": _change}.get(text(said.get("RecordType")))
    event = None if make is None else make(said)
    return () if event is None else (event,)


def _bounce(said: dict[str, Any]) -> ProviderEvent | None:
    kind, address = text(said.get("Type")), text(said.get("Email"))
    ours = addresses_in(text(said.get("From")))
    if kind == "SpamComplaint":
        return _complaint(said)
    if kind == "Unsubscribe":
        return ProviderEvent(EventKind.UNSUBSCRIBE, address, ours=ours)
    words = text(said.get("Details"))  # Description says what a type means, in always the same words
    if kind == "Transient":
        reason, _, status = judge(words, is_permanent=False)
        return ProviderEvent(EventKind.DELAYED, address, ours=ours, reason=reason, status=status)
    if kind not in _TYPES:  # auto-replies, challenges, and what people do in Postmark's own pages
        return None
    reason, is_hard, status = judge(words, is_permanent=kind in _PERMANENT, otherwise=_TYPES[kind])
    return ProviderEvent(EventKind.BOUNCE, address, ours=ours, is_hard=is_hard, reason=reason, status=status)


def _complaint(said: dict[str, Any]) -> ProviderEvent:
    ours = addresses_in(text(said.get("From")))
    return ProviderEvent(EventKind.COMPLAINT, text(said.get("Email")), ours=ours, reason=BounceReason.FEEDBACK)


def _change(said: dict[str, Any]) -> ProviderEvent | None:
    address, why = text(said.get("Recipient")), text(said.get("SuppressionReason"))
    if said.get("SuppressSending") is not True:
        return None
    if why == "SpamComplaint":
        return ProviderEvent(EventKind.COMPLAINT, address, reason=BounceReason.FEEDBACK)
    if why == "HardBounce":
        return ProviderEvent(EventKind.BOUNCE, address, is_hard=True, reason=BounceReason.USER_UNKNOWN)
    # By anybody else it is the operator's own doing there.
    is_reader = why == "ManualSuppression" and text(said.get("Origin")) == "Recipient"
    return ProviderEvent(EventKind.UNSUBSCRIBE, address) if is_reader else None
