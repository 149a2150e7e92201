"""How much a source usually lists: the median of the same hours in the weeks before. Pure.

Counted are the instants at which this program first saw a source list a paper, not those that the source names: what is usual
at an hour is what was known at that hour.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

#: Weeks looked back, and how many of them must be known.
WEEKS, LEAST_WEEKS = 6, 3


def count_between(arrivals: Sequence[datetime], since: datetime, until: datetime) -> int:
    """Return how many ``arrivals`` (ascending) came after ``since`` and at or before ``until``."""
    return bisect_right(arrivals, until) - bisect_right(arrivals, since)


def usual_volume(arrivals: Sequence[datetime], since: datetime, until: datetime) -> int | None:
    """Return how many papers usually arrive in the hours from ``since`` to ``until``, by the same hours of the weeks before.

    A week without a run of the program counts with what came, which is why it is the median and not the mean.

    Args:
        arrivals: when papers of one source were first seen, ascending, from its first one or from :data:`WEEKS` weeks before
            ``since`` on.
        since: aware.
        until: aware.

    Returns:
        None if fewer than :data:`LEAST_WEEKS` weeks are known.
    """
    counts = []
    for week in range(1, WEEKS + 1):
        shift = timedelta(weeks=week)
        if not arrivals or since - shift < arrivals[0]:
            break
        counts.append(count_between(arrivals, since - shift, until - shift))
    return int(median(counts)) if len(counts) >= LEAST_WEEKS else None
