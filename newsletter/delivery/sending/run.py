"""One sending run: its place among the workers, its writer, its handout, its lines, and what they come to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.config import DeliveryConfig
from newsletter.database import Database, lock
from newsletter.delivery.ledger.journal import Journal
from newsletter.delivery.ledger.ledger import Ledger
from newsletter.delivery.ledger.policy import (
    Objections,
    OnDoubt,
    ReplyKind,
    RetryPolicy,
    after_break,
    after_doubt,
    after_refused_composing,
    after_reply,
    classify,
)
from newsletter.delivery.ledger.records import record
from newsletter.delivery.ledger.roster import Roster, WorkerId
from newsletter.delivery.ledger.steering import STATES_LOCK, skip_cancelled
from newsletter.delivery.ledger.writer import FIRST_WAIT, LONGEST_WAIT, LedgerWriter
from newsletter.delivery.model import Claim, DeliveryState, Draft, Outcome, Phase, Reason, Result, SmtpReply
from newsletter.delivery.pacing.destinations import Destinations
from newsletter.delivery.pacing.pace import Purse, limits_of
from newsletter.delivery.pacing.relays import Relay, Relays
from newsletter.delivery.sending.handout import Handout, Scope
from newsletter.delivery.sending.line import Line, run_lines
from newsletter.delivery.sending.presence import Presence
from newsletter.digest.model import DigestId, IssueId
from newsletter.errors import NewsletterError
from newsletter.rendering.errors import MessageRefused

log = logging.getLogger(__name__)

T = TypeVar("T")


class Composer(Protocol):
    """Makes messages of claims, always the same bytes for the same claim's delivery."""

    def prepare(self, claims: Sequence[Claim]) -> Sequence[Draft | Exception]:
        """Do what takes long, and return what makes each message; or why there is none, which concerns that claim alone.

        Called in one thread at a time; what it returns is called in another.

        Raises:
            SQLAlchemyError: the database is in trouble.
        """
        ...


