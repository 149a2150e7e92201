"""Every query on slots without an issue, and on what the decision about them is made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from newsletter.database import lock
from newsletter.digest.tables import IssueRow
from newsletter.papers.tables import PaperListingRow, PaperRow
from newsletter.schedule.outcome import Figures, Reason, SlotOutcome, SlotState
from newsletter.schedule.tables import SlotOutcomeRow
from newsletter.sources.store import RunOutcome
from newsletter.sources.tables import FetchRunRow
from subscribers.model import Cadence

#: A paper that a source lists so much later than its date is no news: it came with a source that was taken up, or from a file.
LISTED_LATE = timedelta(days=14)


class SlotStore:
    """Decisions on slots. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def settled(self, newsletter: str, cadence: Cadence, keys: Collection[str]) -> set[str]:
        """Return those of ``keys`` that have an issue, or were decided to have none."""
        issues = select(IssueRow.slot).where(
            IssueRow.newsletter == newsletter, IssueRow.cadence == cadence, IssueRow.slot.in_(keys)
        )
        skipped = select(SlotOutcomeRow.slot).where(
            SlotOutcomeRow.newsletter == newsletter,
            SlotOutcomeRow.cadence == cadence,
            SlotOutcomeRow.slot.in_(keys),
            SlotOutcomeRow.state == SlotState.SKIPPED,
        )
        return {*self._session.scalars(issues), *self._session.scalars(skipped)}

    def first_settled(self, newsletter: str, cadence: Cadence) -> str | None:
        """Return the key of the first slot that has an issue or a decision; None if none ever had."""
        issue = select(func.min(IssueRow.slot)).where(IssueRow.newsletter == newsletter, IssueRow.cadence == cadence)
        decided = select(func.min(SlotOutcomeRow.slot)).where(
            SlotOutcomeRow.newsletter == newsletter, SlotOutcomeRow.cadence == cadence
        )
        return min((key for key in map(self._session.scalar, (issue, decided)) if key is not None), default=None)

    def waiting_since(self, newsletter: str, cadence: Cadence, slot: str) -> datetime | None:
        """Return when the issue of a slot that waits was first looked for; None if it does not wait."""
        row = self._session.get(SlotOutcomeRow, (newsletter, cadence, slot))
        return row.decided_at if row is not None and row.state == SlotState.WAITING else None

    def record(
        self,
        newsletter: str,
        cadence: Cadence,
        slot: str,
        state: SlotState,
        reason: Reason,
        figures: Figures,
        *,
        now: datetime,
    ) -> bool:
        """Keep a decision; False if it stands already, or the slot has its issue.

        A slot waits until it is skipped or has its issue, and both are for good. The lock is the one under which issues are
        made, so that of two schedulers one decides. ``now`` becomes the instant of the decision, and stays that of the first
        look while a slot waits.
        """
        lock(self._session, f"issue:{newsletter}")
        has_issue = exists().where(IssueRow.newsletter == newsletter, IssueRow.cadence == cadence, IssueRow.slot == slot)
        if self._session.scalar(select(has_issue)):
            return False
        row = self._session.get(SlotOutcomeRow, (newsletter, cadence, slot))
        if row is None:
            row = SlotOutcomeRow(newsletter=newsletter, cadence=cadence, slot=slot, decided_at=now)
            self._session.add(row)
        elif row.state == SlotState.SKIPPED or (row.state, row.reason, row.figures) == (state, reason, figures.as_json()):
            return False
        row.state, row.reason, row.figures = state, reason, figures.as_json()
        if state is SlotState.SKIPPED:
            row.decided_at = now
        self._session.flush()
        return True

    def latest(
        self,
        state: SlotState,
        *,
        reasons: Collection[Reason] = frozenset(Reason),
        newsletters: Collection[str] | None = None,
        limit: int | None = None,
    ) -> list[SlotOutcome]:
        """Return the decisions on slots that have no issue, newest first."""
        has_issue = exists().where(
            IssueRow.newsletter == SlotOutcomeRow.newsletter,
            IssueRow.cadence == SlotOutcomeRow.cadence,
            IssueRow.slot == SlotOutcomeRow.slot,
        )
        query = select(SlotOutcomeRow).where(SlotOutcomeRow.state == state, SlotOutcomeRow.reason.in_(reasons), ~has_issue)
        if newsletters is not None:
            query = query.where(SlotOutcomeRow.newsletter.in_(newsletters))
        query = query.order_by(SlotOutcomeRow.decided_at.desc(), SlotOutcomeRow.slot.desc(), SlotOutcomeRow.cadence)
        return [to_outcome(row) for row in self._session.scalars(query.limit(limit))]

    def claim_note(self, outcome: SlotOutcome, *, now: datetime) -> bool:
        """Take on telling the operator about a slot; False if somebody did before."""
        claimed = self._session.execute(
            update(SlotOutcomeRow)
            .where(
                SlotOutcomeRow.newsletter == outcome.newsletter,
                SlotOutcomeRow.cadence == outcome.cadence,
                SlotOutcomeRow.slot == outcome.slot,
                SlotOutcomeRow.noted_at.is_(None),
            )
            .values(noted_at=now)
            .returning(SlotOutcomeRow.slot)
        )
        return claimed.first() is not None


