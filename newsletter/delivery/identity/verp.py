"""Signed envelope senders (VERP): a bounce names the one message it is about, and nobody else can make it do so.

The envelope sender ``bounces@example.org`` of a message becomes ``bounces+TOKEN@example.org``. A token is 16 bytes in
hexadecimal digits, which survive servers that change the case of addresses::

    key id (4 bit) | kind (4 bit) | number (5 bytes, big-endian) | HMAC-SHA-256 of what stands before, cut to 10 bytes
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from newsletter.config import NewsletterConfig
from subscribers.tokens import Mac

log = logging.getLogger(__name__)

TOKEN_LENGTH = 32
#: Octets of a local part (RFC 5321 section 4.5.3.1.1).
_LONGEST_LOCAL = 64
_KEY_ID = 1
_HEAD_BYTES, _MAC_BYTES = 6, 10
_NUMBERS = 1 << 40
_SIGNED = re.compile(rf".+\+([0-9a-fA-F]{{{TOKEN_LENGTH}}})@[^@\s]+", re.DOTALL)


class BounceKind(StrEnum):
    """What the number in an envelope sender counts."""

    DELIVERY = "delivery"
    NOTICE = "notice"


_HEADS = {kind: (_KEY_ID << 4 | code) << 40 for code, kind in enumerate(BounceKind, 1)}
_KINDS = {head >> 40: kind for kind, head in _HEADS.items()}


@dataclass(frozen=True, slots=True)
class Signed:
    """What an envelope sender of ours said: the message it belongs to. Whether that was ever sent is another question."""

    kind: BounceKind
    number: int


class BounceAddresses:
    """Makes signed envelope senders and reads them back.

    Args:
        secret: the installation's key.
    """

    def __init__(self, secret: bytes) -> None:
        # Derived, so that this key is never the same bytes as one for another use of the secret.
        self._mac = Mac(hmac.digest(secret, b"newsletter.bounces", "sha256"))

    def make(self, envelope_from: str, kind: BounceKind, number: int) -> str:
        """Return the envelope sender of one message.

        Args:
            envelope_from: the plain one, at most 31 octets before the @.
            kind: what ``number`` counts.
            number: of the delivery or notice, 0 to 2**40 - 1.

        Raises:
            ValueError: with the token the part before the @ is longer than 64 octets, or ``number`` is out of range.
        """
        local, _, domain = envelope_from.rpartition("@")
        if len(local) + 1 + TOKEN_LENGTH > _LONGEST_LOCAL:
            raise ValueError(f"more than {_LONGEST_LOCAL - 1 - TOKEN_LENGTH} octets before the @ leave no room for a token")
        if not 0 <= number < _NUMBERS:
            raise ValueError("the number is out of range")
        head = (_HEADS[kind] | number).to_bytes(_HEAD_BYTES, "big")
        return f"{local}+{(head + self._mac.of(head)[:_MAC_BYTES]).hex()}@{domain}"

    def read(self, recipient: str) -> Signed | None:
        """Return what the address a bounce came to was signed for; None if we did not sign it, or it is no such address.

        Only the token is looked at: its case does not matter, and neither does which of our addresses it stands in.
        """
        found = _SIGNED.fullmatch(recipient)
        if found is None:
            return None
        token = bytes.fromhex(found[1])
        head, mac = token[:_HEAD_BYTES], token[_HEAD_BYTES:]
        if not hmac.compare_digest(mac, self._mac.of(head)[:_MAC_BYTES]):
            return None
        kind = _KINDS.get(head[0])
        return None if kind is None else Signed(kind, int.from_bytes(head[1:], "big"))


class EnvelopeSenders:
    """The envelope sender of each message, as its newsletter wants it: signed, or the plain one.

    Args:
        newsletters: by slug. One whose address has no room for a token is sent from the plain one, and the log says so.
        bounces: signs.
    """

    def __init__(self, newsletters: Mapping[str, NewsletterConfig], bounces: BounceAddresses) -> None:
        self._bounces = bounces
        self._plain = {slug: newsletter.envelope_from or newsletter.from_address for slug, newsletter in newsletters.items()}
        self._signed = {slug for slug, newsletter in newsletters.items() if newsletter.verp and newsletter.envelope_from}
        for slug in sorted(self._signed):
            try:
                bounces.make(self._plain[slug], BounceKind.DELIVERY, 0)
            except ValueError:
                log.warning("verp.no_room newsletter=%s hint=shorten-envelope_from", slug)
                self._signed.discard(slug)

    def of(self, newsletter: str, kind: BounceKind, number: int) -> str:
        """Return the one of a message; ``newsletter`` is the slug of one that is there."""
        plain = self._plain[newsletter]
        return self._bounces.make(plain, kind, number) if newsletter in self._signed else plain
