"""How a figure of papers went over time: one line per paper, whatever the number of sources that counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from newsletter.papers.attention import Attention
from newsletter.papers.model import PaperSeq

_HOUR = 3600.0
#: More than any figure is: a line below this multiple of its place never meets that of another place.
_APART = np.int64(1) << 32
#: Instants are seconds below 2 to the power of this.
_SECONDS_BITS = 33
#: A ``seq`` above all papers'.
_NOBODY = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Lines of one figure, ascending by place and instant; no two rows share both.

    Attributes:
        place: of the paper in the list the lines were asked for.
        at: when, in seconds since 1970 UTC.
        count: what was known then; never falls along a line, and ends at what is known last.
        size: papers in that list.
    """

    place: NDArray[np.int64]
    at: NDArray[np.int64]
    count: NDArray[np.int64]
    size: int

    @classmethod
    def of(
        cls, attention: Attention, seqs: Sequence[PaperSeq], figure: Literal["votes", "comments", "stars"], *, until: float
    ) -> Tracks:
        """Draw the lines of papers; one without a measurement has none.

        At every instant a line stands at the highest of what the sources said last, as they count the same thing at different
        hours. What was taken back later (a vote withdrawn) was never there.

        Args:
            attention: of these papers, and of others if need be.
            seqs: the papers, ascending.
            figure: what is counted.
            until: seconds since 1970 UTC; what was measured later is not looked at.
        """
        value = getattr(attention, figure)
        known = np.flatnonzero((value >= 0) & (attention.at <= until))
        homes = np.append(np.asarray(seqs, dtype=np.int64), _NOBODY)
        place = np.searchsorted(homes, attention.paper[known])
        is_asked = homes[place] == attention.paper[known]
        known, place = known[is_asked], place[is_asked]
        # Near to sorted already, which a stable sort makes use of.
        order = np.argsort((place << _SECONDS_BITS) + attention.at[known], kind="stable")
        known, place = known[order], place[order]
        at, count, source = attention.at[known], value[known].astype(np.int64), attention.source[known]
        row = np.arange(len(known))
        begins = np.maximum.accumulate(np.where(np.diff(place, prepend=-1) != 0, row, 0))
        highest = np.zeros(len(known), dtype=np.int64)
        for index in np.unique(source):
            latest = np.maximum.accumulate(np.where(source == index, row, -1))
            np.maximum(highest, np.where(latest >= begins, count[latest], 0), out=highest)
        # Of several sources at one instant the last row has heard all of them.
        whole = np.flatnonzero((np.diff(place, append=-1) != 0) | (np.diff(at, append=-1) != 0))
        place, at, apart = place[whole], at[whole], highest[whole] + place[whole] * _APART
        count = np.minimum.accumulate(apart[::-1])[::-1] - place * _APART
        return cls(place, at, count, len(seqs))

    def hours_since(self, instants: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return each row's age in hours, at least 0; ``instants`` has one for every place."""
        hours: NDArray[np.float64] = np.maximum(self.at - instants[self.place], 0) / _HOUR
        return hours

    def last(self, instant: int | None = None) -> NDArray[np.int64]:
        """Return each place's last row at or before an instant (None: at all); -1 where there is none."""
        rows = np.arange(len(self.place)) if instant is None else np.flatnonzero(self.at <= instant)
        ends = np.full(self.size, -1, dtype=np.int64)
        ends[self.place[rows]] = rows
        return ends

    def latest(self, instant: int | None = None) -> NDArray[np.int64]:
        """Return what each place's line stands at then; -1 where it has not begun."""
        rows = self.last(instant)
        counts = np.full(self.size, -1, dtype=np.int64)
        counts[rows >= 0] = self.count[rows[rows >= 0]]
        return counts

    def is_first(self) -> NDArray[np.bool_]:
        """Return which rows begin a line."""
        first: NDArray[np.bool_] = np.diff(self.place, prepend=-1) != 0
        return first

    def steps(self, values: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how much ``values`` (one per row) grew since the row before; at a line's first, the value itself."""
        grown = np.diff(values.astype(np.float64), prepend=0.0)
        return np.where(self.is_first(), values, grown)

    def later_steps(self) -> NDArray[np.float64]:
        """Return how much each line grew since the row before; nothing at its first, before which nothing is known."""
        return self.steps(self.count) * ~self.is_first()

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of ``values`` (one per row) along each place's line."""
        sums = np.zeros(self.size)
        np.add.at(sums, self.place, values)
        return sums
