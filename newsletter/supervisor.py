"""Several processes of the same kind on one machine, kept alive by one that does nothing else."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence

from newsletter.errors import NewsletterError

log = logging.getLogger(__name__)

#: The exit code of a command that says what is wrong and what to do about it.
FAILED = 1


class SupervisorError(NewsletterError):
    """The processes cannot be kept running."""


class Supervisor:
    """Keeps ``count`` processes of one command running, and ends with the last of them.

    One that ends by itself is started again: after ``first_wait`` seconds, and each time after twice as long, up to
    ``longest_wait``; one that lived for ``steady_after`` begins anew. A command that cannot start at all, as each of the first
    ``tries`` processes said so within ``start_within`` seconds, is given up.

    The standard input of each process is a pipe that nothing is ever written to, and whose other end only this process has:
    however it ends, they read the pipe's end; see :func:`when_supervisor_ends`.

    Args:
        command: program and arguments.
        count: processes.
        drain: seconds a process has to end after it was told to; then it is killed.
        first_wait: see above, in seconds, as the next four.
        longest_wait: see above.
        steady_after: see above.
        start_within: see above.
        tries: see above.
    """

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        *,
        drain: float,
        first_wait: float = 1.0,
        longest_wait: float = 60.0,
        steady_after: float = 60.0,
        start_within: float = 5.0,
        tries: int = 3,
    ) -> None:
        self._command = tuple(command)
        self._count = count
        self._drain = drain
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._steady_after = steady_after
        self._start_within = start_within
        self._tries_left = tries
        self._has_started = False
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Keep them running until SIGTERM or SIGINT; then tell each of them to end, and wait for it.

        Raises:
            SupervisorError: the command cannot start; its own words went to standard error.
        """
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stop.set)
        reading, writing = os.pipe()
        try:
            await asyncio.gather(*(self._keep(number, reading) for number in range(1, self._count + 1)))
        finally:
            os.close(reading)
            os.close(writing)
        if not self._tries_left and not self._has_started:
            raise SupervisorError("the processes cannot start; see above what they said, mend it, then start again")

    async def _keep(self, number: int, pipe: int) -> None:
        loop = asyncio.get_running_loop()
        wait = self._first_wait
        while not self._stop.is_set():
            began = loop.time()
            code = await self._run_one(number, pipe)
            lived = loop.time() - began
            if self._stop.is_set():
                break
            if lived >= self._steady_after:
                wait = self._first_wait
            log.warning("supervisor.ended number=%d code=%d lived=%.1fs again_in=%.2fs", number, code, lived, wait)
            self._judge(code, lived)
            await self._until_stopped(wait)
            wait = min(2 * wait, self._longest_wait)

    async def _run_one(self, number: int, pipe: int) -> int:
        """Start a process and return its exit code; that of a failure if the machine has no room for it, or no such program."""
        try:
            # In a session of its own, so that Ctrl-C reaches it as SIGTERM, once, and through here.
            process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, start_new_session=True)
        except OSError as error:
            log.error("supervisor.not_started number=%d problem=%s", number, error.strerror)  # noqa: TRY400 - says it all
            return FAILED
        log.info("supervisor.started number=%d pid=%d", number, process.pid)
        return await self._watch(process)

    async def _watch(self, process: asyncio.subprocess.Process) -> int:
        """Return the exit code of ``process``, after passing on that it shall end, should that come."""
        ended = asyncio.ensure_future(process.wait())
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            done, _ = await asyncio.wait((ended, stopped), timeout=self._start_within, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                self._has_started = True
                await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                process.send_signal(signal.SIGTERM)
                await asyncio.wait((ended,), timeout=self._drain)
            if not ended.done():
                # Bearable, as any kill is: what it held is taken over.
                log.warning("supervisor.killed pid=%d", process.pid)
                process.kill()
            return await ended
        finally:
            stopped.cancel()

    def _judge(self, code: int, lived: float) -> None:
        if self._has_started or code != FAILED or lived >= self._start_within:
            return
        self._tries_left = max(self._tries_left - 1, 0)
        if not self._tries_left:
            self._stop.set()

    async def _until_stopped(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return


def when_supervisor_ends(act: Callable[[], object]) -> None:
    """Call ``act`` in the running event loop once the supervisor that started this process is gone, however it ended."""
    loop = asyncio.get_running_loop()
    pipe = sys.stdin.fileno()

    def read() -> None:
        if not os.read(pipe, 1024):
            loop.remove_reader(pipe)
            act()

    loop.add_reader(pipe, read)
