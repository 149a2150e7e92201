"""A listener on a real socket, and a client that says exactly what a test wants."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from newsletter.config import ListenConfig
from newsletter.inbound.entrances.listener import Listener
from newsletter.inbound.model import Arrival, InboundId, Kept

OURS = "papers@example.org"


@dataclass
class Shelf:
    """Keeps mails in a list, the way the real one does in a table; ``fails`` is raised instead, ``hold`` makes it wait."""

    mails: list[Arrival] = field(default_factory=list)
    woken: int = 0
    fails: Exception | None = None
    hold: threading.Event | None = None
    asked: threading.Event = field(default_factory=threading.Event)

    def keep(self, arrival: Arrival) -> Kept:
        self.asked.set()
        if self.hold is not None:
            assert self.hold.wait(10)
        if self.fails is not None:
            raise self.fails
        is_new = arrival not in self.mails
        if is_new:
            self.mails.append(arrival)
        return Kept(InboundId(self.mails.index(arrival) + 1), is_new)

    def wake(self) -> None:
        self.woken += 1


def is_ours(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return domain == "example.org" and local.partition("+")[0] == "papers"


class Client:
    """What is sent is what the test says, byte for byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def reply(self) -> str:
        """The next reply, its lines joined; ``""`` at the end of the connection."""
        lines = []
        while line := await asyncio.wait_for(self._reader.readline(), 10):
            lines.append(line.decode().rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        return "\n".join(lines)

    async def replies(self) -> list[str]:
        """All replies up to the end of the connection."""
        found = []
        while reply := await self.reply():
            found.append(reply)
        return found

    async def ask(self, data: bytes) -> str:
        await self.say(data)
        return await self.reply()

    async def begin(self, *recipients: str, hello: bytes = b"LHLO client.example.org", sender: str = "ada@example.org") -> None:
        """Greet, and go on to where the message follows."""
        await self.reply()
        await self.ask(hello + b"\r\n")
        assert (await self.ask(f"MAIL FROM:<{sender}>\r\n".encode())).startswith("250")
        for recipient in recipients or (OURS,):
            assert (await self.ask(f"RCPT TO:<{recipient}>\r\n".encode())).startswith("250")
        assert (await self.ask(b"DATA\r\n")).startswith("354")

    def close(self) -> None:
        self._writer.close()


@dataclass
class Place:
    listener: Listener
    shelf: Shelf

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.listener.port))
        try:
            yield client
        finally:
            client.close()


@asynccontextmanager
async def listening(
    shelf: Shelf | None = None,
    *,
    accepts: Callable[[str], bool] = is_ours,
    max_bytes: int = 10_000,
    command: float = 5.0,
    session: float = 10.0,
    patience: float = 10.0,
    **settings: Any,
) -> AsyncIterator[Place]:
    shelf = shelf or Shelf()
    config = ListenConfig(
        command_timeout=timedelta(seconds=command), session_timeout=timedelta(seconds=session), **{"port": 0, **settings}
    )
    listener = Listener(
        config,
        shelf.keep,
        accepts,
        kept=shelf.wake,
        hostname="mx.example.org",
        max_bytes=max_bytes,
        patience=timedelta(seconds=patience),
    )
    await listener.start()
    try:
        yield Place(listener, shelf)
    finally:
        await listener.stop()
