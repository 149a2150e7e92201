"""Pictures that a mail links to, put into its HTML: a locked frame asks nobody for them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable

#: An address of a picture, with all that stands before it, is not longer.
_ADDRESS_CHARS = 500
_LINKED = re.compile(r"/pictures/([A-Za-z0-9_-]{32})\.(jpg|png)\b")


def linked_images(html: str, content: Callable[[str], bytes]) -> dict[str, str]:
    """Return ``data:`` URLs of the kept pictures that a mail links to, by the address it has for them, wherever that is.

    Args:
        html: of the mail.
        content: returns a kept picture's octets by its name, or raises KeyError.
    """
    found = {}
    for match in _LINKED.finditer(html):
        try:
            encoded = base64.b64encode(content(match[1])).decode()
        except KeyError:
            continue
        found[_whole_address(html, match)] = f"data:image/{'png' if match[2] == 'png' else 'jpeg'};base64,{encoded}"
    return found


def with_images(html: str, images: Iterable[tuple[str, str]]) -> str:
    """Return a mail's HTML with its pictures in it."""
    for source, data in images:
        html = html.replace(source, data)
    return html


def _whole_address(html: str, match: re.Match[str]) -> str:
    """Return an address in HTML of which ``match`` is the end: it begins behind a quote, or the bracket of ``url(``."""
    earliest = max(0, match.start() - _ADDRESS_CHARS)
    start = max(html.rfind(mark, earliest, match.start()) for mark in "\"'(> ") + 1
    return html[start : match.end()]