@dataclass(frozen=True, slots=True)
class SendReport:
    """What a run did, counted once durable.

    ``deferred`` counts tries that ended so, and claims given back as no server could be reached. ``finished`` are the issues
    whose last delivery settled. ``problem`` says why the run ended before all was tried, and what to do; empty if it did not.
    """

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    in_doubt: int = 0
    skipped: int = 0
    finished: tuple[IssueId, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run is made of; see :class:`newsletter.delivery.sending.sender.Sender`."""

    database: Database
    clock: Clock
    relays: Sequence[Relay]
    config: DeliveryConfig
    composer: Composer
    hash_of: Callable[[str], str]
    journal: Callable[[], Journal]
    check_room: Callable[[], object]
    jitter: Callable[[], float]
    patience: timedelta


class SendingRun:
    """One run of a sender: its place among the workers, its writer, its handout and its lines."""

    def __init__(
        self,
        parts: Parts,
        scope: Scope,
        on_progress: Callable[[SendReport], object],
        stop: asyncio.Event,
        ledger: Executor,
        compose: Executor,
    ) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._database = parts.database
        self._config = config = parts.config
        self._on_doubt = OnDoubt(config.on_doubt)
        self._scope = scope
        self._stop = stop
        self._ledger = ledger
        self._compose = compose
        self._loop = asyncio.get_running_loop()
        self._roster = Roster(self._clock, self._config.lease)
        retry = RetryPolicy(config.retry_first, config.retry_longest, config.max_attempts, config.give_up_after)
        self._journal = parts.journal()
        self._tally = _Tally(on_progress)
        self._judge = _Judge(self._clock, retry, self._on_doubt, parts.jitter, self._object)
        self._beating: asyncio.Task[None] | None = None
        self._pausing: dict[IssueId, asyncio.Task[None]] = {}

    async def work(self) -> SendReport:
        with contextlib.ExitStack() as stack:
            if not await self._in_thread(self._has_work):
                return SendReport(finished=await self._in_thread(self._finish))
            presence = await self._in_thread(lambda: stack.enter_context(Presence(self._database)))
            stack.callback(self._journal.close)
            await self._in_thread(lambda: self._join(presence))
            problem, left, skipped = await self._send()
            finished = await self._in_thread(self._finish)
        report = self._tally.report
        return replace(
            report,
            skipped=report.skipped + skipped,
            deferred=report.deferred + left,
            finished=finished,
            problem=problem if left or report.deferred else "",
        )

    async def _send(self) -> tuple[str, int, int]:
        """Run the lines to their end; return what went wrong, if anything, how many claims were left for that, and skips."""
        parts, config = self._parts, self._config
        limits = limits_of(config, {relay.name: relay.config for relay in parts.relays}, today=self._clock.now().date())
        relays = Relays(parts.relays, connections=config.connections, now=self._loop.time)
        async with LedgerWriter(
            self._database,
            self._clock,
            self._roster,
            self._journal,
            self._ledger,
            on_written=self._tally.add,
            patience=parts.patience,
        ) as writer:
            self._writer = writer
            self._handout = handout = Handout(
                writer,
                self._clock,
                self._scope,
                self._roster,
                batch=config.batch,
                hash_of=parts.hash_of,
                prepare=self._prepare,
                not_composed=self._judge.not_composed,
                thread=self._compose,
                destinations=Destinations(config.domains, connections=config.connections),
                purse=Purse(limits),
                check_room=parts.check_room,
            )
            lines = [Line(relays, writer, handout, self._judge) for _ in range(config.connections)]
            self._beating = self._loop.create_task(self._beat())
            stopping = self._loop.create_task(self._hear_stop())
            handout.start()
            try:
                ends = await run_lines(lines, self._stop, drain=config.drain)
            finally:
                problem = next((line.problem for line in lines if line.problem), "")
                left = await handout.close()
                for claim in left:
                    writer.give_back(claim, Reason.UNREACHABLE if problem else None)
                for task in (self._beating, stopping):
                    task.cancel()
                await asyncio.gather(self._beating, stopping, self._end_pausing(), return_exceptions=True)
        await self._in_thread(self._leave)
        for end in ends:
            if isinstance(end, Exception):
                raise end
        return problem or handout.problem, len(left) if problem or handout.problem else 0, handout.skipped

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._ledger, work)

    async def _hear_stop(self) -> None:
        await self._stop.wait()
        self._handout.stop()

    def _has_work(self) -> bool:
        with self._database.read() as session:
            return Ledger(session).has_work()

    def _join(self, presence: Presence) -> None:
        """Take a place among the workers, and take back what dead ones held and what they knew."""
        self._journal.prepare()
        with self._database.write() as session:
            self._roster.join(session)
            if presence.is_alone:
                self._roster.strike(session, self._roster.others(session))
        self._take_over([])
        presence.admit_others()

    def _take_over(self, silent: list[WorkerId]) -> None:
        """Take back what ``silent`` workers hold, and those that are on the list no more."""
        # What a dead process knew to be sent must be written before it is taken for doubtful.
        for findings in self._journal.left_behind():
            if not findings:
                continue
            with self._database.write() as session:
                record(session, results=findings, now=self._clock.now())
            log.warning("delivery.journal_replayed results=%d", len(findings))
        with self._database.write() as session:
            self._roster.strike(session, silent)
            worker_id = self._roster.worker_id
            recovered = Ledger(session).take_over(but=worker_id, now=self._clock.now(), on_doubt=self._on_doubt)
        if recovered.released:
            log.info("delivery.recovered count=%d", len(recovered.released))
        for delivery_id in recovered.doubted:
            log.warning("delivery.in_doubt delivery=%d on_doubt=%s", delivery_id, self._on_doubt)

    def _leave(self) -> None:
        with self._database.write() as session:
            self._roster.leave(session)

    async def _beat(self) -> None:
        """Show that we live, and take over from those who fell silent."""
        while True:
            await asyncio.sleep(self._roster.beat_every)
            try:
                lives, silent = await self._writer.run(self._look_round)
                if silent:
                    await self._in_thread(partial(self._take_over, silent))
                if not lives:
                    log.warning("delivery.taken_for_dead")
                    self._handout.forget()
                    await self._writer.run(self._roster.join)
            except SQLAlchemyError as error:
                log.warning("delivery.no_beat error=%s", type(error).__name__)

    def _look_round(self, session: Session) -> tuple[bool, list[WorkerId]]:
        return self._roster.beat(session), self._roster.silent(session)

    def _prepare(self, claims: Sequence[Claim]) -> list[Draft | Outcome]:
        prepared = zip(claims, self._parts.composer.prepare(claims), strict=True)
        return [self._judge.not_composed(claim, draft) if isinstance(draft, Exception) else draft for claim, draft in prepared]

    def _object(self, issue_id: IssueId, why: str) -> None:
        """Pause an issue, as the server objects to us."""
        if issue_id not in self._pausing:
            self._pausing[issue_id] = task = self._loop.create_task(self._pause(issue_id, why))
            task.add_done_callback(lambda _done: self._pausing.pop(issue_id))

    async def _pause(self, issue_id: IssueId, why: str) -> None:
        wait = FIRST_WAIT
        # Tried until it is written: an issue that stays open goes on to a server that objects.
        while True:
            try:
                is_paused = await self._writer.run(lambda session: Ledger(session).pause(issue_id, why))
                break
            except SQLAlchemyError as error:
                log.critical("delivery.pause_unwritten issue=%d retry_in=%.1f error=%s", issue_id, wait, type(error).__name__)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
        if is_paused:
            log.critical("delivery.issue_paused issue=%d why=%s", issue_id, why)
        # Even if it was not open: an earlier try may have been durable though it failed.
        self._handout.purge()

    async def _end_pausing(self) -> None:
        """Wait for the pauses that are being written, and give up those that the database goes on to refuse."""
        tasks = dict(self._pausing)
        if not tasks:
            return
        await asyncio.wait(tasks.values(), timeout=self._parts.patience.total_seconds())
        for issue_id, task in tasks.items():
            if not task.done():
                log.critical("delivery.issue_not_paused issue=%d", issue_id)
                task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    def _finish(self) -> tuple[IssueId, ...]:
        now = self._clock.now()
        with self._database.write() as session:
            lock(session, STATES_LOCK)
            skip_cancelled(session, now=now)
            finished = Ledger(session).finish(now=now)
        for issue_id in finished:
            log.info("delivery.issue_finished issue=%d", issue_id)
        return tuple(finished)


class _Judge:
    """The policy, with the instant and the dice it asks for."""

    def __init__(
        self,
        clock: Clock,
        policy: RetryPolicy,
        on_doubt: OnDoubt,
        jitter: Callable[[], float],
        objected: Callable[[IssueId, str], object],
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._on_doubt = on_doubt
        self._jitter = jitter
        self._objected = objected
        self._objections = Objections()
        self._alarmed: set[DigestId] = set()

    def reply(self, claim: Claim, reply: SmtpReply, phase: Phase) -> Outcome:
        if reply.code // 100 == 2:
            self._objections.accepted()
            return Outcome(DeliveryState.SENT, claim.attempts + 1, reply=reply)
        outcome = after_reply(claim, reply, phase, now=self._clock.now(), policy=self._policy, jitter=self._jitter())
        if classify(reply, phase) is ReplyKind.OURS:
            why = self._objections.refused(reply, phase)
            if why:
                self._objected(claim.issue_id, why)
        return outcome

    def broken(self, claim: Claim) -> Outcome:
        return after_break(claim, now=self._clock.now(), policy=self._policy, jitter=self._jitter())

    def doubt(self, claim: Claim) -> Outcome:
        now = self._clock.now()
        return after_doubt(claim, on_doubt=self._on_doubt, now=now, policy=self._policy, jitter=self._jitter())

    def not_composed(self, claim: Claim, error: Exception) -> Outcome:
        if claim.digest_id not in self._alarmed:
            self._alarmed.add(claim.digest_id)
            expected = isinstance(error, NewsletterError)
            log.error(
                "delivery.compose_refused issue=%d digest=%d error=%s rules=%s",
                claim.issue_id,
                claim.digest_id,
                type(error).__name__,
                error.rules if isinstance(error, MessageRefused) else "-",
                exc_info=None if expected else error,
            )
        return after_refused_composing(claim, now=self._clock.now(), policy=self._policy, jitter=self._jitter())


class _Tally:
    """Counts results once they are durable, and tells of it."""

    def __init__(self, on_progress: Callable[[SendReport], object]) -> None:
        self.report = SendReport()
        self._on_progress = on_progress

    def add(self, results: Sequence[Result]) -> None:
        """Count results."""
        counts = Counter([result.outcome.state for result in results])
        if len(results) > counts[DeliveryState.SENT] or log.isEnabledFor(logging.DEBUG):
            for result in results:
                _tell(result)
        report = self.report
        self.report = replace(
            report,
            sent=report.sent + counts[DeliveryState.SENT],
            deferred=report.deferred + counts[DeliveryState.DEFERRED],
            failed=report.failed + counts[DeliveryState.FAILED],
            # In doubt is a message, whether it is held or will be repeated; a delivery that waits for its retry is deferred.
            in_doubt=report.in_doubt + counts[DeliveryState.DOUBTFUL],
        )
        self._on_progress(self.report)


def _tell(result: Result) -> None:
    claim, outcome = result.claim, result.outcome
    log.log(
        _LEVELS.get(outcome.state, logging.INFO),
        "delivery.%s delivery=%d issue=%d subscriber=%d attempts=%d reason=%s reply=%s",
        outcome.state,
        claim.delivery_id,
        claim.issue_id,
        claim.subscriber_id,
        outcome.attempts,
        outcome.reason or "-",
        f"{outcome.reply.code}/{outcome.reply.status}" if outcome.reply else "-",
    )


_LEVELS = {DeliveryState.SENT: logging.DEBUG, DeliveryState.DOUBTFUL: logging.WARNING}
