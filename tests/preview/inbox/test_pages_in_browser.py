from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest

from newsletter.pictures.model import NoPictures
from newsletter.preview.inbox.pages import inbox_pages
from newsletter.preview.inbox.store import InboxStore
from newsletter.web.app import create_app
from tests.browser import DESKTOP, PHONE, Chromium, Visit
from tests.preview.inbox.test_pages import keep
from tests.preview.mails import EVIL, HOSTILE_HTML, HOSTILE_MAIL, mail_with_html, plain_mail
from tests.web.serving import make_pages, serving, web_deps

pytestmark = pytest.mark.browser


@pytest.fixture
def store(tmp_path: Path) -> InboxStore:
    return InboxStore(tmp_path / "inbox", keep=500)


@dataclass
class Canary:
    """Somebody else's server: whatever reaches it was a leak."""

    address: str
    paths: list[str]


@pytest.fixture
def canary() -> Iterator[Canary]:
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield Canary(f"http://127.0.0.1:{server.server_port}", paths)
        server.shutdown()
        thread.join()


@pytest.fixture
def address(store: InboxStore) -> Iterator[str]:
    pages = make_pages("http://127.0.0.1")
    app = create_app(web_deps(base_url="http://127.0.0.1"), pages, routers=[inbox_pages(store, pages, NoPictures().content)])
    with serving(app) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, PHONE, DESKTOP])
def test_the_inbox_fits_every_window_and_ask_nobody_else(
    chromium: Chromium, address: str, store: InboxStore, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    keep(store, plain_mail("A-subject-with-one-very-long-word-" * 5))
    paths = ["/inbox", *(f"/inbox/1?view={view}" for view in ("html", "text", "headers", "source"))]

    def look(visit: Visit) -> None:
        for number, path in enumerate(paths):
            visit.page.goto(address + path)
            assert visit.overflow() == 0, path
            picture = tmp_path / f"{number}.png"
            visit.page.screenshot(path=picture)
            assert picture.stat().st_size > 5_000, path
        assert visit.complaints == []
        assert visit.requests_beyond(address) == []

    chromium.visit(look, width=width, scheme=scheme)


def test_a_mail_is_found_opened_and_read_without_javascript(chromium: Chromium, address: str, store: InboxStore) -> None:
    keep(store, plain_mail())

    def look(visit: Visit) -> str:
        page = visit.page
        page.goto(f"{address}/inbox")
        page.get_by_role("link", name="Lanterns, and 8 more").click()
        assert page.frame_locator("iframe").get_by_role("heading").inner_text() == "Lanterns"
        page.get_by_role("link", name="Phone").click()
        assert page.locator("iframe").bounding_box() is not None
        page.get_by_role("link", name="Text", exact=True).click()
        return page.locator("pre").inner_text()

    assert chromium.visit(look, javascript=False).startswith("1. Lanterns: Reading a Map")


def test_a_link_in_a_mail_opens_a_tab_of_its_own(chromium: Chromium, address: str, store: InboxStore) -> None:
    keep(store, mail_with_html(f"<a href='{address}/healthz'>here</a>"))

    def look(visit: Visit) -> tuple[str, str]:
        visit.page.goto(f"{address}/inbox/1")
        with visit.page.context.expect_page() as opened:
            visit.page.frame_locator("iframe").get_by_role("link").click()
        return opened.value.url, visit.page.url

    assert chromium.visit(look) == (f"{address}/healthz", f"{address}/inbox/1")


@pytest.mark.parametrize("path", ["/inbox", "/inbox/1", "/inbox/1/html", "/inbox/1/raw"])
def test_a_hostile_mail_runs_nothing_and_reaches_nobody(
    chromium: Chromium, address: str, store: InboxStore, canary: Canary, path: str
) -> None:
    keep(store, HOSTILE_MAIL.replace(EVIL.encode(), canary.address.encode()))

    def look(visit: Visit) -> tuple[str, str]:
        visit.page.goto(address + path)
        visit.page.wait_for_load_state("networkidle")
        frames = " ".join(frame.locator("body").inner_text() for frame in visit.page.frames if frame.url.startswith(address))
        assert not any(frame.url.startswith(canary.address) for frame in visit.page.frames)
        return visit.page.title(), frames

    title, text = chromium.visit(look)
    assert title != "taken"
    assert canary.paths == []
    if path in ("/inbox/1", "/inbox/1/html"):
        assert "Harmless words" in text


def test_the_hostile_sample_bites_where_it_is_not_locked_in(chromium: Chromium, tmp_path: Path, canary: Canary) -> None:
    # Proves that the test above can fail: the same HTML from a plain file does what it wants.
    (tmp_path / "open.html").write_text(HOSTILE_HTML.replace(EVIL, canary.address))

    def look(visit: Visit) -> None:
        visit.page.goto((tmp_path / "open.html").as_uri(), wait_until="commit")
        visit.page.wait_for_url(f"{canary.address}/**")

    chromium.visit(look)
    # It leads away as well, which cuts off what is still loading: only what comes before that is certain.
    assert "/style.css" in canary.paths
    assert any(path.startswith(("/refresh", "/form")) for path in canary.paths)
