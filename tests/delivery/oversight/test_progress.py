"""How far an issue has come: counts, rate, time left, and its receiving domains."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.model import DeliveryState, SmtpReply
from newsletter.delivery.oversight.progress import ERASED, Progress, Standing, by_domain, recent_rate, standing
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import IssueId
from subscribers.tables import SubscriberRow
from tests.conftest import MONDAY
from tests.delivery.house import add_readers, open_issue


def stand(**states: int) -> Standing:
    return Standing({state: states.get(state.value, 0) for state in DeliveryState}, None)


def test_rate_and_time_left_come_from_two_looks() -> None:
    progress = Progress()
    assert progress.look(stand(pending=100), 0.0).left is None
    rate = progress.look(stand(pending=80, sent=20), 2.0)
    assert (rate.per_second, rate.left) == (10.0, timedelta(seconds=8))


def test_a_run_of_deferrals_makes_headway_and_so_do_their_retries() -> None:
    progress = Progress()
    progress.look(stand(pending=100), 0.0)
    deferred = progress.look(stand(pending=50, deferred=50), 5.0)
    assert (deferred.per_second, deferred.left) == (10.0, timedelta(seconds=5))
    retried = progress.look(stand(pending=50, deferred=40, sent=10), 10.0)
    assert retried.per_second == 6.0


def test_a_rate_forgets_what_is_long_past() -> None:
    progress = Progress(window=timedelta(seconds=10))
    progress.look(stand(pending=1000), 0.0)
    progress.look(stand(pending=500, sent=500), 5.0)
    for second in range(6, 30):
        rate = progress.look(stand(pending=500, sent=500), float(second))
    assert (rate.per_second, rate.left) == (0.0, None)


def test_what_is_put_back_does_not_make_a_rate_negative() -> None:
    progress = Progress()
    progress.look(stand(failed=10), 0.0)
    assert progress.look(stand(pending=10), 1.0).per_second == 0.0


def test_nothing_open_takes_no_time() -> None:
    assert Progress().look(stand(sent=5), 1.0).left == timedelta(0)


@pytest.fixture
def issue_id(database: Database) -> IssueId:
    """Six deliveries: three to example.org, two to example.net, one to somebody who was erased since."""
    readers = add_readers(database, 6)
    made = open_issue(database, readers)
    keys = ["a@example.org", '"b@c"@example.org', "d@example.org", "e@example.net", "f@example.net", "erased:01ab"]
    states = ["sent", "deferred", "failed", "pending", "skipped", "sent"]
    with database.write() as session:
        for reader, key in zip(readers, keys, strict=True):
            session.execute(update(SubscriberRow).where(SubscriberRow.id == reader).values(address=key, address_key=key))
        ids = session.scalars(select(DeliveryRow.id).order_by(DeliveryRow.id)).all()
        for place, (number, state) in enumerate(zip(ids, states, strict=True)):
            values: dict[str, object] = {"state": state, "changed_at": MONDAY + timedelta(seconds=place)}
            if state in {"sent", "deferred", "failed"}:
                values |= {"reply_code": {"sent": 250, "deferred": 451, "failed": 550}[state], "reply_text": f"number {place}"}
            if state == "deferred":
                values["not_before"] = MONDAY + timedelta(minutes=10)
            session.execute(update(DeliveryRow).where(DeliveryRow.id == number).values(**values))
    return made


def test_a_standing_counts_and_knows_the_next_try(database: Database, issue_id: IssueId) -> None:
    with database.read() as session:
        now = standing(session, issue_id)
    assert (now.tried, now.deferred, now.open) == (3, 1, 1)
    assert now.next_try_at == MONDAY + timedelta(minutes=10)


def test_domains_are_counted_by_group_with_the_last_refusal(database: Database, issue_id: IssueId) -> None:
    with database.read() as session:
        lines = by_domain(session, issue_id, group_of=lambda address: address.rpartition("@")[2])
        (one,) = [line for line in by_domain(session, issue_id, group_of=lambda _: "all of them") if line.group != ERASED]
    first = lines[0]
    assert (first.group, first.total, first.sent, first.deferred, first.failed) == ("example.org", 3, 1, 1, 1)
    assert first.last_reply == SmtpReply(550, "", "number 2")
    assert {line.group: (line.waiting, line.sent, line.last_reply) for line in lines[1:]} == {
        "example.net": (1, 0, None),
        ERASED: (0, 1, None),
    }
    assert (one.total, one.last_reply) == (4, SmtpReply(550, "", "number 2"))


def test_the_recent_rate_needs_one_look(database: Database, issue_id: IssueId, clock: ManualClock) -> None:
    clock.advance(timedelta(seconds=10))
    with database.read() as session:
        rate = recent_rate(session, issue_id, standing(session, issue_id), at=clock.now())
        later = recent_rate(session, issue_id, standing(session, issue_id), at=clock.now() + timedelta(minutes=5))
    assert rate.per_second == pytest.approx(0.4)
    assert rate.left == timedelta(seconds=2.5)
    assert (later.per_second, later.left) == (0.0, None)
