"""Text that came from outside: cleaned, cut to length, wrapped, and kept from turning its surroundings around.

Nothing here escapes: that is the template's business (HTML) or the encoder's (headers).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

ELLIPSIS = "…"

#: Controls that are not white space, noncharacters, and the byte order mark: nothing that a mail could show.
_REMOVED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff\ufdd0-\ufdef"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(17))
    + "]"
)
_OPEN_EMBEDDING, _CLOSE_EMBEDDING = "\u202a\u202b\u202d\u202e", "\u202c"
_OPEN_ISOLATE, _FIRST_STRONG_ISOLATE, _CLOSE_ISOLATE = "\u2066\u2067\u2068", "\u2068", "\u2069"
#: More nesting than any text has; UAX #9 itself stops at 125.
_DEEPEST = 16
_BIDI_CONTROL = re.compile("[\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "AN"})

_SENTENCE_END = re.compile(
    '(?P<mark>[.!?\u061f\u0964])["\u201d\u2019)\\]]*(?=\\s)|[\u3002\uff01\uff1f][\u201d\u2019\u300d\u300f\uff09]*'
    r"|(?<=[a-z][a-z)])\.(?=[A-Z][a-z]*(?:[A-Z][a-z]+)?,?\s)"  # the blank between two sentences is often lost
)
#: What a full stop belongs to; and what one may belong to, or end a sentence with.
_ABBREVIATED = re.compile(
    r"(?:^|[\s(\[])(?:e\.g|i\.e|vs|cf|[Ff]igs?|[Ee]qs?|[Ss]ec|[Rr]efs?|approx|Dr|Prof|Mrs?|Ms|St|Nos?|viz|ca|w\.r\.t)\.$"
)
_MAYBE_ABBREVIATED = re.compile(r"(?:^|[\s(\[])(?:et al|etc|resp|Inc|Ltd|Jr|Sr|a\.k\.a|Ph\.D|(?:[A-Z]\.)*[A-Z])\.$")
_NEXT_WORD = re.compile(r"\s*([^\s,]{1,40})")
#: Begins a sentence, and does not follow a name's initial.
_OPENER = re.compile(
    "A|An|As|By|Experiments|Extensive|For|Here|However|In|It|On|Our|Such|The|These|They|This|To|We|When|While|With"
)
_WIDE = (
    "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6"
    "\U0001f300-\U0001faff\U00020000-\U0003fffd"
)
_ATTACHED = "\u0300-\u036f\u200d\ufe0f"
#: What a line is filled with: a blank, one wide character with what belongs to it, or a run without either.
_UNIT = re.compile(f" |[{_WIDE}][{_ATTACHED}]*|[^ {_WIDE}]+")


#: Texts kept in memory, made ready; the few hundred papers of an issue are in all of its digests.
_KEPT = 2048
#: A longer text is rare, and made ready each time.
_LONGEST_KEPT = 4000


def clean(text: str) -> str:
    """Return ``text`` as one line that is safe to show: its characters verbatim, without what is not text.

    White space of every kind (line ends, tabs, U+2028) becomes one blank; other controls and noncharacters go; a lone surrogate
    becomes U+FFFD; direction overrides and isolates are kept but closed where they were left open, and nest 16 deep at most.
    """
    return _clean(text) if len(text) <= _LONGEST_KEPT else _clean.__wrapped__(text)


@lru_cache(_KEPT)
def _clean(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(_balance(_REMOVED.sub("", text).strip()).split())


def _balance(text: str) -> str:
    """Close what is left open of directional formatting; drop what closes nothing or nests too deep (UAX #9, BD9 and BD11)."""
    if _BIDI_CONTROL.search(text) is None:
        return text
    kept: list[str] = []
    still_open: list[str] = []
    for character in text:
        if character in _OPEN_EMBEDDING or character in _OPEN_ISOLATE:
            if len(still_open) == _DEEPEST:
                continue
            still_open.append(_CLOSE_EMBEDDING if character in _OPEN_EMBEDDING else _CLOSE_ISOLATE)
        elif character == _CLOSE_EMBEDDING:
            if not still_open or still_open[-1] != _CLOSE_EMBEDDING:
                continue
            still_open.pop()
        elif character == _CLOSE_ISOLATE:
            if _CLOSE_ISOLATE not in still_open:
                continue
            while still_open.pop() != _CLOSE_ISOLATE:
                pass
        kept.append(character)
    return "".join(kept) + "".join(reversed(still_open))


def isolate(text: str) -> str:
    """Return ``text`` wrapped in a first-strong isolate if it holds anything that runs from right to left, else unchanged.

    For plain text and headers, where there is no ``<bdi>``: the words around it keep their place.
    """
    if text.isascii() or not any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        return text
    return f"{_FIRST_STRONG_ISOLATE}{text}{_CLOSE_ISOLATE}"


def shorten(text: str, limit: int) -> str:
    """Return ``text`` cut to at most ``limit`` characters (direction closers not counted), at a word where there is one."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    blank = len(cut) if text[len(cut)] == " " else cut.rfind(" ")
    if blank > limit // 2:
        cut = cut[:blank]
    else:
        while cut and (unicodedata.combining(text[len(cut)]) or text[len(cut)] in "\u200d\ufe0f" or cut[-1] == "\u200d"):
            cut = cut[:-1]
    return _balance(cut.rstrip(" ,;:.-\u2013\u2014(") + ELLIPSIS)


def shorten_encoded(text: str, limit: int) -> str:
    """Return ``text`` cut to at most ``limit`` bytes of escaped HTML in quoted-printable (direction closers not counted)."""
    used = fitting = 0
    for index, character in enumerate(text):
        used += _encoded_length(character)
        if used <= limit - _encoded_length(ELLIPSIS):
            fitting = index + 1
        elif used > limit:
            return shorten(text, fitting + 1)
    return text


def _encoded_length(character: str) -> int:
    if character in "&<>\"'":
        return 5
    if character == "=":
        return 3
    return 1 if character.isascii() else 3 * len(character.encode())


def sentences(text: str) -> list[str]:
    """Return the sentences of ``text`` in order, without the white space around them.

    A full stop ends none behind an abbreviation or an initial, within a number, or before a word in small letters.
    """
    found, start = [], 0
    for end in _sentence_ends(text, len(text)):
        found.append(text[start:end].strip())
        start = end
    return [sentence for sentence in (*found, text[start:].strip()) if sentence]


def _sentence_ends(text: str, until: int) -> Iterator[int]:
    for match in _SENTENCE_END.finditer(text, 0, until):
        end = match.end()
        if match["mark"] is None:
            yield end
            continue
        following = _NEXT_WORD.match(text, end)
        word = following[1] if following else ""
        if word.isalpha() and word.islower() and word != "we":
            continue
        if match["mark"] == ".":
            before = text[max(0, end - 12) : end]
            if _ABBREVIATED.search(before) or (_MAYBE_ABBREVIATED.search(before) and word and not _OPENER.fullmatch(word)):
                continue
        yield end


def summarize(text: str, limit: int) -> str:
    """Return the first sentences of ``text`` that fit into ``limit`` characters; cut at a word if the first is longer."""
    if len(text) <= limit:
        return text
    end = max((end for end in _sentence_ends(text, limit + 1) if end <= limit), default=0)
    return _balance(text[:end]) if end >= limit * 2 // 5 else shorten(text, limit)


def short_title(title: str, limit: int = 60) -> str:
    """Return what people call a paper: the part before the colon if it is a name, else the title, cut at a word.

    A name has at least two characters and at most 40.
    """
    name = re.split(":\\s|\uff1a", title, maxsplit=1)[0].strip()
    if name != title and 2 <= len(name) <= min(40, limit):
        return _balance(name)
    return shorten(title, limit)


def width(text: str) -> int:
    """Return how many columns ``text`` takes in a terminal: two for wide East Asian characters, none for combining ones."""
    if text.isascii():
        return len(text)
    columns = 0
    for character in text:
        if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Me", "Mn"}:
            continue
        columns += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return columns


def wrap(text: str, columns: int = 72, indent: int = 0) -> str:
    """Return ``text`` in lines of at most ``columns``, every line but the first indented by ``indent`` blanks.

    Breaks at blanks, and beside wide characters, whose scripts know no blanks. A longer word (a URL) keeps a line to itself.
    The first line has ``indent`` columns less as well: what stands before it in the template takes them.
    """
    return _wrap(text, columns, indent) if len(text) <= _LONGEST_KEPT else _wrap.__wrapped__(text, columns, indent)


@lru_cache(_KEPT)
def _wrap(text: str, columns: int, indent: int) -> str:
    room = columns - indent
    lines: list[str] = []
    line: list[str] = []
    used = 0
    blank = ""
    for unit in _UNIT.findall(text):
        if unit == " ":
            blank = " " if line else ""
            continue
        needed = width(unit)
        if line and used + len(blank) + needed > room:
            lines.append("".join(line))
            line, used, blank = [], 0, ""
        line += [blank, unit]
        used += len(blank) + needed
        blank = ""
    lines.append("".join(line))
    return ("\n" + " " * indent).join(lines)
