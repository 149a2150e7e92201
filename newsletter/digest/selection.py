"""What readers get of an issue's pool: pure, and quick enough for every reader at once.

The rule, in words: papers a reader was ever sent are out, and so are those with a muted word. Papers by the authors and labs
that a reader follows come first; one place in five stays common all the same. What was there when the reader's last mail was
made counts by what it gained since (``news.py``). Up to three places in five go to papers chosen
for this reader: by what was asked for, what the reader's feedback says and how they rank. The other places go to the pool's
best, what everybody reads. Late bloomers follow, in places of their own. Without interests and feedback, the digest is the
pool's best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from newsletter.digest.answers import KINDS, Answered, Numbered
from newsletter.digest.model import DigestEntry
from newsletter.digest.pool import Pool
from newsletter.papers.model import PaperSeq
from newsletter.taste.preference import preference
from subscribers.model import Interests

#: Share of a digest's places that papers chosen for one reader may take; the rest stays common, so that nobody is locked in.
INTEREST_SHARE = 0.6
#: Share of the places that stays common even where followed authors and labs could fill them all.
COMMON_SHARE = 0.2
#: What feedback says of papers that a reader clearly dislikes: they get a common place only if nothing else is left for it.
#: After six times "less", two or three papers in a hundred are that much like what was disliked.
DISLIKED = -0.15
#: Ranks that everybody gets, liked or not: what a whole field talks about is worth knowing of.
LEADING = 3

Choice: TypeAlias = tuple[DigestEntry, ...]

#: Strength of each kind of interest, of muted words and of no interest, as :func:`preference` takes it.
_STRENGTHS = np.array([0.5, 0.8, 1.0, 1.0, 0.0, 0.0], dtype=np.float32)
_PINNED, _MUTED = KINDS.index("labs"), KINDS.index("muted")
_SINGULAR = {"categories": "category", "keywords": "keyword", "labs": "lab", "authors": "author"}
_TASTE_DIGITS = 3
#: Readers who are chosen for together: their arrays stay in a processor's cache.
_BATCH = 512
#: Parts of a key to sort by: a column, a value above it, and whether it is pinned on top.
_COLUMN_BITS, _PINNED_BIT = 16, 60
_LAST_COLUMN = (1 << _COLUMN_BITS) - 1


@dataclass(frozen=True, slots=True)
class Wish:
    """What makes two readers get the same.

    Attributes:
        interests: what is wanted more and less of.
        size: papers at most, at least 1; late bloomers come on top of it.
        excluded: papers that the reader was or may have been sent.
        taste: row of the model learned from the reader's feedback; None if there is none.
        since: when the issue of the reader's last mail was frozen, aware; None: there was none.
    """

    interests: Interests
    size: int
    excluded: frozenset[PaperSeq] = frozenset()
    taste: int | None = None
    since: datetime | None = None


def choose(
    pool: Pool,
    interests: Interests,
    *,
    size: int,
    excluded: Set[PaperSeq],
    taste: NDArray[np.float32] | None = None,
    late: int = 0,
    since: datetime | None = None,
) -> Choice:
    """Choose one reader's papers; see :func:`choose_all`. ``taste`` is the reader's model, None if there is none."""
    wish = Wish(interests, size, frozenset(excluded), None if taste is None else 0, since)
    return choose_all(pool, [wish], None if taste is None else taste[np.newaxis], late=late)[0]


def choose_all(pool: Pool, wishes: Sequence[Wish], tastes: NDArray[np.float32] | None = None, *, late: int = 0) -> list[Choice]:
    """Choose the papers of many readers, in the order they are shown.

    Args:
        pool: the issue's frozen pool.
        wishes: one a reader. What one gets does not depend on the others; equal wishes are looked at once.
        tastes: models of what feedback says, a row each of :data:`newsletter.trending.vectors.DIM` weights; None if no wish
            names one.
        late: late bloomers at most.

    Returns:
        For each wish its entries: first those chosen for this reader, the pinned ones before the others and better ones before
        worse; then the common ones, better ones before worse; then the late bloomers by rank. Empty when nothing in the pool is
        new to the reader. Equal choices are one and the same tuple, so that they can be told by identity.
    """
    numbers: dict[Wish, int] = {}
    which = [numbers.setdefault(wish, len(numbers)) for wish in wishes]
    distinct = tuple(numbers)
    pool.answers.tidy()
    making = _Making(pool)
    made: dict[int, Choice] = {}
    of_since: dict[datetime | None, list[int]] = {}
    for number, wish in enumerate(distinct):
        of_since.setdefault(wish.since, []).append(number)
    for since, theirs in of_since.items():
        for first in range(0, len(theirs), _BATCH):
            places = theirs[first : first + _BATCH]
            some = [distinct[number] for number in places]
            answered = pool.answers.of([wish.interests for wish in some])
            models = _models(some, tastes)
            picked = _pick(pool, some, answered, models, late, pool.order_since(since))
            made |= zip(places, making.choices(picked, answered, models), strict=True)
    return [made[number] for number in which]


@dataclass(frozen=True, slots=True)
class _Picked:
    """Chosen columns of some readers, -1 where there is none, and how many of each row's first ones are personal."""

    columns: NDArray[np.int32]
    personal: NDArray[np.intp]


