"""Budgets for sign-ups, and how often a mailbox is written to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.limits import REFILL, TOTAL, Allowance, LimitStore, mailbox_of, network_of, refill, share_out, take
from subscribers.model import SignUpLimits, Verdict
from subscribers.suppression import Hasher
from subscribers.tables import AllowanceRow, MailLimitRow
from tests.conftest import MONDAY
from tests.subscribers.conftest import SECRET

TAKEN, NETWORK_BUSY, ALL_BUSY = Verdict.TAKEN, Verdict.NETWORK_BUSY, Verdict.ALL_BUSY
LIMITS = SignUpLimits()
ANN = parse_address("ann@example.org")

spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=3))
steps = st.timedeltas(min_value=timedelta(hours=-3), max_value=timedelta(hours=3))


def full(per_hour: int) -> Allowance:
    return Allowance(float(per_hour), MONDAY)


@given(st.integers(1, 1000), st.lists(st.tuples(spans, st.integers(0, 2000)), max_size=30))
def test_no_span_of_time_grants_more_than_a_bucket_and_what_flowed_in(
    per_hour: int, wants: list[tuple[timedelta, int]]
) -> None:
    left, now, granted = full(per_hour), MONDAY, 0
    for passed, wanted in wants:
        now += passed
        got, left = take(left, wanted, per_hour=per_hour, now=now)
        assert 0 <= got <= min(wanted, per_hour)
        assert 0 <= left.tokens <= per_hour
        granted += got
    assert granted <= per_hour + per_hour * ((now - MONDAY) / REFILL) + 1e-6


@given(st.integers(1, 1000), st.lists(st.tuples(steps, st.integers(0, 2000)), max_size=30))
def test_a_clock_that_jumps_back_and_forth_counts_no_span_twice(per_hour: int, wants: list[tuple[timedelta, int]]) -> None:
    left, now, latest, granted = full(per_hour), MONDAY, MONDAY, 0
    for step, wanted in wants:
        now += step
        latest = max(latest, now)
        got, left = take(left, wanted, per_hour=per_hour, now=now)
        granted += got
    assert left.at == latest
    assert granted <= per_hour + per_hour * ((latest - MONDAY) / REFILL) + 1e-6


@given(st.integers(1, 1000), st.integers(0, 1000))
def test_after_the_refill_a_bucket_is_full_whatever_was_taken(per_hour: int, wanted: int) -> None:
    _, left = take(full(per_hour), wanted, per_hour=per_hour, now=MONDAY)
    assert refill(left, per_hour=per_hour, now=MONDAY + REFILL).tokens == per_hour


@given(st.integers(1, 60))
def test_waiting_in_small_steps_brings_the_token_on_time(per_hour: int) -> None:
    left, every = Allowance(0.0, MONDAY), REFILL / per_hour
    for tenth in range(1, 11):
        left = refill(left, per_hour=per_hour, now=MONDAY + every * tenth / 10)
    assert take(left, 1, per_hour=per_hour, now=MONDAY + every + timedelta(microseconds=1))[0] == 1


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 10), st.integers(1, 20))
def test_a_refused_sign_up_costs_nobody_anything(networks: list[str], per_network: int, in_all: int) -> None:
    limits = SignUpLimits(network_per_hour=per_network, total_per_hour=in_all)
    left = {TOTAL: full(in_all), **{name: full(per_network) for name in "abc"}}
    verdicts, after = share_out(left, [(name, TOTAL) for name in networks], limits=limits, now=MONDAY)
    taken = [network for network, verdict in zip(networks, verdicts, strict=True) if verdict is TAKEN]
    assert after[TOTAL].tokens == in_all - len(taken)
    for name in "abc":
        assert after[name].tokens == per_network - taken.count(name)
        assert taken.count(name) == per_network or len(taken) == in_all or taken.count(name) == networks.count(name)


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.200", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("unix:", "unknown"),
        ("192.0.2.7:80", "unknown"),
    ],
)
def test_clients_are_counted_by_their_network(client: str, network: str) -> None:
    assert network_of(client) == network


@given(st.text())
def test_any_text_has_a_network(client: str) -> None:
    assert network_of(client)


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Ann@Example.org", "ann@example.org"),
        ("ann+one@example.org", "ann@example.org"),
        ("a.n.n@example.org", "a.n.n@example.org"),
        ("a.n.n+x+y@gmail.com", "ann@gmail.com"),
        ("ann@googlemail.com", "ann@gmail.com"),
        ("+tag@example.org", "+tag@example.org"),
    ],
)
def test_cheap_ways_to_write_one_mailbox_count_as_one(address: str, mailbox: str) -> None:
    assert mailbox_of(parse_address(address)) == mailbox


def test_a_mailbox_gets_a_mail_a_day_and_three_in_all_until_it_answers(database: Database, clock: ManualClock) -> None:
    def ask() -> bool:
        with database.write() as session:
            return LimitStore(session, Hasher(SECRET)).may_mail(ANN, limits=LIMITS, now=clock.now())

    day: list[bool] = []
    for _ in range(5):
        day += [ask(), ask()]
        clock.advance(timedelta(hours=23, minutes=59))
        day.append(ask())
        clock.advance(timedelta(minutes=1))
    assert day == [True, False, False] * 3 + [False] * 6
    with database.write() as session:
        LimitStore(session, Hasher(SECRET)).answered(parse_address("ann+other@example.org"))
    assert ask()


def test_sign_ups_by_mail_do_not_use_up_those_of_the_page(database: Database, clock: ManualClock) -> None:
    limits = SignUpLimits(total_per_hour=3)
    by_mail = [f"mail r{number}@example.org" for number in range(5)]
    with database.write() as session:
        store = LimitStore(session, Hasher(SECRET))
        assert store.admit(by_mail, limits=limits, now=clock.now()) == [TAKEN] * 3 + [Verdict.ALL_BUSY] * 2
        both = ["192.0.2.7", by_mail[4], "198.51.100.7"]
        assert store.admit(both, limits=limits, now=clock.now()) == [TAKEN, Verdict.ALL_BUSY, TAKEN]


def test_limits_name_no_address_and_no_network(database: Database) -> None:
    with database.write() as session:
        store = LimitStore(session, Hasher(SECRET))
        store.may_mail(ANN, limits=LIMITS, now=MONDAY)
        store.admit(["192.0.2.7"], limits=LIMITS, now=MONDAY)
    with database.read() as session:
        names = {*session.scalars(select(MailLimitRow.address_hash)), *session.scalars(select(AllowanceRow.name))}
    assert len(names) == 3
    assert {len(name) for name in names - {TOTAL}} == {64}


def test_of_many_who_ask_at_once_one_mails(database: Database) -> None:
    together = threading.Barrier(6)

    def ask(_: int) -> bool:
        together.wait()
        with database.write() as session:
            return LimitStore(session, Hasher(SECRET)).may_mail(ANN, limits=LIMITS, now=MONDAY)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(ask, range(6))) == 1


def test_processes_that_share_budgets_grant_nothing_twice_and_never_block_each_other(database: Database) -> None:
    """Each batch holds all networks, in an order of its own: without one order of locking they would wait in a ring."""
    limits = SignUpLimits(network_per_hour=10, total_per_hour=75)
    together = threading.Barrier(6)
    clients = [f"10.0.{place}.1" for place in range(8)]

    def ask(turn: int) -> list[Verdict]:
        together.wait()
        verdicts: list[Verdict] = []
        for number in range(4):
            first = (turn + number) % 8
            with database.write() as session:
                batch = clients[first:] + clients[:first]
                verdicts += LimitStore(session, Hasher(SECRET)).admit(batch, limits=limits, now=MONDAY)
        return verdicts

    with ThreadPoolExecutor(6) as pool:
        verdicts = [verdict for some in pool.map(ask, range(6)) for verdict in some]
    assert verdicts.count(TAKEN) == 75
    assert verdicts.count(TAKEN) + verdicts.count(NETWORK_BUSY) + verdicts.count(ALL_BUSY) == 6 * 4 * 8


def test_a_lowered_limit_holds_at_once(database: Database) -> None:
    def ask(count: int, per_hour: int) -> int:
        with database.write() as session:
            limits = SignUpLimits(network_per_hour=per_hour)
            return LimitStore(session, Hasher(SECRET)).admit(["192.0.2.1"] * count, limits=limits, now=MONDAY).count(TAKEN)

    assert ask(1, 30) == 1
    assert ask(30, 5) == 5
    assert ask(1, 30) == 0


def test_sign_ups_by_mail_are_counted_by_the_address_they_are_for() -> None:
    assert network_of("mail ada@example.org") != network_of("mail bo@example.org")
    assert network_of("mail ada@example.org") != network_of("")
