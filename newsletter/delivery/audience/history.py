"""Which papers a reader was ever sent, or may have been: the memory behind "never twice"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, FromClause, Select, String, cast, column, exists, func, literal, select, table
from sqlalchemy.orm import Session

from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.tables import DigestRow, IssuePaperRow, IssueRow
from newsletter.papers.model import PaperSeq
from newsletter.papers.tables import PaperRow
from subscribers.model import SubscriberId
from subscribers.tables import SubscriberRow

#: Welcome mails, which bring papers outside any issue. Read by their table's name, as their room stands above this one.
_NOTICE = table("notice", column("subscriber_id"), column("digest_id"), column("state"))
#: States in which certainly nothing was sent nor will be.
_NEVER_LEFT = (DeliveryState.FAILED, DeliveryState.SKIPPED)
#: Values in one IN list; databases take some 32,000.
MOST_AT_ONCE = 5_000


def already_sent(
    session: Session,
    subscriber_ids: Collection[SubscriberId],
    paper_seqs: Collection[PaperSeq],
    *,
    frozen_before: datetime | None = None,
) -> dict[SubscriberId, frozenset[PaperSeq]]:
    """Return which of some papers readers were sent or may be sent, over all issues, cadences and newsletters.

    Every delivery and every welcome counts that did not fail and was not skipped: one that is still to go out will bring its
    papers, one in doubt may have brought them. Papers that were merged count as one, whichever of their numbers was sent.

    Args:
        session: read in this transaction; hold the expansion's lock where the answer decides what is sent.
        subscriber_ids: a page of readers, a few thousand at most.
        paper_seqs: a pool, a few thousand at most.
        frozen_before: only issues frozen before this instant count, as on a day in the past; None: all count.

    Returns:
        For each reader who was sent any of ``paper_seqs``, those of them; readers with the same history share one set. Readers
        without are left out.
    """
    history = History.of(session, paper_seqs, frozen_before=frozen_before)
    if not history or not subscriber_ids:
        return {}
    readers = SubscriberRow.__table__
    listed = select(SubscriberRow.id, history.digests_of(readers.c.id, readers)).where(SubscriberRow.id.in_(subscriber_ids))
    sent = {SubscriberId(reader): digests_in(found) for reader, found in session.execute(listed)}
    papers = history.papers_in(session, set(sent.values()))
    return {reader: papers[digests] for reader, digests in sent.items() if papers[digests]}


@dataclass(frozen=True, slots=True)
class History:
    """Where some papers may have been sent.

    ``names`` maps every number that any of the papers is or was known by to those of them it stands for; ``issues`` are those
    with any of the papers in their pool, ``others`` those whose digests are found as well, though none of the papers is in
    them. ``is_delivered`` and ``is_welcomed``: whether deliveries and welcomes are looked at.
    """

    names: Mapping[int, frozenset[PaperSeq]]
    issues: tuple[int, ...]
    others: tuple[int, ...] = ()
    is_delivered: bool = True
    is_welcomed: bool = True

    @classmethod
    def of(cls, session: Session, paper_seqs: Collection[PaperSeq], *, frozen_before: datetime | None = None) -> Self:
        """Look up the papers' names and issues, those frozen before an instant if one is given."""
        names = other_names(session, paper_seqs)
        pools = select(IssuePaperRow.issue_id).where(IssuePaperRow.paper_seq.in_(names)).distinct()
        if frozen_before is not None:
            earlier = select(IssueRow.id).where(IssueRow.frozen_at < frozen_before)
            pools = pools.where(IssuePaperRow.issue_id.in_(earlier))
        return cls(names, tuple(session.scalars(pools)) if names else ())

    def with_issues(self, issues: Collection[int]) -> Self:
        """Return the history with more issues: what was sent of them is found as well."""
        return replace(self, others=tuple({*issues}.difference(self.issues)))

    def among(self, session: Session, first: int, last: int) -> Self:
        """Return the history as it can be of readers numbered ``first`` to ``last``: quicker to read where little was sent."""
        delivered = exists().where(DeliveryRow.subscriber_id.between(first, last))
        welcomed = exists().where(_NOTICE.c.subscriber_id.between(first, last), _NOTICE.c.digest_id.is_not(None))
        is_delivered, is_welcomed = session.execute(select(delivered, welcomed)).one()
        return replace(self, is_delivered=bool(is_delivered), is_welcomed=bool(is_welcomed))

    def __bool__(self) -> bool:
        """Whether any digest may be found at all."""
        return bool(self.issues or self.others) and (self.is_delivered or self.is_welcomed)

    def digests_of(
        self, reader: ColumnElement[int], readers: FromClause, *, besides: Select[int] | None = None
    ) -> ColumnElement[str]:
        """Return an expression for the digests that were or may be sent to a reader; :func:`digests_in` reads it.

        Args:
            reader: the reader's number.
            readers: the table it stands in.
            besides: deliveries that do not count.
        """
        issues = (*self.issues, *self.others)
        delivered = select(_joined(DeliveryRow.__table__.c.digest_id)).where(
            DeliveryRow.subscriber_id == reader,
            DeliveryRow.issue_id.in_(issues),
            DeliveryRow.state.not_in(_NEVER_LEFT),
        )
        if besides is not None:
            delivered = delivered.where(DeliveryRow.id.not_in(besides))
        welcomed = (
            select(_joined(_NOTICE.c.digest_id))
            .join(DigestRow, DigestRow.id == _NOTICE.c.digest_id)
            .where(_NOTICE.c.subscriber_id == reader, DigestRow.issue_id.in_(issues), _NOTICE.c.state.not_in(_NEVER_LEFT))
        )
        digests: ColumnElement[str] = literal("")
        for found, is_there in ((delivered, self.is_delivered), (welcomed, self.is_welcomed)):
            if is_there:
                digests = digests + "," + func.coalesce(found.correlate(readers).scalar_subquery(), "")
        return digests

    def papers_in(self, session: Session, sent: Collection[frozenset[int]]) -> dict[frozenset[int], frozenset[PaperSeq]]:
        """Return which of the papers are in each set of digests."""
        papers_of = self._papers_of(session, {number for digests in sent for number in digests})
        return {
            digests: frozenset[PaperSeq]().union(*(papers_of.get(number, ()) for number in digests)) for digests in set(sent)
        }

    def _papers_of(self, session: Session, digests: set[int]) -> dict[int, frozenset[PaperSeq]]:
        papers = {}
        ids = sorted(digests)
        for start in range(0, len(ids), MOST_AT_ONCE):
            some = DigestRow.id.in_(ids[start : start + MOST_AT_ONCE])
            found = select(DigestRow.id, DigestRow.entries).where(some, DigestRow.issue_id.in_(self.issues))
            for digest_id, entries in session.execute(found):
                papers[digest_id] = frozenset(seq for entry in entries for seq in self.names.get(entry[0], ()))
        return papers


