from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from newsletter.web.app import create_app
from newsletter.web.model import LatestIssue, ListedPaper
from tests.browser import DESKTOP, PHONE, Chromium, Visit
from tests.web.serving import ISSUE, MASTHEAD, TOKEN, FakeSubscribers, make_pages, serving, web_deps

pytestmark = pytest.mark.browser

LONG = LatestIssue(
    MASTHEAD,
    1,
    "Wednesday 30 September 2026",
    (
        *ISSUE.papers,
        ListedPaper("Donaudampfschifffahrtsgesellschaft" * 4, "", "https://example.org/long", 12_345),
        ListedPaper("شبكات صغيرة وذاكرة طويلة", "مختبر", "https://example.org/rtl", 5),
    ),
)


@pytest.fixture
def subscribers() -> FakeSubscribers:
    return FakeSubscribers()


@pytest.fixture
def address(subscribers: FakeSubscribers) -> Iterator[str]:
    with serving(create_app(web_deps(subscribers, issue=LONG), make_pages())) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, PHONE, DESKTOP])
def test_every_page_fits_the_window_and_asks_nobody_else(
    chromium: Chromium, address: str, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    def look(visit: Visit) -> None:
        for number, (path, status) in enumerate(
            (("/", 200), (f"/unsubscribe/{TOKEN}", 200), ("/unsubscribe/x", 404), ("/nothing", 404))
        ):
            answer = visit.page.goto(address + path)
            assert answer is not None
            assert answer.status == status
            assert visit.overflow() == 0, path
            picture = tmp_path / f"{number}.png"
            visit.page.screenshot(path=picture, full_page=True)
            assert picture.stat().st_size > 5_000
            background = visit.page.evaluate("getComputedStyle(document.querySelector('.sheet')).backgroundColor")
            assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(29, 29, 27)")
        assert visit.requests_beyond(address) == []
        assert [line for line in visit.complaints if "404" not in line] == []

    chromium.visit(look, width=width, scheme=scheme)


@pytest.mark.parametrize("javascript", [True, False])
def test_leaving_takes_one_press_of_a_key_and_no_javascript(
    chromium: Chromium, address: str, subscribers: FakeSubscribers, javascript: bool
) -> None:
    def look(visit: Visit) -> str:
        page = visit.page
        page.goto(f"{address}/unsubscribe/{TOKEN}")
        assert subscribers.is_subscribed
        page.get_by_role("button", name="Unsubscribe").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("text=You are off the list")
        return page.url

    assert chromium.visit(look, javascript=javascript) == f"{address}/unsubscribe/{TOKEN}"
    assert not subscribers.is_subscribed


def test_the_focus_is_visible_on_everything_the_keyboard_reaches(chromium: Chromium, address: str) -> None:
    def look(visit: Visit) -> list[str]:
        visit.page.goto(address)
        outlines = []
        for _ in range(4):
            visit.page.keyboard.press("Tab")
            outlines.append(visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
        return outlines

    assert chromium.visit(look) == ["solid"] * 4


def test_a_script_running_scanner_that_follows_every_link_changes_nothing(
    chromium: Chromium, address: str, subscribers: FakeSubscribers
) -> None:
    def look(visit: Visit) -> None:
        visit.page.goto(f"{address}/unsubscribe/{TOKEN}")
        visit.page.wait_for_load_state("networkidle")
        for link in visit.page.evaluate("[...document.links].map(link => link.href)"):
            visit.page.goto(link)

    chromium.visit(look)
    assert subscribers.calls == []


def test_text_and_accent_stand_out_from_what_they_lie_on(chromium: Chromium, address: str) -> None:
    def look(visit: Visit) -> dict[str, str]:
        visit.page.goto(address)
        names = ("ground", "sheet", "ink", "quiet", "chip", "accent", "on-accent")
        style = "getComputedStyle(document.documentElement)"
        return {name: visit.page.evaluate(f"{style}.getPropertyValue('--{name}').trim()") for name in names}

    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        colour = chromium.visit(look, scheme=scheme)
        for above, below in (
            ("ink", "sheet"),
            ("quiet", "sheet"),
            ("quiet", "chip"),
            ("accent", "sheet"),
            ("on-accent", "accent"),
        ):
            assert contrast(colour[above], colour[below]) >= 4.5, (scheme, above, below)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two ``#rrggbb`` colours (WCAG 2.2, 1.4.3)."""

    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)
