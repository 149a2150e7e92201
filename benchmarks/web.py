"""How many requests a second one server process takes: ``python benchmarks/web.py --requests 10000``.

Aim: at least 1,000/s each of sign-ups (``POST /subscribe``, a form) and one-click exits (``POST /unsubscribe/{token}``, each of
another reader), with the database on disk (SQLite, ``synchronous=FULL``). In the first rows the process only answers; in the
rows "all at work" it also looks at the sign-ups and mails the letters to confirm meanwhile, into the built-in inbox. Each row
says how it compares with a bare Starlette "ok" on the same server, measured before and after. The clients are processes of
their own, with 64 connections.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import re
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from sqlalchemy import func, insert, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from newsletter.app import App
from newsletter.clock import SystemClock
from newsletter.config_file import load
from newsletter.reception import Reception
from newsletter.serving import next_hop
from newsletter.web.app import create_app
from newsletter.web.server import Server, event_loop_factory
from subscribers.tables import ConsentRow, SignUpRow, SubscriberRow, SubscriptionRow

CONNECTIONS = 64
CLIENT_PROCESSES = 2
SETTINGS = """\
[database]
url = "{url}"
[web]
trusted_proxies = ["127.0.0.1"]
[signup]
network_per_hour = 1000000
total_per_hour = 100000000
form_age = "0.001s"
[newsletters.papers]
"""
CONTEXT = multiprocessing.get_context("spawn")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--url", help="an empty, migrated database; default: a SQLite file of its own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = options.url or f"sqlite:///{folder}/newsletter.db"
        (folder / "config.toml").write_text(SETTINGS.format(url=url), encoding="utf-8")
        app = opened(folder)
        app.database.ready()
        tokens = add_readers(app, options.requests)
        bare = [b"".join(post("/ok", b"x=1")) for _ in range(options.requests)]
        print(f"{'':<24}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'of bare':>9}")
        with server(serve_bare, folder) as port:
            reference = measure("bare Starlette", port, bare, 0.0)
        with server(serve_pages, folder) as port:
            measure("POST /subscribe", port, sign_ups(port, options.requests), reference)
            with app.database.read() as session:
                assert session.scalar(select(func.count()).select_from(SignUpRow)) == options.requests
            one_click = [b"".join(post(f"/unsubscribe/{token}", b"List-Unsubscribe=One-Click")) for token in tokens]
            measure("POST /unsubscribe", port, one_click, reference)
            with app.database.read() as session:
                assert session.scalar(select(func.count()).select_from(SubscriptionRow)) == 0
            measure("the same once more", port, one_click, reference)
        with server(serve_all, folder) as port:
            # What waited from the rows above is looked at as well, from the start.
            measure("all at work: subscribe", port, sign_ups(port, options.requests, "later"), reference)
            measure("all at work: leave", port, one_click, reference)
        with server(serve_bare, folder) as port:
            measure("bare Starlette", port, bare, reference)
        app.close()


def opened(folder: Path) -> App:
    """The program on the configuration in ``folder``."""
    return App(load(folder / "config.toml"))


def add_readers(app: App, count: int) -> list[str]:
    """Add that many readers, and return the token each leaves with."""
    now = SystemClock().now()
    people = [
        {
            "address": f"reader-{number}@example.org",
            "address_key": f"reader-{number}@example.org",
            "state": "active",
            "token_epoch": 0,
            "created_at": now,
            "changed_at": now,
        }
        for number in range(count)
    ]
    choices = {"cadence": "daily", "local_hour": 8, "zone": "UTC", "interests": {}, "created_at": now, "changed_at": now}
    consent = {"event": "confirmed", "method": "web", "wording": "Yes", "detail": "", "at": now}
    with app.database.write() as session:
        session.execute(insert(SubscriberRow), people)
        found = list(session.scalars(select(SubscriberRow).order_by(SubscriberRow.id)))
        for table, values in ((SubscriptionRow, choices), (ConsentRow, consent)):
            rows = [{"subscriber_id": person.id, "newsletter": "papers", **values} for person in found]
            session.execute(insert(table), rows)
        return [app.link_keys.make_unsubscribe(person, "papers") for person in found]


def sign_ups(port: int, count: int, names: str = "new") -> list[bytes]:
    """Sign-ups of as many people, from as many networks as chance gives."""
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/").read().decode()
    seal = re.search(r'name="form" value="([^"]+)"', page)
    assert seal is not None
    chance = random.Random(8058)  # noqa: S311 - repeatable, not a secret

    def one(number: int) -> bytes:
        network = ".".join(str(chance.randint(1, 223)) for _ in range(4))
        choices = {"cadence": "weekly", "hour": "8", "zone": "Europe/Berlin"}
        form = {"address": f"{names}-{number}@example.org", **choices, "form": seal[1]}
        return b"".join(post("/subscribe", urlencode(form).encode(), f"X-Forwarded-For: {network}\r\n"))

    return [one(number) for number in range(count)]


def post(path: str, body: bytes, more: str = "") -> tuple[bytes, bytes]:
    """The bytes of a form's POST: head and body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: papers.example.org\r\nUser-Agent: benchmark\r\nAccept: */*\r\n{more}"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


