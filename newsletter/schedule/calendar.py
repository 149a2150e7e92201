"""On which days sources list papers: weekends, and arXiv's announcement days and holidays. Pure.

arXiv announces on the evenings of Sunday to Thursday, at 20:00 Eastern time, except on its holidays; its feed and its API have
the papers from the midnight behind (https://info.arxiv.org/help/availability.html). Hugging Face lists on weekdays only, nine
in ten in the first six hours of the UTC day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: After its day has begun a source is given that long before something is expected of it.
FIRST_PAPERS = timedelta(hours=1)

_UTC, _EASTERN = ZoneInfo("UTC"), ZoneInfo("America/New_York")
_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6
#: Evenings without an announcement that follow no rule: the break at the end of the year and days in lieu, as arXiv published
#: them. Where a year is missing, the usual volume of the days before has to do.
_ONE_OFF_HOLIDAYS = frozenset(
    {
        date(2024, 12, 26),
        date(2024, 12, 31),
        date(2025, 7, 6),
        date(2025, 12, 30),
        date(2026, 12, 29),
        date(2026, 12, 31),
    }
)


@dataclass(frozen=True, slots=True)
class NewsDays:
    """Whether a source lists papers between two instants; ``holiday`` names a day in between on which it does not for once."""

    is_expected: bool
    holiday: str = ""


def news_between(source: str, since: datetime, until: datetime) -> NewsDays | None:
    """Tell whether ``source`` lists papers between two instants; None if its calendar is not known.

    Args:
        source: its name in the configuration.
        since: aware; what was listed before is known.
        until: aware; of a day that began less than an hour earlier nothing is expected yet.
    """
    if source == "hf_daily_papers":
        return NewsDays(any(day.weekday() < _SATURDAY for day in _days(since, until, _UTC, timedelta(hours=6))))
    if source in {"arxiv_api", "arxiv_rss"}:
        evenings = [day - timedelta(days=1) for day in _days(since, until, _EASTERN, timedelta(hours=1))]
        holidays = [name for evening in evenings if _may_announce(evening) and (name := arxiv_holiday(evening))]
        return NewsDays(any(map(announces, evenings)), holidays[0] if holidays else "")
    return None


def announces(evening: date) -> bool:
    """Whether arXiv announces on the evening (Eastern time) of a day."""
    return _may_announce(evening) and not arxiv_holiday(evening)


def arxiv_holiday(day: date) -> str:
    """Return the name of the holiday for which arXiv does not announce on a day, or "".

    arXiv keeps some of the federal holidays of the United States: not those of Presidents, Memorial, Columbus and Veterans Day.
    One on a Sunday is kept on the Monday behind it, one on a Saturday on the Friday before.
    """
    fixed = {(1, 1): "New Year's Day", (6, 19): "Juneteenth", (7, 4): "Independence Day", (12, 25): "Christmas Day"}
    name = fixed.get((day.month, day.day), "")
    if not name and day.weekday() == _MONDAY:
        before = day - timedelta(days=1)
        name = fixed.get((before.month, before.day), "")
    if not name and day.weekday() == _SATURDAY - 1:
        behind = day + timedelta(days=1)
        name = fixed.get((behind.month, behind.day), "")
    if not name:
        name = next((called for called, on in _moving(day.year) if on == day), "")
    return name or ("a break of arXiv" if day in _ONE_OFF_HOLIDAYS else "")


def _moving(year: int) -> Iterator[tuple[str, date]]:
    yield "Martin Luther King Jr. Day", _nth(year, 1, _MONDAY, 3)
    yield "Labor Day", _nth(year, 9, _MONDAY, 1)
    yield "Thanksgiving", _nth(year, 11, _THURSDAY, 4)


def _nth(year: int, month: int, weekday: int, count: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (count - 1))


def _may_announce(evening: date) -> bool:
    return evening.weekday() == _SUNDAY or evening.weekday() <= _THURSDAY


def _days(since: datetime, until: datetime, zone: ZoneInfo, span: timedelta) -> Iterator[date]:
    """Yield the days of a zone of whose first hours, ``span`` long, some come after ``since`` and have begun by ``until``."""
    day, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    while day <= last:
        begins = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
        if begins + span > since and begins + FIRST_PAPERS <= until:
            yield day
        day += timedelta(days=1)
