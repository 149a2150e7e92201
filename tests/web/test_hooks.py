from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
import pytest

from newsletter.clock import ManualClock
from newsletter.config import WebhookConfig
from newsletter.database import Database
from newsletter.inbound.model import Arrival, Kept
from newsletter.inbound.store import InboundStore
from newsletter.inbound.webhooks.door import HookDoor
from newsletter.inbound.webhooks.model import Post
from newsletter.web.app import create_app
from newsletter.web.hooks import MAX_HOOK_BYTES, MOST_AT_ONCE, MOST_OF_ONE
from newsletter.web.middleware import MAX_BODY_BYTES
from tests.inbound.webhooks.posts import Web, public_key, sendgrid
from tests.web.house import house
from tests.web.serving import make_pages, serving, web_deps


@dataclass
class Taker:
    """A webhook ``one`` that takes whatever comes."""

    answer: HTTPStatus = HTTPStatus.OK
    posts: list[Post] = field(default_factory=list)
    hold: threading.Event | None = None
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def knows(self, name: str) -> bool:
        return name == "one"

    def may_take(self, name: str, headers: Mapping[str, str]) -> bool:
        assert name == "one"
        return headers.get("x-forged") is None

    def take(self, name: str, post: Post) -> HTTPStatus:
        assert name == "one"
        self.came.release()
        if self.hold is not None:
            assert self.hold.wait(10)
        self.posts.append(post)
        return self.answer


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
def client(taker: Taker) -> Iterator[httpx.Client]:
    with serving(create_app(web_deps(hooks=taker), make_pages())) as address, httpx.Client(base_url=address) as client:
        yield client


def test_a_post_comes_whole_with_its_headers(client: httpx.Client, taker: Taker) -> None:
    body = bytes(range(256)) * 1_000
    answer = client.post("/hooks/one", content=body, headers={"X-Signature": "Signed", "Authorization": "Basic x"})
    assert (answer.status_code, answer.text) == (200, "OK\n")
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    (post,) = taker.posts
    assert post.body == body
    assert (post.headers["x-signature"], post.headers["authorization"]) == ("Signed", "Basic x")


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.SERVICE_UNAVAILABLE])
def test_the_answer_is_that_of_the_webhook(client: httpx.Client, taker: Taker, status: HTTPStatus) -> None:
    taker.answer = status
    answer = client.post("/hooks/one", content=b"{}")
    assert (answer.status_code, answer.text) == (status, f"{status.phrase}\n")
    assert answer.headers.get("retry-after") == ("60" if status == 503 else None)


@pytest.mark.parametrize("path", ["/hooks/two", "/hooks/", "/hooks/one/", "/hooks/one/more", "/hooks/%6fne%00"])
def test_an_unknown_name_is_nowhere_for_every_method(client: httpx.Client, taker: Taker, path: str) -> None:
    for method in ("GET", "POST", "PUT"):
        assert client.request(method, path).status_code == 404
    assert taker.posts == []


def test_only_a_post_does_anything(client: httpx.Client, taker: Taker) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = client.request(method, "/hooks/one")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert taker.posts == []


