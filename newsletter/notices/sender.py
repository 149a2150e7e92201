"""Sending notices: as deliveries are sent, but at once, one by one, and in no issue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import Clock
from newsletter.config import DeliveryConfig
from newsletter.database import Database
from newsletter.delivery.ledger.policy import (
    OnDoubt,
    RetryPolicy,
    after_break,
    after_doubt,
    after_refused_composing,
    after_reply,
    after_skip,
)
from newsletter.delivery.model import DeliveryState, Outcome, OutgoingMessage, Phase, Reason, SmtpReply
from newsletter.delivery.pacing.relays import Relay, Relays
from newsletter.delivery.sending.line import Line, run_lines
from newsletter.delivery.sending.presence import Presence
from newsletter.errors import DatabaseError, NewsletterError
from newsletter.notices.book import NoticeBook
from newsletter.notices.composer import outgoing
from newsletter.notices.model import DropReason, NoticeClaim, NoticeReport
from newsletter.notices.store import NoticeStore
from newsletter.rendering.errors import MessageRefused
from subscribers.model import NoticeKind

log = logging.getLogger(__name__)

#: Wait after the first temporary refusal. Shorter than for issues: people wait in front of the screen, and servers that
#: refuse strangers at first (greylisting) take them after a minute or a few.
RETRY_FIRST = timedelta(minutes=1)
#: Wait after a notice could not be made: a template that is being edited is mended within minutes.
RETRY_COMPOSING = timedelta(minutes=10)
#: Time between two looks for new notices while another line is at work.
LOOK_EVERY = timedelta(seconds=1)
#: Kinds that are worth nothing once their link has ended.
_WITH_LINK = frozenset({NoticeKind.CONFIRM, NoticeKind.CONFIRM_ADDRESS})


class Composer(Protocol):
    """Makes the message of a notice. Called in one thread at a time."""

    def compose(self, claim: NoticeClaim) -> OutgoingMessage: ...


class NoticeSender:
    """Sends the notices that are due. Any number of senders may work on one database at the same time."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        relays: Sequence[Relay],
        config: DeliveryConfig,
        *,
        composer: Composer,
        may_write: Callable[[str, NoticeKind], bool],
        confirm_within: timedelta,
        lines: int = 2,
        look_every: timedelta = LOOK_EVERY,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Make a sender.

        Args:
            database: where the notices are.
            clock: decides what is due.
            relays: the next hops; each ``password_file`` was read into ``password``.
            config: leases, tries, and what doubt leads to.
            composer: makes messages.
            may_write: whether a notice may go to an address; asked right before its message is made.
            confirm_within: how long a link to confirm works.
            lines: connections at a time; two, so that one slow message does not keep the others waiting.
            look_every: time between two looks for new notices while another line is at work.
            jitter: 0 to 1, spreads retries.
        """
        self._database = database
        self._clock = clock
        self._relays = relays
        self._config = config
        self._composer = composer
        self._may_write = may_write
        self._confirm_within = confirm_within
        self._lines = lines
        self._look_every = look_every
        # An intent's lease must outlast the wait for its reply, or a living message would be taken for one in doubt.
        self._lease = max(relay.config.final_timeout for relay in relays) * 1.5
        self._judge = _Judge(clock, config, confirm_within, jitter)

    async def run(self, stop: asyncio.Event | None = None) -> NoticeReport:
        """Work until nothing is due; quick if nothing is.

        A crash at any point loses nothing: the next run of any sender takes back what this one held. The server refusing
        connections ends the run; what is left is due again at once, and it counts as no try.

        Args:
            stop: when set, nothing new is begun; running messages have ``delivery.drain`` to finish.

        Raises:
            DatabaseError: the database cannot be used; what was sent is recorded, or in doubt.
        """
        stop = stop or asyncio.Event()
        try:
            if not await asyncio.to_thread(self._has_work):
                return NoticeReport()
            with contextlib.ExitStack() as stack:
                presence = await asyncio.to_thread(stack.enter_context, Presence(self._database, "notices"))
                await asyncio.to_thread(self._recover, presence)
                return await self._work(stop)
        except SQLAlchemyError as error:
            cause = type(getattr(error, "orig", None) or error).__name__
            raise DatabaseError(
                f"sending notices stopped, as the database cannot be used ({cause}); what was sent is recorded and the rest "
                "waits: check database.url and its disk"
            ) from error

    async def _work(self, stop: asyncio.Event) -> NoticeReport:
        tally = _Tally()
        book = NoticeBook(
            self._database,
            self._clock,
            lease=self._lease,
            confirm_within=self._confirm_within,
            look_every=self._look_every,
            prepare=self._prepare,
            stop=stop,
            on_written=tally.add,
        )
        relays = Relays(self._relays, connections=self._lines, now=asyncio.get_running_loop().time)
        lines = [Line(relays, book, book, self._judge) for _ in range(self._lines)]
        try:
            ends = await run_lines(lines, stop, drain=self._config.drain)
        finally:
            problem = next((line.problem for line in lines if line.problem), "")
            left = await book.close(Reason.UNREACHABLE if problem else None)
        for end in ends:
            if isinstance(end, Exception):
                raise end
        report = tally.report
        waits = left if problem else 0
        return replace(
            report,
            deferred=report.deferred + waits,
            skipped=report.skipped + book.dropped,
            problem=problem if waits or report.deferred else "",
        )

    def _prepare(self, claim: NoticeClaim) -> OutgoingMessage | Outcome:
        if not self._may_write(claim.address, claim.kind):
            return after_skip(claim, DropReason.SUPPRESSED)
        # What goes to the operator was made by whoever asked for it, and may be still to be signed.
        if claim.content is not None and claim.kind is not NoticeKind.OPERATOR:
            return outgoing(claim, claim.envelope_from, claim.content)
        try:
            return self._composer.compose(claim)
        except SQLAlchemyError:
            raise
        except Exception as error:  # one notice that cannot be made must not stop the others
            return self._judge.not_composed(claim, error)

    def _has_work(self) -> bool:
        with self._database.read() as session:
            return NoticeStore(session).has_work(now=self._clock.now())

    def _recover(self, presence: Presence) -> None:
        on_doubt = OnDoubt(self._config.on_doubt)
        with self._database.write() as session:
            doubted = NoticeStore(session).recover(now=self._clock.now(), on_doubt=on_doubt, break_leases=presence.is_alone)
        presence.admit_others()
        for notice_id in doubted:
            log.warning("notice.in_doubt notice=%d on_doubt=%s", notice_id, on_doubt)


class _Judge:
    """The policy for notices, with the instant and the dice it asks for."""

    def __init__(self, clock: Clock, config: DeliveryConfig, confirm_within: timedelta, jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._on_doubt = OnDoubt(config.on_doubt)
        self._jitter = jitter
        first = min(RETRY_FIRST, config.retry_first)
        self._usual = RetryPolicy(first, config.retry_longest, config.max_attempts, config.give_up_after)
        self._with_link = replace(self._usual, give_up_after=confirm_within)

    def reply(self, claim: NoticeClaim, reply: SmtpReply, phase: Phase) -> Outcome:
        policy = self._policy(claim)
        return after_reply(claim, reply, phase, now=self._clock.now(), policy=policy, jitter=self._jitter())

    def broken(self, claim: NoticeClaim) -> Outcome:
        return after_break(claim, now=self._clock.now(), policy=self._policy(claim), jitter=self._jitter())

    def doubt(self, claim: NoticeClaim) -> Outcome:
        now, policy = self._clock.now(), self._policy(claim)
        return after_doubt(claim, on_doubt=self._on_doubt, now=now, policy=policy, jitter=self._jitter())

    def not_composed(self, claim: NoticeClaim, error: Exception) -> Outcome:
        log.error(
            "notice.compose_refused %s kind=%s error=%s rules=%s",
            claim.label,
            claim.kind,
            type(error).__name__,
            error.rules if isinstance(error, MessageRefused) else "-",
            exc_info=None if isinstance(error, NewsletterError) else error,
        )
        policy = replace(self._policy(claim), longest=RETRY_COMPOSING)
        return after_refused_composing(claim, now=self._clock.now(), policy=policy, jitter=self._jitter())

    def _policy(self, claim: NoticeClaim) -> RetryPolicy:
        return self._with_link if claim.kind in _WITH_LINK else self._usual


class _Tally:
    """Counts results once they are durable."""

    def __init__(self) -> None:
        self.report = NoticeReport()

    def add(self, claim: NoticeClaim, outcome: Outcome) -> None:
        """Count one result; called in the book's thread."""
        name = "in_doubt" if outcome.state is DeliveryState.DOUBTFUL else outcome.state.value
        self.report = replace(self.report, **{name: getattr(self.report, name) + 1})
        log.log(
            logging.WARNING if outcome.state is DeliveryState.DOUBTFUL else logging.INFO,
            "notice.%s %s kind=%s subscriber=%s attempts=%d reason=%s reply=%s",
            outcome.state,
            claim.label,
            claim.kind,
            "-" if claim.subscriber is None else claim.subscriber.id,
            outcome.attempts,
            outcome.reason or "-",
            f"{outcome.reply.code}/{outcome.reply.status}" if outcome.reply else "-",
        )
