"""How things stand, as anybody sees it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.schedule.status import NextLine, PastLine, SourceHealth, Status
from subscribers.model import Cadence
from tests.browser import LOOKS, Chromium, Visit
from tests.conftest import MONDAY
from tests.web.house import House, house

BERLIN = ZoneInfo("Europe/Berlin")
FULL = Status(
    (
        SourceHealth("Hugging Face Daily Papers", MONDAY, MONDAY + timedelta(hours=1), "it answered HTTP 503"),
        SourceHealth("arXiv", MONDAY - timedelta(hours=4)),
        SourceHealth("OpenAlex", None),
    ),
    (
        PastLine("papers", "Papers", Cadence.DAILY, MONDAY.astimezone(BERLIN), 12, "Slow <Gardens>", 120),
        PastLine(
            "papers", "Papers", Cadence.DAILY, MONDAY - timedelta(days=1), reason="Nothing new came since the last issue."
        ),
        PastLine("papers", "Papers", Cadence.WEEKLY, MONDAY - timedelta(days=3), 11, "A Harbour for Small Boats", 2),
    ),
    (
        NextLine("Papers", Cadence.WEEKDAYS, MONDAY.astimezone(BERLIN), "Europe/Berlin", "Waiting: arXiv has listed nothing."),
        NextLine("Papers", Cadence.DAILY, (MONDAY + timedelta(days=1)).astimezone(BERLIN), "Europe/Berlin"),
        NextLine("Papers", Cadence.MONTHLY, (MONDAY + timedelta(days=15)).astimezone(BERLIN), "Europe/Berlin"),
    ),
)


def test_the_page_says_what_went_out_what_did_not_and_what_comes(database: Database, clock: ManualClock) -> None:
    with house(database, clock, status=lambda: FULL) as home:
        answer = home.client.get("/status")
    page = answer.text
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=30"
    assert 'href="/issues/papers/12"' in page
    assert "Slow &lt;Gardens&gt;" in page
    assert "No mail · daily" in page
    assert "Nothing new came since the last issue." in page
    assert "The weekday issue is not made yet. Waiting: arXiv has listed nothing." in page
    assert "could not be read when last asked: it answered HTTP 503" in page
    assert "Tue 18 Aug, 08:00" in page
    assert "Last read 17 Aug 2026, 02:00 UTC." in page
    assert "Not asked yet." in page


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ((MONDAY, MONDAY), "Nothing waits, and every source could be read when last asked."),
        ((MONDAY, None), "Nothing waits.<"),
    ],
)
def test_nothing_is_said_of_how_sources_could_be_read_that_were_not_asked(
    database: Database, clock: ManualClock, asked: tuple[datetime | None, ...], says: str
) -> None:
    calm = Status(tuple(SourceHealth(f"Source {number}", at) for number, at in enumerate(asked)))
    with house(database, clock, status=lambda: calm) as home:
        assert says in home.client.get("/status").text


def test_a_program_that_never_ran_has_a_page_too(home: House) -> None:
    answer = home.client.get("/status")
    assert (answer.status_code, "Nothing yet" in answer.text) == (200, True)


def test_the_database_is_asked_twice_a_minute_at_most(database: Database, clock: ManualClock) -> None:
    asked: list[int] = []

    def status() -> Status:
        asked.append(1)
        return FULL

    with house(database, clock, status=status) as home:
        for seconds in (0, 10, 25):
            clock.advance(timedelta(seconds=seconds))
            assert home.client.get("/status").status_code == 200
    assert len(asked) == 2


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), *LOOKS])
def test_the_page_fits_is_accessible_and_asks_nobody_else(
    chromium: Chromium, tmp_path: Path, sqlite_template: Path, clock: ManualClock, width: int, scheme: Literal["light", "dark"]
) -> None:
    path = tmp_path / "newsletter.db"
    path.write_bytes(sqlite_template.read_bytes())

    def look(visit: Visit) -> None:
        visit.page.goto(f"{home.address}/status")
        assert visit.overflow() == 0
        found = Axe().run(visit.page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
        assert visit.requests_beyond(home.address) == []
        assert visit.complaints == []

    database = Database(f"sqlite:///{path}")
    with house(database, clock, status=lambda: FULL, base_url="http://127.0.0.1") as home:
        chromium.visit(look, width=width, scheme=scheme)
    database.dispose()
