"""What a reader was sent of one paper, as the issue kept it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import Issue, PoolEntry, Section
from newsletter.digest.snapshot import paper_from_json, receipt_from_json
from newsletter.digest.store import to_issue
from newsletter.digest.tables import DigestRow, IssuePaperRow, IssueRow
from newsletter.papers.model import PaperSeq
from subscribers.model import SubscriberId


@dataclass(frozen=True, slots=True)
class Received:
    """A paper in a reader's mail.

    ``entry`` is what the issue kept of it, with the receipt of that day. It stood at ``place`` (from 1) of ``places`` in the
    mail, for the reason ``match`` (see :class:`newsletter.digest.model.DigestEntry`). ``dated_at`` is the mail's Date;
    ``state`` is sent, or doubtful: then the mail may not have arrived.
    """

    issue: Issue
    entry: PoolEntry
    place: int
    places: int
    match: str
    state: DeliveryState
    dated_at: datetime


def last_received(
    session: Session, subscriber_id: SubscriberId, seqs: Collection[PaperSeq], *, until: datetime | None = None
) -> Received | None:
    """Return the newest mail to a reader that shows a paper; None if none does.

    Args:
        session: for reading.
        subscriber_id: the reader's number.
        seqs: the paper's number, and those of records that were absorbed by it: issues may know it under any.
        until: aware; only mails dated up to then. None: all.
    """
    query = (
        select(IssueRow, IssuePaperRow, DeliveryRow, DigestRow.entries)
        .select_from(DeliveryRow)
        .join(IssueRow, IssueRow.id == DeliveryRow.issue_id)
        .join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
        .join(IssuePaperRow, IssuePaperRow.issue_id == DeliveryRow.issue_id)
        .where(DeliveryRow.subscriber_id == subscriber_id, IssuePaperRow.paper_seq.in_(seqs))
        .where(DeliveryRow.state.in_((DeliveryState.SENT, DeliveryState.DOUBTFUL)), DeliveryRow.dated_at.is_not(None))
        .order_by(DeliveryRow.dated_at.desc(), DeliveryRow.id.desc())
    )
    if until is not None:
        query = query.where(DeliveryRow.dated_at <= until)
    # The pool held the paper for all its readers; whether this one's choice shows it is in the choice alone.
    for issue, kept, delivery, entries in session.execute(query):
        for place, (seq, match) in enumerate(entries, start=1):
            if seq == kept.paper_seq:
                entry = PoolEntry(
                    kept.rank, paper_from_json(kept.snapshot), receipt_from_json(kept.receipt), Section(kept.section)
                )
                state = DeliveryState(delivery.state)
                return Received(to_issue(issue), entry, place, len(entries), match, state, delivery.dated_at)
    return None
