"""The ledger in trouble: nothing leaves unrecorded, nothing that is known is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.ledger.journal import FileJournal
from newsletter.delivery.ledger.ledger import Lane
from newsletter.delivery.ledger.roster import Roster, WorkerId
from newsletter.delivery.ledger.writer import LedgerWriter
from newsletter.delivery.model import Claim, DeliveryState, Outcome, Reason, Result, SmtpReply
from newsletter.delivery.sending.handout import Scope
from newsletter.delivery.sending.sender import SendReport
from newsletter.errors import DatabaseError
from tests.delivery.house import account, add_readers, address, counts, hash_of, issue_state, ledger, open_issue, row, sender
from tests.smtp_server import Fault, Script, smtp_server

ACCEPTED = Outcome(DeliveryState.SENT, 1, reply=SmtpReply(250, "", ""))


@contextmanager
def refusing(database: Database, state: DeliveryState, *, table: str = "delivery") -> Iterator[None]:
    """Make the database refuse every row of ``table`` that is to get ``state``, as a full disk would."""
    if database.is_sqlite:
        up = [
            f"CREATE TRIGGER broken BEFORE UPDATE ON {table} WHEN NEW.state = '{state}' BEGIN SELECT RAISE(ABORT, 'full'); END"
        ]
        down = "DROP TRIGGER broken"
    else:
        up = [
            "CREATE FUNCTION broken() RETURNS trigger AS $$ BEGIN RAISE 'full'; END $$ LANGUAGE plpgsql",
            f"CREATE TRIGGER b BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NEW.state = '{state}') EXECUTE PROCEDURE broken()",
        ]
        down = f"DROP TRIGGER b ON {table}"
    with database.write() as session:
        for statement in up:
            session.execute(text(statement))
    try:
        yield
    finally:
        with database.write() as session:
            session.execute(text(down))


def claims(database: Database, clock: ManualClock, count: int) -> list[Claim]:
    lane = Lane(open_issue(database, add_readers(database, count)), DeliveryState.PENDING)
    with ledger(database) as writing:
        batch = writing.claim(lane, worker_id=WorkerId(1), now=clock.now(), limit=count, hash_of=hash_of)
    return list(batch.claims)


@asynccontextmanager
async def writer_of(database: Database, clock: ManualClock, folder: Path, **options: Any) -> AsyncIterator[LedgerWriter]:
    """A writer with a thread and a journal of its own, for the worker that holds :func:`claims`."""
    roster = Roster(clock, timedelta(seconds=20))
    journal = FileJournal(folder)
    with ThreadPoolExecutor(1) as thread:
        async with LedgerWriter(database, clock, roster, journal, thread, **options) as writer:
            yield writer
        journal.close()


def wait_for_lines(folder: Path, count: int) -> None:
    [path] = folder.glob("*.journal")
    end = monotonic() + 20
    while path.read_bytes().count(b"\n") < count:
        assert monotonic() < end


def test_intents_and_results_that_wait_share_commits(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    held = claims(database, clock, 20)
    written: list[Result] = []

    async def work() -> list[bool]:
        async with writer_of(database, clock, tmp_path, on_written=written.extend) as writer:
            for claim in held[:10]:
                writer.record(claim, ACCEPTED)
            answers = await asyncio.gather(*(writer.intend(claim) for claim in held[10:]))
            assert len(written) == 10, "results are durable before intents that were asked for later"
            writer.give_back(held[10])
            return answers

    assert asyncio.run(work()) == [True] * 10
    states = [row(database, number).state for number in range(1, 21)]
    assert states == ["sent"] * 10 + ["pending"] + ["dot_sent"] * 9


@pytest.mark.parametrize("turns", [0, 2])
def test_an_intent_whose_asker_was_cancelled_is_not_left_standing(
    database: Database, clock: ManualClock, tmp_path: Path, turns: int
) -> None:
    [held] = claims(database, clock, 1)

    async def work() -> None:
        async with writer_of(database, clock, tmp_path) as writer:
            asking = writer.intend(held)
            for _ in range(turns):  # after two it is with the writer's thread
                await asyncio.sleep(0)
            asking.cancel()
            writer.give_back(held)

    asyncio.run(work())
    assert row(database, 1).state == DeliveryState.PENDING


def test_an_intent_that_cannot_be_written_fails_at_once(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    [held] = claims(database, clock, 1)

    async def work() -> None:
        async with writer_of(database, clock, tmp_path) as writer:
            with pytest.raises(SQLAlchemyError):
                await writer.intend(held)

    with refusing(database, DeliveryState.DOT_SENT):
        asyncio.run(work())
    assert row(database, 1).state == DeliveryState.CLAIMED


def test_a_result_that_cannot_be_written_is_tried_until_it_can(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    [first, second] = claims(database, clock, 2)

    async def work() -> None:
        async with writer_of(database, clock, tmp_path) as writer:
            with refusing(database, DeliveryState.SENT):
                writer.record(first, ACCEPTED)
                # Asked for after the result, so it cannot be durable before it.
                with pytest.raises(SQLAlchemyError):
                    await writer.intend(second)
            assert await writer.intend(second)

    asyncio.run(work())
    assert [row(database, number).state for number in (1, 2)] == ["sent", "dot_sent"]


def test_results_that_stay_unwritable_are_named_and_kept_in_the_journal(
    database: Database, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [held] = claims(database, clock, 1)
    result = Result(held, ACCEPTED)

    async def work() -> LedgerWriter:
        async with writer_of(database, clock, tmp_path, patience=timedelta(seconds=0.2)) as writer:
            assert await writer.intend(held)
            writer.record(held, ACCEPTED)
        return writer

    with refusing(database, DeliveryState.SENT):
        assert asyncio.run(work()).unwritten == (result,)
    assert "delivery.result_unwritten delivery=1" in caplog.text
    assert row(database, 1).state == DeliveryState.DOT_SENT
    assert [list(found) for found in FileJournal(tmp_path).left_behind()] == [[result.finding]]


def test_what_becomes_known_while_the_next_try_is_waited_for_is_kept_at_once(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    first, second = claims(database, clock, 2)

    async def work() -> None:
        async with writer_of(database, clock, tmp_path, patience=timedelta(seconds=0.1)) as writer:
            assert all(await asyncio.gather(writer.intend(first), writer.intend(second)))
            writer.record(first, ACCEPTED)
            for _ in range(5):
                with pytest.raises(SQLAlchemyError):
                    await writer.flush()
            writer.record(second, ACCEPTED)
            # The next try is 1.6 seconds away.
            await asyncio.wait_for(asyncio.to_thread(wait_for_lines, tmp_path, 2), 1)

    with refusing(database, DeliveryState.SENT):
        asyncio.run(work())
    [found] = FileJournal(tmp_path).left_behind()
    assert [one.delivery_id for one in found] == [first.delivery_id, second.delivery_id]


def test_a_job_that_fails_is_its_caller_s_trouble(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    async def work() -> int:
        async with writer_of(database, clock, tmp_path) as writer:
            with pytest.raises(ZeroDivisionError):
                await writer.run(lambda _session: 1 // 0)
            return await writer.run(lambda session: session.execute(text("SELECT 7")).scalar_one())

    assert asyncio.run(work()) == 7


def test_nothing_leaves_while_intents_cannot_be_written(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 5)
    issue = open_issue(database, readers)
    with smtp_server() as server:
        with refusing(database, DeliveryState.DOT_SENT), pytest.raises(DatabaseError, match="sending stopped"):
            asyncio.run(sender(database, clock, server.port).run())
        assert server.accepted == []
        assert counts(database, issue) == {"pending": 5}
        assert asyncio.run(sender(database, clock, server.port).run()).sent == 5


def test_what_was_accepted_while_the_database_was_gone_is_not_sent_again(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    readers = add_readers(database, 6)
    issue = open_issue(database, readers)
    trouble = refusing(database, DeliveryState.SENT)
    script = Script(faults=[Fault("dot", address(readers[0]), reply="250 taken", store=True, act=trouble.__enter__, times=1)])

    async def work(port: int) -> SendReport:
        running = asyncio.create_task(sender(database, clock, port, connections=1).run(Scope(issue)))
        while "results=1" not in caplog.text:  # noqa: ASYNC110 - a line in a log sets no event
            await asyncio.sleep(0.01)
        await asyncio.to_thread(trouble.__exit__, None, None, None)
        return await running

    with smtp_server(script) as server:
        with contextlib.suppress(DatabaseError):  # raised unless the trouble was over before the next message
            asyncio.run(work(server.port))
        assert row(database, 1).state == DeliveryState.SENT
        asyncio.run(sender(database, clock, server.port).run())
    assert server.recipients == {address(reader): 1 for reader in readers}
    assert account(database, issue).adds_up
    assert issue_state(database, issue) == "finished"


def test_claims_given_back_with_a_reason_count_as_deferred(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    first, second = claims(database, clock, 2)

    async def work() -> None:
        async with writer_of(database, clock, tmp_path) as writer:
            writer.give_back(first)
            writer.give_back(second, Reason.UNREACHABLE)

    asyncio.run(work())
    assert [row(database, number).state for number in (1, 2)] == ["pending", "deferred"]
