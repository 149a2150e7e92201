"""A real HTTP server on loopback that answers as it is told, well or badly."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

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


Script = Callable[[Asked], Reply]


class ReplayServer:
    """Answers each path by its script: a function, or replies in turn of which the last one stays."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._scripts: dict[str, Script] = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's signature
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients that hang up in the middle are part of the game."""

        self._server = Server(("127.0.0.1", 0), Handler)
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
        asked = Asked(parts.path, query, {key.lower(): value for key, value in handler.headers.items()})
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
def serving() -> Iterator[ReplayServer]:
    """Run a server for a while."""
    server = ReplayServer()
    try:
        yield server
    finally:
        server.close()


class Sleeper:
    """Waits by moving a clock that stands still, and remembers how long."""

    def __init__(self, clock: ManualClock) -> None:
        self.slept: list[float] = []
        self._clock = clock

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.advance(timedelta(seconds=seconds))
