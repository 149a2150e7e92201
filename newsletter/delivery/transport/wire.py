"""The bytes of an SMTP connection: commands out, replies in, flow control, and whether the other side is still there."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from typing import cast

from newsletter.delivery.model import Phase, SmtpReply
from newsletter.delivery.transport.errors import SmtpUnavailable
from newsletter.delivery.transport.replies import ReplyReader, to_reply

#: Octets that the operating system has not taken yet when :meth:`Wire.drain` returns, at most.
WRITE_BUFFER = 64 * 1024


class Wire(asyncio.Protocol):
    """One end of a connection, waited for by one task at a time. The transport may change once, when TLS starts.

    Waiting costs no timer each: one watch per connection looks at the deadline that was set last.

    Attributes:
        lost: why the connection ended; None while it stands.
    """

    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport
        self.lost: str | None = None
        self._loop = asyncio.get_running_loop()
        self._reader = ReplyReader()
        self._replies: deque[list[str]] = deque()
        self._nonsense: ValueError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_full = False
        self._deadline: float | None = None
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER)

    def data_received(self, data: bytes) -> None:
        try:
            self._replies.extend(self._reader.feed(data))
        except ValueError as error:
            self._nonsense = error
        self._wake()

    def eof_received(self) -> bool:
        self._end("the server closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"the connection broke ({exc})" if exc else "the server closed the connection")

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()

    @property
    def is_silent(self) -> bool:
        """Whether all that came was read."""
        return not self._replies and self._nonsense is None and self._reader.is_empty

    @property
    def is_full(self) -> bool:
        """Whether there is anything to wait for in :meth:`drain`: too much is unwritten, or the connection ended."""
        return self._is_full or self.lost is not None

    @property
    def has_reply(self) -> bool:
        """Whether a reply is there that was not read yet."""
        return bool(self._replies)

    def abort(self) -> None:
        """Drop the connection at once; what is still in the buffer is thrown away."""
        self.lost = self.lost or "closed by us"
        self._deadline = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self.transport.abort()

    def write(self, data: bytes) -> None:
        """Write octets."""
        self.transport.write(data)

    def write_line(self, command: bytes) -> None:
        """Write a command."""
        self.transport.write(command + b"\r\n")

    def allow(self, seconds: float) -> None:
        """Let what is waited for next take that long from now; the connection is dropped after that."""
        self._deadline = due = self._loop.time() + seconds
        if self._watch is None or self._watch.when() > due:
            if self._watch is not None:
                self._watch.cancel()
            self._watch = self._loop.call_at(due, self._look)

    async def drain(self) -> None:
        """Wait until the operating system took most of what was written.

        Raises:
            ConnectionError: the connection ended, or it took too long.
        """
        while self._is_full and self.lost is None:
            await self._wait()
        if self.lost is not None:
            raise ConnectionError(self.lost)

    async def lines(self) -> list[str]:
        """Wait for the lines of the next reply.

        Raises:
            ConnectionError: the connection ended first, or it took too long.
            ValueError: what came is no reply.
        """
        while not self._replies:
            if self._nonsense is not None:
                raise self._nonsense
            if self.lost is not None:
                raise ConnectionError(self.lost)
            await self._wait()
        return self._replies.popleft()

    def takes(self, kinds: str) -> bool:
        """Take all replies that are there, if their first digits are these; False, and none taken, if they are not."""
        replies = self._replies
        if len(replies) != len(kinds):
            return False
        for reply, kind in zip(replies, kinds, strict=True):
            if reply[0][0] != kind:
                return False
        replies.clear()
        return True

    def next_lines(self) -> list[str] | None:
        """Return the lines of a reply that is there already.

        Raises:
            ValueError: what came is no reply.
        """
        if self._replies:
            return self._replies.popleft()
        if self._nonsense is not None:
            raise self._nonsense
        return None

    async def read(self, phase: Phase) -> list[str]:
        """Wait for the lines of the next reply before the final dot; an error ends the connection.

        Raises:
            SmtpUnavailable: none came in time, the connection ended, or what came is no reply.
        """
        try:
            return self._replies.popleft() if self._replies else await self.lines()
        except (OSError, ValueError) as error:
            self.abort()
            raise SmtpUnavailable(f"{error} at {phase}", phase=phase) from error

    async def expect(self, wanted: int, phase: Phase, *, within: timedelta) -> SmtpReply:
        """Wait for one particular reply; any other one ends the connection.

        Raises:
            SmtpUnavailable: another reply came, or none.
        """
        self.allow(within.total_seconds())
        reply = to_reply(await self.read(phase))
        if reply.code != wanted:
            self.abort()
            hint = "; check the username and the password" if phase is Phase.AUTH else ""
            raise SmtpUnavailable(f"the server answered {reply.code} {reply.text} at {phase}{hint}", phase=phase)
        return reply

    def _look(self) -> None:
        self._watch = None
        if self._deadline is None or self.lost is not None:
            return
        if self._deadline > self._loop.time():
            self._watch = self._loop.call_at(self._deadline, self._look)
        elif self._waiter is not None:
            self._end("no reply in time")
            self.transport.abort()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _end(self, why: str) -> None:
        self.lost = self.lost or why
        self._wake()
