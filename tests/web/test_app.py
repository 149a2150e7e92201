from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from newsletter.errors import DatabaseError
from newsletter.rendering.templates import TemplateFolder
from newsletter.web.app import create_app
from newsletter.web.middleware import MAX_BODY_BYTES
from newsletter.web.model import LatestIssue, ListedPaper, WebDeps
from tests.web.serving import ISSUE, MASTHEAD, TOKEN, FakeSubscribers, make_pages, serving, web_deps

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
GARBAGE = [
    "x",
    "k" * 31,
    "k" * 33,
    TOKEN + "/",
    TOKEN + "/x",
    "%00",
    "%ff%fe",
    "..%2f..",
    "k" * 5000,
    "{{7*7}}",
    "%0d%0aSet-Cookie:%20a=b",
]


@pytest.fixture
def subscribers() -> FakeSubscribers:
    return FakeSubscribers()


@pytest.fixture
def client(subscribers: FakeSubscribers) -> Iterator[httpx.Client]:
    with opened(web_deps(subscribers)) as client:
        yield client


class opened:  # noqa: N801 - reads as a function where it is used
    """A client of the pages on ``deps``."""

    def __init__(self, deps: WebDeps, folder: TemplateFolder | None = None) -> None:
        self._serving = serving(create_app(deps, make_pages(deps.base_url, folder)))

    def __enter__(self) -> httpx.Client:
        self._client = httpx.Client(base_url=self._serving.__enter__(), follow_redirects=False)
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._serving.__exit__(None, None, None)


