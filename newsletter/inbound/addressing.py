"""Which of our addresses a mail came to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from newsletter.config import NewsletterConfig
from newsletter.delivery.identity.verp import Signed, SignedAddresses, SignedKind
from newsletter.inbound.handling import Addressed
from newsletter.inbound.model import Arrival, Door
from newsletter.inbound.origins import FindOrigin
from newsletter.inbound.reading.header import Header
from subscribers.model import NoticeKind

#: Fields in which servers write the recipient of the envelope, as the transaction did not say it.
TRACES = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-forwarded-to")
#: Fields in which the sender wrote the recipients.
NAMED = ("to", "cc", "resent-to", "resent-cc")
#: Addresses of one mail that are looked at.
MAX_ADDRESSES = 500
#: Octets before the @ (RFC 5321 section 4.5.3.1.1).
MAX_LOCAL = 64
#: What stands behind the ``+`` of the address that ends a subscription.
UNSUBSCRIBE = "unsubscribe"
_BETWEEN = re.compile(r'[\s<>,;:"()\[\]]+')
_TO_CONFIRM = (NoticeKind.CONFIRM, NoticeKind.CONFIRM_ADDRESS)


@dataclass(frozen=True, slots=True)
class _Plain:
    """An address of ours. ``is_command``: one that takes commands, else one that bounces go to."""

    slug: str
    is_command: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """An address of ours that was found, with what stands behind its ``+`` and what that was signed for."""

    plain: _Plain
    extension: str
    signed: Signed | None


class Addressing:
    """Tells the addresses of the newsletters from all others.

    Ours are ``inbound_address`` of each newsletter, which takes commands, ``envelope_from``, or ``from_address`` where that is
    empty, which bounces go to, and NAME+anything@DOMAIN of these. One that is both takes commands. Case does not matter.

    Args:
        newsletters: by slug. Of an address that several have, the first is named.
        signed: reads signed addresses.
        origin: finds the message a signed address belongs to.
    """

    def __init__(self, newsletters: Mapping[str, NewsletterConfig], signed: SignedAddresses, origin: FindOrigin) -> None:
        self._signed, self._origin = signed, origin
        bounces = {
            (newsletter.envelope_from or newsletter.from_address).lower(): _Plain(slug, is_command=False)
            for slug, newsletter in reversed(list(newsletters.items()))
        }
        commands = {
            newsletter.inbound_address.lower(): _Plain(slug, is_command=True)
            for slug, newsletter in reversed(list(newsletters.items()))
            if newsletter.inbound_address
        }
        self._ours = bounces | commands
        self._senders = {newsletter.from_address.lower() for newsletter in newsletters.values()}

    def accepts(self, recipient: str) -> bool:
        """Whether mail to an address is for us to take: one of ours, with anything behind a ``+``."""
        return self._find(recipient) is not None

    def is_own(self, address: str) -> bool:
        """Whether mail from an address is from ourselves."""
        return address.lower() in self._senders or self.accepts(address)

    def look(self, arrival: Arrival, header: Header) -> Addressed:
        """Return which of our addresses a mail came to.

        A signed one wins wherever it stands, as nobody else can make one. Of others those of the envelope count, else those
        that servers wrote down, else those the sender did; and one that bounces go to before one that takes commands.

        Args:
            arrival: as it came.
            header: of the mail.
        """
        traces = (value for name in TRACES for value in header.all(name))
        named = (value for name in NAMED for value in header.all(name))
        levels = [self._all_in(values) for values in (arrival.recipients, traces, named)]
        for found in chain.from_iterable(levels):
            if found.signed is not None:
                return self._by_signature(found.signed, found.plain.slug)
        level = next(filter(None, levels), None)
        if level is None:
            return Addressed(Door.UNKNOWN)
        found = min(level, key=lambda found: found.plain.is_command)
        if not found.plain.is_command:
            door = Door.BOUNCES
        else:
            door = Door.UNSUBSCRIBE if found.extension == UNSUBSCRIBE else Door.PLAIN
        return Addressed(door, newsletter=found.plain.slug)

    def _by_signature(self, signed: Signed, slug: str) -> Addressed:
        origin = self._origin(signed)
        newsletter = origin.newsletter if origin is not None and origin.newsletter else slug
        if signed.kind in (SignedKind.DELIVERY, SignedKind.NOTICE):
            return Addressed(Door.BOUNCES, signed, newsletter)
        is_to_confirm = origin is not None and origin.notice in _TO_CONFIRM
        return Addressed(Door.CONFIRM if is_to_confirm else Door.REPLY, signed, newsletter)

    def _all_in(self, values: Iterable[str]) -> list[_Found]:
        addresses = (word for value in values for word in _BETWEEN.split(value) if "@" in word)
        return [found for address in islice(addresses, MAX_ADDRESSES) if (found := self._find(address)) is not None]

    def _find(self, address: str) -> _Found | None:
        local, _, domain = address.lower().rpartition("@")
        if len(local) > MAX_LOCAL:
            return None
        # An address of ours may hold a "+" itself, so the longest one counts.
        plain, extension = local, ""
        while plain:
            if (ours := self._ours.get(f"{plain}@{domain}")) is not None:
                return _Found(ours, extension, self._signed.read(address) if extension else None)
            plain, _, _ = plain.rpartition("+")
            extension = local[len(plain) + 1 :]
        return None
