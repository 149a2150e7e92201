"""A whole program on a temporary folder, for tests of the flow from papers to mails."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

from newsletter.app import App, Built
from newsletter.clock import ManualClock
from newsletter.config_file import load
from newsletter.delivery.ledger.account import Account, Accounts
from newsletter.delivery.sending.handout import Scope
from newsletter.delivery.sending.sender import SendReport
from newsletter.digest.model import Issue
from newsletter.schedule.slots import latest_slot
from newsletter.serving import next_hop, serve
from subscribers.model import Cadence, Choices, ConsentMethod, Interests

Result = TypeVar("Result")
SETTINGS = """\
[database]
url = "{url}"
[web]
base_url = "{base_url}"
[newsletters.papers]
postal_address = "Example Lab, 1 Sample Street"
size = 5
[newsletters.robots]
name = "Robot Papers"
list_id = "robots.example.org"
size = 5
"""

#: Fields of an issue's mail, in their order.
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
]


@contextmanager
def program(
    folder: Path, url: str, clock: ManualClock, *, base_url: str = "https://papers.example.org", extra: str = ""
) -> Iterator[App]:
    """The program on the migrated database at ``url``, with everything else in ``folder``; mails go to the built-in inbox."""
    path = folder / "config.toml"
    path.write_text(SETTINGS.format(url=url, base_url=base_url) + extra, encoding="utf-8")
    app = App(load(path), clock=clock)
    try:
        yield app
    finally:
        app.close()


@contextmanager
def served(
    folder: Path, url: str, clock: ManualClock, *, base_url: str = "", extra: str = "", with_studio: bool = False
) -> Iterator[tuple[App, str]]:
    """The program with its pages open, and all that works behind them, in a thread of its own.

    Its mails name the address it is open at, or ``base_url``.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def body(app: App) -> None:
        stop = asyncio.Event()
        try:
            async with serve(app, port=port, with_studio=with_studio, config_file=folder / "config.toml"):
                ready.set_result((asyncio.get_running_loop(), stop))
                await stop.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    with program(folder, url, clock, base_url=base_url or address, extra=extra) as app:
        thread = threading.Thread(target=lambda: asyncio.run(body(app)))
        thread.start()
        loop, stop = ready.result()
        try:
            yield app, address
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()


def wait_for(condition: Callable[[], Result | None], *, seconds: float = 20.0) -> Result:
    """Return what ``condition`` returns once it is something; for what happens behind an answer that was given already."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def take_in(app: App, folder: Path, papers: dict[str, int], *, listed_at: datetime | None = None) -> None:
    """Take papers in by title, with their votes."""
    listed = listed_at or app.clock.now() - timedelta(hours=2)
    lines = [
        {
            "title": title,
            "abstract": "We study small things and say how many there are.",
            "authors": ["Ada Example"],
            "listed_at": listed.isoformat(),
            "signals": [{"observed_at": (listed + timedelta(hours=1)).isoformat(), "votes": votes}],
        }
        for title, votes in papers.items()
    ]
    path = folder / "papers.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    outcome = app.fetching.take_file(path)
    assert not outcome.problem, outcome.problem


def numbered(first: int, last: int) -> dict[str, int]:
    """Papers called ``Paper first`` to ``Paper last``, the later ones with fewer votes."""
    return {f"Paper {number}": 10 * (100 - number) for number in range(first, last + 1)}


def subscribe(
    app: App, *addresses: str, newsletter: str = "papers", cadence: Cadence = Cadence.DAILY, interests: Interests | None = None
) -> None:
    """Add readers as an operator does."""
    for address in addresses:
        choices = Choices(cadence=cadence, interests=interests or Interests())
        app.subscribers.add(address, newsletter, choices, method=ConsentMethod.OPERATOR, wording="told us in person")


def build(app: App, *, newsletter: str = "papers", cadence: Cadence = Cadence.DAILY) -> Built:
    """Build the newest slot."""
    return app.build(newsletter, latest_slot(app.config.newsletters[newsletter], cadence, app.clock.now()))


def send(app: App, issue: Issue | None = None) -> SendReport:
    """Send an issue now, or all that is due, into the built-in inbox."""

    async def body() -> SendReport:
        async with next_hop(app) as smtp:
            scope = Scope() if issue is None else Scope(issue_id=issue.id, due_only=False)
            return await app.sender(smtp).run(scope)

    return asyncio.run(body())


def account(app: App, issue: Issue) -> Account:
    """The account of an issue."""
    with app.database.read() as session:
        return Accounts(session).account(issue.id)


def mails(app: App) -> list[EmailMessage]:
    """All caught mails, oldest first."""
    contents = [app.inbox.content(caught.number) for caught in reversed(app.inbox.messages(limit=1000))]
    parsed = [message_from_bytes(content or b"", policy=policy.default) for content in contents]
    return [mail for mail in parsed if isinstance(mail, EmailMessage)]


def text_of(mail: EmailMessage, subtype: str = "plain") -> str:
    """The text or HTML part of a mail."""
    part = mail.get_body((subtype,))
    assert part is not None
    return str(part.get_content())
