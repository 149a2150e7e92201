"""Giving out notices one by one and writing what becomes of them, for the lines of one run."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.delivery.model import Outcome, OutgoingMessage, Reason
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
    """The notices as the lines of one run see them; see :class:`newsletter.delivery.line.Line`.

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
            stop: when set, nothing more is given out.
            on_written: told of each result once it is durable, in the book's thread.
        """
        self.dropped = 0
        self._database = database
        self._clock = clock
        self._lease = lease
        self._confirm_within = confirm_within
        self._look_every = look_every
        self._stop = stop
        self._on_written = on_written
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="notices")
        self._kept: deque[NoticeClaim] = deque()
        self._messages: dict[NoticeId, OutgoingMessage] = {}
        self._one_at_a_time = asyncio.Lock()
        self._looking_now: asyncio.Task[None] | None = None
        self._at_work = 0
        self._changed = asyncio.Event()

    async def next(self) -> NoticeClaim | None:
        """Return the next claim; None when nothing is due and no line is at work.

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

    def put_back(self, claim: NoticeClaim) -> None:
        """Take back a claim that was not tried; it is the next to be given out."""
        self._kept.appendleft(claim)
        self._leave(claim)

    async def prepare(
        self, work: Callable[[NoticeClaim], OutgoingMessage | Outcome], claim: NoticeClaim
    ) -> OutgoingMessage | Outcome:
        """Run ``work`` in the book's thread; the message it makes is what the intent will keep."""
        prepared = await self._run(lambda: work(claim))
        if isinstance(prepared, OutgoingMessage):
            self._messages[claim.notice_id] = prepared
        return prepared

    async def intend(self, claim: NoticeClaim) -> bool:
        """Make durable that the final dot of ``claim``'s message is about to leave; say whether it may.

        Raises:
            SQLAlchemyError: the database is in trouble; the dot must not leave.
        """
        message = self._messages[claim.notice_id]
        return await self._run(lambda: self._write_intent(claim, message))

    def record(self, claim: NoticeClaim, outcome: Outcome) -> None:
        """Queue a result; it is durable before any intent that is asked for later."""
        self._thread.submit(self._write_result, claim, outcome)
        self._leave(claim)

    def give_back(self, claim: NoticeClaim) -> None:
        """Queue that ``claim``'s dot certainly never left."""
        self._thread.submit(self._return, claim, None)
        self._leave(claim)

    async def close(self, reason: Reason | None) -> int:
        """Give back the claims nobody took, for ``reason``, write what is still waiting, and end; return how many they were."""
        if self._looking_now is not None:
            await asyncio.wait([self._looking_now])
        left = list(self._kept)
        for claim in left:
            self._thread.submit(self._return, claim, reason)
        await asyncio.to_thread(self._thread.shutdown)
        return len(left)

    def _leave(self, claim: NoticeClaim) -> None:
        self._messages.pop(claim.notice_id, None)
        self._at_work -= 1
        self._changed.set()

    async def _run(self, job: Callable[[], T]) -> T:
        future: Future[T] = self._thread.submit(job)
        return await asyncio.wrap_future(future)

    async def _look(self) -> None:
        claim = await self._run(self._claim)
        if claim is not None:
            self._kept.append(claim)

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
