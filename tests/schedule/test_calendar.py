"""Weekends, announcement days and holidays, against days of which it is known what happened."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from newsletter.schedule.calendar import announces, arxiv_holiday, news_between

#: As arXiv published them: weekdays without an announcement, but for those of its own staff.
PUBLISHED = (
    *("2023-01-16", "2023-06-19", "2023-07-04", "2023-09-04", "2023-11-23", "2023-12-25"),
    *("2024-01-15", "2024-06-19", "2024-07-04", "2024-09-02", "2024-11-28", "2024-12-25", "2024-12-26", "2024-12-31"),
    *("2025-01-01", "2025-01-20", "2025-06-19", "2025-07-06", "2025-09-01", "2025-11-27", "2025-12-25", "2025-12-30"),
    *(
        "2026-01-01",
        "2026-01-19",
        "2026-06-19",
        "2026-07-03",
        "2026-09-07",
        "2026-11-26",
        "2026-12-25",
        "2026-12-29",
        "2026-12-31",
    ),
)


@pytest.mark.parametrize("day", PUBLISHED)
def test_arxiv_rests_on_the_days_it_said(day: str) -> None:
    assert arxiv_holiday(date.fromisoformat(day))
    assert not announces(date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2026-02-16", "2026-05-25", "2026-10-12", "2026-11-11"])
def test_other_holidays_of_the_united_states_are_working_days_there(day: str) -> None:
    assert announces(date.fromisoformat(day))


def test_a_week_has_announcements_on_the_evenings_of_sunday_to_thursday() -> None:
    week = [date(2026, 8, 17) + timedelta(days=day) for day in range(7)]
    assert [day.strftime("%a") for day in week if announces(day)] == ["Mon", "Tue", "Wed", "Thu", "Sun"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "since", "until", "is_expected", "holiday"),
    [
        # A Friday, a Saturday, a Sunday and a Monday at six in the morning.
        ("hf_daily_papers", "2026-08-20 06:00", "2026-08-21 06:00", True, ""),
        ("hf_daily_papers", "2026-08-21 06:00", "2026-08-22 06:00", False, ""),
        ("hf_daily_papers", "2026-08-22 06:00", "2026-08-23 06:00", False, ""),
        ("hf_daily_papers", "2026-08-21 06:00", "2026-08-24 06:00", True, ""),
        # The day has hardly begun there.
        ("hf_daily_papers", "2026-08-23 00:30", "2026-08-24 00:30", False, ""),
        ("arxiv_api", "2026-08-20 06:00", "2026-08-21 06:00", True, ""),
        ("arxiv_rss", "2026-08-21 06:00", "2026-08-22 06:00", False, ""),
        ("arxiv_rss", "2026-08-23 06:00", "2026-08-24 06:00", True, ""),
        # Nothing was announced in the evening of Thanksgiving, so the Friday behind it has nothing.
        ("arxiv_api", "2026-11-26 06:00", "2026-11-27 06:00", False, "Thanksgiving"),
        ("arxiv_api", "2026-11-24 06:00", "2026-11-27 06:00", True, "Thanksgiving"),
    ],
)
def test_each_source_has_its_days(source: str, since: str, until: str, is_expected: bool, holiday: str) -> None:
    found = news_between(source, at(since), at(until))
    assert found is not None
    assert (found.is_expected, found.holiday) == (is_expected, holiday)


def test_of_any_other_source_nothing_is_claimed() -> None:
    assert news_between("feed", at("2026-08-20"), at("2026-08-21")) is None
