"""Signed addresses: what comes back to one names the message it is about, and nobody else can make it do so.

The envelope sender ``bounces@example.org`` of a message becomes ``bounces+TOKEN@example.org`` (VERP), so a bounce says whose it
is; and the address that takes answers, ``papers@example.org``, becomes ``papers+TOKEN@example.org``, so an answer says who
writes. A token is 16 bytes in hexadecimal digits, which survive servers that change the case of addresses::

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
from newsletter.rendering.message.message import TOKEN_LENGTH
from subscribers.tokens import Mac

log = logging.getLogger(__name__)

_KEY_ID = 1
_HEAD_BYTES, _MAC_BYTES = 6, 10
_NUMBERS = 1 << 40
#: Octets before the @ that leave room for a token, of the 64 that there may be (RFC 5321 section 4.5.3.1.1).
LONGEST_PLAIN = 64 - len("+") - TOKEN_LENGTH
_SIGNED = re.compile(rf".+\+([0-9a-fA-F]{{{TOKEN_LENGTH}}})@[^@\s]+", re.DOTALL)


class SignedKind(StrEnum):
    """What a signed address is for, and what its number counts.

    ``DELIVERY`` and ``NOTICE`` are envelope senders: whatever comes to one speaks about that message. ``DELIVERY_REPLY`` and
    ``NOTICE_REPLY`` take answers: whoever writes to one has read that message.
    """

    DELIVERY = "delivery"
    NOTICE = "notice"
    DELIVERY_REPLY = "delivery_reply"
    NOTICE_REPLY = "notice_reply"


_HEADS = {kind: (_KEY_ID << 4 | code) << 40 for code, kind in enumerate(SignedKind, 1)}
_KINDS = {head >> 40: kind for kind, head in _HEADS.items()}


@dataclass(frozen=True, slots=True)
class Signed:
    """What an address of ours said: the message it belongs to. Whether that was ever sent is another question."""

    kind: SignedKind
    number: int


class SignedAddresses:
    """Makes signed addresses and reads them back.

    Args:
        secret: the installation's key.
    """

    def __init__(self, secret: bytes) -> None:
        # Derived, so that this key is never the same bytes as one for another use of the secret.
        self._mac = Mac(hmac.digest(secret, b"newsletter.bounces", "sha256"))

    def make(self, plain: str, kind: SignedKind, number: int) -> str:
        """Return the signed address that belongs to one message.

        Args:
            plain: the address without a token, at most 31 octets before the @.
            kind: what ``number`` counts.
            number: of the delivery or notice, 0 to 2**40 - 1.

        Raises:
            ValueError: with the token the part before the @ is longer than 64 octets, or ``number`` is out of range.
        """
        local, _, domain = plain.rpartition("@")
        if len(local) > LONGEST_PLAIN:
            raise ValueError(f"more than {LONGEST_PLAIN} octets before the @ leave no room for a token")
        return f"{local}+{self.token(kind, number)}@{domain}"

    def token(self, kind: SignedKind, number: int) -> str:
        """Return what stands behind the ``+``: 32 hexadecimal digits in lower case.

        Raises:
            ValueError: ``number`` is out of range.
        """
        if not 0 <= number < _NUMBERS:
            raise ValueError("the number is out of range")
        head = (_HEADS[kind] | number).to_bytes(_HEAD_BYTES, "big")
        return (head + self._mac.of(head)[:_MAC_BYTES]).hex()

    def read(self, recipient: str) -> Signed | None:
        """Return what the address a mail came to was signed for; None if we did not sign it, or it is no such address.

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

    def __init__(self, newsletters: Mapping[str, NewsletterConfig], bounces: SignedAddresses) -> None:
        self._bounces = bounces
        self._plain = {slug: newsletter.envelope_from or newsletter.from_address for slug, newsletter in newsletters.items()}
        self._signed = {slug for slug, newsletter in newsletters.items() if newsletter.verp and newsletter.envelope_from}
        for slug in sorted(self._signed):
            try:
                bounces.make(self._plain[slug], SignedKind.DELIVERY, 0)
            except ValueError:
                log.warning("verp.no_room newsletter=%s hint=shorten-envelope_from", slug)
                self._signed.discard(slug)

    def of(self, newsletter: str, kind: SignedKind, number: int) -> str:
        """Return the one of a message; ``newsletter`` is the slug of one that is there."""
        plain = self._plain[newsletter]
        return self._bounces.make(plain, kind, number) if newsletter in self._signed else plain
