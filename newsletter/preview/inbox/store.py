"""The built-in inbox: an SMTP server on loopback that keeps what it gets in a folder."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NewType
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session

from newsletter.clock import Clock
from newsletter.preview.errors import InboxError

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 10_000_000

MessageNumber = NewType("MessageNumber", int)


@dataclass(frozen=True, slots=True)
class CaughtMessage:
    """Envelope of a message in the inbox. ``number`` counts arrivals; ``size`` is the content's, in bytes."""

    number: MessageNumber
    mail_from: str
    rcpt_tos: tuple[str, ...]
    received_at: datetime
    size: int


class InboxStore:
    """Caught messages in a folder: ``00000012.eml`` holds the exact bytes, ``00000012.json`` the envelope.

    Safe to use from several threads and processes. A message is there for good once :meth:`add` returned, unless the machine
    loses power: what is kept here is for looking at, the account of deliveries is the ledger's.

    Args:
        folder: made when the first message comes, closed to other users of the machine.
        keep: newest messages kept; older ones are removed as new ones come.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        if keep < 1:
            raise ValueError(f"keep must be at least 1, not {keep}")
        self._folder = folder
        self._keep = keep

    def add(self, content: bytes, *, mail_from: str, rcpt_tos: Sequence[str], received_at: datetime) -> CaughtMessage:
        """Keep a message and return its envelope; the oldest beyond the limit go.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = self._store_content(content)
        envelope = {"mail_from": mail_from, "rcpt_tos": list(rcpt_tos), "received_at": received_at.isoformat()}
        draft = self._draft(json.dumps(envelope).encode())
        draft.replace(self._path(number, "json"))
        self._prune()
        return CaughtMessage(number, mail_from, tuple(rcpt_tos), received_at, len(content))

    def messages(self, *, before: int | None = None, limit: int = 50) -> list[CaughtMessage]:
        """Return the next page of messages, newest first, at most ``limit``; with ``before`` only those that came earlier."""
        numbers = sorted(self._numbers("json"), reverse=True)
        page: list[CaughtMessage] = []
        for number in numbers:
            if len(page) == limit:
                break
            if before is None or number < before:
                message = self.get(number)
                if message is not None:
                    page.append(message)
        return page

    def count(self) -> int:
        """Return how many messages are kept."""
        return len(self._numbers("json"))

    def get(self, number: int) -> CaughtMessage | None:
        """Return one message's envelope; None where it is not, or no longer, kept."""
        try:
            envelope = json.loads(self._path(number, "json").read_bytes())
            return CaughtMessage(
                number=MessageNumber(number),
                mail_from=str(envelope["mail_from"]),
                rcpt_tos=tuple(str(address) for address in envelope["rcpt_tos"]),
                received_at=datetime.fromisoformat(envelope["received_at"]),
                size=self._path(number, "eml").stat().st_size,
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            logger.warning("inbox.unreadable message=%d", number)
            return None

    def content(self, number: int) -> bytes | None:
        """Return one message's exact bytes; None where it is not, or no longer, kept."""
        try:
            return self._path(number, "eml").read_bytes()
        except FileNotFoundError:
            return None

    def head(self, number: int, size: int = 65_536) -> bytes | None:
        """Return the first ``size`` bytes of a message; None where it is not, or no longer, kept."""
        try:
            with self._path(number, "eml").open("rb") as file:
                return file.read(size)
        except FileNotFoundError:
            return None

    def _path(self, number: int, suffix: str) -> Path:
        return self._folder / f"{number:08d}.{suffix}"

    def _numbers(self, *suffixes: str) -> set[int]:
        if not self._folder.is_dir():
            return set()
        paths = self._folder.iterdir()
        return {int(path.stem) for path in paths if path.suffix[1:] in suffixes and path.stem.isdecimal()}

    def _draft(self, content: bytes) -> Path:
        draft = self._folder / f"{uuid.uuid4().hex}.draft"
        draft.write_bytes(content)
        return draft

    def _store_content(self, content: bytes) -> MessageNumber:
        draft = self._draft(content)
        try:
            number = max(self._numbers("eml"), default=0) + 1
            while True:
                try:
                    # Unlike a rename, a link fails where another process took the number first.
                    os.link(draft, self._path(number, "eml"))
                except FileExistsError:
                    number += 1
                else:
                    return MessageNumber(number)
        finally:
            draft.unlink()

    def _prune(self) -> None:
        # Contents without an envelope (the process died between the two files) count as well, so they go in their turn.
        for number in sorted(self._numbers("eml", "json"), reverse=True)[self._keep :]:
            self._path(number, "json").unlink(missing_ok=True)
            self._path(number, "eml").unlink(missing_ok=True)


class InboxServer:
    """An SMTP server on loopback that puts every message into a store before it answers 250.

    Speaks 8BITMIME, SMTPUTF8 and SIZE; refuses messages over 10 MB. There is no login and no TLS, which is why it refuses to
    listen anywhere but on loopback.

    Args:
        store: where messages go.
        clock: when they came.
        host: ``127.0.0.1``, ``::1`` or ``localhost``.
        port: 0 takes any free one.
    """

    def __init__(self, store: InboxStore, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the inbox listens on loopback only, not on {host}")
        self._store = store
        self._clock = clock
        self.host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: WeakSet[SMTP] = WeakSet()

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            RuntimeError: not started.
        """
        if self._server is None:
            raise RuntimeError("the inbox is not started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen; returns once messages are taken.

        Raises:
            InboxError: the port cannot be had.
        """
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the library's own: below that it writes what clients say
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._connection, self.host, self._port)
        except OSError as error:
            raise InboxError(
                f"the inbox cannot listen on {self.host}:{self._port} ({os.strerror(error.errno or 0)}); "
                "stop the other program or set inbox.port to 0"
            ) from error
        logger.info("inbox.started port=%d", self.port)

    async def stop(self) -> None:
        """Stop listening and hang up; a message that was not answered yet is the sender's to send again."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for connection in list(self._connections):
            if connection.transport is not None:
                connection.transport.close()
        await server.wait_closed()
        logger.info("inbox.stopped")

    def _connection(self) -> SMTP:
        connection = SMTP(
            _Catcher(self._store, self._clock),
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname="inbox.localhost",  # the library would ask the DNS for this machine's name
            ident="newsletter inbox",
            loop=asyncio.get_running_loop(),
        )
        self._connections.add(connection)
        return connection


class _Catcher:
    """What the library calls when a message is complete."""

    def __init__(self, store: InboxStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        content = envelope.original_content or b""
        try:
            caught = await asyncio.to_thread(
                self._store.add,
                content,
                mail_from=envelope.mail_from or "",
                rcpt_tos=envelope.rcpt_tos,
                received_at=self._clock.now(),
            )
        except OSError as error:
            logger.error("inbox.not_stored errno=%s", error.errno)  # noqa: TRY400 - the traceback would name the folder only
            return "452 4.3.1 Cannot store the message now; try again later"
        logger.info("inbox.caught message=%d bytes=%d", caught.number, caught.size)
        return f"250 2.0.0 Kept as {caught.number}"
