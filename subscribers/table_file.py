"""Reads a file of addresses line by line: CSV with a header row, or one address a line.

UTF-8, with or without a byte order mark; a line that is not UTF-8 spoils only itself. Fields are separated by commas,
semicolons, tabs or bars. A quoted field may hold line breaks; a quotation mark that is never closed spoils only its line.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from subscribers.errors import FileFormatError

#: Lines a quoted field may span before its quotation mark counts as a slip.
_MOST_LINES_PER_RECORD = 50
_ADDRESS = frozenset({"address", "email", "e-mail", "mail", "email address", "e-mail address", "email_address"})
_OTHER_NAMES = {"local_hour": "hour", "timezone": "zone", "time zone": "zone", "time_zone": "zone"}


class Line(NamedTuple):
    """One record: the number of its first line (from 1), and its cells, or None with its text and what is wrong."""

    number: int
    cells: list[str] | None
    text: str = ""
    problem: str = ""


class TableFile:
    """A file of addresses that was looked into: its columns are known, its lines come by iterating once, inside ``with``.

    Attributes:
        columns: place by name in lower case; ``address`` is always there.
    """

    def __init__(self, raw: BinaryIO) -> None:
        """Read the first line of ``raw`` (seekable, at its start).

        Raises:
            FileFormatError: not a text file in UTF-8, or a table without a column of addresses.
        """
        self._raw = raw
        start = raw.read(4096)
        raw.seek(0)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise FileFormatError("the file is in UTF-16; save it as 'CSV UTF-8' and import it again")
        self._text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._lines = enumerate(self._text, 1)
        self._pending: deque[tuple[int, str]] = deque()
        try:
            self._open()
        except FileFormatError:
            self._text.detach()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._text.detach()  # the file itself is its opener's to close

    @property
    def position(self) -> int:
        """Bytes read so far; runs ahead of the lines by no more than the read buffer."""
        return self._raw.tell()

    def __iter__(self) -> Iterator[Line]:
        delimiter, pending, lines = self._delimiter, self._pending, self._lines
        while True:
            numbered = pending.popleft() if pending else next(lines, None)
            if numbered is None:
                return
            number, line = numbered
            text = line.rstrip("\r\n")
            if self._is_plain:
                cells = [text]
            elif '"' in line:
                yield self._quoted(number, line)
                continue
            else:
                cells = text.split(delimiter)
            if text and not text.isspace():
                yield Line(number, cells)

    def _open(self) -> None:
        while (numbered := self._next()) is not None and not numbered[1].strip():
            pass
        first = "" if numbered is None else numbered[1].rstrip("\r\n")
        self._delimiter = _delimiter_of(first)
        try:
            names = [name.strip().casefold() for name in next(csv.reader([first], delimiter=self._delimiter), [])]
        except csv.Error as error:
            raise FileFormatError(f"the first line cannot be read ({error}); is this a CSV file?") from error
        self._is_plain = not _ADDRESS.intersection(names)
        if self._is_plain:
            if len(names) > 1:
                found = ", ".join(names[:10])[:200]
                raise FileFormatError(f"no column is named 'address' or 'email' in the first line; found: {found}")
            names = ["address"]
            if numbered is not None:
                self._pending.append(numbered)
        self.columns: dict[str, int] = {}
        for place, name in enumerate(names):
            self.columns.setdefault("address" if name in _ADDRESS else _OTHER_NAMES.get(name, name), place)

    def _next(self) -> tuple[int, str] | None:
        return self._pending.popleft() if self._pending else next(self._lines, None)

    def _quoted(self, number: int, line: str) -> Line:
        cells = self._cells(line)
        if cells is not None:
            return Line(number, cells)
        record, following = line, list[tuple[int, str]]()
        while record.count('"') % 2 and len(following) < _MOST_LINES_PER_RECORD and (numbered := self._next()) is not None:
            following.append(numbered)
            record += numbered[1]
        cells = self._cells(record)
        if cells is not None:
            return Line(number, cells)
        self._pending.extendleft(reversed(following))
        return Line(number, None, line.rstrip("\r\n"), "its quotation marks do not match")

    def _cells(self, record: str) -> list[str] | None:
        """Return the cells of ``record``, None if it is not exactly one."""
        try:
            records = list(csv.reader(io.StringIO(record, newline=""), delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None
        return records[0] if len(records) == 1 else None


def _delimiter_of(first: str) -> str:
    names = {name.strip().strip('"').casefold() for name in first.split(",")}
    if "," in first and _ADDRESS & names:
        return ","
    try:
        return csv.Sniffer().sniff(first[:1000], delimiters=";\t|,").delimiter
    except csv.Error:
        return ","
