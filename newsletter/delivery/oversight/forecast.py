"""When a send would end, with every limit of the configuration kept: pure arithmetic."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

#: Days looked ahead for the end of a send that a daily limit stretches.
MOST_DAYS = 3_660


class Limit(Protocol):
    """So many messages a second and a day at most; 0 for no limit."""

    @property
    def per_second(self) -> float: ...

    @property
    def per_day(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What the configuration holds a send to.

    Attributes:
        on: the limits of a day (UTC) by name: ``all``, ``relay:NAME``, ``domain:GROUP``; what is not limited is left out.
        used_today: messages that count against today's limits already, by the same names.
        relays: names of the relays that share the mail.
        group_of: names the group of a receiving address.
    """

    on: Callable[[date], Mapping[str, Limit]]
    used_today: Mapping[str, int]
    relays: Collection[str]
    group_of: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class GroupForecast:
    """A group of receiving domains: its messages, when the last of them leaves, and which limit decides that ("" if none)."""

    group: str
    messages: int
    finish: datetime
    bound_by: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """The earliest end of a send and the limit that decides it ("" if none does); the groups by size, largest first."""

    finish: datetime
    bound_by: str
    groups: tuple[GroupForecast, ...]


def forecast(recipients: Mapping[str, int], start: datetime, took: timedelta, limits: Limits) -> Forecast:
    """Work out when a send would end.

    Args:
        recipients: messages by receiving domain.
        start: when it begins, aware UTC.
        took: its duration if nothing limits it.
        limits: what it is held to.
    """
    counts: Counter[str] = Counter()
    for domain, count in recipients.items():
        counts[limits.group_of(f"reader@{domain}")] += count
    relays = tuple(f"relay:{name}" for name in limits.relays)
    # All messages wait for the slowest of these, each group in turn for its own.
    of_all = _latest(
        (start + took, ""),
        (_end(counts.total(), start, limits, ("all",)), "all"),
        (_end(counts.total(), start, limits, relays), ", ".join(relays)),
    )
    groups = []
    for group, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        name = f"domain:{group}"
        groups.append(GroupForecast(group, count, *_latest(of_all, (_end(count, start, limits, (name,)), name))))
    finish, bound_by = _latest(of_all, *((group.finish, group.bound_by) for group in groups))
    return Forecast(finish, bound_by, tuple(groups))


def _latest(*ends: tuple[datetime, str]) -> tuple[datetime, str]:
    return max(ends, key=lambda end: end[0])


def _end(count: int, start: datetime, limits: Limits, names: Collection[str]) -> datetime:
    """When ``count`` messages have left that are shared by the limits of ``names``; ``start`` if one of those has none."""
    at, left = start, float(count)
    for _ in range(MOST_DAYS):
        day = at.date()
        found = [(name, limits.on(day).get(name)) for name in names]
        used = limits.used_today if day == start.date() else {}
        per_second = sum(limit.per_second for _, limit in found if limit)
        if not all(limit and limit.per_second for _, limit in found) or not per_second:
            per_second = math.inf
        room = float(sum(max(limit.per_day - used.get(name, 0), 0) for name, limit in found if limit))
        if not found or not all(limit and limit.per_day for _, limit in found):
            room = math.inf
        midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
        most = min(room, (midnight - at).total_seconds() * per_second)
        if left <= most:
            return at + timedelta(seconds=left / per_second)
        at, left = midnight, left - most
    return at
