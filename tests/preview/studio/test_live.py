from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from newsletter.clock import ManualClock
from newsletter.packaging import default_templates
from tests.browser import DESKTOP, Chromium, Visit
from tests.flow import take_in, wait_for
from tests.preview.studio.site import Site, small_site

pytestmark = pytest.mark.browser
#: Milliseconds; far more than it takes.
LONG = 20_000


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, clock: ManualClock) -> Iterator[Site]:
    with small_site(tmp_path, sqlite_template, clock) as made:
        yield made


def open_studio(visit: Visit, site: Site, query: str = "") -> Page:
    """Open the studio, and leave a mark in the page that a reload would wipe out."""
    page = visit.page
    page.goto(f"{site.address}/preview{query}")
    page.wait_for_selector("#live.live", timeout=LONG)
    page.evaluate("window.isTheSame = true")
    return page


def wait_for_frames(page: Page, count: int, words: str) -> None:
    """Wait until all frames show ``words``, and there is nothing else beside them."""
    page.wait_for_function(
        """([count, words]) => {
            const frames = [...document.querySelectorAll("iframe")];
            return frames.length === count && frames.every((frame) => frame.contentDocument?.body?.innerText.includes(words));
        }""",
        arg=[count, words],
        timeout=LONG,
    )


def assert_quiet(visit: Visit, site: Site) -> None:
    """Nothing was complained of, asked of anybody else, or loaded anew as a whole."""
    assert visit.complaints == []
    assert visit.requests_beyond(site.address) == []
    assert visit.page.evaluate("window.isTheSame") is True


def test_a_saved_template_shows_in_all_frames_at_once_and_the_page_stays_where_it_was(chromium: Chromium, site: Site) -> None:
    template = site.own("themes/compact/partials/masthead.mjml")
    text = template.read_text(encoding="utf-8")

    def look(visit: Visit) -> None:
        page = open_studio(visit, site, "?reader=language&layout=all&theme=compact")
        wait_for_frames(page, 4, "Paper 1")
        page.fill("#address", "editor@example.org")
        page.evaluate("scrollTo(0, 400)")
        height = page.evaluate("document.documentElement.scrollHeight")
        for round_ in range(3):
            template.write_text(text.replace("</mj-text>", f" Round {round_}</mj-text>", 1), encoding="utf-8")
            wait_for_frames(page, 4, f"Round {round_}")
            assert page.evaluate("scrollY") == 400
        assert abs(page.evaluate("document.documentElement.scrollHeight") - height) < 200
        assert page.input_value("#address") == "editor@example.org"
        for chosen in ("Language models", "compact", "All four"):
            assert page.get_by_role("link", name=chosen).get_attribute("aria-current") == "true"
        assert_quiet(visit, site)

    chromium.visit(look, width=DESKTOP, height=500)


def test_a_mail_that_became_shorter_leaves_no_hole(chromium: Chromium, site: Site) -> None:
    template = site.own("partials/masthead.mjml")
    text = template.read_text(encoding="utf-8")
    template.write_text(text.replace("</mj-text>", f" Long{'<br>line' * 100}</mj-text>", 1), encoding="utf-8")
    height = "Math.min(...[...document.querySelectorAll('.desk .stage')].map((stage) => stage.offsetHeight))"

    def look(visit: Visit) -> None:
        page = open_studio(visit, site)
        wait_for_frames(page, 2, "Long")
        before = page.evaluate(height)
        template.write_text(text.replace("</mj-text>", " Short</mj-text>", 1), encoding="utf-8")
        wait_for_frames(page, 2, "Short")
        page.wait_for_function(f"() => {height} < {before} - 800", timeout=LONG)
        assert_quiet(visit, site)

    chromium.visit(look)


def test_a_mistake_is_named_with_its_line_and_the_last_good_picture_stays(chromium: Chromium, site: Site) -> None:
    template = site.own("partials/masthead.mjml")
    text = template.read_text(encoding="utf-8")
    number = len(text.splitlines()) + 1

    def look(visit: Visit) -> None:
        page = open_studio(visit, site)
        wait_for_frames(page, 2, "Paper 1")
        problem = page.locator("#problem")
        assert problem.is_hidden()
        template.write_text(f"{text}<mj-txet>Oh <b>no</b></mj-txet>\n", encoding="utf-8")
        problem.wait_for(state="visible", timeout=LONG)
        said = problem.inner_text()
        assert f"partials/masthead.mjml:{number}:" in said
        assert f"{number} | <mj-txet>Oh <b>no</b></mj-txet>" in said
        wait_for_frames(page, 2, "Paper 1")
        template.write_text(text.replace("</mj-text>", " Mended</mj-text>", 1), encoding="utf-8")
        wait_for_frames(page, 2, "Mended")
        problem.wait_for(state="hidden", timeout=LONG)
        assert_quiet(visit, site)

    chromium.visit(look)


def test_a_page_opened_on_a_mistake_shows_the_mail_once_it_is_mended(chromium: Chromium, site: Site) -> None:
    template = site.own("partials/masthead.mjml")
    text = template.read_text(encoding="utf-8")
    template.write_text(f"{text}<mj-txet></mj-txet>\n", encoding="utf-8")
    wait_for(lambda: site.state()["problem"])

    def look(visit: Visit) -> None:
        page = open_studio(visit, site)
        assert page.locator("#problem").is_visible()
        template.write_text(text, encoding="utf-8")
        wait_for_frames(page, 2, "Paper 1")
        assert page.locator("#problem").is_hidden()
        assert page.evaluate("window.isTheSame") is True

    chromium.visit(look)


