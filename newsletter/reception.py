"""What happens behind the sign-up form: sign-ups are looked at, notices leave, what nobody confirmed is cleared away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from newsletter.app import App
from newsletter.config import SmtpConfig

log = logging.getLogger(__name__)

#: Seconds between two looks when nobody wakes it: for notices to be tried again, and sign-ups another process took in.
LOOK_EVERY = 15.0
#: Seconds between two rounds of clearing away.
CLEAR_EVERY = 3600.0


class Reception:
    """Works as long as the context is open, and at once when it is woken.

    All it does is in the database, so nothing is lost if it dies, and any number of receptions may work on one database.
    Looking at sign-ups, sending and clearing away do not wait for each other: a relay may take minutes for its last answer.
    """

    def __init__(self, app: App, smtp: SmtpConfig) -> None:
        self._app = app
        self._smtp = smtp
        self._stop = asyncio.Event()
        self._sign_ups, self._notices = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            asyncio.create_task(self._work("sign_ups", self._look, self._sign_ups, LOOK_EVERY)),
            asyncio.create_task(self._work("notices", self._send, self._notices, LOOK_EVERY)),
            asyncio.create_task(self._work("clearing", self._clear, asyncio.Event(), CLEAR_EVERY)),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    def wake(self) -> None:
        """Have it look now; from any thread."""
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._sign_ups.set()
        self._notices.set()

    async def _work(self, name: str, step: Callable[[], Awaitable[object]], wake: asyncio.Event, every: float) -> None:
        stopped = asyncio.ensure_future(self._stop.wait())
        while not stopped.done():
            wake.clear()
            try:
                await step()
            except Exception as error:  # unattended: one failure is logged, the next look tries again
                # A database error's text may hold values of rows.
                log.error("reception.failed worker=%s error=%s", name, type(error).__name__)  # noqa: TRY400 - a traceback would log values of rows, such as addresses
            woken = asyncio.ensure_future(wake.wait())
            await asyncio.wait((stopped, woken), timeout=every, return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()

    async def _look(self) -> None:
        while not self._stop.is_set():
            began = self._loop.time()
            if not await asyncio.to_thread(self._app.desk.process):
                return
            self._notices.set()
            # As long again for others: requests and notices need the processor, and SQLite's one write lock, as well.
            await asyncio.sleep(self._loop.time() - began)

    async def _send(self) -> None:
        report = await self._app.notice_sender(self._smtp).run(self._stop)
        if report.problem:
            log.warning("reception.notices_wait problem=%s", report.problem)

    async def _clear(self) -> None:
        await asyncio.to_thread(self._app.clear_away)
