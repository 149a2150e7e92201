"""The public pages as an ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from newsletter.errors import NewsletterError
from newsletter.web.middleware import BelowPath, Failures, SafeHeaders, SmallBodies
from newsletter.web.model import WebDeps
from newsletter.web.oneclick import is_one_click
from newsletter.web.pages import Pages

logger = logging.getLogger(__name__)


def create_app(deps: WebDeps, pages: Pages, *, routers: Iterable[APIRouter] = ()) -> FastAPI:
    """Return the application.

    Every answer, errors too, is a designed page with a strict Content-Security-Policy; nothing redirects; GET and HEAD change
    nothing.

    Args:
        deps: what the pages show and do.
        pages: makes the pages.
        routers: more routes to serve beside them: the built-in inbox, the preview.
    """
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # RFC 8058 section 3.1: no redirect, not even for a slash
        # Spans hold paths, paths hold tokens: off, whatever the environment says.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )

    async def on_http_error(_request: Request, error: Exception) -> Response:
        if not isinstance(error, StarletteHTTPException):
            raise error
        response = pages.error(error.status_code)
        response.headers.update(error.headers or {})
        return response

    app.add_exception_handler(StarletteHTTPException, on_http_error)
    app.include_router(_public_pages(deps, pages))
    app.include_router(_leaving(deps, pages))
    app.include_router(_probes(deps))
    for router in routers:
        app.include_router(router)
    # The last one added sees a request first.
    app.add_middleware(SmallBodies, answer=pages.error)
    app.add_middleware(Failures, answer=pages.error)
    app.add_middleware(SafeHeaders)
    app.add_middleware(BelowPath, path=urlsplit(deps.base_url).path.rstrip("/"))
    return app


def _public_pages(deps: WebDeps, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    def sign_up() -> Response:
        response = pages.page("signup.html", {"issue": deps.latest_issue()})
        response.headers["Cache-Control"] = "no-cache"
        return response

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    def static(name: str, request: Request) -> Response:
        response = pages.static(request, name)
        if response is None:
            raise HTTPException(404)
        return response

    return router


def _leaving(deps: WebDeps, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    # One route for all methods, so that 405 names all of them. An unknown token gets the answer of every unknown address.
    @router.api_route("/unsubscribe/{token}", methods=["GET", "HEAD", "POST"])
    async def unsubscribe(token: str, request: Request) -> Response:
        if request.method != "POST":
            return await run_in_threadpool(ask, token)
        if not is_one_click(await request.body(), request.headers.get("content-type", "")):
            raise HTTPException(400)
        return await run_in_threadpool(act, token)

    def ask(token: str) -> Response:
        if not deps.subscribers.token_is_known(token):
            raise HTTPException(404)
        return pages.page("unsubscribe.html", {})

    def act(token: str) -> Response:
        if not deps.subscribers.unsubscribe_by_token(token):
            raise HTTPException(404)
        return pages.page("unsubscribed.html", {})

    return router


def _probes(deps: WebDeps) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @router.api_route("/readyz", methods=["GET", "HEAD"])
    def readyz() -> Response:
        try:
            ready = deps.is_ready()
        except NewsletterError as error:
            logger.warning("web.not_ready error=%s", type(error).__name__)
            ready = False
        return PlainTextResponse("ready\n") if ready else PlainTextResponse("not ready\n", 503)

    return router
