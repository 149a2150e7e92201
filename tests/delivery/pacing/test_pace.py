"""Buckets, days and warm-up: pure, in the table all senders share, and in a run's purse."""

from __future__ import annotations

import math
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.config import DeliveryConfig, DomainConfig, RelayConfig
from newsletter.database import Database
from newsletter.delivery.pacing.pace import (
    ASK_AGAIN_AFTER,
    ASK_EVERY,
    Limit,
    PaceStore,
    Purse,
    full,
    limits_of,
    put_back,
    take,
)
from tests.conftest import MONDAY

SECOND = timedelta(seconds=1)


def draw(database: Database, limits: dict[str, Limit], wanted: dict[str, int], now: datetime = MONDAY) -> dict[str, int]:
    with database.write() as session:
        return PaceStore(session).draw(limits, wanted, now=now)


def one(per_second: float = 0.0, per_day: int = 0) -> dict[str, Limit]:
    return {"all": Limit("all", per_second, per_day)}


# What limits a day


def test_only_what_is_limited_has_a_limit() -> None:
    config = DeliveryConfig(domains={"big": DomainConfig(per_second=2), "small": DomainConfig(connections=1)})
    relays = {"smtp": RelayConfig(), "spare": RelayConfig(host="spare.example.org", per_day=300)}
    assert limits_of(config, relays, today=date(2026, 8, 17)) == {
        "relay:spare": Limit("relay:spare", 0.0, 300),
        "domain:big": Limit("domain:big", 2.0, 0),
    }
    assert limits_of(DeliveryConfig(), {"smtp": RelayConfig()}, today=date(2026, 8, 17)) == {}


@pytest.mark.parametrize(
    ("day", "per_day", "allowed"),
    [
        (16, 0, 0),
        (17, 0, 200),
        (18, 0, 500),
        (19, 0, 1_000),
        (20, 0, 0),
        (16, 600, 600),
        (17, 600, 200),
        (18, 600, 500),
        (19, 600, 600),
        (20, 600, 600),
    ],
)
def test_the_warm_up_plan_goes_day_by_day(day: int, per_day: int, allowed: int) -> None:
    config = DeliveryConfig(per_second=5, per_day=per_day, warm_up=(200, 500, 1_000), warm_up_from=date(2026, 8, 17))
    assert limits_of(config, {}, today=date(2026, 8, day)) == {"all": Limit("all", 5.0, allowed)}


# Buckets

steps = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 300)), min_size=1, max_size=60)


@settings(deadline=None)
@given(st.floats(0.05, 100), steps)
def test_no_stretch_of_time_brings_more_than_its_rate_and_one_bucket(rate: float, moves: list[tuple[float, int]]) -> None:
    limit = Limit("all", rate)
    now, bucket = MONDAY, full(limit, now=MONDAY)
    grants: list[tuple[datetime, int]] = []
    for passed, wanted in moves:
        now += timedelta(seconds=passed)
        granted, bucket = take(bucket, limit, wanted, now=now)
        assert 0 <= granted <= wanted
        grants.append((now, granted))
    for first, (begin, _) in enumerate(grants):
        total = 0
        for at, granted in grants[first:]:
            total += granted
            assert total <= limit.capacity + rate * (at - begin).total_seconds() + 1e-6


@settings(deadline=None)
@given(st.floats(0.05, 50), st.integers(10, 200), st.lists(st.floats(0.01, 1), min_size=1, max_size=20))
def test_who_asks_once_a_second_gets_the_whole_rate(rate: float, asked: int, pauses: list[float]) -> None:
    limit = Limit("all", rate)
    now, bucket, total = MONDAY, full(limit, now=MONDAY), 0
    for number in range(asked):
        now += timedelta(seconds=pauses[number % len(pauses)])
        granted, bucket = take(bucket, limit, 1_000, now=now)
        total += granted
    assert total >= rate * (now - MONDAY).total_seconds() - 1


jumps = st.one_of(st.floats(0, 10), st.floats(-86_000, 0), st.sampled_from([0.0, -59.0, -61.0, 3_600.0, 40_000.0]))