def test_a_body_may_be_large_and_not_larger(client: httpx.Client, taker: Taker) -> None:
    assert client.post("/hooks/one", content=b"x" * MAX_HOOK_BYTES).status_code == 200
    assert len(taker.posts[0].body) == MAX_HOOK_BYTES > 768_000
    assert client.post("/hooks/one", content=b"x" * (MAX_HOOK_BYTES + 1)).status_code == 413
    assert client.post("/subscribe", content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
    assert len(taker.posts) == 1


def test_a_body_of_unknown_length_is_counted(client: httpx.Client, taker: Taker) -> None:
    pieces = (b"x" * 10_000 for _ in range(99))
    assert client.post("/hooks/one", content=pieces).status_code == 413
    assert client.post("/hooks/one", content=(piece for piece in (b"a", b"b"))).status_code == 200
    assert [post.body for post in taker.posts] == [b"ab"]


def test_it_is_served_below_a_path_too(taker: Taker) -> None:
    app = create_app(web_deps(hooks=taker, base_url="https://example.org/papers"), make_pages("https://example.org/papers"))
    with serving(app) as address, httpx.Client(base_url=address) as client:
        assert client.post("/papers/hooks/one", content=b"1").status_code == 200
        assert client.post("/hooks/one", content=b"2").status_code == 200
    assert [post.body for post in taker.posts] == [b"1", b"2"]


def test_by_itself_there_are_no_webhooks() -> None:
    with serving(create_app(web_deps(), make_pages())) as address:
        assert httpx.post(f"{address}/hooks/one", content=b"{}").status_code == 404


def test_a_client_that_hangs_up_half_way_posts_nothing(client: httpx.Client, taker: Taker) -> None:
    place = urlsplit(str(client.base_url))
    with socket.create_connection((place.hostname or "", place.port or 0)) as made:
        made.sendall(b"POST /hooks/one HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    assert client.post("/hooks/one", content=b"whole").status_code == 200
    assert [post.body for post in taker.posts] == [b"whole"]


def test_posts_beyond_those_read_at_a_time_are_told_to_come_again(client: httpx.Client, taker: Taker) -> None:
    taker.hold = threading.Event()
    with ThreadPoolExecutor(MOST_AT_ONCE + 1) as pool:
        posts = []
        for number in range(MOST_AT_ONCE + 1):
            posts.append(pool.submit(client.post, "/hooks/one", content=b"{}"))
            assert number == MOST_AT_ONCE or taker.came.acquire(timeout=10)
        (refused,) = wait(posts, 10, FIRST_COMPLETED).done
        assert refused.result().status_code == 503
        assert client.get("/healthz").status_code == 200
        taker.hold.set()
        assert sorted(post.result().status_code for post in posts) == [200] * MOST_AT_ONCE + [503]


def test_headers_that_prove_nothing_are_answered_before_the_body_is_read(client: httpx.Client, taker: Taker) -> None:
    place = urlsplit(str(client.base_url))
    with socket.create_connection((place.hostname or "", place.port or 0), 10) as made:
        made.sendall(b"POST /hooks/one HTTP/1.1\r\nHost: x\r\nX-Forged: 1\r\nContent-Length: 100\r\n\r\n")
        assert made.recv(100).startswith(b"HTTP/1.1 403 ")
    assert taker.posts == []


def test_whoever_is_slow_in_one_network_keeps_no_other_out(taker: Taker) -> None:
    app = create_app(web_deps(hooks=taker, trusted_proxies=("127.0.0.1",)), make_pages())
    with serving(app) as address, httpx.Client(base_url=address) as client, ExitStack() as slow:
        place = urlsplit(address)
        for number in range(MOST_AT_ONCE + 1):
            made = slow.enter_context(socket.create_connection((place.hostname or "", place.port or 0), 10))
            head = f"POST /hooks/one HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.{number}\r\nContent-Length: 9\r\n\r\n"
            made.sendall(head.encode())
            if number >= MOST_OF_ONE:
                assert made.recv(100).startswith(b"HTTP/1.1 503 ")
        assert client.post("/hooks/one", content=b"1", headers={"X-Forwarded-For": "192.0.2.99"}).status_code == 503
        assert client.post("/hooks/one", content=b"2", headers={"X-Forwarded-For": "198.51.100.1"}).status_code == 200
    assert [post.body for post in taker.posts] == [b"2"]


def test_a_signed_post_is_in_the_database_when_it_is_answered(database: Database, clock: ManualClock) -> None:
    def keep(arrival: Arrival) -> Kept:
        with database.write() as session:
            return InboundStore(session).keep(arrival, now=clock.now())

    config = {"grid": WebhookConfig(provider="sendgrid", public_key=public_key())}
    door = HookDoor(config, keep, clock, kept=lambda: None, fetch=Web().fetch)
    with house(database, clock, hooks=door) as home:
        post = sendgrid([{"event": "open"}], at=clock.now())
        for _ in range(2):
            assert home.client.post("/hooks/grid", content=post.body, headers=dict(post.headers)).status_code == 200
        assert home.client.post("/hooks/grid", content=post.body + b" ", headers=dict(post.headers)).status_code == 403
        with database.read() as session:
            (record,) = InboundStore(session).latest()
            stored = InboundStore(session).stored(record.id)
        assert stored is not None
        assert stored.arrival.raw == post.body
