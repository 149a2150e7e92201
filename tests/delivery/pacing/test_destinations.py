"""Congestion windows: a group that answers soon has every connection, a tarpit slows only itself."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.config import DomainConfig
from newsletter.delivery.pacing.destinations import MOST_REMEMBERED, SLOW_AFTER, Destinations

QUICK = 0.02


class Run:
    """Connections that take the first message whose group has room, over a server that takes ``took(group, number)`` seconds.

    Attributes:
        most: the most that ran at a time to each group, since :meth:`forget`.
        ended: messages that ended, by group.
    """

    def __init__(self, destinations: Destinations, connections: int, took: Callable[[str, int], float]) -> None:
        self.at = 0.0
        self.most: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self._destinations = destinations
        self._free = connections
        self._took = took
        self._running: list[tuple[float, float, str]] = []
        self._now: Counter[str] = Counter()
        self._number = 0

    def forget(self) -> None:
        self.most.clear()
        self.ended.clear()

    def until(self, end: float, *groups: str) -> None:
        """Go on with an endless supply of messages to ``groups``; the first is the one that is asked for first."""
        while self.at < end:
            while self._free and (group := next(filter(self._may_start, groups), None)):
                self._begin(group)
            # A look once in a while, as a sender has: time passes although nothing ends.
            if self._running and self._running[0][0] <= self.at + 0.1:
                self._end_next()
            else:
                self.at += 0.1

    def _may_start(self, group: str) -> bool:
        return self._destinations.may_start(group, self.at)

    def _begin(self, group: str) -> None:
        self._destinations.started(group, self.at)
        self._number += 1
        heapq.heappush(self._running, (self.at + self._took(group, self._number), self.at, group))
        self._free -= 1
        self._now[group] += 1
        self.most[group] = max(self.most[group], self._now[group])

    def _end_next(self) -> None:
        self.at, begun, group = heapq.heappop(self._running)
        self._destinations.ended(group, self.at, took=self.at - begun, was_quick=True)
        self._free += 1
        self._now[group] -= 1
        self.ended[group] += 1


@pytest.mark.parametrize("connections", [1, 2, 3, 16, 64])
def test_a_single_group_soon_has_all_connections(connections: int) -> None:
    run = Run(Destinations({}, connections=connections), connections, lambda _group, _number: QUICK)
    run.until(QUICK * 8, "example.org")
    assert run.most["example.org"] == connections
    assert run.ended["example.org"] >= connections


@pytest.mark.parametrize("connections", [2, 16, 64])
def test_a_server_that_is_slow_to_everybody_gets_all_connections_too(connections: int) -> None:
    run = Run(Destinations({}, connections=connections), connections, lambda _group, _number: 8.0)
    run.until(400, "example.org", "example.net")
    assert run.most.total() >= connections
    run.forget()
    run.until(800, "example.org", "example.net")
    assert run.ended.total() >= 0.9 * connections * 400 / 8.0


@pytest.mark.parametrize("connections", [2, 16, 32])
@pytest.mark.parametrize("hangs", [20.0, 1_200.0])
def test_a_tarpit_leaves_the_others_their_connections(connections: int, hangs: float) -> None:
    run = Run(Destinations({}, connections=connections), connections, lambda group, _: hangs if group == "tar" else QUICK)
    run.until(60, "tar", "example.org")
    share = max(1, min(2, connections // 2), connections // 8)
    assert run.most["tar"] <= share
    assert run.ended["example.org"] >= 0.9 * (connections - share) * 60 / QUICK


def test_a_group_that_turns_into_a_tarpit_leaves_the_others_an_eighth_and_then_gives_the_rest_back() -> None:
    run = Run(Destinations({}, connections=16), 16, lambda group, n: 40.0 if group == "tar" and n > 1_000 else QUICK)
    run.until(1, "tar", "example.org")
    assert run.most["tar"] == 14
    run.forget()
    run.until(30, "tar", "example.org")
    assert run.ended["example.org"] > 0.9 * 2 * 28 / QUICK
    run.until(60, "tar", "example.org")
    run.forget()
    run.until(80, "tar", "example.org")
    assert run.most["tar"] <= 3
    assert run.ended["example.org"] > 0.9 * 13 * 20 / QUICK


def test_a_tarpit_that_heals_gets_its_speed_back() -> None:
    heals_at = 200.0
    run = Run(Destinations({}, connections=16), 16, lambda *_: 0.0)
    run._took = lambda group, _: 20.0 if group == "tar" and run.at < heals_at else QUICK
    run.until(heals_at, "tar", "example.org")
    run.until(heals_at + 30, "example.org", "tar")
    run.until(heals_at + 33, "tar")
    run.forget()
    run.until(heals_at + 34, "tar")
    assert run.ended["tar"] > 0.8 * 16 / QUICK


def test_one_message_that_hangs_does_not_slow_its_group() -> None:
    run = Run(Destinations({}, connections=16), 16, lambda _group, number: 1_000.0 if number == 50 else QUICK)
    run.until(20, "example.org")
    assert run.ended["example.org"] > 0.9 * 15 * 20 / QUICK


@pytest.mark.parametrize("connections", [2, 16])
def test_a_first_message_that_hangs_does_not_keep_the_only_group_waiting(connections: int) -> None:
    run = Run(Destinations({}, connections=connections), connections, lambda _group, number: 1_000.0 if number == 1 else QUICK)
    run.until(20, "example.org")
    assert run.ended["example.org"] > 0.8 * (connections - 1) * 20 / QUICK


def test_broken_connections_halve_the_window_and_untried_messages_teach_nothing() -> None:
    destinations = Destinations({}, connections=16)

    def room() -> int:
        count = 0
        while destinations.may_start("example.org", 1.0):
            destinations.started("example.org", 1.0)
            count += 1
        for _ in range(count):
            destinations.ended("example.org", 1.0, took=0.0, was_quick=None)
        return count

    assert room() == 2
    for _ in range(6):
        destinations.ended("example.org", 1.0, took=QUICK, was_quick=True)
    assert room() == 8
    destinations.ended("example.org", 1.0, took=QUICK, was_quick=False)
    assert room() == 4
    destinations.ended("example.org", 1.0, took=SLOW_AFTER * 1.01, was_quick=True)
    assert room() == 2
    for _ in range(3):
        destinations.ended("example.org", 1.0, took=QUICK, was_quick=False)
    assert room() == 1


def test_a_configured_group_stays_within_its_connections() -> None:
    groups = {"campus": DomainConfig(domains=("a.example", "B.example"), connections=3)}
    destinations = Destinations(groups, connections=16)
    assert {destinations.group_of(f"reader@{domain}") for domain in ("a.example", "b.EXAMPLE")} == {"campus"}
    run = Run(destinations, 16, lambda _group, _number: QUICK)
    run.until(1.0, "campus", "example.org")
    assert run.most == {"campus": 3, "example.org": 13}
    run.forget()
    run.until(2.0, "campus", "example.org")
    assert run.ended["campus"] > 0.9 * 3 / QUICK


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("reader@gmail.com", "google"),
        ("Reader@GoogleMail.com", "google"),
        ("reader@hotmail.co.uk", "microsoft"),
        ("reader@yahoo.co.jp", "yahoo.co.jp"),
        ("reader@Example.ORG", "example.org"),
        ("reader@bücher.example", "xn--bcher-kva.example"),
        ("reader@XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("reader@\u0378.example", "\u0378.example"),
        ("reader", "reader"),
        ("", ""),
    ],
)
def test_addresses_belong_to_their_provider_or_their_domain(address: str, group: str) -> None:
    assert Destinations({}, connections=1).group_of(address) == group


def test_a_configured_group_comes_before_a_well_known_one() -> None:
    groups = {
        "careful": DomainConfig(domains=("outlook.com", "bücher.example")),
        "google": DomainConfig(domains=("mine.example",), connections=1),
        "late": DomainConfig(domains=("outlook.com",)),
    }
    destinations = Destinations(groups, connections=4)
    domains = ("outlook.com", "hotmail.com", "xn--bcher-kva.example", "mine.example", "gmail.com")
    expected = ["careful", "microsoft", "careful", "google", "google"]
    assert [destinations.group_of(f"reader@{domain}") for domain in domains] == expected


def test_memory_stays_bounded_and_running_messages_are_not_forgotten() -> None:
    destinations = Destinations({}, connections=2)
    destinations.started("busy.example", 0.0)
    for number in range(MOST_REMEMBERED + 10):
        group = destinations.group_of(f"reader@d{number}.example")
        destinations.started(group, 0.0)
        destinations.ended(group, 0.0, took=0.0, was_quick=True)
    assert len(destinations._groups) < 100
    assert len(destinations._group_by_domain) <= MOST_REMEMBERED
    assert not destinations.may_start("busy.example", 0.0)


def test_at_least_one_connection_is_needed() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Destinations({}, connections=0)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 10), st.sampled_from([True, False, None])), max_size=200),
)
def test_no_group_is_ever_over_its_connections_or_stuck_without_any(
    connections: int, steps: list[tuple[int, float, bool | None]]
) -> None:
    destinations = Destinations({"capped": DomainConfig(connections=2)}, connections=connections)
    running: dict[str, list[float]] = {name: [] for name in ("capped", "a.example", "b.example", "c.example")}
    at = 0.0
    for which, passed, was_quick in steps:
        group = list(running)[which]
        at += passed
        if destinations.may_start(group, at):
            destinations.started(group, at)
            running[group].append(at)
            assert len(running[group]) <= (min(2, connections) if group == "capped" else connections)
        else:
            assert running[group]
            begun = running[group].pop(len(running[group]) // 2)
            destinations.ended(group, at, took=at - begun, was_quick=was_quick)
    for group, starts in running.items():
        while starts:
            destinations.ended(group, at, took=at - starts.pop(), was_quick=None)
        assert destinations.may_start(group, at)
    assert math.isfinite(at)
