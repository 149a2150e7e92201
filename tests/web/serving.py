"""The real application on a real socket, for tests that look at it from outside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from newsletter.rendering.templates import TemplateFolder
from newsletter.web.model import LatestIssue, ListedPaper, Masthead, WebDeps
from newsletter.web.pages import Pages
from newsletter.web.server import Server

TOKEN = "k" * 32
MASTHEAD = Masthead("Trending Papers", "The research papers people are talking about")
ISSUE = LatestIssue(
    MASTHEAD,
    214,
    "Friday 21 August 2026",
    (
        ListedPaper("Lanterns: Reading a Map One Street at a Time", "Example Lab and 12 more", "https://example.org/1", 92),
        ListedPaper(
            "Slow Gardens: Pruning Networks With the Seasons", "Example Institute and 6 more", "https://example.org/2", 74
        ),
        ListedPaper("A Harbour for Small Boats: Training Without a Fleet", "Example University", "https://example.org/3"),
    ),
)


@dataclass
class FakeSubscribers:
    """Knows one token; remembers what was asked of it."""

    token: str = TOKEN
    is_subscribed: bool = True
    calls: list[str] = field(default_factory=list)

    def token_is_known(self, token: str) -> bool:
        return token == self.token

    def unsubscribe_by_token(self, token: str) -> bool:
        self.calls.append(token)
        if token != self.token:
            return False
        self.is_subscribed = False
        return True


def web_deps(
    subscribers: FakeSubscribers | None = None,
    *,
    issue: LatestIssue | None = ISSUE,
    base_url: str = "https://papers.example.org",
) -> WebDeps:
    """What the pages need, made of fakes."""
    return WebDeps(base_url, MASTHEAD, subscribers or FakeSubscribers(), lambda: issue, lambda: True)


def make_pages(base_url: str = "https://papers.example.org", folder: TemplateFolder | None = None) -> Pages:
    """Pages from the packaged templates."""
    return Pages(folder or TemplateFolder(), base_url=base_url, masthead=MASTHEAD)


@contextmanager
def serving(app: ASGIApp, *, request_seconds: float = 10.0) -> Iterator[str]:
    """Serve ``app`` on a free port of 127.0.0.1 from a thread of its own, and yield its address."""
    ready: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        leave = asyncio.Event()
        server = Server(app, "127.0.0.1", 0, request_seconds=request_seconds)
        try:
            await server.start()
        except BaseException as error:
            ready.set_exception(error)
            return
        ready.set_result((f"http://127.0.0.1:{server.port}", asyncio.get_running_loop(), leave))
        await leave.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    address, loop, leave = ready.result()
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join()
