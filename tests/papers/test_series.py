"""Snapshots, packed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.papers.clean import MAX_COUNT, MEASURED_BEFORE, MEASURED_FROM, clean_signal
from newsletter.papers.model import Signal
from newsletter.papers.series import SNAPSHOT, united, unpacked

NOON = datetime(2026, 8, 17, 12, tzinfo=UTC)

figures = st.none() | st.integers(0, MAX_COUNT)
signals = st.builds(
    Signal,
    source=st.just("hf"),
    observed_at=st.datetimes(MEASURED_FROM.replace(tzinfo=None), MEASURED_BEFORE.replace(tzinfo=None), timezones=st.just(UTC)),
    votes=figures,
    comments=figures,
    stars=figures,
)
few = st.lists(signals.map(clean_signal).filter(bool), max_size=12)


@given(few, few)
def test_what_is_packed_comes_back_in_order_and_the_same_again_changes_nothing(
    first: list[Signal], second: list[Signal]
) -> None:
    series = united(united(b"", first), second)
    expected: dict[datetime, Signal] = {}
    for signal in first + second:
        expected.setdefault(signal.observed_at, signal)
    assert unpacked(series, source="hf") == [expected[at] for at in sorted(expected)]
    assert united(series, second + first) == series
    assert len(series) == SNAPSHOT.size * len(expected)


@given(few, st.integers(0, 12))
def test_nothing_later_than_asked_for_is_unpacked(some: list[Signal], place: int) -> None:
    series = united(b"", some)
    whole = unpacked(series, source="hf")
    until = whole[min(place, len(whole) - 1)].observed_at if whole else NOON
    assert unpacked(series, source="hf", until=until) == [one for one in whole if one.observed_at <= until]
    assert unpacked(series, source="hf", until=until - timedelta(seconds=1)) == [
        one for one in whole if one.observed_at < until
    ]


def test_a_signal_of_an_instant_that_cannot_be_is_none() -> None:
    assert clean_signal(Signal("hf", MEASURED_BEFORE, 1)) is None
    assert clean_signal(Signal("hf", MEASURED_FROM - timedelta(seconds=1), 1)) is None
    assert clean_signal(Signal("hf", NOON.replace(microsecond=999_999), 1)) == Signal("hf", NOON, 1)
