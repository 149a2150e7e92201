"""The listening half of the program: the public pages, the ways mail comes in, and while none may leave, the built-in inbox."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from newsletter.app import App
from newsletter.bench import Bench
from newsletter.config import SmtpConfig
from newsletter.inbound.entrances.imap import ImapPoller
from newsletter.preview.inbox.pages import inbox_pages
from newsletter.preview.inbox.store import InboxServer
from newsletter.preview.studio.pages import studio_pages
from newsletter.preview.studio.watching import watching
from newsletter.reception import Reception
from newsletter.web.app import create_app
from newsletter.web.server import Server, event_loop_factory

log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: Seconds in which a look into the mailbox may end when it is told to; what it was about is found by the next one.
LAST_LOOK = 5.0
#: Seconds after which the mailbox is asked again when asking it failed in a way that nobody thought of.
ASK_AGAIN = 60.0


class Way(StrEnum):
    """A way in that is asked or opened here: the mailbox of ``[inbound.imap]``, the listener of ``[inbound.listen]``."""

    MAILBOX = "mailbox"
    LISTENER = "listener"


def run_in_loop(main: Coroutine[Any, Any, Result]) -> Result:
    """Run ``main`` to its end in a new event loop, the fastest that is installed, and return what it returns."""
    with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
        return runner.run(main)


@dataclass(frozen=True, slots=True)
class Serving:
    """What listens: addresses to open by name, and where mail goes; ``send_notices`` has those that wait sent now."""

    addresses: dict[str, str]
    smtp: SmtpConfig
    send_notices: Callable[[], None]


@asynccontextmanager
async def next_hop(app: App) -> AsyncIterator[SmtpConfig]:
    """Yield where mail goes: the configured relay, or the built-in inbox, which listens as long as the context is open.

    Raises:
        InboxError: the inbox's port cannot be had.
    """
    if app.config.smtp.host:
        yield app.config.smtp
        return
    server = InboxServer(app.inbox, app.clock, port=app.config.inbox.port)
    await server.start()
    try:
        yield app.config.smtp.model_copy(update={"host": server.host, "port": server.port, "security": "none", "username": ""})
    finally:
        await server.stop()


@asynccontextmanager
async def serve(
    app: App,
    *,
    host: str | None = None,
    port: int | None = None,
    with_studio: bool = False,
    config_file: Path | None = None,
    smtp: SmtpConfig | None = None,
    kept: Callable[[], None] = lambda: None,
) -> AsyncIterator[Serving]:
    """Serve the public pages, with what works behind them and the inbox while it catches the mail, till the context is left.

    Args:
        app: the program.
        host: address to listen on instead of the configured one.
        port: likewise; 0 takes any free one.
        with_studio: whether the studio is there as well, for the operator's own eyes.
        config_file: read anew by the studio when it changes; None: the configuration stays as it is.
        smtp: where mail goes, of a caller who has :func:`next_hop` open; None opens it here.
        kept: has acted upon what a webhook stored, from any thread; by default whoever looks for it finds it.

    Raises:
        WebError: the address cannot be had.
        InboxError: the inbox's port cannot be had.
    """
    keeps_mail = not app.config.smtp.host
    async with AsyncExitStack() as stack:
        if smtp is None:
            smtp = await stack.enter_async_context(next_hop(app))
        routers = []
        if keeps_mail:
            routers.append(inbox_pages(app.inbox, app.pages, app.pictures.content))
        bench = Bench(app, config_file, smtp) if with_studio else None
        if bench is not None:
            routers.append(studio_pages(bench.looking, bench.watch, bench.errands, app.pages))
        reception = await stack.enter_async_context(Reception(app, smtp))
        web = create_app(app.web_deps(wake=reception.wake, kept=kept), app.pages, routers=routers)
        server = Server(web, host or app.config.web.host, app.config.web.port if port is None else port)
        await server.start()
        stack.push_async_callback(server.stop)
        base = f"http://{_to_open(host or app.config.web.host)}:{server.port}"
        addresses = {"sign-up": f"{base}/"}
        if keeps_mail:
            addresses["inbox"] = f"{base}/inbox"
        if bench is not None:
            await stack.enter_async_context(watching(bench.watch))
            addresses["preview"] = f"{base}/preview"
        yield Serving(addresses, smtp, reception.wake)


@asynccontextmanager
async def entrances(app: App, ways: Collection[Way], *, kept: Callable[[], None]) -> AsyncIterator[dict[str, str]]:
    """Take mail in as long as the context is open, by those of ``ways`` that are configured.

    Args:
        app: the program.
        ways: to take it in by.
        kept: has acted upon what was stored, from any thread.

    Yields:
        What listens or is asked, by name.

    Raises:
        ListenError: the listener's address cannot be had.
    """
    config, opened = app.config.inbound, {}
    async with AsyncExitStack() as stack:
        if Way.LISTENER in ways and config.listen.port:
            listener = app.listener(kept=kept)
            await listener.start()
            stack.push_async_callback(listener.stop)
            opened["mail"] = f"{config.listen.protocol}://{config.listen.host}:{listener.port}"
        if Way.MAILBOX in ways and config.imap.host:
            poller, stop = app.mailbox(kept=kept), threading.Event()
            thread = threading.Thread(target=_ask, args=(poller, stop), name="mailbox", daemon=True)
            thread.start()
            stack.push_async_callback(_end_thread, thread, stop)
            opened["mailbox"] = f"imap://{config.imap.host}:{config.imap.port}"
        yield opened


def _ask(poller: ImapPoller, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            poller.run(stop)
        except Exception as error:
            # It looks after what is to be expected by itself. Whatever else comes must not end the asking for good.
            log.error("serving.mailbox_failed error=%s", type(error).__name__)  # noqa: TRY400 - a traceback would log what somebody wrote
            stop.wait(ASK_AGAIN)


async def _end_thread(thread: threading.Thread, stop: threading.Event) -> None:
    stop.set()
    await asyncio.to_thread(thread.join, LAST_LOOK)
    if thread.is_alive():
        log.warning("serving.left_behind thread=%s", thread.name)


def _to_open(host: str) -> str:
    # A server that listens everywhere is opened here by this machine's own name; the inbox answers to no other.
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
