"""One connection of the listener: aiosmtpd's SMTP and LMTP with strict line ends, flat memory, and deadlines that hold."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, AnyStr

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, syntax

#: Seconds in which a client must take our last words, before the line is cut.
LINGER = 5.0
TOO_SLOW = "421 4.4.2 Too slow; come again"
STOPPING = "421 4.3.2 Stopping; come again"
_END = b".\r\n"
_CODE = re.compile(r"([245])\d\d(?: (?!\d\.\d+\.\d+ )|$)")

#: Takes a whole message and returns the reply to it.
Store = Callable[[bytes, Envelope], Awaitable[str]]


class _Lines:
    """A stream whose lines end with CR LF and nothing else: what the library reads commands from."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def readuntil(self, separator: bytes = b"\r\n") -> bytes:
        return await self._reader.readuntil(separator)

    async def read(self, size: int) -> bytes:
        return await self._reader.read(size)


class StrictSession(SMTP):
    """One connection that speaks SMTP.

    A line ends with CR LF, a message with CR LF . CR LF, and nothing else does either (RFC 5321 section 2.3.8); a message with
    a lone CR or LF in it is refused as a whole, so no two servers can see different messages in it. No more of a message is
    held than the largest one that is taken. A line, of a command or of a message, must be there within ``command_seconds``,
    whatever trickles in; the connection ends after ``session_seconds``.

    Args:
        handler: what the library asks, see :mod:`newsletter.inbound.entrances.listener`.
        store: takes a message.
        ended: called once, when the connection is gone.
        settings: the library's own.
    """

    # Longer than RFC 5321 section 4.5.3.1.6 has them: bounces quote what was never a mail, and one that is refused is lost.
    line_length_limit = 65_536

    def __init__(
        self,
        handler: object,
        *,
        store: Store,
        ended: Callable[[StrictSession], None],
        command_seconds: float,
        session_seconds: float,
        **settings: Any,
    ) -> None:
        super().__init__(handler, enable_SMTPUTF8=True, ident="newsletter", timeout=command_seconds, **settings)
        self._store_message, self._ended = store, ended
        self._command_seconds, self._session_seconds = command_seconds, session_seconds
        self._total: asyncio.TimerHandle | None = None
        self._last_words = ""
        self._heard_at = self.loop.time()  # when the last line came
        #: When the last command came, on the loop's clock.
        self.waits_since = self._heard_at
        self.is_storing = False

    # What the transport and the clock tell.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._total = self.loop.call_later(self._session_seconds, self.leave, TOO_SLOW)
        if self._handler_coroutine is not None:
            self._handler_coroutine.add_done_callback(_look_at)

    def eof_received(self) -> bool:
        # Nobody answers any more once the library gave the client up: left half-open, it would take a place for minutes.
        super().eof_received()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self._total is not None:
            self._total.cancel()
        super().connection_lost(error)
        self._ended(self)

    def leave(self, words: str) -> None:
        """End the connection with these words; a message that is being stored is answered first."""
        self._last_words = words
        transport = self.transport
        if self.is_storing or not isinstance(transport, asyncio.WriteTransport) or transport.is_closing():
            return
        transport.write(words.encode() + b"\r\n")
        transport.close()
        self.loop.call_later(LINGER, transport.abort)

    def _cb_client_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super()._cb_client_connected(_Lines(reader), writer)  # type: ignore[arg-type]  # a stand-in for a StreamReader with the two methods that the library calls

    def _reset_timeout(self, duration: float | None = None) -> None:  # noqa: ARG002 - the library's signature; ours never changes
        # Called with each command. One timer looks when the last line came: a new one for every line would cost more.
        self._heard_at = self.waits_since = self.loop.time()
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_later(self._command_seconds, self._timeout_cb)

    def _timeout_cb(self) -> None:
        left = self._heard_at + self._command_seconds - self.loop.time()
        if left > 0 or self.is_storing:
            self._timeout_handle = self.loop.call_later(max(left, self._command_seconds / 10), self._timeout_cb)
        else:
            self.leave(TOO_SLOW)

    # What the client says.

    async def push(self, status: AnyStr) -> None:
        """Send a reply, with an enhanced status code where the library gives none (RFC 2034)."""
        if not isinstance(status, str):
            await super().push(status)
            return
        found = None if self._is_greeting(status) else _CODE.match(status)
        await super().push(status if found is None else f"{status[:3]} {found[1]}.0.0 {status[4:]}")

    def _is_greeting(self, status: str) -> bool:
        return status.startswith("220 ") or status in {f"250 {self.hostname}", "250 ENHANCEDSTATUSCODES"}

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - the library's name
        """Take a message; the reply is given once for all recipients, over LMTP once for each (RFC 2033 section 4.2)."""
        envelope = self.envelope
        if envelope is None or not envelope.rcpt_tos:
            await self.push("503 5.5.1 No valid recipients")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End with <CR><LF>.<CR><LF>")
        content, reply = await self._read_message()
        if not reply:
            self.is_storing = True
            try:
                reply = await self._store_message(content, envelope)
            finally:
                self.is_storing = False
        self.envelope = Envelope()
        self._reset_timeout()
        for _ in range(self._replies(envelope)):
            await self.push(reply)
        if self._last_words:
            self.leave(self._last_words)

    async def smtp_VRFY(self, arg: str | None) -> None:  # noqa: ARG002, N802 - the library's name and signature
        """Tell nobody who is here."""
        await self.push("502 5.5.1 Not offered")

    smtp_EXPN = smtp_AUTH = smtp_HELP = smtp_VRFY  # noqa: N815 - the library's names

    def _replies(self, envelope: Envelope) -> int:  # noqa: ARG002 - over LMTP it depends on the recipients
        return 1

    async def _read_message(self) -> tuple[bytes, str]:
        """Read to the message's end; return it, or the reply that refuses it."""
        content, refusal, begins_line = bytearray(), "", True
        while True:
            try:
                line = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as error:
                line = await self._reader.read(error.consumed)
                refusal = refusal or f"554 5.6.0 A line is longer than {self.line_length_limit} octets"
            self._heard_at = self.loop.time()
            if begins_line and line == _END:
                return bytes(content), refusal
            is_whole = line.endswith(b"\r\n")
            text = line[:-2] if is_whole else line
            if b"\n" in text or b"\r" in text:
                refusal = refusal or "554 5.6.11 Lines must end with <CR><LF>"
            if begins_line and line.startswith(b"."):
                line = line[1:]
            if self.data_size_limit is not None and len(content) + len(line) > self.data_size_limit:
                refusal = refusal or "552 5.3.4 The message is too large"
            if refusal:
                content.clear()
            else:
                content += line
            begins_line = is_whole


class StrictLmtpSession(LMTP, StrictSession):
    """The same, speaking LMTP."""

    def _replies(self, envelope: Envelope) -> int:
        return len(envelope.rcpt_tos)


class Refusal(asyncio.Protocol):
    """A connection beyond those that are taken: it is told to come again."""

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(f"421 4.3.2 {self._hostname} Too many connections; come again\r\n".encode())
            transport.close()


def _look_at(task: asyncio.Task[None]) -> None:
    # A client that vanishes ends the task with an error, which would be logged if nobody looked at it.
    if not task.cancelled():
        task.exception()
