from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from newsletter.clock import ManualClock
from newsletter.database import Database
from tests.browser import LOOKS, Chromium, Visit
from tests.samples import record
from tests.web.house import House, house
from tests.web.issues import publish
from tests.web.serving import PAPERS, ROBOTS
from tests.web.test_archive import publish_sections

pytestmark = pytest.mark.browser

NARROW = 320
STRANGE = (
    record(
        "2607.00001",
        title="Donaudampfschifffahrtsgesellschaft" * 4,
        abstract="Antidisestablishmentarianism" * 10,
        authors=("N" * 200, "\u0645\u062e\u062a\u0628\u0631", "Cy Pattern", "Di Specimen"),
        organization="Verylongname" * 20,
        categories=("c" * 100, "cs.CL"),
        code_url="https://example.org/code",
        project_url="https://example.org/project",
        discussion_url="https://example.org/discussion",
    ),
    record(
        "2607.00002",
        title="\u0634\u0628\u0643\u0627\u062a \u0635\u063a\u064a\u0631\u0629",
        summary="\u0630\u0627\u0643\u0631\u0629 \u0637\u0648\u064a\u0644\u0629.",
    ),
    record("2607.00003", title="x", abstract="", authors=()),
    *(record(f"2607.{number:05d}") for number in range(4, 130)),
)
PATHS = (
    "/issues",
    "/issues?before=2",
    "/issues?newsletter=robots",
    "/issues/papers/2",
    "/issues/papers/2?after=120",
    "/issues/papers/1",
    "/issues/papers/3",
    "/ranking",
)


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path, clock: ManualClock) -> Iterator[House]:
    path = tmp_path / "newsletter.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    with house(database, clock, newsletters={"papers": PAPERS, "robots": ROBOTS}, base_url="http://127.0.0.1") as made:
        publish(database)
        publish(database, STRANGE)
        publish_sections(made)
        yield made
    database.dispose()


@pytest.mark.torture
@pytest.mark.parametrize(("width", "scheme"), [(NARROW, "light"), *LOOKS])
def test_every_page_fits_is_accessible_and_asks_nobody_else(
    chromium: Chromium, home: House, width: int, scheme: Literal["light", "dark"]
) -> None:
    def look(visit: Visit) -> None:
        for path in PATHS:
            visit.page.goto(home.address + path)
            assert visit.overflow() == 0, path
            found = Axe().run(visit.page).response["violations"]
            assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == [], path
        assert visit.requests_beyond(home.address) == []
        assert visit.complaints == []

    chromium.visit(look, width=width, scheme=scheme)


def test_twice_as_large_and_without_scripts_nothing_is_cut_off(chromium: Chromium, home: House) -> None:
    def look(visit: Visit) -> None:
        for path in PATHS:
            visit.page.goto(home.address + path)
            assert visit.overflow() == 0, path
            assert visit.page.locator("main").inner_text()

    # A window of 640 pixels at 200 % is one of 320.
    chromium.visit(look, width=NARROW, height=256, javascript=False)
