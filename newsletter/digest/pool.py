"""An issue's pool, prepared for many selections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from newsletter.digest.answers import Answers
from newsletter.digest.model import PoolEntry, Section
from newsletter.digest.news import worth
from newsletter.papers.model import PaperSeq
from newsletter.trending.vectors import Vectors


class Pool:
    """A pool: each interest is looked up in its papers once, however many readers share it.

    In all tables the papers are columns: first those of the ranking, best first, and then the late bloomers.

    Attributes:
        entries: its papers, by rank.
        order: their numbers, by rank.
        ranked: how many columns are of the ranking.
        standing: how the papers of the ranking stand, 1 the best to 0 the worst.
        seqs: number of the paper in each column.
        answers: says which columns answer an interest.
    """

    def __init__(self, entries: Sequence[PoolEntry]) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: entry.rank))
        self.order = tuple(entry.paper.seq for entry in self.entries)
        self._papers = [entry.paper for entry in sorted(self.entries, key=lambda entry: entry.section is Section.LATE)]
        self.ranked = sum(entry.section is not Section.LATE for entry in self.entries)
        self.standing = np.linspace(1, 0, self.ranked, dtype=np.float32)
        self.seqs = tuple(paper.seq for paper in self._papers)
        self.answers = Answers(self._papers)
        self._column = {seq: column for column, seq in enumerate(self.seqs)}
        self._vectors = Vectors()
        self._order_since: dict[datetime | None, NDArray[np.intp]] = {}

    def order_since(self, since: datetime | None) -> NDArray[np.intp]:
        """Return the columns of the ranking as they stand for readers who had a mail before, best first.

        Args:
            since: when the issue of that mail was frozen, aware; None: there was none, and they stand by rank.
        """
        if since not in self._order_since:
            worths = [worth(entry, since) for entry in self.entries if entry.section is not Section.LATE]
            by_worth = np.argsort(-np.array(worths), kind="stable") if since is not None else np.arange(self.ranked)
            self._order_since[since] = by_worth
        return self._order_since[since]

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """The papers of the ranking as models of taste read them, a row each."""
        return self._vectors.matrix(self._papers[: self.ranked])

    def words(self, column: int) -> tuple[list[str], NDArray[np.intp]]:
        """Return the words of a paper, weightiest first, and which entry of a row of :attr:`features` each of them is."""
        if column not in self._words:
            words = self._vectors.words(self._papers[column])
            self._words[column] = [word for word, _ in words], np.array([entry for _, entry in words], dtype=np.intp)
        return self._words[column]

    @cached_property
    def _words(self) -> dict[int, tuple[list[str], NDArray[np.intp]]]:
        return {}

    def columns_of(self, papers: Sequence[frozenset[PaperSeq]]) -> NDArray[np.bool_]:
        """Return a row for each set: which columns are in it."""
        found = np.zeros((len(papers), len(self.seqs) + 1), dtype=np.bool_)
        rows = np.repeat(np.arange(len(papers)), [len(seqs) for seqs in papers])
        # A number of no paper here falls into a column too many.
        columns = map(self._column.get, chain.from_iterable(papers), repeat(len(self.seqs)))
        found[rows, np.fromiter(columns, dtype=np.intp, count=len(rows))] = True
        return found[:, :-1]
