"""SendGrid's event webhook: signed in its headers, many events in one post.

Source: twilio.com/docs/sendgrid/for-developers/tracking-events/event and getting-started-event-webhook-security-features.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from newsletter.inbound.model import BounceReason
from newsletter.inbound.webhooks.judging import judge
from newsletter.inbound.webhooks.model import EventKind, Post, Proof, ProviderEvent, parts, read_json, text

#: A post is signed anew each time it is tried.
FRESH = timedelta(minutes=10)
_SIGNATURE, _TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
_LEAVING = frozenset({"unsubscribe", "group_unsubscribe"})
_CLASSES = {
    "invalid address": BounceReason.USER_UNKNOWN,
    "mailbox unavailable": BounceReason.MAILBOX_FULL,
    "content": BounceReason.CONTENT_ERROR,
    "reputation": BounceReason.BAD_REPUTATION,
    "technical": BounceReason.SYSTEM_ERROR,
    "technical failure": BounceReason.SYSTEM_ERROR,
    "frequency or volume too high": BounceReason.SPEEDING,
}
#: Why SendGrid does not even try, by the beginning of what it says.
_DROPPED: dict[str, tuple[EventKind, BounceReason]] = {
    "bounced address": (EventKind.BOUNCE, BounceReason.SUPPRESSED),
    "invalid": (EventKind.BOUNCE, BounceReason.SUPPRESSED),
    "spam reporting address": (EventKind.COMPLAINT, BounceReason.FEEDBACK),
    "unsubscribed address": (EventKind.UNSUBSCRIBE, BounceReason.UNDEFINED),
    "spam content": (EventKind.BOUNCE, BounceReason.CONTENT_ERROR),
}


class SendgridCheck:
    """Checks the signature over the time and the body (ECDSA, P-256).

    Args:
        public_key: verification key as SendGrid shows it: base64 of its DER form.

    Raises:
        ValueError: ``public_key`` is no such key.
    """

    def __init__(self, public_key: str) -> None:
        try:
            key = load_der_public_key(base64.b64decode(public_key, validate=True))
        except (binascii.Error, ValueError) as error:
            raise ValueError("not a key in base64") from error
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("not a key of an elliptic curve")  # noqa: TRY004 - the text is wrong, not its type
        self._key = key

    def __call__(self, post: Post, *, now: datetime) -> Proof:
        stamp = post.headers.get(_TIMESTAMP, "")
        try:
            signature = base64.b64decode(post.headers.get(_SIGNATURE, ""), validate=True)
            self._key.verify(signature, stamp.encode() + post.body, ec.ECDSA(SHA256()))
            at = datetime.fromtimestamp(int(stamp), UTC)
        except (InvalidSignature, ValueError, OverflowError, OSError):
            return Proof.FORGED
        return Proof.GENUINE if abs(now - at) <= FRESH else Proof.FORGED

    def may_be(self, headers: Mapping[str, str]) -> bool:
        return bool(headers.get(_SIGNATURE) and headers.get(_TIMESTAMP))

    def name_of(self, post: Post) -> str:  # noqa: ARG002 - what is proven covers the whole body
        return ""


def sendgrid_events(body: bytes) -> tuple[ProviderEvent, ...]:
    """Return what happened, in the order of the post."""
    return tuple(event for each in parts(read_json(body)) if (event := _event(each)) is not None)


def _event(said: dict[str, Any]) -> ProviderEvent | None:
    name, address, why = text(said.get("event")), text(said.get("email")), text(said.get("reason"))
    ids = tuple(filter(None, [text(said.get("smtp-id"))]))
    if name == "bounce":
        is_bounce = text(said.get("type")) == "bounce"
        # What SendGrid calls blocked is about us or the moment, unless the server says something better.
        otherwise = _CLASSES.get(
            text(said.get("bounce_classification")).lower(), BounceReason.UNDEFINED if is_bounce else BounceReason.BLOCKED
        )
        reason, is_hard, status = judge(why, status=text(said.get("status")), is_permanent=is_bounce, otherwise=otherwise)
        return ProviderEvent(EventKind.BOUNCE, address, ids, is_hard=is_hard, reason=reason, status=status)
    if name == "deferred":
        reason, _, status = judge(text(said.get("response")), is_permanent=False)
        return ProviderEvent(EventKind.DELAYED, address, ids, reason=reason, status=status)
    if name == "dropped":
        found = next((found for begin, found in _DROPPED.items() if why.lower().startswith(begin)), None)
        # Its own settings, quotas and the like: the reader has no part in them.
        return None if found is None else ProviderEvent(found[0], address, ids, reason=found[1])
    if name == "spamreport":
        return ProviderEvent(EventKind.COMPLAINT, address, ids, reason=BounceReason.FEEDBACK)
    return ProviderEvent(EventKind.UNSUBSCRIBE, address, ids) if name in _LEAVING else None
