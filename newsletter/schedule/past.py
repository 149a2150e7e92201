"""What became of the last slots: their issues with what was sent and said, and the reasons of those that have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.database import Database
from newsletter.delivery.ledger.account import Account, Accounts
from newsletter.delivery.returns.figures import By, Figures, FigureStore, fold
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import Issue, IssueId
from newsletter.digest.store import IssueStore
from newsletter.digest.tables import DigestRow, IssuePaperRow
from newsletter.schedule.outcome import TOLD, Reason, SlotOutcome, SlotState
from newsletter.schedule.store import SlotStore
from subscribers.model import Taste
from subscribers.tables import OpinionRow

#: Readers an issue must have for what they said of its papers to be told, as a sum: of fewer it would tell who said it.
FEEDBACK_FROM = 5
#: Messages a domain must have been sent to be told by name, and lines of domains or relays at most.
DOMAIN_FROM, LINES = 5, 20


@dataclass(frozen=True, slots=True)
class Feedback:
    """How often the readers of an issue asked for more or less like one of the papers it brought them."""

    more: int
    less: int


@dataclass(frozen=True, slots=True)
class PastIssue:
    """An issue with its account; ``papers`` is the size of its pool. ``feedback`` is None where few read it.

    ``returns`` is what came back of it so far.
    """

    issue: Issue
    papers: int
    account: Account
    feedback: Feedback | None
    returns: Figures

    @property
    def at(self) -> datetime:
        """When it was made."""
        return self.issue.frozen_at


@dataclass(frozen=True, slots=True)
class PastGap:
    """A slot that got no issue."""

    outcome: SlotOutcome

    @property
    def at(self) -> datetime:
        """When that was decided."""
        return self.outcome.decided_at


class Past:
    """Knows what became of slots. Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, limit: int | None) -> list[PastIssue | PastGap]:
        """Return the last issues and the slots without one, newest first, at most ``limit``."""
        with self._database.read() as session:
            issues = IssueStore(session).latest(limit=limit)
            gaps = self.gaps(session, limit)
            shown: list[Issue | PastGap] = [*issues, *gaps]
            shown.sort(key=lambda each: each.at if isinstance(each, PastGap) else each.frozen_at, reverse=True)
            shown = shown[:limit]
            returns = FigureStore(session).of_issues([each.id for each in shown if isinstance(each, Issue)])
            return [each if isinstance(each, PastGap) else _past_issue(session, each, returns[each.id]) for each in shown]

    def returns(self, limit: int | None, by: By) -> dict[str, Figures]:
        """Return what came back of the last ``limit`` issues together, by domain or relay, most messages first.

        Domains that got few messages are told together under ``""``: one of their own would name a person.
        """
        with self._database.read() as session:
            issues = [issue.id for issue in IssueStore(session).latest(limit=limit)]
            figures = FigureStore(session).told_apart(issues, by)
        return fold(figures, least=DOMAIN_FROM if by is By.DOMAIN else 0, most=LINES)

    @staticmethod
    def gaps(session: Session, limit: int | None) -> list[PastGap]:
        """Return the slots that got no issue, newest first; those at whose hour nobody read are left out."""
        reasons = TOLD | {Reason.MERGED}
        return [PastGap(outcome) for outcome in SlotStore(session).latest(SlotState.SKIPPED, reasons=reasons, limit=limit)]


def _past_issue(session: Session, issue: Issue, returns: Figures) -> PastIssue:
    papers = session.scalar(select(func.count()).where(IssuePaperRow.issue_id == issue.id)) or 0
    account = Accounts(session).account(issue.id)
    feedback = _feedback(session, issue.id) if (account.audience or 0) >= FEEDBACK_FROM else None
    return PastIssue(issue, papers, account, feedback, returns)


def _feedback(session: Session, issue_id: IssueId) -> Feedback:
    """Return the sums of what readers said of the papers in their own digests of an issue."""
    brought: dict[int, set[int]] = {
        digest_id: {seq for seq, *_ in entries}
        for digest_id, entries in session.execute(select(DigestRow.id, DigestRow.entries).where(DigestRow.issue_id == issue_id))
    }
    said = (
        select(DeliveryRow.digest_id, OpinionRow.paper_seq, OpinionRow.taste, func.count())
        .join(OpinionRow, OpinionRow.subscriber_id == DeliveryRow.subscriber_id)
        .where(DeliveryRow.issue_id == issue_id, DeliveryRow.digest_id.is_not(None))
        .group_by(DeliveryRow.digest_id, OpinionRow.paper_seq, OpinionRow.taste)
    )
    counts: Counter[str] = Counter()
    for digest_id, seq, taste, count in session.execute(said):
        if seq in brought.get(digest_id or 0, set()):
            counts[taste] += count
    return Feedback(counts[Taste.MORE], counts[Taste.LESS])


def by_state(account: Account) -> Sequence[tuple[str, int]]:
    """Return an account's counts under the names people use, those that are nothing included."""
    found = {str(state): count for state, count in account.by_state.items()}
    return [
        ("sent", found["sent"]),
        ("deferred", found["deferred"]),
        ("failed", found["failed"]),
        ("in_doubt", found["doubtful"]),
        ("skipped", found["skipped"]),
        ("open", account.open),
    ]
