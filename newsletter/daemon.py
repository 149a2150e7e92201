"""What runs unattended: the public pages, the schedule, the sending and mail that comes in, in one process or in one each."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from enum import StrEnum
from typing import Any, TypeVar

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.exc import SQLAlchemyError

from newsletter.app import App
from newsletter.config import Config, SmtpConfig
from newsletter.errors import ConfigError, NewsletterError
from newsletter.schedule.notes import send_notes
from newsletter.serving import Way, entrances, next_hop, serve

log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: Seconds between two looks for something to send; ``schedule.tick`` if that is less.
LOOK_EVERY = 5.0
#: A look may read a million rows that are due tomorrow: the pause behind it is at least so many times as long as it took.
LOOK_SHARE = 20
#: Seconds between two looks at what servers refused, and at the rates.
LOOK_AT_RETURNS_EVERY = 60.0
#: Seconds beyond ``delivery.drain`` after which what still runs is left behind.
SPARE = 2.0


class Role(StrEnum):
    """A part of the unattended work. Any number of processes may have the same one, on PostgreSQL on any machines.

    ``WEB``: the public pages, sign-ups, and the mails they cause. ``SCHEDULER``: asks the sources, builds issues. ``WORKER``:
    sends issues. ``INBOUND``: takes mail in and acts on what came, by whatever way.
    """

    WEB = "web"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    INBOUND = "inbound"


#: What mails leave from.
_SENDING = frozenset({Role.WEB, Role.WORKER})


def check_roles(config: Config, roles: Iterable[Role]) -> None:
    """Refuse roles that cannot be had apart from the others with this configuration.

    Raises:
        ConfigError: the built-in inbox lives in one process, so whatever sends through it must be that one.
    """
    wanted = frozenset(roles)
    if not config.smtp.host and wanted & _SENDING and wanted != frozenset(Role):
        raise ConfigError(
            "smtp.host",
            ["it is empty, and only 'newsletter run' has the built-in inbox; name your relay, or use 'newsletter run'"],
        )


class Daemon:
    """Does the work of its roles until it is told to stop.

    APScheduler only ticks. A tick wakes the jobs (fetch, build, send, inbound, returns), each of which asks the database what
    is due: a tick may come late, twice, or not at all. Between two ticks a worker looks for what other processes made due, and
    so does whoever acts on mails that came in.

    Args:
        app: the program.
        roles: what to do; all of it by default.
        ways: how mail comes in here, as far as the configuration has them; all of them by default.

    Raises:
        ConfigError: roles that cannot be had with this configuration.
    """

    def __init__(self, app: App, roles: Iterable[Role] = Role, *, ways: Iterable[Way] = Way) -> None:
        self._app = app
        self._roles = frozenset(roles)
        self._ways = frozenset(ways) if Role.INBOUND in self._roles else frozenset()
        check_roles(app.config, self._roles)
        self._stop = asyncio.Event()
        self._wakes = {name: asyncio.Event() for name in ("fetch", "build", "send", "inbound", "returns")}
        self._send_notices: Callable[[], None] = _nobody
        self._next_look_at_returns = 0.0
        self._tick_seconds = app.config.schedule.tick.total_seconds()

    def stop(self) -> None:
        """End it as SIGTERM does; from the event loop."""
        self._stop.set()

    async def run(self, *, on_ready: Callable[[Mapping[str, str]], object] = lambda _addresses: None) -> None:
        """Work until SIGTERM or SIGINT; then finish the running messages within ``delivery.drain``.

        Args:
            on_ready: told once which addresses to open, by name; none without the pages.

        Raises:
            WebError: the pages' address cannot be had.
            InboxError: the inbox's port cannot be had.
            ListenError: the address to take mail at cannot be had.
        """
        loop = self._loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stop.set)
        scheduler = AsyncIOScheduler(timezone="UTC")
        scheduler.add_job(self._tick, "interval", seconds=self._tick_seconds, misfire_grace_time=None, coalesce=True)
        async with AsyncExitStack() as stack:
            # Open to the end: the pages and the worker finish their mails at the same time, and both may need the inbox.
            smtp = self._app.config.smtp
            if self._roles & {Role.WEB, Role.WORKER}:
                smtp = await stack.enter_async_context(next_hop(self._app))
            opened: asyncio.Future[Mapping[str, str]] = loop.create_future()
            tasks = [asyncio.create_task(self._pages(smtp, opened), name="pages")] if Role.WEB in self._roles else []
            addresses = dict(await opened) if tasks else {}
            addresses |= await stack.enter_async_context(entrances(self._app, self._ways, kept=self._wake_inbound))
            on_ready(addresses)
            scheduler.start()
            tasks += [asyncio.create_task(job, name=name) for name, job in self._jobs(smtp).items()]
            await self._stop.wait()
            scheduler.shutdown(wait=False)
            await self._end(tasks)

    def _jobs(self, smtp: SmtpConfig) -> dict[str, Coroutine[Any, Any, None]]:
        jobs = {}
        if Role.SCHEDULER in self._roles:
            jobs["fetch"] = self._work("fetch", self._fetch)
            jobs["build"] = self._work("build", lambda: self._build(smtp))
        if Role.WORKER in self._roles:
            jobs["send"] = self._work("send", lambda: self._send(smtp), look=self._is_mail_due)
        if Role.INBOUND in self._roles:
            jobs["inbound"] = self._work("inbound", self._act_on_mails, look=self._is_inbound_due)
        if self._roles & {Role.INBOUND, Role.WORKER}:
            jobs["returns"] = self._work("returns", self._look_at_returns)
        return jobs

    async def _pages(self, smtp: SmtpConfig, opened: asyncio.Future[Mapping[str, str]]) -> None:
        try:
            async with serve(self._app, smtp=smtp, kept=self._wake_inbound) as serving:
                self._send_notices = serving.send_notices
                opened.set_result(serving.addresses)
                await self._stop.wait()
        except Exception as error:
            if opened.done():
                raise
            opened.set_exception(error)

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            # A fetch may be waiting for a slow service; it holds nothing, so it is left behind.
            if task.get_name() == "fetch":
                task.cancel()
        done, late = await asyncio.wait(tasks, timeout=self._app.config.delivery.drain.total_seconds() + SPARE)
        for task in late:
            # Whatever it is, it goes on after the next start: that is what every job must bear.
            log.warning("daemon.left_behind job=%s", task.get_name())
            task.cancel()
        for task in done:
            if not task.cancelled():
                task.result()

    async def _tick(self) -> None:
        # A coroutine, so that it runs in this loop and not on a thread of the scheduler's.
        for wake in self._wakes.values():
            wake.set()

    async def _work(
        self, name: str, step: Callable[[], Awaitable[bool]], *, look: Callable[[], Awaitable[bool]] | None = None
    ) -> None:
        """Do ``step`` at the start and at every tick; after one that went well also as soon as ``look`` finds something."""
        wake = self._wakes[name]
        while not self._stop.is_set():
            wake.clear()
            went_well = await _attempt(name, step)
            if look is None or not went_well:
                await _first(wake, self._stop)
                continue
            pause = least = min(LOOK_EVERY, self._tick_seconds)
            while not await _first(wake, self._stop, within=pause):
                began = asyncio.get_running_loop().time()
                # One that failed is left to the step, which waits for the next tick if it fails as well.
                if await _attempt(name, look, otherwise=True):
                    break
                pause = max(least, LOOK_SHARE * (asyncio.get_running_loop().time() - began))

    async def _fetch(self) -> bool:
        return await _in_daemon_thread(self._app.ticker.fetch_if_due)

    async def _build(self, smtp: SmtpConfig) -> bool:
        # Also what another scheduler began and did not live to end.
        resumed = await _in_daemon_thread(self._app.resume_building)
        if await _in_daemon_thread(self._app.ticker.build_due) or resumed:
            self._wakes["send"].set()
        # A scheduler by itself has no inbox to put them in.
        if smtp.host:
            await send_notes(self._app.notes, self._app.relays(smtp)[0].config)
        return True

    async def _send(self, smtp: SmtpConfig) -> bool:
        report = await self._app.sender(smtp).run(stop=self._stop)
        if report.problem:
            log.warning("daemon.sending_ended_early deferred=%d problem=%s", report.deferred, report.problem)
        return not report.problem

    async def _is_mail_due(self) -> bool:
        return await _in_daemon_thread(self._app.is_mail_due)

    async def _act_on_mails(self) -> bool:
        if await _in_daemon_thread(lambda: self._app.inbound.work(is_stopped=self._stop.is_set)):
            self._send_notices()
        return True

    async def _is_inbound_due(self) -> bool:
        return await _in_daemon_thread(self._app.inbound.has_work)

    async def _look_at_returns(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now >= self._next_look_at_returns:
            self._next_look_at_returns = now + LOOK_AT_RETURNS_EVERY
            if await _in_daemon_thread(self._app.look_at_returns):
                self._send_notices()
        return True

    def _wake_inbound(self) -> None:
        """Have mails acted on now; from any thread."""
        self._loop.call_soon_threadsafe(self._wakes["inbound"].set)


def _nobody() -> None:
    """Have notices sent by whoever looks for them in a while: the pages are another process's."""