@settings(deadline=None)
@given(st.floats(0.1, 50), st.integers(1, 500), st.lists(st.tuples(jumps, st.integers(1, 100)), max_size=60))
def test_a_clock_that_jumps_brings_nothing_extra(rate: float, per_day: int, moves: list[tuple[float, int]]) -> None:
    limit = Limit("all", rate, per_day)
    now = latest = MONDAY
    bucket = full(limit, now=now)
    forward, total, by_day = 0.0, 0, Counter[date]()
    for passed, wanted in moves:
        # Never back by more than a day: then the later instant was wrong, see below.
        now = max(now + timedelta(seconds=passed), latest - timedelta(hours=23))
        latest = max(now, latest)
        forward += max(passed, 0.0)
        granted, bucket = take(bucket, limit, wanted, now=now)
        total += granted
        by_day[bucket.day] += granted
        assert total <= limit.capacity + rate * forward + 1e-6
    assert all(count <= per_day for count in by_day.values())


def test_a_clock_that_was_set_back_does_not_stop_sending() -> None:
    limit = Limit("all", 10.0, 25)
    ahead = MONDAY + timedelta(days=365)
    granted, bucket = take(full(limit, now=ahead), limit, 20, now=ahead)
    assert granted == 11
    assert take(bucket, limit, 10, now=MONDAY)[0] == 0
    _, bucket = take(bucket, limit, 10, now=MONDAY)
    granted, bucket = take(bucket, limit, 10, now=MONDAY + SECOND)
    assert granted == 10
    # What was sent under the wrong date counts for today, and for no other day.
    granted, bucket = take(bucket, limit, 10, now=MONDAY + 2 * SECOND)
    assert granted == 4
    assert take(bucket, limit, 10, now=MONDAY + timedelta(days=1))[0] == 10


def test_the_day_turns_at_midnight_utc() -> None:
    limit = Limit("all", 0.0, 100)
    midnight = datetime(2026, 8, 18, tzinfo=UTC)
    granted, bucket = take(full(limit, now=MONDAY), limit, 150, now=midnight - timedelta(microseconds=1))
    assert granted == 100
    assert take(bucket, limit, 1, now=midnight - timedelta(microseconds=1))[0] == 0
    granted, bucket = take(bucket, limit, 60, now=midnight)
    assert granted == 60
    # A sender whose clock is behind sees the old day once more: that is no third day.
    assert take(bucket, limit, 150, now=midnight - SECOND)[0] == 40


def test_what_comes_back_the_next_day_is_not_taken_off_that_day() -> None:
    limit = Limit("all", 0.0, 10)
    _, bucket = take(full(limit, now=MONDAY), limit, 10, now=MONDAY)
    assert put_back(bucket, limit, 4, now=MONDAY).used == 6
    assert put_back(bucket, limit, 4, now=MONDAY + timedelta(days=1)).used == 0


# The table


def test_a_draw_grants_what_there_is(database: Database) -> None:
    limits = {"all": Limit("all", 10.0, 25), "relay:smtp": Limit("relay:smtp", 0.0, 12)}
    names = {"all": 8, "relay:smtp": 8, "domain:none": 8}
    assert draw(database, limits, names) == {"all": 8, "relay:smtp": 8}
    assert draw(database, limits, names) == {"all": 3, "relay:smtp": 4}
    assert draw(database, limits, names) == {"all": 0}
    assert draw(database, limits, names, MONDAY + SECOND / 2) == {"all": 5}
    assert draw(database, limits, names, MONDAY + SECOND * 100) == {"all": 8}
    assert draw(database, limits, names, MONDAY + SECOND * 100) == {"all": 1}
    assert draw(database, limits, names, MONDAY + SECOND * 101) == {}
    assert draw(database, limits, names, MONDAY + timedelta(days=1)) == {"all": 8, "relay:smtp": 8}
    with database.read() as session:
        assert PaceStore(session).used_today(MONDAY + timedelta(days=1)) == {"all": 8, "relay:smtp": 8}
        assert PaceStore(session).used_today(MONDAY + timedelta(days=2)) == {}


