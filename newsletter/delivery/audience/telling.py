"""Which corrections a reader is still to be told: whoever got the paper before it changed, and each of them once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.delivery.audience.history import MOST_AT_ONCE, History, digests_in, other_names
from newsletter.digest.model import Correction
from newsletter.digest.tables import DigestRow, IssueCorrectionRow, IssuePaperRow, IssueRow
from newsletter.papers.model import PaperSeq
from subscribers.model import SubscriberId
from subscribers.tables import SubscriberRow


class _News(NamedTuple):
    """What a correction tells: two that are equal here need not both be told."""

    paper: PaperSeq
    kind: str
    title: str


class _Known(NamedTuple):
    """Of a digest: positions of the corrections that concern whoever got it, and the news it told."""

    concerned: frozenset[int]
    told: frozenset[_News]


def due_to(
    session: Session,
    subscriber_id: SubscriberId,
    newsletter: str,
    corrections: Sequence[Correction],
    *,
    frozen_before: datetime,
) -> tuple[int, ...]:
    """Return the positions of the corrections that one reader was still to be told by an issue frozen at an instant."""
    telling = Telling.of(session, newsletter, corrections, frozen_before=frozen_before)
    history = History({}, tuple(telling.frozen_at))
    readers = SubscriberRow.__table__
    listed = select(history.digests_of(readers.c.id, readers)).where(SubscriberRow.id == subscriber_id)
    sent = digests_in(session.scalar(listed) or "")
    return telling.due(session, [sent])[sent]


@dataclass(frozen=True, slots=True)
class Telling:
    """An issue's corrections, and where their papers and the same news stood before.

    Attributes:
        corrections: of the issue.
        names: every number that a paper of them is or was known by, with those of their numbers that it stands for.
        frozen_at: of the newsletter's other issues that had one of the papers or told something of it.
        told: what each position of those issues' corrections told.
        news: what each position of this issue's corrections tells.
    """

    corrections: Sequence[Correction]
    names: Mapping[int, frozenset[PaperSeq]]
    frozen_at: Mapping[int, datetime]
    told: Mapping[tuple[int, int], frozenset[_News]]
    news: Mapping[int, _News]

    @classmethod
    def of(
        cls,
        session: Session,
        newsletter: str,
        corrections: Sequence[Correction],
        *,
        frozen_before: datetime | None = None,
    ) -> Self:
        """Look up which issues of a newsletter matter for some corrections; ``frozen_before``: only those, as on a past day."""
        names = other_names(session, {correction.paper.seq for correction in corrections})
        if not names:
            return cls((), {}, {}, {}, {})
        siblings = select(IssueRow.id).where(IssueRow.newsletter == newsletter)
        if frozen_before is not None:
            siblings = siblings.where(IssueRow.frozen_at < frozen_before)
        had = select(IssuePaperRow.issue_id).where(IssuePaperRow.paper_seq.in_(names), IssuePaperRow.issue_id.in_(siblings))
        told = select(IssueCorrectionRow).where(
            IssueCorrectionRow.paper_seq.in_(names), IssueCorrectionRow.issue_id.in_(siblings)
        )
        before = {
            (row.issue_id, row.position): frozenset(
                _News(paper, row.kind, row.snapshot["title"]) for paper in names[row.paper_seq]
            )
            for row in session.scalars(told)
        }
        issues = {*session.scalars(had.distinct()), *(issue for issue, _ in before)}
        rows = session.execute(select(IssueRow.id, IssueRow.frozen_at).where(IssueRow.id.in_(issues)))
        frozen_at = {row.id: row.frozen_at for row in rows}
        tells = {each.position: _News(each.paper.seq, each.kind, each.paper.title) for each in corrections}
        return cls(corrections, names, frozen_at, before, tells)

    def due(self, session: Session, sent: Collection[frozenset[int]]) -> dict[frozenset[int], tuple[int, ...]]:
        """Return the positions of the corrections that a reader is to be told, ascending, by what was sent.

        Told is whoever got the paper in an issue of the newsletter that was frozen before the change, unless a digest of the
        newsletter told the same: of the same paper, of the same kind, and with the same title now.

        Args:
            session: reads the digests.
            sent: the digests that went or may go to a reader, by number, for each reader.
        """
        known = self._known(session, {number for digests in sent for number in digests})
        nothing = _Known(frozenset(), frozenset())
        return {digests: self._due([known.get(number, nothing) for number in digests]) for digests in set(sent)}

    def _due(self, digests: Sequence[_Known]) -> tuple[int, ...]:
        concerned = frozenset[int]().union(*(digest.concerned for digest in digests))
        told = frozenset[_News]().union(*(digest.told for digest in digests))
        due: dict[_News, int] = {}
        for position in sorted(concerned):
            if self.news[position] not in told:
                due.setdefault(self.news[position], position)  # a paper withdrawn for the second time is news once
        return tuple(due.values())

    def _known(self, session: Session, digests: set[int]) -> dict[int, _Known]:
        known = {}
        ids = sorted(digests)
        for start in range(0, len(ids), MOST_AT_ONCE):
            some = ids[start : start + MOST_AT_ONCE]
            found = select(DigestRow).where(DigestRow.id.in_(some), DigestRow.issue_id.in_(self.frozen_at))
            for row in session.scalars(found):
                papers = frozenset[PaperSeq]().union(*(self.names.get(entry[0], ()) for entry in row.entries))
                concerned = frozenset(
                    correction.position
                    for correction in self.corrections
                    if correction.paper.seq in papers and self.frozen_at[row.issue_id] < correction.changed_at
                )
                told = frozenset[_News]().union(*(self.told.get((row.issue_id, each), ()) for each in row.corrections))
                known[row.id] = _Known(concerned, told)
        return known
