"""The ranking formula: what papers' attention is worth at an instant, and the receipts that say so.

The score is the sum of named parts (``arithmetic.py`` has each one's form, ``docs/ranking.md`` says it in words)::

    forecast    votes the paper is on course for, where votes were measured (``forecast.py``)
    prior       votes expected by its words, authors and lab, where none were measured
    velocity    votes gained lately          attention   votes so far
    discussion  comments                     stars       stars gained lately
    agreement   further sources that list it freshness   minus, growing with the age

Pure: everything needed comes in, nothing is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from newsletter.config import TrendingConfig
from newsletter.papers.attention import Attention
from newsletter.papers.model import Paper
from newsletter.trending.arithmetic import forecast, points
from newsletter.trending.forecast import Outlook, outlook, recency
from newsletter.trending.learned import Learned
from newsletter.trending.model import Receipt, ReceiptPart
from newsletter.trending.tracks import Tracks

#: Most points of a receipt's vote history.
HISTORY_POINTS = 8
_DAY, _HOUR = 86_400, 3_600.0

Column = NDArray[np.float64] | NDArray[np.int64]


class Scores:
    """What papers are worth at an instant, and why. What one is worth does not depend on the others.

    ``totals`` are their scores, in the order of the papers.

    Args:
        papers: listed at or before ``at``; ascending ``seq``.
        attention: of these papers; what was measured after ``at`` is left out here, so nothing leaks in.
        at: aware UTC.
        weights: the formula's weights.
        learned: what the past taught.
    """

    def __init__(
        self, papers: Sequence[Paper], attention: Attention, *, at: datetime, weights: TrendingConfig, learned: Learned
    ) -> None:
        now = at.timestamp()
        seqs = [paper.seq for paper in papers]
        listed = np.array([int(paper.listed_at.timestamp()) for paper in papers], dtype=np.int64)
        votes, comments, stars = (Tracks.of(attention, seqs, figure, until=now) for figure in ("votes", "comments", "stars"))
        course = outlook(votes, listed, growth=learned.growth, half_life=weights.half_life)
        expected = _expected(papers, course, learned)
        self._at, self._votes, self._latest = at, votes.count.tolist(), votes.latest().tolist()
        self._begins = np.searchsorted(votes.place, np.arange(len(papers) + 1)).tolist()
        self._comments, self._stars = comments.latest().tolist(), stars.latest().tolist()
        self._day_before = _a_day_before(votes, int(now)).tolist()
        amounts: Mapping[str, Mapping[str, Column | float]] = {
            "forecast": {
                "votes": course.votes,
                "left": course.left,
                "gained": course.gained,
                "grown": course.grown,
                "prior_votes": weights.prior_votes,
                "expected": expected,
            },
            "prior": {"expected": expected, "voters": np.where(course.is_known, 0.0, _voters(papers, weights))},
            "velocity": {"gained": votes.sums(recency(votes, int(now), half_life=weights.half_life) * course.own)},
            "attention": {"votes": course.votes},
            "discussion": {"comments": np.maximum(comments.latest(), 0)},
            "stars": {"gained": stars.sums(recency(stars, int(now), half_life=weights.half_life) * stars.later_steps())},
            "agreement": {"further": np.array([max(len(paper.sources) - 1, 0) for paper in papers])},
            "freshness": {
                "hours": np.maximum(now - listed, 0) / _HOUR,
                "fresh_hours": weights.fresh_for / timedelta(hours=1),
            },
        }
        self._figures = {name: _lists(_weight(weights, name), columns, len(papers)) for name, columns in amounts.items()}
        self._points = {name: points(name, columns) for name, columns in self._figures.items()}
        self.totals = [math.fsum(row) for row in zip(*self._points.values(), strict=True)]

    def receipts(self, places: Sequence[int]) -> list[Receipt]:
        """Return the receipts of the papers at these places.

        The parts of each add up to its score, and parts worth nothing are left out.
        """
        columns = [
            [
                ReceiptPart(name, points, figures=figures) if points else None
                for points, figures in zip(_at(places, self._points[name]), _named(places, self._figures[name]), strict=True)
            ]
            for name in self._figures
        ]
        parts = (tuple(part for part in row if part is not None) for row in zip(*columns, strict=True))
        return [self._receipt(place, own) for place, own in zip(places, parts, strict=True)]

    def _receipt(self, place: int, parts: tuple[ReceiptPart, ...]) -> Receipt:
        votes = self._latest[place]
        before = _known(self._day_before[place])
        return Receipt(
            at=self._at,
            score=self.totals[place],
            parts=parts,
            votes=_known(votes),
            votes_gained=None if votes < 0 or before is None else votes - before,
            comments=_known(self._comments[place]),
            stars=_known(self._stars[place]),
            history=_thinned(self._votes[self._begins[place] : self._begins[place + 1]]),
            forecast=None
            if votes < 0
            else forecast({name: column[place] for name, column in self._figures["forecast"].items()}),
        )


def _at(places: Sequence[int], column: Sequence[float]) -> Iterator[float]:
    return map(column.__getitem__, places)


def _named(places: Sequence[int], figures: Mapping[str, Sequence[float]]) -> Iterator[tuple[tuple[str, float], ...]]:
    """Yield the figures of each place, by name; at C speed, as a ranking has some hundred thousand of them."""
    return zip(*(zip(repeat(name), _at(places, column), strict=False) for name, column in figures.items()), strict=True)


def _weight(weights: TrendingConfig, part: str) -> float:
    weight: float = getattr(weights, f"{part}_weight")
    return weight


def _lists(weight: float, columns: Mapping[str, Column | float], size: int) -> dict[str, list[float]]:
    """Return a weight and figures as lists of plain numbers, an entry for each paper."""
    whole = {"weight": weight, **columns}
    return {name: column.tolist() if isinstance(column, np.ndarray) else [column] * size for name, column in whole.items()}


def _expected(papers: Sequence[Paper], course: Outlook, learned: Learned) -> NDArray[np.float64]:
    # Where votes come no more nothing need be expected, which takes reading a paper's text.
    places = np.flatnonzero(~course.is_known | (course.left > 0))
    expected = np.ones(len(papers))
    expected[places] = learned.growth.lift * learned.prior.expected([papers[place] for place in places.tolist()])
    return expected


def _voters(papers: Sequence[Paper], weights: TrendingConfig) -> NDArray[np.float64]:
    lists = set(weights.vote_sources)
    return np.array([weights.elsewhere if lists.isdisjoint(paper.sources) else 1.0 for paper in papers])


def _a_day_before(votes: Tracks, now: int) -> NDArray[np.int64]:
    """Return each place's votes a day before ``now``; -1 where none were counted in the day up to then.

    What came since an older count need not have come since yesterday.
    """
    rows = votes.last(now - _DAY)
    found = np.flatnonzero(rows >= 0)
    found = found[votes.at[rows[found]] >= now - 2 * _DAY]
    counts = np.full(votes.size, -1, dtype=np.int64)
    counts[found] = votes.count[rows[found]]
    return counts


def _thinned(counts: list[int]) -> tuple[int, ...]:
    if len(counts) <= HISTORY_POINTS:
        return tuple(counts)
    step = (len(counts) - 1) / (HISTORY_POINTS - 1)
    return tuple(counts[round(point * step)] for point in range(HISTORY_POINTS))


def _known(count: int) -> int | None:
    return None if count < 0 else count
