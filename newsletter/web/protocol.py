"""uvicorn's HTTP protocol with what it lacks: a deadline for slow clients, and an access log that stays silent."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

logger = logging.getLogger(__name__)


class DeadlineProtocol(H11Protocol):
    """One connection. A request, head and body, that has not come in whole after ``request_seconds`` ends it.

    The time runs from the connection, or from the first byte of a later request, and no byte that trickles in prolongs it.
    """

    request_seconds = 10.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # uvicorn's setting of this name only takes handlers away from a log that uvicorn itself configured.
        self.access_log = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a server's transport reads and writes
        super().connection_made(transport)
        self._watch(is_waiting=True)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch(is_waiting=self._is_mid_request())

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # The next request, or the rest of a body nobody wanted, may be half here already.
        self._watch(is_waiting=self._is_mid_request())

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch(is_waiting=False)
        super().connection_lost(exc)

    def _is_mid_request(self) -> bool:
        state = self.conn.their_state
        return state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))

    def _watch(self, *, is_waiting: bool) -> None:
        if not is_waiting and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        elif is_waiting and self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self._too_slow)

    def _too_slow(self) -> None:
        logger.info("web.too_slow")
        self.transport.abort()
