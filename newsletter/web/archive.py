"""What the public pages show of past issues and of papers."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.digest.model import IssueState, PoolEntry
from newsletter.digest.store import IssueStore
from newsletter.papers.model import Paper
from newsletter.papers.store import PaperStore
from newsletter.rendering.view.views import paper_url, title_of
from newsletter.rendering.words.language import ENGLISH
from newsletter.rendering.words.sentences import author_words, receipt_words
from newsletter.web.model import LatestIssue, ListedPaper, Masthead

_OUT = (IssueState.OPEN, IssueState.FINISHED)
#: Issues looked through for one that is out: more than are ever being built or paused at a time.
_LOOK_BACK = 50


def latest_issue(
    database: Database, newsletters: Mapping[str, NewsletterConfig], slug: str | None = None
) -> LatestIssue | None:
    """Return the newest issue that is going out or has gone out, with as many papers as its digest holds; None if none is.

    Args:
        database: where issues are.
        newsletters: those there are, by slug.
        slug: only of this newsletter.
    """
    with database.read() as session:
        store = IssueStore(session)
        recent = store.latest(newsletter=slug, limit=_LOOK_BACK)
        newest = next((issue for issue in recent if issue.state in _OUT and issue.newsletter in newsletters), None)
        if newest is None:
            return None
        newsletter = newsletters[newest.newsletter]
        pool = store.pool(newest.id)[: newsletter.size]
    return LatestIssue(
        masthead=Masthead.of(newsletter),
        number=newest.number,
        date_label=ENGLISH.date(newest.frozen_at.astimezone(newsletter.tzinfo).date()),
        papers=tuple(_listed(entry) for entry in pool),
    )


def listed_paper(database: Database, seq: int) -> ListedPaper | None:
    """Return the paper of an ingest number; None if there is none."""
    with database.read() as session:
        paper = PaperStore(session).get(seq)
    return None if paper is None else _of_paper(paper)


def _listed(entry: PoolEntry) -> ListedPaper:
    paper, receipt = entry.paper, entry.receipt
    reasons = tuple(receipt_words(receipt, entry.rank, paper, ENGLISH))
    return _of_paper(paper, votes=receipt.votes, reasons=reasons)


def _of_paper(paper: Paper, *, votes: int | None = None, reasons: tuple[str, ...] = ()) -> ListedPaper:
    return ListedPaper(title_of(paper), author_words(paper, ENGLISH), paper_url(paper), votes, reasons)
