"""Slots are named by local periods, once each, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import NewsletterConfig
from newsletter.schedule.slots import due_at, due_slots, latest_slot, slot_named, slot_of
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
    now = start
    while now < start + timedelta(days=3):
        seen += [slot.key for slot in due_slots(BERLIN, now=now, grace=timedelta(minutes=10)) if slot.cadence is Cadence.DAILY]
        now += timedelta(minutes=10)
    days = {(start + timedelta(days=back)).date().isoformat() for back in range(4)}
    assert set(seen) <= days
    assert list(dict.fromkeys(seen)) == sorted(set(seen))
    assert len(set(seen)) == 3


def test_a_slot_older_than_the_grace_is_left_out() -> None:
    newsletter = NewsletterConfig(build_at=time(6))
    at = datetime(2026, 8, 21, 6, 0, tzinfo=UTC)
    keys = {slot.key for slot in due_slots(newsletter, now=at + timedelta(hours=12), grace=timedelta(hours=12))}
    assert keys == {"2026-08-21", "2026-W34"}
    assert not list(due_slots(newsletter, now=at + timedelta(hours=12, seconds=1), grace=timedelta(hours=12)))
    assert not list(due_slots(newsletter, now=at - timedelta(seconds=1), grace=timedelta(hours=12)))


def test_the_latest_slot_may_lie_in_the_past() -> None:
    newsletter = NewsletterConfig()
    sunday = datetime(2026, 8, 23, 12, tzinfo=UTC)
    keys = [latest_slot(newsletter, cadence, sunday).key for cadence in Cadence]
    assert keys == ["2026-08-23", "2026-08-21", "2026-W34", "2026-08"]


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), st.integers(0, 23), st.sampled_from(ZONES))  # noqa: DTZ001 - made aware below
def test_a_mail_is_due_within_a_day_at_the_readers_hour(built: datetime, hour: int, zone: str) -> None:
    built_at = built.replace(tzinfo=UTC)
    due = due_at(built_at, local_hour=hour, zone=zone)
    assert built_at <= due <= built_at + timedelta(hours=25)
    local = due.astimezone(ZoneInfo(zone))
    skipped = (local - timedelta(hours=1)).astimezone(ZoneInfo(zone)).utcoffset() != local.utcoffset()
    assert local.hour == hour or skipped
