"""imapclient on a connection that a slow, wrong or hostile server can neither hold nor flood.

imaplib reads a literal into memory whatever size the server says, and waits for each byte anew. Here an answer has a deadline
and a size in all, and every wait ends when the program is told to stop.
"""

from __future__ import annotations

import errno
import imaplib
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imapclient import IMAPClient, SocketTimeout

from newsletter.inbound.entrances.errors import StoppedError

#: Seconds between two looks at whether to stop.
SLICE = 0.5
#: Longest line; lists of numbers are asked for in parts, so no honest one comes near.
MAX_LINE = 200_000
#: What an answer may have beside one message.
MAX_BESIDE = 1_000_000
_READ = 65_536


class LiteralTooLargeError(Exception):
    """A literal is announced that is larger than any that may come; the session is over."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how much a server may answer.

    Attributes:
        seconds: for connecting and for each answer.
        max_bytes: largest literal.
        stop: set when the program is told to stop.
    """

    seconds: float
    max_bytes: int
    stop: threading.Event

    def deadline(self) -> Callable[[], None]:
        """Return what is called while waiting, from now on.

        It raises StoppedError when the program is told to stop, and TimeoutError when the time is over.
        """
        deadline = time.monotonic() + self.seconds

        def check() -> None:
            if self.stop.is_set():
                raise StoppedError
            if time.monotonic() > deadline:
                raise TimeoutError("no answer in time")

        return check

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a connection to the first address that takes it."""
        check, problem = self.deadline(), OSError("no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            made = socket.socket(family, kind, protocol)
            try:
                _dial(made, address, check)
            except TimeoutError:
                made.close()
                raise
            except OSError as error:
                made.close()
                problem = error
            except BaseException:
                made.close()
                raise
            else:
                return made
        raise problem

    def wait(self, happened: Callable[[float], bool], seconds: float) -> None:
        """Wait until ``happened``, which is handed the seconds it may take, at most so long; not for a program that stops."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not happened(min(left, SLICE)):
            if self.stop.is_set():
                raise StoppedError

    def shake_hands(self, made: ssl.SSLSocket) -> ssl.SSLSocket:
        """Do the TLS handshake."""
        check = self.deadline()
        while True:
            try:
                made.do_handshake()
            except TimeoutError:
                check()
            else:
                return made


class _Tls:
    """What imaplib takes for a context: wraps sockets, and shakes hands patiently."""

    def __init__(self, context: ssl.SSLContext, patience: Patience) -> None:
        self._context, self._patience = context, patience

    def wrap_socket(self, sock: socket.socket, server_hostname: str) -> ssl.SSLSocket:
        made: socket.socket = sock
        try:
            made = wrapped = self._context.wrap_socket(sock, server_hostname=server_hostname, do_handshake_on_connect=False)
            return self._patience.shake_hands(wrapped)
        except BaseException:
            made.close()
            raise


class _Connection(imaplib.IMAP4):
    """imaplib, with its reading done here."""

    def __init__(self, host: str, port: int, patience: Patience, tls: _Tls | None) -> None:
        self._patience, self._tls = patience, tls
        self._unread = bytearray()
        self._unread_of: socket.socket | None = None
        self._begin_answer()
        super().__init__(host, port)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:  # noqa: ARG002 - the library passes it; how long each wait may last is decided by our own patience
        made = self._patience.connect(self.host, self.port)
        return made if self._tls is None else self._tls.wrap_socket(made, self.host)

    def send(self, data: Any) -> None:
        self._begin_answer()
        super().send(data)

    def read(self, size: int) -> bytes:
        if size > self._patience.max_bytes:
            raise LiteralTooLargeError(f"a literal of {size} bytes")
        while len(self._own_unread()) < size:
            self._receive()
        return self._take(size)

    def readline(self) -> bytes:
        looked_at = 0
        while (end := self._own_unread().find(b"\n", looked_at)) < 0:
            looked_at = len(self._unread)
            if looked_at > MAX_LINE:
                raise self.abort("a line without an end")
            self._receive()
        return self._take(end + 1)

    def is_told_something(self, seconds: float) -> bool:
        """Whether the server says something of its own within ``seconds``."""
        if self._own_unread() or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return True
        return _is_ready(self.sock, select.POLLIN, seconds)

    def _begin_answer(self) -> None:
        self._check, self._left = self._patience.deadline(), self._patience.max_bytes + MAX_BESIDE

    def _own_unread(self) -> bytearray:
        if self._unread_of is not self.sock:
            # What came before STARTTLS was said in clear, by whoever: it must not be read as if it had come behind it.
            if self._unread:
                raise self.abort("spoke between STARTTLS and TLS")
            self._unread_of = self.sock
        return self._unread

    def _receive(self) -> None:
        while True:
            self._check()
            try:
                data = self.sock.recv(_READ)
            except TimeoutError:
                continue
            break
        if not data:
            raise self.abort("hung up")
        self._left -= len(data)
        if self._left < 0:
            raise self.abort("an answer without an end")
        self._unread += data

    def _take(self, size: int) -> bytes:
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken


class PatientClient(IMAPClient):  # type: ignore[misc]  # the library has no types
    """imapclient on such a connection.

    Args:
        context: for TLS; None for a connection in clear.
        is_tls: whether the connection begins with TLS, rather than with STARTTLS later.
    """

    def __init__(self, host: str, port: int, patience: Patience, context: ssl.SSLContext | None, *, is_tls: bool) -> None:
        self._patience = patience
        self._tls = None if context is None else _Tls(context, patience)
        super().__init__(host, port, ssl=is_tls, timeout=SocketTimeout(patience.seconds, SLICE))
        # It would write every line into the log, whole mails and the password too.
        self._imap.debug = 0

    def _create_IMAP4(self) -> _Connection:  # noqa: N802 - the library's name
        return _Connection(self.host, self.port, self._patience, self._tls if self.ssl else None)

    def start_tls(self) -> None:
        """Go on under TLS."""
        self.starttls(ssl_context=self._tls)

    def is_told_of_more(self) -> bool:
        """Whether the server spoke of messages that came since the folder was opened."""
        return len(self._imap.untagged_responses.get("EXISTS", ())) > 1

    def begin_idle(self) -> None:
        """As the library's, for servers too that have something to tell before they idle."""
        self._idle_tag = self._imap._command("IDLE")  # noqa: SLF001 - the library has no public way to speak IDLE with a deadline
        while self._imap._get_response() is not None:  # noqa: SLF001 - the library has no public way to speak IDLE with a deadline
            if self._imap.tagged_commands[self._idle_tag]:
                raise imaplib.IMAP4.error("IDLE is refused")

    def is_told_something(self, seconds: float) -> bool:
        """Whether the server says something of its own within ``seconds``."""
        return bool(self._imap.is_told_something(seconds))


def _dial(made: socket.socket, address: Any, check: Callable[[], None]) -> None:
    made.setblocking(False)
    code = made.connect_ex(address)
    if code == errno.EINPROGRESS:
        while not _is_ready(made, select.POLLOUT):
            check()
        code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    made.settimeout(SLICE)


def _is_ready(made: socket.socket, event: int, seconds: float = SLICE) -> bool:
    poll = select.poll()
    poll.register(made, event)
    return bool(poll.poll(seconds * 1000))
