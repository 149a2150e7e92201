"""What one reader gets of an issue's pool: pure, and quick enough for every reader at once.

The rule, in words: papers a reader was ever sent are out, and so are those with a muted word. Of the places in the digest, up
to three in five go to papers that answer the reader's interests, in the pool's order; the rest go to the pool's best. Papers
that answer an interest stand first. Without interests, the digest is the pool's best.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from functools import cached_property

from newsletter.digest.model import DigestEntry, PoolEntry
from newsletter.papers.model import Paper, PaperSeq
from subscribers.model import Interests

#: Share of a digest's places that interests may take; the rest stays common, so that nobody is locked in.
INTEREST_SHARE = 0.6


class Pool:
    """An issue's pool, prepared for many selections: each interest is looked up in the papers once, however many share it."""

    def __init__(self, entries: Sequence[PoolEntry]) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: entry.rank))
        self._matches: dict[tuple[str, str], frozenset[PaperSeq]] = {}

    @cached_property
    def order(self) -> tuple[PaperSeq, ...]:
        """The papers' numbers, best first."""
        return tuple(entry.paper.seq for entry in self.entries)

    def answering(self, kind: str, wanted: str) -> frozenset[PaperSeq]:
        """Return the papers that answer one interest; ``kind`` is a field of :class:`Interests`."""
        key = (kind, wanted.casefold())
        if key not in self._matches:
            test = _test_of(kind, wanted)
            self._matches[key] = frozenset(seq for seq, texts in self._texts.items() if test(texts))
        return self._matches[key]

    @cached_property
    def _texts(self) -> dict[PaperSeq, _Texts]:
        return {entry.paper.seq: _Texts(entry.paper) for entry in self.entries}


def choose(pool: Pool, interests: Interests, *, size: int, excluded: Set[PaperSeq]) -> tuple[DigestEntry, ...]:
    """Choose a reader's papers, in the order they are shown.

    Args:
        pool: the issue's frozen pool.
        interests: what the reader wants more and less of; empty gives the common digest.
        size: papers at most, at least 1.
        excluded: papers the reader was sent or may have been sent.

    Returns:
        At most ``size`` entries; empty when nothing in the pool is new to the reader.
    """
    muted = frozenset[PaperSeq]().union(*(pool.answering("muted", word) for word in interests.muted))
    open_to_him = [seq for seq in pool.order if seq not in excluded and seq not in muted]
    if not any((interests.categories, interests.keywords, interests.authors, interests.labs)):
        return tuple(DigestEntry(seq) for seq in open_to_him[:size])
    match: dict[PaperSeq, str] = {}
    # Authors and labs are the most particular wish, so theirs is the reason shown where several apply.
    for kind in ("authors", "labs", "keywords", "categories"):
        for wanted in getattr(interests, kind):
            for seq in pool.answering(kind, wanted):
                match.setdefault(seq, f"{_SINGULAR[kind]}:{wanted}")
    wanted_first = [seq for seq in open_to_him if seq in match][: max(1, round(size * INTEREST_SHARE))]
    taken = set(wanted_first)
    common = [seq for seq in open_to_him if seq not in taken][: size - len(wanted_first)]
    return tuple(DigestEntry(seq, match.get(seq, "")) for seq in (*wanted_first, *common))


_SINGULAR = {"authors": "author", "labs": "lab", "keywords": "keyword", "categories": "category"}


class _Texts:
    """A paper's texts, case-folded once."""

    __slots__ = ("authors", "categories", "lab", "words")

    def __init__(self, paper: Paper) -> None:
        self.words = " ".join((paper.title, paper.abstract, paper.summary, *paper.keywords)).casefold()
        self.authors = frozenset(author.casefold() for author in paper.authors)
        self.categories = frozenset(category.casefold() for category in paper.categories)
        self.lab = paper.organization.casefold()


def _test_of(kind: str, wanted: str) -> Callable[[_Texts], bool]:
    folded = wanted.strip().casefold()
    if not folded:
        return lambda _texts: False
    if kind == "categories":
        return lambda texts: folded in texts.categories
    if kind == "authors":
        return lambda texts: folded in texts.authors
    if kind == "labs":
        return lambda texts: folded in texts.lab
    # A whole word or phrase: "rl" is not in "world", "agents" does not stand in "reagents".
    pattern = re.compile(rf"(?<!\w){re.escape(folded)}(?!\w)")
    return lambda texts: pattern.search(texts.words) is not None
