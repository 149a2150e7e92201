"""Slots: the local periods that get one issue each. Pure calendar arithmetic in the newsletter's zone.

A slot is named by its local period (``2026-08-21``, ``2026-W34``, ``2026-08``), not by an instant: whatever the clock does in a
daylight-saving night, the name is the same and the database takes it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from newsletter.config import NewsletterConfig
from subscribers.model import Cadence

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_EXAMPLES = {
    Cadence.DAILY: "2026-08-21",
    Cadence.WEEKDAYS: "2026-08-21 (a Monday to Friday)",
    Cadence.WEEKLY: "2026-W34",
    Cadence.MONTHLY: "2026-08",
}


#: Part of a reader's hour that may be over when an issue is made, so that his mail still comes within it.
JUST_BEGUN = timedelta(minutes=59)


@dataclass(frozen=True, slots=True)
class Slot:
    """One local period of a newsletter's cadence; ``build_at`` is when its issue is made, aware UTC."""

    cadence: Cadence
    key: str
    build_at: datetime


def slot_of(newsletter: NewsletterConfig, cadence: Cadence, day: date) -> Slot | None:
    """Return the slot whose issue is built on the local ``day``, or None if that day has none.

    Daily: every day. Weekdays: Monday to Friday. Weekly: on ``weekly_on``, named by its ISO week. Monthly: on the 1st.
    """
    if cadence is Cadence.DAILY or (cadence is Cadence.WEEKDAYS and day.weekday() < 5):
        key = day.isoformat()
    elif cadence is Cadence.WEEKLY and day.weekday() == _DAYS.index(newsletter.weekly_on):
        year, week, _ = day.isocalendar()
        key = f"{year}-W{week:02d}"
    elif cadence is Cadence.MONTHLY and day.day == 1:
        key = f"{day:%Y-%m}"
    else:
        return None
    return Slot(cadence, key, _instant(day, newsletter.build_at, newsletter.tzinfo))


def slot_named(newsletter: NewsletterConfig, cadence: Cadence, key: str) -> Slot:
    """Return the slot with this key.

    Raises:
        ValueError: no slot of this cadence is called so; the message says how its keys look.
    """
    day = None
    try:
        if cadence is Cadence.WEEKLY:
            year, week = key.split("-W")
            day = date.fromisocalendar(int(year), int(week), _DAYS.index(newsletter.weekly_on) + 1)
        else:
            day = date.fromisoformat(f"{key}-01" if cadence is Cadence.MONTHLY else key)
    except ValueError:
        pass  # said below, in one voice with a well-formed key of the wrong day
    slot = slot_of(newsletter, cadence, day) if day else None
    if slot is None or slot.key != key:
        raise ValueError(f"no {cadence} slot is called {key!r}; write it like {_EXAMPLES[cadence]}")
    return slot


def latest_slot(newsletter: NewsletterConfig, cadence: Cadence, at: datetime) -> Slot:
    """Return the newest slot whose local day has come at ``at`` (aware), whether its hour has or not."""
    day = at.astimezone(newsletter.tzinfo).date()
    while True:  # at most 31 days back: every month has a 1st
        slot = slot_of(newsletter, cadence, day)
        if slot is not None:
            return slot
        day -= timedelta(days=1)


def slots_between(newsletter: NewsletterConfig, cadence: Cadence, after: datetime, until: datetime) -> Iterator[Slot]:
    """Yield the slots of a cadence whose hour comes after ``after`` and at or before ``until`` (both aware), oldest first."""
    day, last = (instant.astimezone(newsletter.tzinfo).date() for instant in (after, until))
    while day <= last:
        slot = slot_of(newsletter, cadence, day)
        if slot is not None and after < slot.build_at <= until:
            yield slot
        day += timedelta(days=1)


def slots_after(newsletter: NewsletterConfig, cadence: Cadence, after: datetime) -> Iterator[Slot]:
    """Yield the slots of a cadence whose hour comes after ``after`` (aware), without end."""
    day = after.astimezone(newsletter.tzinfo).date()
    while True:
        slot = slot_of(newsletter, cadence, day)
        if slot is not None and slot.build_at > after:
            yield slot
        day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What to do with the slots of a cadence whose hour has come: at most one issue is made of them.

    ``open`` is the one to make an issue of, None if there is none. Papers of those in ``merged`` come with the newest slot.
    For those in ``missed`` it is too late: their papers come with the next slot that will come.
    """

    open: Slot | None = None
    merged: tuple[Slot, ...] = ()
    missed: tuple[Slot, ...] = ()


def backlog(come: Sequence[Slot], *, settled: Set[str], known_from: str | None, is_in_time: Callable[[Slot], bool]) -> Backlog:
    """Tell what to do with slots whose hour has come.

    Args:
        come: of one cadence, oldest first, the newest one included.
        settled: keys of those that have an issue, or were decided to have none.
        known_from: key of the first slot that ever was settled; None: none was, and nothing was missed. Keys of a cadence sort
            as their periods follow each other.
        is_in_time: whether an issue may still be made of a slot.
    """
    if not come:
        return Backlog()
    newest, older = come[-1], come[:-1]
    left = tuple(slot for slot in older if known_from is not None and slot.key >= known_from and slot.key not in settled)
    if newest.key in settled:
        return Backlog(merged=left)
    if is_in_time(newest):
        return Backlog(open=newest, merged=left)
    return Backlog(missed=() if known_from is None else (*left, newest))


def due_since(slot: Slot, frozen_at: datetime, *, waited: timedelta) -> datetime:
    """Return the instant from which on the first of a reader's hours is the one his mail is due at; see :func:`due_at`.

    An issue that waited for its sources is due at the hours that are still to come, as to be punctual is what readers chose;
    an hour that has just begun counts as to come. An issue that was made later than any waits, after a time off, is sent at
    once to those whose hour is over.

    Args:
        slot: of the issue.
        frozen_at: when it was made, aware UTC.
        waited: longest time that an issue waits for its sources.

    Returns:
        Aware UTC.
    """
    if frozen_at > slot.build_at + waited + JUST_BEGUN:
        return slot.build_at
    return max(slot.build_at, frozen_at - JUST_BEGUN)


def due_at(built_at: datetime, *, local_hour: int, zone: str) -> datetime:
    """Return when a reader's mail is due: the first time at or after ``built_at`` that his clock shows ``local_hour``.

    In a night that skips the hour it is due as long behind the gap as the hour lies in it, so mostly right behind it; in one
    that repeats the hour, at the first that is still to come.

    Args:
        built_at: the slot's nominal instant, aware.
        local_hour: 0 to 23.
        zone: IANA name.

    Returns:
        Aware UTC.
    """
    tzinfo = ZoneInfo(zone)
    day = built_at.astimezone(tzinfo).date()
    times = [_instant(day, time(local_hour), tzinfo), _instant(day + timedelta(days=1), time(local_hour), tzinfo)]
    again = _instant(day, time(local_hour, fold=1), tzinfo)
    if again > times[0]:  # a repeated hour; of one that a gap skips it would be the earlier instant
        times.insert(1, again)
    return next(due for due in times if due >= built_at)


def _instant(day: date, at: time, tzinfo: ZoneInfo) -> datetime:
    # fold=0: the first of a repeated hour; what a gap skips is moved by the length of the gap.
    return datetime.combine(day, at, tzinfo=tzinfo).astimezone(UTC)
