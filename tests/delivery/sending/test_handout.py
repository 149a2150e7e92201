"""Giving out: limits hold, and who is limited or slow does not hold up the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

from newsletter.clock import ManualClock, SystemClock
from newsletter.config import DomainConfig
from newsletter.database import Database
from newsletter.delivery.pacing.pace import PaceStore
from newsletter.delivery.pacing.relays import Relay
from newsletter.delivery.sending.sender import SendReport
from newsletter.digest.model import IssueState
from tests.conftest import MONDAY
from tests.delivery.house import (
    add_readers,
    address,
    counts,
    issue_state,
    open_issue,
    sender,
    set_domain,
    smtp_config,
)
from tests.smtp_server import Fault, Script, smtp_server


def used(database: Database, clock: ManualClock) -> dict[str, int]:
    with database.read() as session:
        return PaceStore(session).used_today(clock.now())


def run(database: Database, clock: ManualClock, to: int | Sequence[Relay], **delivery: Any) -> SendReport:
    return asyncio.run(asyncio.wait_for(sender(database, clock, to, **delivery).run(), 20))


def test_the_limit_of_a_day_ends_the_run_and_midnight_lets_it_go_on(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 12)
    issue = open_issue(database, readers)
    with smtp_server() as server:
        report = run(database, clock, server.port, per_day=5, batch=3)
        assert report.sent == 5
        assert "the limit of messages a day is reached" in report.problem
        assert counts(database, issue) == {"sent": 5, "pending": 7}
        assert run(database, clock, server.port, per_day=5).sent == 0
        clock.advance(timedelta(days=1))
        assert run(database, clock, server.port, per_day=5).sent == 5
        clock.advance(timedelta(days=1))
        last = run(database, clock, server.port, per_day=5)
    assert (last.sent, last.problem, last.finished) == (2, "", (issue,))
    assert server.recipients == {address(reader): 1 for reader in readers}


def test_what_was_drawn_and_not_spent_is_given_back(database: Database, clock: ManualClock) -> None:
    open_issue(database, add_readers(database, 3))
    with smtp_server() as server:
        run(database, clock, server.port, per_day=10_000, per_second=50)
    assert used(database, clock) == {"all": 3}


def test_a_warm_up_plan_limits_the_day(database: Database, clock: ManualClock) -> None:
    open_issue(database, add_readers(database, 6))
    plan = {"warm_up": (2, 100), "warm_up_from": MONDAY.date()}
    with smtp_server() as server:
        assert run(database, clock, server.port, **plan).sent == 2
        clock.advance(timedelta(days=1))
        assert run(database, clock, server.port, **plan).sent == 4


def test_messages_a_second_are_held_to(database: Database) -> None:
    open_issue(database, add_readers(database, 30))
    with smtp_server() as server:
        began = monotonic()
        report = asyncio.run(sender(database, SystemClock(), server.port, per_second=20, connections=8).run())
        took = monotonic() - began
    assert report.sent == 30
    # A second's worth is there at once, and the one that a message needs.
    assert took > (30 - 21) / 20


def test_a_relay_s_own_limit_leaves_the_rest_to_the_other(database: Database, clock: ManualClock) -> None:
    issue = open_issue(database, add_readers(database, 20))
    with smtp_server() as small, smtp_server() as large:
        relays = [
            Relay("small", smtp_config(small.port, per_day=3)),
            Relay("large", smtp_config(large.port)),
        ]
        report = run(database, clock, relays, connections=4, batch=5)
    assert (report.sent, len(small.accepted), len(large.accepted)) == (20, 3, 17)
    assert issue_state(database, issue) is IssueState.FINISHED


def test_a_group_whose_day_is_used_up_is_named_and_holds_up_nobody_else(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 40)
    issue = open_issue(database, readers)
    campus = set_domain(database, readers[:15], "campus.example") + set_domain(database, readers[15:20], "campus.test")
    limits = {"campus": DomainConfig(domains=("campus.example", "campus.test"), per_day=4)}
    with smtp_server() as server:
        report = run(database, clock, server.port, domains=limits, batch=4, connections=4)
        assert report.sent == 24
        assert "campus" in report.problem
        assert "midnight" in report.problem
        assert counts(database, issue) == {"sent": 24, "pending": 16}
        assert used(database, clock) == {"domain:campus": 4}
        for _ in range(4):
            clock.advance(timedelta(days=1))
            report = run(database, clock, server.port, domains=limits, batch=4, connections=4)
    assert (report.problem, report.finished) == ("", (issue,))
    assert {one: server.recipients[one] for one in campus} == dict.fromkeys(campus, 1)


def test_a_group_with_few_messages_a_second_holds_up_nobody_else(database: Database) -> None:
    readers = add_readers(database, 60)
    open_issue(database, readers)
    slow = set_domain(database, readers[:8], "campus.example")
    limits = {"campus": DomainConfig(domains=("campus.example",), per_second=4)}
    came: list[str] = []

    def watch(report: SendReport) -> None:
        came[:] = [message.recipient for message in server.accepted]
        if report.sent >= 50 and not early:
            early.extend(came)

    early: list[str] = []
    with smtp_server() as server:
        due = sender(database, SystemClock(), server.port, domains=limits, batch=10, connections=4)
        report = asyncio.run(due.run(on_progress=watch))
    assert report.sent == 60
    assert sum(recipient in slow for recipient in early) < 8, "the others did not wait for it"


def test_a_group_s_connections_are_capped(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 24)
    open_issue(database, readers)
    set_domain(database, readers[::2], "campus.example")
    limits = {"campus": DomainConfig(domains=("campus.example",), connections=1)}
    running = most = 0

    def begins() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)

    def ends() -> None:
        nonlocal running
        running -= 1

    faults = [
        Fault("data", "@campus.example", act=begins, usual=True),
        Fault("dot", "@campus.example", act=ends, delay=0.005, usual=True),
    ]
    with smtp_server(Script(faults=faults)) as server:
        assert run(database, clock, server.port, domains=limits, connections=6).sent == 24
    assert most == 1


def test_a_tarpit_on_one_destination_leaves_the_others_their_speed(database: Database) -> None:
    """As many to the tarpit as to all others, and first in line: it hangs, and the others are through at once."""
    readers = add_readers(database, 400)
    issue = open_issue(database, readers)
    set_domain(database, readers[:200], "tar.example")
    stop = asyncio.Event()
    others = threading.Event()

    async def work(port: int) -> SendReport:
        loop = asyncio.get_running_loop()

        def look(report: SendReport) -> None:
            if report.sent >= 200:
                others.set()
                loop.call_soon(stop.set)

        due = sender(database, SystemClock(), port, connections=8, batch=20, drain="0.1s")
        return await asyncio.wait_for(due.run(stop=stop, on_progress=look), 20)

    with smtp_server(Script(faults=[Fault("rcpt", "@tar.example", hang=True)])) as server:
        began = monotonic()
        report = asyncio.run(work(server.port))
        took = monotonic() - began
    assert others.is_set()
    assert report.sent == 200
    assert not any(recipient.endswith("@tar.example") for recipient in server.recipients)
    assert counts(database, issue) == {"sent": 200, "pending": 200}
    assert took < 10


def test_what_stood_aside_for_a_tarpit_goes_when_it_answers_again(database: Database) -> None:
    readers = add_readers(database, 60)
    issue = open_issue(database, readers)
    set_domain(database, readers[:30], "tar.example")
    faults = [Fault("rcpt", "@tar.example", delay=3.0, times=1)]
    with smtp_server(Script(faults=faults)) as server:
        due = sender(database, SystemClock(), server.port, connections=2, batch=5)
        report = asyncio.run(asyncio.wait_for(due.run(), 20))
    assert (report.sent, issue_state(database, issue)) == (60, IssueState.FINISHED)
