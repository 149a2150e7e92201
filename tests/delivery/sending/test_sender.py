"""Sending end to end: real sockets, both databases, a server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.model import Claim, DeliveryState, OutgoingMessage
from newsletter.delivery.sending.handout import Scope
from newsletter.delivery.sending.sender import SendReport
from newsletter.digest.model import IssueState
from newsletter.digest.tables import IssueRow
from newsletter.errors import NewsletterError
from newsletter.rendering.errors import MessageRefused
from newsletter.rendering.findings import Finding, Severity
from subscribers.model import SubscriberState
from tests.delivery.house import (
    PlainComposer,
    account,
    add_readers,
    address,
    counts,
    issue_state,
    open_issue,
    row,
    sender,
    set_reader,
    suppress,
)
from tests.smtp_server import Fault, Script, smtp_server


@contextlib.contextmanager
def failing_pauses(database: Database, *, times: int) -> Iterator[None]:
    """Let the database refuse that often that an issue is paused."""
    left = [OperationalError("", None, Exception("disk I/O error"))] * times

    def refuse(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE issue SET") and "note" in statement and left:
            raise left.pop()

    event.listen(database.engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        event.remove(database.engine, "before_cursor_execute", refuse)


def test_every_reader_of_an_open_issue_gets_one_message(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 25)
    issue = open_issue(database, readers)
    with smtp_server() as server:
        report = asyncio.run(sender(database, clock, server.port, batch=7).run())
    assert report == SendReport(sent=25, finished=(issue,))
    assert server.recipients == {address(reader): 1 for reader in readers}
    assert server.connections <= 2
    assert issue_state(database, issue) is IssueState.FINISHED
    assert account(database, issue).adds_up


def test_what_arrives_is_what_was_composed(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 1)
    open_issue(database, readers)
    with smtp_server() as server:
        asyncio.run(sender(database, clock, server.port).run())
    [message] = server.accepted
    assert b"\r\n.A line with a leading dot\r\n..and two\r\n.\r\nThe end\r\n" in message.data


def test_nothing_due_opens_no_connection(database: Database, clock: ManualClock) -> None:
    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port).run()) == SendReport()
    assert server.connections == 0


def test_a_temporary_refusal_defers_only_that_reader_and_the_retry_sends(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 5)
    issue = open_issue(database, readers)
    with smtp_server(Script(faults=[Fault("rcpt", address(readers[2]), "451 4.3.0 later", times=1)])) as server:
        due = sender(database, clock, server.port)
        first = asyncio.run(due.run())
        assert (first.sent, first.deferred, first.finished) == (4, 1, ())
        assert issue_state(database, issue) is IssueState.OPEN
        assert asyncio.run(due.run()).sent == 0
        clock.advance(timedelta(minutes=10))
        assert asyncio.run(due.run()).sent == 1
    assert server.recipients == {address(reader): 1 for reader in readers}
    assert issue_state(database, issue) is IssueState.FINISHED


@pytest.mark.parametrize("phase", ["rcpt", "dot"])
def test_a_permanent_refusal_fails_with_the_reply_on_record(database: Database, clock: ManualClock, phase: str) -> None:
    readers = add_readers(database, 3)
    issue = open_issue(database, readers)
    with smtp_server(Script(faults=[Fault(phase, address(readers[0]), "550 5.1.1 no such user")])) as server:
        report = asyncio.run(sender(database, clock, server.port).run())
    assert (report.sent, report.failed) == (2, 1)
    failed = row(database, 1)
    assert (failed.state, failed.reply_code, failed.reply_status, failed.reply_text) == ("failed", 550, "5.1.1", "no such user")
    assert account(database, issue).adds_up


def test_a_refusal_of_us_pauses_the_issue_with_a_hint_and_is_no_reader_s_fault(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 30)
    issue = open_issue(database, readers)
    with smtp_server(Script(faults=[Fault("dot", reply="550 5.7.515 sender not authenticated")])) as server:
        report = asyncio.run(sender(database, clock, server.port, batch=5).run())
        refused = row(database, 1)
        assert (refused.state, refused.reason, refused.attempts) == ("deferred", "policy", 0)
        assert report.deferred <= 4, "the others were not even tried"
        assert issue_state(database, issue) is IssueState.PAUSED
        with database.read() as session:
            note = session.get_one(IssueRow, issue).note
        assert "5.7.515" in note
        assert "SPF, DKIM and DMARC must all pass" in note
        assert asyncio.run(sender(database, clock, server.port).run()).deferred == 0
    assert account(database, issue).adds_up
    assert counts(database, issue)["pending"] >= 26


def test_a_pause_that_the_database_does_not_take_is_tried_until_it_does(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    readers = add_readers(database, 10)
    issue = open_issue(database, readers)
    with (
        smtp_server(Script(faults=[Fault("dot", reply="550 5.7.515 sender not authenticated")])) as server,
        failing_pauses(database, times=2),
    ):
        asyncio.run(sender(database, clock, server.port, batch=5).run())
    assert issue_state(database, issue) is IssueState.PAUSED
    assert [record.getMessage() for record in caplog.records if "delivery.pause_unwritten" in record.message] == [
        "delivery.pause_unwritten issue=1 retry_in=0.1 error=OperationalError",
        "delivery.pause_unwritten issue=1 retry_in=0.2 error=OperationalError",
    ]
    assert "never retrieved" not in caplog.text
    assert account(database, issue).adds_up


def test_a_pause_that_the_database_never_takes_does_not_hold_up_the_end(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    readers = add_readers(database, 10)
    issue = open_issue(database, readers)
    with (
        smtp_server(Script(faults=[Fault("dot", reply="550 5.7.515 sender not authenticated")])) as server,
        failing_pauses(database, times=1000),
    ):
        due = sender(database, clock, server.port, patience=timedelta(seconds=0.2))
        assert asyncio.run(due.run()).deferred == 10
    assert issue_state(database, issue) is IssueState.OPEN
    assert f"delivery.issue_not_paused issue={issue}" in caplog.text
    assert account(database, issue).adds_up


def test_refusals_that_may_be_one_readers_own_pause_only_in_a_row(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 20)
    issue = open_issue(database, readers)
    own_rule = [Fault("rcpt", address(reader), "550 5.7.1 not for me") for reader in readers[::2]]
    with smtp_server(Script(faults=own_rule)) as server:
        report = asyncio.run(sender(database, clock, server.port, connections=1).run())
        assert (report.sent, report.deferred) == (10, 10)
        assert issue_state(database, issue) is IssueState.OPEN
        clock.advance(timedelta(hours=6))
        asyncio.run(sender(database, clock, server.port, connections=1).run())
    assert issue_state(database, issue) is IssueState.PAUSED


def test_a_server_that_is_gone_defers_and_the_next_run_finishes(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 10)
    issue = open_issue(database, readers)
    with smtp_server() as server:
        port = server.port
    report = asyncio.run(sender(database, clock, port).run())
    assert report.sent == 0
    assert "check smtp.host" in report.problem
    assert counts(database, issue) == {"deferred": 10}
    assert account(database, issue).adds_up
    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port).run()).sent == 10
    assert issue_state(database, issue) is IssueState.FINISHED


def test_a_server_that_closes_half_way_loses_nothing(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 12)
    issue = open_issue(database, readers)
    faults = [
        Fault("mail", reply="421 4.3.2 shutting down", drop=True, times=1),
        Fault("rcpt", address(readers[4]), drop=True, times=1),
        Fault("data", address(readers[6]), drop=True, times=1),
        Fault("body", address(readers[8]), drop=True, times=1),
    ]
    with smtp_server(Script(faults=faults)) as server:
        report = asyncio.run(sender(database, clock, server.port, connections=3).run())
    assert report.sent == 12
    assert server.recipients == {address(reader): 1 for reader in readers}
    assert counts(database, issue) == {"sent": 12}


def test_a_message_that_breaks_every_connection_does_not_hold_up_the_others(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 8)
    open_issue(database, readers)
    with smtp_server(Script(faults=[Fault("data", address(readers[0]), drop=True)])) as server:
        report = asyncio.run(sender(database, clock, server.port, connections=1).run())
    assert report.sent == 7
    broken = row(database, 1)
    assert (broken.state, broken.reason, broken.attempts) == ("deferred", "unreachable", 2)
    assert broken.not_before == clock.now() + timedelta(minutes=10)


@pytest.mark.parametrize("was_stored", [True, False])
def test_no_reply_after_the_dot_is_doubt_and_held_on_request(
    database: Database, clock: ManualClock, *, was_stored: bool
) -> None:
    readers = add_readers(database, 3)
    issue = open_issue(database, readers)
    with smtp_server(Script(faults=[Fault("dot", address(readers[0]), drop=True, store=was_stored)])) as server:
        report = asyncio.run(sender(database, clock, server.port, on_doubt="hold").run())
    assert (report.sent, report.in_doubt) == (2, 1)
    assert counts(database, issue) == {"sent": 2, "doubtful": 1}
    assert max(server.recipients.values()) == 1


def test_a_message_in_doubt_is_repeated_byte_for_byte(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 1)
    issue = open_issue(database, readers)
    with smtp_server(Script(faults=[Fault("dot", drop=True, store=True, times=1)])) as server:
        asyncio.run(sender(database, clock, server.port).run())
        assert row(database, 1).reason == "in_doubt"
        clock.advance(timedelta(hours=1))
        asyncio.run(sender(database, clock, server.port).run())
    first, second = server.accepted
    assert first.data == second.data
    assert counts(database, issue) == {"sent": 1}


def test_nonsense_after_the_dot_is_doubt(database: Database, clock: ManualClock) -> None:
    open_issue(database, add_readers(database, 1))
    with smtp_server(Script(faults=[Fault("dot", reply="hello there")])) as server:
        asyncio.run(sender(database, clock, server.port, on_doubt="hold").run())
    assert row(database, 1).state == DeliveryState.DOUBTFUL


def test_an_unsubscription_between_claim_and_dot_stops_the_message(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 3)
    issue = open_issue(database, readers)

    def leave() -> None:
        set_reader(database, readers[1], SubscriberState.UNSUBSCRIBED)

    with smtp_server(Script(faults=[Fault("data", address(readers[1]), "354 go on", act=leave, times=1)])) as server:
        report = asyncio.run(sender(database, clock, server.port, connections=1).run())
    assert (report.sent, report.skipped) == (2, 1)
    assert address(readers[1]) not in server.recipients
    assert account(database, issue).skipped_by_reason == {"unsubscribed": 1}


def test_a_suppressed_address_is_never_written_to(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 3)
    issue = open_issue(database, readers)
    with smtp_server() as server:
        suppress(database, address(readers[0]))
        report = asyncio.run(sender(database, clock, server.port).run())
    assert (report.sent, report.skipped) == (2, 1)
    assert address(readers[0]) not in server.recipients
    assert account(database, issue).skipped_by_reason == {"suppressed": 1}


def test_two_senders_at_once_send_each_message_once(database: Database, database_url: str, clock: ManualClock) -> None:
    readers = add_readers(database, 60)
    issue = open_issue(database, readers)
    other = Database(database_url)

    async def both(port: int) -> list[SendReport]:
        senders = (sender(each, clock, port, batch=5, connections=3) for each in (database, other))
        return await asyncio.gather(*(each.run() for each in senders))

    with smtp_server(Script(delay=0.001)) as server:
        reports = asyncio.run(both(server.port))
    other.dispose()
    assert sum(report.sent for report in reports) == 60
    assert server.recipients == {address(reader): 1 for reader in readers}
    assert counts(database, issue) == {"sent": 60}


def test_a_sender_that_is_told_to_stop_gives_back_its_claims(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 40)
    issue = open_issue(database, readers)
    stop = asyncio.Event()

    def enough(report: SendReport) -> None:
        if report.sent >= 5:
            stop.set()

    with smtp_server(Script(delay=0.005)) as server:
        report = asyncio.run(sender(database, clock, server.port).run(on_progress=enough, stop=stop))
        assert 5 <= report.sent < 40
        assert report.problem == ""
        assert counts(database, issue) == {"sent": report.sent, "pending": 40 - report.sent}
        asyncio.run(sender(database, clock, server.port).run())
    assert server.recipients == {address(reader): 1 for reader in readers}


def test_a_hanging_server_is_left_behind_when_the_drain_ends(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 2)
    issue = open_issue(database, readers)
    stop = asyncio.Event()

    async def stop_soon(port: int) -> None:
        loop = asyncio.get_running_loop()
        hung = asyncio.Event()

        def hang() -> None:
            loop.call_soon_threadsafe(hung.set)

        script.faults[:] = [
            Fault("rcpt", address(readers[0]), hang=True),
            Fault("dot", address(readers[1]), hang=True, act=hang),
        ]
        hasty = sender(database, clock, port, connections=4, drain="0.05s", on_doubt="hold")
        running = asyncio.create_task(hasty.run(stop=stop))
        await hung.wait()
        stop.set()
        await running

    script = Script()
    with smtp_server(script) as server:
        asyncio.run(stop_soon(server.port))
    assert counts(database, issue) == {"pending": 1, "doubtful": 1}


class PickyComposer(PlainComposer):
    """Cannot make the message of one reader, in one way or another."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def compose(self, claim: Claim) -> OutgoingMessage:
        if claim.subscriber_id != 1:
            return super().compose(claim)
        if self.error is not None:
            raise self.error
        return OutgoingMessage("bounces@example.org", claim.address, b"Subject: a lone CR\r in here\r\n\r\n")


