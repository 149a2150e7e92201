"""Group commit: the one thread through which a sending run writes the ledger, seen from its event loop.

All connections that wait share one commit: results first, then the intents that came with them. A connection's next intent is
thus never durable before its last result, and the database's write lock is fought for by one thread only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.delivery.ledger.journal import Journal
from newsletter.delivery.ledger.ledger import Ledger
from newsletter.delivery.ledger.records import record
from newsletter.delivery.ledger.roster import Roster
from newsletter.delivery.model import Claim, Outcome, Reason, Result

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0

T = TypeVar("T")


@dataclass(slots=True)
class _Batch:
    """What goes into one transaction, and what came of it: the intents that were accepted, or the error."""

    results: list[Result] = field(default_factory=list)
    returned: list[tuple[Claim, Reason | None]] = field(default_factory=list)
    intents: list[tuple[Claim, asyncio.Future[bool]]] = field(default_factory=list)
    flushes: list[asyncio.Future[None]] = field(default_factory=list)
    accepted: frozenset[int] = frozenset()
    error: Exception | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.results or self.returned or self.intents or self.flushes)


class LedgerWriter:
    """Group commits of intents and results. Use as a context: leaving it writes what is still waiting.

    While the database is in trouble, results are kept in memory and in the side journal, and tried again; an intent that cannot
    be written fails at once, so its message does not leave. All methods belong to the event loop.

    Attributes:
        unwritten: results that could not be written before the context was left; the journal has them for the next start.
        on_refused: called when an intent was refused, so that other claims may be void as well.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        roster: Roster,
        journal: Journal,
        thread: Executor,
        *,
        on_written: Callable[[Sequence[Result]], object] = lambda _results: None,
        patience: timedelta = timedelta(seconds=20),
    ) -> None:
        """Make a writer.

        Args:
            database: where the ledger is.
            clock: stamps what is written.
            roster: knows how long what this process holds is its own.
            journal: keeps results while the database does not.
            thread: of one worker; everything that touches the database or the journal happens there.
            on_written: told of results once they are durable.
            patience: how long leaving the context goes on trying to write results while the database is in trouble.
        """
        self.unwritten: tuple[Result, ...] = ()
        self._roster = roster
        self.on_refused: Callable[[], object] = lambda: None
        self._kept = database.keep()
        self._clock = clock
        self._journal = journal
        self._thread = thread
        self._on_written = on_written
        self._patience = patience.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._waiting = _Batch()
        self._is_busy = False
        self._is_kicked = False
        self._is_closed = False
        self._journaled = 0
        self._wait = FIRST_WAIT
        self._retry: asyncio.TimerHandle | None = None
        self._is_keeping = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._finish())
        await self._loop.run_in_executor(self._thread, self._kept.close)

    def intend(self, claim: Claim) -> asyncio.Future[bool]:
        """Make durable that the final dot of ``claim``'s message is about to leave; the answer says whether it may.

        The answer is an SQLAlchemyError if the database is in trouble: the dot must not leave.
        """
        future: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.intents.append((claim, future))
        self._kick()
        return future

    def may_leave(self, claim: Claim) -> bool:  # noqa: ARG002 - what one worker holds is its own, or none of it is
        """Whether an intent that was durable a moment ago still holds: this process was not stopped meanwhile."""
        return self._roster.may_leave()

    def record(self, claim: Claim, outcome: Outcome) -> None:
        """Queue a result; it is durable before, or together with, any intent that is asked for later."""
        self._waiting.results.append(Result(claim, outcome))
        if self._retry is not None and not self._is_keeping:
            # The next try may be seconds away, and this process may not live to see it.
            self._is_keeping = True
            self._loop.call_soon(self._keep_meanwhile)
        self._kick()

    def give_back(self, claim: Claim, reason: Reason | None = None) -> None:
        """Queue that ``claim``'s dot certainly never left; see :meth:`Ledger.give_back`."""
        self._waiting.returned.append((claim, reason))
        self._kick()

    async def flush(self) -> None:
        """Wait until everything that was queued before is durable.

        Raises:
            SQLAlchemyError: the database is in trouble.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.flushes.append(future)
        self._kick()
        await future

    async def run(self, job: Callable[[Session], T]) -> T:
        """Run ``job`` in a transaction of its own, after what is being written now.

        Raises:
            SQLAlchemyError: the database is in trouble; nothing was written.
        """
        return await self._loop.run_in_executor(self._thread, self._transact, job)

    def _transact(self, job: Callable[[Session], T]) -> T:
        with self._kept.write() as session:
            return job(session)

    def _kick(self) -> None:
        if not self._is_busy and not self._is_kicked:
            # Not at once: whatever else came in with the same look at the sockets goes into the same commit.
            self._is_kicked = True
            self._idle.clear()
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._is_kicked = False
        self._retry = None
        batch = self._waiting
        if self._is_busy or self._is_closed or batch.is_empty:
            return
        self._waiting = _Batch()
        self._is_busy = True
        # Whoever asked and was cancelled meanwhile has closed its connection: that intent must not be written.
        batch.intents = [intent for intent in batch.intents if not intent[1].done()]
        self._thread.submit(self._commit, batch)

    def _commit(self, batch: _Batch) -> None:
        """Write a batch; whatever goes wrong, results must not be lost and nobody may wait for ever."""
        try:
            if batch.results or batch.returned or batch.intents:
                self._write(batch)
            if self._journaled:
                self._journal.clear()
                self._journaled = 0
        except Exception as error:
            batch.error = error
            self._keep(batch.results)
        finally:
            self._loop.call_soon_threadsafe(self._committed, batch)

    def _write(self, batch: _Batch) -> None:
        now = self._clock.now()
        if batch.returned:
            with self._kept.write() as session:
                for reason in {reason for _, reason in batch.returned}:
                    Ledger(session).give_back([claim for claim, why in batch.returned if why is reason], now=now, reason=reason)
        if batch.results or batch.intents:
            batch.accepted = record(
                self._kept,
                results=[result.finding for result in batch.results],
                intents=[claim for claim, _ in batch.intents],
                now=now,
            )

    def _keep(self, results: list[Result]) -> None:
        fresh = results[self._journaled :]
        if not fresh:
            return
        try:
            self._journal.append(fresh)
            self._journaled = len(results)
        except OSError as error:
            log.critical("delivery.journal_unwritable results=%d error=%s", len(fresh), error.strerror)

    def _keep_meanwhile(self) -> None:
        """Let the journal have the results that came since the last try, while the next one is waited for."""
        self._is_keeping = False
        if self._retry is not None:
            self._loop.run_in_executor(self._thread, self._keep, list(self._waiting.results))

    def _committed(self, batch: _Batch) -> None:
        self._is_busy = False
        if batch.error is not None:
            self._fail(batch, batch.error)
            return
        if self._wait > FIRST_WAIT:
            log.warning("delivery.ledger_writable_again results=%d", len(batch.results))
            self._wait = FIRST_WAIT
        for claim, may_leave in batch.intents:
            if not may_leave.done():
                may_leave.set_result(claim.delivery_id in batch.accepted)
        for flushed in batch.flushes:
            if not flushed.done():
                flushed.set_result(None)
        if len(batch.accepted) < len(batch.intents):
            self.on_refused()
        if batch.results:
            self._on_written(batch.results)
        if self._waiting.is_empty:
            self._idle.set()
        else:
            self._kick()

    def _fail(self, batch: _Batch, error: Exception) -> None:
        # A database error's text may hold values of rows; any other is a fault in the program, and shown whole.
        log.critical(
            "delivery.ledger_unwritable results=%d retry_in=%.1f error=%s",
            len(batch.results),
            self._wait,
            type(getattr(error, "orig", None) or error).__name__,
            exc_info=None if isinstance(error, StatementError) else error,
        )
        # Fail what others can ask for again; keep what is known here alone.
        self._waiting.results[:0] = batch.results
        self._waiting.returned[:0] = batch.returned
        futures: list[asyncio.Future[Any]] = []
        for failed in (batch, self._waiting):
            futures += [may_leave for _, may_leave in failed.intents]
            futures += failed.flushes
        for future in futures:
            if not future.done():
                future.set_exception(error)
        self._waiting.intents, self._waiting.flushes = [], []
        if not self._waiting.results and not self._waiting.returned:
            self._idle.set()
            return
        self._is_kicked = True
        self._retry = self._loop.call_later(self._wait, self._begin)
        self._keep_meanwhile()
        self._wait = min(self._wait * 2, LONGEST_WAIT)

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._idle.wait()
        except TimeoutError:
            self._is_closed = True
            self.unwritten = tuple(self._waiting.results)
            for result in self.unwritten:
                log.critical("delivery.result_unwritten delivery=%d state=%s", result.claim.delivery_id, result.outcome.state)
