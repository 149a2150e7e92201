"""The lines of a mail as commands are read from them: clean, and no more than are looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_TEXT = 4_000
LONGEST_LINE = 300
MOST_LINES = 60

#: Quotation marks, apostrophes and strokes as word processors write them, and as they are read.
_TYPED = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"')
    | dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u0060\u00b4", "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)
_BLANKS = re.compile(r"[\t\v\f\x00-\x08\x0e-\x1f\x7f\u00a0\u2000-\u200f\u2028-\u202f\u205f-\u2069\u3000\ufeff]")
_BULLET = re.compile(r"(?:[*\u2022\u00b7\u2023\u25aa\u25e6-]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+")
#: What programs put before the subject of an answer or of a mail that is passed on, in many languages.
_REPLY = re.compile(
    r"(?:re|aw|antw|antwort|sv|vs|fw|fwd|wg|tr|rv|res|rif|odp|\u0631\u062f)\s?(?:\[\d{1,3}\])?\s?[:\uff1a]\s?", re.IGNORECASE
)


def typed(text: str) -> str:
    """Return what is looked at of a text, with quotation marks, apostrophes and strokes as keyboards have them."""
    return text[:LONGEST_TEXT].translate(_TYPED)


def lines_of(text: str) -> Iterator[str]:
    """Yield the lines that are looked at, clean."""
    count = 0
    for line in text[:LONGEST_TEXT].splitlines():
        bare = clean(line)
        if bare:
            yield bare
            count += 1
        if count == MOST_LINES:
            return


def clean(line: str) -> str:
    """Return a line without bullets, numbers, emphasis and quotation marks around it."""
    bare = _BLANKS.sub(" ", line).translate(_TYPED).strip()
    bullet = _BULLET.match(bare)
    if bullet is not None:
        bare = bare[bullet.end() :]
    bare = bare.strip().strip("*_")
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'" and bare.count(bare[0]) == 2:
        bare = bare[1:-1].strip()
    return bare


def subject_of(text: str) -> tuple[str, bool]:
    """Return a subject without what programs put before it, and whether they put anything."""
    bare, is_reply = clean(text[:LONGEST_LINE]), False
    while (prefix := _REPLY.match(bare)) is not None:
        bare, is_reply = bare[prefix.end() :].strip(), True
    return bare, is_reply
