"""Posts as the providers send them, signed with keys of our own."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from newsletter.inbound.webhooks.fetching import FetchError
from newsletter.inbound.webhooks.model import Post

NOW = datetime(2026, 8, 17, 6, 0, tzinfo=UTC)
SECRET = "signing key of a test"
USER = "user:pass"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def certificate(*, days: int = 300) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.eu-west-1.amazonaws.com")])
    made = (
        x509.CertificateBuilder(name, name, rsa_key().public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=days))
    )
    return made.sign(rsa_key(), SHA256()).public_bytes(Encoding.PEM)


def public_key() -> str:
    """The verification key as SendGrid shows it."""
    der = ec_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


class Web:
    """What there is to fetch, and what was asked for."""

    def __init__(self, **pages: bytes) -> None:
        self.pages: dict[str, bytes] = {CERTIFICATE_URL: certificate(), SUBSCRIBE_URL: b"<ok/>", **pages}
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.pages:
            raise FetchError("status-404")
        return self.pages[url]


def sns(message: object = "", *, version: str = "1", kind: str = "Notification", **fields: Any) -> Post:
    """A message of the topic; ``fields`` go over its own, before it is signed."""
    said: dict[str, Any] = {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-08-17T05:59:30.123Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    }
    if kind != "Notification":
        said |= {"Token": "2336412f37", "SubscribeURL": SUBSCRIBE_URL}
    said |= fields
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{said[name]}\n" for name in names if said.get(name) is not None)
    algorithm = SHA1() if version == "1" else SHA256()  # noqa: S303 - version 1 is that
    said["Signature"] = base64.b64encode(rsa_key().sign(signed.encode(), padding.PKCS1v15(), algorithm)).decode()
    return Post({"content-type": "text/plain; charset=UTF-8"}, json.dumps(said).encode())


def changed(post: Post, **fields: Any) -> Post:
    """The same message, changed by somebody who cannot sign."""
    return Post(post.headers, json.dumps(json.loads(post.body) | fields).encode())


def sendgrid(events: object, *, at: datetime = NOW) -> Post:
    stamp, body = str(int(at.timestamp())), json.dumps(events).encode()
    signature = base64.b64encode(ec_key().sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode()
    headers = {
        "x-twilio-email-event-webhook-signature": signature,
        "x-twilio-email-event-webhook-timestamp": stamp,
    }
    return Post(headers, body)


def mailgun(event: object, *, at: datetime = NOW, token: str = "a" * 50) -> Post:
    stamp = str(int(at.timestamp()))
    signature = hmac.digest(SECRET.encode(), f"{stamp}{token}".encode(), "sha256").hex()
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    return Post({}, json.dumps({"signature": signed, "event-data": event}).encode())


def postmark(said: object, secret: str = USER) -> Post:
    return Post({"authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}, json.dumps(said).encode())
