r"""A message body as a list of pieces, most of which other bodies have too: what it weighs in storage is the list.

A piece is whole lines of an encoded message, each with its CRLF, so that pieces one behind the other are lines again;
``\0NAME\0`` stands where the slot NAME is to be filled.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter

from newsletter.rendering.errors import RenderingError
from newsletter.rendering.message.lint import Expectation
from newsletter.rendering.message.message import Gapped, Personal, expected_of, is_wire_safe, read_expectation

#: Characters of a key.
KEY_LENGTH = 24
_FORMAT = b"composed-body 3\n"
_MARK = b"\0"
#: Stands for a piece that is stored with the body.
_OWN = "-"


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of messages.

    Attributes:
        parts: ASCII lines, and in every second place the value of a slot, which is empty here.
        names: of the slots, in order.
        key: hash of the content, to store it under once for all bodies of an issue; ``""``: these are words of few bodies, and
            stored with each.
        is_wire_safe: whether its lines go over the wire as they are; see :func:`~newsletter.rendering.message.is_wire_safe`.
    """

    parts: tuple[bytes, ...]
    names: tuple[str, ...]
    key: str
    is_wire_safe: bool

    @property
    def content(self) -> bytes:
        """All of it, slots marked."""
        if not self.names:
            return self.parts[0]
        parts = list(self.parts)
        parts[1::2] = [b"%b%b%b" % (_MARK, name.encode(), _MARK) for name in self.names]
        return b"".join(parts)


def shared_piece(content: bytes) -> Piece:
    """Return a piece to be stored once."""
    return _piece(content, _key_of(content))


def own_piece(content: bytes) -> Piece:
    """Return a piece to be stored with each body it is of."""
    return _piece(content, "")


def _piece(content: bytes, key: str) -> Piece:
    parts = content.split(_MARK)
    names = tuple([name.decode() for name in parts[1::2]])
    safe = is_wire_safe(Gapped(parts[::2], names))
    parts[1::2] = [b""] * len(names)
    return Piece(tuple(parts), names, key, safe)


_is_safe = attrgetter("is_wire_safe")


@dataclass(frozen=True, slots=True)
class PiecedBody:
    """An encoded message but for its slots, like a :class:`~newsletter.rendering.message.ComposedBody`, in pieces.

    Attributes:
        html_bytes: encoded size of the HTML part.
        subject: as readers see it.
        common: what every message of it must say but for the subject, as :func:`common_piece` makes it.
        pieces: in order.
    """

    html_bytes: int
    subject: str
    common: Piece
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Octets of a message but for its slots."""
        return sum([len(part) for piece in self.pieces for part in piece.parts])

    def expectation(self, personal: Personal) -> Expectation:
        """Return what the linter should expect of one reader's message."""
        return expected_of(replace(read_expectation(json.loads(self.common.content)), subject=self.subject), personal)

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Return the whole with each slot filled: the fastest way to a single message.

        Raises:
            KeyError: there is no value for a slot.
        """
        filled: list[bytes] = []
        for piece in self.pieces:
            if piece.names:
                parts = list(piece.parts)
                parts[1::2] = [values[name] for name in piece.names]
                filled += parts
            else:
                filled.append(piece.parts[0])
        return b"".join(filled)

    def gapped(self) -> Gapped:
        """Return it in the form that is filled in fastest, for whoever makes many messages of it."""
        texts = [b""]
        for piece in self.pieces:
            texts[-1] += piece.parts[0]
            texts += piece.parts[2::2]
        return Gapped(texts, [name for piece in self.pieces for name in piece.names])

    def is_wire_safe(self) -> bool:
        """Whether every message for an ASCII address goes over the wire as it is."""
        return all(map(_is_safe, self.pieces))

    def to_bytes(self) -> bytes:
        """Return what to store besides the shared pieces; :func:`read_recipe` reads it."""
        keys = " ".join([piece.key or _OWN for piece in self.pieces])
        own = [piece.content.decode() for piece in self.pieces if not piece.key]
        return _FORMAT + json.dumps([self.html_bytes, self.subject, self.common.key, keys, own]).encode()


@dataclass(frozen=True, slots=True)
class Recipe:
    """A stored body, its shared pieces by their keys: ``common`` is one, and what is text in ``items``."""

    html_bytes: int
    subject: str
    common: str
    items: Sequence[str | Piece]

    @property
    def keys(self) -> list[str]:
        """Keys of the pieces it takes."""
        return [self.common, *[item for item in self.items if isinstance(item, str)]]

    def body(self, pieces: Mapping[str, Piece]) -> PiecedBody:
        """Return the body made of its own words and ``pieces``, by key.

        Raises:
            RenderingError: a piece is missing.
        """
        try:
            made = tuple([pieces[item] if isinstance(item, str) else item for item in self.items])
            return PiecedBody(self.html_bytes, self.subject, pieces[self.common], made)
        except KeyError as error:
            raise RenderingError(f"the stored piece {error} of a message body is missing; restore it from a backup") from error


def common_piece(common: Expectation) -> Piece:
    """Return what all messages of an issue must say, in the form that is stored; the subject does not count."""
    content = json.dumps(asdict(replace(common, subject=""))).encode()
    return Piece((content,), (), _key_of(content), is_wire_safe=False)


def is_pieced(stored: bytes) -> bool:
    """Whether stored bytes are of a body in pieces, and not of a :class:`~newsletter.rendering.message.ComposedBody`."""
    return stored.startswith(_FORMAT)


def read_recipe(stored: bytes) -> Recipe:
    """Read what :meth:`PiecedBody.to_bytes` wrote.

    Raises:
        RenderingError: it is damaged.
    """
    try:
        html_bytes, subject, common, keys, own = json.loads(stored[len(_FORMAT) :])
        words = [own_piece(content.encode()) for content in own]
        items = tuple([words.pop(0) if key == _OWN else key for key in keys.split(" ")])
        return Recipe(int(html_bytes), str(subject), str(common), items)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise RenderingError(f"a stored message body is damaged ({error}); restore it from a backup") from error


def read_piece(key: str, content: bytes) -> Piece:
    """Return a stored piece.

    Raises:
        RenderingError: its content is another than that it was stored with.
    """
    if _key_of(content) != key:
        raise RenderingError(f"the stored piece {key!r} of a message body is damaged; restore it from a backup")
    return _piece(content, key)


def _key_of(content: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(content).digest()[: KEY_LENGTH * 3 // 4]).decode()