# The server's process.


def serve_bare(_folder: Path, pipe: Connection) -> None:
    """Serve "ok"."""

    async def answer(request: Request) -> PlainTextResponse:
        await request.body()
        return PlainTextResponse("ok\n")

    _serve(Starlette(routes=[Route("/ok", answer, methods=["POST"])]), pipe)


def serve_pages(folder: Path, pipe: Connection) -> None:
    """Serve the pages; what is taken in is looked at by nobody, as in a process of its own."""
    app = opened(folder)
    _serve(create_app(app.web_deps(wake=lambda: None), app.pages), pipe)


def serve_all(folder: Path, pipe: Connection) -> None:
    """Serve the pages, and do all that follows from what is taken in."""
    app = opened(folder)

    async def run() -> None:
        async with next_hop(app) as smtp, Reception(app, smtp) as reception:
            await _answer(create_app(app.web_deps(wake=reception.wake), app.pages), pipe)

    _run(run())


def _serve(app: ASGIApp, pipe: Connection) -> None:
    _run(_answer(app, pipe))


async def _answer(app: ASGIApp, pipe: Connection) -> None:
    server = Server(app, "127.0.0.1", 0)
    await server.start()
    pipe.send(server.port)
    await asyncio.to_thread(pipe.recv)
    await server.stop()


def _run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
        runner.run(work)


@contextmanager
def server(target: Callable[[Path, Connection], None], folder: Path) -> Iterator[int]:
    """Run ``target`` in a process of its own and yield its port."""
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=target, args=(folder, theirs), daemon=True)
    process.start()
    try:
        yield int(ours.recv())
    finally:
        ours.send("stop")
        process.join(10)


# The clients' processes.


class Client(asyncio.Protocol):
    """One connection that sends a request when the one before is answered."""

    def __init__(self, requests: Iterator[bytes], seconds: list[float], done: asyncio.Future[None]) -> None:
        self._requests, self._seconds, self._done = requests, seconds, done
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        self._seconds.append(time.perf_counter() - self._began)
        assert head.startswith(b"HTTP/1.1 200 "), self._received
        self._received = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server hung up"))

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._done.set_result(None)
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)


def ask(port: int, requests: Sequence[bytes], connections: int, start: float) -> tuple[float, float, list[float]]:
    """Send the requests from ``start`` on; return when that began and ended, and the seconds of each."""

    async def run() -> tuple[float, float, list[float]]:
        loop = asyncio.get_running_loop()
        rest, seconds = iter(requests), list[float]()
        await asyncio.sleep(max(0.0, start - time.time()))
        began = time.time()
        waits = [loop.create_future() for _ in range(connections)]
        for done in waits:
            await loop.create_connection(partial(Client, rest, seconds, done), "127.0.0.1", port)
        await asyncio.gather(*waits)
        return began, time.time(), seconds

    with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
        return runner.run(run())


def measure(name: str, port: int, requests: Sequence[bytes], reference: float) -> float:
    """Send the requests, print a row, and return requests a second."""
    with CONTEXT.Pool(CLIENT_PROCESSES) as pool:
        start = time.time() + 1.5
        shares = [requests[number::CLIENT_PROCESSES] for number in range(CLIENT_PROCESSES)]
        each = CONNECTIONS // CLIENT_PROCESSES
        outcomes = pool.starmap(ask, [(port, share, each, start) for share in shares], chunksize=1)
    began, ended = min(outcome[0] for outcome in outcomes), max(outcome[1] for outcome in outcomes)
    milliseconds = [1000 * second for outcome in outcomes for second in outcome[2]]
    assert len(milliseconds) == len(requests)
    rate = len(requests) / (ended - began)
    p99 = statistics.quantiles(milliseconds, n=100)[98]
    share = f"{rate / reference:>9.2f}" if reference else ""
    print(f"{name:<24}{rate:>11,.0f}{statistics.median(milliseconds):>9.1f}{p99:>9.1f}{share}")
    return rate


if __name__ == "__main__":
    main()
