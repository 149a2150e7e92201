"""Small made-up values that tests of several rooms use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from newsletter.digest.model import PoolEntry
from newsletter.papers.model import Paper, PaperRecord, PaperSeq, Signal
from newsletter.trending.model import Receipt, ReceiptPart

LISTED = datetime(2026, 8, 17, 0, 0, tzinfo=UTC)


def paper(seq: int = 1, **changes: object) -> Paper:
    """A whole paper with the number ``seq``."""
    made = Paper(
        seq=PaperSeq(seq),
        key=f"arxiv:2608.{seq:05d}",
        title=f"Sample {seq}: A Study of Small Things",
        abstract="We study small things. They turn out to be many. Counting them takes a while, and we say how long.",
        arxiv_id=f"2608.{seq:05d}",
        version=1,
        doi=None,
        authors=("Ada Example", "Bo Sample", "Cy Pattern", "Di Specimen"),
        author_count=4,
        summary="",
        categories=("cs.LG",),
        keywords=(),
        organization="Example Lab",
        published_at=LISTED - timedelta(days=2),
        listed_at=LISTED,
        code_url="https://example.org/code",
        project_url="",
        discussion_url=f"https://example.org/papers/{seq}",
        thumbnail_url="",
        withdrawn_at=None,
        first_seen_at=LISTED,
        sources=("hf_daily_papers",),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def receipt(points: float = 10.0, **changes: object) -> Receipt:
    """A receipt worth ``points``."""
    made = Receipt(
        at=LISTED + timedelta(hours=8),
        score=points,
        parts=(ReceiptPart("votes", points, "42 votes in 8 hours"),),
        votes=42,
        votes_gained=12,
        comments=3,
        stars=97,
        history=(3, 8, 21, 30, 42),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def entry(rank: int, **changes: object) -> PoolEntry:
    """A pool entry whose paper has the number of its rank."""
    return PoolEntry(rank, paper(rank, **changes), receipt(100.0 / rank))


def record(arxiv_id: str, **changes: object) -> PaperRecord:
    """What a source says of an arXiv paper."""
    made = PaperRecord(
        title=f"Sample {arxiv_id}",
        abstract="We study small things.",
        arxiv_id=arxiv_id,
        authors=("Ada Example",),
        listed_at=LISTED,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def votes(count: int, *, hours: float = 3, source: str = "hf_daily_papers") -> Signal:
    """A measurement ``hours`` after listing."""
    return Signal(source=source, observed_at=LISTED + timedelta(hours=hours), votes=count)
