"""The text of a Daily Papers page, as it comes out of a browser or a scraper. Pure.

The form, blank lines between blocks::

    new                                            header lines, or none
    Get trending papers in your email inbox!
    ...
    Dec 31                                         the page's date, or none; usually without a year

    A Title                                        one block
                                                   one block or more, or none:
    Its abstract.

      • 7 authors                                  on some pages, after each paper
    ·
    Oct 15, 2024 3                                 its date, and a count nobody knows the meaning of (not kept)

Where the lines after each paper are missing, looks tell a title from a paragraph: a paragraph is long, or ends like a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from newsletter.papers.model import Observation, PaperRecord
from newsletter.sources.base import Batch, BatchBuilder

NAME = "text_page"

#: Lines of the page's head, in lower case and without blanks.
_HEADER = re.compile(
    r"new|subscribe|dailypapers|trendingpapers|gettrendingpapersinyouremailinbox!?|by\S{1,40}andtheresearchcommunity"
)
#: The page's date, if it has one, is among its first lines, and none before it is longer than a header's.
_HEAD_LINES = 15
_LONGEST_HEADER = 80
#: Titles are not longer; and what is longer is a paragraph even if it does not end like a sentence.
_LONG = 300
#: A line longer than this was not wrapped by hand: it is a block of its own.
_UNWRAPPED = 200

#: Of an abstract that makes a text plausible as a page.
_SHORTEST_ABSTRACT = 100
#: Headings, fences and tables of Markdown, and lines of a program.
_MARKUP = re.compile(r"^(?:#{1,6} |```|\|.*\|$|\s*(?:def|import|class) \w+)", re.MULTILINE)

_MONTH_NAMES = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MONTHS = {short: number for number, name in enumerate(_MONTH_NAMES, 1) for short in (name, name[:3])} | {"sept": 9}
_COUNT = r"\d[\d,.]{0,12}[kKmM]?"
_DOTS = re.compile("[\u00b7\u2022\u2219]")
_AUTHORS = re.compile(rf"(?:[-*]\s*)?({_COUNT})\s+authors?", re.IGNORECASE | re.ASCII)
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+", re.IGNORECASE | re.ASCII)
_DATE = re.compile(rf"([A-Za-z]{{3,9}})\.?\s+(\d{{1,2}})(?:,\s*(\d{{4}}))?(?:\s+{_COUNT})?", re.ASCII)
_BARE_COUNT = re.compile(_COUNT, re.ASCII)
_LINK = re.compile(r"https?://|\b(?:github|gitlab)\.(?:com|io)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.:;\u2026][\"')\]\u201d\u2019]*$")


@dataclass(frozen=True, slots=True)
class PrintedDate:
    """A date as printed: ``year`` is None if it was left out."""

    month: int
    day: int
    year: int | None = None

    def resolve(self, *, not_after: date) -> date | None:
        """Return the date; without a year, the latest such day up to ``not_after``. None if there is no such day."""
        years = [self.year] if self.year is not None else range(not_after.year, not_after.year - 9, -1)
        for year in years:
            try:
                found = date(year, self.month, self.day)
            except ValueError:  # 29 February
                continue
            if self.year is not None or found <= not_after:
                return found
        return None


@dataclass(frozen=True, slots=True)
class PageEntry:
    """A paper on a page; ``abstract`` is "" where none is printed."""

    title: str
    abstract: str = ""
    author_count: int | None = None
    printed: PrintedDate | None = None


@dataclass(frozen=True, slots=True)
class TextPage:
    """A page: its date as printed, if it is, and its papers in their order."""

    date: PrintedDate | None
    entries: tuple[PageEntry, ...]


@dataclass(frozen=True, slots=True)
class _Tail:
    """The lines printed after a paper."""

    author_count: int | None = None
    printed: PrintedDate | None = None


def read_page(text: str) -> TextPage:
    """Read a page. Every block that is neither head nor tail belongs to a paper, so no text is dropped silently."""
    printed, lines = _cut_head([line.strip() for line in re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))])
    blocks = list(_blocks(lines))
    has_tails = any(isinstance(block, _Tail) for block in blocks)
    entries: list[PageEntry] = []
    texts: list[str] = []
    for block in blocks:
        if isinstance(block, str):
            texts.append(block)
            continue
        entries += _entries(texts, has_tails=True)
        if texts:
            entries[-1] = replace(entries[-1], author_count=block.author_count, printed=block.printed)
        texts = []
    entries += _entries(texts, has_tails=has_tails)
    return TextPage(printed, tuple(entries))


def parse(text: str, *, observed_on: date) -> Batch:
    """Read a page into observations. Pure.

    Args:
        text: the page.
        observed_on: a day on or after that of the page; without a printed year, the page is of the latest such day.
    """
    page = read_page(text)
    listed_on = page.date.resolve(not_after=observed_on) if page.date else None
    batch = BatchBuilder()
    for entry in page.entries:
        record = PaperRecord(
            title=entry.title,
            abstract=entry.abstract,
            author_count=entry.author_count,
            published_at=_midnight(_published_on(entry.printed, listed_on, observed_on)),
            listed_at=_midnight(listed_on),
        )
        batch.add(Observation(record))
    return batch.build()


def is_plausible(text: str, batch: Batch) -> bool:
    """Whether ``text``, read into ``batch``, is such a page and not just any text: titles with abstracts, no other markup."""
    records = [observation.record for observation in batch.observations]
    described = sum(len(record.abstract) >= _SHORTEST_ABSTRACT for record in records)
    return described > 0 and 2 * described >= len(records) and "\0" not in text and not _MARKUP.search(text)


def _published_on(printed: PrintedDate | None, listed_on: date | None, observed_on: date) -> date | None:
    """Tell a paper's date: without a year it is of the page's own year, unless that day has not come yet."""
    if printed is None:
        return None
    if printed.year is None and listed_on is not None:
        own = replace(printed, year=listed_on.year).resolve(not_after=observed_on)
        if own is not None and own <= observed_on:
            return own
    return printed.resolve(not_after=observed_on)


def _midnight(on: date | None) -> datetime | None:
    return datetime.combine(on, time(), tzinfo=UTC) if on else None


def _cut_head(lines: list[str]) -> tuple[PrintedDate | None, list[str]]:
    """Return the page's date and the lines after its head."""
    filled = [index for index, line in enumerate(lines) if line][:_HEAD_LINES]
    for index in filled:
        line = lines[index]
        if printed := _date(_WEEKDAY.sub("", line, count=1)):
            return printed, lines[index + 1 :]
        if len(line) > _LONGEST_HEADER or _with_line(None, line, is_adjacent=False) is not None:
            break
    first = next((index for index in filled if not _HEADER.fullmatch("".join(lines[index].lower().split()))), len(lines))
    return None, lines[first:] if filled else []


