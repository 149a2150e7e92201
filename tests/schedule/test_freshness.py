"""Whether an issue is made, waits or is left out: every case of the table, and what holds for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.schedule.calendar import NewsDays
from newsletter.schedule.freshness import Decision, SourceFacts, decide, standing_of
from newsletter.schedule.outcome import Figures, Freshness, Reason, Standing
from newsletter.schedule.volume import usual_volume
from newsletter.sources.store import FetchRun, RunOutcome

NOW = datetime(2026, 8, 21, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXPECTED, RESTS = NewsDays(is_expected=True), NewsDays(is_expected=False)


def facts(
    outcome: RunOutcome | None = RunOutcome.DONE,
    *,
    new: int = 0,
    usual: int | None = None,
    calendar: NewsDays | None = EXPECTED,
    age: timedelta | None = HOUR / 2,
) -> SourceFacts:
    run = None if outcome is None else FetchRun("s", NOW - HOUR / 2, NOW - HOUR / 2, outcome, new, new)
    return SourceFacts("s", new, usual, calendar, run, None if age is None else NOW - age)


@pytest.mark.parametrize(
    ("known", "freshness", "holds"),
    [
        (facts(None, age=None), Freshness.UNTRIED, False),
        (facts(new=20), Freshness.COMPLETE, False),
        (facts(new=20, usual=22), Freshness.COMPLETE, False),
        (facts(new=11, usual=22), Freshness.COMPLETE, False),
        (facts(new=10, usual=22), Freshness.LATE, True),
        # An empty list on a working day.
        (facts(new=0), Freshness.LATE, True),
        (facts(new=0, calendar=None), Freshness.COMPLETE, False),
        (facts(new=0, calendar=RESTS), Freshness.NOT_EXPECTED, False),
        (facts(new=0, usual=0), Freshness.NOT_EXPECTED, False),
        (facts(new=5, usual=0), Freshness.COMPLETE, False),
        # Not asked lately: the program was off.
        (facts(new=20, age=3 * HOUR), Freshness.LATE, True),
        (facts(RunOutcome.FAILED, new=0, age=2 * HOUR), Freshness.FAILED, True),
        (facts(RunOutcome.PARTIAL, new=5, age=2 * HOUR), Freshness.FAILED, True),
        (facts(RunOutcome.FAILED, new=20, usual=22, age=HOUR), Freshness.COMPLETE, False),
        # It broke off at an old day, and had brought what is new before.
        (facts(RunOutcome.PARTIAL, new=20, usual=22, age=9 * HOUR), Freshness.COMPLETE, False),
        (facts(RunOutcome.FAILED, new=20, usual=22, age=9 * HOUR), Freshness.FAILED, True),
        (facts(RunOutcome.FAILED, new=3, usual=22, age=HOUR), Freshness.FAILED, True),
        # One that has been away for days, or was never there, keeps nobody waiting.
        (facts(RunOutcome.FAILED, age=timedelta(days=4)), Freshness.FAILED, False),
        (facts(RunOutcome.FAILED, age=None), Freshness.FAILED, False),
    ],
)
def test_a_source_is_judged_by_its_runs_its_calendar_and_what_is_usual(
    known: SourceFacts, freshness: Freshness, holds: bool
) -> None:
    found = standing_of(known, looked_at=NOW, fetch_every=HOUR)
    assert (found.freshness, found.holds) == (freshness, holds)


def source(freshness: Freshness, *, holds: bool | None = None) -> Standing:
    unready = freshness in {Freshness.LATE, Freshness.FAILED}
    return Standing("s", freshness, holds=unready if holds is None else holds)


@pytest.mark.parametrize(
    ("states", "new", "quiet", "waited", "decision", "reason"),
    [
        ([Freshness.COMPLETE], 20, "skip", 0, Decision.BUILD, None),
        ([], 20, "skip", 0, Decision.BUILD, None),
        ([], 0, "skip", 0, Decision.SKIP, Reason.QUIET),
        ([Freshness.COMPLETE, Freshness.LATE], 20, "skip", 1, Decision.WAIT, Reason.SOURCES_LATE),
        ([Freshness.FAILED, Freshness.LATE], 20, "skip", 1, Decision.WAIT, Reason.SOURCES_FAILED),
        ([Freshness.FAILED, Freshness.LATE], 20, "skip", 2, Decision.BUILD, None),
        ([Freshness.FAILED, Freshness.COMPLETE], 2, "skip", 2, Decision.SKIP, Reason.SOURCES_FAILED),
        ([Freshness.UNTRIED], 20, "skip", 0, Decision.BUILD, None),
        # The very first run is still on its way.
        ([Freshness.UNTRIED], 0, "skip", 0, Decision.WAIT, Reason.NEVER_FETCHED),
        ([Freshness.UNTRIED], 0, "skip", 2, Decision.SKIP, Reason.NEVER_FETCHED),
        ([Freshness.NOT_EXPECTED], 0, "skip", 0, Decision.SKIP, Reason.NO_NEWS_DAY),
        ([Freshness.NOT_EXPECTED, Freshness.COMPLETE], 1, "skip", 0, Decision.SKIP, Reason.QUIET),
        ([Freshness.COMPLETE], 2, "short", 0, Decision.BUILD_SHORT, None),
        ([Freshness.COMPLETE], 0, "short", 0, Decision.SKIP, Reason.QUIET),
        ([Freshness.COMPLETE], 0, "catch_up", 0, Decision.BUILD, None),
        ([Freshness.LATE], 0, "catch_up", 1, Decision.WAIT, Reason.SOURCES_LATE),
    ],
)
def test_a_slot_is_decided_by_its_sources_the_deadline_and_the_quiet_day_policy(
    states: list[Freshness],
    new: int,
    quiet: Literal["skip", "short", "catch_up"],
    waited: int,
    decision: Decision,
    reason: Reason | None,
) -> None:
    until = NOW + 2 * HOUR
    found = decide([source(state) for state in states], new=new, below=3, quiet=quiet, now=NOW + waited * HOUR, until=until)
    assert (found.decision, found.reason) == (decision, reason)


@given(
    st.lists(st.builds(source, st.sampled_from(Freshness), holds=st.booleans())),
    st.integers(0, 30),
    st.integers(1, 10),
    st.sampled_from(["skip", "short", "catch_up"]),
    st.integers(-10, 10),
)
def test_nothing_waits_behind_the_deadline_and_what_is_left_out_has_a_reason(
    sources: list[Standing], new: int, below: int, quiet: Literal["skip", "short", "catch_up"], minutes: int
) -> None:
    until = NOW + timedelta(minutes=minutes)
    found = decide(sources, new=new, below=below, quiet=quiet, now=NOW, until=until)
    assert (found.decision is Decision.WAIT) <= (until > NOW)
    assert (found.reason is None) == (found.decision in {Decision.BUILD, Decision.BUILD_SHORT})
    assert not (found.decision is Decision.SKIP and new >= below)
    assert not (found.decision is Decision.BUILD_SHORT and not new)
    assert Figures.from_json(found.figures.as_json()) == found.figures


def test_what_is_usual_is_the_median_of_the_same_hours_in_the_weeks_before() -> None:
    since, until = NOW - timedelta(days=1), NOW
    weeks = {1: 20, 2: 0, 3: 24, 4: 22, 5: 400, 6: 21}
    arrivals = sorted(until - timedelta(weeks=week, minutes=minute) for week, count in weeks.items() for minute in range(count))
    first = [until - timedelta(weeks=6, days=1)]
    assert usual_volume([*first, *arrivals], since, until) == 21


@pytest.mark.parametrize(("weeks", "usual"), [(0, None), (2, None), (3, 5), (6, 5)])
def test_of_a_source_that_is_known_for_two_weeks_nothing_is_usual(weeks: int, usual: int | None) -> None:
    since, until = NOW - timedelta(days=1), NOW
    days = range(7 * weeks, -1, -1)
    arrivals = [until - timedelta(days=day, minutes=minute) for day in days for minute in (50, 40, 30, 20, 10)]
    assert usual_volume([since - timedelta(weeks=weeks), *arrivals] if weeks else [], since, until) == usual
