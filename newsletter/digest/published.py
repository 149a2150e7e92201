"""What anybody may read: issues that went out, newest first, and what stands beside one of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session

from newsletter.digest.model import Issue, IssueState, Section
from newsletter.digest.snapshot import paper_from_json
from newsletter.digest.store import to_issue
from newsletter.digest.tables import IssuePaperRow, IssueRow
from newsletter.papers.model import Paper

#: What lists show: issues on their way or out. Not a paused one, of which nothing leaves till somebody looked at it.
LISTED = (IssueState.OPEN, IssueState.FINISHED)
#: What its own page shows. Mails of a paused issue may be out, and their link to it has to lead somewhere; a cancelled one is
#: withdrawn, and one that is being built is nobody's yet.
READABLE = (*LISTED, IssueState.PAUSED)


@dataclass(frozen=True, slots=True)
class Headline:
    """An issue as a list shows it: with the first paper of its pool, and how many papers that has beside late bloomers."""

    issue: Issue
    lead: Paper
    papers: int


@dataclass(frozen=True, slots=True)
class PublishedIssue:
    """An issue, how many papers its pool has beside late bloomers, and the numbers of the listed ones before and after it.

    None: there is none.
    """

    issue: Issue
    papers: int
    older: int | None
    newer: int | None


class PublishedIssues:
    """Queries on issues that went out. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def listed(self, newsletter: str, *, before: int | None = None, limit: int) -> list[Headline]:
        """Return the next page of a newsletter's listed issues, descending number, at most ``limit``.

        Args:
            newsletter: its slug.
            before: only issues of a smaller number; None begins with the newest.
            limit: most that come back.
        """
        query = (
            select(IssueRow, IssuePaperRow.snapshot, _papers())
            .join(IssuePaperRow, (IssuePaperRow.issue_id == IssueRow.id) & (IssuePaperRow.rank == 1))
            .where(IssueRow.newsletter == newsletter, IssueRow.state.in_(LISTED))
            .order_by(IssueRow.number.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(IssueRow.number < before)
        return [
            Headline(to_issue(row), paper_from_json(snapshot), papers) for row, snapshot, papers in self._session.execute(query)
        ]

    def find(self, newsletter: str, number: int) -> PublishedIssue | None:
        """Return a newsletter's issue by its number; None unless it may be read."""
        beside = select(IssueRow.number).where(IssueRow.newsletter == newsletter, IssueRow.state.in_(LISTED))
        older = beside.where(IssueRow.number < number).order_by(IssueRow.number.desc()).limit(1).scalar_subquery()
        newer = beside.where(IssueRow.number > number).order_by(IssueRow.number).limit(1).scalar_subquery()
        query = select(IssueRow, _papers(), older, newer).where(
            IssueRow.newsletter == newsletter, IssueRow.number == number, IssueRow.state.in_(READABLE)
        )
        found = self._session.execute(query).first()
        if found is None:
            return None
        row, papers, older_number, newer_number = found
        return PublishedIssue(to_issue(row), papers, older_number, newer_number)


def _papers() -> ScalarSelect[int]:
    counted = IssuePaperRow.issue_id == IssueRow.id, IssuePaperRow.section == Section.TOP
    return select(func.count()).where(*counted).correlate(IssueRow).scalar_subquery()