@pytest.mark.parametrize("error", [NewsletterError("the linter says no"), KeyError("a bug"), None])
def test_a_message_that_cannot_be_made_stops_nobody_else(
    database: Database, clock: ManualClock, error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    readers = add_readers(database, 3)
    open_issue(database, readers)
    with smtp_server() as server:
        report = asyncio.run(sender(database, clock, server.port, composer=PickyComposer(error)).run())
    assert (report.sent, report.deferred) == (2, 1)
    left = row(database, 1)
    assert (left.state, left.reason, left.attempts) == ("deferred", "not_composed", 0)
    assert "delivery.compose_refused" in caplog.text


def test_the_log_names_the_rules_of_the_linter_that_a_message_broke(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    open_issue(database, add_readers(database, 1))
    findings = [
        Finding("forbidden-element", "<form>"),
        Finding("forbidden-element", "<script>"),
        Finding("big", "", Severity.WARNING),
        Finding("link", ""),
    ]
    composer = PickyComposer(MessageRefused("delivery 1", findings))
    with smtp_server() as server:
        asyncio.run(sender(database, clock, server.port, composer=composer).run())
    assert "error=MessageRefused rules=forbidden-element,link" in caplog.text


def test_logs_hold_no_address(database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="newsletter")
    readers = add_readers(database, 4)
    open_issue(database, readers)
    faults = [
        Fault("rcpt", address(readers[0]), f"550 5.1.1 <{address(readers[0])}> unknown"),
        Fault("rcpt", address(readers[1]), f"451 4.2.1 <{address(readers[1])}> later"),
        Fault("dot", address(readers[2]), drop=True),
    ]
    with smtp_server(Script(faults=faults)) as server:
        asyncio.run(sender(database, clock, server.port).run())
    assert "delivery.failed" in caplog.text
    assert "@" not in caplog.text


def test_one_reader_of_one_issue_can_be_sent_alone(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 3)
    first = open_issue(database, readers)
    open_issue(database, readers, slot="2026-08-18")
    with smtp_server() as server:
        report = asyncio.run(sender(database, clock, server.port).run(Scope(first, readers[1])))
    assert report.sent == 1
    assert server.recipients == {address(readers[1]): 1}


def test_a_lock_file_stands_beside_an_sqlite_database_only(clock: ManualClock, database: Database, tmp_path: Path) -> None:
    open_issue(database, add_readers(database, 1))
    asyncio.run(sender(database, clock, 9).run())
    assert bool(list(tmp_path.glob("*.senders"))) is database.is_sqlite
