"""Ranks what is stored, as it was known at an instant."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from newsletter.config import TrendingConfig
from newsletter.papers.model import Paper
from newsletter.papers.store import PaperStore
from newsletter.trending.model import RankedPaper, Receipt
from newsletter.trending.score import score


def rank(
    session: Session,
    *,
    at: datetime,
    days: int,
    weights: TrendingConfig,
    sources: tuple[str, ...] = (),
    limit: int | None = None,
) -> list[RankedPaper]:
    """Rank the papers listed in the ``days`` before ``at``, best first.

    Only signals observed at or before ``at`` count. Withdrawn papers are left out. Equal scores: the earlier ingested first, so
    the order is the same every time.

    Args:
        session: for reading.
        at: aware UTC.
        days: age up to which a listed paper takes part.
        weights: the formula's weights.
        sources: names of sources whose papers take part; empty takes all.
        limit: papers returned at most; None returns all.
    """
    store = PaperStore(session)
    papers = [
        paper
        for paper in store.listed_between(at - timedelta(days=days), at, sources=sources)
        if paper.withdrawn_at is None or paper.withdrawn_at > at
    ]
    signals = store.signals([paper.seq for paper in papers], until=at)
    scored = [(score(paper, signals.get(paper.seq, []), at=at, weights=weights), paper) for paper in papers]
    scored.sort(key=lambda pair: (-pair[0].score, pair[1].seq))
    return [RankedPaper(place, paper, receipt) for place, (receipt, paper) in enumerate(scored[:limit], start=1)]


def explain(session: Session, paper: Paper, *, at: datetime, weights: TrendingConfig) -> Receipt:
    """Return the receipt of one paper as known at ``at``, aware UTC."""
    signals = PaperStore(session).signals([paper.seq], until=at)
    return score(paper, signals.get(paper.seq, []), at=at, weights=weights)