def test_what_is_given_back_can_be_drawn_again_and_never_overfills(database: Database) -> None:
    limits = one(10.0, 20)
    assert draw(database, limits, {"all": 10}) == {"all": 10}
    with database.write() as session:
        PaceStore(session).give_back(limits, {"all": 4, "relay:gone": 3}, now=MONDAY)
        assert PaceStore(session).used_today(MONDAY) == {"all": 6}
    assert draw(database, limits, {"all": 10}) == {"all": 5}
    with database.write() as session:
        PaceStore(session).give_back(limits, {"all": 1_000}, now=MONDAY)
    assert draw(database, limits, {"all": 1_000}) == {"all": 11}


def test_limits_may_change_between_draws(database: Database) -> None:
    assert draw(database, one(100.0), {"all": 10}) == {"all": 10}
    assert draw(database, one(5.0, 12), {"all": 10}) == {"all": 2}
    assert draw(database, one(0.0, 30), {"all": 100}) == {"all": 18}
    assert draw(database, one(0.0, 20), {"all": 100}) == {}
    assert draw(database, one(4.0), {"all": 100}, MONDAY + SECOND) == {"all": 5}


def test_many_senders_together_keep_to_the_limits(database: Database, database_url: str) -> None:
    limits = {"all": Limit("all", 40.0, 130), "domain:big": Limit("domain:big", 15.0)}
    granted = Counter[str]()
    guard, together = threading.Lock(), threading.Barrier(6)

    def send(place: int) -> None:
        own = Database(database_url)
        together.wait()
        # All clocks differ a little, and go on for two seconds.
        for step in range(20):
            now = MONDAY + timedelta(seconds=step * 0.1 + place * 0.02)
            names = ("all", "domain:big") if place % 2 else ("domain:big", "all")
            with own.write() as session:
                got = PaceStore(session).draw(limits, dict.fromkeys(names, 7), now=now)
            with guard:
                granted.update(got)
        own.dispose()

    threads = [threading.Thread(target=send, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 15 * 2 <= granted["domain:big"] <= 15 + 15 * 2.0 + 1
    assert 40 * 2 <= granted["all"] <= 40 + 40 * 2.0 + 1
    with database.read() as session:
        assert PaceStore(session).used_today(MONDAY) == dict(granted)


def test_a_draw_that_is_rolled_back_never_happened(database: Database) -> None:
    limits = one(0.0, 10)

    def draw_and_fail() -> None:
        with database.write() as session:
            assert PaceStore(session).draw(limits, {"all": 10}, now=MONDAY) == {"all": 10}
            raise RuntimeError

    with pytest.raises(RuntimeError):
        draw_and_fail()
    assert draw(database, limits, {"all": 10}) == {"all": 10}


# The purse


def test_an_empty_set_of_limits_stops_nothing() -> None:
    purse = Purse({})
    assert purse.is_unlimited
    assert purse.spend("smtp", "example.org")
    assert (purse.wanted(), purse.blocked("smtp", "example.org"), purse.empty()) == ({}, "", {})


def test_a_message_takes_one_of_each_limit_or_none_at_all() -> None:
    purse = Purse({name: Limit(name, 3.0) for name in ("all", "relay:smtp", "domain:big")})
    assert not purse.spend("smtp", "big")
    assert purse.blocked("smtp", "big") == "all"
    assert purse.wanted() == {"all": 3, "domain:big": 3, "relay:smtp": 3}
    purse.fill({"all": 3, "relay:smtp": 2, "domain:big": 1}, at=0.0)
    assert purse.spend("smtp", "big")
    assert not purse.spend("smtp", "big")
    assert purse.blocked("smtp", "big") == "domain:big"
    assert purse.wanted() == {"domain:big": 3}
    assert purse.spend("smtp", "example.org")
    assert purse.spend("spare", "example.org")
    assert purse.empty() == {}
    purse.refund("smtp", "big")
    assert purse.empty() == {"all": 1, "relay:smtp": 1, "domain:big": 1}
    assert purse.empty() == {}


def test_a_purse_draws_no_more_than_waits_and_never_nothing() -> None:
    purse = Purse(
        {"all": Limit("all", 50.0), "relay:smtp": Limit("relay:smtp", 0.0, 5_000), "domain:big": Limit("domain:big", 0.1)}
    )
    purse.spend("smtp", "big")
    assert purse.wanted({"all": 7, "relay:smtp": 0}) == {"all": 7, "domain:big": 1, "relay:smtp": 1}
    assert purse.wanted() == {"all": 50, "domain:big": 1, "relay:smtp": 50}


def test_the_next_look_is_when_a_token_may_be_there() -> None:
    purse = Purse(one(0.5, 100))
    purse.spend("smtp", "example.org")
    assert purse.next_look(10.0) == 0.0
    purse.wanted()
    purse.fill({"all": 0}, at=10.0)
    assert purse.next_look(10.0) == 1.0
    assert purse.next_look(10.75) == 0.25
    assert purse.next_look(13.0) == 0.0
    fast = Purse(one(1_000.0))
    fast.spend("smtp", "example.org")
    fast.wanted()
    fast.fill({"all": 0}, at=10.0)
    assert fast.next_look(10.0) == ASK_EVERY


def test_a_day_that_is_used_up_ends_it_and_is_asked_for_again_after_a_while() -> None:
    purse = Purse({"all": Limit("all", 5.0, 10), "domain:big": Limit("domain:big", 5.0)})
    purse.spend("smtp", "big")
    purse.wanted()
    purse.fill({"domain:big": 5}, at=0.0)
    assert purse.used_up == {"all"}
    assert purse.next_look(0.0) == math.inf
    assert not purse.spend("smtp", "big")
    assert purse.blocked("smtp", "big") == "all"
    assert purse.wanted() == {}
    assert purse.next_look(ASK_AGAIN_AFTER) < 1
    assert not purse.spend("smtp", "big")
    assert purse.wanted() == {"all": 5}
    purse.fill({"all": 5}, at=ASK_AGAIN_AFTER)
    assert purse.spend("smtp", "big")


def test_a_group_whose_day_is_used_up_stops_only_itself() -> None:
    purse = Purse({"all": Limit("all", 5.0), "domain:big": Limit("domain:big", 0.0, 10)})
    purse.spend("smtp", "big")
    purse.wanted()
    purse.fill({"all": 5}, at=0.0)
    assert purse.blocked("smtp", "big") == "domain:big"
    assert purse.next_look(0.0) < 1
    assert purse.spend("smtp", "example.org")
    for _ in range(9):
        purse.spend("smtp", "big")
    # Nothing is drawn for what cannot go.
    assert purse.wanted() == {}


def test_relays_whose_days_are_all_used_up_end_it() -> None:
    purse = Purse({f"relay:{name}": Limit(f"relay:{name}", 0.0, 10) for name in ("a", "b")})
    for relay in ("a", "b"):
        assert purse.next_look(0.0) < 1
        purse.spend(relay, "example.org")
        purse.wanted()
        purse.fill({}, at=0.0)
    assert purse.next_look(0.0) == math.inf


@settings(deadline=None)
@given(
    st.floats(0.2, 60),
    st.floats(0.2, 60),
    st.lists(st.tuples(st.sampled_from(["big", "example.org"]), st.floats(0, 0.4)), min_size=1, max_size=300),
)
def test_a_run_with_a_purse_spends_no_more_than_the_limits_allow(
    all_rate: float, big_rate: float, moves: list[tuple[str, float]]
) -> None:
    limits = {"all": Limit("all", all_rate), "domain:big": Limit("domain:big", big_rate)}
    buckets = {name: full(limit, now=MONDAY) for name, limit in limits.items()}
    purse, at = Purse(limits), 0.0
    spent, drawn = Counter[str](), Counter[str]()
    for group, passed in moves:
        at += passed
        if purse.next_look(at) == 0.0:
            granted = {}
            for name, wanted in purse.wanted().items():
                granted[name], buckets[name] = take(buckets[name], limits[name], wanted, now=MONDAY + timedelta(seconds=at))
            drawn.update(granted)
            purse.fill(granted, at)
        may_go = not purse.blocked("smtp", group)
        assert purse.spend("smtp", group) == may_go
        if may_go:
            spent.update(["all", f"domain:{group}"])
        for name, limit in limits.items():
            assert spent[name] <= drawn[name] <= limit.capacity + limit.per_second * at + 1e-6
    left = purse.empty()
    assert all(spent[name] + left.get(name, 0) == drawn[name] for name in limits)
