"""One process that does it all: public pages, built-in inbox, schedule, sending."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from newsletter.app import App
from newsletter.config import SmtpConfig
from newsletter.serving import serve

log = logging.getLogger(__name__)


class Daemon:
    """Runs until it is told to stop.

    APScheduler only ticks. A tick wakes three workers (fetch, build, send), each of which asks the database what is due: a tick
    may come late, twice, or not at all.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._stop = asyncio.Event()
        self._wakes = {name: asyncio.Event() for name in ("fetch", "build", "send")}

    async def run(self, *, on_ready: Callable[[Mapping[str, str]], object] = lambda _addresses: None) -> None:
        """Serve and work until SIGTERM or SIGINT; then finish the running messages within ``delivery.drain``.

        Args:
            on_ready: told once which addresses to open, by name.
        """
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stop.set)
        scheduler = AsyncIOScheduler(timezone="UTC")
        async with serve(self._app) as serving:
            seconds = self._app.config.schedule.tick.total_seconds()
            scheduler.add_job(self._tick, "interval", seconds=seconds, misfire_grace_time=None, coalesce=True)
            scheduler.start()
            on_ready(serving.addresses)
            await asyncio.to_thread(self._app.resume_building)
            workers = [
                asyncio.create_task(self._work("fetch", lambda: _in_daemon_thread(self._app.ticker.fetch_if_due))),
                asyncio.create_task(self._work("build", self._build)),
                asyncio.create_task(self._work("send", lambda: self._send(serving.smtp))),
            ]
            await self._stop.wait()
            scheduler.shutdown(wait=False)
            fetching, *others = workers
            # A fetch may be waiting for a slow service; it holds nothing, so it is left behind.
            fetching.cancel()
            await asyncio.gather(*others)

    async def _tick(self) -> None:
        # A coroutine, so that it runs in this loop and not on a thread of the scheduler's.
        for wake in self._wakes.values():
            wake.set()

    async def _work(self, name: str, step: Callable[[], Awaitable[object]]) -> None:
        wake = self._wakes[name]
        while not self._stop.is_set():
            wake.clear()
            try:
                await step()
            except Exception:  # unattended: one failure is logged, the next tick tries again
                log.exception("daemon.failed worker=%s", name)
            await _first(wake, self._stop)

    async def _build(self) -> None:
        if await asyncio.to_thread(self._app.ticker.build_due):
            self._wakes["send"].set()

    async def _send(self, smtp: SmtpConfig) -> None:
        report = await self._app.sender(smtp).run(stop=self._stop)
        if report.problem:
            log.warning("daemon.sending_ended_early deferred=%d problem=%s", report.deferred, report.problem)


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _in_daemon_thread(work: Callable[[], object]) -> None:
    # Not the loop's executor: the interpreter would wait at its end for a thread that reads from a slow service.
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not done.done():
            done.set_result(None) if error is None else done.set_exception(error)

    def body() -> None:
        error: BaseException | None = None
        try:
            work()
        except Exception as failure:
            error = failure
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=body, name="fetch", daemon=True).start()
    await done
