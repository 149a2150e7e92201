"""The public pages as an ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from newsletter.errors import NewsletterError
from newsletter.web.confirming import Confirming
from newsletter.web.feedback import Feedback
from newsletter.web.hooks import HookPosts
from newsletter.web.issues import Issues
from newsletter.web.leaving import Leaving
from newsletter.web.middleware import BelowPath, Failures, SafeHeaders, SmallBodies
from newsletter.web.model import WebDeps
from newsletter.web.network import behind_proxies
from newsletter.web.openapi import application_settings
from newsletter.web.pages import Pages
from newsletter.web.pictures import picture_files
from newsletter.web.preferences import Preferences
from newsletter.web.routes import Routes
from newsletter.web.signing_up import SigningUp
from newsletter.web.status import StatusPage

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
        **application_settings(deps.base_url, deps.masthead.name),
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
    routes = Routes(app)
    for part in (SigningUp, Confirming, Preferences, Feedback, Leaving, Issues, StatusPage):
        part(deps, pages).add_to(routes)
    app.include_router(_files_and_probes(deps, pages))
    app.include_router(picture_files(deps.pictures))
    for router in routers:
        app.include_router(router)
    # The last one added sees a request first.
    app.add_middleware(SmallBodies, answer=pages.error)
    app.add_middleware(HookPosts, hooks=deps.hooks, answer=pages.error)
    app.add_middleware(Failures, answer=pages.error)
    app.add_middleware(SafeHeaders)
    app.add_middleware(BelowPath, path=urlsplit(deps.base_url).path.rstrip("/"))
    app.add_middleware(behind_proxies, trusted=deps.trusted_proxies)
    return app


def _files_and_probes(deps: WebDeps, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    def static(name: str, request: Request) -> Response:
        response = pages.static(request, name)
        if response is None:
            raise HTTPException(404)
        return response

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
