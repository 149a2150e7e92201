"""What holds for every request and answer: headers, the size of a body, and what becomes of a failure."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 16_384
#: Sent with every answer that does not say otherwise. No-store by default: most pages here hang on a token or show a mail.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_ENCODED_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class BelowPath:
    """Serves the app below ``path`` (``/papers``, or empty), whether a proxy in front passes that on or strips it."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app = app
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "root_path": self.path}, receive, send)


class SafeHeaders:
    """Adds ``HEADERS`` to every answer, where the answer has no word of its own on the matter."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = message.get("headers", [])
                names = {name for name, _ in said}
                message = {**message, "headers": [*said, *(header for header in _ENCODED_HEADERS if header[0] not in names)]}
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class Failures:
    """Answers what the app did not expect with a page, and logs where it happened but nothing of what was in it.

    An exception's message may quote a statement with an address in it, so only its type and the lines of code are logged.
    """

    def __init__(self, app: ASGIApp, answer: Callable[[int], Response]) -> None:
        self.app = app
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            lines = "".join(traceback.format_tb(error.__traceback__))
            logger.error("web.failed error=%s\n%s", type(error).__name__, lines)  # noqa: TRY400 - see the class
            if started:
                raise RuntimeError("an answer broke off half-way; see web.failed above") from None
            await self._failed()(scope, receive, send)

    def _failed(self) -> Response:
        try:
            return self.answer(500)
        except Exception as error:
            logger.error("web.no_error_page error=%s", type(error).__name__)  # noqa: TRY400 - see the class
            return Response("Something went wrong on our side. Try again in a few minutes.\n", 500, media_type="text/plain")


class SmallBodies:
    """Reads a request's body whole before the app sees the request, and refuses one over ``MAX_BODY_BYTES`` with 413."""

    def __init__(self, app: ASGIApp, answer: Callable[[int], Response]) -> None:
        self.app = app
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced) > MAX_BODY_BYTES:
            await self.answer(413)(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY_BYTES:
                await self.answer(413)(scope, receive, send)
                return
        read = False

        async def replay() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self.app(scope, replay, send)
