"""Which papers a reader was ever sent, or may have been: the memory behind "never twice"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import ColumnElement, column, select, table, union_all
from sqlalchemy.orm import Session

from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.tables import DigestRow, IssuePaperRow
from newsletter.papers.model import PaperSeq
from newsletter.papers.tables import PaperRow
from subscribers.model import SubscriberId

#: Welcome mails, which bring papers outside any issue. Read by their table's name, as their room stands above this one.
_NOTICE = table("notice", column("subscriber_id"), column("digest_id"), column("state"))
#: States in which certainly nothing was sent nor will be.
_NEVER_LEFT = (DeliveryState.FAILED, DeliveryState.SKIPPED)
#: Values in one IN list; databases take some 32,000.
MOST_AT_ONCE = 5_000


def already_sent(
    session: Session, subscriber_ids: Collection[SubscriberId], paper_seqs: Collection[PaperSeq]
) -> dict[SubscriberId, frozenset[PaperSeq]]:
    """Return which of some papers readers were sent or may be sent, over all issues, cadences and newsletters.

    Every delivery and every welcome counts that did not fail and was not skipped: one that is still to go out will bring its
    papers, one in doubt may have brought them. Papers that were merged count as one, whichever of their numbers was sent.

    Args:
        session: read in this transaction; hold the expansion's lock where the answer decides what is sent.
        subscriber_ids: a page of readers, a few thousand at most.
        paper_seqs: a pool, a few thousand at most.

    Returns:
        For each reader who was sent any of ``paper_seqs``, those of them; readers with the same history share one set. Readers
        without are left out.
    """
    names = _other_names(session, paper_seqs)
    if not names or not subscriber_ids:
        return {}
    issues = list(session.scalars(select(IssuePaperRow.issue_id).where(IssuePaperRow.paper_seq.in_(names)).distinct()))
    digests_of: defaultdict[SubscriberId, list[int]] = defaultdict(list)
    delivered = select(DeliveryRow.subscriber_id, DeliveryRow.digest_id).where(
        DeliveryRow.issue_id.in_(issues),
        DeliveryRow.subscriber_id.in_(subscriber_ids),
        DeliveryRow.state.not_in(_NEVER_LEFT),
    )
    welcomed = (
        select(_NOTICE.c.subscriber_id, _NOTICE.c.digest_id)
        .join(DigestRow, DigestRow.id == _NOTICE.c.digest_id)
        .where(DigestRow.issue_id.in_(issues), _NOTICE.c.subscriber_id.in_(subscriber_ids), _NOTICE.c.state.not_in(_NEVER_LEFT))
    )
    sent = union_all(delivered, welcomed).order_by("digest_id")
    for subscriber_id, digest_id in session.execute(sent):
        if digest_id is not None:
            digests_of[SubscriberId(subscriber_id)].append(digest_id)
    papers_of = _papers_of(session, {digest for digests in digests_of.values() for digest in digests}, names)
    shared: dict[tuple[int, ...], frozenset[PaperSeq]] = {}
    answer = {}
    for subscriber_id, digests in digests_of.items():
        key = tuple(digests)
        if key not in shared:
            shared[key] = frozenset[PaperSeq]().union(*(papers_of[digest] for digest in key))
        if shared[key]:
            answer[subscriber_id] = shared[key]
    return answer


def _papers_of(session: Session, digests: set[int], names: dict[int, set[PaperSeq]]) -> dict[int, frozenset[PaperSeq]]:
    papers = {}
    ids = sorted(digests)
    for start in range(0, len(ids), MOST_AT_ONCE):
        found = select(DigestRow.id, DigestRow.entries).where(DigestRow.id.in_(ids[start : start + MOST_AT_ONCE]))
        for digest_id, entries in session.execute(found):
            papers[digest_id] = frozenset(seq for entry in entries for seq in names.get(entry[0], ()))
    return papers


def _other_names(session: Session, paper_seqs: Collection[PaperSeq]) -> dict[int, set[PaperSeq]]:
    """Map every number that any of ``paper_seqs`` is or was known by to those of them it stands for."""
    # Up from each paper to the one it was merged into in the end, then down to all that were merged into that one.
    top: dict[int, int] = {seq: seq for seq in paper_seqs}
    while above := _merged(session, PaperRow.seq.in_(set(top.values()))):
        top = {seq: above.get(last, last) for seq, last in top.items()}
    standing_for: defaultdict[int, set[PaperSeq]] = defaultdict(set)
    for paper in paper_seqs:
        standing_for[top[paper]].add(paper)
    level: Collection[int] = list(standing_for)
    while level:
        below = _merged(session, PaperRow.merged_into.in_(level))
        for seq, into in below.items():
            standing_for[seq] = standing_for[into]
        level = list(below)
    return dict(standing_for)


def _merged(session: Session, which: ColumnElement[bool]) -> dict[int, int]:
    rows = select(PaperRow.seq, PaperRow.merged_into).where(which, PaperRow.merged_into.is_not(None))
    return {seq: into for seq, into in session.execute(rows) if into is not None}
