"""A mail decoded for show. Whatever the bytes are, something readable comes out and nothing is raised."""

from __future__ import annotations

import base64
import codecs
import re
from dataclasses import dataclass
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser

MAX_HEADERS = 200
MAX_HEADER_CHARS = 10_000
MAX_IMAGE_BYTES = 1_000_000
_IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
#: Families of real character sets; the other codecs Python knows (``unicode_escape``, ``idna``, …) are not for outside text.
_CHARSETS = re.compile(r"(utf|ascii|iso|cp|koi8|gb|big5|shift|euc|hz|mac|johab|latin|tis)")
#: Control characters, line separators, lone surrogates and invisible direction marks; tab and line feed stay.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_FOLD = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """A mail's decoded headers and parts; empty strings where it has none.

    Everything is text from outside, to be escaped; ``html`` is the part as sent, for a locked frame only. ``headers`` are in
    the order sent, at most ``MAX_HEADERS``. ``images`` maps Content-IDs to ``data:`` URLs; ``others`` names the other parts.
    """

    headers: tuple[tuple[str, str], ...]
    text: str = ""
    html: str = ""
    images: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()

    def first(self, name: str) -> str:
        """Return the first header called ``name`` (any case), or ``""``."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def read_head(content: bytes) -> Reading:
    """Decode only the headers of a message, of which ``content`` may be the beginning."""
    return Reading(_headers(_parse(content, headers_only=True)))


def read_message(content: bytes) -> Reading:
    """Decode a message: its first text part and its first HTML part are what it says, the rest stands beside."""
    message = _parse(content)
    text: str | None = None
    html: str | None = None
    images: list[tuple[str, str]] = []
    others: list[str] = []
    for part in _leaves(message):
        kind = part.get_content_type()
        attached = part.get_content_disposition() == "attachment"
        content_id = str(part.get("Content-ID", "")).strip(" <>")
        if kind == "text/plain" and text is None and not attached:
            text = _text(part)
        elif kind == "text/html" and html is None and not attached:
            html = _text(part)
        elif kind in _IMAGE_TYPES and content_id and len(data := _payload(part)) <= MAX_IMAGE_BYTES:
            images.append((content_id, f"data:{kind};base64,{base64.b64encode(data).decode()}"))
        else:
            others.append(printable(f"{kind} {_filename(part)}".strip()))
    return Reading(_headers(message), printable(text or ""), html or "", tuple(images), tuple(others))


def printable(text: str) -> str:
    """Return ``text`` with characters that show nothing, or turn the line round, as U+FFFD."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def _parse(content: bytes, *, headers_only: bool = False) -> Message:
    # The old policy: it keeps headers as they came, where the new one raises on some malformed ones.
    try:
        return BytesParser(policy=policy.compat32).parsebytes(content, headersonly=headers_only)
    except RecursionError:  # parts nested a thousand deep
        return BytesParser(policy=policy.compat32).parsebytes(content, headersonly=True)


def _leaves(message: Message) -> list[Message]:
    found, left = [], [message]
    while left:
        part = left.pop()
        inner = part.get_payload()
        if part.is_multipart() and isinstance(inner, list):
            left += reversed([item for item in inner if isinstance(item, Message)])
        else:
            found.append(part)
    return found


def _headers(message: Message) -> tuple[tuple[str, str], ...]:
    return tuple((printable(str(name)), _header(str(value))) for name, value in list(message.raw_items())[:MAX_HEADERS])


def _header(raw: str) -> str:
    # Bytes that are not ASCII come as surrogates; in a header they can only be meant as UTF-8 (RFC 6532).
    line = _FOLD.sub("", raw[:MAX_HEADER_CHARS]).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        parts = decode_header(line)
    except (HeaderParseError, ValueError):
        return printable(line)
    return printable("".join(part if isinstance(part, str) else _decode(part, charset) for part, charset in parts)).strip()


def _decode(data: bytes, charset: str | None) -> str:
    try:
        known = _CHARSETS.match(codecs.lookup(charset or "utf-8").name) is not None
        return data.decode(charset if charset and known else "utf-8", "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: Message) -> str:
    try:
        charset = part.get_content_charset()
    except (LookupError, ValueError):
        charset = None
    return _decode(_payload(part), charset)


def _filename(part: Message) -> str:
    try:
        return _header(part.get_filename() or "")
    except (LookupError, ValueError):
        return ""
