"""Which corrections a reader is still to be told: whoever got the paper before it changed, and each of them once."""

from __future__ import annotations

from collections import defaultdict
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
        frozen_at: of the newsletter's other issues that had one of the papers or told something of it.
        concerned: of each issue that had one of the papers before a change: by the number the paper had there, the positions
            of this issue's corrections that concern whoever got it there.
        told: of each issue that told something of the papers: what each position of its corrections told.
        news: what each position of this issue's corrections tells.
        changed_at: when what each of them tells happened, aware UTC.
    """

    frozen_at: Mapping[int, datetime]
    concerned: Mapping[int, Mapping[int, frozenset[int]]]
    told: Mapping[int, Mapping[int, frozenset[_News]]]
    news: Mapping[int, _News]
    changed_at: Mapping[int, datetime]

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
            return cls({}, {}, {}, {}, {})
        siblings = select(IssueRow.id).where(IssueRow.newsletter == newsletter)
        if frozen_before is not None:
            siblings = siblings.where(IssueRow.frozen_at < frozen_before)
        had = session.execute(
            select(IssuePaperRow.issue_id, IssuePaperRow.paper_seq).where(
                IssuePaperRow.paper_seq.in_(names), IssuePaperRow.issue_id.in_(siblings)
            )
        ).all()
        told = select(IssueCorrectionRow).where(
            IssueCorrectionRow.paper_seq.in_(names), IssueCorrectionRow.issue_id.in_(siblings)
        )
        before: defaultdict[int, dict[int, frozenset[_News]]] = defaultdict(dict)
        for row in session.scalars(told):
            news = frozenset(_News(paper, row.kind, row.snapshot["title"]) for paper in names[row.paper_seq])
            before[row.issue_id][row.position] = news
        issues = {*(row.issue_id for row in had), *before}
        rows = session.execute(select(IssueRow.id, IssueRow.frozen_at).where(IssueRow.id.in_(issues)))
        frozen_at = {row.id: row.frozen_at for row in rows}
        of_paper: defaultdict[PaperSeq, list[Correction]] = defaultdict(list)
        for correction in corrections:
            of_paper[correction.paper.seq].append(correction)
        concerned: defaultdict[int, dict[int, frozenset[int]]] = defaultdict(dict)
        for issue, number in had:
            later = (each for paper in names[number] for each in of_paper[paper] if frozen_at[issue] < each.changed_at)
            if positions := frozenset(each.position for each in later):
                concerned[issue][number] = positions
        tells = {each.position: _News(each.paper.seq, each.kind, each.paper.title) for each in corrections}
        changed_at = {each.position: each.changed_at for each in corrections}
        return cls(frozen_at, concerned, before, tells, changed_at)

    def due(self, session: Session, sent: Collection[frozenset[int]]) -> dict[frozenset[int], tuple[int, ...]]:
        """Return the positions of the corrections that a reader is to be told, ascending, by what was sent.

        Told is whoever got the paper in an issue of the newsletter that was frozen before the change, unless a digest of the
        newsletter told the same: of the same paper, of the same kind, and with the same title now. Of several that tell the
        same it is the earliest change, as that one says what the reader got.

        Args:
            session: reads the digests.
            sent: the digests that went or may go to a reader, by number, for each reader.
        """
        ids = sorted({number for digests in sent for number in digests})
        concerned: dict[int, frozenset[int]] = {}
        told: dict[int, frozenset[_News]] = {}
        # Without the objects of an ORM, and only what is needed: a reader with interests has a digest in each issue.
        for start in range(0, len(ids), MOST_AT_ONCE):
            some = DigestRow.id.in_(ids[start : start + MOST_AT_ONCE])
            had = select(DigestRow.id, DigestRow.issue_id, DigestRow.entries).where(
                some, DigestRow.issue_id.in_(self.concerned)
            )
            for digest, issue, entries in session.execute(had):
                in_issue = self.concerned[issue]
                concerned[digest] = frozenset[int]().union(*(in_issue.get(entry[0], ()) for entry in entries))
            said = select(DigestRow.id, DigestRow.issue_id, DigestRow.corrections).where(
                some, DigestRow.issue_id.in_(self.told)
            )
            for digest, issue, positions in session.execute(said):
                told[digest] = frozenset[_News]().union(*(self.told[issue].get(each, ()) for each in positions))
        return {
            digests: self._choose(
                frozenset[int]().union(*(concerned.get(number, ()) for number in digests)),
                frozenset[_News]().union(*(told.get(number, ()) for number in digests)),
            )
            for digests in set(sent)
        }

    def _choose(self, concerned: Collection[int], told: Collection[_News]) -> tuple[int, ...]:
        due: dict[_News, int] = {}
        # Of a title's changes the earliest replaced what the reader got; and a second withdrawal is news once.
        for position in sorted(concerned, key=lambda each: (self.changed_at[each], each)):
            if self.news[position] not in told:
                due.setdefault(self.news[position], position)
        return tuple(sorted(due.values()))
