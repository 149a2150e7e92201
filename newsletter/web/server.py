"""Serving an ASGI application: uvicorn inside an event loop that is already there."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from importlib.util import find_spec

import uvicorn
from starlette.types import ASGIApp

from newsletter.web.errors import WebError
from newsletter.web.protocol import DeadlineProtocol

logger = logging.getLogger(__name__)

#: Seconds in which a request must have come in whole; a body is 16 kB at most.
REQUEST_SECONDS = 10.0
#: Seconds a connection may stay idle between two requests.
IDLE_SECONDS = 5
#: Connections at a time; one more takes the place of the one waited for the longest, or is answered 503.
MAX_CONNECTIONS = 512


def event_loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes a faster event loop than asyncio's, if uvloop is installed: for ``asyncio.Runner(loop_factory=…)``."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


class Server:
    """One HTTP server on one address.

    It installs no signal handlers, configures no logging and writes no access log: paths hold tokens. What a proxy claims in
    X-Forwarded-For is for the app to believe or not; see :func:`newsletter.web.network.behind_proxies`.

    Args:
        app: what answers.
        host: address to listen on.
        port: 0 takes any free one.
        request_seconds: time in which a request must have come in whole, else the connection is cut.
        drain_seconds: how long :meth:`stop` waits for answers under way.
    """

    def __init__(
        self, app: ASGIApp, host: str, port: int, *, request_seconds: float = REQUEST_SECONDS, drain_seconds: int = 5
    ) -> None:
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._ticking: asyncio.Task[None] | None = None
        config = uvicorn.Config(
            app,
            http=type(
                "Protocol", (DeadlineProtocol,), {"request_seconds": request_seconds, "most_connections": MAX_CONNECTIONS}
            ),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS + 1,  # reached only while every one of them is being answered
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=drain_seconds,
        )
        self._server = uvicorn.Server(config)

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            RuntimeError: not started.
        """
        if self._socket is None:
            raise RuntimeError("the server is not started")
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Listen; returns once requests are answered.

        Raises:
            WebError: the address cannot be had.
        """
        self._socket = await self._bound()
        config = self._server.config
        config.load()
        # Its serve() would take the process's signals, so its three parts are run here by themselves.
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[self._socket])
        self._ticking = asyncio.create_task(self._server.main_loop())
        logger.info("web.started port=%d", self.port)

    async def stop(self) -> None:
        """Stop listening, let the answers under way finish, and hang up."""
        if self._ticking is None or self._socket is None:
            return
        ticking, self._ticking = self._ticking, None
        self._server.should_exit = True
        await ticking
        await self._server.shutdown(sockets=[self._socket])
        logger.info("web.stopped")

    async def _bound(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, _, _, _, address = found[0]
            listener = socket.create_server(address[:2], family=family, backlog=2048)
        except OSError as error:
            problem = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            raise WebError(
                f"cannot listen on {self._host}:{self._port} ({problem}); "
                "stop the other program, or set web.host and web.port in config.toml"
            ) from error
        # Connections inherit it. asyncio sets it only on sockets that name their protocol, and these do not; without it the
        # second packet of an answer waits 40 ms for the client's acknowledgement of the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
