"""The parts of a mail, found by their boundaries also where these are broken (RFC 2046 section 5)."""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import islice

from newsletter.inbound.reading.header import Header, HeaderReader
from newsletter.inbound.reading.parameters import content_type
from newsletter.inbound.reading.part import Part
from newsletter.inbound.reading.transfer import undo

MAX_LEVELS = 50
MAX_PARTS = 1_000
#: Lines that begin with "--" and are looked at.
MAX_BOUNDARIES = 20_000
#: Bytes of enclosed messages that are copied, beyond four times the length of the mail.
FREE_BYTES = 1 << 20
_DASHED = re.compile(rb"^--[^\n]*", re.MULTILINE)
_MESSAGES = frozenset({"message/rfc822", "message/global"})
_HEADERS = frozenset({"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"})
_ENCODED = ("base64", "quoted-printable")


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

    def read_message(self, raw: bytes, *, depth: int = 0, level: int = 0) -> tuple[Header, str, dict[str, str]]:
        """Take a message with ``\\n`` line ends apart; return its header, type and parameters."""
        text = _Text(raw)
        self._has_lost |= text.is_beyond
        start = _start_of_message(raw)
        header, body = self._headers.read(raw, start, len(raw))
        return header, *self._entity(text, header, body, len(raw), depth=depth, level=level)

    def _entity(
        self,
        text: _Text,
        header: Header,
        start: int,
        end: int,
        *,
        depth: int,
        level: int,
        otherwise: str = "text/plain",
        group: int = 0,
    ) -> tuple[str, dict[str, str]]:
        kind, parameters = content_type(header.get("content-type"))
        kind = kind or otherwise
        encoding = header.get("content-transfer-encoding").lower()
        if kind.startswith("multipart/") and level < MAX_LEVELS:
            if self._multipart(text, kind, parameters, start, end, depth=depth, level=level, group=group):
                return kind, parameters
            if encoding in _ENCODED and self._may_copy(end - start):
                # Against the standard, and sent all the same: the whole of the parts in an encoding.
                inner = _Text(undo(text.raw[start:end], encoding))
                if self._multipart(inner, kind, parameters, 0, len(inner.raw), depth=depth, level=level, group=group):
                    return kind, parameters
        if self._parts_left <= 0:
            self._has_lost = True
            return kind, parameters
        self._parts_left -= 1
        body = undo(text.raw[start:end], encoding)
        leaf = "text/plain" if kind.startswith("multipart/") else kind
        self.parts.append(Part(header, leaf, parameters, depth, body, group))
        if leaf in _MESSAGES:
            self._enclosed_message(body, depth=depth, level=level)
        elif leaf in _HEADERS:
            inner_header, _ = self._headers.read(body, _start_of_message(body), len(body))
            self.enclosed.append(inner_header)
        return kind, parameters

    def _enclosed_message(self, body: bytes, *, depth: int, level: int) -> None:
        if level >= MAX_LEVELS or not self._may_copy(len(body)):
            self._has_lost = True
            return
        place = len(self.enclosed)
        body = body.replace(b"\r\n", b"\n")
        header, _, _ = self.read_message(body, depth=depth + 1, level=level + 1)
        # Before those that it encloses itself.
        self.enclosed.insert(place, header)

    def _multipart(
        self, text: _Text, kind: str, parameters: dict[str, str], start: int, end: int, *, depth: int, level: int, group: int
    ) -> bool:
        """Read the parts between ``start`` and ``end``; return False if there is no boundary at all."""
        spans, is_whole = text.parts(parameters.get("boundary", ""), start, end)
        self._has_lost |= not is_whole
        if kind == "multipart/alternative" and not group:
            self._alternatives += 1
            group = self._alternatives
        otherwise = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        for part_start, part_end in spans:
            if self._parts_left <= 0:
                self._has_lost = True
                break
            header, body = self._headers.read(text.raw, part_start, part_end)
            self._entity(text, header, body, part_end, depth=depth, level=level + 1, otherwise=otherwise, group=group)
        return bool(spans)

    def _may_copy(self, length: int) -> bool:
        self._copies_left -= length
        return self._copies_left >= 0


class _Text:
    """Bytes, and where the lines are that may be boundaries: found once for all levels, so that depth costs nothing."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._places: dict[bytes, list[int]] = {}
        self._all: list[tuple[int, bytes]] = []
        for match in islice(_DASHED.finditer(raw), MAX_BOUNDARIES):
            line = match[0].rstrip()
            self._places.setdefault(line, []).append(match.start())
            self._all.append((match.start(), line))
        self.is_beyond = len(self._all) == MAX_BOUNDARIES

    def parts(self, boundary: str, start: int, end: int) -> tuple[list[tuple[int, int]], bool]:
        """Return where each part begins and ends, and whether all is as it should be; no part: there is no boundary."""
        line = b"--" + boundary.encode("latin-1", "replace").rstrip()
        opens = self._between(line, start, end)
        is_whole = bool(opens)
        if not opens:
            line = self._guess(start, end)
            opens = self._between(line, start, end) if line else []
        closes = self._between(line + b"--", start, end) if opens else []
        is_whole = is_whole and bool(closes)
        marks = sorted([(place, True) for place in opens] + [(place, False) for place in closes])
        spans = []
        for (place, is_open), (following, _) in zip(marks, [*marks[1:], (end + 1, False)], strict=True):
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
            if len(line) > 2 and self.raw[place + len(line) : end].lstrip(b" \t")[:9].lower() == b"\ncontent-":
                return line
        return b""


def _start_of_message(raw: bytes) -> int:
    """Return where the header begins: empty lines before it, as some pipes add them, are no end of an empty header."""
    return len(raw) - len(raw.lstrip(b"\n"))
