"""Messages of Amazon SNS over HTTPS: the signature, the certificate behind it, and the subscription that begins it all.

Source: docs.aws.amazon.com/sns/latest/dg: sns-message-and-json-formats, sns-verify-signature-of-message.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from newsletter.inbound.webhooks.fetching import FetchError
from newsletter.inbound.webhooks.model import Post, Proof, part, read_json

log = logging.getLogger(__name__)

#: A message bears the time at which it was published, and is tried again for an hour or, if the topic says so, several.
FRESH = timedelta(hours=8)
#: Clocks differ.
AHEAD = timedelta(minutes=10)
#: Certificates fetched in a minute; forged messages can name as many as they like.
FETCHES_A_MINUTE = 5
#: Certificates that are remembered; Amazon has one at a time in a region.
MAX_CERTIFICATES = 8
_ARN = re.compile(r"arn:(aws[a-z-]*):sns:([a-z0-9-]{1,40}):[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")
_SUBSCRIPTION = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(_SUBSCRIPTION, ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")),
}
_HASHES: Mapping[str, Callable[[], SHA1 | SHA256]] = {
    "1": SHA1,  # what topics sign with until they are told otherwise
    "2": SHA256,
}


class SnsCheck:
    """Checks that a message was signed by SNS and is of the one topic that is configured, and confirms the subscription.

    The certificate is fetched only from the host of SNS in the topic's own region, and so is the address that confirms.

    Args:
        topic_arn: of the topic.
        fetch: gets what is at an https address; raises FetchError.

    Raises:
        ValueError: ``topic_arn`` is none of a topic.
    """

    def __init__(self, topic_arn: str, fetch: Callable[[str], bytes]) -> None:
        found = _ARN.fullmatch(topic_arn)
        if found is None:
            raise ValueError("not the ARN of a topic")
        self._topic, self._fetch = topic_arn, fetch
        host = re.escape(f"sns.{found[2]}.amazonaws.com{'.cn' if found[1] == 'aws-cn' else ''}")
        self._certificate_url = re.compile(rf"https://{host}/SimpleNotificationService-[0-9A-Za-z]{{1,64}}\.pem")
        self._subscribe_url = re.compile(rf"https://{host}/\?Action=ConfirmSubscription&[A-Za-z0-9%._~:&=+-]{{1,2000}}")
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched_at: deque[datetime] = deque(maxlen=FETCHES_A_MINUTE)
        self._lock = threading.Lock()

    def __call__(self, post: Post, *, now: datetime) -> Proof:
        message = part(read_json(post.body))
        kind, url = message.get("Type"), message.get("SigningCertURL")
        if (
            message.get("TopicArn") != self._topic
            or not isinstance(kind, str)
            or kind not in _SIGNED
            or not isinstance(url, str)
            or self._certificate_url.fullmatch(url) is None
            or not _is_fresh(message.get("Timestamp"), now)
        ):
            return Proof.FORGED
        try:
            key = self._keys.get(url) or self._key(url, now)
        except FetchError as error:
            log.warning("hooks.no_certificate problem=%s", error.problem)
            return Proof.UNSURE
        except ValueError:
            return Proof.FORGED
        if key is None:
            return Proof.UNSURE
        if not _is_signed(message, kind, key):
            return Proof.FORGED
        return Proof.GENUINE if kind == "Notification" else self._settle(message, kind)

    def may_be(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - the proof is in the body
        return True

    def name_of(self, post: Post) -> str:  # noqa: ARG002 - what is proven covers the whole body
        return ""

    def _key(self, url: str, now: datetime) -> RSAPublicKey | None:
        """Return the key of a certificate; None while others fetch one, or too many were fetched."""
        # Nobody waits here for somebody else: requests that wait would keep others out.
        if not self._lock.acquire(blocking=False):
            return None
        try:
            fetched = self._fetched_at
            if len(fetched) == FETCHES_A_MINUTE and now - fetched[0] < timedelta(minutes=1):
                return None
            fetched.append(now)
            certificate = load_pem_x509_certificate(self._fetch(url))
            key = certificate.public_key()
            if (
                not isinstance(key, RSAPublicKey)
                or not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
            ):
                raise ValueError("not a certificate that is good now")
            while len(self._keys) >= MAX_CERTIFICATES:
                del self._keys[next(iter(self._keys))]
            self._keys[url] = key
            return key
        finally:
            self._lock.release()

    def _settle(self, message: Mapping[str, Any], kind: str) -> Proof:
        if kind == "UnsubscribeConfirmation":
            log.warning("hooks.unsubscribed hint=subscribe-the-address-to-the-topic-again")
            return Proof.SETTLED
        url = message.get("SubscribeURL")
        if not isinstance(url, str) or self._subscribe_url.fullmatch(url) is None:
            return Proof.FORGED
        try:
            self._fetch(url)
        except FetchError as error:
            log.warning("hooks.not_subscribed problem=%s", error.problem)
            return Proof.UNSURE
        log.info("hooks.subscribed")
        return Proof.SETTLED


def _is_fresh(stamp: Any, now: datetime) -> bool:
    try:
        age = now - datetime.fromisoformat(stamp)
    except (TypeError, ValueError):  # no text, no time, or one without a zone
        return False
    return -AHEAD <= age <= FRESH


def _is_signed(message: Mapping[str, Any], kind: str, key: RSAPublicKey) -> bool:
    values = [(name, message[name]) for name in _SIGNED[kind] if message.get(name) is not None]
    signature, make_hash = message.get("Signature"), _HASHES.get(str(message.get("SignatureVersion")))
    if make_hash is None or not isinstance(signature, str) or not all(isinstance(value, str) for _, value in values):
        return False
    signed = "".join(f"{name}\n{value}\n" for name, value in values)
    try:
        key.verify(base64.b64decode(signature, validate=True), signed.encode(), PKCS1v15(), make_hash())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
