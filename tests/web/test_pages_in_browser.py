from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from newsletter.clock import ManualClock
from newsletter.config import FieldConfig, SignUpConfig
from newsletter.database import Database
from newsletter.web.model import LatestIssue, ListedPaper, Masthead
from subscribers.model import Cadence, Choices, ConsentMethod, Interests, NoticeKind, SubscriberState
from subscribers.store import SubscriberStore
from tests.browser import DESKTOP, PHONE, Chromium, Visit
from tests.web.house import House, house
from tests.web.serving import ISSUE, PAPERS, ROBOTS

pytestmark = pytest.mark.browser

LONG = LatestIssue(
    Masthead.of(PAPERS),
    1,
    "Wednesday 30 September 2026",
    (
        *ISSUE.papers,
        ListedPaper("Donaudampfschifffahrtsgesellschaft" * 4, "", "https://example.org/long", 12_345),
        ListedPaper("شبكات صغيرة وذاكرة طويلة", "مختبر", "https://example.org/rtl", 5),
    ),
)
OWN = {
    "lab": FieldConfig(label="Where you work", help="University, lab or company"),
    "role": FieldConfig(label="What you do", kind="choice", options=("student", "engineer")),
}
SEND = """([action, fields]) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action });
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement("input"), { name, value }));
  }
  document.body.append(form);
  form.submit();
}"""
Scheme = Literal["light", "dark"]


