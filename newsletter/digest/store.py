"""Every query on issues, their pools and the digests chosen from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from newsletter.database import lock
from newsletter.digest.model import Digest, DigestEntry, DigestId, Issue, IssueId, IssueState, PoolEntry
from newsletter.digest.snapshot import paper_from_json, paper_to_json, receipt_from_json, receipt_to_json
from newsletter.digest.tables import DigestRow, IssuePaperRow, IssueRow
from newsletter.papers.model import PaperSeq
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
        self, *, newsletter: str, cadence: Cadence, slot: str, ranked: Sequence[RankedPaper], at: datetime
    ) -> tuple[Issue, bool]:
        """Make the issue of a slot with ``ranked`` as its pool, or return the one that is there.

        The slot is UNIQUE and a lock per newsletter is held to the end of the transaction, so two processes that come at
        once make one issue and numbers have no gaps.

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
        self._session.execute(
            insert(IssuePaperRow),
            [
                {
                    "issue_id": row.id,
                    "rank": entry.rank,
                    "paper_seq": entry.paper.seq,
                    "score": entry.receipt.score,
                    "receipt": receipt_to_json(entry.receipt),
                    "snapshot": paper_to_json(entry.paper),
                }
                for entry in ranked
            ],
        )
        return to_issue(row), True

    def pool(self, issue_id: IssueId, *, after: int = 0, limit: int | None = None) -> list[PoolEntry]:
        """Return an issue's pool as it was frozen, best first: all of it, or at most ``limit`` behind rank ``after``."""
        query = select(IssuePaperRow).where(IssuePaperRow.issue_id == issue_id, IssuePaperRow.rank > after)
        query = query.order_by(IssuePaperRow.rank).limit(limit)
        return [
            PoolEntry(row.rank, paper_from_json(row.snapshot), receipt_from_json(row.receipt))
            for row in self._session.scalars(query)
        ]

    def ranks_before(self, newsletter: str, cadence: Cadence, *, at: datetime) -> dict[PaperSeq, int]:
        """Return the rank of each paper in the last issue frozen before ``at``; empty if there was none."""
        before = (
            select(IssueRow.id)
            .where(IssueRow.newsletter == newsletter, IssueRow.cadence == cadence, IssueRow.frozen_at < at)
            .order_by(IssueRow.frozen_at.desc(), IssueRow.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = select(IssuePaperRow.paper_seq, IssuePaperRow.rank).where(IssuePaperRow.issue_id == before)
        return {PaperSeq(seq): rank for seq, rank in self._session.execute(query)}

    def digest(self, digest_id: DigestId) -> Digest | None:
        """Return one digest."""
        row = self._session.get(DigestRow, digest_id)
        if row is None:
            return None
        return Digest(
            DigestId(row.id), IssueId(row.issue_id), tuple(DigestEntry(PaperSeq(seq), match) for seq, match in row.entries)
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
