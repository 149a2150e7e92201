"""How votes grow: the share of its votes in the end that a paper usually has at an age.

Learned from papers whose votes are known at several ages and in the end. The shipped table, ``growth.json`` beside this file,
comes from real papers of the past; ``benchmarks/trending.py`` makes it anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Self

import numpy as np
from numpy.typing import NDArray

from newsletter.trending.tracks import Tracks

#: Votes this many hours after listing, or later, count as those in the end.
SETTLED_HOURS = 96.0
#: Ages the table has, in hours; between them the share follows the logarithm of the age, as votes come fastest at first.
_AGES = (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 21, 24, 28, 34, 42, 54, 72, 96, 120, 168, 240, 336)
#: How far around an age papers speak for it, in e-folds of (age + 1 h).
_WIDTH = 0.12
#: Between a measurement that teaches and the last one of its paper.
_APART_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Growth:
    """A growth curve.

    Attributes:
        hours: ages since listing, ascending from 0.
        shares: share of the votes in the end that a paper has at these ages: ascending from 0 to 1.
        lift: mean of papers' votes in the end, as a multiple of what the prior expects, which half of them reach.
    """

    hours: tuple[float, ...]
    shares: tuple[float, ...]
    lift: float = 1.0

    def share(self, hours: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of its votes in the end that a paper has at these ages (hours from 0), from 0 to 1."""
        return np.interp(np.log1p(hours), np.log1p(self.hours), self.shares)

    @classmethod
    def load(cls) -> Self:
        """Return the shipped one."""
        return cls.from_json(files(__package__).joinpath("growth.json").read_text("utf-8"))

    @classmethod
    def learn(cls, votes: Tracks, listed: NDArray[np.int64]) -> Self:
        """Learn from papers' votes.

        The share at an age is the squared mean of sqrt(votes then / votes in the end), each measurement weighted by the votes
        in the end (what most people see, most counts) and by how near it is to the age; then made ascending.

        Args:
            votes: lines of papers; those without votes in the end (see :func:`settled`) teach nothing.
            listed: when each paper was listed, in seconds since 1970 UTC.

        Raises:
            ValueError: of no paper votes are known of its first days as well as in the end.
        """
        final = settled(votes, listed)
        last = votes.last()
        # A measurement shortly before that of the end would only say that the two are alike.
        is_apart = votes.at <= votes.at[last[votes.place]] - _APART_SECONDS
        rows = np.flatnonzero((final[votes.place] > 0) & (votes.at >= listed[votes.place]) & is_apart)
        if not votes.count[rows].any():
            raise ValueError("of no paper votes are known of its first days and of 4 days after its listing, or later")
        age = np.log1p(votes.hours_since(listed)[rows])
        in_end = final[votes.place[rows]].astype(np.float64)
        near = np.exp(-0.5 * ((age[:, None] - np.log1p(_AGES)) / _WIDTH) ** 2) + 1e-9
        root = (near * np.sqrt(votes.count[rows] * in_end)[:, None]).sum(axis=0) / (near * in_end[:, None]).sum(axis=0)
        shares = np.maximum.accumulate(np.square(root))
        return cls((0.0, *map(float, _AGES)), (0.0, *(round(float(share / shares[-1]), 3) for share in shares)))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the curve that :meth:`to_json` wrote."""
        table = json.loads(text)
        return cls(tuple(table["hours"]), tuple(table["shares"]), table["lift"])

    def to_json(self) -> str:
        """Return the table as text."""
        return json.dumps({"hours": self.hours, "shares": self.shares, "lift": self.lift}) + "\n"


def settled(votes: Tracks, listed: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each paper's votes in the end: the last known, if that was 4 days after its listing or later; -1 if not."""
    late = np.zeros(votes.size, dtype=np.bool_)
    late[votes.place[votes.at >= listed[votes.place] + int(SETTLED_HOURS * 3600)]] = True
    return np.where(late, votes.latest(), -1)
