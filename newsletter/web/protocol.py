"""uvicorn's HTTP protocol with what it lacks: deadlines for slow clients, a limit for heads, and logs without content."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

logger = logging.getLogger(__name__)

#: Request line and headers together.
MAX_HEAD_BYTES = 16_384
#: All of a request on the wire, what was refused already included: room enough to send the answer before hanging up.
MAX_REQUEST_BYTES = 1_000_000
#: The parser is fed in pieces, so that a head without end is noticed within one.
_PIECE_BYTES = 4096
_WITH_BODY = frozenset({b"content-length", b"transfer-encoding"})
_REFUSALS = {400: b"This is not an HTTP request.\n", 431: b"The head of this request is too large.\n"}


class _UnfitHeadError(Exception):
    """A head that the parser takes and this program does not."""


class DeadlineProtocol(HttpToolsProtocol):
    """One connection, which no client can hold by being slow.

    A request, head and body, that has not come in whole after ``request_seconds`` ends it. The time runs from the connection,
    or from the first byte after an answer, and no byte that trickles in prolongs it. So does an answer that the client does
    not take in within that time. When there are ``most_connections`` already, a new one takes the place of the one that has
    been waited for the longest.

    The parser (llhttp) is strict: what could be read in two ways (RFC 9112 section 11.2) is refused with 400.
    """

    request_seconds = 10.0
    most_connections = 512

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # uvicorn's setting of this name only takes handlers away from a log that uvicorn itself configured.
        self.access_log = False
        self._is_in_head = False
        self._is_mid_request = False
        self._received = 0  # bytes of the request that is coming in
        self._refusal = 400
        self._is_refused = False
        #: When the connection or its last answer was made, on the loop's clock.
        self.waits_since = 0.0
        self._too_late: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    # What the transport tells.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a server's transport reads and writes
        if len(self.connections) >= self.most_connections:
            self._make_room()
        super().connection_made(transport)
        self.waits_since = self.loop.time()
        self._expect_request(is_waiting=True)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE_BYTES):
            if self._is_refused:
                return
            piece = data[start : start + _PIECE_BYTES]
            self._received += len(piece)
            super().data_received(piece)
            self._limit()
        # Bytes between two requests count as well: empty lines may go before one.
        self._expect_request(is_waiting=self._is_mid_request or not self.is_answering())

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_request(is_waiting=False)
        self._expect_reading(is_waiting=False)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading(is_waiting=True)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._expect_reading(is_waiting=self.transport.is_closing())

    # What the parser tells.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_mid_request = self._is_in_head = True
        self._received = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:  # else it stands in the trailer, which may be left out (RFC 9110 section 6.5.1)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refusal = 431
            raise _UnfitHeadError
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if version not in {"1.0", "1.1"} or hosts > 1 or (hosts == 0 and version == "1.1"):  # RFC 9112 section 3.2
            raise _UnfitHeadError
        if self.parser.should_upgrade() and any(name in _WITH_BODY for name, _ in self.headers):
            raise _UnfitHeadError  # the parser would take the body for the next request
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # answered as it is; what follows is not HTTP/1.1 any more
            self._is_refused = True

    def on_message_complete(self) -> None:
        self._is_mid_request = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's words may quote what came in
        self._refuse(self._refusal)

    # What the answer tells.

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.waits_since = self.loop.time()
        if self.transport.is_closing():
            self._expect_reading(is_waiting=True)
        # The next request, or the rest of a body nobody wanted, may be half here already.
        self._expect_request(is_waiting=self._is_mid_request)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._expect_reading(is_waiting=True)

    # What follows from it.

    def is_answering(self) -> bool:
        """Whether a request's answer is under way; its body may still be coming in."""
        return self.cycle is not None and not self.cycle.response_complete

    def _limit(self) -> None:
        if self._is_in_head and self._received > MAX_HEAD_BYTES:
            self._refuse(431)
        elif self._received > MAX_REQUEST_BYTES:
            self._is_refused = True
            logger.info("web.too_much")
            self.transport.abort()

    def _refuse(self, status: int) -> None:
        if self._is_refused:
            return
        self._is_refused = True
        logger.info("web.refused status=%d", status)
        if self.is_answering() and not self.cycle.more_body:
            self.cycle.keep_alive = False  # the answers under way go first, and then the line
            return
        if not self.is_answering() or not (self.cycle.response_started or self.pipeline):
            words = _REFUSALS[status]
            self.transport.write(
                STATUS_LINE[status]
                + b"content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n"
                + b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(words), words)
            )
        self.transport.close()
        self._expect_reading(is_waiting=True)

    def _make_room(self) -> None:
        waited_for = (other for other in self.connections if isinstance(other, DeadlineProtocol) and not other.is_answering())
        longest = min(waited_for, key=lambda other: other.waits_since, default=None)
        if longest is not None:
            logger.info("web.made_room connections=%d", len(self.connections))
            self.connections.discard(longest)
            longest.transport.abort()

    def _expect_request(self, *, is_waiting: bool) -> None:
        if not is_waiting and self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None
        elif is_waiting and self._too_late is None:
            self._too_late = self.loop.call_later(self.request_seconds, self._hang_up, "web.too_slow")

    def _expect_reading(self, *, is_waiting: bool) -> None:
        if not is_waiting and self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
        elif is_waiting and self._stuck is None:
            self._stuck = self.loop.call_later(self.request_seconds, self._hang_up, "web.not_read")

    def _hang_up(self, event: str) -> None:
        logger.info(event)
        self.transport.abort()
