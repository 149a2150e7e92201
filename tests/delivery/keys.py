"""DKIM keys for tests, the answers of a DNS that knows them, and the independent verifier."""

from __future__ import annotations

import base64
from functools import cache

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from newsletter.delivery.identity.dkim import DkimSigner

DOMAIN = "example.org"


@cache
def rsa_key(bits: int = 2048) -> RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ed25519_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def pem(key: RSAPrivateKey | Ed25519PrivateKey | EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@cache
def rsa_signer() -> DkimSigner:
    return DkimSigner(pem(rsa_key()), selector="first.2026", domain=DOMAIN)


@cache
def ed25519_signer() -> DkimSigner:
    return DkimSigner(pem(ed25519_key()), selector="second", domain=DOMAIN)


def txt_record(name: bytes, timeout: int = 5) -> bytes | None:
    """What the DNS would answer."""
    public = serialization.PublicFormat
    records = {
        "first.2026": b"v=DKIM1; k=rsa; p="
        + base64.b64encode(rsa_key().public_key().public_bytes(Encoding.DER, public.SubjectPublicKeyInfo)),
        "second": b"v=DKIM1; k=ed25519; p="
        + base64.b64encode(ed25519_key().public_key().public_bytes(Encoding.Raw, public.Raw)),
    }
    return records.get(name.decode().removesuffix(f"._domainkey.{DOMAIN}."))


def verifies(message: bytes, index: int = 0) -> bool:
    try:
        return bool(dkim.DKIM(message).verify(index, dnsfunc=txt_record))
    except dkim.DKIMException:
        return False
