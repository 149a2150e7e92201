"""A fast SMTP sink on uvloop, to measure senders against: takes every message and counts it.

It offers what Postfix's smtp-sink offers, PIPELINING among it, and reads envelopes that ride behind a message's dot.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast

from newsletter.web.server import event_loop_factory
from sending.processes import CONTEXT

OFFERS = b"250-sink.example.org\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n"
END = b"\r\n.\r\n"
BUFFER = 128 * 1024
#: What may stand behind a message's end in one piece: the next envelope, in commands of 512 octets (RFC 5321 section 4.5.3.1).
ENVELOPE = 2048


@dataclass(slots=True)
class Taken:
    """What a sink's process took so far; ``octets`` are those that came over the wire, commands included."""

    messages: int = 0
    octets: int = 0


class Session(asyncio.BufferedProtocol):
    """One client's connection. The buffer is its own, so that a body costs no copy."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._in_body = False
        # In a body: its last four octets so far, where a mark may have begun. Between bodies: a line that has not ended.
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport.write(b"220 sink.example.org ESMTP\r\n")

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's signature
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self._taken.octets += nbytes
        if self._in_body:
            self._body(nbytes)
        else:
            self._commands(self._rest + bytes(self._view[:nbytes]))

    def _body(self, nbytes: int) -> None:
        # A client waits for 354 before its next body, so a mark stands this near the end or not at all.
        piece = bytes(self._view[max(0, nbytes - ENVELOPE) : nbytes])
        seen = self._rest + piece if nbytes <= ENVELOPE else piece
        at = seen.find(END)
        if at < 0:
            self._rest = seen[-4:]
            return
        self._in_body, self._rest = False, b""
        self._taken.messages += 1
        self._commands(seen[at + len(END) :], b"250 2.0.0 Ok\r\n")

    def _commands(self, data: bytes, reply: bytes = b"") -> None:
        lines = data.split(b"\r\n")
        self._rest = lines.pop()
        for number, line in enumerate(lines):
            verb = line[:4].upper()
            if verb in {b"MAIL", b"RCPT"}:
                reply += b"250 2.1.0 Ok\r\n"
            elif verb == b"DATA":
                reply += b"354 End data with <CR><LF>.<CR><LF>\r\n"
                self._in_body = True
                assert number == len(lines) - 1, "a client must wait for 354"
                # The line end of DATA: a body that is a dot alone ends with it.
                self._rest = b"\r\n" + self._rest
            elif verb == b"EHLO":
                reply += OFFERS
            elif verb == b"QUIT":
                self._transport.write(reply + b"221 2.0.0 Bye\r\n")
                self._transport.close()
                return
            else:
                reply += b"250 2.0.0 Ok\r\n"
        self._transport.write(reply)


class Sink:
    """A sink that runs: where it listens, and what it took since it was last asked."""

    def __init__(self, port: int, pipes: list[Connection]) -> None:
        self.port = port
        self._pipes = pipes

    def take(self) -> Taken:
        """Return what was taken since the last call."""
        for pipe in self._pipes:
            pipe.send("take")
        counts = [cast("Taken", pipe.recv()) for pipe in self._pipes]
        return Taken(sum(one.messages for one in counts), sum(one.octets for one in counts))


@contextmanager
def fast_sink(*, processes: int = 1) -> Iterator[Sink]:
    """Run a sink on a free port of 127.0.0.1, in as many ``processes``; the kernel spreads connections over them."""
    # Bound but not listening, it holds the port and gets no connection.
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(("127.0.0.1", 0))
    port = int(holder.getsockname()[1])
    pairs = [CONTEXT.Pipe() for _ in range(processes)]
    running = [CONTEXT.Process(target=_serve, args=(port, theirs), daemon=True) for _, theirs in pairs]
    for process in running:
        process.start()
    pipes = [ours for ours, _ in pairs]
    try:
        for pipe in pipes:
            pipe.recv()
        yield Sink(port, pipes)
    finally:
        holder.close()
        for process in running:
            process.terminate()
            process.join(5)


def _serve(port: int, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
        runner.run(_listen(port, pipe))


async def _listen(port: int, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    taken = Taken()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    server = await loop.create_server(lambda: Session(taken), sock=listener, backlog=1024)

    def answer() -> None:
        try:
            pipe.recv()
        except EOFError:  # whoever asked is gone
            raise SystemExit from None
        pipe.send(taken)
        taken.messages = taken.octets = 0

    loop.add_reader(pipe.fileno(), answer)
    pipe.send("listening")
    async with server:
        await asyncio.Event().wait()


def wait_for_port(port: int, *, seconds: float = 10.0) -> None:
    """Return once 127.0.0.1 answers on ``port``.

    Raises:
        TimeoutError: it did not in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")
