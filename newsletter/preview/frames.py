"""Showing a mail's HTML, which nobody vouches for, inside a page of ours.

Three locks, each enough by itself: the frame's ``sandbox`` (no scripts, no forms, an origin of its own), the same in the
answer's Content-Security-Policy, and in that policy no request at all to anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from fastapi import Response

Scheme = Literal["auto", "light", "dark"]

#: A link may open a new tab, so that the mail can be tried out; nothing else is allowed.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
#: The same with the page's own origin: the page may measure how high the mail is. Scripts are as impossible as before.
MEASURED = f"{SANDBOX} allow-same-origin"
_HEAD = re.compile(r"<head(?:\s[^<>]{0,500})?>", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s{0,100}<!doctype[^<>]{0,500}>", re.IGNORECASE)
_SCHEME_QUERY = re.compile(r"\(\s{0,10}prefers-color-scheme\s{0,10}:\s{0,10}(light|dark)\s{0,10}\)", re.IGNORECASE)
_CONTENT_ID = re.compile(r"\bcid:([^\s\"'<>()]{1,200})")


def mail_frame(
    html: str, *, scheme: Scheme = "auto", images: Iterable[tuple[str, str]] = (), sandbox: str = SANDBOX
) -> Response:
    """Return a mail's HTML as the answer a locked frame shows.

    Args:
        html: as sent.
        scheme: what the mail is told the reader prefers; ``auto`` leaves it to the browser.
        images: Content-IDs with the ``data:`` URLs to show for them.
        sandbox: what the frame may do, as its own attribute says.
    """
    shown = html if scheme == "auto" else _SCHEME_QUERY.sub(lambda query: _always(query[1].lower() == scheme), html)
    known = dict(images)
    shown = _CONTENT_ID.sub(lambda reference: known.get(reference[1], reference[0]), shown)
    # Without this a link would open inside the frame.
    place = (head.end() if (head := _HEAD.search(shown)) else 0) or (start.end() if (start := _DOCTYPE.match(shown)) else 0)
    content = f'{shown[:place]}<base target="_blank">{shown[place:]}'
    return Response(content.encode("utf-8", "replace"), media_type="text/html; charset=utf-8", headers=_headers(sandbox))


def _always(holds: bool) -> str:
    return "(min-width: 0)" if holds else "(max-width: 0)"


def _headers(sandbox: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": (
            f"sandbox {sandbox}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
            "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
        ),
        "X-DNS-Prefetch-Control": "off",
        "Cache-Control": "no-store",
    }