def _blocks(lines: list[str]) -> Iterator[str | _Tail]:
    """Yield paragraphs (lines wrapped by hand are joined) and the tails between them."""
    paragraph: list[str] = []
    tail: _Tail | None = None
    is_adjacent = False
    for line in (*lines, ""):
        grown = _with_line(tail, line, is_adjacent=is_adjacent) if line else None
        if grown is not None or not line:
            yield from _joined(paragraph)
            paragraph = []
            tail = grown or tail
        else:
            if tail is not None:
                yield tail
                tail = None
            paragraph.append(line)
        is_adjacent = bool(line)
    if tail is not None:
        yield tail


def _joined(lines: list[str]) -> list[str]:
    if any(len(line) > _UNWRAPPED for line in lines):
        return lines
    return [" ".join(lines)] if lines else []


def _with_line(tail: _Tail | None, line: str, *, is_adjacent: bool) -> _Tail | None:
    """Return ``tail`` (or a new one) with what ``line`` adds, None if the line is no part of one.

    A date alone is a tail's only after its other lines, and a count alone only right below its date: both could be titles.
    """
    parts = [part.strip() for part in _DOTS.split(line)]
    known = tail or _Tail()
    for part in filter(None, parts):
        if authors := _AUTHORS.fullmatch(part):
            known = replace(known, author_count=_number(authors[1]))
        elif (tail is not None or len(parts) > 1) and known.printed is None and (printed := _date(part)):
            known = replace(known, printed=printed)
        elif not (is_adjacent and known.printed is not None and _BARE_COUNT.fullmatch(part)):
            return None
    return known


def _date(text: str) -> PrintedDate | None:
    found = _DATE.fullmatch(text)
    month = _MONTHS.get(found[1].lower()) if found else None
    if found is None or month is None or not 1 <= int(found[2]) <= 31:
        return None
    return PrintedDate(month, int(found[2]), int(found[3]) if found[3] else None)


def _number(text: str) -> int:
    """Return a printed count: ``7``, ``1,234``, ``1.2k``."""
    unit = {"k": 1000, "m": 1_000_000}.get(text[-1].lower())
    if unit is None:
        return int(re.sub(r"[,.]", "", text))
    whole, _, part = text[:-1].replace(",", "").partition(".")
    return int(whole) * unit + int(unit * float(f"0.{re.sub('[.]', '', part) or 0}"))


def _entries(texts: list[str], *, has_tails: bool) -> Iterator[PageEntry]:
    """Yield the papers in blocks between two tails, or of a whole page without tails. The first block is a title."""
    start = 0
    for index in range(1, len(texts) + 1):
        if index == len(texts) or _starts_entry(texts, index, has_abstract=index > start + 1, has_tails=has_tails):
            yield PageEntry(texts[start], " ".join(texts[start + 1 : index]))
            start = index


def _starts_entry(texts: list[str], index: int, *, has_abstract: bool, has_tails: bool) -> bool:
    """Whether the block at ``index`` is the title of a further paper and not a paragraph of the one before."""
    block = texts[index]
    is_followed = index + 1 < len(texts) and len(texts[index + 1]) > _LONG
    if len(block) > _LONG or _LINK.search(block):
        return False
    if _SENTENCE_END.search(block):  # a title may end in a full stop: then it looks like one, and its abstract follows
        return has_abstract and is_followed and _is_title_case(block)
    # Where papers have tails, two between one tail and the next are an exception that needs proof.
    return (has_abstract and is_followed) if has_tails else True


def _is_title_case(block: str) -> bool:
    capitals = [found[0][0].isupper() for found in re.finditer(r"[^\W\d_]{4,}", block)]
    return 2 * sum(capitals) > len(capitals)
