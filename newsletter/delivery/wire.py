"""The bytes of an SMTP connection: commands out, replies in, flow control, and whether the other side is still there."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import cast

from newsletter.delivery.errors import SmtpUnavailable
from newsletter.delivery.model import Phase, SmtpReply
from newsletter.delivery.replies import ReplyReader, to_reply

#: Octets that the operating system has not taken yet when :meth:`Wire.drain` returns, at most.
WRITE_BUFFER = 64 * 1024


class Wire(asyncio.Protocol):
    """One end of a connection. The transport may change once, when TLS starts.

    Attributes:
        replies: what came and was not read yet.
        lost: why the connection ended; None while it stands.
    """

    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport
        self.replies = ReplyReader()
        self.lost: str | None = None
        self._changed = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER)

    def data_received(self, data: bytes) -> None:
        self.replies.feed(data)
        self._changed.set()

    def eof_received(self) -> bool:
        self._end("the server closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"the connection broke ({exc})" if exc else "the server closed the connection")

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def abort(self) -> None:
        """Drop the connection at once; what is still in the buffer is thrown away."""
        self.lost = self.lost or "closed by us"
        self.transport.abort()

    def write_line(self, command: bytes) -> None:
        """Write a command."""
        self.transport.write(command + b"\r\n")

    async def drain(self) -> None:
        """Wait until the operating system took most of what was written.

        Raises:
            ConnectionError: the connection ended.
        """
        await self._may_write.wait()
        if self.lost:
            raise ConnectionError(self.lost)

    async def lines(self) -> list[str]:
        """Wait for the lines of the next reply.

        Raises:
            ConnectionError: the connection ended first.
            ValueError: what came is no reply.
        """
        while (lines := self.replies.next_lines()) is None:
            if self.lost:
                raise ConnectionError(self.lost)
            self._changed.clear()
            await self._changed.wait()
        return lines

    async def read(self, phase: Phase, *, within: timedelta) -> list[str]:
        """Wait for the lines of the next reply before the final dot; an error ends the connection.

        Raises:
            SmtpUnavailable: none came in time, the connection ended, or what came is no reply.
        """
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await self.lines()
        except (OSError, TimeoutError, ValueError) as error:
            self.abort()
            raise SmtpUnavailable(f"{str(error) or 'no reply in time'} at {phase}", phase=phase) from error

    async def expect(self, wanted: int, phase: Phase, *, within: timedelta) -> SmtpReply:
        """Wait for one particular reply; any other one ends the connection.

        Raises:
            SmtpUnavailable: another reply came, or none.
        """
        reply = to_reply(await self.read(phase, within=within))
        if reply.code != wanted:
            self.abort()
            hint = "; check smtp.username and the password" if phase is Phase.AUTH else ""
            raise SmtpUnavailable(f"the server answered {reply.code} {reply.text} at {phase}{hint}", phase=phase)
        return reply

    def _end(self, why: str) -> None:
        self.lost = self.lost or why
        self._changed.set()
        self._may_write.set()
