"""How many votes papers are on course for.

With ``share`` the growth curve (``growth.py``), ``votes`` a paper has at its last measurement, and for each step between two
measurements (the first from its listing) the votes it brought and the share of growth that passed::

    weight   = 2 ** (-hours from the step's end to the last measurement / half_life)
    gained   = sum of weight * votes of the step
    grown    = sum of weight * share of the step
    to_come  = (1 - share at the last measurement) * (prior_votes + gained) / (prior_votes / expected + grown)
    forecast = votes + to_come

The fraction is a Gamma-Poisson estimate of the votes that a whole growth brings: the paper's own pace, shrunk towards what was
expected of it at listing, which weighs like ``prior_votes`` votes. Source: Gelman et al., "Bayesian Data Analysis", 3rd
edition, section 2.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from newsletter.trending.growth import Growth
from newsletter.trending.tracks import Tracks

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What the forecast of each paper is made of, as the module says.

    Attributes:
        is_known: whether votes were measured at all; the others are 0 where not.
        votes, left, gained, grown: by paper; ``left`` is the share of growth that is to come.
        own: by row of the lines: the votes that its step brought since the listing.
    """

    is_known: NDArray[np.bool_]
    votes: NDArray[np.int64]
    left: NDArray[np.float64]
    gained: NDArray[np.float64]
    grown: NDArray[np.float64]
    own: NDArray[np.float64]


def outlook(votes: Tracks, listed: NDArray[np.int64], *, growth: Growth, half_life: timedelta) -> Outlook:
    """Work out what papers' votes say.

    Args:
        votes: lines of the papers, up to the instant of the forecast.
        listed: when each was listed, in seconds since 1970 UTC.
        growth: the curve.
        half_life: after which a step counts half.
    """
    last = votes.last()
    is_known = last >= 0
    share = growth.share(votes.hours_since(listed))
    left, measured = np.zeros(votes.size), np.zeros(votes.size, dtype=np.int64)
    left[is_known] = 1.0 - share[last[is_known]]
    measured[is_known] = votes.at[last[is_known]]
    weight = recency(votes, measured, half_life=half_life)
    # Votes from before the listing are votes, but they came at no pace that the curve knows.
    own = votes.steps(votes.count) * (votes.at > listed[votes.place])
    counts = np.maximum(votes.latest(), 0)
    return Outlook(is_known, counts, left, votes.sums(weight * own), votes.sums(weight * votes.steps(share)), own)


def recency(tracks: Tracks, until: NDArray[np.int64] | int, *, half_life: timedelta) -> NDArray[np.float64]:
    """Return how much each row counts at an instant (or each place's own) in seconds since 1970: 1 if measured just then."""
    instants = np.broadcast_to(until, tracks.size)
    weight: NDArray[np.float64] = np.exp2(-(instants[tracks.place] - tracks.at) / (half_life / _SECOND))
    return weight
