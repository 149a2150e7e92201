"""What providers of mail post to us: ``POST /hooks/NAME``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from newsletter.inbound.webhooks.door import Hooks
from newsletter.inbound.webhooks.model import Post
from newsletter.web.protocol import MAX_HEAD_BYTES, MAX_REQUEST_BYTES
from subscribers.limits import network_of

PREFIX = "/hooks/"
#: Providers send at most 768 kB at a time; with its head a request of this size is the largest that gets through at all.
MAX_HOOK_BYTES = MAX_REQUEST_BYTES - MAX_HEAD_BYTES
#: Posts that are read or looked at at a time; they are held in memory, and most have not proven anything yet.
MOST_AT_ONCE = 16
#: Of those the most that are being read from one network, so that nobody who is slow keeps the others out.
MOST_OF_ONE = 4


class HookPosts:
    """Answers everything below ``/hooks/``, before the app sees the request: its bodies are larger than those of forms.

    POST only, without cookies, redirects or a form's seal. What it answers is for programs: one line. A name that is unknown,
    or headers that prove that the post is forged, are answered before a byte of the body is read, and a body that is too large
    is not read to its end.
    """

    def __init__(self, app: ASGIApp, hooks: Hooks, answer: Callable[[int], Response]) -> None:
        self.app = app
        self.hooks = hooks
        self.answer = answer
        self._held = 0
        self._reading: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _path(scope) if scope["type"] == "http" else ""
        if not path.startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        response = await self._respond(path.removeprefix(PREFIX), scope, receive)
        if response is not None:
            await response(scope, receive, send)

    async def _respond(self, name: str, scope: Scope, receive: Receive) -> Response | None:
        """Return the answer; None if nobody waits for it any more."""
        if not self.hooks.knows(name):
            return self.answer(404)
        if scope["method"] != "POST":
            refusal = self.answer(405)
            refusal.headers["Allow"] = "POST"
            return refusal
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced[:20]) > MAX_HOOK_BYTES:
            return _line(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not self.hooks.may_take(name, dict(headers)):
            return _line(HTTPStatus.FORBIDDEN)
        client = scope.get("client")
        network = network_of(client[0] if client else "")
        if self._held >= MOST_AT_ONCE or self._reading[network] >= MOST_OF_ONE:
            return _line(HTTPStatus.SERVICE_UNAVAILABLE)
        self._held += 1
        try:
            body = await self._read(receive, network)
            if body is None:
                return None
            if len(body) > MAX_HOOK_BYTES:
                return _line(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return _line(await run_in_threadpool(self.hooks.take, name, Post(dict(headers), body)))
        finally:
            self._held -= 1

    async def _read(self, receive: Receive, network: str) -> bytes | None:
        self._reading[network] += 1
        try:
            return await _body(receive)
        finally:
            self._reading[network] -= 1
            if not self._reading[network]:
                del self._reading[network]


async def _body(receive: Receive) -> bytes | None:
    """Return a request's body, and of one that is too large what is more than may be; None if the client hung up."""
    body = bytearray()
    more = True
    while more and len(body) <= MAX_HOOK_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _path(scope: Scope) -> str:
    """Return the path below the one that we are served at, whether a proxy in front took that off or not."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def _line(status: HTTPStatus) -> Response:
    headers = {"Retry-After": "60"} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    return PlainTextResponse(f"{status.phrase}\n", status, headers=headers)
