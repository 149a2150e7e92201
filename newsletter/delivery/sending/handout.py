"""Giving out messages to the connections of one sending run: claimed and composed ahead, held back where a limit says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.delivery.ledger.ledger import Batch, Lane, Ledger
from newsletter.delivery.ledger.roster import Roster
from newsletter.delivery.ledger.writer import LedgerWriter
from newsletter.delivery.model import Claim, DeliveryId, DeliveryState, Draft, Outcome
from newsletter.delivery.pacing.destinations import Destinations
from newsletter.delivery.pacing.pace import Purse
from newsletter.delivery.sending.allowance import Allowance
from newsletter.delivery.sending.aside import Aside, Drafted, Waiting
from newsletter.delivery.sending.line import Job
from newsletter.digest.model import IssueId
from subscribers.model import SubscriberId

#: Seconds between two looks whether what stands aside may go: a destination may turn from slow to quick, and nobody says so.
LOOK_AGAIN = 1.0

#: Seconds between two looks whether other workers still hold something.
LOOK_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run works on: everything that is due, unless narrowed to an issue or a reader.

    ``due_only=False`` tries also what is to be tried later, once.
    """

    issue_id: IssueId | None = None
    subscriber_id: SubscriberId | None = None
    due_only: bool = True


class Handout:
    """Claims deliveries in batches, has them prepared, and gives them out one by one, until nothing is due.

    A message whose destination has no room stands aside and does not hold up the others. While another worker holds deliveries
    of the scope the end is not reached: it may die, and they are due again then.

    Attributes:
        skipped: deliveries that settled in a claim, as their readers had left.
        problem: why it ended before all that is due was given out; empty if it did not.
    """

    def __init__(
        self,
        writer: LedgerWriter,
        clock: Clock,
        scope: Scope,
        roster: Roster,
        *,
        batch: int,
        hash_of: Callable[[str], str],
        prepare: Callable[[Sequence[Claim]], Sequence[Draft | Outcome]],
        not_composed: Callable[[Claim, Exception], Outcome],
        thread: Executor,
        destinations: Destinations,
        purse: Purse,
        check_room: Callable[[], object],
    ) -> None:
        """Make a handout for one run.

        Args:
            writer: its thread claims.
            clock: decides what is due.
            scope: what to work on.
            roster: who we are.
            batch: deliveries claimed at a time.
            hash_of: from an address key to what its suppression is kept under.
            prepare: makes what the messages of claims are quickly made from, or says what becomes of a claim instead.
            not_composed: says what becomes of a claim whose message could not be made after all.
            thread: where ``prepare`` runs.
            destinations: says which of them have room.
            purse: says what the limits allow.
            check_room: called before each claim, in the writer's thread; raises what stops the run.
        """
        self.skipped = 0
        self.problem = ""
        self._writer = writer
        self._clock = clock
        self._scope = scope
        self._roster = roster
        self._size = batch
        self._hash_of = hash_of
        self._prepare = prepare
        self._not_composed = not_composed
        self._thread = thread
        self._destinations = destinations
        self._purse = purse
        self._allowance = Allowance(
            purse,
            writer,
            clock,
            on_drawn=self._go_by_what_was_drawn,
            on_day_used_up=lambda: self._end_early("the limit of messages a day is reached"),
        )
        self._check_room = check_room
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Waiting] = deque()
        self._aside = Aside()
        self._without: dict[str, set[str]] = {}
        self._running = 0
        #: In the order they came, which is the order they are woken in.
        self._waiters: dict[asyncio.Future[None], None] = {}
        self._changed = asyncio.Event()
        self._lanes: deque[Lane] = deque()
        self._cursor: DeliveryId | None = None
        self._found_in_pass = False
        self._is_first_pass = True
        self._is_later_pass = False
        #: What was tried since the pass began may be due again.
        self._tried_since = False
        self._is_purged = False
        self._is_over = False
        self._is_stopped = False
        self._error: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to claim ahead."""
        self._writer.on_refused = self.purge
        self._tasks.append(self._loop.create_task(self._watched(self._produce())))
        self._tasks.append(self._loop.create_task(self._watched(self._look_again())))
        if not self._purse.is_unlimited:
            self._tasks.append(self._loop.create_task(self._watched(self._allowance.keep())))

    async def next(self, relay: str) -> Job[Claim] | None:
        """Return the next message that may go now to ``relay``; None when nothing is left to do.

        Raises:
            SQLAlchemyError: the database is in trouble.
        """
        while self._is_stopped or (job := self.take_now(relay)) is None:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                return None
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters[waiter] = None
            try:
                await waiter
            finally:
                del self._waiters[waiter]
        return job

    def take_now(self, relay: str, *, behind: Job[Claim] | None = None) -> Job[Claim] | None:
        """Return the next message if one may go at once; ``behind`` is about to end and makes room for it."""
        while self._ready:
            found = self._ready.popleft()
            instead = behind is not None and behind.group == found.group
            if not self._destinations.may_start(found.group, self._loop.time(), instead=instead):
                self._put_aside(found)
                continue
            if not self._allowance.spend(relay, found.group):
                if self._purse.blocked(relay, found.group).startswith("domain:"):
                    self._put_aside(found)
                    continue
                self._ready.appendleft(found)
                return None
            job = found if isinstance(found, Job) else self._composed(found)
            if job is None:
                self._purse.refund(relay, found.group)
                continue
            job.relay = relay
            self._running += 1
            if behind is None:
                self.begun(job)
            if len(self._ready) < self._size:
                self._changed.set()
            return job
        return None

    def begun(self, job: Job[Claim]) -> None:
        """Hear that what was taken behind another message is being tried now, as that one has ended."""
        job.begun_at = self._loop.time()
        self._destinations.started(job.group, job.begun_at)

    async def idle(self, seconds: float) -> bool:
        """Wait that long; False at once when there is nothing left to do."""
        if self._error is not None or self._has_ended:
            return False
        await asyncio.sleep(seconds)
        return True

    def stop(self) -> None:
        """Give out nothing more."""
        self._is_stopped = self._is_over = True
        self._changed.set()
        self._wake()

    def put_back(self, job: Job[Claim]) -> None:
        """Take back what was not tried; it is the next to be given out."""
        self._purse.refund(job.relay, job.group)
        self._end(job, was_quick=None)
        self._ready.appendleft(job)
        self._wake()

    def done(self, job: Job[Claim], *, went_well: bool) -> None:
        """Hear that a message was tried."""
        self._tried_since = True
        self._end(job, was_quick=went_well)
        # Its window may have grown by one beside the place that became free.
        if waiting := self._aside.first(job.group, 2):
            self._ready.extendleft(reversed(waiting))
            self._wake()
        if not self._running or self._without:
            self._changed.set()

    def purge(self) -> None:
        """Give back what is claimed ahead, and claim anew: an issue was paused, or a reader left."""
        self._is_purged = True
        self._changed.set()

    def forget(self) -> None:
        """Give out nothing of what is claimed ahead, and claim anew: others have taken us for dead, and it is theirs.

        What they have not taken over yet is given back.
        """
        for job in self._take_all():
            self._writer.give_back(job.claim)
        self.purge()

    async def close(self) -> list[Claim]:
        """Return the claims nobody took. Call it when nobody asks for more."""
        self.stop()
        for task in self._tasks[1:]:
            task.cancel()
        # The first is not to be cut off: what was claimed in the database must be known here.
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._allowance.give_back()
        return [job.claim for job in self._take_all()]

    @property
    def _has_ended(self) -> bool:
        return self._is_stopped or (self._is_over and not self._ready and not self._aside)

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whoever asks for a message gets it
            self._error = error
        finally:
            self._is_over = True
            self._wake()

    async def _produce(self) -> None:
        while not self._is_over:
            self._changed.clear()
            if self._is_purged:
                self._give_back_all()
            is_full = len(self._aside) >= 2 * self._size
            if is_full and self._make_room():
                continue
            if is_full or len(self._ready) >= self._size:
                await self._changed.wait()
            elif self._lanes:
                await self._claim_next()
            elif not await self._begin_pass():
                return

    async def _claim_next(self) -> None:
        lane = self._lanes[0]
        batch = await self._writer.run(lambda session: self._claim(session, lane))
        self.skipped += batch.skipped
        if batch.seen:
            self._cursor = batch.last
            self._found_in_pass = True
        if batch.seen < self._size:
            self._cursor = None
            self._lanes.popleft()
        if batch.claims:
            prepared = await self._loop.run_in_executor(self._thread, self._prepare, batch.claims)
            for claim, draft in zip(batch.claims, prepared, strict=True):
                if isinstance(draft, Outcome):
                    self._writer.record(claim, draft)
                else:
                    self._ready.append(Drafted(claim, draft, self._destinations.group_of(claim.address)))
            self._wake()

    def _composed(self, drafted: Drafted) -> Job[Claim] | None:
        """Make a message; None if that is not possible, which is recorded."""
        try:
            return Job(drafted.claim, drafted.draft(), drafted.group)
        except Exception as error:  # whatever it is, it concerns this one message
            self._writer.record(drafted.claim, self._not_composed(drafted.claim, error))
            return None

    async def _begin_pass(self) -> bool:
        """Go over the deliveries from the start, if there can be anything; False if that is all."""
        if not self._is_first_pass and not self._found_in_pass:
            used_up = self._aside.groups(self._is_used_up)
            if self._running or self._ready or len(self._aside) > self._aside.count(used_up):
                await self._changed.wait()
                return True
            again = [group for group in self._without if not self._is_used_up(group)]
            for group in again:
                del self._without[group]
            if not again and not self._tried_since:
                if await self._is_alone():
                    if used_up:
                        self._end_early(f"the day's limit of delivery.domains is reached for {', '.join(sorted(used_up))}")
                    return False
                await self._wait_for_others()
        # Results that wait to be written may make something due.
        await self._writer.flush()
        lanes = await self._writer.run(lambda session: Ledger(session).lanes(issue_id=self._scope.issue_id))
        self._lanes.extend(lanes)
        self._is_later_pass = not self._is_first_pass
        self._is_first_pass = self._found_in_pass = self._tried_since = False
        return True

    async def _is_alone(self) -> bool:
        return not await self._writer.run(
            lambda session: Ledger(session).held_by_others(self._roster.worker_id, issue_id=self._scope.issue_id)
        )

    async def _wait_for_others(self) -> None:
        """Wait until something is due again, or other workers hold nothing any more."""
        while not self._is_over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(self._roster.beat_every, LOOK_EVERY)):
                    await self._changed.wait()
            self._changed.clear()
            if self._is_purged or not await self._writer.run(self._others_alone_hold):
                return

    def _others_alone_hold(self, session: Session) -> bool:
        scope, ledger = self._scope, Ledger(session)
        if not ledger.held_by_others(self._roster.worker_id, issue_id=scope.issue_id):
            return False
        due_by = self._clock.now() if scope.due_only else None
        return not ledger.waits(issue_id=scope.issue_id, subscriber_id=scope.subscriber_id, due_by=due_by)

    def _claim(self, session: Session, lane: Lane) -> Batch:
        self._check_room()
        assert self._roster.worker_id is not None  # noqa: S101 - joined before the run began
        return Ledger(session).claim(
            lane,
            worker_id=self._roster.worker_id,
            now=self._clock.now(),
            limit=self._size,
            hash_of=self._hash_of,
            after=self._cursor,
            subscriber_id=self._scope.subscriber_id,
            # What this run has tried is not to be tried again before its time; what was taken over is due at once.
            due_only=self._scope.due_only or (self._is_later_pass and lane.state is DeliveryState.DEFERRED),
            without=sorted(domain for domains in self._without.values() for domain in domains),
        )

    def _go_by_what_was_drawn(self) -> None:
        for group in self._aside.groups(self._is_used_up):
            # One is kept: something of it is left when the run ends.
            self._leave_out(group, keep=1)
        self._bring_back()

    async def _look_again(self) -> None:
        while not self._is_over:
            await asyncio.sleep(LOOK_AGAIN)
            if self._aside:
                self._bring_back()

    def _end_early(self, problem: str) -> None:
        self.problem = f"{problem}; the rest goes out after midnight UTC"
        self.stop()

    def _put_aside(self, one: Waiting) -> None:
        self._aside.add(one)
        if len(self._aside) >= 2 * self._size or not self._ready:
            self._changed.set()

    def _bring_back(self) -> None:
        """Let what stands aside be looked at again."""
        for group in self._aside.groups(lambda group: not self._is_used_up(group)):
            self._ready.extendleft(reversed(self._aside.all_of(group)))
        self._changed.set()
        self._wake()

    def _make_room(self) -> bool:
        """Give back most of what stands aside for destinations that are stuck, and claim nothing for them until that is gone.

        False if there is nothing to give back: then what stands aside is soon gone, and nothing more is to be claimed before.
        """
        now, before = self._loop.time(), len(self._aside)
        stuck = self._aside.groups(lambda group: self._is_stuck(group, now))
        for group in stuck:
            self._leave_out(group, keep=self._size // (2 * len(stuck)))
        return len(self._aside) < before

    def _leave_out(self, group: str, *, keep: int) -> None:
        for one in self._aside.all_but(group, keep):
            self._without.setdefault(group, set()).add(one.claim.address.rpartition("@")[2].lower())
            self._writer.give_back(one.claim)

    def _is_stuck(self, group: str, now: float) -> bool:
        return self._destinations.is_slow(group, now) or f"domain:{group}" in self._purse.limits

    def _is_used_up(self, group: str) -> bool:
        return f"domain:{group}" in self._purse.used_up

    def _take_all(self) -> list[Waiting]:
        everything = [*self._ready, *self._aside.everything()]
        self._ready.clear()
        return everything

    def _give_back_all(self) -> None:
        self._is_purged = False
        for job in self._take_all():
            self._writer.give_back(job.claim)
        self._lanes.clear()
        self._cursor = None
        self._found_in_pass = True

    def _end(self, job: Job[Claim], *, was_quick: bool | None) -> None:
        self._running -= 1
        if job.begun_at is not None:
            now = self._loop.time()
            self._destinations.ended(job.group, now, took=now - job.begun_at, was_quick=was_quick)
            job.begun_at = None

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
