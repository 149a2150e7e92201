from __future__ import annotations

import logging
import socket
from collections.abc import Collection, Sequence
from pathlib import Path

import httpx
import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.errors import DatabaseError
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.web.middleware import MAX_BODY_BYTES
from newsletter.web.model import LatestIssue, ListedPaper, Masthead
from subscribers.links import Links
from subscribers.model import ConsentMethod, Holder
from tests.web.house import House, house
from tests.web.serving import ISSUE, PAPERS

TOKEN = "k" * 32
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def test_the_first_page_shows_what_it_is_and_the_latest_issue(home: House) -> None:
    page = home.client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for shown in (PAPERS.name, PAPERS.tagline, "No. 214 · Friday 21 August 2026", "92 votes", "+58 votes since yesterday"):
        assert shown in page.text
    for paper in ISSUE.papers:
        assert paper.title in page.text
        assert f'href="{paper.url}"' in page.text


def test_without_an_issue_the_first_page_says_so(database: Database, clock: ManualClock) -> None:
    with house(database, clock, latest_issue=lambda _slug=None: None) as home:
        assert "the first issue is still to come" in home.client.get("/").text


def test_papers_are_shown_as_text_whatever_they_hold(database: Database, clock: ManualClock) -> None:
    hostile = ListedPaper("<script>x</script> {{ 7*7 }} \u202eflip \ud800", "A & <b>", "javascript:alert(1)", 1, ("<i>",))
    issue = LatestIssue(Masthead.of(PAPERS), 1, "today", (hostile,))
    with house(database, clock, latest_issue=lambda _slug=None: issue, paper=lambda _seq: hostile) as home:
        feedback = home.path("feedback", home.subscribe())
        for page in (home.client.get("/").text, home.client.get(f"{feedback}?paper=1").text):
            assert "&lt;script&gt;x&lt;/script&gt; {{ 7*7 }}" in page
            assert "javascript:" not in page
            assert "<i>" not in page


def test_every_answer_carries_the_safe_headers(home: House) -> None:
    reader = home.subscribe()
    kept = ("/", "/static/site.css")
    for path in (
        *kept,
        home.path("unsubscribe", reader),
        home.path("preferences", reader),
        "/unsubscribe/x",
        "/embed",
        "/nothing",
    ):
        headers = home.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("no-cache" if path in kept else "no-store")
        assert "set-cookie" not in headers


