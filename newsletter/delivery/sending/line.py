"""One connection's work in a sending run: take a message, announce it, send it, hand over the result."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from newsletter.delivery.model import Outcome, OutgoingMessage, Phase, SmtpReply
from newsletter.delivery.pacing.relays import Relay, Relays
from newsletter.delivery.transport.errors import MessageUnsendable, SmtpInDoubt, SmtpRefused, SmtpUnavailable
from newsletter.delivery.transport.smtp import SmtpConnection

log = logging.getLogger(__name__)

#: Connections in a row that broke before the server answered to any message; the line gives up after that many.
FRUITLESS = 3
#: Seconds between two looks for a relay that has room for another connection.
ROOM_EVERY = 0.5


class Sendable(Protocol):
    """The claim of a message that may be sent."""

    @property
    def label(self) -> str:
        """What the log calls it."""
        ...


C = TypeVar("C", bound=Sendable)
C_contra = TypeVar("C_contra", bound=Sendable, contravariant=True)


@dataclass(slots=True)
class Job(Generic[C]):
    """A claim with its message.

    ``group`` is the receiving domain, or the provider it belongs to; ``relay`` who it was given out for; ``begun_at`` is when
    it was its turn on the connection, in seconds of the loop's clock.
    """

    claim: C
    message: OutgoingMessage
    group: str = ""
    relay: str = ""
    begun_at: float | None = None


@dataclass(slots=True)
class _Attempt(Generic[C]):
    """How far a message came: whether its dot may have left, who rode along, whether the server dealt with it in good order."""

    has_left: bool = False
    following: Job[C] | None = None
    went_well: bool = True


class Source(Protocol[C]):
    """Gives out messages one by one; see :class:`newsletter.delivery.sending.handout.Handout`."""

    async def next(self, relay: str) -> Job[C] | None:
        """Return the next message for a connection to ``relay``, when one may go; None when there is nothing left to do."""
        ...

    def take_now(self, relay: str, *, behind: Job[C] | None = None) -> Job[C] | None:
        """Return the next message if one may go at once; ``behind`` is about to end and makes room for it."""
        ...

    def begun(self, job: Job[C]) -> None:
        """Hear that what was taken behind another message is being tried now, as that one has ended."""
        ...

    async def idle(self, seconds: float) -> bool:
        """Wait that long; False at once when there is nothing left to do."""
        ...

    def put_back(self, job: Job[C]) -> None:
        """Take back what was not tried; it is the next to be given out."""
        ...

    def done(self, job: Job[C], *, went_well: bool) -> None:
        """Hear that a message was tried; ``went_well`` if the server dealt with it in good order, whatever it said."""
        ...


class Writer(Protocol[C_contra]):
    """Writes what becomes of claims; see :class:`newsletter.delivery.ledger.writer.LedgerWriter`."""

    def intend(self, claim: C_contra) -> Awaitable[bool]: ...

    def may_leave(self, claim: C_contra) -> bool:
        """Whether an intent that was durable a moment ago still holds: this process was not stopped meanwhile."""
        ...

    def record(self, claim: C_contra, outcome: Outcome) -> None: ...

    def give_back(self, claim: C_contra) -> None: ...


class Judge(Protocol[C_contra]):
    """Turns what happened to a claim into its outcome; see :mod:`newsletter.delivery.ledger.policy`."""

    def reply(self, claim: C_contra, reply: SmtpReply, phase: Phase) -> Outcome: ...

    def broken(self, claim: C_contra) -> Outcome: ...

    def doubt(self, claim: C_contra) -> Outcome: ...

    def not_composed(self, claim: C_contra, error: Exception) -> Outcome: ...


class Line(Generic[C]):
    """Works on messages with one connection at a time, which is opened when first needed and used as long as it holds.

    Attributes:
        problem: why it ended before the messages did, and what to do; empty if it did not.
    """

    def __init__(self, relays: Relays, writer: Writer[C], source: Source[C], judge: Judge[C]) -> None:
        """Make a line.

        Args:
            relays: next hops to choose from.
            writer: takes intents and results.
            source: gives messages.
            judge: decides outcomes.
        """
        self.problem = ""
        self._relays = relays
        self._writer = writer
        self._source = source
        self._judge = judge
        self._relay: Relay | None = None
        self._connection: SmtpConnection | None = None
        self._fruitless = 0
        self._moves = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until no message is left, ``stop`` is set, or no server can be reached.

        Cancelled, it drops the connection; a message whose dot had left is then in doubt, any other is given back.
        """
        try:
            while not self.problem and not stop.is_set():
                relay = await self._chosen(stop)
                if relay is None:
                    break
                job = await self._source.next(relay.name)
                if job is None:
                    break
                if stop.is_set():
                    self._source.put_back(job)
                    break
                await self._converse(job, relay, stop)
            if self._connection is not None:
                await self._connection.close()
        finally:
            self._drop()

    async def _chosen(self, stop: asyncio.Event) -> Relay | None:
        """Return the relay to work with: the one that is connected, or a new choice; None if none can be had."""
        if self._connection is not None:
            if self._connection.is_usable and not self._is_to_move():
                return self._relay
            await self._connection.close()
        self._drop()
        while (relay := self._relays.pick()) is None:
            if self._relays.all_down:
                self.problem = self._relays.problem
                return None
            # The other lines have all the connections that the relays allow.
            if stop.is_set() or not await self._source.idle(ROOM_EVERY):
                return None
        self._relay = relay
        self._relays.opened(relay)
        return relay

    async def _converse(self, job: Job[C], relay: Relay, stop: asyncio.Event) -> None:
        """Send a message and, on the same connection, those that ride with its dot."""
        connection = await self._connected(job, relay)
        if connection is None or not self._announce(connection, job):
            return
        following: Job[C] | None = job
        while following is not None:
            following = await self._send(connection, following, stop)

    async def _connected(self, job: Job[C], relay: Relay) -> SmtpConnection | None:
        if self._connection is not None:
            return self._connection
        try:
            self._connection = await SmtpConnection.connect(relay.config)
        except SmtpUnavailable as error:
            log.warning("delivery.unreachable relay=%s phase=%s", relay.name, error.phase)
            self._relays.failed(relay, str(error))
            self._source.put_back(job)
            self._drop()
        except BaseException:
            self._source.put_back(job)
            raise
        return self._connection

    def _announce(self, connection: SmtpConnection, job: Job[C]) -> bool:
        """Begin a message; False if it is settled or given back instead."""
        try:
            connection.announce(connection.envelope(job.message))
        except SmtpUnavailable as error:
            # The server ended the connection while it was idle: that is no try of anybody's.
            self._source.put_back(job)
            self._note_break(error)
            self._drop()
            return False
        except (SmtpRefused, MessageUnsendable) as error:
            self._settle(job, self._refused(job, error))
            return False
        return True

    async def _send(self, connection: SmtpConnection, job: Job[C], stop: asyncio.Event) -> Job[C] | None:
        """Send the announced message; return the one that was announced with its dot, if any."""
        attempt: _Attempt[C] = _Attempt()
        try:
            outcome = await self._try(connection, job, stop, attempt)
        except BaseException:
            connection.abort()
            if attempt.following is not None:
                self._source.put_back(attempt.following)
            self._settle(job, self._judge.doubt(job.claim) if attempt.has_left else None, went_well=False)
            raise
        if attempt.went_well:
            self._fruitless = 0
        self._settle(job, outcome, went_well=attempt.went_well)
        following = attempt.following
        if following is None:
            return None
        if not connection.is_waiting:
            self._source.put_back(following)
            return None
        self._source.begun(following)
        return following

    async def _try(self, connection: SmtpConnection, job: Job[C], stop: asyncio.Event, attempt: _Attempt[C]) -> Outcome | None:
        """Send the announced message; None if it must not leave now, and certainly did not."""
        claim = job.claim
        try:
            await connection.put_body(job.message)
            if not (await self._writer.intend(claim) and self._writer.may_leave(claim)):
                # Refused under its epoch, or its reader left, or we were stopped for too long.
                connection.abort()
                return None
            connection.check_silence()
            envelope = None
            if connection.can_ride and not stop.is_set() and not self._is_to_move():
                attempt.following, envelope = self._next_to_ride(connection, job)
            attempt.has_left = True
            reply = await connection.end(envelope)
        except SmtpRefused as refused:
            return self._judge.reply(claim, refused.reply, refused.phase)
        except SmtpInDoubt as error:
            log.warning("delivery.no_final_reply %s why=%s", claim.label, error)
            attempt.went_well = False
            return self._judge.doubt(claim)
        except SmtpUnavailable as error:
            attempt.went_well = False
            return self._broken(claim, error)
        if self._relay is not None:
            self._relays.worked(self._relay)
        return self._judge.reply(claim, reply, Phase.DOT)

    def _is_to_move(self) -> bool:
        # Remembered, as only one connection is asked to, and only once.
        if not self._moves and self._relay is not None:
            self._moves = self._relays.had_better_move(self._relay)
        return self._moves

    def _next_to_ride(self, connection: SmtpConnection, on: Job[C]) -> tuple[Job[C], Any] | tuple[None, None]:
        while (job := self._source.take_now(on.relay, behind=on)) is not None:
            try:
                return job, connection.envelope(job.message)
            except (SmtpRefused, MessageUnsendable) as error:
                self._settle(job, self._refused(job, error))
        return None, None

    def _refused(self, job: Job[C], error: SmtpRefused | MessageUnsendable) -> Outcome:
        if isinstance(error, SmtpRefused):
            return self._judge.reply(job.claim, error.reply, error.phase)
        return self._judge.not_composed(job.claim, error)

    def _broken(self, claim: C, error: SmtpUnavailable) -> Outcome:
        log.info("delivery.connection_broke %s phase=%s", claim.label, error.phase)
        self._note_break(error)
        return self._judge.broken(claim)

    def _note_break(self, error: SmtpUnavailable) -> None:
        self._fruitless += 1
        if self._fruitless >= FRUITLESS and self._relay is not None:
            self._fruitless = 0
            self._relays.failed(
                self._relay,
                f"relay {self._relay.name}: it broke {FRUITLESS} connections in a row ({error}); look at its log",
            )

    def _settle(self, job: Job[C], outcome: Outcome | None, *, went_well: bool = True) -> None:
        self._source.done(job, went_well=went_well)
        if outcome is None:
            self._writer.give_back(job.claim)
        elif outcome.reply is None or self._relay is None:
            self._writer.record(job.claim, outcome)
        else:
            self._writer.record(job.claim, outcome.answered_by(self._relay.name))

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None
        if self._relay is not None:
            self._relays.closed(self._relay)
            self._relay = None
        self._moves = False


async def run_lines(lines: Sequence[Line[Any]], stop: asyncio.Event, *, drain: timedelta) -> list[BaseException | None]:
    """Run lines to their end, and return what each raised, in their order.

    Args:
        lines: of one sending run.
        stop: when set, the lines begin nothing new.
        drain: how long running messages may finish after that; then their connections are dropped.
    """
    tasks = [asyncio.create_task(line.run(stop)) for line in lines]

    async def cut_off() -> None:
        await stop.wait()
        await asyncio.sleep(drain.total_seconds())
        for task in tasks:
            task.cancel()

    draining = asyncio.create_task(cut_off())
    try:
        return await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in (draining, *tasks):
            task.cancel()
        await asyncio.gather(draining, *tasks, return_exceptions=True)
