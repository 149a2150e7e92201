"""A message as bytes with gaps: composed once per digest or letter, filled in per reader.

The gaps ("slots") are found by placeholders of 32 characters that depend on a secret nonce, so that no text from outside can be
one. Tokens have the very length and alphabet of their placeholders: filling them in moves no line end.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from newsletter.rendering.errors import RenderingError
from newsletter.rendering.message.encode import places_of
from newsletter.rendering.message.lint import LIST_ID, LIST_UNSUBSCRIBE, LIST_UNSUBSCRIBE_POST, MAX_LINE, REPLY_TO, Expectation
from subscribers.tokens import Mac

TOKEN_LENGTH = 32
TO, MESSAGE_ID, DATE = "to", "message-id", "date"
#: Slots of tokens, each named after what its link is for; ``REPLY`` is that of the address that answers come to.
UNSUBSCRIBE, CONFIRM, PREFERENCES, FEEDBACK, REPLY = "unsubscribe", "confirm", "preferences", "feedback", "reply"

_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{TOKEN_LENGTH}}}")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
#: Octets of a local part, an @ and a domain (RFC 5321 section 4.5.3.1).
_LONGEST_ADDRESS = 320
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._-]{1,64}@[A-Za-z0-9.-]{1,255}>")
_LONGEST_MESSAGE_ID = 322
#: That of a mail of somebody else (RFC 5322 section 3.6.4), but for quoted strings and domain literals.
_FOREIGN_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+>")
_DATE_LENGTH = len("Thu, 01 Jan 1970 00:00:00 +0000")
_LONGEST = {TO: b"." * _LONGEST_ADDRESS, MESSAGE_ID: b"<" * _LONGEST_MESSAGE_ID, DATE: b"F" * _DATE_LENGTH}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FORMAT, _FORMAT_1 = b"composed-body 2\n", b"composed-body 1\n"
_LARGEST = 16_000_000


@dataclass(frozen=True, slots=True)
class Personal:
    """What one reader's message has and the others do not.

    Attributes:
        recipient: one address for the To field; its domain as A-labels, before the @ perhaps UTF-8 (RFC 6532).
        message_id: with its angle brackets; see :func:`message_id`.
        dated_at: aware; for the Date field, printed in UTC.
        tokens: by slot name, 32 characters of the base64url alphabet each; names that the body has no slot for are ignored.
    """

    recipient: str
    message_id: str
    dated_at: datetime
    tokens: Mapping[str, str]

    def encoded(self) -> dict[str, bytes]:
        """Return the value of each slot.

        Raises:
            ValueError: an address, message id or token is not of its form, or the date is naive.
        """
        if not _MESSAGE_ID.fullmatch(self.message_id):
            raise ValueError("not a message id")
        values = {
            TO: encoded_recipient(self.recipient),
            MESSAGE_ID: self.message_id.encode(),
            DATE: date_field(self.dated_at).encode(),
        }
        for name, token in self.tokens.items():
            if not _TOKEN.fullmatch(token):
                raise ValueError(f"the {name} token is not {TOKEN_LENGTH} characters of base64url")
            values[name] = token.encode()
        return values


class Gapped:
    """Bytes with named gaps: ``texts[0]``, the gap ``names[0]``, ``texts[1]``, … and the last of ``texts``."""

    __slots__ = ("_pick", "_pieces", "names", "texts")

    def __init__(self, texts: Sequence[bytes], names: Sequence[str]) -> None:
        if len(texts) != len(names) + 1:
            raise ValueError("there must be one text more than gaps")
        self.texts, self.names = tuple(texts), tuple(names)
        self._pieces = [b""] * (len(texts) + len(names))
        self._pieces[::2] = texts
        self._pick = _picker(self.names)

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Return the whole with each gap filled; the values are taken as they are.

        Raises:
            KeyError: there is no value for a gap.
        """
        pieces = self._pieces.copy()
        pieces[1::2] = self._pick(values)
        return b"".join(pieces)


