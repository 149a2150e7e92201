"""Whose request it is, as far as can be known: the peer, or whom a trusted proxy names."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

from starlette.types import ASGIApp, Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware


def behind_proxies(app: ASGIApp, trusted: Sequence[str]) -> ASGIApp:
    """Return ``app`` told the client that a trusted proxy names in X-Forwarded-For: the last one that is no such proxy itself.

    Args:
        app: what answers.
        trusted: addresses and networks (``10.0.0.0/8``). What anybody else claims is not looked at; with none, nothing is.
    """
    return ProxyHeadersMiddleware(app, list(trusted)) if trusted else app  # type: ignore[arg-type,return-value]  # same protocol


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
