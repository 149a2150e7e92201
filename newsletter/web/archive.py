"""What the public pages show of past issues."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.digest.model import IssueState, PoolEntry
from newsletter.digest.store import IssueStore
from newsletter.rendering.view import paper_url
from newsletter.rendering.words import author_words, date_words
from newsletter.web.model import LatestIssue, ListedPaper, Masthead


def latest_issue(database: Database, newsletters: Mapping[str, NewsletterConfig]) -> LatestIssue | None:
    """Return the newest issue that is going out or has gone out, with as many papers as its digest holds; None if none is."""
    with database.read() as session:
        store = IssueStore(session)
        newest = store.newest_in_state(IssueState.OPEN, IssueState.FINISHED)
        if newest is None or newest.newsletter not in newsletters:
            return None
        newsletter = newsletters[newest.newsletter]
        pool = store.pool(newest.id)[: newsletter.size]
    return LatestIssue(
        masthead=Masthead(newsletter.name, newsletter.tagline),
        number=newest.number,
        date_label=date_words(newest.frozen_at.astimezone(newsletter.tzinfo)),
        papers=tuple(_listed(entry) for entry in pool),
    )


def _listed(entry: PoolEntry) -> ListedPaper:
    paper = entry.paper
    return ListedPaper(title=paper.title, authors=author_words(paper), url=paper_url(paper), votes=entry.receipt.votes)
