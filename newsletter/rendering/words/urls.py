"""Web addresses that came from outside: made canonical, or left out."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import quote, urlsplit, urlunsplit

from newsletter.rendering.words.text import clean

MAX_URL = 500
_KEPT = 4096
_SCHEMES = frozenset({"http", "https"})
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.?")


@lru_cache(_KEPT)
def safe_url(url: str) -> str:
    """Return ``url`` in canonical ASCII form, or ``""`` where it is not a plain absolute web address.

    Only http and https; no user name, no control character, no more than 500 characters; a host name of letters or an
    address literal; an international host in its ASCII form; everything outside the URL alphabet percent-encoded.
    """
    text = url.strip()
    if not text or len(text) > MAX_URL or clean(text) != text or " " in text or "\\" in text:
        return ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode()
    except (ValueError, UnicodeError):
        return ""
    if parts.scheme not in _SCHEMES or parts.username is not None or not _is_host(host):
        return ""
    place = f"[{host}]" if ":" in host else host
    canonical = urlunsplit(
        (
            parts.scheme,
            place if port is None else f"{place}:{port}",
            quote(parts.path, safe="/%:@!$&()*+,;=~-._"),
            quote(parts.query, safe="/%:@!$&()*+,;=~-._?"),
            quote(parts.fragment, safe="/%:@!$&()*+,;=~-._?"),
        )
    )
    return canonical if len(canonical) <= MAX_URL else ""


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return ipaddress.ip_address(host).version == 6
        except ValueError:
            return False
    return _HOST.fullmatch(host) is not None
