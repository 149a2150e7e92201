"""Digests that are hard to show: far too much, next to nothing, and text that means harm. All of it made up here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from newsletter.digest.model import LATE_PART, Correction, CorrectionKind, PoolEntry, Section
from newsletter.papers.model import Paper, PaperSeq
from newsletter.trending.model import Receipt, ReceiptPart

_AT = datetime(2026, 3, 14, 6, 0, tzinfo=UTC)
_PAPER = Paper(
    seq=PaperSeq(1),
    key="arxiv:2603.00001",
    title="A Paper of the Usual Length That Was Made Up for the Preview",
    abstract=(
        "This text stands for an abstract. We propose to look at a mail before it is sent. In three made-up cases nothing was "
        "wrong with it afterwards. It can be done in ten minutes."
    ),
    arxiv_id="2603.00001",
    version=1,
    doi=None,
    authors=("First Author", "Second Author", "Third Author", "Fourth Author"),
    author_count=4,
    summary="A made-up summary of one sentence says what was done and what came of it.",
    categories=("cs.LG", "stat.ML"),
    keywords=("preview",),
    organization="Sample Institute",
    published_at=_AT,
    listed_at=_AT - timedelta(hours=9),
    code_url="https://code.example.org/sample",
    project_url="https://sample.example.org/",
    discussion_url="https://talk.example.org/2603.00001",
    thumbnail_url="",
    withdrawn_at=None,
    first_seen_at=_AT,
)
_RECEIPT = Receipt(
    _AT, 10.0, (), votes=92, votes_gained=58, comments=4, stars=152, history=(3, 9, 20, 34, 51, 70, 84, 92), rank_before=9
)
_LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
_RIGHT_TO_LEFT = "نموذج صغير يخطط بالنظر إلى الخلف: שיטה חדשה"
_WIDE = "我们提出一种在发送之前查看邮件的方法，并在三个虚构的例子上进行了检验。"  # noqa: RUF001 - the comma is Chinese
HOSTILE = (
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)"> & <svg onload=alert(1)>',
    "</td></tr></table><mj-raw>{{ 7*7 }}{% include 'x' %}{# #}</mj-raw>",
    "On Sets =?utf-8?q?=0D=0ABcc=3A_evil=40example.org?= and Maps",
    "Line\r\nBcc: evil@example.org\r\n\r\n.\r\n",
    "\u202eturned around\u202c and \u2066never closed",
    r"\href{javascript:alert(1)}{click} $\unicode{x3C}script$ \input{/etc/passwd}",
    "]]> <!-- --> <![CDATA[ &#x3c;b&#x3e; \x00\x07\u2028",
)


@dataclass(frozen=True, slots=True)
class WorstCase:
    """One hard digest.

    Attributes:
        key: goes into the page's URL.
        label: what it is called.
        pool: makes its papers, best first, all of them in the digest. None of them has a picture.
        corrections: makes what it says of earlier ones.
    """

    key: str
    label: str
    pool: Callable[[], list[PoolEntry]]
    corrections: Callable[[], list[Correction]] = list


def _pool_of(papers: Sequence[Paper]) -> list[PoolEntry]:
    return [
        PoolEntry(rank, _numbered(paper, rank), replace(_RECEIPT, votes=max(0, 92 - rank), votes_gained=max(0, 58 - rank)))
        for rank, paper in enumerate(papers, start=1)
    ]


def _numbered(paper: Paper, rank: int) -> Paper:
    # Numbers that no real paper has: pictures of those would be shown.
    return replace(paper, seq=PaperSeq(-rank), key=f"arxiv:2603.{rank:05d}", arxiv_id=f"2603.{rank:05d}")


def _late(papers: Sequence[Paper], first: int) -> list[PoolEntry]:
    """Return late bloomers, with ranks from ``first`` on."""
    parts = (ReceiptPart(LATE_PART, 0.0, figures=(("gained", 85.0), ("hours", 48.0), ("expected", 4.0))),)
    receipt = Receipt(_AT, 0.0, parts, votes=131, history=(40, 44, 46, 80, 131))
    listed = [replace(paper, listed_at=_AT - timedelta(days=21)) for paper in papers]
    return [PoolEntry(rank, _numbered(paper, rank), receipt, Section.LATE) for rank, paper in enumerate(listed, start=first)]


def _corrections_of(titles: Sequence[str]) -> list[Correction]:
    """Return a withdrawal and a new title for each of ``titles``."""
    found = []
    for position, (title, kind) in enumerate((title, kind) for title in titles for kind in CorrectionKind):
        number = f"2512.{position:05d}"
        paper = replace(_PAPER, seq=PaperSeq(-1000 - position), key=f"arxiv:{number}", arxiv_id=number, title=title)
        before = "A Paper of Another Name" if kind is CorrectionKind.RETITLED else title
        found.append(Correction(position, kind, paper, before, _AT - timedelta(days=1)))
    return found


def _every_section() -> list[PoolEntry]:
    return [*_usual(10), *_late([_PAPER] * 2, 11)]


def _usual(count: int) -> list[PoolEntry]:
    return _pool_of([_PAPER] * count)


def _bare() -> list[PoolEntry]:
    bare = replace(
        _PAPER, abstract="", summary="", authors=(), author_count=0, organization="", categories=(), keywords=(), code_url="",
        project_url="", discussion_url="",
    )  # fmt: skip
    pool = _pool_of([bare] * 7)
    return [replace(entry, receipt=Receipt(_AT, 0.0, ())) for entry in pool]


def _long_words() -> list[PoolEntry]:
    long = replace(_PAPER, title=_LONG_WORD, summary=_LONG_WORD, authors=(_LONG_WORD,) * 5, organization=_LONG_WORD)
    return _pool_of([replace(long, categories=(_LONG_WORD,))] * 8)


def _right_to_left() -> list[PoolEntry]:
    paper = replace(_PAPER, title=_RIGHT_TO_LEFT, summary=_RIGHT_TO_LEFT * 3, authors=("شخص أول", "איש שני"))
    return [*_pool_of([paper] * 8), *_late([paper], 9)]


def _hostile() -> list[PoolEntry]:
    papers = [
        replace(
            _PAPER, title=text, summary=text, abstract=text, authors=(text, text), organization=text, categories=(text,),
            code_url="javascript:alert(1)", project_url=f"https://example.org/{text}", discussion_url="data:text/html,x",
        )
        for text in HOSTILE
    ]  # fmt: skip
    return [*_pool_of(papers), *_late(papers, len(papers) + 1)]


WORST_CASES = (
    WorstCase("none", "No papers", list),
    WorstCase("one", "One paper", lambda: _usual(1)),
    WorstCase("sixty", "Sixty papers", lambda: _usual(60)),
    WorstCase("sections", "Every section", _every_section, lambda: _corrections_of([_PAPER.title])),
    WorstCase("corrections", "Forty corrections", lambda: _usual(3), lambda: _corrections_of([_LONG_WORD, _WIDE] * 10)),
    WorstCase(
        "authors",
        "Sixty authors",
        lambda: _pool_of([replace(_PAPER, authors=tuple(f"Author Number {n}" for n in range(1, 61)), author_count=60)] * 6),
    ),
    WorstCase("bare", "Nothing but titles", _bare),
    WorstCase("words", "Very long words", _long_words),
    WorstCase(
        "rtl",
        "From right to left",
        _right_to_left,
        lambda: _corrections_of([_RIGHT_TO_LEFT]),
    ),
    WorstCase(
        "wide",
        "Sixty in Chinese, long",
        lambda: _pool_of([replace(_PAPER, title=_WIDE * 2, summary="", abstract=_WIDE * 85)] * 60),
    ),
    WorstCase("hostile", "Hostile text", _hostile, lambda: _corrections_of(HOSTILE)),
)


def worst_case(key: str) -> WorstCase | None:
    """Return the case with ``key``; None if nothing is called so."""
    return next((case for case in WORST_CASES if case.key == key), None)