@pytest.fixture
def sqlite(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """A database of one kind: what a browser shows does not depend on it."""
    path = tmp_path / "newsletter.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def home(sqlite: Database, clock: ManualClock) -> Iterator[House]:
    newsletters = {"papers": PAPERS.model_copy(update={"fields": OWN}), "robots": ROBOTS}
    with house(
        sqlite, clock, newsletters=newsletters, latest_issue=lambda _slug=None: LONG, base_url="http://127.0.0.1"
    ) as made:
        yield made


@dataclass(frozen=True)
class State:
    """One state of one page: looked at, or what a form leads to."""

    name: str
    path: str
    status: int = 200
    fields: dict[str, Any] | None = None


def states(home: House) -> list[State]:
    reader = home.subscribe(choices=Choices(Cadence.DAILY, interests=Interests(("cs.CL",), ("diffusion",))))
    gone = home.subscribe("gone@example.org")
    home.deps.subscribers.unsubscribe(gone.id, method=ConsentMethod.WEB)
    bounced = home.subscribe("bounced@example.org")
    with home.database.write() as session:
        SubscriberStore(session).set_state(bounced.id, SubscriberState.BOUNCED, now=home.clock.now())
    home.client.post("/subscribe", json={"address": "new@example.org", "topics": ["cs.CL"]})
    confirm = home.confirm_path(home.receive()[0])
    home.deps.confirmations.ask_address(reader.id, "moved@example.org")
    change = next(notice for notice in home.notices.put_in if notice.kind is NoticeKind.CONFIRM_ADDRESS)
    seq = home.add_paper()
    choices, leave = home.path("preferences", reader), home.path("unsubscribe", reader)
    feedback = f"{home.path('feedback', reader)}?paper={seq}&like=more"
    wrong = {"newsletter": "papers", "cadence": "hourly", "zone": "Berlin", "keywords": "x" * 80}
    return [
        State("sign-up", "/"),
        State("sign-up for another", "/?newsletter=robots"),
        State("sign-up with problems", "/subscribe", 422, {"address": "", **wrong}),
        State("once more", "/subscribe", 200, {"address": "a@example.org"}),
        State("taken", "/subscribe", 200, {"address": "a@example.org", "homepage": "x"}),
        State("snippet", "/embed"),
        State("confirm", confirm),
        State("confirmed", confirm, 200, {"x": "y"}),
        State("confirm nothing", "/confirm/x", 404),
        State("confirm address", home.confirm_path(change)),
        State("choices", choices),
        State("choices of who gets nothing", home.path("preferences", gone)),
        State("choices with problems", choices, 422, {"act": "choices", **wrong, "size": "99"}),
        State("choices saved", choices, 200, {"act": "choices", "newsletter": "papers", "cadence": "weekly"}),
        State("pause", choices, 422, {"act": "pause", "newsletter": "papers"}),
        State("erase", choices, 422, {"act": "erase"}),
        State("feedback", feedback),
        State("feedback given", feedback, 200, {"like": "less"}),
        State("address confirmed", home.confirm_path(change), 200, {"x": "y"}),
        State("unsubscribe", leave),
        State("fewer", leave, 200, {"instead": "monthly"}),
        State("unsubscribed", leave, 200, {"List-Unsubscribe": "One-Click"}),
        State("unsubscribe nobody", "/unsubscribe/x", 404),
        State("nothing", "/nothing", 404),
        State("choices of who bounced", home.path("preferences", bounced)),
        State("erased", home.path("preferences", gone), 200, {"act": "erase", "sure": "yes"}),
    ]


def open_state(page: Page, home: House, state: State) -> None:
    if state.fields is None:
        answer = page.goto(home.address + state.path)
    else:
        page.goto(f"{home.address}/embed")
        with page.expect_navigation() as navigation:
            page.evaluate(SEND, [state.path, state.fields])
        answer = navigation.value
    assert answer is not None
    assert answer.status == state.status, state.name


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")])
def test_every_state_of_every_page_fits_is_accessible_and_asks_nobody_else(
    chromium: Chromium, home: House, width: int, scheme: Scheme
) -> None:
    def look(visit: Visit) -> None:
        for state in states(home):
            open_state(visit.page, home, state)
            assert visit.overflow() == 0, state.name
            found = Axe().run(visit.page).response["violations"]
            assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == [], state.name
            background = visit.page.evaluate("getComputedStyle(document.querySelector('.sheet')).backgroundColor")
            assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(29, 29, 27)")
        assert visit.requests_beyond(home.address) == []
        assert [line for line in visit.complaints if "404" not in line and "422" not in line] == []

    chromium.visit(look, width=width, scheme=scheme)


def test_who_is_told_to_wait_is_told_so_accessibly(sqlite: Database, clock: ManualClock, chromium: Chromium) -> None:
    signup = SignUpConfig(network_per_hour=1)
    with house(sqlite, clock, signup=signup, base_url="http://127.0.0.1") as home:
        seal = home.sealed()
        busy = State("busy", "/subscribe", 429, {"address": "b@example.org", "form": seal})
        home.client.post("/subscribe", json={"address": "a@example.org"})

        def look(visit: Visit) -> None:
            open_state(visit.page, home, busy)
            assert visit.overflow() == 0
            assert Axe().run(visit.page).response["violations"] == []

        chromium.visit(look, width=PHONE)


def test_at_twice_the_size_nothing_is_cut_off(chromium: Chromium, home: House) -> None:
    def look(visit: Visit) -> None:
        for path in ("/", home.path("preferences", home.subscribe())):
            visit.page.goto(home.address + path)
            visit.page.evaluate("document.documentElement.style.fontSize = '200%'; document.body.style.zoom = '2'")
            assert visit.overflow() == 0, path

    chromium.visit(look, width=DESKTOP)


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_whole_way_with_the_keyboard_alone(
    chromium: Chromium, sqlite: Database, clock: ManualClock, javascript: bool, width: int
) -> None:
    with house(sqlite, clock, base_url="http://127.0.0.1") as home:

        def look(visit: Visit) -> None:
            page = visit.page
            page.goto(home.address)
            clock.advance(SignUpConfig().form_age)
            order = tab_until(page, "address")
            page.keyboard.type("new@example.org")
            order += tab_until(page, "cadence")
            page.keyboard.press("ArrowDown")
            order += tab_until(page, "hour") + tab_until(page, "zone")
            assert "homepage" not in order
            page.get_by_role("button", name="Subscribe").focus()
            page.keyboard.press("Enter")
            page.wait_for_selector("text=Look into your inbox")
            page.goto(home.address + home.confirm_path(home.receive()[0]))
            page.get_by_role("button").focus()
            page.keyboard.press("Enter")
            page.wait_for_selector("text=You are on the list")
            reader = home.deps.subscribers.find("new@example.org")
            assert home.deps.subscribers.held(reader.id).subscriptions[0].cadence is Cadence.WEEKDAYS
            page.goto(home.address + home.path("preferences", reader))
            page.get_by_label("Once a month").check()
            page.get_by_role("button", name="Save").click()
            assert "on the 1st of each month" in page.get_by_role("status").inner_text()
            page.goto(home.address + home.path("unsubscribe", reader))
            page.get_by_role("button", name="Unsubscribe").focus()
            page.keyboard.press("Enter")
            page.wait_for_selector("text=You are off the list")
            assert home.deps.subscribers.held(reader.id).subscriptions == ()

        chromium.visit(look, javascript=javascript, width=width)


def tab_until(page: Page, name: str) -> list[str]:
    """Press Tab until the field of that name has the focus, visibly; return the names passed."""
    passed = []
    for _ in range(30):
        page.keyboard.press("Tab")
        found, outline = page.evaluate(
            "[document.activeElement.name || '', getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert outline == "solid"
        passed.append(found)
        if found == name:
            return passed
    raise AssertionError(f"{name} is not reached: {passed}")


def test_the_time_zone_is_guessed_and_only_preselected(sqlite: Database, clock: ManualClock, chromium: Chromium) -> None:
    newsletter = PAPERS.model_copy(update={"zone": "Asia/Tokyo"})
    with house(sqlite, clock, newsletters={"papers": newsletter}, base_url="http://127.0.0.1") as home:

        def look(visit: Visit) -> tuple[str, str, int]:
            visit.page.goto(home.address)
            guessed = visit.page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
            posts = sum(1 for url in visit.requests if "subscribe" in url)
            return guessed, visit.page.locator("#zone").input_value(), posts

        guessed, shown, posts = chromium.visit(look)
        assert (shown, posts) == (guessed, 0)
        assert chromium.visit(lambda visit: plain_zone(visit, home), javascript=False) == "Asia/Tokyo"


def plain_zone(visit: Visit, home: House) -> str:
    visit.page.goto(home.address)
    return visit.page.locator("#zone").input_value()


def test_a_script_running_scanner_that_follows_every_link_changes_nothing(chromium: Chromium, home: House) -> None:
    reader, seq = home.subscribe(), home.add_paper()

    def look(visit: Visit) -> None:
        for path in (*(home.path(page, reader) for page in ("unsubscribe", "preferences")), f"{feedback}&like=more"):
            visit.page.goto(home.address + path, wait_until="networkidle")
            for link in visit.page.evaluate("[...document.links].map(link => link.href)"):
                if link.startswith(home.address):
                    visit.page.goto(link)

    feedback = f"{home.path('feedback', reader)}?paper={seq}"
    before = home.deps.subscribers.held(reader.id)
    chromium.visit(look)
    assert home.deps.subscribers.held(reader.id) == before


def test_text_and_accent_stand_out_from_what_they_lie_on(chromium: Chromium, home: House) -> None:
    def look(visit: Visit) -> dict[str, str]:
        visit.page.goto(home.address)
        names = ("ground", "sheet", "ink", "quiet", "chip", "accent", "on-accent", "line")
        style = "getComputedStyle(document.documentElement)"
        return {name: visit.page.evaluate(f"{style}.getPropertyValue('--{name}').trim()") for name in names}

    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        colour = chromium.visit(look, scheme=scheme)
        for above, below, least in (
            ("ink", "sheet", 4.5),
            ("quiet", "sheet", 4.5),
            ("quiet", "chip", 4.5),
            ("accent", "sheet", 4.5),
            ("accent", "chip", 4.5),
            ("on-accent", "accent", 4.5),
            ("line", "sheet", 3.0),  # the edge of a field: WCAG 2.2, 1.4.11
            ("line", "chip", 3.0),
        ):
            assert contrast(colour[above], colour[below]) >= least, (scheme, above, below)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two ``#rrggbb`` colours (WCAG 2.2, 1.4.3)."""

    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)
