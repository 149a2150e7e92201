"""One connection's work in a sending run: take a claim, make its message, send it, hand over the result."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from newsletter.config import SmtpConfig
from newsletter.delivery.errors import MessageUnsendable, SmtpAborted, SmtpInDoubt, SmtpRefused, SmtpUnavailable
from newsletter.delivery.handout import Handout
from newsletter.delivery.model import Claim, Outcome, OutgoingMessage, Phase, Result, SmtpReply
from newsletter.delivery.smtp import SmtpConnection
from newsletter.delivery.writer import LedgerWriter

log = logging.getLogger(__name__)

#: Connections in a row that broke before the server answered to any message; the line gives up after that many.
FRUITLESS = 3


class Judge(Protocol):
    """Turns what happened to a claim into its outcome; see :mod:`newsletter.delivery.policy`."""

    def reply(self, claim: Claim, reply: SmtpReply, phase: Phase) -> Outcome: ...

    def broken(self, claim: Claim) -> Outcome: ...

    def doubt(self, claim: Claim) -> Outcome: ...

    def not_composed(self, claim: Claim, error: Exception) -> Outcome: ...


class Line:
    """Works on claims with one connection at a time, which is opened when first needed and used as long as it holds.

    Attributes:
        problem: why it ended before the claims did, and what to do; empty if it did not.
    """

    def __init__(
        self,
        smtp: SmtpConfig,
        writer: LedgerWriter,
        handout: Handout,
        *,
        prepare: Callable[[Claim], Awaitable[OutgoingMessage | Outcome]],
        judge: Judge,
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

    async def _work(self, claim: Claim) -> None:
        may_have_left = False

        async def before_dot() -> bool:
            nonlocal may_have_left
            may_have_left = await self._writer.intend(claim)
            return may_have_left

        try:
            prepared = await self._prepare(claim)
            if isinstance(prepared, Outcome):
                self._record(claim, prepared)
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
                self._record(claim, self._judge.doubt(claim))
            else:
                self._writer.give_back(claim)
            raise
        if outcome is None:
            self._writer.give_back(claim)
        else:
            self._record(claim, outcome)

    async def _send(
        self,
        connection: SmtpConnection,
        claim: Claim,
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
            log.info("delivery.connection_broke delivery=%d phase=%s", claim.delivery_id, error.phase)
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

    def _record(self, claim: Claim, outcome: Outcome) -> None:
        self._writer.record(Result(claim, outcome))

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None
