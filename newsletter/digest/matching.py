"""Which papers of a pool answer what readers wrote down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from newsletter.digest.names import Labs, People
from newsletter.digest.words import WordIndex
from newsletter.papers.model import Paper
from subscribers.interests import Phrases, parse_phrases


class Matching:
    """Some papers, made ready to be asked for any interest. Papers are named by their place, from 0.

    Args:
        papers: in the order that answers are given in.
    """

    def __init__(self, papers: Sequence[Paper]) -> None:
        self._all = papers
        self._finders: dict[str, Callable[[str], frozenset[int]]] = {
            "categories": self._in_category,
            "keywords": self._having,
            "authors": lambda written: self._people.papers_of(written),
            "labs": lambda written: self._labs.papers_of(written),
            "muted": self._having,
        }

    def answering(self, kind: str, wanted: str) -> NDArray[np.bool_]:
        """Return whether each paper answers one entry; ``kind`` is a field of :class:`subscribers.model.Interests`.

        *Categories*: that category, or all of an archive (``cs``). *Keywords* and *muted* words: what
        :func:`subscribers.interests.parse_phrases` reads; one that it refuses, kept from before there were such rules, is
        a phrase as a whole, or answers nothing if it begins with a minus, as it was to leave out. *Authors* and *labs*:
        see :mod:`newsletter.digest.names`.
        """
        found = np.zeros(len(self._all), dtype=np.bool_)
        found[list(self._finders[kind](wanted))] = True
        return found

    def _in_category(self, wanted: str) -> frozenset[int]:
        return self._categories.get(wanted.strip().casefold(), frozenset())

    def _having(self, entry: str) -> frozenset[int]:
        if not set(entry) & set('"-'):
            return self._words.having(entry)  # most are a phrase and nothing else, and need no reading
        try:
            phrases = parse_phrases(entry)
        except ValueError:
            if entry.lstrip().startswith("-"):
                return frozenset()
            phrases = Phrases((entry,))
        found = frozenset.intersection(*map(self._words.having, phrases.wanted))
        return found.difference(*map(self._words.having, phrases.unwanted))

    @cached_property
    def _categories(self) -> dict[str, frozenset[int]]:
        papers: dict[str, set[int]] = {}
        for number, paper in enumerate(self._all):
            for category in paper.categories:
                name = category.casefold()
                for covering in {name, name.partition(".")[0]}:
                    papers.setdefault(covering, set()).add(number)
        return {name: frozenset(numbers) for name, numbers in papers.items()}

    @cached_property
    def _words(self) -> WordIndex:
        return WordIndex((paper.title, paper.abstract, paper.summary, *paper.keywords) for paper in self._all)

    @cached_property
    def _people(self) -> People:
        return People(paper.authors for paper in self._all)

    @cached_property
    def _labs(self) -> Labs:
        return Labs(paper.organization for paper in self._all)
