"""Ranks what is stored, as it was known at an instant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from newsletter.config import TrendingConfig
from newsletter.papers.model import Paper
from newsletter.papers.store import PaperStore
from newsletter.trending.model import RankedPaper, Receipt

if TYPE_CHECKING:
    from newsletter.trending.learned import Learned
    from newsletter.trending.score import Scores


def rank(
    session: Session,
    *,
    at: datetime,
    days: int,
    weights: TrendingConfig,
    sources: tuple[str, ...] = (),
    limit: int | None = None,
    learned: Learned | None = None,
) -> list[RankedPaper]:
    """Rank the papers listed in the ``days`` before ``at``, best first.

    Only what was known at ``at`` counts, of votes as of the papers themselves. Withdrawn papers are left out. Equal scores: the
    earlier ingested first, so the order is the same every time.

    Args:
        session: for reading.
        at: aware UTC.
        days: age up to which a listed paper takes part.
        weights: the formula's weights.
        sources: names of sources whose papers take part; empty takes all.
        limit: papers returned at most; None returns all.
        learned: what the past taught; None: what ships with the program.
    """
    papers = PaperStore(session).listed_between(at - timedelta(days=days), at, sources=sources, known_at=at)
    papers = [paper for paper in papers if paper.withdrawn_at is None or paper.withdrawn_at > at]
    scores = _scores(session, papers, at=at, weights=weights, learned=learned)
    best = sorted(range(len(papers)), key=lambda place: (-scores.totals[place], papers[place].seq))[:limit]
    pairs = zip(best, scores.receipts(best), strict=True)
    return [RankedPaper(rank, papers[place], receipt) for rank, (place, receipt) in enumerate(pairs, start=1)]


def explain(
    session: Session, paper: Paper, *, at: datetime, weights: TrendingConfig, learned: Learned | None = None
) -> Receipt:
    """Return the receipt of one paper as known at ``at``, aware UTC: the one that :func:`rank` gives it.

    Args:
        session: for reading.
        paper: as known at ``at``.
        at: aware UTC.
        weights: the formula's weights.
        learned: what the past taught; None: what ships with the program.
    """
    return _scores(session, [paper], at=at, weights=weights, learned=learned).receipts([0])[0]


def _scores(session: Session, papers: list[Paper], *, at: datetime, weights: TrendingConfig, learned: Learned | None) -> Scores:
    from newsletter.trending.learned import Learned  # these load numpy, which most commands do without
    from newsletter.trending.score import Scores

    attention = PaperStore(session).attention([paper.seq for paper in papers], until=at)
    return Scores(papers, attention, at=at, weights=weights, learned=learned or Learned.shipped())
