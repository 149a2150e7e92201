"""The SMTP transport: one connection that says exactly whether a message may have been accepted.

RFC 5321, with STARTTLS (RFC 3207), implicit TLS (RFC 8314), AUTH (RFC 4954), PIPELINING (RFC 2920), SIZE (RFC 1870), enhanced
status codes (RFC 2034), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531) and DSN (RFC 3461). One recipient a message. The body goes
out without its final dot; the dot leaves only when the caller, whose intent is durable by then, says so. Where PIPELINING is
offered it can take the next message's envelope along, so that a message costs one round trip.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Self

from newsletter.config import RelayConfig
from newsletter.delivery.model import OutgoingMessage, Phase, SmtpReply
from newsletter.delivery.transport.envelope import Envelope, check_message
from newsletter.delivery.transport.errors import SmtpInDoubt, SmtpRefused, SmtpUnavailable
from newsletter.delivery.transport.handshake import open_session
from newsletter.delivery.transport.replies import to_reply
from newsletter.delivery.transport.wire import Wire

QUIT_TIMEOUT = timedelta(seconds=5)


class SmtpConnection:
    """A connection to the next hop, ready to send messages one after the other. Make it with :meth:`connect`.

    A message takes four steps: :meth:`announce`, :meth:`put_body`, :meth:`end` and, between the two last, making durable that
    its dot is about to leave. Whoever gives up in between calls :meth:`abort`.
    """

    def __init__(self, config: RelayConfig, wire: Wire, extensions: Mapping[str, str]) -> None:
        self._wire = wire
        self._extensions = extensions
        self._can_pipeline = "PIPELINING" in extensions
        self._can_8bit = "8BITMIME" in extensions
        self._loop = asyncio.get_running_loop()
        self._for_reply = config.reply_timeout.total_seconds()
        self._for_dot = config.final_timeout.total_seconds()
        self._for_message = config.message_timeout.total_seconds()
        self._announced: Envelope | None = None
        self._end_by = 0.0

    @classmethod
    async def connect(cls, config: RelayConfig) -> Self:
        """Connect, greet, secure and log in; see :func:`newsletter.delivery.transport.handshake.open_session`.

        Raises:
            SmtpUnavailable: any of that failed; the message says what to check.
        """
        wire, extensions = await open_session(config)
        return cls(config, wire, extensions)

    @property
    def is_usable(self) -> bool:
        """Whether another message may be announced: the server is there and said nothing unasked."""
        return self._announced is None and self._wire.lost is None and self._wire.is_silent

    @property
    def can_ride(self) -> bool:
        """Whether the next envelope may go out with a dot: the end of one message may begin a group (RFC 2920 section 3.1)."""
        return self._can_pipeline

    def envelope(self, message: OutgoingMessage) -> Envelope:
        """Return a message's envelope as this server wants it, the message itself checked.

        Raises:
            SmtpRefused: the recipient cannot be written to here, or the message is larger than the server takes.
            MessageUnsendable: the message breaks the rules of the wire.
        """
        envelope = Envelope.of(message, extensions=self._extensions)
        if not message.is_checked:
            check_message(message.data, can_8bit=self._can_8bit)
        return envelope

    def announce(self, envelope: Envelope) -> None:
        """Begin a message.

        Raises:
            SmtpUnavailable: the connection is not usable any more; nothing was said.
        """
        if not self.is_usable:
            self.abort()
            raise SmtpUnavailable(self._wire.lost or "the server spoke unasked", phase=Phase.MAIL)
        self._begin(envelope)
        if self._can_pipeline:
            self._wire.write(b"%b\r\n%b\r\nDATA\r\n" % (envelope.mail, envelope.rcpt))

    async def put_body(self, message: OutgoingMessage) -> None:
        """Wait until the announced message is invited, and write all of it but the final dot.

        Raises:
            SmtpRefused: a 4yz or 5yz reply; the connection can be used on if :attr:`is_usable`.
            SmtpUnavailable: the connection broke, timed out or talked nonsense: certainly not accepted.
        """
        if self._announced is not None and self._can_pipeline and self._wire.takes("223"):
            self._announced = None
            self._allow()
        else:
            await self._invited()
        data = message.data
        if not message.is_checked:
            data = data.replace(b"\r\n.", b"\r\n..")
            if data.startswith(b"."):
                data = b"." + data
        self._wire.write(data)
        if self._wire.is_full:
            try:
                await self._wire.drain()
            except OSError as error:
                self.abort()
                raise SmtpUnavailable(f"{error} at {Phase.BODY}", phase=Phase.BODY) from error
        self.check_silence()

    def check_silence(self) -> None:
        """Make sure that a reply before the dot is never taken for the reply to the dot; call it right before :meth:`end`.

        Raises:
            SmtpRefused: the server refused the message half-way.
            SmtpUnavailable: it is gone, or spoke out of turn. Either way the connection is dropped: certainly not accepted.
        """
        if self._wire.lost is None and self._wire.is_silent:
            return
        try:
            lines = self._wire.next_lines()
        except ValueError:
            lines = None
        self.abort()
        if lines is not None and lines[0][0] in "45" and not lines[0].startswith("421"):
            raise SmtpRefused(to_reply(lines), phase=Phase.BODY)
        raise SmtpUnavailable(self._wire.lost or "the server spoke in the middle of a message", phase=Phase.BODY)

    async def end(self, following: Envelope | None = None) -> SmtpReply:
        """Write the final dot, and wait for the reply to it.

        From here to the reply the message is in doubt.

        Args:
            following: envelope of the next message, announced with the same packet; only where :attr:`can_ride`. It counts as
                announced only if this message was answered and :attr:`is_waiting` says so.

        Returns:
            The accepting reply.

        Raises:
            SmtpRefused: a 4yz or 5yz reply: surely not accepted.
            SmtpInDoubt: no reply that can be understood: the message may have been accepted. The connection is dropped.
        """
        self._announced = None
        if following is None:
            self._wire.write(b".\r\n")
        else:
            self._wire.write(b".\r\n%b\r\n%b\r\nDATA\r\n" % (following.mail, following.rcpt))
        self._wire.allow(min(self._for_dot, max(self._end_by - self._loop.time(), 0.0)))
        try:
            reply = to_reply(await self._wire.lines())
        except (OSError, ValueError) as error:
            self.abort()
            raise SmtpInDoubt(str(error), phase=Phase.DOT) from error
        except BaseException:
            self.abort()
            raise
        kind = reply.code // 100
        if kind == 3:
            self.abort()
            raise SmtpInDoubt(f"the server answered {reply.code} to the final dot, which means nothing", phase=Phase.DOT)
        if reply.code == 421:
            self.abort()
        elif following is not None:
            self._begin(following)
        if kind != 2:
            raise SmtpRefused(reply, phase=Phase.DOT)
        return reply

    @property
    def is_waiting(self) -> bool:
        """Whether a message is announced, so that its body may come."""
        return self._announced is not None and self._wire.lost is None

    async def close(self) -> None:
        """Say goodbye, briefly. Never raises for what the server does."""
        if self.is_usable:
            self._wire.write_line(b"QUIT")
            with contextlib.suppress(SmtpUnavailable):
                await self._wire.expect(221, Phase.MAIL, within=QUIT_TIMEOUT)
        self.abort()

    def abort(self) -> None:
        """Drop the connection at once; what is still in the buffer is thrown away."""
        self._announced = None
        self._wire.abort()

    def _begin(self, envelope: Envelope) -> None:
        self._announced = envelope
        self._end_by = self._loop.time() + self._for_message

    async def _invited(self) -> None:
        """Get from the announcement to 354, or leave the connection as it was before and raise."""
        envelope, self._announced = self._announced, None
        if envelope is None:
            raise ValueError("announce the message first")
        refused: SmtpRefused | None = None
        steps = ((envelope.mail, "2", Phase.MAIL), (envelope.rcpt, "2", Phase.RCPT), (b"DATA", "3", Phase.DATA))
        has_data_open = False
        for command, wanted, phase in steps:
            if not self._can_pipeline:
                if refused:
                    break
                self._wire.write_line(command)
            if not self._wire.has_reply:
                self._allow()
            lines = await self._wire.read(phase)
            if lines[0][0] == wanted:
                has_data_open = phase is Phase.DATA
            else:
                refused = refused or self._refusal(lines, phase)
        self._allow()
        if refused is not None:
            await self._undo(refused, has_data_open=has_data_open)
            raise refused

    def _refusal(self, lines: list[str], phase: Phase) -> SmtpRefused:
        """Return what a reply other than the wanted one means for the message.

        Raises:
            SmtpUnavailable: it means the end of the connection instead.
        """
        reply = to_reply(lines)
        if reply.code == 421:
            self.abort()
            raise SmtpUnavailable(f"the server is closing: {reply.text}", phase=phase)
        if reply.code // 100 not in (4, 5):
            self.abort()
            raise SmtpUnavailable(f"the server answered {reply.code} to {phase}, which means nothing", phase=phase)
        return SmtpRefused(reply, phase=phase)

    async def _undo(self, refused: SmtpRefused, *, has_data_open: bool) -> None:
        """Bring the connection back to where it was before the message, or drop it."""
        with contextlib.suppress(SmtpUnavailable):
            if not has_data_open:
                self._wire.write_line(b"RSET")
                await self._wire.expect(250, Phase.MAIL, within=timedelta(seconds=self._for_reply))
            elif refused.phase is Phase.RCPT:
                # RFC 2920 section 3.1: without a recipient, DATA that was let through is ended at once, whatever the reply.
                self._wire.write_line(b".")
                self._allow()
                await self._wire.read(Phase.DATA)
            else:
                self.abort()

    def _allow(self) -> None:
        self._wire.allow(min(self._for_reply, max(self._end_by - self._loop.time(), 0.0)))
