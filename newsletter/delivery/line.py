"""One connection's work in a sending run: take a claim, make its message, send it, hand over the result."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from newsletter.config import SmtpConfig
from newsletter.delivery.errors import MessageUnsendable, SmtpAborted, SmtpInDoubt, SmtpRefused, SmtpUnavailable
from newsletter.delivery.model import Outcome, OutgoingMessage, Phase, SmtpReply
from newsletter.delivery.smtp import SmtpConnection

log = logging.getLogger(__name__)

#: Connections in a row that broke before the server answered to any message; the line gives up after that many.
FRUITLESS = 3


class Sendable(Protocol):
    """The claim of a message that may be sent."""

    @property
    def label(self) -> str:
        """What the log calls it."""
        ...


C = TypeVar("C", bound=Sendable)
C_contra = TypeVar("C_contra", bound=Sendable, contravariant=True)


class Claims(Protocol[C]):
    """Gives out claims one by one; see :class:`newsletter.delivery.handout.Handout`."""

    async def next(self) -> C | None: ...

    def put_back(self, claim: C) -> None: ...


class Writer(Protocol[C_contra]):
    """Writes what becomes of claims; see :class:`newsletter.delivery.writer.LedgerWriter`."""

    async def intend(self, claim: C_contra) -> bool: ...

    def record(self, claim: C_contra, outcome: Outcome) -> None: ...

    def give_back(self, claim: C_contra) -> None: ...


class Judge(Protocol[C_contra]):
    """Turns what happened to a claim into its outcome; see :mod:`newsletter.delivery.policy`."""

    def reply(self, claim: C_contra, reply: SmtpReply, phase: Phase) -> Outcome: ...

    def broken(self, claim: C_contra) -> Outcome: ...

    def doubt(self, claim: C_contra) -> Outcome: ...

    def not_composed(self, claim: C_contra, error: Exception) -> Outcome: ...


class Line(Generic[C]):
    """Works on claims with one connection at a time, which is opened when first needed and used as long as it holds.

    Attributes:
        problem: why it ended before the claims did, and what to do; empty if it did not.
    """

    def __init__(
        self,
        smtp: SmtpConfig,
        writer: Writer[C],
        handout: Claims[C],
        *,
        prepare: Callable[[C], Awaitable[OutgoingMessage | Outcome]],
        judge: Judge[C],
    ) -> None:
        """Make a line.

        Args:
            smtp: the next hop.
            writer: takes intents and results.
            handout: gives claims.
            prepare: makes a claim's message, or says what became of the claim instead.
            judge: decides outcomes.
        """
        self.problem = ""
        self._smtp = smtp
        self._writer = writer
        self._handout = handout
        self._prepare = prepare
        self._judge = judge
        self._connection: SmtpConnection | None = None
        self._fruitless = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until no claim is left, ``stop`` is set, or no server can be reached.

        Cancelled, it drops the connection; a message whose dot had left is then in doubt, any other is given back.
        """
        try:
            while not self.problem and not stop.is_set():
                claim = await self._handout.next()
                if claim is None:
                    break
                if stop.is_set():
                    self._handout.put_back(claim)
                    break
                await self._work(claim)
            if self._connection is not None:
                await self._connection.close()
        finally:
            self._drop()

    async def _work(self, claim: C) -> None:
        may_have_left = False

        async def before_dot() -> bool:
            nonlocal may_have_left
            may_have_left = await self._writer.intend(claim)
            return may_have_left

        try:
            prepared = await self._prepare(claim)
            if isinstance(prepared, Outcome):
                self._writer.record(claim, prepared)
                return
            try:
                connection = await self._connected()
            except SmtpUnavailable as error:
                self.problem = str(error)
                log.warning("delivery.unreachable phase=%s", error.phase)
                self._handout.put_back(claim)
                return
            outcome = await self._send(connection, claim, prepared, before_dot)
        except BaseException:
            if may_have_left:
                self._writer.record(claim, self._judge.doubt(claim))
            else:
                self._writer.give_back(claim)
            raise
        if outcome is None:
            self._writer.give_back(claim)
        else:
            self._writer.record(claim, outcome)

    async def _send(
        self,
        connection: SmtpConnection,
        claim: C,
        message: OutgoingMessage,
        before_dot: Callable[[], Awaitable[bool]],
    ) -> Outcome | None:
        """Send one message; None if it must not leave now, and certainly did not.

        Raises:
            SQLAlchemyError: the intent could not be written, as the database is in trouble; nothing left.
        """
        try:
            reply = await connection.send(message.envelope_from, message.recipient, message.data, before_dot)
        except SmtpRefused as refused:
            self._fruitless = 0
            return self._judge.reply(claim, refused.reply, refused.phase)
        except SmtpInDoubt:
            self._fruitless = 0
            return self._judge.doubt(claim)
        except SmtpAborted as aborted:
            if aborted.__cause__ is not None:
                raise aborted.__cause__ from None
            return None
        except MessageUnsendable as error:
            return self._judge.not_composed(claim, error)
        except SmtpUnavailable as error:
            self._fruitless += 1
            log.info("delivery.connection_broke %s phase=%s", claim.label, error.phase)
            if self._fruitless >= FRUITLESS:
                self.problem = f"the server broke {FRUITLESS} connections in a row ({error}); look at its log"
            return self._judge.broken(claim)
        self._fruitless = 0
        return self._judge.reply(claim, reply, Phase.DOT)

    async def _connected(self) -> SmtpConnection:
        if self._connection is None or not self._connection.is_usable:
            self._drop()
            self._connection = await SmtpConnection.connect(self._smtp)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None


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