class NewsStore:
    """What came from the sources, as far as the schedule needs to know. Reads only."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def last_issue_at(self, newsletter: str, cadence: Cadence) -> datetime | None:
        """Return when the last issue of a cadence was frozen."""
        return self._session.scalar(
            select(func.max(IssueRow.frozen_at)).where(IssueRow.newsletter == newsletter, IssueRow.cadence == cadence)
        )

    def count_new(self, sources: Sequence[str], *, since: datetime | None, listed_from: datetime) -> int:
        """Return how many papers were taken in after ``since`` (None: ever), listed at or after ``listed_from``.

        Args:
            sources: only papers that one of these listed; empty means all.
            since: aware; by when this program saw them first, so that one that a source lists late is not missed.
            listed_from: aware; older ones are no news.
        """
        query = select(func.count()).where(
            PaperRow.merged_into.is_(None), PaperRow.withdrawn_at.is_(None), PaperRow.listed_at >= listed_from
        )
        if since is not None:
            query = query.where(PaperRow.first_seen_at > since)
        if sources:
            listing = exists().where(PaperListingRow.paper_seq == PaperRow.seq, PaperListingRow.source.in_(sources))
            query = query.where(listing)
        return self._session.scalar(query) or 0

    def arrivals(self, sources: Sequence[str], *, since: datetime) -> dict[str, list[datetime]]:
        """Return when papers of each of ``sources`` were first seen after ``since`` (aware), ascending."""
        found: dict[str, list[datetime]] = {source: [] for source in sources}
        query = (
            select(PaperListingRow.source, PaperListingRow.first_seen_at)
            .join(PaperRow, PaperRow.seq == PaperListingRow.paper_seq)
            .where(
                # Has an index, so that not all papers there ever were are looked through.
                PaperRow.listed_at >= since - LISTED_LATE,
                PaperListingRow.source.in_(sources),
                PaperListingRow.first_seen_at > since,
            )
            .order_by(PaperListingRow.first_seen_at)
        )
        for source, first_seen_at in self._session.execute(query):
            found[source].append(first_seen_at)
        return found

    def last_successes(self) -> dict[str, datetime]:
        """Return when the last run of each source that came to its end began."""
        query = (
            select(FetchRunRow.source, func.max(FetchRunRow.started_at))
            .where(FetchRunRow.outcome.in_((RunOutcome.DONE, RunOutcome.UNCHANGED)))
            .group_by(FetchRunRow.source)
        )
        return {source: at for source, at in self._session.execute(query) if at is not None}


def to_outcome(row: SlotOutcomeRow) -> SlotOutcome:
    """Return the decision that a row holds."""
    return SlotOutcome(
        row.newsletter,
        Cadence(row.cadence),
        row.slot,
        SlotState(row.state),
        Reason(row.reason),
        Figures.from_json(row.figures),
        row.decided_at,
        row.noted_at,
    )
