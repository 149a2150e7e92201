"""An SMTP server that accepts everything and keeps nothing but counts: what a rehearsal sends to."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self, cast

_OFFERED = b"250-sink.localhost\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
_END = b"\r\n.\r\n"


class NullSink:
    """Listens on a free loopback port, in a thread and loop of its own, while its context is open.

    Args:
        loop_factory: makes its event loop; None for asyncio's.

    Attributes:
        port: where it listens.
        messages: how many were accepted.
        bytes: their size together, as it came over the wire.
        recipients: accepted messages by receiving domain, lower case.
    """

    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
        self._loop_factory = loop_factory
        self.port = 0
        self.messages = 0
        self.bytes = 0
        self.recipients: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="null-sink", daemon=True)
        self._thread.start()
        ready.result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self, ready: Future[None]) -> None:
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        transports: set[asyncio.BaseTransport] = set()
        try:
            server = await self._loop.create_server(lambda: _Conversation(self, transports), "127.0.0.1", 0)
        except OSError as error:
            ready.set_exception(error)
            return
        self.port = server.sockets[0].getsockname()[1]
        ready.set_result(None)
        await self._stop.wait()
        server.close()
        for transport in list(transports):
            transport.close()
        await server.wait_closed()


class _Conversation(asyncio.Protocol):
    """One connection: the server's side of RFC 5321, as far as a client that sends messages needs it."""

    def __init__(self, sink: NullSink, transports: set[asyncio.BaseTransport]) -> None:
        self._sink = sink
        self._transports = transports
        self._buffer = bytearray()
        self._in_data = False
        self._searched = 0
        self._domain = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transports.add(transport)
        self._transport.write(b"220 sink.localhost ESMTP keeps nothing\r\n")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transports.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = bytearray()
        while (answer := self._take_message() if self._in_data else self._take_command()) is not None:
            answers += answer
        if answers:
            self._transport.write(bytes(answers))
        if answers.endswith(b"221 2.0.0 Bye\r\n"):
            self._transport.close()

    def _take_message(self) -> bytes | None:
        end = self._buffer.find(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END) + 1)
            return None
        self._sink.messages += 1
        self._sink.bytes += end
        self._sink.recipients[self._domain] += 1
        del self._buffer[: end + len(_END)]
        self._in_data = False
        return b"250 2.0.0 Taken and forgotten\r\n"

    def _take_command(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        verb = line[:4].upper()
        if verb == b"DATA":
            # Two bytes stay: a message's end is looked for from the line end before it.
            del self._buffer[:end]
            self._in_data, self._searched = True, 0
            return b"354 Go ahead\r\n"
        del self._buffer[: end + 2]
        if verb == b"RCPT":
            self._domain = line.partition(b"<")[2].rpartition(b">")[0].rpartition(b"@")[2].decode("utf-8", "replace").lower()
        if verb == b"EHLO":
            return _OFFERED
        return b"221 2.0.0 Bye\r\n" if verb == b"QUIT" else b"250 2.0.0 Ok\r\n"