def test_a_catalogue_a_configuration_and_new_papers_show_as_well(chromium: Chromium, site: Site) -> None:
    catalogue = site.folder / "templates" / "locale" / "de.po"
    catalogue.parent.mkdir(parents=True)

    def look(visit: Visit) -> None:
        page = open_studio(visit, site, "?language=de")
        wait_for_frames(page, 2, "Paper 1")
        german = (default_templates() / "locale" / "de.po").read_text(encoding="utf-8")
        words = 'msgid "How the ranking works"\nmsgstr "'
        assert words in german
        for said in ("First words", "Second words"):
            catalogue.write_text(german.replace(words, f"{words}{said}: "), encoding="utf-8")
            wait_for_frames(page, 2, said)
        site.config.write_text(
            site.config.read_text(encoding="utf-8").replace("[newsletters.papers]", '[newsletters.papers]\nname = "Renamed"'),
            encoding="utf-8",
        )
        wait_for_frames(page, 2, "Renamed")
        # As editors save: a new file takes the name of the old one.
        fresh = site.config.with_suffix(".new")
        fresh.write_text(site.config.read_text(encoding="utf-8").replace("Renamed", "Again"), encoding="utf-8")
        fresh.replace(site.config)
        wait_for_frames(page, 2, "Again")
        site.config.write_text(site.config.read_text(encoding="utf-8").replace("Again", "Thrice"), encoding="utf-8")
        wait_for_frames(page, 2, "Thrice")
        take_in(site.app, site.folder, {"Paper that is new": 5000})
        wait_for_frames(page, 2, "Paper that is new")
        page.wait_for_function(
            "() => document.querySelector('.envelope h2').innerText.includes('Paper that is new')", timeout=LONG
        )
        assert_quiet(visit, site)

    chromium.visit(look)


def test_a_mail_comes_and_goes_with_its_papers(chromium: Chromium, site: Site, clock: ManualClock) -> None:
    clock.advance(timedelta(days=400))

    def look(visit: Visit) -> None:
        page = open_studio(visit, site)
        assert page.get_by_role("heading", name="Nothing to send").is_visible()
        take_in(site.app, site.folder, {"Paper that is new": 50})
        wait_for_frames(page, 2, "Paper that is new")
        assert page.get_by_role("heading", name="Nothing to send").count() == 0
        assert_quiet(visit, site)

    chromium.visit(look)


@pytest.mark.parametrize("view", ["text", "aloud", "headers", "source", "checks", "compare"])
def test_what_is_no_picture_follows_too(chromium: Chromium, site: Site, view: str) -> None:
    def look(visit: Visit) -> None:
        page = open_studio(visit, site, f"?view={view}")
        take_in(site.app, site.folder, {"Paper that is new": 5000})
        page.wait_for_function("() => document.getElementById('shown').innerText.includes('Paper that is new')", timeout=LONG)
        assert_quiet(visit, site)

    chromium.visit(look)


def test_without_javascript_everything_is_there_after_a_reload(chromium: Chromium, site: Site) -> None:
    def look(visit: Visit) -> None:
        page = visit.page
        page.goto(f"{site.address}/preview")
        page.get_by_role("link", name="Dark", exact=True).click()
        page.get_by_role("link", name="Language models").click()
        page.get_by_role("link", name="Text", exact=True).click()
        take_in(site.app, site.folder, {"Paper that is new": 5000})
        page.reload()
        assert "Paper that is new" in page.locator("pre.letter").inner_text()
        page.get_by_role("link", name="Mail", exact=True).click()
        page.frame_locator("iframe >> nth=0").get_by_text("Paper that is new").first.wait_for()
        page.fill("#day", "2026-08-17")
        page.get_by_role("button", name="Show").click()
        assert "date=2026-08-17" in page.url
        assert "layout=dark" in page.url
        page.fill("#address", "editor@example.org")
        page.get_by_role("button", name="Send me this").click()
        assert page.get_by_role("status").inner_text().startswith("sent to editor@example.org")

    chromium.visit(look, javascript=False)


def test_after_a_button_the_page_lives_on_at_its_own_address(chromium: Chromium, site: Site) -> None:
    def look(visit: Visit) -> None:
        page = open_studio(visit, site, "?layout=dark")
        page.fill("#address", "editor@example.org")
        page.get_by_role("button", name="Send me this").click()
        page.get_by_role("status").wait_for()
        page.wait_for_selector("#live.live", timeout=LONG)
        assert page.url.startswith(f"{site.address}/preview?")
        take_in(site.app, site.folder, {"Paper that is new": 5000})
        wait_for_frames(page, 2, "Paper that is new")
        page.reload()
        assert page.get_by_role("status").count() == 0
        assert len(site.app.inbox.messages()) == 1
        assert visit.complaints == []

    chromium.visit(look)


def test_a_server_that_stops_lets_go_of_those_who_watch(tmp_path: Path, sqlite_template: Path, clock: ManualClock) -> None:
    ended = threading.Event()
    heard: list[str] = []

    def listen(address: str, began: threading.Event) -> None:
        with httpx.stream("GET", f"{address}/preview/events", timeout=60) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                heard.append(line)
                began.set()
        ended.set()

    with small_site(tmp_path, sqlite_template, clock) as site:
        began = threading.Event()
        listener = threading.Thread(target=listen, args=(site.address, began))
        listener.start()
        assert began.wait(10)
        start = time.monotonic()
    took = time.monotonic() - start
    listener.join(10)
    assert ended.is_set()
    assert heard[0] == "event: changed"
    assert took < 3
