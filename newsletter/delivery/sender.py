"""Sending: claim, compose, send, record, on several connections at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from newsletter.clock import Clock
from newsletter.config import DeliveryConfig, SmtpConfig
from newsletter.database import Database
from newsletter.delivery.handout import Handout, Scope
from newsletter.delivery.ledger import Ledger
from newsletter.delivery.line import Line, run_lines
from newsletter.delivery.model import (
    Claim,
    DeliveryState,
    Outcome,
    OutgoingMessage,
    Phase,
    Reason,
    Result,
    SkipReason,
    SmtpReply,
)
from newsletter.delivery.policy import (
    OnDoubt,
    RetryPolicy,
    after_break,
    after_doubt,
    after_refused_composing,
    after_reply,
    after_skip,
)
from newsletter.delivery.presence import Presence
from newsletter.delivery.writer import LedgerWriter
from newsletter.digest.model import DigestId, IssueId
from newsletter.errors import DatabaseError, NewsletterError

log = logging.getLogger(__name__)


class Composer(Protocol):
    """Makes the message of a claim, always the same bytes for the same claim's delivery. Called in one thread at a time."""

    def compose(self, claim: Claim) -> OutgoingMessage: ...


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


class Sender:
    """Sends what is due. Any number of senders may work on one database at the same time, on PostgreSQL from any machine."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        smtp: SmtpConfig,
        config: DeliveryConfig,
        *,
        composer: Composer,
        is_suppressed: Callable[[str], bool],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Make a sender.

        Args:
            database: where the ledger is.
            clock: decides what is due.
            smtp: the next hop; ``password_file`` was read into ``password``.
            config: connections, leases, retries.
            composer: makes messages.
            is_suppressed: whether an address must not be written to; asked right before its message is made.
            jitter: 0 to 1, spreads retries.
        """
        self._database = database
        self._clock = clock
        self._smtp = smtp
        self._config = config
        self._composer = composer
        self._is_suppressed = is_suppressed
        self._jitter = jitter
        self._on_doubt = OnDoubt(config.on_doubt)
        self._retry = RetryPolicy(config.retry_first, config.retry_longest, config.max_attempts, config.give_up_after)
        # An intent's lease must outlast the wait for its reply, or a living message would be taken for one in doubt.
        self._lease = max(config.lease, smtp.final_timeout * 1.5)

    async def run(
        self,
        scope: Scope | None = None,
        *,
        on_progress: Callable[[SendReport], object] = lambda _report: None,
        stop: asyncio.Event | None = None,
    ) -> SendReport:
        """Work until nothing is due.

        A crash at any point loses nobody: the next run of any sender takes back what this one held. The server refusing
        connections defers all that is due and ends the run; it is due again at once.

        Args:
            scope: what to work on.
            on_progress: told of the counts so far after each durable result, in the event loop.
            stop: when set, nothing new is begun; running messages have ``delivery.drain`` to finish, and claims are given back.
        """
        with contextlib.ExitStack() as stack:
            presence = await asyncio.to_thread(stack.enter_context, Presence(self._database))
            await asyncio.to_thread(self._recover, presence)
            tally = _Tally(on_progress)
            async with LedgerWriter(self._database, self._clock, lease=self._lease, on_written=tally.add) as writer:
                handout = Handout(writer, self._clock, scope or Scope(), lease=self._lease, batch=self._config.batch)
                problem, left = await self._work(writer, handout, stop or asyncio.Event())
            finished = await asyncio.to_thread(self._finish)
        report = tally.report
        return replace(
            report,
            skipped=report.skipped + handout.skipped,
            deferred=report.deferred + left,
            finished=finished,
            problem=problem if left or report.deferred else "",
        )

    async def _work(self, writer: LedgerWriter, handout: Handout, stop: asyncio.Event) -> tuple[str, int]:
        """Run the lines to their end; return what went wrong, if anything, and how many claims were left for that."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="compose") as thread:
            judge = _Judge(self._clock, self._retry, self._on_doubt, self._jitter)
            lines = [
                Line(
                    self._smtp,
                    writer,
                    handout,
                    prepare=lambda claim: loop.run_in_executor(thread, self._prepare, claim, judge),
                    judge=judge,
                )
                for _ in range(self._config.connections)
            ]
            try:
                ends = await run_lines(lines, stop, drain=self._config.drain)
            finally:
                problem = next((line.problem for line in lines if line.problem), "")
                left = await handout.close()
                for claim in left:
                    writer.give_back(claim, Reason.UNREACHABLE if problem else None)
        for end in ends:
            if isinstance(end, SQLAlchemyError):
                cause = type(end.orig if isinstance(end, DBAPIError) else end).__name__
                raise DatabaseError(
                    f"sending stopped, as the database cannot be used ({cause}); what was sent is recorded and the rest "
                    "waits: check database.url and its disk, then send again"
                ) from end
            if isinstance(end, Exception):
                raise end
        return problem, len(left) if problem else 0

    def _prepare(self, claim: Claim, judge: _Judge) -> OutgoingMessage | Outcome:
        if self._is_suppressed(claim.address):
            return after_skip(claim, SkipReason.SUPPRESSED)
        try:
            return self._composer.compose(claim)
        except SQLAlchemyError:
            raise
        except Exception as error:  # one digest that cannot be made must not stop the mails of everybody else
            return judge.not_composed(claim, error)

    def _recover(self, presence: Presence) -> None:
        with self._database.write() as session:
            recovered = Ledger(session).recover(now=self._clock.now(), on_doubt=self._on_doubt, break_leases=presence.is_alone)
        presence.admit_others()
        if recovered.released:
            log.info("delivery.recovered count=%d", len(recovered.released))
        for delivery_id in recovered.doubted:
            log.warning("delivery.in_doubt delivery=%d on_doubt=%s", delivery_id, self._on_doubt)

    def _finish(self) -> tuple[IssueId, ...]:
        with self._database.write() as session:
            finished = Ledger(session).finish(now=self._clock.now())
        for issue_id in finished:
            log.info("delivery.issue_finished issue=%d", issue_id)
        return tuple(finished)


class _Judge:
    """The policy, with the instant and the dice it asks for."""

    def __init__(self, clock: Clock, policy: RetryPolicy, on_doubt: OnDoubt, jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._policy = policy
        self._on_doubt = on_doubt
        self._jitter = jitter
        self._alarmed: set[DigestId] = set()

    def reply(self, claim: Claim, reply: SmtpReply, phase: Phase) -> Outcome:
        return after_reply(claim, reply, phase, now=self._clock.now(), policy=self._policy, jitter=self._jitter())

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
                "delivery.compose_refused issue=%d digest=%d error=%s",
                claim.issue_id,
                claim.digest_id,
                type(error).__name__,
                exc_info=None if expected else error,
            )
        return after_refused_composing(claim, now=self._clock.now(), policy=self._policy, jitter=self._jitter())


class _Tally:
    """Counts results once they are durable, and tells of it."""

    def __init__(self, on_progress: Callable[[SendReport], object]) -> None:
        self.report = SendReport()
        self._on_progress = on_progress
        self._loop = asyncio.get_running_loop()

    def add(self, result: Result) -> None:
        """Count one result; called in the writer's thread."""
        claim, outcome = result.claim, result.outcome
        # In doubt is a message, whether it is held or will be repeated; a delivery that waits for its retry is deferred.
        name = "in_doubt" if outcome.state is DeliveryState.DOUBTFUL else outcome.state.value
        self.report = replace(self.report, **{name: getattr(self.report, name) + 1})
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
        self._loop.call_soon_threadsafe(self._on_progress, self.report)


_LEVELS = {DeliveryState.SENT: logging.DEBUG, DeliveryState.DOUBTFUL: logging.WARNING}
