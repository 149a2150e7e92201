"""What a reader was sent of one paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from newsletter.database import Database
from newsletter.delivery.ledger.received import Received, last_received
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.tables import DigestRow
from newsletter.papers.model import PaperSeq
from subscribers.model import SubscriberId
from tests.conftest import MONDAY
from tests.delivery.house import add_issue, add_papers, add_readers

TUESDAY = MONDAY + timedelta(days=1)


def _send(
    database: Database,
    reader: SubscriberId,
    seqs: Sequence[int],
    *,
    slot: str,
    at: datetime = MONDAY,
    state: DeliveryState = DeliveryState.SENT,
) -> None:
    """Send an issue whose pool are papers 1 to 4; the reader's mail shows ``seqs``."""
    issue_id = add_issue(database, slot=slot, seqs=[1, 2, 3, 4])
    with database.write() as session:
        digest = DigestRow(issue_id=issue_id, key="k", entries=[[seq, f"keyword:{seq}"] for seq in seqs])
        session.add(digest)
        session.flush()
        session.add(
            DeliveryRow(
                issue_id=issue_id,
                subscriber_id=reader,
                digest_id=digest.id,
                state=state,
                not_before=at,
                dated_at=at,
                changed_at=at,
            )
        )


def _last(database: Database, reader: SubscriberId, *seqs: int, until: datetime | None = None) -> Received | None:
    with database.read() as session:
        return last_received(session, reader, [PaperSeq(seq) for seq in seqs], until=until)


def test_the_newest_mail_that_shows_the_paper_counts_and_earlier_ones_for_earlier_days(database: Database) -> None:
    add_papers(database, [1, 2, 3, 4])
    (reader,) = add_readers(database, 1)
    _send(database, reader, [3, 2], slot="first")
    _send(database, reader, [1, 2, 4], slot="second", at=TUESDAY)
    last = _last(database, reader, 2)
    assert last is not None
    assert (last.issue.slot, last.place, last.places, last.entry.rank, last.match) == ("second", 2, 3, 2, "keyword:2")
    assert (last.dated_at, last.state) == (TUESDAY, DeliveryState.SENT)
    before = _last(database, reader, 2, until=MONDAY + timedelta(hours=1))
    assert before is not None
    assert before.issue.slot == "first"
    only = _last(database, reader, 3)
    assert only is not None
    assert only.issue.slot == "first"
    assert _last(database, reader, 2, until=MONDAY - timedelta(hours=1)) is None


def test_a_paper_of_the_pool_that_the_mail_does_not_show_was_not_sent(database: Database) -> None:
    add_papers(database, [1, 2, 3, 4])
    reader, other = add_readers(database, 2)
    _send(database, reader, [1], slot="first")
    assert _last(database, reader, 2) is None
    assert _last(database, other, 1) is None


def test_a_paper_is_found_under_a_number_that_it_had_before_it_was_merged(database: Database) -> None:
    add_papers(database, [1, 2, 3, 4])
    (reader,) = add_readers(database, 1)
    _send(database, reader, [2], slot="first")
    found = _last(database, reader, 3, 2)
    assert found is not None
    assert found.entry.paper.seq == 2


def test_only_mails_that_left_count_and_one_in_doubt_may_have(database: Database) -> None:
    add_papers(database, [1, 2, 3, 4])
    (reader,) = add_readers(database, 1)
    _send(database, reader, [1], slot="first", state=DeliveryState.DOUBTFUL)
    for state in set(DeliveryState) - {DeliveryState.SENT, DeliveryState.DOUBTFUL}:
        _send(database, reader, [1], slot=state, at=TUESDAY, state=state)
    found = _last(database, reader, 1)
    assert found is not None
    assert (found.issue.slot, found.state) == ("first", DeliveryState.DOUBTFUL)
