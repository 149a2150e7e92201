"""Which snapshots stay as they grow old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import HistoryConfig
from newsletter.papers.model import Signal
from newsletter.papers.series import Series, united, unpacked
from newsletter.papers.thinning import thinned

LISTED = datetime(2026, 8, 17, 3, tzinfo=UTC)
RULE = HistoryConfig()
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

rules = st.builds(
    HistoryConfig,
    whole=st.integers(2, 20).map(lambda days: timedelta(days=days)),
    per_doubling=st.integers(1, 12),
    keep=st.integers(20, 90).map(lambda days: timedelta(days=days)),
)
#: Hours after the first snapshot, the way a paper is asked for: often at first, then ever more rarely, with gaps.
ages = st.lists(st.floats(0, 24 * 60).map(lambda hours: hours * hours / (24 * 60)), max_size=80)


def series_of(hours: list[float], *, seq: int = 1) -> Series:
    return Series(seq, "hf", united(b"", [Signal("hf", LISTED + hour * HOUR, round(hour)) for hour in hours]))


def thin(series: Series, *, now: datetime, rule: HistoryConfig = RULE) -> Series:
    return next(iter(thinned([series], now=now, rule=rule)), series)


def instants(series: Series) -> list[datetime]:
    return [signal.observed_at for signal in unpacked(series.snapshots, source="hf")]


def gained(series: Series, *, now: datetime) -> int:
    """Votes since the last snapshot that is a day old."""
    signals = [signal for signal in unpacked(series.snapshots, source="hf") if signal.observed_at <= now]
    before = [signal.votes or 0 for signal in signals if signal.observed_at <= now - DAY]
    return (signals[-1].votes or 0) - (before[-1] if before else 0) if signals else 0


@given(ages, rules, st.integers(0, 100))
def test_first_last_and_all_young_snapshots_stay_as_they_were(hours: list[float], rule: HistoryConfig, days: int) -> None:
    series, now = series_of(hours), LISTED + days * DAY
    before, after = instants(series), instants(thin(series, now=now, rule=rule))
    assert after[:1] == before[:1]
    assert after[-1:] == before[-1:]
    assert [at for at in after if at >= now - rule.whole] == [at for at in before if at >= now - rule.whole]
    left = {signal.observed_at: signal for signal in unpacked(series.snapshots, source="hf")}
    assert all(left[signal.observed_at] == signal for signal in unpacked(thin(series, now=now, rule=rule)[2], source="hf"))


@given(ages, rules, st.integers(0, 100), st.integers(0, 100))
def test_thinning_twice_or_late_comes_to_the_same_as_once(
    hours: list[float], rule: HistoryConfig, days: int, later: int
) -> None:
    series, now = series_of(hours), LISTED + days * DAY
    once = thin(series, now=now, rule=rule)
    assert thinned([once], now=now, rule=rule) == []
    end = now + later * DAY
    assert thin(once, now=end, rule=rule) == thin(series, now=end, rule=rule)


@given(ages, rules, st.integers(0, 48))
def test_what_a_young_paper_gained_in_a_day_does_not_change(hours: list[float], rule: HistoryConfig, age: int) -> None:
    series, now = series_of(hours), LISTED + age * HOUR
    assert gained(thin(series, now=now, rule=rule), now=now) == gained(series, now=now)


@given(ages, rules, st.integers(0, 100))
def test_a_curve_is_never_without_a_point_for_longer_than_a_step(hours: list[float], rule: HistoryConfig, days: int) -> None:
    """Whatever goes, at most a step before it is one that stays; counted from an hour before the first."""
    series, now = series_of(hours), LISTED + days * DAY
    after = instants(thin(series, now=now, rule=rule))
    for at in instants(series):
        kept = max(one for one in after if one <= at)
        steps = 1 if at < now - rule.keep else rule.per_doubling
        begin = after[0] - HOUR
        assert (at - begin) / (kept - begin) <= 2 ** (1 / steps) + 0.001


@given(st.lists(ages, max_size=6), st.integers(0, 100))
def test_many_series_are_thinned_as_each_by_itself(some: list[list[float]], days: int) -> None:
    many, now = [series_of(hours, seq=seq) for seq, hours in enumerate(some)], LISTED + days * DAY
    alone = [thin(series, now=now) for series in many]
    assert thinned(many, now=now, rule=RULE) == [after for before, after in zip(many, alone, strict=True) if after != before]


def test_a_month_of_hourly_snapshots_comes_to_some_fifty_and_in_the_end_to_ten() -> None:
    series = series_of([float(hour) for hour in range(24 * 30)])
    lengths = [len(instants(thin(series, now=LISTED + days * DAY))) for days in (7, 37, 500)]
    assert lengths[0] == 24 * 30
    assert 40 <= lengths[1] <= 55
    assert 8 <= lengths[2] <= 12
