"""Where instants come from. Nothing else in the program asks the operating system for the time of day."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of instants."""

    def now(self) -> datetime:
        """Return the current instant, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that nobody sets and that goes on while the process is stopped or the machine sleeps."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return _monotonic()


class ShiftedClock:
    """A clock that starts at ``start`` and runs on at the usual speed.

    The demo uses it: its sample of papers ends on a day in the past, and "today" is that day.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("start must be aware")
        self._start = start.astimezone(UTC)
        self._origin = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._origin)

    def monotonic(self) -> float:
        return _monotonic()


class ManualClock:
    """A clock that stands still until it is told to move; for tests and replays."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("at must be aware")
        self._at = at.astimezone(UTC)
        self._passed = 0.0

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return self._passed

    def advance(self, by: timedelta) -> None:
        """Move forward (or, for a test of a wrong clock, backward) by ``by``."""
        self._at += by
        self._passed += max(by.total_seconds(), 0.0)

    def set(self, at: datetime) -> None:
        """Jump to ``at`` (aware)."""
        self._at = at.astimezone(UTC)


def _monotonic() -> float:
    # Linux's monotonic clock stands still while the machine sleeps; this one does not, and a lease must not either.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
