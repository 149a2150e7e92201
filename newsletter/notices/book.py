"""Giving out notices one by one and writing what becomes of them, for the lines of one run."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.delivery.model import Outcome, OutgoingMessage, Reason
from newsletter.delivery.sending.line import Job
from newsletter.notices.model import NoticeClaim, NoticeId
from newsletter.notices.store import NoticeStore

log = logging.getLogger(__name__)

#: How long a claim is held before its intent is written. Short, as people wait for what a dead process holds; a living one that
#: is slower loses its claim and finds its intent refused, so nothing is sent twice.
CLAIM_LEASE = timedelta(minutes=2)
#: Waits between tries to write a result while the database is in trouble; after the last the message counts as in doubt.
_PATIENCE = (0.1, 0.5, 2.0, 5.0, 10.0)

T = TypeVar("T")


class NoticeBook:
    """The notices as the lines of one run see them; see :class:`newsletter.delivery.sending.line.Line`.

    Everything that touches the database happens in one thread, in the order it was asked for.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        lease: timedelta,
        confirm_within: timedelta,
        look_every: timedelta,
        prepare: Callable[[NoticeClaim], OutgoingMessage | Outcome],
        stop: asyncio.Event,
        on_written: Callable[[NoticeClaim, Outcome], object],
    ) -> None:
        """Make a book for one run.

        Args:
            database: where the notices are.
            clock: decides what is due.
            lease: how long an intent is held; must outlast the wait for the final reply.
            confirm_within: how long a link to confirm works.
            look_every: time between two looks for new notices while another line is at work.
            prepare: makes a claim's message, or says what becomes of the claim instead; called in the book's thread.
            stop: when set, nothing more is given out.
            on_written: told of each result once it is durable, in the book's thread.
        """
        self.dropped = 0
        self._database = database
        self._clock = clock
        self._lease = lease
        self._confirm_within = confirm_within
        self._look_every = look_every
        self._prepare = prepare
        self._stop = stop
        self._on_written = on_written
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="notices")
        self._kept: deque[Job[NoticeClaim]] = deque()
        self._messages: dict[NoticeId, OutgoingMessage] = {}
        self._ours_until: dict[NoticeId, float] = {}
        self._one_at_a_time = asyncio.Lock()
        self._looking_now: asyncio.Task[None] | None = None
        self._at_work = 0
        self._changed = asyncio.Event()

    async def next(self, relay: str) -> Job[NoticeClaim] | None:  # noqa: ARG002 - any will do
        """Return the next message; None when nothing is due and no line is at work.

        While another line is, this one goes on looking: a server that keeps one message waiting for minutes must not keep
        the mails waiting that are asked for meanwhile.

        Raises:
            SQLAlchemyError: the database is in trouble.
        """
        while not self._stop.is_set():
            async with self._one_at_a_time:
                if not self._kept:
                    # Not to be cut off with its caller: what was claimed in the database must be known here.
                    self._looking_now = asyncio.create_task(self._look())
                    await asyncio.shield(self._looking_now)
            if self._kept:
                self._at_work += 1
                return self._kept.popleft()
            if not self._at_work:
                return None
            self._changed.clear()
            try:
                async with asyncio.timeout(self._look_every.total_seconds()):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return None

    def take_now(self, relay: str, *, behind: Job[NoticeClaim] | None = None) -> None:
        """Give none out: notices are claimed when they are asked for."""

    def begun(self, job: Job[NoticeClaim]) -> None:
        """Do nothing: no notice is taken behind another."""

    async def idle(self, seconds: float) -> bool:
        """Wait that long; False at once when there is nothing left to do."""
        if self._stop.is_set() or not (self._at_work or self._kept):
            return False
        await asyncio.sleep(seconds)
        return True

    def put_back(self, job: Job[NoticeClaim]) -> None:
        """Take back what was not tried; it is the next to be given out."""
        self._kept.appendleft(job)
        self._leave()

    def done(self, job: Job[NoticeClaim], *, went_well: bool) -> None:  # noqa: ARG002 - notices go to single people
        """Hear that a message was tried."""
        self._leave()

    def may_leave(self, claim: NoticeClaim) -> bool:
        """Whether an intent that was durable a moment ago still holds: this process was not stopped for most of its lease."""
        return self._clock.monotonic() < self._ours_until[claim.notice_id]

    async def intend(self, claim: NoticeClaim) -> bool:
        """Make durable that the final dot of ``claim``'s message is about to leave; say whether it may.

        Raises:
            SQLAlchemyError: the database is in trouble; the dot must not leave.
        """
        message = self._messages[claim.notice_id]
        self._ours_until[claim.notice_id] = self._clock.monotonic() + self._lease.total_seconds() / 2
        return await self._run(lambda: self._write_intent(claim, message))

    def record(self, claim: NoticeClaim, outcome: Outcome) -> None:
        """Queue a result; it is durable before any intent that is asked for later."""
        self._thread.submit(self._write_result, claim, outcome)
        self._forget(claim)

    def give_back(self, claim: NoticeClaim) -> None:
        """Queue that ``claim``'s dot certainly never left."""
        self._thread.submit(self._return, claim, None)
        self._forget(claim)

    async def close(self, reason: Reason | None) -> int:
        """Give back the claims nobody took, for ``reason``, write what is still waiting, and end; return how many they were."""
        if self._looking_now is not None:
            await asyncio.wait([self._looking_now])
        left = list(self._kept)
        for job in left:
            self._thread.submit(self._return, job.claim, reason)
        await asyncio.to_thread(self._thread.shutdown)
        return len(left)

    def _forget(self, claim: NoticeClaim) -> None:
        self._messages.pop(claim.notice_id, None)
        self._ours_until.pop(claim.notice_id, None)

    def _leave(self) -> None:
        self._at_work -= 1
        self._changed.set()

    async def _run(self, job: Callable[[], T]) -> T:
        future: Future[T] = self._thread.submit(job)
        return await asyncio.wrap_future(future)

    async def _look(self) -> None:
        while (claim := await self._run(self._claim)) is not None:
            try:
                prepared = await self._run(partial(self._prepare, claim))
            except BaseException:
                self._thread.submit(self._return, claim, None)
                raise
            if isinstance(prepared, OutgoingMessage):
                self._messages[claim.notice_id] = prepared
                self._kept.append(Job(claim, prepared))
                return
            self._thread.submit(self._write_result, claim, prepared)

    def _claim(self) -> NoticeClaim | None:
        now = self._clock.now()
        with self._database.write() as session:
            claim, dropped = NoticeStore(session).claim(now=now, lease=CLAIM_LEASE, asked_after=now - self._confirm_within)
        self.dropped += dropped
        return claim

    def _write_intent(self, claim: NoticeClaim, message: OutgoingMessage) -> bool:
        now = self._clock.now()
        with self._database.write() as session:
            return NoticeStore(session).record_intent(
                claim, message, now=now, lease=self._lease, asked_after=now - self._confirm_within
            )

    def _write_result(self, claim: NoticeClaim, outcome: Outcome) -> None:
        if self._persist(claim, lambda store: store.record_result(claim, outcome, now=self._clock.now())):
            self._on_written(claim, outcome)

    def _return(self, claim: NoticeClaim, reason: Reason | None) -> None:
        self._persist(claim, lambda store: store.give_back(claim, now=self._clock.now(), reason=reason))

    def _persist(self, claim: NoticeClaim, write: Callable[[NoticeStore], None]) -> bool:
        for wait in (*_PATIENCE, None):
            try:
                with self._database.write() as session:
                    write(NoticeStore(session))
            except SQLAlchemyError as error:
                # A database error's text may hold values of rows.
                log.error("notice.unwritable %s retry_in=%s error=%s", claim.label, wait, type(error).__name__)  # noqa: TRY400 - the text may hold values of rows
                if wait is None:
                    return False
                time.sleep(wait)
            else:
                return True
        return False