def _models(wishes: Sequence[Wish], tastes: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Return the model of each wish, of zeros where there is none; None where nobody has one."""
    rows = [row for row, wish in enumerate(wishes) if wish.taste is not None]
    if tastes is None or not rows:
        return None
    models = np.zeros((len(wishes), tastes.shape[1]), dtype=np.float32)
    models[rows] = tastes[[wish.taste for wish in wishes if wish.taste is not None]]
    return models


def _pick(
    pool: Pool,
    wishes: Sequence[Wish],
    answered: Answered,
    models: NDArray[np.float32] | None,
    late: int,
    order: NDArray[np.intp],
) -> _Picked:
    """Choose columns for readers for whom the ranking stands in ``order``."""
    ranked = pool.ranked
    # Rounded, as the last digits of a product depend on the processor and on who else is in the batch.
    taste = None if models is None else np.round(models @ pool.features.T, _TASTE_DIGITS)[:, order]
    # From here on a column of the ranking is a place in the order; at the end it is a column again.
    order = np.concatenate([order, np.arange(ranked, len(pool.seqs)), [-1]])
    strongest = answered.strongest[:, order[:-1]]
    first_pinned, first_muted = np.searchsorted(answered.kinds, [_PINNED, _MUTED]).tolist()
    is_open = ~(pool.columns_of([wish.excluded for wish in wishes])[:, order[:-1]] | (strongest >= first_muted))
    size = np.array([wish.size for wish in wishes])
    keys = _keys(pool, answered.kinds, strongest[:, :ranked], taste, is_open[:, :ranked], first_pinned)
    wanted, pinned = np.count_nonzero(keys, axis=1), np.count_nonzero(keys >> _PINNED_BIT, axis=1)
    most_pinned = np.maximum(size - np.ceil(size * COMMON_SHARE).astype(int), 1)
    share = np.maximum(np.rint(size * INTEREST_SHARE).astype(int), 1)
    personal = np.minimum(wanted, np.maximum(np.minimum(pinned, most_pinned), share))

    columns = np.full((len(wishes), int(size.max()) + late), -1, dtype=np.int32)
    widest = int(personal.max())
    free = is_open[:, :ranked].copy()
    if widest:
        best = np.sort(np.partition(keys, ranked - widest, axis=1)[:, ranked - widest :], axis=1)[:, ::-1]
        rows, places = np.nonzero(np.arange(widest) < personal[:, np.newaxis])
        columns[rows, places] = _LAST_COLUMN - (best[rows, places] & _LAST_COLUMN)
        free[rows, columns[rows, places]] = False
    filled = personal.copy()
    if taste is not None:
        is_disliked = taste < DISLIKED
        is_disliked[:, :LEADING] = False
        _fill(columns, filled, free & ~is_disliked, size)
        free &= is_disliked
    _fill(columns, filled, free, size)
    if late:
        _fill(columns, filled, is_open[:, ranked:], filled + late, offset=ranked)
    return _Picked(order[columns].astype(np.int32), personal)


def _keys(
    pool: Pool,
    kinds: NDArray[np.int8],
    strongest: NDArray[np.int32],
    taste: NDArray[np.float32] | None,
    is_open: NDArray[np.bool_],
    first_pinned: int,
) -> NDArray[np.int64]:
    """Return a number for each reader and paper of the ranking: a better personal pick has a higher one, and no pick has 0."""
    matched = _STRENGTHS[kinds][strongest]
    value = preference(pool.standing, matched, np.zeros_like(matched) if taste is None else taste)
    # The bits of positive numbers order like the numbers; below them the column, so that the better ranked is first of equals.
    keys = np.where(value > 0, value, np.float32(0)).view(np.int32).astype(np.int64) << _COLUMN_BITS
    is_pinned = strongest >= first_pinned
    is_wanted = is_open & (is_pinned | (keys > 0))
    keys |= _LAST_COLUMN - np.arange(pool.ranked)
    keys |= is_pinned.astype(np.int64) << _PINNED_BIT
    keys *= is_wanted
    return keys


def _fill(
    columns: NDArray[np.int32],
    filled: NDArray[np.intp],
    free: NDArray[np.bool_],
    most: NDArray[np.intp],
    *,
    offset: int = 0,
) -> None:
    """Put the first free columns of each row behind what is there, up to ``most`` in all; ``filled`` counts along."""
    nth = np.cumsum(free, axis=1, dtype=np.int32)
    rows, found = np.nonzero(free & (nth <= (most - filled)[:, np.newaxis]))
    columns[rows, filled[rows] + nth[rows, found] - 1] = found + offset
    filled += np.bincount(rows, minlength=len(filled))


class _Making:
    """Makes choices of columns; equal ones are one, and so are equal entries."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._entries: list[DigestEntry] = []
        self._numbers = Numbered(self._add)
        self._of_pair = Numbered(self._for_pair)
        self._choices: dict[bytes, Choice] = {}

    def choices(self, picked: _Picked, answered: Answered, models: NDArray[np.float32] | None) -> Iterator[Choice]:
        """Yield the choices of a batch."""
        rows, places = np.nonzero(picked.columns >= 0)
        columns = picked.columns[rows, places]
        interests = answered.numbers[answered.strongest[rows, columns]]
        pairs = (interests * len(self._pool.seqs) + columns).tolist()
        entries = np.full_like(picked.columns, -1)
        entries[rows, places] = np.fromiter(map(self._of_pair.__getitem__, pairs), dtype=np.int32, count=len(pairs))
        if models is not None:
            of_taste = (interests == 0) & (places < picked.personal[rows])
            self._say_taste(entries, rows[of_taste], places[of_taste], columns[of_taste], models)
        lengths = np.bincount(rows, minlength=len(entries)).tolist()
        for row, length in zip(entries, lengths, strict=True):
            chosen = row[:length]
            key = chosen.tobytes()
            if key not in self._choices:
                self._choices[key] = tuple([self._entries[number] for number in chosen.tolist()])
            yield self._choices[key]

    def _say_taste(
        self,
        entries: NDArray[np.int32],
        rows: NDArray[np.intp],
        places: NDArray[np.intp],
        columns: NDArray[np.int32],
        models: NDArray[np.float32],
    ) -> None:
        """Name, for papers that only feedback speaks for, the word that says most."""
        for column in np.unique(columns).tolist():
            words, where = self._pool.words(column)
            if not words:
                continue
            mine = np.flatnonzero(columns == column)
            said = models[rows[mine]][:, where] * self._pool.features[column, where]
            best = said.argmax(axis=1)
            entries[rows[mine], places[mine]] = [self._numbers[column, f"taste:{words[word]}"] for word in best.tolist()]

    def _for_pair(self, pair: int) -> int:
        interest, column = divmod(pair, len(self._pool.seqs))
        if not interest:
            return self._numbers[column, ""]
        kind, text = self._pool.answers.written(interest)
        return self._numbers[column, f"{_SINGULAR[kind]}:{text}"]

    def _add(self, column_and_match: tuple[int, str]) -> int:
        column, match = column_and_match
        self._entries.append(DigestEntry(self._pool.seqs[column], match))
        return len(self._entries) - 1
