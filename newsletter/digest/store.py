"""Every query on issues, their pools and the digests chosen from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from newsletter.database import lock
from newsletter.digest.model import (
    Correction,
    CorrectionKind,
    Digest,
    DigestEntry,
    DigestId,
    Issue,
    IssueId,
    IssueState,
    PoolEntry,
    Section,
)
from newsletter.digest.snapshot import paper_from_json, paper_to_json, receipt_from_json, receipt_to_json
from newsletter.digest.tables import DigestRow, IssueCorrectionRow, IssuePaperRow, IssueRow
from newsletter.papers.model import PaperSeq
from newsletter.papers.rows import chunks
from newsletter.trending.model import RankedPaper
from subscribers.model import Cadence


class IssueStore:
    """Issues, pools and digests. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, issue_id: IssueId) -> Issue | None:
        """Return one issue."""
        row = self._session.get(IssueRow, issue_id)
        return None if row is None else to_issue(row)

    def find(self, newsletter: str, cadence: Cadence, slot: str) -> Issue | None:
        """Return the issue of a slot, if it was made."""
        row = self._session.scalar(
            select(IssueRow).where(IssueRow.newsletter == newsletter, IssueRow.cadence == cadence, IssueRow.slot == slot)
        )
        return None if row is None else to_issue(row)

    def latest(self, *, newsletter: str | None = None, limit: int | None = None) -> list[Issue]:
        """Return issues, newest first."""
        query = select(IssueRow).order_by(IssueRow.id.desc()).limit(limit)
        if newsletter is not None:
            query = query.where(IssueRow.newsletter == newsletter)
        return [to_issue(row) for row in self._session.scalars(query)]

    def in_state(self, *states: IssueState) -> list[Issue]:
        """Return the issues in any of ``states``, oldest first."""
        query = select(IssueRow).where(IssueRow.state.in_(states)).order_by(IssueRow.id)
        return [to_issue(row) for row in self._session.scalars(query)]

    def freeze(
        self,
        *,
        newsletter: str,
        cadence: Cadence,
        slot: str,
        ranked: Sequence[RankedPaper],
        late: Sequence[RankedPaper] = (),
        corrections: Sequence[Correction] = (),
        at: datetime,
    ) -> tuple[Issue, bool]:
        """Make the issue of a slot, or return the one that is there.

        The slot is UNIQUE and a lock per newsletter is held to the end of the transaction, so two processes that come at
        once make one issue and numbers have no gaps.

        Args:
            newsletter: its slug.
            cadence: whose slot it is.
            slot: key of the local period.
            ranked: the pool, best first, ranks from 1.
            late: late bloomers, none of them in ``ranked``, with ranks that go on after its last.
            corrections: of papers of earlier issues; positions from 0, ascending.
            at: aware UTC.

        Returns:
            The slot's issue, and whether this call made it. A new one is in state ``building``.
        """
        lock(self._session, f"issue:{newsletter}")
        there = self.find(newsletter, cadence, slot)
        if there is not None:
            return there, False
        last = self._session.scalar(select(func.max(IssueRow.number)).where(IssueRow.newsletter == newsletter)) or 0
        row = IssueRow(
            newsletter=newsletter,
            number=last + 1,
            cadence=cadence,
            slot=slot,
            state=IssueState.BUILDING,
            frozen_at=at,
            expanded_to=0,
        )
        self._session.add(row)
        self._session.flush()
        papers = [
            {
                "issue_id": row.id,
                "rank": entry.rank,
                "paper_seq": entry.paper.seq,
                "score": entry.receipt.score,
                "receipt": receipt_to_json(entry.receipt),
                "snapshot": paper_to_json(entry.paper),
                "section": section,
            }
            for section, entries in ((Section.TOP, ranked), (Section.LATE, late))
            for entry in entries
        ]
        if papers:
            self._session.execute(insert(IssuePaperRow), papers)
        if corrections:
            self._session.execute(insert(IssueCorrectionRow), [_correction_values(row.id, each) for each in corrections])
        return to_issue(row), True

    def pool(
        self, issue_id: IssueId, *, section: Section | None = None, after: int = 0, limit: int | None = None
    ) -> list[PoolEntry]:
        """Return an issue's pool as it was frozen, best first, late bloomers last.

        Args:
            issue_id: of the issue.
            section: only what is in this one; None: all.
            after: only what is behind this rank.
            limit: most that come back.
        """
        query = select(IssuePaperRow).where(IssuePaperRow.issue_id == issue_id, IssuePaperRow.rank > after)
        if section is not None:
            query = query.where(IssuePaperRow.section == section)
        query = query.order_by(IssuePaperRow.rank).limit(limit)
        return [
            PoolEntry(row.rank, paper_from_json(row.snapshot), receipt_from_json(row.receipt), Section(row.section))
            for row in self._session.scalars(query)
        ]

    def corrections(self, issue_id: IssueId) -> list[Correction]:
        """Return what an issue says of papers of earlier ones, ascending position."""
        query = select(IssueCorrectionRow).where(IssueCorrectionRow.issue_id == issue_id)
        return [
            Correction(row.position, CorrectionKind(row.kind), paper_from_json(row.snapshot), row.title_before, row.changed_at)
            for row in self._session.scalars(query.order_by(IssueCorrectionRow.position))
        ]

    def before(self, newsletter: str, cadence: Cadence, *, at: datetime) -> Issue | None:
        """Return the last issue of a cadence frozen before ``at``; None if there was none."""
        row = self._session.scalar(
            select(IssueRow)
            .where(IssueRow.newsletter == newsletter, IssueRow.cadence == cadence, IssueRow.frozen_at < at)
            .order_by(IssueRow.frozen_at.desc(), IssueRow.id.desc())
            .limit(1)
        )
        return None if row is None else to_issue(row)

    def ranks(self, issue_id: IssueId) -> dict[PaperSeq, int]:
        """Return the rank of each paper in an issue's ranking; its late bloomers have none."""
        query = select(IssuePaperRow.paper_seq, IssuePaperRow.rank).where(
            IssuePaperRow.issue_id == issue_id, IssuePaperRow.section == Section.TOP
        )
        return {PaperSeq(seq): rank for seq, rank in self._session.execute(query)}

    def late_before(self, newsletter: str, cadence: Cadence, *, after: datetime, at: datetime) -> set[PaperSeq]:
        """Return the papers that issues of a cadence, frozen between ``after`` and ``at``, showed as late bloomers.

        The last of these issues counts only if it was finished by ``at``. Mails of it that are still to go out may be given up
        for the next issue's, whose readers would never hear of its late bloomers; so one can be in two issues in a row.
        """
        last = self.before(newsletter, cadence, at=at)
        query = (
            select(IssuePaperRow.paper_seq)
            .join(IssueRow, IssueRow.id == IssuePaperRow.issue_id)
            .where(IssueRow.newsletter == newsletter, IssueRow.cadence == cadence)
            .where(IssueRow.frozen_at > after, IssueRow.frozen_at < at, IssuePaperRow.section == Section.LATE)
        )
        if last is not None and (last.finished_at is None or last.finished_at > at):
            query = query.where(IssueRow.id != last.id)
        return {PaperSeq(seq) for seq in self._session.scalars(query)}

    def first_shown(
        self, newsletter: str, seqs: Collection[PaperSeq], *, after: datetime, at: datetime
    ) -> dict[PaperSeq, datetime]:
        """Return when each of these papers was first frozen into an issue of a newsletter, between ``after`` and ``at``.

        A paper that is in none of their pools is left out.
        """
        found: dict[PaperSeq, datetime] = {}
        for part in chunks(sorted(seqs)):
            query = (
                select(IssuePaperRow.paper_seq, func.min(IssueRow.frozen_at))
                .join(IssueRow, IssueRow.id == IssuePaperRow.issue_id)
                .where(IssuePaperRow.paper_seq.in_(part), IssueRow.newsletter == newsletter)
                .where(IssueRow.frozen_at > after, IssueRow.frozen_at < at)
                .group_by(IssuePaperRow.paper_seq)
            )
            found.update((PaperSeq(seq), frozen_at) for seq, frozen_at in self._session.execute(query))
        return found

    def digest(self, digest_id: DigestId) -> Digest | None:
        """Return one digest."""
        row = self._session.get(DigestRow, digest_id)
        if row is None:
            return None
        return Digest(
            DigestId(row.id),
            IssueId(row.issue_id),
            tuple(DigestEntry(PaperSeq(seq), match) for seq, match in row.entries),
            tuple(row.corrections),
        )

    def set_state(self, issue_id: IssueId, state: IssueState, *, expected: Sequence[IssueState]) -> bool:
        """Move an issue to ``state`` if it is in one of ``expected``; say whether it was."""
        moved = self._session.execute(
            update(IssueRow)
            .where(IssueRow.id == issue_id, IssueRow.state.in_(expected))
            .values(state=state)
            .returning(IssueRow.id)
        )
        return moved.first() is not None


def _correction_values(issue_id: int, correction: Correction) -> dict[str, Any]:
    return {
        "issue_id": issue_id,
        "position": correction.position,
        "paper_seq": correction.paper.seq,
        "kind": correction.kind,
        "changed_at": correction.changed_at,
        "title_before": correction.title_before,
        "snapshot": paper_to_json(correction.paper),
    }


def to_issue(row: IssueRow) -> Issue:
    """Return the issue that a row holds."""
    return Issue(
        id=IssueId(row.id),
        newsletter=row.newsletter,
        number=row.number,
        cadence=Cadence(row.cadence),
        slot=row.slot,
        state=IssueState(row.state),
        frozen_at=row.frozen_at,
        finished_at=row.finished_at,
        audience=row.audience,
        note=row.note,
    )
