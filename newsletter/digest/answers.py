"""What many readers asked for, answered for all papers of a pool at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from newsletter.digest.matching import Matching
from newsletter.papers.model import Paper
from subscribers.model import Interests

#: Kinds of interest as fields of :class:`Interests`, the more particular wish later. A muted word overrules all of them.
KINDS = ("categories", "keywords", "labs", "authors", "muted")
#: Entries whose answers are remembered: some 300 octets and one for each paper of the pool.
TERMS_KEPT = 100_000
_FIRST_ROOM = 64
_MOST_PAPERS = 1 << 20

K = TypeVar("K")
_kinds_of = attrgetter(*KINDS)


@dataclass(frozen=True, slots=True)
class Answered:
    """What some readers' entries say of some papers.

    Attributes:
        strongest: shape (readers, papers): the strongest entry of the reader that the paper answers, as an index into the
            following ones; 0 for none.
        kinds: of each entry, an index into :data:`KINDS`; -1 for none. Never falling.
        numbers: of each entry; 0 for none. It keeps its number until :meth:`Answers.tidy`.
    """

    strongest: NDArray[np.int32]
    kinds: NDArray[np.int8]
    numbers: NDArray[np.intp]


class Answers:
    """Looks entries up in papers and remembers what was found.

    Args:
        papers: in the order of the columns of what is returned.
    """

    def __init__(self, papers: Sequence[Paper]) -> None:
        self._matching = Matching(papers)
        self._width = len(papers)
        self._forget()

    def of(self, wishes: Sequence[Interests]) -> Answered:
        """Answer what some readers, one at least, asked for.

        Of entries that a paper answers the strongest is that of the strongest kind, then the one that the fewest papers
        answer; which one it is never depends on what others ask for.
        """
        asked: list[int] = []
        starts: list[int] = []
        for wish in wishes:
            starts.append(len(asked))
            asked.append(0)
            for texts, numbers_of in zip(_kinds_of(wish), self._numbers, strict=True):
                if texts:
                    asked.extend(map(numbers_of.__getitem__, texts))
        numbers, which = np.unique(np.array(asked), return_inverse=True)
        by_strength = np.argsort(self._strengths[numbers])
        place = np.empty(len(numbers), dtype=np.int32)
        place[by_strength] = np.arange(len(numbers), dtype=np.int32)
        marked = self._found[numbers] * place[:, np.newaxis]
        return Answered(_highest(marked, which, starts), self._kinds[numbers[by_strength]], numbers[by_strength])

    def written(self, number: int) -> tuple[str, str]:
        """Return an entry's kind and how a reader wrote it."""
        return KINDS[self._kinds[number]], self._texts[number]

    def tidy(self) -> None:
        """Forget everything if there is too much of it."""
        if len(self._texts) > TERMS_KEPT:
            self._forget()

    def _forget(self) -> None:
        """Start with one entry that is asked for by nobody and answered by nothing."""
        self._found = np.zeros((_FIRST_ROOM, self._width), dtype=np.bool_)
        self._strengths = np.zeros(_FIRST_ROOM, dtype=np.int64)
        self._kinds = np.full(_FIRST_ROOM, -1, dtype=np.int8)
        self._texts = [""]
        self._numbers = [Numbered(partial(self._add, kind)) for kind in range(len(KINDS))]

    def _add(self, kind: int, text: str) -> int:
        number = len(self._texts)
        if number == len(self._kinds):
            self._found = np.concatenate((self._found, np.zeros_like(self._found)))
            self._strengths = np.concatenate((self._strengths, np.zeros_like(self._strengths)))
            self._kinds = np.concatenate((self._kinds, np.full_like(self._kinds, -1)))
        found = self._matching.answering(KINDS[kind], text)
        self._found[number] = found
        self._kinds[number] = kind
        # Kind, then rarity, then a hash, so that two entries of a kind never stand in an order that others decide.
        self._strengths[number] = (kind + 1) << 52 | (_MOST_PAPERS - int(found.sum())) << 32 | crc32(text.encode())
        self._texts.append(text)
        return number


def _highest(rows: NDArray[np.int32], which: NDArray[np.intp], starts: Sequence[int]) -> NDArray[np.int32]:
    """Return the columnwise maxima of groups of rows: ``rows[which]`` from each start to the next one.

    The same as ``np.maximum.reduceat(rows[which], starts)``, which takes several times as long on short groups.
    """
    first = np.array(starts)
    count = np.diff(first, append=len(which))
    largest_first = np.argsort(-count, kind="stable")
    first, count = first[largest_first], count[largest_first]
    highest: NDArray[np.int32] = rows[which[first]]
    for nth in range(1, int(count[0])):
        those = slice(np.count_nonzero(count > nth))
        np.maximum(highest[those], rows[which[first[those] + nth]], out=highest[those])
    in_order = np.empty_like(highest)
    in_order[largest_first] = highest
    return in_order


class Numbered(dict[K, int]):
    """Numbers of keys; ``add`` gives a key that is new its own."""

    def __init__(self, add: Callable[[K], int]) -> None:
        super().__init__()
        self._add = add

    def __missing__(self, key: K) -> int:
        number = self[key] = self._add(key)
        return number