def _picker(names: tuple[str, ...]) -> Callable[[Mapping[str, bytes]], Sequence[bytes]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: [values[name] for name in names]


@dataclass(frozen=True, slots=True)
class ComposedBody:
    """An encoded message but for its slots. ``pieces`` has an empty place for each of ``slots`` (place, slot name).

    ``html_bytes`` is the encoded size of the HTML part, which mailbox providers clip. ``common`` is what every message of it
    must say: an expectation without recipient, whose links are named after their slots and end where the token begins, and in
    whose addresses the slot of the token is marked.
    """

    html_bytes: int
    common: Expectation
    pieces: tuple[bytes, ...]
    slots: tuple[tuple[int, str], ...]

    @property
    def subject(self) -> str:
        """The Subject as readers see it."""
        return self.common.subject

    @property
    def size(self) -> int:
        """Octets of a message but for its slots."""
        return sum(map(len, self.pieces))

    def expectation(self, personal: Personal) -> Expectation:
        """Return what the linter should expect of ``splice(personal)``: what was true when the body was composed."""
        return expected_of(self.common, personal)

    def gapped(self) -> Gapped:
        """Return it in the form that is filled in fastest, for whoever makes many messages of it."""
        names = dict(self.slots)
        texts = [b""]
        for place, piece in enumerate(self.pieces):
            if place in names:
                texts.append(b"")
            else:
                texts[-1] += piece
        return Gapped(texts, [names[place] for place in sorted(names)])

    def splice(self, personal: Personal) -> bytes:
        """Return the whole message for one reader: CRLF line ends, no line that begins with a dot, and 7-bit if the address is.

        Equal arguments give equal bytes.

        Raises:
            ValueError: an address, message id or token is not of its form, or a token is missing.
        """
        values = personal.encoded()
        try:
            return self.gapped().fill(values)
        except KeyError as error:
            raise ValueError(f"no value for the slot {error}") from error

    def is_wire_safe(self) -> bool:
        """Whether every message for an ASCII address goes over the wire as it is; see :func:`is_wire_safe`."""
        return is_wire_safe(self.gapped())

    def to_bytes(self) -> bytes:
        """Return a compact form to store; :meth:`from_bytes` reads it."""
        head = {
            "html_bytes": self.html_bytes,
            "common": asdict(self.common),
            "lengths": [len(piece) for piece in self.pieces],
            "slots": self.slots,
        }
        return _FORMAT + zlib.compress(json.dumps(head).encode() + b"\n" + b"".join(self.pieces), 6)

    @classmethod
    def from_bytes(cls, stored: bytes) -> ComposedBody:
        """Read what :meth:`to_bytes` wrote, also what it wrote before there were letters: an open issue outlives an upgrade.

        Raises:
            RenderingError: not such bytes, or of a later version of the format.
        """
        if not stored.startswith((_FORMAT, _FORMAT_1)):
            raise RenderingError("a stored message body is of an unknown format; was it written by a newer version?")
        try:
            unpacked = zlib.decompressobj().decompress(stored[len(_FORMAT) :], _LARGEST)
            line, _, content = unpacked.partition(b"\n")
            head = json.loads(line)
            pieces, start = [], 0
            for length in head["lengths"]:
                pieces.append(content[start : start + length])
                start += length
            slots = tuple((int(place), str(name)) for place, name in head["slots"])
            read = read_expectation if stored.startswith(_FORMAT) else _read_expectation_1
            body = cls(int(head["html_bytes"]), read(head["common"]), tuple(pieces), slots)
        except (zlib.error, ValueError, KeyError, TypeError) as error:
            raise RenderingError(f"a stored message body is damaged ({error}); restore it from a backup") from error
        if start != len(content) or any(place >= len(pieces) for place, _ in slots):
            raise RenderingError("a stored message body is damaged (its lengths do not add up); restore it from a backup")
        return body


def is_wire_safe(lines: Gapped) -> bool:
    """Whether whole lines go over the wire as they are, whatever the values in their gaps, if the address is ASCII.

    That is: 7-bit, CRLF line ends and no other, no NUL, no line that begins with a dot or has more than 998 octets
    (RFC 5321 sections 2.3.8, 4.5.2 and 4.5.3.1.6). Gaps count with the longest and oddest value they may be filled with.
    """
    data = lines.fill({**dict.fromkeys(lines.names, b"-" * TOKEN_LENGTH), **_LONGEST}) if lines.names else lines.texts[0]
    split = data.split(b"\r\n")
    text = b"".join(split)
    return (
        text.isascii()
        and not any(octet in text for octet in (b"\r", b"\n", b"\0"))
        and split[-1] == b""
        and not data.startswith(b".")
        and b"\n." not in data
        and max(map(len, split)) <= MAX_LINE
    )


def expected_of(common: Expectation, personal: Personal) -> Expectation:
    """Return what the linter should expect of one reader's message; ``common`` is what all of a body have in common."""
    links = tuple((name, f"{url}{personal.tokens[name]}") for name, url in common.links)
    token = personal.tokens.get(REPLY, "")
    return replace(
        common,
        recipient=personal.recipient,
        links=links,
        reply_to=common.reply_to.replace(marked_slot(REPLY), token),
        commands_to=common.commands_to.replace(marked_slot(REPLY), token),
    )


def marked_slot(name: str) -> str:
    r"""Return what stands for a slot in words that are kept with a body: ``\0NAME\0``."""
    return f"\0{name}\0"


def read_expectation(stored: dict[str, Any]) -> Expectation:
    """Read an expectation from its fields as JSON keeps them.

    Raises:
        KeyError, TypeError, ValueError: not its fields.
    """
    links = tuple((str(name), str(url)) for name, url in stored["links"])
    return Expectation(**{**stored, "fields": tuple(stored["fields"]), "links": links, "forbidden": tuple(stored["forbidden"])})


def _read_expectation_1(stored: dict[str, Any]) -> Expectation:
    """Read what format 1 stored: every message was a digest, with one link that had to be there."""
    kept = {name: stored[name] for name in ("recipient", "from_name", "from_address", "subject", "picture_base")}
    return Expectation(
        **kept,
        fields=(*([REPLY_TO] if stored["has_reply_to"] else []), LIST_ID, LIST_UNSUBSCRIBE, LIST_UNSUBSCRIBE_POST),
        links=((UNSUBSCRIBE, stored["unsubscribe_url"]),),
        forbidden=tuple(stored["forbidden"]),
    )


class Slots:
    """The placeholders of one message.

    Args:
        nonce: at least 16 bytes that nobody outside knows; equal ones give equal placeholders.
    """

    def __init__(self, nonce: bytes) -> None:
        if len(nonce) < 16:
            raise ValueError("the nonce must have at least 16 bytes")
        self._nonce = nonce
        self._names: dict[str, str] = {}

    def placeholder(self, name: str) -> str:
        """Return what stands for the slot ``name`` until it is filled: 32 characters of the base64url alphabet."""
        mac = hmac.digest(self._nonce, f"slot {name}".encode(), hashlib.sha256)
        text = urlsafe_b64encode(mac[:24]).decode()
        self._names[text] = name
        return text

    def boundary(self, of: str = "boundary") -> str:
        """Return a MIME boundary: it holds ``=_``, which quoted-printable and base64 never do (RFC 2045 section 6.7)."""
        return f"=_{hmac.digest(self._nonce, of.encode(), hashlib.sha256)[:16].hex()}"

    @property
    def placeholders(self) -> tuple[str, ...]:
        """All placeholders handed out so far."""
        return tuple(self._names)

    def mark(self, text: str) -> str:
        r"""Return ``text`` with ``\0NAME\0`` in the place of each slot's placeholder."""
        for placeholder, name in self._names.items():
            text = text.replace(placeholder, marked_slot(name))
        return text

    def cut(self, message: str) -> tuple[tuple[bytes, ...], tuple[tuple[int, str], ...]]:
        """Cut an ASCII message at its placeholders into pieces and slots as :class:`ComposedBody` wants them."""
        pieces: list[bytes] = []
        slots: list[tuple[int, str]] = []
        done = 0
        for place, placeholder in places_of(self._names, message):
            pieces += message[done:place].encode("ascii"), b""
            slots.append((len(pieces) - 1, self._names[placeholder]))
            done = place + len(placeholder)
        return (*pieces, message[done:].encode("ascii")), tuple(slots)


def encoded_recipient(recipient: str) -> bytes:
    """Return an address as the To field names it: in UTF-8 (RFC 6532), which for almost every address is ASCII.

    Raises:
        ValueError: it is not one plain address with a domain in ASCII.
    """
    if _ADDRESS.fullmatch(recipient) and recipient.isprintable() and len(encoded := recipient.encode()) <= _LONGEST_ADDRESS:
        return encoded
    raise ValueError("the recipient is not one plain address")


class MessageIds:
    """The Message-IDs of issues for readers: always the same, and telling nothing to others.

    Args:
        secret: the installation's key.
        domain: ours; stands on the right side (RFC 5322 section 3.6.4).
    """

    def __init__(self, secret: bytes, domain: str) -> None:
        self._mac = Mac(secret)
        self._end = f"@{domain}>"
        if not _MESSAGE_ID.fullmatch(f"<x{self._end}"):
            raise ValueError("a message id cannot end in this domain")

    def of(self, issue_id: int, subscriber_id: int) -> str:
        """Return the one of an issue for a reader, with its angle brackets."""
        return f"<{self._mac.of(b'message-id %d %d' % (issue_id, subscriber_id))[:16].hex()}{self._end}"


def is_message_id(text: str) -> bool:
    """Whether ``text`` is a plain message id with its angle brackets, short enough for a line of its own."""
    return len(text) <= _LONGEST_MESSAGE_ID and _FOREIGN_ID.fullmatch(text) is not None


def message_id(secret: bytes, issue_id: int, subscriber_id: int, domain: str) -> str:
    """Return the Message-ID of one issue for one reader; see :class:`MessageIds`."""
    return MessageIds(secret, domain).of(issue_id, subscriber_id)


def date_field(moment: datetime) -> str:
    """Return an aware instant as RFC 5322 section 3.3 prints it, in UTC.

    Raises:
        ValueError: ``moment`` is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("the date of a message must be aware")
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return (
        f"{_DAYS[utc.weekday()]}, {utc.day:02d} {_MONTHS[utc.month - 1]} {utc.year:04d} "
        f"{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d} +0000"
    )
