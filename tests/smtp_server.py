"""A scripted SMTP server for tests: keeps a ledger of what it accepted, and misbehaves by recipient and phase.

It speaks just enough SMTP to be a next hop, in its own thread and event loop, on a free port of 127.0.0.1. It is strict where
a sender could get away with a mistake: commands must be complete lines, and nothing may come behind the final dot.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Accepted:
    """A message that was answered with 250, or stored and then not answered."""

    mail: str
    recipient: str
    data: bytes


@dataclass
class Fault:
    """Misbehaviour at a phase (``connect ehlo starttls auth mail rcpt data body dot``), for a recipient or for all.

    ``reply`` is sent instead of the usual answer. ``drop`` ends the connection: before the answer, or after ``reply``.
    ``store``: at ``dot``, the message counts as accepted all the same. ``times`` is how often it happens; -1 is for ever.
    ``hang``: no answer at all. ``act`` is called first.
    """

    phase: str
    recipient: str | None = None
    reply: str | None = None
    drop: bool = False
    store: bool = False
    hang: bool = False
    times: int = -1
    act: Callable[[], None] | None = None


@dataclass
class Script:
    """What the server offers and how it misbehaves."""

    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")
    faults: list[Fault] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    logins: dict[str, str] = field(default_factory=dict)
    ledger: Path | None = None
    """Each accepted recipient is appended here, one a line, before the answer: readable by other processes."""
    only_helo: bool = False
    delay: float = 0.0
    """Seconds between storing a message and its 250."""


class SmtpServer:
    """The server. ``accepted`` is its ledger; ``commands`` what was said to it, in order; ``connections`` how many came."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.accepted: list[Accepted] = []
        self.commands: list[str] = []
        self.connections = 0
        self.was_secure: list[bool] = []
        self.host, self.port = "127.0.0.1", 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def recipients(self) -> Counter[str]:
        """How many messages each recipient has."""
        return Counter(message.recipient for message in self.accepted)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> None:
        tls = self.script.tls if self.script.implicit_tls else None
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=tls, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        for session in list(self._sessions):
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        self.connections += 1
        try:
            await _Session(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, _DroppedError, asyncio.CancelledError):
            pass
        finally:
            self._sessions.discard(task)
            writer.transport.abort()
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()


class _DroppedError(Exception):
    pass


class _Session:
    def __init__(self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.script = server, server.script
        self.reader, self.writer = reader, writer
        self.mail = self.recipient = ""
        self.is_secure = self.script.implicit_tls

    async def run(self) -> None:
        if await self.fault("connect") is None:
            await self.say("220 test.example.org ESMTP")
        while True:
            line = await self.reader.readuntil(b"\r\n")
            command = line[:-2].decode()
            self.server.commands.append(command)
            verb, _, rest = command.partition(" ")
            handler = getattr(self, f"do_{verb.lower()}", None)
            if handler is None:
                await self.say("502 5.5.1 unknown command")
            else:
                await handler(rest)

    async def say(self, *lines: str) -> None:
        for number, line in enumerate(lines, 1):
            self.writer.write(f"{line[:3]}{' ' if number == len(lines) else '-'}{line[4:]}\r\n".encode())
        await self.writer.drain()

    async def fault(self, phase: str) -> Fault | None:
        for fault in self.script.faults:
            if fault.phase == phase and fault.times and fault.recipient in (None, self.recipient):
                fault.times -= 1
                if fault.act:
                    fault.act()
                if fault.store:
                    self.store()
                if fault.hang:
                    await asyncio.Event().wait()
                if fault.reply is not None:
                    self.writer.write(fault.reply.encode() + b"\r\n")
                    await self.writer.drain()
                if fault.drop:
                    raise _DroppedError
                return fault
        return None

    async def do_ehlo(self, _: str) -> None:
        if self.script.only_helo:
            await self.say("500 5.5.1 EHLO? never heard of it")
        elif await self.fault("ehlo") is None:
            extra = []
            if self.script.tls and not self.is_secure:
                extra.append("STARTTLS")
            if self.script.logins and self.is_secure:
                extra.append("AUTH PLAIN LOGIN" if "login" not in self.script.logins else "AUTH LOGIN")
            offered = [*self.script.extensions, *extra]
            await self.say("250 test.example.org", *(f"250 {extension}" for extension in offered))

    async def do_helo(self, _: str) -> None:
        await self.say("250 test.example.org")

    async def do_starttls(self, _: str) -> None:
        if await self.fault("starttls") is not None:
            return
        assert self.script.tls is not None
        await self.say("220 2.0.0 go ahead")
        await self.writer.start_tls(self.script.tls)
        self.is_secure = True

    async def do_auth(self, words: str) -> None:
        if await self.fault("auth") is not None:
            return
        assert self.is_secure, "a password in clear text"
        mechanism, _, token = words.partition(" ")
        if mechanism == "PLAIN":
            _, user, password = base64.b64decode(token).decode().split("\0")
        else:
            await self.say("334 VXNlcm5hbWU6")
            user = base64.b64decode(await self.reader.readuntil(b"\r\n")).decode()
            await self.say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(await self.reader.readuntil(b"\r\n")).decode()
        good = self.script.logins.get(user) == password
        await self.say("235 2.7.0 welcome" if good else "535 5.7.8 wrong user or password")

    async def do_mail(self, words: str) -> None:
        self.mail = self.recipient = ""
        if await self.fault("mail") is None:
            self.mail = words
            await self.say("250 2.1.0 ok")

    async def do_rcpt(self, words: str) -> None:
        self.recipient = words.removeprefix("TO:<").removesuffix(">")
        if await self.fault("rcpt") is not None:
            self.recipient = ""
        elif self.mail:
            await self.say("250 2.1.5 ok")
        else:
            self.recipient = ""
            await self.say("503 5.5.1 MAIL first")

    async def do_data(self, _: str) -> None:
        if await self.fault("data") is not None:
            return
        if not self.recipient:
            await self.say("554 5.5.1 no valid recipients")
            return
        await self.say("354 go on")
        if await self.fault("body") is not None:
            return
        raw = await self.reader.readuntil(b"\r\n.\r\n")
        data = raw[:-3].replace(b"\r\n..", b"\r\n.")
        self.data = data[1:] if data.startswith(b"..") else data
        self.server.was_secure.append(self.is_secure)
        if await self.fault("dot") is None:
            self.store()
            await asyncio.sleep(self.script.delay)
            await self.say("250 2.0.0 taken")

    async def do_rset(self, _: str) -> None:
        self.mail = self.recipient = ""
        await self.say("250 2.0.0 forgotten")

    async def do_quit(self, _: str) -> None:
        await self.say("221 2.0.0 bye")
        raise _DroppedError

    def store(self) -> None:
        self.server.accepted.append(Accepted(self.mail, self.recipient, self.data))
        if self.script.ledger is not None:
            descriptor = os.open(self.script.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(descriptor, f"{self.recipient}\n".encode())
            os.close(descriptor)


@contextlib.contextmanager
def smtp_server(script: Script | None = None) -> Iterator[SmtpServer]:
    """Run a server as long as the block lasts."""
    server = SmtpServer(script)
    server.start()
    try:
        yield server
    finally:
        server.stop()
