"""Whose request it is, as far as can be known: the peer, or whom a trusted proxy names."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

logger = logging.getLogger(__name__)


def behind_proxies(app: ASGIApp, trusted: Sequence[str]) -> ASGIApp:
    """Return ``app`` told the client that a trusted proxy names in X-Forwarded-For: the last one that is no such proxy itself.

    Args:
        app: what answers.
        trusted: addresses and networks (``10.0.0.0/8``). What anybody else claims is not looked at; with none, nothing is.
    """
    if not trusted:
        return _ProxyHint(app)
    return ProxyHeadersMiddleware(app, list(trusted))  # type: ignore[arg-type,return-value]  # the same protocol by other names


class _ProxyHint:
    """Says once if a proxy seems to stand in front: without its name all visitors share one budget of sign-ups."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._is_said = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_said and scope["type"] == "http" and any(name == b"x-forwarded-for" for name, _ in scope["headers"]):
            peer = client_of(scope)
            # From afar it is no proxy of ours, but somebody who tries it on.
            if peer and ip_address(peer).is_private:
                self._is_said = True
                logger.warning("web.proxy_not_trusted peer=%s hint=name-it-in-web.trusted_proxies", peer)
        await self.app(scope, receive, send)


def client_of(scope: Scope) -> str:
    """Return the client's IP address in its canonical form (an IPv4 address mapped into IPv6 as IPv4); "" if it is none."""
    client = scope.get("client")
    try:
        address = ip_address(client[0]) if client else None
    except ValueError:
        return ""  # a proxy may write "unknown" or a name of its own
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Address(address.packed))  # without the zone, which means something to the peer's machine alone
    return str(address or "")
