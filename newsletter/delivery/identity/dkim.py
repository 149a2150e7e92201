"""DKIM signatures (RFC 6376; Ed25519: RFC 8463), relaxed in header and body.

Canonicalisation works on the pieces of a composed body: what readers have in common is brought into canonical form once, and
each message costs a hash of its body and a signature. This holds because no value of a slot is empty, or has a line end, or a
blank at its ends, or two blanks in a row.
"""

from __future__ import annotations

import hashlib
import logging
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from newsletter.config import NewsletterConfig
from newsletter.errors import NewsletterError
from newsletter.rendering.message.message import Gapped

log = logging.getLogger(__name__)

#: Fields that are signed once more than they are there, so that none can be added (RFC 6376 section 8.15).
OVERSIGNED = (
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mime-version",
    "content-type",
)
#: Fields that are signed where they are there.
SIGNED = ("list-id", "list-help", "in-reply-to", "references", "auto-submitted", "form-sub")

#: Fewer bits are refused (RFC 8301 section 3.2), and fewer than those advised are warned of.
_LEAST_BITS, _ADVISED_BITS = 1024, 2048
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")
_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
_BLANKS = re.compile(rb"[ \t]+")
_SPACES = re.compile(rb"  +")  # written so, it is ten times as fast as a class of blanks
_FIELD_END = re.compile(rb"\r\n(?![ \t])")
# Stands for a slot while the bytes around it are brought into canonical form: no message holds it.
_SLOT = b"\0"
_SIGNED_AT, _BODY_HASH = "signed-at", "body-hash"
_B64_LINE = 72


class DkimKeyError(NewsletterError):
    """A key cannot be signed with."""


class DkimSigner:
    """One key of one domain.

    Attributes:
        selector: as in ``SELECTOR._domainkey.DOMAIN``, where the public key stands in the DNS.
        domain: the signing domain (``d=``), in lower case.
        algorithm: ``rsa-sha256`` or ``ed25519-sha256``.
    """

    def __init__(self, key: bytes, *, selector: str, domain: str) -> None:
        """Take a private key.

        Args:
            key: in PEM, without a pass phrase: RSA of 1024 bits or more (2048 are advised), or Ed25519.
            selector: letters, digits, hyphens and dots; at most 63.
            domain: in ASCII.

        Raises:
            DkimKeyError: not such a key, or the names cannot be written in a signature.
        """
        self.selector, self.domain = selector, domain.lower()
        if not _DOMAIN.fullmatch(self.domain) or not _SELECTOR.fullmatch(selector):
            raise DkimKeyError(f"DKIM key {selector!r}: {domain!r} or the selector is not a name in the DNS; correct it")
        try:
            loaded = load_pem_private_key(key, password=None)
        except TypeError as error:
            raise DkimKeyError(f"DKIM key {selector}: it has a pass phrase; store it without one") from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise DkimKeyError(f"DKIM key {selector}: not a private key in PEM; {_HOW_TO_MAKE}") from error
        if not isinstance(loaded, RSAPrivateKey | Ed25519PrivateKey):
            raise DkimKeyError(f"DKIM key {selector}: neither RSA nor Ed25519; {_HOW_TO_MAKE}")
        if isinstance(loaded, RSAPrivateKey) and loaded.key_size < _LEAST_BITS:
            raise DkimKeyError(f"DKIM key {selector}: {loaded.key_size} bits are too few, receivers refuse it; {_HOW_TO_MAKE}")
        self._key = loaded
        self.algorithm = "rsa-sha256" if isinstance(loaded, RSAPrivateKey) else "ed25519-sha256"

    @property
    def is_weak(self) -> bool:
        """Whether it is an RSA key of fewer bits than the mailbox providers advise."""
        return isinstance(self._key, RSAPrivateKey) and self._key.key_size < _ADVISED_BITS

    def sign(self, header: bytes) -> bytes:
        """Return the signature of the canonical header in base64 (RFC 6376 section 3.7); equal headers have equal ones."""
        if isinstance(self._key, RSAPrivateKey):
            return b64encode(self._key.sign(header, PKCS1v15(), SHA256()))
        return b64encode(self._key.sign(hashlib.sha256(header).digest()))  # RFC 8463 section 3: of the hash


class Composed(Protocol):
    """A message body that is composed but for what is filled in."""

    def gapped(self) -> Gapped:
        """Return it in the form that is filled in."""
        ...


class BodySigner:
    """Signs the messages of one composed body with each of ``signers``."""

    def __init__(self, body: Composed, signers: Sequence[DkimSigner]) -> None:
        whole = body.gapped()
        head, _, text = _SLOT.join(whole.texts).partition(b"\r\n\r\n")
        fields = _relaxed_fields(head + b"\r\n", whole.names)
        signed = _signed_names(Counter(name for name, _, _ in fields))
        chosen = _chosen(fields, signed)
        self._header = _gapped(b"".join(field for field, _ in chosen), [slot for _, slots in chosen for slot in slots])
        self._body = _gapped(relaxed_body(text), whole.names[head.count(_SLOT) :])
        self._signatures = [_Signature(signer, signed) for signer in signers]

    def fields(self, values: Mapping[str, bytes], *, at: datetime) -> bytes:
        """Return the DKIM-Signature fields to put before a message, in the order of the signers; each ends in CRLF.

        Args:
            values: what the message's slots are filled with.
            at: aware; said as the instant of signing (``t=``). Equal arguments give equal bytes.
        """
        body_hash = b64encode(hashlib.sha256(self._body.fill(values)).digest())
        header = self._header.fill(values)
        own = {_SIGNED_AT: b"%d" % at.timestamp(), _BODY_HASH: body_hash}
        return b"".join([signature.field(header, own) for signature in self._signatures])


