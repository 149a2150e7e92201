"""What the pages for the operator's own eyes have in common: only this machine sees them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Protocol, TypeVar

from fastapi import HTTPException, Request, Response

_LOCAL_NAME = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
_VIA_PROXY = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

Choice = TypeVar("Choice", bound=str)


class PageWriter(Protocol):
    """Makes a page out of a template in ``templates/web``."""

    def page(self, template: str, values: Mapping[str, object], *, status: int = 200) -> Response:
        """Return the page of ``template`` (``inbox.html``)."""
        ...


def only_on_this_machine(request: Request) -> None:
    """Let a request through only if it was made on this machine, by a browser that knows it.

    These pages hold whole mails. Behind a reverse proxy every client looks local, so what came through one is refused; so is a
    foreign name in Host, by which a web site elsewhere could make a browser here read them (DNS rebinding).

    Raises:
        HTTPException: 404; from elsewhere there is no such page.
    """
    client = request.client.host if request.client else ""
    is_named_so = _LOCAL_NAME.fullmatch(request.headers.get("host", ""))
    if not (is_named_so and _is_loopback(client)) or any(header in request.headers for header in _VIA_PROXY):
        raise HTTPException(404)


def only_from_these_pages(request: Request) -> None:
    """Let a request through that a form on these pages made; another site's form is told by its Origin (RFC 6454 section 7).

    Raises:
        HTTPException: 403.
    """
    origin = request.headers.get("origin", "")
    if origin.partition("://")[2] != request.headers.get("host", ""):
        raise HTTPException(403)


def one_of(choices: tuple[Choice, ...], wanted: str) -> Choice:
    """Return ``wanted`` if it is one of ``choices``, else the first of them."""
    return next((choice for choice in choices if choice == wanted), choices[0])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
