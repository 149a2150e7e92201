"""The one thread through which a sending process writes the ledger.

All connections that wait share one commit: results first, then the intents that came with them. A connection's next intent is
thus never durable before its last result, and the database's write lock is fought for by one thread only.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.delivery.ledger import Ledger
from newsletter.delivery.model import Claim, Outcome, Reason, Result

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0

T = TypeVar("T")


@dataclass(slots=True)
class _Batch:
    """What goes into one transaction."""

    results: list[Result] = field(default_factory=list)
    returned: list[tuple[Claim, Reason | None]] = field(default_factory=list)
    intents: list[tuple[Claim, Future[bool]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.results or self.returned or self.intents)


class LedgerWriter:
    """Group commits of intents and results. Use as a context: leaving it writes what is still waiting, and ends the thread.

    While the database is in trouble, results stay in memory and are tried again; an intent that cannot be written fails at
    once, so its message does not leave. A process that dies meanwhile leaves those messages in doubt, as any crash does.

    Attributes:
        unwritten: results that could not be written before the context was left; those messages are in doubt.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        lease: timedelta,
        on_written: Callable[[Result], object] = lambda _result: None,
        patience: timedelta = timedelta(seconds=20),
    ) -> None:
        """Make a writer.

        Args:
            database: where the ledger is.
            clock: stamps what is written.
            lease: how long an intent is held; must outlast the wait for the final reply.
            on_written: told of each result once it is durable, in the writer's thread.
            patience: how long leaving the context goes on trying to write results while the database is in trouble.
        """
        self.unwritten: tuple[Result, ...] = ()
        self._on_written = on_written
        self._database = database
        self._clock = clock
        self._lease = lease
        self._patience = patience
        self._wake = threading.Condition()
        self._waiting = _Batch()
        self._jobs: list[tuple[Callable[[Session], Any], Future[Any]]] = []
        self._close_by: float | None = None
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._wake:
            self._close_by = time.monotonic() + self._patience.total_seconds()
            self._wake.notify()
        await asyncio.shield(asyncio.to_thread(self._thread.join))

    async def intend(self, claim: Claim) -> bool:
        """Make durable that the final dot of ``claim``'s message is about to leave; say whether it may.

        Raises:
            SQLAlchemyError: the database is in trouble; the dot must not leave.
        """
        future: Future[bool] = Future()
        with self._wake:
            self._waiting.intents.append((claim, future))
            self._wake.notify()
        return await asyncio.wrap_future(future)

    def record(self, claim: Claim, outcome: Outcome) -> None:
        """Queue a result; it is durable before, or together with, any intent that is asked for later."""
        with self._wake:
            self._waiting.results.append(Result(claim, outcome))
            self._wake.notify()

    def give_back(self, claim: Claim, reason: Reason | None = None) -> None:
        """Queue that ``claim``'s dot certainly never left; see :meth:`Ledger.give_back`."""
        with self._wake:
            self._waiting.returned.append((claim, reason))
            self._wake.notify()

    async def run(self, job: Callable[[Session], T]) -> T:
        """Run ``job`` in a transaction of its own, after the results and intents that wait.

        Raises:
            SQLAlchemyError: the database is in trouble; nothing was written.
        """
        future: Future[T] = Future()
        with self._wake:
            self._jobs.append((job, future))
            self._wake.notify()
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        wait = FIRST_WAIT
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._jobs or self._close_by is not None)
                batch, self._waiting = self._waiting, _Batch()
                jobs, self._jobs = self._jobs[:1], self._jobs[1:]
            if not batch and not jobs:
                return
            try:
                self._commit(batch)
            except Exception as error:  # whatever it is, results must not be lost and nobody may wait for ever
                # A database error's text may hold values of rows; any other is a fault in the program, and shown whole.
                log.log(
                    logging.ERROR,
                    "delivery.ledger_unwritable results=%d retry_in=%.1f error=%s",
                    len(batch.results),
                    wait,
                    type(getattr(error, "orig", None) or error).__name__,
                    exc_info=not isinstance(error, StatementError),
                )
                self._fail(batch, jobs, error)
                if not self._may_try_again(batch, wait):
                    return
                wait = min(wait * 2, LONGEST_WAIT)
                continue
            wait = FIRST_WAIT
            for job, future in jobs:
                self._run(job, future)

    def _commit(self, batch: _Batch) -> None:
        # Whoever asked and was cancelled meanwhile has closed its connection: that intent must not be written.
        batch.intents = [(claim, future) for claim, future in batch.intents if future.set_running_or_notify_cancel()]
        if not batch:
            return
        now = self._clock.now()
        accepted = frozenset[int]()
        with self._database.write() as session:
            ledger = Ledger(session)
            ledger.record_results(batch.results, now=now)
            for reason in {reason for _, reason in batch.returned}:
                ledger.give_back([claim for claim, why in batch.returned if why is reason], now=now, reason=reason)
            if batch.intents:
                accepted = ledger.record_intent([claim for claim, _ in batch.intents], now=now, lease=self._lease)
        for result in batch.results:
            self._on_written(result)
        for claim, may_leave in batch.intents:
            may_leave.set_result(claim.delivery_id in accepted)

    def _fail(self, batch: _Batch, jobs: list[tuple[Callable[[Session], Any], Future[Any]]], error: Exception) -> None:
        """Fail what others can ask for again; keep what is known here alone."""
        for _, may_leave in batch.intents:
            may_leave.set_exception(error)
        for _, future in jobs:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
        with self._wake:
            self._waiting.results[:0] = batch.results
            self._waiting.returned[:0] = batch.returned

    def _may_try_again(self, batch: _Batch, wait: float) -> bool:
        with self._wake:
            was_closing = self._close_by is not None
            self._wake.wait_for(lambda: not was_closing and self._close_by is not None, timeout=wait)
            if self._close_by is None or time.monotonic() < self._close_by:
                return True
        self.unwritten = tuple(batch.results)
        for result in self.unwritten:
            log.critical("delivery.result_lost delivery=%d state=%s", result.claim.delivery_id, result.outcome.state)
        return False

    def _run(self, job: Callable[[Session], Any], future: Future[Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            with self._database.write() as session:
                value = job(session)
        except Exception as error:  # its caller's to judge; the thread has others to serve
            future.set_exception(error)
        else:
            future.set_result(value)
