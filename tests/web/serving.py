"""The real application on a real socket, for tests that look at it from outside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp

from newsletter.clock import Clock, ManualClock
from newsletter.config import NewsletterConfig, SignUpConfig, TrendingConfig
from newsletter.database import Database
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.web.archive import Archive, listed_paper
from newsletter.web.model import LatestIssue, ListedPaper, Masthead, WebDeps
from newsletter.web.pages import Pages
from newsletter.web.server import Server
from subscribers.confirming import Confirmations
from subscribers.desk import SignUpDesk
from subscribers.holdings import holdings_as_json
from subscribers.keys import LinkKeys
from subscribers.links import Links
from subscribers.service import SubscriberService
from subscribers.suppression import Hasher
from subscribers.tokens import KeyRing
from tests.subscribers.fakes import NoNotices

SECRET = b"a secret of at least thirty-two bytes"
BASE_URL = "https://papers.example.org"
PAPERS = NewsletterConfig()
ROBOTS = NewsletterConfig(
    name="Robot Papers",
    tagline="What moves by itself",
    list_id="robots.example.org",
    topics=("cs.RO", "cs.SY"),
    zone="Europe/Berlin",
)
ISSUE = LatestIssue(
    Masthead.of(PAPERS),
    214,
    "Friday 21 August 2026",
    (
        ListedPaper(
            "Lanterns: Reading a Map One Street at a Time",
            "Example Lab and 12 more",
            "https://example.org/1",
            92,
            ("+58 votes since yesterday", "97 stars on its code"),
        ),
        ListedPaper(
            "Slow Gardens: Pruning Networks With the Seasons", "Example Institute and 6 more", "https://example.org/2", 74
        ),
        ListedPaper("A Harbour for Small Boats: Training Without a Fleet", "Example University", "https://example.org/3"),
    ),
)


def web_deps(
    database: Database | None = None,
    clock: Clock | None = None,
    keys: LinkKeys | None = None,
    notices: NoNotices | None = None,
    **overrides: Any,
) -> WebDeps:
    """What the pages need: real services, on a database that nobody opened if none is given; ``overrides`` are fields."""
    database = database or Database("sqlite://")
    clock = clock or ManualClock(datetime(2026, 8, 21, 6, 0, tzinfo=UTC))
    keys, notices, hasher = keys or LinkKeys(KeyRing.of(SECRET)), notices or NoNotices(), Hasher(SECRET)
    signup: SignUpConfig = overrides.get("signup", SignUpConfig())
    subscribers = SubscriberService(database, clock, SECRET, notices=notices)
    values: dict[str, Any] = {
        "base_url": BASE_URL,
        "masthead": Masthead.of(PAPERS),
        "newsletters": {"papers": PAPERS},
        "latest_issue": lambda _newsletter=None: ISSUE,
        "paper": lambda seq: listed_paper(database, seq),
        "archive": Archive(database, overrides.get("newsletters", {"papers": PAPERS}), overrides.get("base_url", BASE_URL)),
        "trending": TrendingConfig(),
        "is_ready": lambda: True,
        "desk": SignUpDesk(database, clock, hasher, signup.limits, notices),
        "links": Links(database, clock, keys, notices),
        "confirmations": Confirmations(database, clock, keys, hasher, signup.limits, notices),
        "subscribers": subscribers,
        "held_of": lambda subscriber_id: holdings_as_json(subscribers.held(subscriber_id)),
        "clock": clock,
        "form_secret": SECRET,
        "signup": signup,
        "forget_deleted": lambda: None,
        "wake": lambda: None,
    }
    return WebDeps(**{**values, **overrides})


def make_pages(base_url: str = BASE_URL, folder: TemplateFolder | None = None) -> Pages:
    """Pages from the packaged templates, or from ``folder`` before them."""
    return Pages(folder or TemplateFolder(), base_url=base_url, masthead=Masthead.of(PAPERS))


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
