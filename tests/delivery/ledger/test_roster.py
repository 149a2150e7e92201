"""Who is sending: beats, silence, and what a worker that was stopped for too long may not do any more."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.ledger.ledger import Ledger
from newsletter.delivery.ledger.policy import OnDoubt
from newsletter.delivery.ledger.records import record
from newsletter.delivery.ledger.roster import Roster
from newsletter.delivery.sending.presence import Presence
from newsletter.delivery.tables import WorkerRow
from tests.delivery.house import add_readers, address, counts, hash_of, ledger, open_issue, row, sender
from tests.delivery.ledger.test_ledger import claim_from
from tests.smtp_server import Fault, Script, smtp_server

LEASE = timedelta(seconds=20)


def joined(database: Database, clock: ManualClock) -> Roster:
    roster = Roster(clock, LEASE)
    with database.write() as session:
        roster.join(session)
    return roster


def silent(database: Database, roster: Roster) -> list[int]:
    with database.write() as session:
        return list(roster.silent(session))


def workers(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(WorkerRow)) or 0


def test_a_worker_whose_beat_stands_still_for_a_lease_is_silent(database: Database, clock: ManualClock) -> None:
    mine, other = joined(database, clock), joined(database, clock)
    assert silent(database, mine) == []
    clock.advance(LEASE - timedelta(seconds=1))
    assert silent(database, mine) == []
    clock.advance(timedelta(seconds=1))
    assert silent(database, mine) == [other.worker_id]


def test_a_worker_that_beats_is_not_silent(database: Database, clock: ManualClock) -> None:
    mine, other = joined(database, clock), joined(database, clock)
    for _ in range(10):
        with database.write() as session:
            assert other.beat(session)
        assert silent(database, mine) == []
        clock.advance(LEASE / 2)


def test_who_only_just_looks_has_to_watch_for_a_whole_lease(database: Database, clock: ManualClock) -> None:
    other = joined(database, clock)
    clock.advance(timedelta(days=1))
    mine = joined(database, clock)
    assert silent(database, mine) == []
    clock.advance(LEASE)
    assert silent(database, mine) == [other.worker_id]


def test_who_got_the_number_of_one_that_left_is_not_taken_for_it(database: Database, clock: ManualClock) -> None:
    mine, other = joined(database, clock), joined(database, clock)
    for _ in range(5):
        assert silent(database, mine) == []
        with database.write() as session:
            other.leave(session)
        other = joined(database, clock)
        clock.advance(LEASE / 4)
    assert silent(database, mine) == []


def test_a_clock_that_is_set_back_or_on_makes_nobody_silent(database: Database, clock: ManualClock) -> None:
    mine, _ = joined(database, clock), joined(database, clock)
    assert silent(database, mine) == []
    clock.set(clock.now() + timedelta(days=400))
    assert silent(database, mine) == []


def test_a_dot_may_leave_only_while_nobody_can_have_taken_over(database: Database, clock: ManualClock) -> None:
    mine = joined(database, clock)
    assert mine.may_leave()
    clock.advance(LEASE * 3 / 4)
    assert not mine.may_leave(), "others take over after a whole lease, and a quarter is left for the dot"
    with database.write() as session:
        assert mine.beat(session)
    assert mine.may_leave()


def test_who_was_struck_off_learns_it_from_its_beat_and_joins_anew(database: Database, clock: ManualClock) -> None:
    mine, other = joined(database, clock), joined(database, clock)
    with database.write() as session:
        assert other.worker_id is not None
        mine.strike(session, [other.worker_id])
        assert not other.beat(session)
        other.join(session)
    assert workers(database) == 2


def test_who_leaves_is_off_the_list(database: Database, clock: ManualClock) -> None:
    mine = joined(database, clock)
    with database.write() as session:
        mine.leave(session)
    assert (mine.worker_id, workers(database)) == (None, 0)


def test_a_run_leaves_no_worker_behind(database: Database, clock: ManualClock) -> None:
    open_issue(database, add_readers(database, 3))
    with smtp_server() as server:
        asyncio.run(sender(database, clock, server.port).run())
    assert workers(database) == 0


@pytest.mark.parametrize(("on_doubt", "sent", "doubtful"), [("resend", 4, 0), ("hold", 3, 1)])
def test_what_a_dead_worker_held_is_taken_over_by_its_silence_alone(
    database: Database, clock: ManualClock, on_doubt: str, sent: int, doubtful: int
) -> None:
    """The other one is in this very process, so on SQLite, too, only its beat says that it is dead."""
    issue = open_issue(database, add_readers(database, 4))
    dead = joined(database, clock)
    with ledger(database) as writing:
        [lane] = writing.lanes()
        assert dead.worker_id is not None
        batch = writing.claim(lane, worker_id=dead.worker_id, now=clock.now(), limit=2, hash_of=hash_of)
    with database.write() as session:
        record(session, intents=batch.claims[:1], now=clock.now())

    async def work(port: int) -> None:
        running = asyncio.create_task(sender(database, clock, port, lease="0.2s", on_doubt=on_doubt).run())
        while not running.done():
            await asyncio.sleep(0.05)
            clock.advance(timedelta(seconds=0.05))
        report = await running
        assert report.problem == ""

    with smtp_server() as server, Presence(database) as presence:
        presence.admit_others()
        asyncio.run(work(server.port))
    assert server.recipients.total() == sent
    assert counts(database, issue) == {"sent": sent, "doubtful": doubtful} if doubtful else {"sent": sent}


def test_the_dot_of_a_worker_that_was_stopped_for_its_lease_does_not_leave(database: Database, clock: ManualClock) -> None:
    """Its intent is durable, but nobody knows when that was."""
    readers = add_readers(database, 2)
    issue = open_issue(database, readers)

    def stop_for_long() -> None:
        clock.advance(timedelta(minutes=5))

    script = Script(faults=[Fault("data", address(readers[0]), "354 go on", act=stop_for_long, times=1)])
    with smtp_server(script) as server:
        report = asyncio.run(sender(database, clock, server.port, connections=1, lease="1s").run())
        assert report.sent == 2
    assert server.recipients == {address(reader): 1 for reader in readers}
    assert server.connections > 1, "the connection was closed before the dot"
    assert counts(database, issue) == {"sent": 2}


def test_a_worker_that_others_took_for_dead_goes_on_under_a_new_number(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    readers = add_readers(database, 30)
    issue = open_issue(database, readers)

    def strike() -> None:
        with database.write() as session:
            session.execute(delete(WorkerRow))
            Ledger(session).take_over(but=None, now=clock.now(), on_doubt=OnDoubt.HOLD)

    script = Script(delay=0.02, faults=[Fault("mail", skip=10, times=1, act=strike, usual=True)])
    with smtp_server(script) as server:
        report = asyncio.run(sender(database, clock, server.port, connections=2, batch=5, lease="0.2s").run())
    assert "delivery.taken_for_dead" in caplog.text
    assert set(server.recipients.values()) == {1}
    states = counts(database, issue)
    # Up to one message a connection was behind its dot, and is settled by its late reply.
    assert states == {"sent": 30}
    assert report.sent == 30


def test_claims_under_an_old_number_cannot_leave_once_they_were_taken_over(database: Database, clock: ManualClock) -> None:
    open_issue(database, add_readers(database, 1))
    with ledger(database) as writing:
        [lane] = writing.lanes()
        [held] = claim_from(writing, lane).claims
        writing.take_over(but=None, now=clock.now(), on_doubt=OnDoubt.RESEND)
    with database.write() as session:
        assert record(session, intents=[held], now=clock.now()) == frozenset()
    assert row(database, 1).state == "pending"