def last_mail_at(
    session: Session, subscriber_id: SubscriberId, newsletter: str, paper_seqs: Collection[PaperSeq], *, frozen_before: datetime
) -> datetime | None:
    """Return when the newest issue of a newsletter that a reader was or may be sent was frozen, aware UTC; None: there is none.

    Args:
        session: read in this transaction.
        subscriber_id: the reader.
        newsletter: its slug.
        paper_seqs: of a pool; only issues that had one of them are looked at.
        frozen_before: only issues frozen before this instant count.
    """
    history = History.of(session, paper_seqs, frozen_before=frozen_before)
    readers = SubscriberRow.__table__
    listed = select(history.digests_of(readers.c.id, readers)).where(SubscriberRow.id == subscriber_id)
    sent = digests_in(session.scalar(listed) or "")
    return last_frozen(session, newsletter, [sent])[sent]


def last_frozen(session: Session, newsletter: str, sent: Collection[frozenset[int]]) -> dict[frozenset[int], datetime | None]:
    """Return when the newest issue of a newsletter among digests was frozen, aware UTC; None if none of them is of it.

    Args:
        session: read in this transaction.
        newsletter: its slug.
        sent: the digests that went or may go to a reader, by number, for each reader.
    """
    numbers = sorted({number for digests in sent for number in digests})
    frozen_at: dict[int, datetime] = {}
    for start in range(0, len(numbers), MOST_AT_ONCE):
        found = (
            select(DigestRow.id, IssueRow.frozen_at)
            .join(IssueRow, IssueRow.id == DigestRow.issue_id)
            .where(DigestRow.id.in_(numbers[start : start + MOST_AT_ONCE]), IssueRow.newsletter == newsletter)
        )
        frozen_at |= {row.id: row.frozen_at for row in session.execute(found)}
    return {
        digests: max((frozen_at[number] for number in digests if number in frozen_at), default=None) for digests in set(sent)
    }


def digests_in(found: str) -> frozenset[int]:
    """Return the numbers of the digests in a value of :meth:`History.digests_of`."""
    return frozenset(int(number) for number in found.split(",") if number)


def _joined(numbers: ColumnElement[Any]) -> ColumnElement[str]:
    return func.aggregate_strings(cast(numbers, String), ",")


def other_names(session: Session, paper_seqs: Collection[PaperSeq]) -> dict[int, frozenset[PaperSeq]]:
    """Return every number that any of some papers is or was known by, with those of them that it stands for."""
    # Up from each paper to the one it was merged into in the end, then down to all that were merged into that one.
    top: dict[int, int] = {seq: seq for seq in paper_seqs}
    while above := _merged(session, PaperRow.seq.in_(set(top.values()))):
        top = {seq: above.get(last, last) for seq, last in top.items()}
    papers: defaultdict[int, set[PaperSeq]] = defaultdict(set)
    for paper in paper_seqs:
        papers[top[paper]].add(paper)
    standing_for = {seq: frozenset(found) for seq, found in papers.items()}
    level: Collection[int] = list(standing_for)
    while level:
        below = _merged(session, PaperRow.merged_into.in_(level))
        for seq, into in below.items():
            standing_for[seq] = standing_for[into]
        level = list(below)
    return standing_for


def _merged(session: Session, which: ColumnElement[bool]) -> dict[int, int]:
    rows = select(PaperRow.seq, PaperRow.merged_into).where(which, PaperRow.merged_into.is_not(None))
    return {seq: into for seq, into in session.execute(rows) if into is not None}
