"""Reads a file of addresses line by line: CSV with a header row, or one address a line.

UTF-8, with or without a byte order mark; a line that is not UTF-8 spoils only itself. Fields are separated by commas,
semicolons, tabs or bars. A quoted field may hold line breaks; a quotation mark that is never closed spoils only its line.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple, Self

from subscribers.errors import FileFormatError

#: Lines a quoted field may span before its quotation mark counts as a slip.
_MOST_LINES_PER_RECORD = 50
#: Bytes read at a time, and bytes of a line that make the file something else than a list.
_BLOCK = 1 << 18
_LONGEST_LINE = 1 << 22
_ADDRESS = frozenset({"address", "email", "e-mail", "mail", "email address", "e-mail address", "email_address"})
_OTHER_NAMES = {"local_hour": "hour", "timezone": "zone", "time zone": "zone", "time_zone": "zone"}


class Line(NamedTuple):
    """One record: the number of its first line (from 1), and its cells, or None with its text and what is wrong."""

    number: int
    cells: list[str] | None
    text: str = ""
    problem: str = ""


class Position(NamedTuple):
    """A place between two records: bytes of the file before it, and the number (from 1) of the line after it."""

    offset: int
    line: int


START = Position(0, 1)


class TableFile:
    """A file of addresses that was looked into: its columns are known, its records come by iterating once.

    Attributes:
        columns: place by name in lower case; ``address`` is always there.
    """

    def __init__(self, raw: BinaryIO, start: Position = START) -> None:
        """Read the first line of ``raw`` (seekable, its opener's to close), then go to ``start``, told earlier by another.

        Raises:
            FileFormatError: not a text file in UTF-8, or a table without a column of addresses.
        """
        raw.seek(0)
        mark = raw.read(3)
        if mark.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise FileFormatError("the file is in UTF-16; save it as 'CSV UTF-8' and import it again")
        self._lines = _Lines(raw, Position(len(mark) if mark == codecs.BOM_UTF8 else 0, line=1))
        self._open()
        if start.offset > 0:
            self._lines = _Lines(raw, start)

    @property
    def position(self) -> Position:
        """Where the next record begins; another :class:`TableFile` of the same file goes on there."""
        return self._lines.position

    def __iter__(self) -> Iterator[Line]:
        delimiter, lines = self._delimiter, self._lines
        for number, line in lines:
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
        while (numbered := next(self._lines, None)) is not None and not numbered[1].strip():
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
                self._lines.put_back([numbered])
        self.columns: dict[str, int] = {}
        for place, name in enumerate(names):
            self.columns.setdefault("address" if name in _ADDRESS else _OTHER_NAMES.get(name, name), place)

    def _quoted(self, number: int, line: str) -> Line:
        cells = self._cells(line)
        if cells is not None:
            return Line(number, cells)
        record, following = line, list[tuple[int, str]]()
        while record.count('"') % 2 and len(following) < _MOST_LINES_PER_RECORD and (numbered := next(self._lines, None)):
            following.append(numbered)
            record += numbered[1]
        cells = self._cells(record)
        if cells is not None:
            return Line(number, cells)
        self._lines.put_back(following)
        return Line(number, None, line.rstrip("\r\n"), "its quotation marks do not match")

    def _cells(self, record: str) -> list[str] | None:
        """Return the cells of ``record``, None if it is not exactly one."""
        try:
            records = list(csv.reader(io.StringIO(record, newline=""), delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None
        return records[0] if len(records) == 1 else None


class _Lines:
    """The lines of a file with their numbers and their ends (LF, CR LF or CR), which can say where the next one begins."""

    def __init__(self, raw: BinaryIO, start: Position) -> None:
        raw.seek(start.offset)
        self._raw = raw
        self._rest = b""
        self._coming: deque[str] = deque()
        self._offset = start.offset  # behind all that stands in _coming
        self._line = start.line

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[int, str]:
        if not self._coming and not self._read():
            raise StopIteration
        number = self._line
        self._line += 1
        return number, self._coming.popleft()

    def put_back(self, lines: Sequence[tuple[int, str]]) -> None:
        """Have the ``lines`` handed out last come once more."""
        self._coming.extendleft(line for _, line in reversed(lines))
        self._line -= len(lines)

    @property
    def position(self) -> Position:
        """Where the next line begins. Takes time: what was read ahead is counted."""
        ahead = sum(len(line.encode(errors="surrogateescape")) for line in self._coming)
        return Position(self._offset - ahead, self._line)

    def _read(self) -> bool:
        """Take in the next lines, whole ones, a block of them at a time."""
        while block := self._raw.read(_BLOCK):
            self._rest += block
            # Not a CR at the very end: its LF may be still to come.
            end = 1 + (self._rest.rfind(b"\n") if b"\n" in block else self._rest.rfind(b"\r", 0, -1))
            if end:
                self._take(end)
                return True
            if len(self._rest) > _LONGEST_LINE:
                raise FileFormatError(f"line {self._line} does not end; is this a list of addresses?")
        self._take(len(self._rest))
        return bool(self._coming)

    def _take(self, end: int) -> None:
        whole, self._rest = self._rest[:end], self._rest[end:]
        self._offset += end
        # Not splitlines(), which also breaks at characters that may stand in a name.
        self._coming.extend(io.StringIO(whole.decode(errors="surrogateescape"), newline=""))


def _delimiter_of(first: str) -> str:
    names = {name.strip().strip('"').casefold() for name in first.split(",")}
    if "," in first and _ADDRESS & names:
        return ","
    try:
        return csv.Sniffer().sniff(first[:1000], delimiters=";\t|,").delimiter
    except csv.Error:
        return ","
