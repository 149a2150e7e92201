"""Text out of HTML and JATS fragments, in time that grows with their length only, whatever somebody puts into them. Pure.

The library's HTML parser needs a minute for 100 kB of tags that nobody closes, and stops at sections it does not know.
"""

from __future__ import annotations

import html
import re

_TAG = re.compile(r"""<(/?)([A-Za-z][\w:.-]*+)(?:[^<>"']|"[^"]*"|'[^']*')*+>""")
_DECLARATION = re.compile(r"<[!?][^<>]*>")
#: A number that no character has; the library would make an endless integer of it.
_ENDLESS_REFERENCE = re.compile(r"&#(?:[0-9]{9,}|[xX][0-9a-fA-F]{9,});?")
#: A lone "<" or "a<b" in a title is a sign of mathematics; a tag that is closed is markup.
_CLOSING_TAG = re.compile(r"</[A-Za-z][\w:.-]*+\s*+>")
_BLOCKS = frozenset({"p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4"})
_CDATA = "<![CDATA["


def plain(text: str) -> str:
    """Return the text of an HTML fragment; text without tags and entities stays as it is."""
    if "<" not in text and "&" not in text:
        return text
    parts: list[str] = []
    position = 0
    while (start := text.find("<", position)) >= 0:
        parts.append(text[position:start])
        position, shown = _after(text, start)
        parts.append(shown)
    parts.append(text[position:])
    return unescaped("".join(parts))


def without_markup(text: str) -> str:
    """Return a text whose service mixes plain text with HTML or JATS: tags taken away where some are closed, entities read."""
    return plain(text) if _CLOSING_TAG.search(text) else unescaped(text)


def unescaped(text: str) -> str:
    """Return a text with its character references read (HTML Living Standard section 13.5)."""
    return html.unescape(_ENDLESS_REFERENCE.sub("\ufffd", text))


def _after(text: str, start: int) -> tuple[int, str]:
    """Tell where reading goes on after the "<" at ``start``, and what is shown in place of what is left out."""
    if text.startswith("<!--", start):
        return _behind(text, "-->", start + 4), ""
    if text.startswith(_CDATA, start):
        end = _behind(text, "]]>", start)
        return end, html.escape(text[start + len(_CDATA) : end].removesuffix("]]>"), quote=False)
    if tag := _TAG.match(text, start):
        name = tag[2].lower()
        if name in {"script", "style"} and not tag[1]:
            closing = re.compile(f"</{name}[^<>]*>", re.IGNORECASE).search(text, tag.end())
            return closing.end() if closing else len(text), ""
        return tag.end(), " " if name in _BLOCKS and not tag[1] else ""
    if declaration := _DECLARATION.match(text, start):
        return declaration.end(), ""
    return start + 1, "<"


def _behind(text: str, sign: str, start: int) -> int:
    """Return where ``sign`` ends, the end of the text if it does not come."""
    found = text.find(sign, start)
    return len(text) if found < 0 else found + len(sign)
