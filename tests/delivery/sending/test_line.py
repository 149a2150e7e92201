"""A connection's work, seen from outside: what rides with a dot, which relay is chosen, and when a run stops."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import delete

from newsletter.clock import ManualClock, SystemClock
from newsletter.database import Database
from newsletter.delivery.ledger.steering import Steering
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.pacing.relays import Relay
from newsletter.delivery.sending.sender import SendReport
from newsletter.digest.model import IssueState
from newsletter.errors import DatabaseError
from subscribers.model import SubscriberState
from subscribers.tables import SubscriptionRow
from tests.delivery.house import (
    account,
    add_readers,
    address,
    counts,
    deliveries,
    issue_state,
    open_issue,
    relays,
    row,
    sender,
    set_reader,
    smtp_config,
)
from tests.delivery.house import (
    suppress as put_on_the_list,
)
from tests.delivery.ledger.test_writer import refusing
from tests.smtp_server import Fault, Script, smtp_server


def run(database: Database, clock: ManualClock, to: int | list[Relay], **delivery: Any) -> SendReport:
    return asyncio.run(asyncio.wait_for(sender(database, clock, to, **delivery).run(), 20))


@contextmanager
def nobody() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_messages_of_a_connection_ride_one_on_the_other(database: Database, clock: ManualClock) -> None:
    open_issue(database, add_readers(database, 4))
    with smtp_server() as server:
        assert run(database, clock, server.port, connections=1).sent == 4
    assert [command.split()[0] for command in server.commands] == [
        "EHLO", *["MAIL", "RCPT", "DATA", "."] * 4, "QUIT",
    ]  # fmt: skip


def test_without_pipelining_each_command_waits_for_its_answer(database: Database, clock: ManualClock) -> None:
    """The server breaks off with who does not."""
    open_issue(database, add_readers(database, 6))
    with smtp_server(Script(extensions=("8BITMIME",))) as server:
        assert run(database, clock, server.port, connections=1).sent == 6
    assert server.connections == 1


@pytest.mark.parametrize(
    ("fault", "states"),
    [
        (Fault("rcpt", address(2), "550 5.1.1 no"), {"sent": 4, "failed": 1}),
        (Fault("dot", address(1), "550 5.2.2 no"), {"sent": 4, "failed": 1}),
        (Fault("dot", address(2), "451 4.2.2 later"), {"sent": 4, "deferred": 1}),
        (Fault("dot", address(1), "421 4.3.2 closing", drop=True), {"sent": 4, "deferred": 1}),
        (Fault("dot", address(1), drop=True, store=True), {"sent": 4, "doubtful": 1}),
        (Fault("mail", drop=True, skip=1, times=1), {"sent": 5}),
        (Fault("rcpt", address(2), drop=True, times=1), {"sent": 5}),
        (Fault("data", address(2), drop=True, times=1), {"sent": 5}),
        (Fault("body", address(2), drop=True, times=1), {"sent": 5}),
    ],
)
def test_what_happens_to_one_message_is_not_taken_for_the_fate_of_its_neighbour(
    database: Database, clock: ManualClock, fault: Fault, states: dict[str, int]
) -> None:
    issue = open_issue(database, add_readers(database, 5))
    with smtp_server(Script(faults=[fault])) as server:
        fault.times = 1
        run(database, clock, server.port, connections=1, on_doubt="hold")
    assert counts(database, issue) == states
    assert set(server.recipients.values()) == {1}
    known = {address(one.subscriber_id) for one in deliveries(database, issue) if one.state is DeliveryState.SENT}
    assert known <= set(server.recipients)


def test_of_a_message_and_its_rider_only_one_is_in_doubt(database: Database, clock: ManualClock) -> None:
    issue = open_issue(database, add_readers(database, 6))
    with smtp_server(Script(faults=[Fault("dot", drop=True, store=True)])) as server:
        run(database, clock, server.port, connections=1, on_doubt="hold")
    assert server.connections == counts(database, issue)["doubtful"]
    assert set(server.recipients.values()) == {1}


@pytest.mark.parametrize("event", ["left", "paused", "suppressed", "ended"])
def test_who_went_between_claim_and_intent_gets_nothing(database: Database, clock: ManualClock, event: str) -> None:
    readers = add_readers(database, 6)
    issue = open_issue(database, readers)
    goes = readers[3]

    def go() -> None:
        match event:
            case "left":
                set_reader(database, goes, SubscriberState.UNSUBSCRIBED)
            case "paused":
                set_reader(database, goes, SubscriberState.PAUSED)
            case "suppressed":
                put_on_the_list(database, address(goes))
            case _:
                with database.write() as session:
                    session.execute(delete(SubscriptionRow).where(SubscriptionRow.subscriber_id == goes))

    with smtp_server(Script(faults=[Fault("data", address(goes), "354 go on", act=go, times=1)])) as server:
        report = run(database, clock, server.port, connections=1)
    assert (report.sent, report.skipped) == (5, 1)
    assert address(goes) not in server.recipients
    assert account(database, issue).adds_up


@pytest.mark.parametrize("connections", [1, 4])
def test_a_pause_stops_all_but_the_messages_in_flight(database: Database, clock: ManualClock, connections: int) -> None:
    readers = add_readers(database, 60)
    issue = open_issue(database, readers)
    seen_then: list[int] = []

    def pause() -> None:
        Steering(database, clock).pause(issue)
        seen_then.append(len(server.accepted))

    with smtp_server(Script(delay=0.002, faults=[Fault("mail", skip=20, act=pause, times=1, usual=True)])) as server:
        report = run(database, clock, server.port, connections=connections, batch=10)
        # Behind its intent may be one message a connection, and one whose intent was being written.
        assert report.sent <= seen_then[0] + 2 * connections
        assert issue_state(database, issue) is IssueState.PAUSED
        assert counts(database, issue) == {"sent": report.sent, "pending": 60 - report.sent}
        Steering(database, clock).resume(issue)
        assert run(database, clock, server.port, connections=connections).sent == 60 - report.sent
    assert server.recipients == {address(reader): 1 for reader in readers}


def test_relays_share_connections_by_weight(database: Database, clock: ManualClock) -> None:
    open_issue(database, add_readers(database, 200))
    with ExitStack() as stack:
        one, three, spare = (stack.enter_context(smtp_server(Script(delay=0.002))) for _ in range(3))
        hops = [
            Relay("one", smtp_config(one.port, weight=1)),
            Relay("three", smtp_config(three.port, weight=3)),
            Relay("spare", smtp_config(spare.port, weight=0)),
        ]
        assert run(database, clock, hops, connections=8).sent == 200
    assert (one.connections, three.connections, spare.connections) == (2, 6, 0)


def test_a_relay_that_is_down_leaves_everything_to_the_other(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 30)
    issue = open_issue(database, readers)
    with nobody() as port, smtp_server() as server:
        report = run(database, clock, relays(port, server.port), connections=4)
    assert (report.sent, report.problem, report.deferred) == (30, "", 0)
    assert server.recipients == {address(reader): 1 for reader in readers}
    assert issue_state(database, issue) is IssueState.FINISHED


def test_a_relay_without_weight_steps_in_when_the_others_fail(database: Database, clock: ManualClock) -> None:
    open_issue(database, add_readers(database, 10))
    with nobody() as port, smtp_server() as spare:
        hops = [*relays(port), Relay("spare", smtp_config(spare.port, weight=0))]
        assert run(database, clock, hops).sent == 10


def test_where_all_relays_are_down_the_problem_names_each(database: Database, clock: ManualClock) -> None:
    issue = open_issue(database, add_readers(database, 5))
    with nobody() as first, nobody() as second:
        report = run(database, clock, relays(first, second))
    assert report.sent == 0
    assert f":{first}" in report.problem
    assert f":{second}" in report.problem
    assert counts(database, issue) == {"deferred": 5}
    assert row(database, 1).attempts == 0


def test_a_relay_that_works_again_gets_its_share_back(database: Database) -> None:
    """Connections are kept as long as they hold, so some have to be asked to move, with riders or without."""
    open_issue(database, add_readers(database, 1_500))
    away = Fault("connect", reply="421 4.3.2 not yet", drop=True, until=0.5)
    with smtp_server(Script(faults=[away])) as first, smtp_server(Script(delay=0.01)) as second:
        report = asyncio.run(sender(database, SystemClock(), relays(first.port, second.port), connections=4).run())
    assert report.sent == 1_500
    assert len(first.accepted) > 50


def test_an_intent_that_cannot_be_written_keeps_the_dot_of_every_message(database: Database, clock: ManualClock) -> None:
    issue = open_issue(database, add_readers(database, 10))
    trouble: list[Callable[[], object]] = []

    def begin() -> None:
        context = refusing(database, DeliveryState.DOT_SENT)
        context.__enter__()
        trouble.append(lambda: context.__exit__(None, None, None))

    script = Script(faults=[Fault("data", address(4), act=begin, usual=True, times=1)])
    with smtp_server(script) as server:
        with suppress(DatabaseError):
            run(database, clock, server.port, connections=1)
        assert trouble, "the database was gone"
        trouble[0]()
        before = len(server.accepted)
        assert before < 10
        assert counts(database, issue) == {"sent": before, "pending": 10 - before}
        assert run(database, clock, server.port).sent == 10 - before
    assert set(server.recipients.values()) == {1}
