"""Issues that went out, for tests of the pages that show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from newsletter.database import Database
from newsletter.digest.model import Issue, IssueState
from newsletter.digest.store import IssueStore
from newsletter.papers.model import Observation, PaperRecord
from newsletter.papers.store import PaperStore
from newsletter.trending.model import RankedPaper
from subscribers.model import Cadence
from tests.samples import receipt, record

FRIDAY = datetime(2026, 8, 21, 6, 0, tzinfo=UTC)


def publish(
    database: Database,
    papers: int | Sequence[PaperRecord] = 3,
    *,
    newsletter: str = "papers",
    state: IssueState = IssueState.OPEN,
    slot: str = "",
    at: datetime = FRIDAY,
) -> Issue:
    """Freeze an issue of papers, so many or these, best first, and put it in ``state``; every slot has a number of its own."""
    records = [record(f"2608.{number:05d}") for number in range(1, papers + 1)] if isinstance(papers, int) else [*papers]
    with database.write() as session:
        store = PaperStore(session)
        store.ingest([Observation(each) for each in records], source="test", now=at)
        known = {paper.arxiv_id: paper for paper in store.latest(len(records) + 1000)}
        ranked = [
            RankedPaper(rank, known[each.arxiv_id], receipt(100 / rank, votes=5000 - rank))
            for rank, each in enumerate(records, start=1)
        ]
        issues = IssueStore(session)
        slot = slot or str(len(issues.latest()))
        issue, _ = issues.freeze(newsletter=newsletter, cadence=Cadence.DAILY, slot=slot, ranked=ranked, at=at)
        issues.set_state(issue.id, state, expected=[IssueState.BUILDING])
    return issue