async def _attempt(name: str, step: Callable[[], Awaitable[bool]], *, otherwise: bool = False) -> bool:
    """Return what ``step`` returns; ``otherwise`` if it failed, which is logged, as nobody is there to be told."""
    try:
        return await step()
    except NewsletterError as error:
        log.error("daemon.failed job=%s error=%s problem=%s", name, type(error).__name__, error)  # noqa: TRY400 - says it all
    except SQLAlchemyError as error:
        # Its text may hold values of rows.
        log.error("daemon.failed job=%s error=%s", name, type(error).__name__)  # noqa: TRY400 - a traceback would log values of rows, such as addresses
    except Exception:
        log.exception("daemon.failed job=%s", name)
    return otherwise


async def _first(*events: asyncio.Event, within: float | None = None) -> bool:
    """Wait until one of the events is set; False if that took longer than ``within`` seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for wait in waits:
            wait.cancel()


async def _in_daemon_thread(work: Callable[[], Result]) -> Result:
    # Not the loop's executor: the interpreter would wait at its end for a thread that reads from a slow service.
    outcome: Future[Result] = Future()
    # From here on it cannot be cancelled, so the thread may settle it even when nobody waits any more.
    outcome.set_running_or_notify_cancel()

    def body() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:
            outcome.set_exception(error)

    threading.Thread(target=body, name="job", daemon=True).start()
    return await asyncio.wrap_future(outcome)