def test_the_first_page_shows_what_it_is_and_the_latest_issue(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for shown in (MASTHEAD.name, MASTHEAD.tagline, "No. 214 · Friday 21 August 2026", "newsletter subscribers add", "92 votes"):
        assert shown in page.text
    for paper in ISSUE.papers:
        assert paper.title in page.text
        assert f'href="{paper.url}"' in page.text


def test_without_an_issue_the_first_page_says_so() -> None:
    with opened(web_deps(issue=None)) as client:
        assert "the first issue is still to come" in client.get("/").text


def test_papers_are_shown_as_text_whatever_they_hold() -> None:
    hostile = ListedPaper("<script>x</script> {{ 7*7 }} \u202eflip \ud800", "A & <b>", "javascript:alert(1)", 1)
    with opened(web_deps(issue=LatestIssue(MASTHEAD, 1, "today", (hostile,)))) as client:
        page = client.get("/").text
    assert "&lt;script&gt;x&lt;/script&gt; {{ 7*7 }}" in page
    assert "javascript:" not in page


def test_looking_at_an_unsubscribe_link_changes_nothing(client: httpx.Client, subscribers: FakeSubscribers) -> None:
    page = client.get(f"/unsubscribe/{TOKEN}")
    assert page.status_code == 200
    assert page.text.count("<button") == 1
    assert client.head(f"/unsubscribe/{TOKEN}").status_code == 200
    for method in ("OPTIONS", "PUT", "DELETE", "PATCH"):
        answer = client.request(method, f"/unsubscribe/{TOKEN}", data=ONE_CLICK)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    client.get(f"/unsubscribe/{TOKEN}?List-Unsubscribe=One-Click")
    assert subscribers.calls == []


def test_one_click_acts_at_once_and_again_without_harm(client: httpx.Client, subscribers: FakeSubscribers) -> None:
    urlencoded = [client.post(f"/unsubscribe/{TOKEN}", data=ONE_CLICK) for _ in range(2)]
    multipart = client.post(f"/unsubscribe/{TOKEN}", files={"List-Unsubscribe": (None, "One-Click")})
    for answer in (*urlencoded, multipart):
        assert answer.status_code == 200
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert "You are off the list" in answer.text
    assert not subscribers.is_subscribed
    assert subscribers.calls == [TOKEN] * 3


def test_a_post_that_is_not_one_click_changes_nothing(client: httpx.Client, subscribers: FakeSubscribers) -> None:
    for body in ({}, {"List-Unsubscribe": "No"}, {"x": "1"}):
        assert client.post(f"/unsubscribe/{TOKEN}", data=body).status_code == 400
    assert subscribers.calls == []


def test_every_unknown_link_gets_one_and_the_same_answer(client: httpx.Client, subscribers: FakeSubscribers) -> None:
    looked = [client.get(f"/unsubscribe/{garbage}") for garbage in GARBAGE]
    acted = [client.post(f"/unsubscribe/{garbage}", data=ONE_CLICK) for garbage in GARBAGE]
    answers = {(answer.status_code, answer.text, _without_date(answer)) for answer in (*looked, *acted)}
    assert len(answers) == 1
    assert looked[0].status_code == 404
    assert "Nothing here" in looked[0].text
    assert subscribers.is_subscribed


def test_every_answer_carries_the_safe_headers(client: httpx.Client) -> None:
    kept = ("/", "/static/site.css")
    for path in (*kept, f"/unsubscribe/{TOKEN}", "/unsubscribe/x", "/healthz", "/readyz", "/nothing"):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            answer = client.request(method, path, content=b"x" * (MAX_BODY_BYTES + 1) if method == "POST" else None)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == ("no-cache" if answer.is_success and path in kept else "no-store")
            assert "server" not in answer.headers


def test_the_style_sheet_is_served_once_and_then_only_confirmed(client: httpx.Client) -> None:
    first = client.get("/static/site.css")
    assert first.headers["content-type"] == "text/css; charset=utf-8"
    again = client.get("/static/site.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/static/icon.svg").headers["content-type"] == "image/svg+xml"


def test_nothing_but_the_static_files_is_served(client: httpx.Client) -> None:
    names = ("base.html", "..%2fbase.html", "../base.html", "%2e%2e/digest.mjml", "site.css%00", "", "none.css", "SITE.CSS")
    assert {client.get(f"/static/{name}").status_code for name in names} == {404}


def test_no_documentation_of_an_api_is_exposed(client: httpx.Client) -> None:
    assert {client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json", "/api/openapi.json")} == {404}


def test_errors_are_designed_pages(client: httpx.Client) -> None:
    for answer, words in ((client.get("/nothing"), "Nothing here"), (client.delete("/"), "Not like this")):
        assert words in answer.text
        assert "/static/site.css" in answer.text


def test_no_redirect_for_a_slash(client: httpx.Client) -> None:
    assert client.get("/healthz/").status_code == 404


def test_the_host_header_changes_nothing(client: httpx.Client) -> None:
    path = f"/unsubscribe/{TOKEN}"
    evil = client.get(path, headers={"host": "evil.example.org", "x-forwarded-host": "evil.example.org"})
    assert evil.text == client.get(path).text
    assert "evil" not in client.get("/", headers={"host": "evil.example.org"}).text


def test_a_base_url_with_a_path_goes_before_every_link() -> None:
    with opened(web_deps(base_url="https://example.org/papers")) as client:
        assert 'href="/papers/static/site.css"' in client.get("/").text
        # A proxy may strip the path or pass it on.
        for path in ("", "/papers"):
            assert client.get(f"{path}/static/site.css").status_code == 200
            assert client.post(f"{path}/unsubscribe/{TOKEN}", data=ONE_CLICK).status_code == 200


def test_the_operators_own_page_goes_before_the_packaged_one(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "unsubscribed.html").write_text("gone, {{ masthead.name }}")
    with opened(web_deps(), TemplateFolder(tmp_path)) as client:
        assert client.post(f"/unsubscribe/{TOKEN}", data=ONE_CLICK).text == "gone, Trending Papers"
        assert client.get(f"/unsubscribe/{TOKEN}").status_code == 200


def test_probes_tell_life_from_readiness() -> None:
    def out_of_reach() -> bool:
        raise DatabaseError("database is out of reach at postgresql://user@host")

    for is_ready in (lambda: False, out_of_reach):
        with opened(replace(web_deps(), is_ready=is_ready)) as client:
            assert client.get("/healthz").text == "ok\n"
            answer = client.get("/readyz")
            assert (answer.status_code, answer.text) == (503, "not ready\n")
    with opened(web_deps()) as client:
        assert client.get("/readyz").status_code == 200


def test_a_body_over_the_limit_is_refused_announced_or_not(client: httpx.Client, subscribers: FakeSubscribers) -> None:
    announced = client.post(f"/unsubscribe/{TOKEN}", content=b"x" * (MAX_BODY_BYTES + 1))
    chunked = client.post(f"/unsubscribe/{TOKEN}", content=(b"x" * 1000 for _ in range(200)))
    for answer in (announced, chunked):
        assert answer.status_code == 413
        assert "Too much" in answer.text
    padding = b"x=" + b"y" * (MAX_BODY_BYTES - 29) + b"&List-Unsubscribe=One-Click"
    assert len(padding) == MAX_BODY_BYTES
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post(f"/unsubscribe/{TOKEN}", content=padding, headers=headers).status_code == 200
    assert subscribers.calls == [TOKEN]


def test_a_failure_is_a_designed_page_and_its_log_holds_no_address(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeSubscribers):
        def unsubscribe_by_token(self, token: str) -> bool:
            raise RuntimeError(f"{address} {token}")

    address = "reader" + "@example.org"  # in two pieces: lines of code are logged, what they work on is not

    with caplog.at_level(logging.INFO), opened(web_deps(Broken())) as client:
        answer = client.post(f"/unsubscribe/{TOKEN}", data=ONE_CLICK)
        assert client.get("/healthz").status_code == 200
    assert answer.status_code == 500
    assert "Our mistake" in answer.text
    assert "frame-ancestors" in answer.headers["content-security-policy"]
    assert "web.failed error=RuntimeError" in caplog.text
    assert "unsubscribe_by_token" in caplog.text
    assert address not in caplog.text
    assert TOKEN not in " ".join(_logged_by_us(caplog))


def test_even_a_broken_error_page_is_answered(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "base.html").write_text("{% if %}")
    with opened(web_deps(), TemplateFolder(tmp_path)) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/plain; charset=utf-8")


def test_a_token_never_reaches_the_log(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.get(f"/unsubscribe/{TOKEN}")
        client.post(f"/unsubscribe/{TOKEN}", data=ONE_CLICK)
        client.post(f"/unsubscribe/{TOKEN}", content=b"x" * 20_000)
        connection = socket.create_connection((client.base_url.host, client.base_url.port or 0))
        with connection:
            connection.sendall(f"GET /unsubscribe/{TOKEN} nonsense\r\n\r\n".encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 400")
    assert TOKEN not in " ".join(_logged_by_us(caplog))


def _logged_by_us(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [caplog.handler.format(record) for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]


def _without_date(answer: httpx.Response) -> tuple[tuple[str, str], ...]:
    return tuple(item for item in answer.headers.items() if item[0] != "date")
