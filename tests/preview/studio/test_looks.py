from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from newsletter.clock import ManualClock
from newsletter.preview.studio.pages import VIEWS
from tests.browser import LOOKS, PHONE, Chromium, Visit
from tests.flow import build, send, subscribe, take_in
from tests.preview.studio.site import Site, small_site
from tests.preview.studio.test_pages import TABLE

pytestmark = pytest.mark.browser
WIDE, NARROW = 1440, 320
STATES = (*(f"?view={view}" for view in VIEWS), "?layout=dark", "?layout=all", "?case=none", "?case=words&view=checks")
#: More, which differ in what is said and not in how the page is built.
FURTHER = (
    "?case=words",
    "?case=words&view=aloud",
    "?case=rtl&layout=all",
    "?case=hostile&view=text",
    "?kind=confirm",
    "?language=ar&theme=rich",
    "?date=2026-08-16",
)


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, clock: ManualClock) -> Iterator[Site]:
    """A studio with all it can have: many readers, a last issue, and a table of mail programs."""
    with small_site(tmp_path, sqlite_template, clock) as made:
        subscribe(made.app, *(f"a-long-name-of-a-reader-number-{number:02d}@example.org" for number in range(40)))
        issue = build(made.app).issue
        assert issue is not None
        send(made.app, issue)
        clock.advance(timedelta(hours=2))
        take_in(made.app, tmp_path, {"Paper that is new": 5000})
        table = made.app.config.paths.data / "caniemail.json"
        table.write_text(json.dumps(TABLE), encoding="utf-8")
        yield made


def faults(visit: Visit) -> str:
    """What axe finds wrong with the page; what is in its frames is the mail's own affair."""
    results = Axe().run(visit.page, options={"iframes": False})
    return "" if results.violations_count == 0 else str(results.generate_report())


@pytest.mark.torture
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_everybody_can_use_every_view(chromium: Chromium, site: Site, width: int, scheme: Literal["light", "dark"]) -> None:
    def look(visit: Visit) -> None:
        for state in STATES:
            visit.page.goto(f"{site.address}/preview{state}")
            assert faults(visit) == "", state
            assert visit.overflow() == 0, state
        visit.page.goto(f"{site.address}/preview")
        for address in ("editor@example.org", "reader@localhost"):
            visit.page.fill("#address", address)
            visit.page.get_by_role("button", name="Send me this").click()
            visit.page.get_by_role("status").wait_for()
            assert faults(visit) == "", address
            assert visit.overflow() == 0, address
        assert visit.complaints == []
        assert visit.requests_beyond(site.address) == []
        site.own("partials/masthead.mjml", replace=("</mj-section>", f"</mj-section><mj-txet>{'long' * 60}</mj-txet>"))
        visit.page.locator("#problem").wait_for(state="visible")
        for _ in range(2):
            assert faults(visit) == ""
            assert visit.overflow() == 0
            visit.page.reload()

    chromium.visit(look, width=width, scheme=scheme)


@pytest.mark.parametrize("width", [NARROW, 700, 820, 1100])
def test_it_fits_windows_of_all_widths(chromium: Chromium, site: Site, width: int) -> None:
    def look(visit: Visit) -> None:
        for state in STATES + FURTHER:
            visit.page.goto(f"{site.address}/preview{state}")
            assert visit.overflow() == 0, state

    chromium.visit(look, width=width)


def test_the_choices_stand_below_the_mail_on_a_phone_and_beside_it_elsewhere(chromium: Chromium, site: Site) -> None:
    def places(visit: Visit) -> tuple[float, float, float, float]:
        visit.page.goto(f"{site.address}/preview")
        choices, mail = (visit.page.locator(part).bounding_box() for part in (".choices", "#shown"))
        assert choices is not None
        assert mail is not None
        return choices["x"], choices["y"], mail["x"], mail["y"]

    choices_x, choices_y, mail_x, mail_y = chromium.visit(places, width=PHONE)
    assert (choices_x, choices_y > mail_y) == (mail_x, True)
    choices_x, choices_y, mail_x, mail_y = chromium.visit(places, width=WIDE)
    assert (choices_x < mail_x, abs(choices_y - mail_y) < 10) == (True, True)


def test_the_keyboard_reaches_everything_and_shows_where_it_is(chromium: Chromium, site: Site) -> None:
    focused = """() => {
        const [it, style] = [document.activeElement, getComputedStyle(document.activeElement)];
        const box = it.getBoundingClientRect();
        return [it.innerText || it.id || it.title, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
                box.bottom > 0 && box.top < innerHeight];
    }"""

    def look(visit: Visit) -> list[str]:
        page = visit.page
        page.goto(f"{site.address}/preview?view=text")
        seen = []
        for _ in range(100):
            page.keyboard.press("Tab")
            name, is_marked, is_in_sight = page.evaluate(focused)
            assert is_marked, name
            assert is_in_sight, name
            seen.append(name)
            if name.startswith("TRENDING PAPERS"):
                break
            if len(seen) == 1:
                assert name == "Skip to the content"
        return seen

    seen = chromium.visit(look, width=WIDE)
    order = ["Studio", "No interests", "One paper", "Digest", "en", "Show", "address", "Send me this", "Mail", "Checks"]
    assert sorted(order, key=seen.index) == order


def test_the_first_key_leads_past_the_choices(chromium: Chromium, site: Site) -> None:
    def look(visit: Visit) -> bool:
        visit.page.goto(f"{site.address}/preview")
        visit.page.keyboard.press("Tab")
        visit.page.keyboard.press("Enter")
        visit.page.keyboard.press("Tab")
        return bool(visit.page.evaluate("document.getElementById('shown').contains(document.activeElement)"))

    assert chromium.visit(look, width=PHONE)
