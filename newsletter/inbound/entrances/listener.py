"""A listener that an MTA hands mail to, over LMTP or SMTP: it stores every message before it says yes."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import timedelta

from aiosmtpd.smtp import Envelope, Session

from newsletter.config import ListenConfig
from newsletter.inbound.entrances.errors import ListenError
from newsletter.inbound.entrances.session import STOPPING, TOO_SLOW, Refusal, StrictLmtpSession, StrictSession
from newsletter.inbound.errors import InboundTooLarge
from newsletter.inbound.model import Arrival, Kept, Via

logger = logging.getLogger(__name__)

#: Recipients of one message; more are told to come with another (RFC 5321 section 4.5.3.1.8).
MAX_RECIPIENTS = 100
#: Seconds in which messages that are being stored may still be answered when the listener stops.
DRAIN = 10.0


class Listener:
    """Listens for an MTA, takes mail to our own addresses, and stores it whole before it answers 250.

    It is no relay: any other recipient is refused with 550. There is no login and no TLS: put it where only the MTA reaches
    it. A message over ``max_bytes`` is refused with 552, and so it is announced; while the database cannot store, the answer is
    451 and the MTA keeps the message. When all connections are taken a new one takes the place of the one that has said
    nothing for the longest, if that is longer than ``patience``, and else is answered 421.

    A crash between storing and answering makes the MTA bring the message again, which is the same one then.

    Args:
        config: what is spoken, and where; port 0 takes any free one.
        keep: stores a mail durably; it is called from other threads.
        accepts: whether an address is one of ours.
        kept: has what was stored looked at; returns at once.
        hostname: name it gives itself.
        max_bytes: largest message.
        patience: without a command for so long a connection makes room for a new one, when all are taken.
    """

    def __init__(
        self,
        config: ListenConfig,
        keep: Callable[[Arrival], Kept],
        accepts: Callable[[str], bool],
        *,
        kept: Callable[[], None],
        hostname: str,
        max_bytes: int,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._config, self._keep, self._kept = config, keep, kept
        self._hostname, self._max_bytes, self._patience = hostname, max_bytes, patience.total_seconds()
        self._handler = _Handler(accepts)
        self._server: asyncio.Server | None = None
        self._sessions: set[StrictSession] = set()
        self._nobody = asyncio.Event()

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            RuntimeError: not started.
        """
        if self._server is None:
            raise RuntimeError("the listener is not started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen; returns once messages are taken.

        Raises:
            ListenError: the address cannot be had.
        """
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the library's own: below that it writes what clients say
        host, port = self._config.host, self._config.port
        try:
            self._server = await asyncio.get_running_loop().create_server(self._connection, host, port)
        except OSError as error:
            problem = os.strerror(error.errno) if error.errno and error.errno > 0 else "no such address"
            raise ListenError(
                f"cannot listen for mail on {host}:{port} ({problem}); stop the other program, or set inbound.listen.host and "
                "inbound.listen.port in config.toml"
            ) from error
        logger.info("inbound.listening protocol=%s port=%d", self._config.protocol, self.port)

    async def stop(self) -> None:
        """Stop listening and hang up; messages that are being stored are answered first, for ten seconds at most."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for session in list(self._sessions):
            session.leave(STOPPING)
        self._note_nobody()
        try:
            await asyncio.wait_for(self._nobody.wait(), DRAIN)
        except TimeoutError:
            for session in list(self._sessions):
                if isinstance(session.transport, asyncio.WriteTransport):
                    session.transport.abort()
        await server.wait_closed()
        logger.info("inbound.stopped_listening")

    def _connection(self) -> asyncio.BaseProtocol:
        if len(self._sessions) >= self._config.connections and not self._make_room():
            logger.info("inbound.too_many_connections connections=%d", len(self._sessions))
            return Refusal(self._hostname)
        session = (StrictLmtpSession if self._config.protocol == "lmtp" else StrictSession)(
            self._handler,
            store=self._store,
            ended=self._end,
            command_seconds=self._config.command_timeout.total_seconds(),
            session_seconds=self._config.session_timeout.total_seconds(),
            data_size_limit=self._max_bytes,
            hostname=self._hostname,
            loop=asyncio.get_running_loop(),
        )
        self._sessions.add(session)
        self._nobody.clear()
        return session

    def _make_room(self) -> bool:
        silent = min((each for each in self._sessions if not each.is_storing), key=lambda each: each.waits_since, default=None)
        if silent is None or asyncio.get_running_loop().time() - silent.waits_since < self._patience:
            return False
        self._sessions.discard(silent)
        silent.leave(TOO_SLOW)
        return True

    def _end(self, session: StrictSession) -> None:
        self._sessions.discard(session)
        self._note_nobody()

    def _note_nobody(self) -> None:
        if not self._sessions:
            self._nobody.set()

    async def _store(self, content: bytes, envelope: Envelope) -> str:
        sender = envelope.mail_from or ""
        arrival = Arrival(content, Via.LMTP, "" if sender == "<>" else sender, tuple(envelope.rcpt_tos))
        try:
            stored = await asyncio.to_thread(self._keep, arrival)
        except InboundTooLarge:
            return "552 5.3.4 The message is too large"
        except Exception as error:
            # Whatever it was, the MTA still has the message. The text of an error may hold the mail.
            logger.error("inbound.not_stored error=%s", type(error).__name__)  # noqa: TRY400 - a traceback may hold what somebody wrote
            return "451 4.3.0 Cannot store the message now; come again"
        self._kept()
        return f"250 2.0.0 Kept as {stored.id}"


class _Handler:
    """What the library asks about a message before it comes, and what it does with an error."""

    def __init__(self, accepts: Callable[[str], bool]) -> None:
        self._accepts = accepts

    async def handle_EHLO(  # noqa: N802 - the library's name
        self, _server: object, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", "250 ENHANCEDSTATUSCODES"]

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, _server: object, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not address.isprintable():  # which is what bytes that are no text become, too
            return "553 5.1.7 Not an address"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender taken"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: object, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        if not address.isprintable() or not self._accepts(address):
            return "550 5.1.1 Nobody of that name here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient taken"

    async def handle_exception(self, error: Exception) -> str:
        # Its text may quote what the client said.
        logger.error("inbound.listener_failed error=%s", type(error).__name__)
        return "451 4.3.0 Something went wrong here; come again"
