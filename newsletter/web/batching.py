"""Group commit for requests: what comes in while one transaction is being written shares the next one."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Generic, Self, TypeVar

from newsletter.web.errors import WebError

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")


class BusyError(WebError):
    """More waits already than can be dealt with soon; nothing was taken in. Ask again in a few seconds."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T, R]):
    item: T
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[R]


class Batcher(Generic[T, R]):
    """Runs ``work`` in a thread of its own on all items that wait, again and again until none does.

    One item alone is worked on at once; the longer a batch takes, the more share the next. Any event loop may submit. The
    thread starts with the first item, and a program that ends waits for the batch under way.

    Args:
        work: does one batch, in one transaction; returns one result an item, in their order. What it raises goes to every item
            of that batch, and to no other.
        name: of the thread, and in the log.
        most: largest batch.
        room: items that may wait; one more is refused with :class:`BusyError`.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]], *, name: str, most: int = 500, room: int = 5000) -> None:
        self._work = work
        self._name = name
        self._most = most
        self._room = room
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._lock = Lock()
        self._is_working = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def submit(self, item: T) -> R:
        """Have ``item`` worked on and return its result; once taken in it is worked on even if the caller stops waiting.

        Raises:
            BusyError: too many wait already.
            RuntimeError: the batcher is closed.
            Exception: whatever ``work`` raised for the batch.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        with self._lock:
            if len(self._waiting) >= self._room:
                raise BusyError(f"{self._name}: {self._room} requests wait already; try again in a few seconds")
            if not self._is_working:
                self._thread.submit(self._run)
                self._is_working = True
            self._waiting.append(_Waiting(item, loop, answer))
        return await answer

    async def close(self) -> None:
        """Finish what was taken in, and take nothing more."""
        await asyncio.to_thread(self._thread.shutdown)

    def _run(self) -> None:
        while batch := self._next():
            results: Sequence[R] = ()
            failure: Exception | None = None
            try:
                results = self._results_of(batch)
            except Exception as error:
                logger.warning("web.batch_failed batch=%s items=%d error=%s", self._name, len(batch), type(error).__name__)
                failure = error
            self._tell(batch, results, failure)

    def _results_of(self, batch: Sequence[_Waiting[T, R]]) -> Sequence[R]:
        results = self._work([waiting.item for waiting in batch])
        if len(results) != len(batch):
            raise RuntimeError(f"{self._name}: {len(results)} results for {len(batch)} items")
        return results

    def _next(self) -> list[_Waiting[T, R]]:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            self._is_working = bool(batch)
            return batch

    def _tell(self, batch: Sequence[_Waiting[T, R]], results: Sequence[R], failure: Exception | None) -> None:
        # One call for a loop and not for an answer: each costs a lock and a write to the loop's pipe.
        by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[R], int]]] = defaultdict(list)
        for number, waiting in enumerate(batch):
            by_loop[waiting.loop].append((waiting.answer, number))

        def settle(answers: Sequence[tuple[asyncio.Future[R], int]]) -> None:
            for answer, number in answers:
                if answer.cancelled():
                    continue
                if failure is None:
                    answer.set_result(results[number])
                else:
                    answer.set_exception(failure)

        for loop, answers in by_loop.items():
            with suppress(RuntimeError):  # that loop has ended, and with it everybody who waited there
                loop.call_soon_threadsafe(settle, answers)
