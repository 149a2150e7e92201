"""The parts of a mail, found by their boundaries also where these are broken (RFC 2046 section 5)."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import islice, pairwise

from newsletter.inbound.reading.header import Header, HeaderReader
from newsletter.inbound.reading.parameters import content_type
from newsletter.inbound.reading.part import Part
from newsletter.inbound.reading.transfer import undo, with_line_feeds

MAX_LEVELS = 50
MAX_PARTS = 1_000
#: Lines that begin with "--" and are looked at.
MAX_BOUNDARIES = 20_000
#: Bytes of enclosed messages that are copied, beyond four times the length of the mail.
FREE_BYTES = 1 << 20
_DASHED = re.compile(rb"\n(--[^\n]*)")
_EMPTY_LINES = re.compile(rb"\n+")
#: What follows a line that is a boundary, whatever the header says the boundaries are.
_FIELDS_FOLLOW = re.compile(rb"[ \t]*\ncontent-", re.IGNORECASE)
_MESSAGES = frozenset({"message/rfc822", "message/global"})
_HEADERS = frozenset({"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"})
_ENCODED = ("base64", "quoted-printable")


class _Text:
    """Bytes, and where the lines are that may be boundaries: found once for all levels, so that depth costs nothing.

    Args:
        raw: no boundary is at its very begin.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._places: dict[bytes, list[int]] = {}
        self._all: list[tuple[int, bytes]] = []
        for match in islice(_DASHED.finditer(raw), MAX_BOUNDARIES):
            line = match[1].rstrip()
            self._places.setdefault(line, []).append(match.start(1))
            self._all.append((match.start(1), line))
        self.is_beyond = len(self._all) == MAX_BOUNDARIES

    def parts(self, boundary: str, start: int, end: int) -> tuple[list[tuple[int, int]], bool]:
        """Return where each part begins and ends, and whether all is as it should be; no part: there is no boundary."""
        line = b"--" + boundary.encode("latin-1", "replace").rstrip()
        opens = self._between(line, start, end) if boundary else []
        is_whole = bool(opens)
        if not opens:
            line = self._guess(start, end)
            opens = self._between(line, start, end) if line else []
        closes = self._between(line + b"--", start, end) if opens else []
        is_whole = is_whole and bool(closes)
        marks = sorted([(place, True) for place in opens] + [(place, False) for place in closes])
        spans = []
        for (place, is_open), (following, _) in pairwise([*marks, (end + 1, False)]):
            if is_open:
                line_end = self.raw.find(b"\n", place, end)
                part_start = end if line_end < 0 else line_end + 1
                # The line end before a boundary belongs to the boundary.
                spans.append((part_start, max(part_start, min(following - 1, end))))
        return spans, is_whole

    def _between(self, line: bytes, start: int, end: int) -> list[int]:
        places = self._places.get(line, [])
        return places[bisect_left(places, start) : bisect_left(places, end)]

    def _guess(self, start: int, end: int) -> bytes:
        """Return the first line that looks like a boundary, as fields of a part follow it; ``b""`` if none does."""
        for place, line in self._all[bisect_left(self._all, (start, b"")) : bisect_left(self._all, (end, b""))]:
            if len(line) > 2 and _FIELDS_FOLLOW.match(self.raw, place + len(line), end):
                return line
        return b""


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a message or part stands: from ``start`` to ``end``, in how many messages, multiparts and messages together."""

    text: _Text
    start: int
    end: int
    depth: int = 0
    level: int = 0
    alternative: int = 0


class Structure:
    """Takes one mail apart.

    Attributes:
        parts: leaves so far, in order.
        enclosed: headers of enclosed messages so far, in order.
        is_damaged: whether something was cut, missing or beyond the limits.
    """

    def __init__(self, length: int) -> None:
        self.parts: list[Part] = []
        self.enclosed: list[Header] = []
        self._headers = HeaderReader()
        self._has_lost = False
        self._copies_left = 4 * length + FREE_BYTES
        self._parts_left = MAX_PARTS
        self._alternatives = 0

    @property
    def is_damaged(self) -> bool:
        return self._has_lost or self._headers.is_damaged

    def read(self, raw: bytes) -> tuple[Header, str, dict[str, str]]:
        """Take the mail apart; return its header, type and parameters.

        Args:
            raw: the mail; its line ends are line feeds.
        """
        return self._message(_Span(self._text(raw), 0, len(raw)))

    def _text(self, raw: bytes) -> _Text:
        text = _Text(raw)
        self._has_lost |= text.is_beyond
        return text

    def _message(self, at: _Span) -> tuple[Header, str, dict[str, str]]:
        # Empty lines before a message, as some pipes add them, are no end of an empty header.
        empty = _EMPTY_LINES.match(at.text.raw, at.start, at.end)
        header, body = self._headers.read(at.text.raw, at.start if empty is None else empty.end(), at.end)
        return header, *self._entity(header, replace(at, start=body))

    def _entity(self, header: Header, body: _Span, *, otherwise: str = "text/plain") -> tuple[str, dict[str, str]]:
        """Read what stands under a header; return its type, ``otherwise`` if the header names none, and the parameters."""
        kind, parameters = content_type(header.get("content-type"))
        kind = kind or otherwise
        encoding = header.get("content-transfer-encoding").lower()
        if kind.startswith("multipart/"):
            if body.level < MAX_LEVELS and self._multipart(kind, parameters, encoding, body):
                return kind, parameters
            self._leaf(header, "text/plain", parameters, encoding, body)
        else:
            self._leaf(header, kind, parameters, encoding, body)
        return kind, parameters

    def _multipart(self, kind: str, parameters: dict[str, str], encoding: str, body: _Span) -> bool:
        """Read parts; return False if there is no boundary at all."""
        boundary = parameters.get("boundary", "")
        spans, is_whole = body.text.parts(boundary, body.start, body.end)
        if not spans and encoding in _ENCODED and self._may_copy(body.end - body.start):
            # Against the standard, and sent all the same: the whole of the parts in an encoding.
            body = self._decoded(undo(body.text.raw[body.start : body.end], encoding), body)
            spans, is_whole = body.text.parts(boundary, body.start, body.end)
        self._has_lost |= not is_whole
        alternative = body.alternative
        if kind == "multipart/alternative" and not alternative:
            self._alternatives += 1
            alternative = self._alternatives
        otherwise = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        for start, end in spans:
            if self._parts_left <= 0:
                self._has_lost = True
                break
            header, start_of_body = self._headers.read(body.text.raw, start, end)
            inner = replace(body, start=start_of_body, end=end, level=body.level + 1, alternative=alternative)
            self._entity(header, inner, otherwise=otherwise)
        return bool(spans)

    def _leaf(self, header: Header, kind: str, parameters: dict[str, str], encoding: str, at: _Span) -> None:
        if self._parts_left <= 0:
            self._has_lost = True
            return
        self._parts_left -= 1
        body = undo(at.text.raw[at.start : at.end], encoding)
        self.parts.append(Part(header, kind, parameters, at.depth, body, at.alternative))
        if kind in _HEADERS:
            fields = with_line_feeds(body).lstrip(b"\n")
            self.enclosed.append(self._headers.read(fields, 0, len(fields))[0])
        elif kind in _MESSAGES:
            if at.level >= MAX_LEVELS or not self._may_copy(len(body)):
                self._has_lost = True
                return
            if encoding in _ENCODED:
                at = self._decoded(body, at)
            place = len(self.enclosed)
            enclosed, _, _ = self._message(replace(at, depth=at.depth + 1, level=at.level + 1, alternative=0))
            # Before those that it encloses itself.
            self.enclosed.insert(place, enclosed)

    def _decoded(self, body: bytes, at: _Span) -> _Span:
        text = self._text(b"\n" + with_line_feeds(body))
        return replace(at, text=text, start=0, end=len(text.raw))

    def _may_copy(self, length: int) -> bool:
        if length > self._copies_left:
            return False
        self._copies_left -= length
        return True