def test_static_files_are_kept_by_the_browser_until_they_change(home: House) -> None:
    first = home.client.get("/static/site.css")
    assert first.headers["content-type"] == "text/css; charset=utf-8"
    again = home.client.get("/static/site.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_only_files_of_that_folder_are_served(home: House) -> None:
    names = (
        "../base.html",
        "..%2fbase.html",
        "%2e%2e/base.html",
        ".hidden.css",
        "site.html",
        "site",
        "x" * 500 + ".css",
        "none.css",
    )
    assert {home.client.get(f"/static/{name}").status_code for name in names} == {404}


def test_no_documentation_that_loads_scripts_is_served(home: House) -> None:
    assert {home.client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")} == {404}


def test_errors_are_designed_pages(home: House) -> None:
    for answer, words in ((home.client.get("/nothing"), "Nothing here"), (home.client.delete("/"), "Not like this")):
        assert words in answer.text
        assert "/static/site.css" in answer.text


def test_no_redirect_for_a_slash(home: House) -> None:
    assert home.client.get("/healthz/").status_code == 404


def test_the_host_header_changes_nothing(home: House) -> None:
    path = home.path("unsubscribe", home.subscribe())
    for page in (path, "/embed"):
        evil = home.client.get(page, headers={"host": "evil.example.org", "x-forwarded-host": "evil.example.org"})
        assert evil.text == home.client.get(page).text
    assert "evil.example" not in home.client.get("/", headers={"host": "evil.example.org"}).text


def test_a_base_url_with_a_path_goes_before_every_link(database: Database, clock: ManualClock) -> None:
    with house(database, clock, base_url="https://example.org/papers") as home:
        page = home.client.get("/").text
        assert 'href="/papers/static/site.css"' in page
        assert 'action="/papers/subscribe"' in page
        leave = home.path("unsubscribe", home.subscribe())
        # A proxy may strip the path or pass it on.
        for path in ("", "/papers"):
            assert home.client.get(f"{path}/static/site.css").status_code == 200
            assert home.client.post(f"{path}{leave}", data=ONE_CLICK).status_code == 200


def test_the_operators_own_page_goes_before_the_packaged_one(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "unsubscribed.html").write_text("gone, {{ masthead.name }}")
    with house(database, clock, folder=TemplateFolder(tmp_path)) as home:
        path = home.path("unsubscribe", home.subscribe())
        assert home.client.get(path).status_code == 200
        assert home.client.post(path, data=ONE_CLICK).text == "gone, Trending Papers"


def test_probes_tell_life_from_readiness(database: Database, clock: ManualClock) -> None:
    def out_of_reach() -> bool:
        raise DatabaseError("database is out of reach at postgresql://user@host")

    for is_ready in (lambda: False, out_of_reach):
        with house(database, clock, is_ready=is_ready) as home:
            assert home.client.get("/healthz").text == "ok\n"
            answer = home.client.get("/readyz")
            assert (answer.status_code, answer.text) == (503, "not ready\n")
    with house(database, clock, is_ready=database.is_current) as home:
        assert home.client.get("/readyz").status_code == 200


def test_a_body_over_the_limit_is_refused_announced_or_not(home: House) -> None:
    path = home.path("unsubscribe", home.subscribe())
    announced = home.client.post(path, content=b"x" * (MAX_BODY_BYTES + 1))
    chunked = home.client.post(path, content=(b"x" * 1000 for _ in range(200)))
    for answer in (announced, chunked):
        assert answer.status_code == 413
        assert "Too much" in answer.text
    padding = b"x=" + b"y" * (MAX_BODY_BYTES - 29) + b"&List-Unsubscribe=One-Click"
    assert len(padding) == MAX_BODY_BYTES
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert home.client.post(path, content=padding, headers=headers).status_code == 200


def test_a_failure_is_a_designed_page_and_its_log_holds_no_address(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Links):
        def unsubscribe(
            self, tokens: Sequence[str], *, method: ConsentMethod = ConsentMethod.WEB, goodbye_from: Collection[str] = ()
        ) -> list[Holder | None]:
            raise RuntimeError(f"{address} {tokens} {method} {goodbye_from}")

    address = "reader" + "@example.org"  # in two pieces: lines of code are logged, what they work on is not
    with house(database, clock) as home:
        links = Broken(database, clock, home.keys, home.notices)
    with caplog.at_level(logging.INFO), house(database, clock, links=links) as home:
        answer = home.client.post(f"/unsubscribe/{TOKEN}", data=ONE_CLICK)
        assert home.client.get("/healthz").status_code == 200
    assert answer.status_code == 500
    assert "Our mistake" in answer.text
    assert "frame-ancestors" in answer.headers["content-security-policy"]
    assert "web.failed error=RuntimeError" in caplog.text
    assert address not in caplog.text
    assert TOKEN not in " ".join(_logged_by_us(caplog))


def test_even_a_broken_error_page_is_answered(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "base.html").write_text("{% if %}")
    with house(database, clock, folder=TemplateFolder(tmp_path)) as home:
        answer = home.client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/plain; charset=utf-8")


def test_neither_a_token_nor_an_address_reaches_the_log(home: House, caplog: pytest.LogCaptureFixture) -> None:
    reader = home.subscribe("somebody@example.org")
    with caplog.at_level(logging.DEBUG):
        paths = [home.path(page, reader) for page in ("feedback", "preferences", "unsubscribe")]
        for path in paths:
            home.client.get(path)
            home.client.post(path, data={**ONE_CLICK, "act": "leave", "newsletter": "papers", "like": "more"})
            home.client.post(path, content=b"x" * 20_000)
        home.client.post("/subscribe", json={"address": "somebody@example.org"})
        home.receive()
        connection = socket.create_connection((home.client.base_url.host, home.client.base_url.port or 0))
        with connection:
            connection.sendall(f"GET {paths[0]} nonsense\r\n\r\n".encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 400")
    logged = " ".join(_logged_by_us(caplog))
    assert "somebody@" not in logged
    for path in paths:
        assert path.rpartition("/")[2] not in logged


def test_a_crawl_by_get_and_head_of_every_page_changes_no_row(home: House) -> None:
    reader, seq = home.subscribe(), home.add_paper()
    home.client.post("/subscribe", json={"address": "new@example.org"})
    confirm = home.confirm_path(home.receive()[0])
    before = _rows(home.database)
    paths = [confirm, *(home.path(page, reader) for page in ("feedback", "preferences", "unsubscribe"))]
    queries = ("", f"?paper={seq}&like=more", "?List-Unsubscribe=One-Click&instead=monthly&act=erase&sure=yes&confirm=true")
    for path in ("/", "/embed", *paths):
        for query in queries:
            assert home.client.get(path + query).status_code in {200, 404}
            assert home.client.head(path + query).status_code in {200, 404}
    assert _rows(home.database) == before


def _rows(database: Database) -> dict[str, list[object]]:
    from subscribers.base import Base

    with database.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(table.select().order_by(*table.primary_key.columns))]
            for table in Base.metadata.sorted_tables
        }


def _logged_by_us(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [caplog.handler.format(record) for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]


def test_what_a_page_answers_does_not_depend_on_cookies(home: House) -> None:
    answer: httpx.Response = home.client.get("/embed", headers={"cookie": "a=b"})
    assert answer.content == home.client.get("/embed").content
