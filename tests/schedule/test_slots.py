"""Slots are named by local periods, once each, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import NewsletterConfig
from newsletter.schedule.slots import (
    Slot,
    backlog,
    due_at,
    due_since,
    latest_slot,
    slot_named,
    slot_of,
    slots_after,
    slots_between,
)
from subscribers.model import Cadence

BERLIN = NewsletterConfig(zone="Europe/Berlin", build_at=time(2, 30))
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]


@pytest.mark.parametrize(
    ("cadence", "day", "key"),
    [
        (Cadence.DAILY, date(2026, 8, 22), "2026-08-22"),
        (Cadence.WEEKDAYS, date(2026, 8, 21), "2026-08-21"),
        (Cadence.WEEKDAYS, date(2026, 8, 22), None),
        (Cadence.WEEKLY, date(2026, 8, 21), "2026-W34"),
        (Cadence.WEEKLY, date(2026, 8, 20), None),
        (Cadence.WEEKLY, date(2027, 1, 1), "2026-W53"),
        (Cadence.MONTHLY, date(2026, 9, 1), "2026-09"),
        (Cadence.MONTHLY, date(2026, 9, 2), None),
    ],
)
def test_each_cadence_names_its_days(cadence: Cadence, day: date, key: str | None) -> None:
    slot = slot_of(BERLIN, cadence, day)
    assert (slot.key if slot else None) == key


@pytest.mark.parametrize("cadence", list(Cadence))
@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2026, 8, 21), date(2026, 12, 31), date(2027, 1, 1)])
def test_a_slot_is_found_by_its_name(cadence: Cadence, day: date) -> None:
    slot = slot_of(BERLIN, cadence, day)
    if slot is not None:
        assert slot_named(BERLIN, cadence, slot.key) == slot


@pytest.mark.parametrize(
    ("cadence", "key"),
    [
        (Cadence.DAILY, "2026-8-21"),
        (Cadence.DAILY, "yesterday"),
        (Cadence.WEEKDAYS, "2026-08-22"),
        (Cadence.WEEKLY, "2026-W60"),
        (Cadence.WEEKLY, "2026-34"),
        (Cadence.MONTHLY, "2026-13"),
        (Cadence.MONTHLY, "2026-08-01"),
    ],
)
def test_a_wrong_name_says_how_to_write_it(cadence: Cadence, key: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        slot_named(BERLIN, cadence, key)


@pytest.mark.parametrize("start", [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)])
def test_a_daylight_saving_night_has_one_slot_a_day(start: datetime) -> None:
    seen: list[str] = []
    for step in range(3 * 144):
        now = start + timedelta(minutes=10 * step)
        seen += [slot.key for slot in slots_between(BERLIN, Cadence.DAILY, now - timedelta(minutes=10), now)]
    assert seen == [(start + timedelta(days=day)).date().isoformat() for day in range(3)]


@given(
    st.sampled_from(sorted(available_timezones())),
    st.sampled_from(list(Cadence)),
    st.times(),
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - made aware below
    st.lists(st.integers(1, 5000), min_size=1, max_size=12),
)
def test_however_time_is_cut_every_slot_comes_once_and_in_order(
    zone: str, cadence: Cadence, build_at: time, start: datetime, minutes: list[int]
) -> None:
    newsletter = NewsletterConfig(zone=zone, build_at=build_at)
    now = begin = start.replace(tzinfo=UTC)
    pieces: list[Slot] = []
    for step in minutes:
        pieces += slots_between(newsletter, cadence, now, now + timedelta(minutes=step))
        now += timedelta(minutes=step)
    assert pieces == list(slots_between(newsletter, cadence, begin, now))
    assert [slot.key for slot in pieces] == sorted({slot.key for slot in pieces})
    assert pieces == list(islice(slots_after(newsletter, cadence, begin), len(pieces)))
    assert all(slot_named(newsletter, cadence, slot.key) == slot for slot in pieces)


@given(
    st.integers(0, 12),
    st.sets(st.integers(0, 11)),
    st.none() | st.integers(0, 11),
    st.booleans(),
)
def test_of_slots_that_were_missed_one_is_open_and_each_is_dealt_with_once(
    count: int, settled: set[int], known: int | None, in_time: bool
) -> None:
    come = [Slot(Cadence.DAILY, f"2026-08-{day + 1:02d}", datetime(2026, 8, day + 1, 6, tzinfo=UTC)) for day in range(count)]
    keys = {f"2026-08-{day + 1:02d}" for day in settled}
    known_from = None if known is None else f"2026-08-{known + 1:02d}"
    left = backlog(come, settled=keys, known_from=known_from, is_in_time=lambda _: in_time)
    dealt = [*left.merged, *left.missed, *([left.open] if left.open else [])]
    assert len({slot.key for slot in dealt}) == len(dealt)
    assert not {slot.key for slot in dealt} & keys
    assert not (left.open and left.missed)
    if left.open is not None:
        assert in_time
        assert left.open == come[-1]
    # What was before the first one that anybody dealt with was not missed.
    earlier = [slot for slot in (*left.merged, *left.missed) if known_from is None or slot.key < known_from]
    assert all(known_from is not None and slot is come[-1] for slot in earlier)
    if known_from is not None:
        after = [slot for slot in come if slot.key >= known_from and slot.key not in keys]
        assert {slot.key for slot in after} <= {slot.key for slot in dealt}


def test_the_latest_slot_may_lie_in_the_past() -> None:
    newsletter = NewsletterConfig()
    sunday = datetime(2026, 8, 23, 12, tzinfo=UTC)
    keys = [latest_slot(newsletter, cadence, sunday).key for cadence in Cadence]
    assert keys == ["2026-08-23", "2026-08-21", "2026-W34", "2026-08"]


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), st.integers(0, 23), st.sampled_from(ZONES))  # noqa: DTZ001 - made aware below
def test_a_mail_is_due_within_a_day_at_the_readers_hour(built: datetime, hour: int, zone: str) -> None:
    check_due(built.replace(tzinfo=UTC), hour, zone)


def test_a_mail_is_due_at_the_readers_hour_around_every_change_of_his_clock() -> None:
    zones = {zone: changes for zone in sorted(available_timezones()) if (changes := changes_of(zone, 2026))}
    assert {"Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Chatham"} <= set(zones)
    for zone, changes in zones.items():
        for change in changes:
            for hour in (0, 1, 2, 3, 23):
                for before in (timedelta(hours=23, minutes=30), timedelta(hours=2), timedelta(minutes=1), timedelta()):
                    check_due(change - before, hour, zone)


def check_due(built_at: datetime, hour: int, zone: str) -> None:
    """Hold one mail to its promise: never early, and within the hour that was chosen, or close behind a gap without it."""
    due = due_at(built_at, local_hour=hour, zone=zone)
    # A day, and up to two hours that are repeated.
    assert built_at <= due <= built_at + timedelta(hours=26)
    local = due.astimezone(ZoneInfo(zone))
    # Longer than any gap, and than what is left of one behind it.
    is_behind_a_gap = (due - timedelta(hours=3)).astimezone(ZoneInfo(zone)).utcoffset() != local.utcoffset()
    assert local.hour == hour or is_behind_a_gap, (zone, built_at, hour)


def changes_of(zone: str, year: int) -> list[datetime]:
    """Return the instants, to the minute, at which a zone's offset changes in a year."""
    tzinfo, found = ZoneInfo(zone), []
    day, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    while day < end:
        following = day + timedelta(days=1)
        if day.astimezone(tzinfo).utcoffset() != following.astimezone(tzinfo).utcoffset():
            low, high = day, following
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                if middle.astimezone(tzinfo).utcoffset() == low.astimezone(tzinfo).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(high.replace(second=0, microsecond=0))
        day = following
    return found


@pytest.mark.parametrize(
    ("late", "from_"),
    [
        (timedelta(hours=-3), timedelta(0)),
        (timedelta(seconds=7), timedelta(0)),
        (timedelta(minutes=58), timedelta(0)),
        (timedelta(minutes=95), timedelta(minutes=36)),
        (timedelta(minutes=125), timedelta(minutes=66)),
        (timedelta(hours=9), timedelta(0)),
    ],
)
def test_an_issue_that_waited_is_due_at_the_hours_to_come_and_one_made_after_a_time_off_at_once(
    late: timedelta, from_: timedelta
) -> None:
    slot = slot_of(BERLIN, Cadence.DAILY, date(2026, 8, 21))
    assert slot is not None
    assert due_since(slot, slot.build_at + late, waited=timedelta(hours=2)) == slot.build_at + from_
