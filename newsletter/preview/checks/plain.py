"""The text part: is it written for a terminal, and is it text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import category, east_asian_width

from newsletter.preview.checks.model import Area, Noted
from newsletter.rendering.findings import Severity

#: Columns of a line; an address may be longer, for it must not be broken.
COLUMNS = 72
_MARKUP = re.compile(r"</?(?:a|b|br|div|em|i|img|p|span|strong|table|td|tr)\b[^<>]*>|&(?:amp|lt|gt|nbsp|quot|#\d{1,7});")
_ADDRESS = re.compile(r"\w+://\S+")


def check_text(text: str) -> Iterator[Noted]:
    """Yield lines that are too long or hold markup; at most one finding of each kind, with its first line and how many."""
    lines = text.splitlines()
    long = [number for number, line in enumerate(lines, start=1) if _is_too_long(line)]
    marked = [number for number, line in enumerate(lines, start=1) if _MARKUP.search(line)]
    if long:
        yield _noted("text-width", f"{_lines(long)} wider than {COLUMNS} columns", long[0])
    if marked:
        yield _noted("text-markup", f"{_lines(marked)} with what looks like HTML, and is shown as it stands", marked[0])


def columns(line: str) -> int:
    """Return how many columns a line takes on a terminal."""
    return sum(_columns(character) for character in line)


def _columns(character: str) -> int:
    # Marks that stand over a letter, and those that only turn the line round, take none.
    if category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _is_too_long(line: str) -> bool:
    return len(line) * 2 > COLUMNS and not _ADDRESS.search(line) and columns(line) > COLUMNS


def _lines(numbers: list[int]) -> str:
    return "1 line" if len(numbers) == 1 else f"{len(numbers)} lines"


def _noted(rule: str, problem: str, line: int) -> Noted:
    return Noted(rule, problem, Severity.WARNING, Area.TEXT, f"text line {line}")
