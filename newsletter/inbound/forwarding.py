"""What people write and no command is in goes on to whoever runs the newsletter."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from newsletter.config import NewsletterConfig
from newsletter.inbound.handling import Handled, Received
from newsletter.inbound.model import Door
from newsletter.inbound.noted import origin_of
from newsletter.inbound.origins import FindOrigin
from newsletter.inbound.reading.header import Header
from newsletter.inbound.reading.mail import Mail
from newsletter.inbound.reading.quoting import own_words
from newsletter.inbound.sorting.automatic import is_automatic
from newsletter.notices.operator import operator_mail
from newsletter.rendering.words.text import clean, shorten
from subscribers.address import parse_address
from subscribers.errors import AddressError, UnknownSubscriberError
from subscribers.model import Notice, NoticeKind, SubscriberId

#: Of a mail that goes on: what is longer is cut, and the covering text says so.
MAX_ATTACHED = 512 * 1024
#: More servers than that have had it in hand: it goes in a circle (RFC 5321 section 6.3).
MAX_HOPS = 50
#: Characters of a field that are shown.
_SHOWN = 160
#: Doors that only who has read a mail of ours can find.
_ANSWERED = frozenset({Door.REPLY, Door.CONFIRM})
#: Characters of what was written that are shown in the covering text, and lines.
_QUOTED, _QUOTED_LINES = 1000, 30
_NAMES_AN_ADDRESS = re.compile(r'[\s<>,;:"()\[\]]+')


class Forwarder:
    """Handler of mails that a person wrote: one mail a recipient, with the original beside a covering text.

    What is automatic is not passed on, nor what comes from ourselves or from one of the recipients, or goes in a circle, nor
    more in an hour than somebody can read: it is kept, and listed with that outcome. The mails leave with the null sender, so
    that nothing that fails on their way comes back.

    Args:
        newsletters: by slug; a mail goes on in the name of the one it was written to.
        forward_to: addresses; none: nothing goes on.
        is_own: tells addresses of ours.
        origin: finds the message of ours that was answered.
        secret: behind the Message-IDs.
        may_forward: counts a mail, by its number and the instant (aware UTC), and says whether it may go on.
        heard_from: told of a reader who answered a mail of ours: their mailbox lives.
    """

    def __init__(
        self,
        newsletters: Mapping[str, NewsletterConfig],
        *,
        forward_to: Sequence[str],
        is_own: Callable[[str], bool],
        origin: FindOrigin,
        secret: bytes,
        may_forward: Callable[[int, datetime], bool],
        heard_from: Callable[[SubscriberId], None],
    ) -> None:
        self._newsletters = newsletters
        self._forward_to = forward_to
        self._recipients = {address.lower() for address in forward_to}
        self._is_own = is_own
        self._origin = origin
        self._may_forward, self._heard_from = may_forward, heard_from
        # Derived, so that this key is never the same bytes as one for another use of the secret.
        self._key = hmac.digest(secret, b"newsletter.inbound.forwarding", "sha256")

    def handle(self, received: Received, *, now: datetime) -> Handled:
        """Pass a mail on; again with the same Message-ID if it is handled again."""
        about = origin_of(received, self._origin)
        person = None if about is None else about.subscriber_id
        slug = received.addressed.newsletter
        why = self._why_not(received)
        if person is not None and not why and received.addressed.door in _ANSWERED:
            with suppress(UnknownSubscriberError):  # they may be gone since
                self._heard_from(person)
        if not self._forward_to:
            return Handled("human.kept", person, slug)
        if why:
            return Handled(f"human.not_forwarded.{why}", person, slug)
        if not self._may_forward(received.stored.id, now):
            return Handled("human.not_forwarded.too_many", person, slug)
        notices = tuple(self._notice(received, to, now) for to in self._forward_to)
        return Handled("human.forwarded", person, slug, notices=notices)

    def _why_not(self, received: Received) -> str:
        header = received.mail.header
        writers = _addresses(header, "from") + _addresses(header, "sender")
        sender = received.stored.arrival.envelope_from
        # An answering machine of a recipient that heeds no rule would make us talk to it for ever.
        if any(address.lower() in self._recipients or self._is_own(address) for address in (*writers, sender or "")):
            return "own"
        if is_automatic(received.mail, sender):
            return "automatic"
        if len(header.all("received")) > MAX_HOPS or header.get("x-loop"):
            return "circle"
        return ""

    def _notice(self, received: Received, to: str, now: datetime) -> Notice:
        slug = received.addressed.newsletter
        newsletter = self._newsletters.get(slug) or next(iter(self._newsletters.values()))
        header, raw, number = received.mail.header, received.stored.arrival.raw, received.stored.id
        named = hmac.digest(self._key, f"{number} {to}".encode(), hashlib.sha256).hex()[:32]
        content = operator_mail(
            newsletter,
            to=to,
            subject=f"[{newsletter.name}] {_one_line(header, 'subject') or 'a mail without a subject'}",
            text=_covering(received, newsletter.name),
            attached=raw[:MAX_ATTACHED],
            reply_to=_answer_to(received.mail),
            message_id=f"<{named}@{newsletter.from_address.rpartition('@')[2]}>",
            date=now,
        )
        return Notice(NoticeKind.OPERATOR, None, to, slug, reference=number, content=content)


def _covering(received: Received, name: str) -> str:
    header, stored = received.mail.header, received.stored
    is_cut = len(stored.arrival.raw) > MAX_ATTACHED
    is_proven = received.addressed.signed is not None
    answer_to = _answer_to(received.mail)
    lines = [
        f"{'A reader' if is_proven else 'Somebody'} wrote to {name}, and it is no command.",
        "",
        f"From:     {_one_line(header, 'from') or '-'}",
        f"Subject:  {_one_line(header, 'subject') or '-'}",
        f"Received: {stored.received_at:%Y-%m-%d %H:%M} UTC",
        "",
        *_beginning(received.mail),
        f"The mail is attached{f', cut behind its first {MAX_ATTACHED // 1024} kB' if is_cut else ''}.",
        (
            f"An answer to this one goes to {answer_to}{'' if is_proven else '; who wrote is not proven'}."
            if answer_to
            else "It does not name one address to answer to."
        ),
        f"It is kept here as number {stored.id}: newsletter inbound show {stored.id}",
    ]
    return "\n".join(lines) + "\n"


def _beginning(mail: Mail) -> list[str]:
    """Return the first lines of what was written, indented, with an empty line behind them; none if nothing was."""
    lines = [clean(line) for line in own_words(mail)[: 2 * _QUOTED].splitlines()]
    written = [line for line in lines if line][:_QUOTED_LINES]
    return [*(f"    {shorten(line, _QUOTED)}" for line in written), ""] if written else []


def _one_line(header: Header, name: str) -> str:
    return shorten(clean(header.get(name)[: 4 * _SHOWN]), _SHOWN)


def _answer_to(mail: Mail) -> str:
    """Return the one ASCII address that an answer goes to (RFC 5322 section 3.6.2); ``""`` if that is not one."""
    wanted = _addresses(mail.header, "reply-to") or _addresses(mail.header, "from")
    return wanted[0] if len(wanted) == 1 and wanted[0].isascii() else ""


def _addresses(header: Header, name: str) -> tuple[str, ...]:
    """Return the addresses of a field, each once; what is not a plain one is left out."""
    found: dict[str, None] = {}
    for value in header.all(name):
        for word in _NAMES_AN_ADDRESS.split(value):
            if "@" not in word:
                continue
            try:
                found.setdefault(parse_address(word).value)
            except AddressError:
                continue
    return tuple(found)
