"""Stopping a send before it harms us: issues whose mails come back too often, or are complained about, are paused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from newsletter.config import BouncesConfig
from newsletter.database import Database
from newsletter.delivery.ledger.ledger import Ledger
from newsletter.delivery.ledger.tolerance import Level
from newsletter.delivery.returns.figures import Figures, FigureStore
from newsletter.delivery.returns.limits import LOOK_BACK, is_enough, is_soft_too_high, is_too_bad, level_of
from newsletter.delivery.tables import ReturnRow
from newsletter.digest.model import Issue, IssueId, IssueState
from newsletter.digest.store import to_issue
from newsletter.digest.tables import IssueRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stopped:
    """An issue that was paused just now.

    Attributes:
        issue: as it stood when it was looked at.
        judged: the issue whose figures were too bad: itself, or an earlier one of its newsletter.
        figures: those.
        note: why and what to do, in words; the issue's note.
    """

    issue: Issue
    judged: Issue
    figures: Figures
    note: str


class Judging:
    """Pauses open issues whose rates are too high. Any number of processes may judge at the same time; one of them stops."""

    def __init__(self, database: Database, config: BouncesConfig, tell: Callable[[Session, Stopped, datetime], None]) -> None:
        """Take what it works with.

        Args:
            database: where everything is.
            config: the limits.
            tell: has the operator told, in the transaction that pauses the issue: so of each pause once.
        """
        self._database = database
        self._config = config
        self._tell = tell

    def judge(self, now: datetime) -> list[Stopped]:
        """Pause the open issues that must not go on; quick where nothing came back.

        An issue is judged by its own figures, once enough of it was sent, and by those of the latest issue of its newsletter
        of which enough was, within 14 days: most of what comes back does so when the issue it is about has long been sent. An
        issue that an operator let go on is not paused again, nor are those after it, unless the rate is half as high again; 14
        days later that is forgotten.

        Args:
            now: aware UTC.

        Returns:
            What was paused by this call.
        """
        with self._database.read() as session:
            suspects = [found for issue in _open_issues(session) if (found := self._suspect(session, issue, now)) is not None]
        return [stopped for stopped in suspects if self._stop(stopped, now)]

    def _suspect(self, session: Session, issue: Issue, now: datetime) -> Stopped | None:
        family = _family(session, issue, since=now - LOOK_BACK)
        marked = _with_returns(session, [each.id for each in family])
        if not marked:
            return None
        figures = FigureStore(session).of_issues([each.id for each in family if each.id in marked or each.id == issue.id])
        tolerated = [level for each in family if (level := Level.let_go_on(each.note)) is not None]
        for judged in self._to_judge(session, issue, family, figures):
            if is_too_bad(figures[judged.id], self._config, tolerated):
                return Stopped(issue, judged, figures[judged.id], self._note(judged, figures[judged.id]))
        return None

    def _to_judge(
        self, session: Session, issue: Issue, family: Sequence[Issue], figures: Mapping[IssueId, Figures]
    ) -> list[Issue]:
        """Return the issue, and the latest one before it of which enough was taken or refused."""
        before = [each for each in family if each.id < issue.id]
        for earlier in before:
            known = figures.get(earlier.id) or FigureStore(session).of_issues([earlier.id])[earlier.id]
            if is_enough(known, self._config):
                # One of which nothing came back speaks for those to come.
                return [issue, earlier] if earlier.id in figures else [issue]
        return [issue]

    def _stop(self, stopped: Stopped, now: datetime) -> bool:
        with self._database.write() as session:
            is_stopped = Ledger(session).pause(stopped.issue.id, stopped.note)
            if is_stopped:
                self._tell(session, stopped, now)
        if is_stopped:
            log.warning(
                "returns.issue_paused issue=%d judged=%d taken=%d came_back=%.4f complaints=%.4f",
                stopped.issue.id,
                stopped.judged.id,
                stopped.figures.taken,
                stopped.figures.return_rate or 0.0,
                stopped.figures.complaint_rate or 0.0,
            )
        return is_stopped

    def _note(self, judged: Issue, figures: Figures) -> str:
        if is_soft_too_high(figures, self._config):
            return (
                f"{level_of(figures).words}, and {100 * (figures.soft_rate or 0.0):.0f} % did not arrive for now, "
                f"of {figures.taken:,} messages of issue {judged.id}. So many at once do not get through when the relay or its "
                "network is broken: see to it, then let it go on with 'newsletter issues resume'"
            )
        limits = f"{100 * self._config.most_bounces:g} % and {100 * self._config.most_complaints:g} %"
        return (
            f"{level_of(figures).words}, of {figures.taken:,} messages of issue {judged.id}; the limits are {limits}. "
            "Providers stop taking mail from who goes on like this: 'newsletter stats --returns' shows where it comes from. "
            "Take off the list who did not ask for it, then let it go on with 'newsletter issues resume'"
        )


def _open_issues(session: Session) -> list[Issue]:
    found = session.scalars(select(IssueRow).where(IssueRow.state == IssueState.OPEN).order_by(IssueRow.id))
    return [to_issue(row) for row in found]


def _family(session: Session, issue: Issue, *, since: datetime) -> list[Issue]:
    """Return the issue and the earlier and later ones of its newsletter that are not too old, newest first."""
    found = select(IssueRow).where(
        IssueRow.newsletter == issue.newsletter,
        or_(IssueRow.frozen_at >= since, IssueRow.id == issue.id),
        IssueRow.state != IssueState.BUILDING,
    )
    return [to_issue(row) for row in session.scalars(found.order_by(IssueRow.id.desc()))]


def _with_returns(session: Session, issue_ids: Sequence[IssueId]) -> set[IssueId]:
    came_back = exists().where(ReturnRow.issue_id == IssueRow.id)
    return {IssueId(found) for found in session.scalars(select(IssueRow.id).where(IssueRow.id.in_(issue_ids), came_back))}
