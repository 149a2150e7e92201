"""A real HTTP server on loopback that answers as it is told, well or badly, and wires that lead to it from public addresses."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpcore

from newsletter.clock import ManualClock


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. ``promised`` is a Content-Length that is not kept; ``drip`` waits so many seconds before every byte."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None
    hang_up: bool = False
    drip: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


Script = Callable[[Asked], Reply]


class ReplayServer:
    """Answers each path by its script: a function, or replies in turn of which the last one stays. With ``tls`` over TLS."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._scripts: dict[str, Script] = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self)

            def do_POST(self) -> None:
                outer._answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's signature
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients that hang up in the middle are part of the game."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            # Shaken hands with in the connection's own thread, and not while others wait to be let in.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def url(self, path: str = "/") -> str:
        """Return the address of ``path``."""
        return f"http://127.0.0.1:{self.port}{path}"

    def script(self, path: str, *replies: Reply) -> None:
        """Answer ``path`` with these, one after the other."""
        rest = list(replies)
        self.answer(path, lambda _: rest.pop(0) if len(rest) > 1 else rest[0])

    def answer(self, path: str, script: Script) -> None:
        """Answer ``path`` with what ``script`` says."""
        self._scripts[path] = script

    def close(self) -> None:
        """Stop, whatever hangs."""
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        asked = Asked(parts.path, query, {key.lower(): value for key, value in handler.headers.items()}, body)
        with self._lock:
            self.asked.append(asked)
            script = self._scripts.get(parts.path)
            reply = script(asked) if script else Reply(404)
        handler.close_connection = True
        if reply.hang_up:
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        lines = [f"HTTP/1.1 {reply.status} Scripted"]
        length = len(reply.body) if reply.promised is None else reply.promised
        headers = {"Content-Length": str(length), "Connection": "close", **reply.headers}
        lines += [f"{key}: {value}" for key, value in headers.items()]
        raw = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + reply.body
        with contextlib.suppress(OSError):
            if not reply.drip:
                handler.wfile.write(raw)
                return
            for position in range(len(raw)):
                if self._stop.wait(reply.drip):
                    return
                handler.wfile.write(raw[position : position + 1])


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[ReplayServer]:
    """Run a server for a while."""
    server = ReplayServer(tls)
    try:
        yield server
    finally:
        server.close()


class Wires(httpcore.SyncBackend):
    """Leads connections to a public address to a port of this machine, and any other one nowhere; remembers them all."""

    def __init__(self, ends: Mapping[tuple[str, int], int]) -> None:
        super().__init__()
        self.tried: list[tuple[str, int]] = []
        self._ends = ends

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.tried.append((host, port))
        if (host, port) not in self._ends:
            raise httpcore.ConnectError("no wire leads there")
        return super().connect_tcp("127.0.0.1", self._ends[host, port], timeout, local_address, socket_options)


class Sleeper:
    """Waits by moving a clock that stands still, and remembers how long."""

    def __init__(self, clock: ManualClock) -> None:
        self.slept: list[float] = []
        self._clock = clock

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.advance(timedelta(seconds=seconds))
