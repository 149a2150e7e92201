"""What the ranking learned from the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Self

import numpy as np

from newsletter.papers.attention import Attention
from newsletter.papers.model import Paper
from newsletter.trending.growth import Growth
from newsletter.trending.prior import Prior
from newsletter.trending.tracks import Tracks
from newsletter.trending.vectors import Vectors

#: From this age, in hours, a paper's votes tell what it is on course for well enough to learn from.
_TELLING_HOURS = 18.0


@dataclass(frozen=True, slots=True)
class Learned:
    """How votes grow, and how many a paper can be expected to get."""

    growth: Growth
    prior: Prior

    @staticmethod
    @cache
    def shipped() -> Learned:
        """Return what ships with the program; read once, as nothing changes it and the prior remembers papers."""
        return Learned(Growth.load(), Prior.load())

    @classmethod
    def learn(cls, papers: Sequence[Paper], attention: Attention, *, until: float, vectors: Vectors | None = None) -> Self:
        """Learn from papers and their votes.

        The prior learns from what papers older than 18 hours are on course for, as those whose votes in the end are known are
        often the popular ones.

        Args:
            papers: ascending ``seq``.
            attention: of these papers.
            until: seconds since 1970 UTC; what was measured later is not looked at.
            vectors: makes vectors of papers; None: with the shipped table.

        Raises:
            ValueError: of no paper the votes in the end are known.
        """
        listed = np.array([int(paper.listed_at.timestamp()) for paper in papers], dtype=np.int64)
        votes = Tracks.of(attention, [paper.seq for paper in papers], "votes", until=until)
        growth = Growth.learn(votes, listed)
        last = votes.last()
        age = votes.hours_since(listed)
        telling = np.flatnonzero((last >= 0) & (age[last] >= _TELLING_HOURS))
        course = votes.count[last[telling]] / growth.share(age[last[telling]])
        known = [papers[place] for place in telling.tolist()]
        prior = Prior.learn(known, course.tolist(), vectors=vectors)
        lift = float(course.mean() / prior.expected(known).mean())
        return cls(replace(growth, lift=round(lift, 3)), prior)
