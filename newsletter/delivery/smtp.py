"""The SMTP transport: one connection that says exactly whether a message may have been accepted.

RFC 5321, with STARTTLS (RFC 3207), implicit TLS (RFC 8314), AUTH (RFC 4954), PIPELINING (RFC 2920), SIZE (RFC 1870), enhanced
status codes (RFC 2034), 8BITMIME (RFC 6152) and SMTPUTF8 (RFC 6531). One recipient a message. The body goes out without its
final dot; the dot leaves only after the caller has said that its intent to send it is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Self

from newsletter.config import SmtpConfig
from newsletter.delivery.envelope import Envelope, check_message
from newsletter.delivery.errors import SmtpAborted, SmtpInDoubt, SmtpRefused, SmtpUnavailable
from newsletter.delivery.handshake import open_session
from newsletter.delivery.model import Phase, SmtpReply
from newsletter.delivery.replies import to_reply
from newsletter.delivery.wire import Wire

QUIT_TIMEOUT = timedelta(seconds=5)


class SmtpConnection:
    """A connection to the next hop, ready to send messages one after the other. Make it with :meth:`connect`."""

    def __init__(self, config: SmtpConfig, wire: Wire, extensions: Mapping[str, str]) -> None:
        self._config = config
        self._wire = wire
        self._extensions = extensions

    @classmethod
    async def connect(cls, config: SmtpConfig) -> Self:
        """Connect, greet, secure and log in; see :func:`newsletter.delivery.handshake.open_session`.

        Raises:
            SmtpUnavailable: any of that failed; the message says what to check.
        """
        wire, extensions = await open_session(config)
        return cls(config, wire, extensions)

    @property
    def is_usable(self) -> bool:
        """Whether another message may be sent: the server is there and said nothing unasked."""
        return self._wire.lost is None and self._wire.replies.is_empty

    async def send(
        self, envelope_from: str, recipient: str, data: bytes, before_dot: Callable[[], Awaitable[bool]]
    ) -> SmtpReply:
        """Send one message to one recipient.

        Args:
            envelope_from: address for bounces; ``""`` is the null one.
            recipient: address.
            data: the whole message, CRLF line ends, the last line ended; not dot-stuffed.
            before_dot: awaited when all but the final dot is out. It makes the intent durable; on False or an error the
                connection is closed before the dot. From its return on the message is in doubt until the reply is there.

        Returns:
            The accepting reply.

        Raises:
            SmtpRefused: a 4yz or 5yz reply, or an address that cannot be written to; the connection can be used on if
                :attr:`is_usable`.
            SmtpUnavailable: the connection broke, timed out or talked nonsense before the dot: certainly not accepted.
            SmtpAborted: ``before_dot`` said no.
            SmtpInDoubt: the same after the dot: the message may have been accepted.
            MessageUnsendable: ``data`` breaks the rules of the wire; nothing was said to the server.
        """
        check_message(data, can_8bit="8BITMIME" in self._extensions)
        envelope = Envelope.of(
            envelope_from, recipient, size=len(data), extensions=self._extensions, is_8bit=not data.isascii()
        )
        if not self.is_usable:
            self.abort()
            raise SmtpUnavailable(self._wire.lost or "the server spoke unasked", phase=Phase.MAIL)
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        try:
            await self._announce(envelope)
            self._wire.transport.write(b"." + stuffed if stuffed.startswith(b".") else stuffed)
            await self._before_dot(before_dot)
        except SmtpRefused as refused:
            if refused.phase is Phase.BODY:
                self.abort()
            raise
        except BaseException:
            self.abort()
            raise
        return await self._dot()

    async def close(self) -> None:
        """Say goodbye, briefly. Never raises for what the server does."""
        if self.is_usable:
            self._wire.write_line(b"QUIT")
            with contextlib.suppress(SmtpUnavailable):
                await self._wire.expect(221, Phase.MAIL, within=QUIT_TIMEOUT)
        self.abort()

    def abort(self) -> None:
        """Drop the connection at once; what is still in the buffer is thrown away."""
        self._wire.abort()

    async def _announce(self, envelope: Envelope) -> None:
        """Say MAIL, RCPT and DATA and get 354, or leave the connection as it was before and raise."""
        steps = ((envelope.mail, 2, Phase.MAIL), (envelope.rcpt, 2, Phase.RCPT), (b"DATA", 3, Phase.DATA))
        refused: SmtpRefused | None = None
        has_data_open = False
        if "PIPELINING" in self._extensions:
            self._wire.write_line(b"\r\n".join(command for command, _, _ in steps))
        for command, wanted, phase in steps:
            if "PIPELINING" not in self._extensions:
                if refused:
                    break
                self._wire.write_line(command)
            reply = await self._step(phase)
            kind = reply.code // 100
            if kind in (4, 5):
                refused = refused or SmtpRefused(reply, phase=phase)
            elif kind != wanted:
                raise SmtpUnavailable(f"the server answered {reply.code} to {phase}, which means nothing", phase=phase)
            else:
                has_data_open = phase is Phase.DATA
        if refused is None:
            return
        if not has_data_open:
            with contextlib.suppress(SmtpUnavailable):
                self._wire.write_line(b"RSET")
                await self._wire.expect(250, Phase.MAIL, within=self._config.reply_timeout)
        elif refused.phase is Phase.RCPT:
            # RFC 2920 section 3.1: without a recipient, DATA that was let through is ended at once; its reply does not matter.
            with contextlib.suppress(SmtpUnavailable):
                self._wire.write_line(b".")
                await self._step(Phase.DATA)
        else:
            self.abort()
        raise refused

    async def _step(self, phase: Phase) -> SmtpReply:
        reply = to_reply(await self._wire.read(phase, within=self._config.reply_timeout))
        if reply.code == 421:
            self.abort()
            raise SmtpUnavailable(f"the server is closing: {reply.text}", phase=phase)
        return reply

    async def _before_dot(self, before_dot: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(self._config.reply_timeout.total_seconds()):
                await self._wire.drain()
        except (OSError, TimeoutError) as error:
            raise SmtpUnavailable(str(error) or "the server does not take the message", phase=Phase.BODY) from error
        self._check_silence()
        try:
            is_durable = await before_dot()
        except Exception as error:
            raise SmtpAborted("the intent to send could not be written", phase=Phase.BODY) from error
        if not is_durable:
            raise SmtpAborted("the intent to send was refused", phase=Phase.BODY)
        self._check_silence()

    def _check_silence(self) -> None:
        """A reply before the dot must never be taken for the reply to the dot."""
        try:
            lines = self._wire.replies.next_lines()
        except ValueError as error:
            raise SmtpUnavailable(str(error), phase=Phase.BODY) from error
        if lines is not None and lines[0][0] in "45" and not lines[0].startswith("421"):
            raise SmtpRefused(to_reply(lines), phase=Phase.BODY)
        if lines is not None or self._wire.lost or not self._wire.replies.is_empty:
            raise SmtpUnavailable(self._wire.lost or "the server spoke in the middle of a message", phase=Phase.BODY)

    async def _dot(self) -> SmtpReply:
        self._wire.transport.write(b".\r\n")
        try:
            async with asyncio.timeout(self._config.final_timeout.total_seconds()):
                reply = to_reply(await self._wire.lines())
        except (OSError, TimeoutError, ValueError) as error:
            self.abort()
            raise SmtpInDoubt(str(error) or "no reply in time", phase=Phase.DOT) from error
        except BaseException:
            self.abort()
            raise
        if reply.code // 100 == 3 or reply.code == 421:
            self.abort()
        if reply.code // 100 == 3:
            raise SmtpInDoubt(f"the server answered {reply.code} to the final dot, which means nothing", phase=Phase.DOT)
        if reply.code // 100 != 2:
            raise SmtpRefused(reply, phase=Phase.DOT)
        return reply
