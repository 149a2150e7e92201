"""The ranking formula: what a paper's attention is worth at an instant, and the receipt that says so.

With ``age`` in hours since listing::

    decay = 2 ** (-age / half_life)
    score = decay * ( votes_weight    * log2(1 + votes / (age + prior_hours))
                    + comments_weight * log2(1 + comments)
                    + stars_weight    * log2(1 + stars) )

``docs/ranking.md`` says it in words. Pure: everything needed comes in, nothing is read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from newsletter.config import TrendingConfig
from newsletter.papers.model import Paper, Signal
from newsletter.trending.model import Receipt, ReceiptPart

#: Most points of a receipt's vote history.
HISTORY_POINTS = 8


def score(paper: Paper, signals: Sequence[Signal], *, at: datetime, weights: TrendingConfig) -> Receipt:
    """Say what ``paper`` is worth at ``at``, and why.

    Args:
        paper: listed at or before ``at``.
        signals: of this paper, ascending by instant; later ones than ``at`` are left out here, so nothing leaks in.
        at: aware UTC.
        weights: the formula's weights.

    Returns:
        A receipt whose parts add up to its score.
    """
    known = [signal for signal in signals if signal.observed_at <= at]
    votes, comments, stars = (_latest(known, name) for name in ("votes", "comments", "stars"))
    age = max(0.0, (at - paper.listed_at) / timedelta(hours=1))
    decay = 2.0 ** (-age / (weights.half_life / timedelta(hours=1)))
    per_hour = (votes or 0) / (age + weights.prior_hours)
    parts = tuple(
        ReceiptPart(name, decay * weight * math.log2(1 + amount), words)
        for name, weight, amount, words in (
            ("votes", weights.votes_weight, per_hour, f"{_count(votes or 0, 'vote')} in {age_words(age)}"),
            ("comments", weights.comments_weight, comments or 0, _count(comments or 0, "comment")),
            ("stars", weights.stars_weight, stars or 0, f"{_count(stars or 0, 'star')} on its code"),
        )
        if amount
    )
    return Receipt(
        at=at,
        score=math.fsum(part.points for part in parts),
        parts=parts,
        votes=votes,
        votes_gained=_gained(known, at=at),
        comments=comments,
        stars=stars,
        history=_history(known),
    )


def _latest(signals: Sequence[Signal], name: str) -> int | None:
    # The highest of what the sources say at their latest: they count the same votes at different hours.
    newest: dict[str, int] = {}
    for signal in signals:
        value = getattr(signal, name)
        if value is not None:
            newest[signal.source] = value
    return max(newest.values(), default=None)


def _gained(signals: Sequence[Signal], *, at: datetime) -> int | None:
    now = _latest(signals, "votes")
    before = _latest([signal for signal in signals if signal.observed_at <= at - timedelta(hours=24)], "votes")
    return None if now is None or before is None else now - before


def _history(signals: Sequence[Signal]) -> tuple[int, ...]:
    seen: list[int] = []
    for signal in signals:
        if signal.votes is not None:
            seen.append(max(signal.votes, seen[-1] if seen else 0))
    if len(seen) <= HISTORY_POINTS:
        return tuple(seen)
    step = (len(seen) - 1) / (HISTORY_POINTS - 1)
    return tuple(seen[round(place * step)] for place in range(HISTORY_POINTS))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def age_words(age: float) -> str:
    """Return an age in hours as people say it: ``9 hours``, ``3 days``."""
    if age < 1:
        return "less than an hour"
    if age < 48:
        return f"{age:.0f} hour{'' if round(age) == 1 else 's'}"
    return f"{age / 24:.0f} days"
