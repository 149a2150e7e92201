"""Which relay a connection goes to: shares by weight, failover, and the way back."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.config import RelayConfig
from newsletter.delivery.pacing.relays import FIRST_REST, LONGEST_REST, Relay, Relays


class House:
    """Some relays with a clock of their own, and connections to them."""

    def __init__(self, *weights: int, connections: int = 16, caps: tuple[int, ...] = ()) -> None:
        self.at = 1_000.0
        self.all = [
            Relay(name, RelayConfig(host=f"{name}.example.org", weight=weight, connections=cap))
            for name, weight, cap in zip("abcdefgh", weights, caps or (0,) * len(weights), strict=False)
        ]
        self.relays = Relays(self.all, connections=connections, now=lambda: self.at)

    def open(self, count: int = 1) -> str:
        """Open connections, and return the names of their relays; a dash where there was none to be had."""
        return "".join(self._open() for _ in range(count))

    def _open(self) -> str:
        relay = self.relays.pick()
        if relay is None:
            return "-"
        self.relays.opened(relay)
        return relay.name


def test_relays_of_the_same_weight_take_turns() -> None:
    assert House(1, 1).open(6) == "ababab"


def test_one_connection_goes_round_when_it_is_opened_again_and_again() -> None:
    house = House(1, 1, 1)
    names = []
    for _ in range(6):
        names.append(house.open())
        house.relays.closed(house.all["abc".index(names[-1])])
    assert "".join(names) == "abcabc"


@settings(deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8), st.integers(1, 64))
def test_shares_come_as_close_to_the_weights_as_whole_connections_can(weights: list[int], count: int) -> None:
    house = House(*weights, connections=64)
    opened = Counter(house.open(count))
    assert opened.total() == count
    # No connection would bring the shares closer together on another relay.
    for one, weight in zip("abcdefgh", weights, strict=False):
        for other, its_weight in zip("abcdefgh", weights, strict=False):
            assert (opened[one] - 0.5) / weight <= (opened[other] + 0.5) / its_weight + 1e-9


@settings(deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8), st.integers(1, 64))
def test_who_has_its_share_never_moves(weights: list[int], count: int) -> None:
    house = House(*weights, connections=64)
    for name in house.open(count):
        house.at += 1
        assert not house.relays.had_better_move(house.all["abcdefgh".index(name)])


def test_full_relays_get_no_more() -> None:
    house = House(5, 1, connections=3, caps=(2, 0))
    assert Counter(house.open(6)) == {"a": 2, "b": 3, "-": 1}
    assert house.relays.wait() == math.inf
    assert (house.relays.all_down, house.relays.problem) == (False, "")
    house.relays.closed(house.all[0])
    assert house.relays.wait() == 0.0
    assert house.open() == "a"


def test_a_relay_of_weight_zero_stands_by() -> None:
    house = House(1, 0, connections=2)
    first, standby = house.all
    assert house.open(3) == "aa-"
    house.relays.failed(first, "a is away")
    assert house.open() == "b"
    house.relays.closed(first)
    house.relays.worked(first)
    assert house.relays.had_better_move(standby)
    house.relays.closed(standby)
    assert house.open(2) == "a-"


def test_one_that_fails_is_left_to_the_others_and_tried_again_by_one_connection() -> None:
    house = House(1, 1)
    first = house.all[0]
    house.relays.failed(first, "a is away")
    assert house.open(3) == "bbb"
    assert (house.relays.all_down, house.relays.problem) == (False, "")
    house.at += FIRST_REST
    assert house.open(3) == "abb"
    house.relays.worked(first)
    assert house.open(3) == "aaa"


def test_rests_double_up_to_a_minute_and_end_with_the_first_success() -> None:
    house = House(1)
    [relay] = house.all
    rests = []
    for _ in range(9):
        assert house.relays.pick() is relay
        house.relays.failed(relay, "away")
        # All connections break at once when a relay goes down.
        house.relays.failed(relay, "away")
        assert house.relays.pick() is None
        rests.append(house.relays.wait())
        house.at += rests[-1]
    assert rests == [FIRST_REST * 2**place for place in range(6)] + [LONGEST_REST] * 3
    house.relays.worked(relay)
    house.relays.failed(relay, "away again")
    assert house.relays.wait() == FIRST_REST


def test_when_all_are_down_the_operator_reads_of_each() -> None:
    house = House(1, 1, 0)
    for relay, problem in zip(house.all, ("a refuses the login", "b is away", "b is away"), strict=True):
        assert not house.relays.all_down
        house.relays.failed(relay, problem)
    assert house.open() == "-"
    assert house.relays.all_down
    assert house.relays.problem == "a refuses the login; b is away"
    assert house.relays.wait() == FIRST_REST
    house.relays.worked(house.all[2])
    assert (house.relays.all_down, house.relays.problem) == (False, "")
    assert house.open() == "c"


def test_a_relay_that_returns_gets_its_share_although_connections_are_kept() -> None:
    house = House(1, 1)
    first, second = house.all
    house.relays.failed(first, "a is away")
    assert house.open(8) == "bbbbbbbb"
    lines = ["b"] * 8
    # The trial finds it still away; then it is back.
    for is_back in (False, True):
        house.at += house.relays.wait() + FIRST_REST * 4
        for _ in range(200):
            for place, name in enumerate(lines):
                relay = house.all["ab".index(name)]
                house.at += 0.01
                if house.relays.had_better_move(relay):
                    house.relays.closed(relay)
                    lines[place] = house.open()
                    if lines[place] == "a" and is_back:
                        house.relays.worked(first)
                    elif lines[place] == "a":
                        house.relays.failed(first, "a is away")
                        house.relays.closed(first)
                        lines[place] = house.open()
        assert Counter(lines) == ({"a": 4, "b": 4} if is_back else {"b": 8})
    assert not house.relays.had_better_move(second)


def test_connections_leave_one_at_a_time() -> None:
    house = House(1, 1)
    house.relays.failed(house.all[0], "a is away")
    house.open(8)
    house.at += FIRST_REST
    assert [house.relays.had_better_move(house.all[1]) for _ in range(8)] == [True] + [False] * 7


def test_relays_need_names_of_their_own() -> None:
    relay = Relay("smtp", RelayConfig(host="mail.example.org"))
    for relays in ([], [relay, relay]):
        with pytest.raises(ValueError, match="relays need"):
            Relays(relays, connections=1, now=lambda: 0.0)
