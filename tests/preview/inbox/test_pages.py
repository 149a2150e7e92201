from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from newsletter.preview.inbox.pages import PAGE_SIZE, inbox_pages
from newsletter.preview.inbox.store import InboxStore
from newsletter.web.app import create_app
from tests.conftest import MONDAY
from tests.preview.mails import HOSTILE_MAIL, mail_with_html, plain_mail
from tests.web.serving import make_pages, serving, web_deps

#: Kept pictures by name.
PICTURES = {"A" * 32: b"\x89PNG"}


@dataclass(frozen=True)
class Site:
    """The pages on a folder of mails; one for all tests here, each of which finds it empty."""

    folder: Path
    client: httpx.Client


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, pages = tmp_path_factory.mktemp("inbox"), make_pages()
    app = create_app(web_deps(), pages, routers=[inbox_pages(InboxStore(folder, keep=500), pages, PICTURES.__getitem__)])
    with serving(app) as address, httpx.Client(base_url=address) as client:
        yield Site(folder, client)


@pytest.fixture
def store(site: Site) -> InboxStore:
    for path in site.folder.iterdir():
        path.unlink()
    return InboxStore(site.folder, keep=500)


@pytest.fixture
def client(site: Site, store: InboxStore) -> httpx.Client:
    return site.client


def keep(store: InboxStore, content: bytes) -> int:
    return store.add(content, mail_from="papers@example.org", rcpt_tos=["reader@example.org"], received_at=MONDAY).number


class Elements(HTMLParser):
    """Collects a page's elements and whatever in them could act."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.acts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.acts += [name for name, value in attrs if name.startswith("on") or "javascript:" in (value or "")]


def test_an_empty_inbox_says_how_to_get_the_first_mail(client: httpx.Client) -> None:
    page = client.get("/inbox")
    assert page.status_code == 200
    for command in ("newsletter fetch", "newsletter subscribers add", "newsletter build", "newsletter send --due"):
        assert command in page.text


def test_the_list_shows_who_wrote_what_to_whom_and_when(client: httpx.Client, store: InboxStore) -> None:
    number = keep(store, plain_mail("Grüße, and 8 more papers new to you"))
    page = client.get("/inbox").text
    for shown in (
        "Grüße, and 8 more",
        "Trending Papers &lt;papers@example.org&gt;",
        "reader@example.org",
        "17 Aug 2026, 06:00 UTC",
    ):
        assert shown in page
    assert f'href="/inbox/{number}"' in page


def test_long_lists_go_on_at_the_oldest_shown(client: httpx.Client, store: InboxStore) -> None:
    for _ in range(PAGE_SIZE + 3):
        keep(store, b"Subject: x\r\n\r\n")
    assert 'href="?before=4"' in client.get("/inbox").text
    older = client.get("/inbox?before=4").text
    assert older.count('<a href="/inbox/') == 3
    assert "Older" not in older
    assert client.get("/inbox?before=1").status_code == 200


@pytest.mark.parametrize("content", [plain_mail(), HOSTILE_MAIL, b"", b"\x00\xff", b"no headers at all"])
def test_every_view_of_every_mail_is_a_harmless_page(client: httpx.Client, store: InboxStore, content: bytes) -> None:
    number = keep(store, content)
    for view in ("html", "text", "headers", "source", "nonsense"):
        page = client.get(f"/inbox/{number}?view={view}&width=nonsense&scheme=nonsense")
        assert page.status_code == 200
        elements = Elements(page.text)
        assert not elements.names & {"script", "img", "object", "form", "video", "base"}
        assert elements.acts == []
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"


def test_hostile_headers_are_shown_as_text(client: httpx.Client, store: InboxStore) -> None:
    page = client.get(f"/inbox/{keep(store, HOSTILE_MAIL)}?view=headers").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7*7 }}" in page


def test_the_html_part_is_served_for_a_locked_frame_only(client: httpx.Client, store: InboxStore) -> None:
    number = keep(store, plain_mail())
    page = client.get(f"/inbox/{number}").text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    frame = client.get(f"/inbox/{number}/html")
    policy = frame.headers["content-security-policy"]
    for rule in ("sandbox allow-popups", "default-src 'none'", "img-src data:;", "base-uri 'none'", "frame-ancestors 'self'"):
        assert rule in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert frame.headers["x-content-type-options"] == "nosniff"
    assert frame.headers["referrer-policy"] == "no-referrer"
    assert frame.text.startswith('<!doctype html><html><head><base target="_blank">')


def test_a_colour_scheme_can_be_forced(client: httpx.Client, store: InboxStore) -> None:
    number = keep(store, plain_mail())
    assert "prefers-color-scheme: dark" in client.get(f"/inbox/{number}/html").text
    assert "@media (min-width: 0)" in client.get(f"/inbox/{number}/html?scheme=dark").text
    assert "@media (max-width: 0)" in client.get(f"/inbox/{number}/html?scheme=light").text


def test_a_frame_of_a_million_half_tags_is_made_at_once(client: httpx.Client, store: InboxStore) -> None:
    number = keep(store, mail_with_html("<head " * 300_000 + "(prefers-color-scheme" * 100_000))
    assert client.get(f"/inbox/{number}/html?scheme=dark", timeout=5).status_code == 200


def test_the_source_is_there_to_the_byte(client: httpx.Client, store: InboxStore) -> None:
    answer = client.get(f"/inbox/{keep(store, HOSTILE_MAIL)}/raw")
    assert answer.content == HOSTILE_MAIL
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_is_not_there_is_a_designed_404(client: httpx.Client) -> None:
    for number in ("99", "0", "-1", "x", "..%2f..%2fetc%2fpasswd", "%00", "9" * 300, "1.eml", "٣"):
        for below in ("", "/html", "/raw"):
            answer = client.get(f"/inbox/{number}{below}")
            assert answer.status_code == 404, number
            assert "Nothing here" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "papers.example.org"},
        {"host": "127.0.0.1.example.org"},
        {"host": "[::1].example.org"},
        {"x-forwarded-for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
    ],
)
def test_mails_are_shown_to_this_machine_only(client: httpx.Client, store: InboxStore, headers: dict[str, str]) -> None:
    keep(store, plain_mail())
    for path in ("/inbox", "/inbox/1", "/inbox/1/html", "/inbox/1/raw"):
        assert client.get(path).status_code == 200, path
        assert client.get(path, headers=headers).status_code == 404, path


def test_a_linked_picture_of_ours_is_put_into_the_mail_and_no_other_is(client: httpx.Client, store: InboxStore) -> None:
    linked = "".join(f'<img src="https://papers.example.org/pictures/{letter * 32}.png">' for letter in "AB")
    shown = client.get(f"/inbox/{keep(store, mail_with_html(linked))}/html").text
    assert '<img src="data:image/png;base64,iVBORw==">' in shown
    assert f'<img src="https://papers.example.org/pictures/{"B" * 32}.png">' in shown
