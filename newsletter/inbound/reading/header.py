"""The fields of a header: found, unfolded and decoded (RFC 5322 section 2.2, RFC 2047)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.inbound.reading.charsets import decode
from newsletter.inbound.reading.transfer import with_line_feeds
from newsletter.inbound.reading.words import decode_words

#: Fields of a whole mail.
MAX_FIELDS = 4_000
MAX_FIELD_BYTES = 64 * 1024
#: Encoded words of a whole mail that are decoded.
MAX_WORDS = 2_000
_NAME = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_LINE_END = re.compile(rb"\n(?![ \t])")
_FOLD = re.compile(rb"\n[ \t]*")


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of a mail or part in their order: names in lower case; values unfolded, encoded words (RFC 2047) decoded."""

    fields: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """Return the first field of that name (lower case), ``""`` if there is none."""
        return next((value for field, value in self.fields if field == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return all fields of that name (lower case), the first one first."""
        return tuple(value for field, value in self.fields if field == name)


class HeaderReader:
    """Reads the headers of one mail and of all that it holds, within the limits for the whole of it."""

    def __init__(self) -> None:
        self._fields_left, self._words_left = MAX_FIELDS, MAX_WORDS
        self.is_damaged = False

    def read(self, raw: bytes, start: int, end: int) -> tuple[Header, int]:
        """Return the header that begins at ``start``, and where the body begins.

        A line that is no field is passed over if a field follows it; else the body begins there, as if an empty line stood
        before it.

        Args:
            raw: the mail; its line ends are single line feeds.
            start: of the first field.
            end: nothing from here on is looked at.
        """
        fields: list[tuple[str, str]] = []
        at = start
        while at < end and raw[at] != 0x0A:
            name = _NAME.match(raw, at, end)
            if name is None and not self._is_passed_over(raw, at, end, is_first=at == start):
                break
            if self._fields_left == 0:
                self.is_damaged = True
                blank = raw.find(b"\n\n", at, end)
                return Header(tuple(fields)), end if blank < 0 else blank + 2
            match = _LINE_END.search(raw, at, end)
            stop = end if match is None else match.start()
            if name is not None:
                self._fields_left -= 1
                fields.append((name[1].decode("ascii").lower(), self._value(raw, name.end(), stop)))
            at = stop + 1
        is_blank_line = at < end and raw[at] == 0x0A
        return Header(tuple(fields)), min(at + is_blank_line, end)

    def _is_passed_over(self, raw: bytes, at: int, end: int, *, is_first: bool) -> bool:
        """Say whether the line at ``at``, which is no field, is skipped. A "From " line of a mailbox file stands before all."""
        if is_first and raw.startswith((b"From ", b">From "), at, end):
            return True
        self.is_damaged = True
        line_end = raw.find(b"\n", at, end)
        return line_end >= 0 and _NAME.match(raw, line_end + 1, end) is not None

    def _value(self, raw: bytes, start: int, stop: int) -> str:
        if stop - start > MAX_FIELD_BYTES:
            self.is_damaged = True
            stop = start + MAX_FIELD_BYTES
        value = raw[start:stop]
        if b"\n" in value:
            value = _FOLD.sub(b" ", value)
        text = decode(value).strip()
        if "=?" in text:
            text, used = decode_words(text, self._words_left)
            self._words_left -= used
        return text


def read_fields(raw: bytes) -> Header:
    """Return the fields at the begin of a text, as of a report in a part of its own; what follows them is not looked at."""
    raw = with_line_feeds(raw).lstrip(b"\n")
    return HeaderReader().read(raw, 0, len(raw))[0]