class _Signature:
    """The DKIM-Signature field of one signer for messages that have the same fields."""

    def __init__(self, signer: DkimSigner, signed: Sequence[str]) -> None:
        names = ":\r\n ".join(_in_lines(signed))
        text = (
            f"DKIM-Signature: v=1; a={signer.algorithm}; c=relaxed/relaxed;\r\n d={signer.domain};\r\n"
            f" s={signer.selector}; t=\0;\r\n h={names};\r\n bh=\0;\r\n b="
        ).encode()
        self._signer = signer
        self._written = _gapped(text, [_SIGNED_AT, _BODY_HASH])
        ((_, canonical, _),) = _relaxed_fields(text + b"\r\n", (_SIGNED_AT, _BODY_HASH))
        # RFC 6376 section 3.7: the field itself comes last, with an empty b= and no line end.
        self._canonical = _gapped(canonical.removesuffix(b"\r\n"), [_SIGNED_AT, _BODY_HASH])

    def field(self, header: bytes, own: Mapping[str, bytes]) -> bytes:
        signature = self._signer.sign(header + self._canonical.fill(own))
        lines = [signature[start : start + _B64_LINE] for start in range(0, len(signature), _B64_LINE)]
        return self._written.fill(own) + b"\r\n ".join(lines) + b"\r\n"


def load_signers(newsletter: NewsletterConfig) -> tuple[DkimSigner, ...]:
    """Return the signers of a newsletter, RSA before Ed25519, which not every receiver knows; none if it has no keys.

    Raises:
        DkimKeyError: a key file cannot be read or used, or its domain is not that of ``from_address`` or above it.
    """
    own = newsletter.from_address.rpartition("@")[2].lower()
    signers = []
    for selector, config in newsletter.dkim.items():
        domain = (config.domain or own).lower()
        if domain != own and not own.endswith(f".{domain}"):
            raise DkimKeyError(
                f"DKIM key {selector}: mail from {own} signed by {domain} counts as unsigned for DMARC; "
                f"set dkim.{selector}.domain to {own} or a domain above it"
            )
        signer = DkimSigner(_key_in(config.key_file, selector), selector=selector, domain=domain)
        if signer.is_weak:
            log.warning("dkim.key_is_short selector=%s advised_bits=%d", selector, _ADVISED_BITS)
        signers.append(signer)
    return tuple(sorted(signers, key=lambda signer: signer.algorithm, reverse=True))


def relaxed_body(body: bytes) -> bytes:
    """Return a body in relaxed form (RFC 6376 section 3.4.4).

    Blanks in a row become one, none is left at the end of a line, and no empty line at the end of the body.
    """
    text = _SPACES.sub(b" ", body.replace(b"\t", b" ")).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    while text.endswith(b"\r\n"):
        text = text.removesuffix(b"\r\n")
    return text + b"\r\n" if text else b""


_HOW_TO_MAKE = "make one with: openssl genrsa -out dkim.pem 2048"


def _key_in(path: Path, selector: str) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            log.warning("dkim.key_readable_by_others selector=%s hint=chmod-600", selector)
        return path.read_bytes()
    except OSError as error:
        raise DkimKeyError(
            f"DKIM key {selector}: {path}: {error.strerror or error}; check dkim.{selector}.key_file and its rights"
        ) from error


def _relaxed_fields(head: bytes, names: Sequence[str]) -> list[tuple[str, bytes, Sequence[str]]]:
    """Return the fields of a header in relaxed form (RFC 6376 section 3.4.2): name in lower case, field, its slots."""
    fields, place = [], 0
    for field in _FIELD_END.split(head.removesuffix(b"\r\n")):
        name, _, value = field.partition(b":")
        canonical = _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
        name = name.rstrip(b" \t").lower()
        count = field.count(_SLOT)
        fields.append((name.decode(), b"%b:%b\r\n" % (name, canonical), names[place : place + count]))
        place += count
    return fields


def _signed_names(there: Mapping[str, int]) -> list[str]:
    """Return the names for ``h=``: each as often as it is signed."""
    names = [name for name in OVERSIGNED for _ in range(there.get(name, 0) + 1)]
    return names + [name for name in SIGNED for _ in range(there.get(name, 0))]


def _chosen(fields: Sequence[tuple[str, bytes, Sequence[str]]], signed: Sequence[str]) -> list[tuple[bytes, Sequence[str]]]:
    """Return the signed fields and their slots in the order of ``h=``; of one name, the last comes first (section 5.4.2)."""
    left: dict[str, list[tuple[bytes, Sequence[str]]]] = {}
    for name, field, slots in fields:
        left.setdefault(name, []).append((field, slots))
    return [left[name].pop() for name in signed if left.get(name)]


def _gapped(marked: bytes, names: Sequence[str]) -> Gapped:
    return Gapped(marked.split(_SLOT), names)


def _in_lines(names: Sequence[str]) -> list[str]:
    """Return names joined by colons in lines that, with what stands around them, have at most 78 octets."""
    lines = [names[0]]
    for name in names[1:]:
        if len(lines[-1]) + len(name) > 70:
            lines.append(name)
        else:
            lines[-1] += f":{name}"
    return lines
