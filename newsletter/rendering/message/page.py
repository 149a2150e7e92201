"""The HTML of a message as a browser would take it apart: its links, its pictures, and what has no place in a mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

from newsletter.rendering.findings import Finding
from newsletter.rendering.message.enclosed import SCHEME

#: Elements that no mail may have.
FORBIDDEN_ELEMENTS = frozenset({"script", "iframe", "object", "embed", "form", "input", "base", "link", "svg", "math", "video"})
_URL_ATTRIBUTES = frozenset({"href", "src", "action", "background", "poster", "srcset", "cite", "formaction", "data"})
#: What stands behind an address in a ``srcset``: for which width or density it is.
_DESCRIPTOR = re.compile(r"\d+(?:\.\d+)?[wxh],?")
_SCHEMES = frozenset({"https", "http", "mailto"})
_OUTSIDE_STYLE = re.compile(r"@import|@font-face|url\s*\(|expression\s*\(|-moz-binding|behavior\s*:", re.IGNORECASE)
_OUTSIDE_PICTURE = Finding("outside-picture", "a picture comes from a server that would learn who reads this")


class Page(HTMLParser):
    """Collects what the rules need to know of a page that is fed to it.

    Attributes:
        found: what has no place in a mail, in order, each with the words of the page that it was found in.
        links, pictures: where they lead and come from, in order.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[Finding, str]] = []
        self.links: list[str] = []
        self.pictures: list[str] = []
        self._in_style = False

    def updatepos(self, i: int, j: int) -> int:  # noqa: ARG002 - the names are the parser's
        return j  # nobody asks for lines

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in FORBIDDEN_ELEMENTS:
            self._find("forbidden-element", f"<{tag}> has no place in a mail", f"<{tag}")
        self._in_style = tag == "style"
        for name, value in attrs:
            if name.startswith("on"):
                self._find("event-handler", f"the attribute {name} runs a script", name)
            elif name in _URL_ATTRIBUTES:
                self._check_url(tag, name, value or "")
            elif name == "style" and (outside := _OUTSIDE_STYLE.search(value or "")):
                self._find("outside-style", "a style loads something from elsewhere", outside[0])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._in_style = False

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style and (outside := _OUTSIDE_STYLE.search(data)):
            self._find("outside-style", "a style sheet loads something from elsewhere", outside[0])

    def handle_comment(self, data: str) -> None:
        if data.startswith("[if") and "<img" in data.lower():
            # Outlook reads on.
            inside = Page()
            inside.feed(data.partition(">")[2])
            self.pictures += inside.pictures

    def outside_pictures(self, *bases: str) -> Iterator[tuple[Finding, str]]:
        """Yield each picture that is neither in the message nor below one of ``bases``, as in ``found``; ``""`` is no base."""
        own = (SCHEME, "data:image/", *(f"{base}/" for base in bases if base))
        for source in self.pictures:
            if not source.startswith(own):
                yield _OUTSIDE_PICTURE, source

    def _check_url(self, tag: str, name: str, value: str) -> None:
        if tag == "img":
            self.pictures += _sources(value) if name == "srcset" else [value]
            return
        self.links.append(value)
        if name != "href" or _scheme_of(value) not in _SCHEMES or value != value.strip():
            self._find("link", f"<{tag} {name}> does not lead to an https, http or mailto address", value)

    def _find(self, rule: str, problem: str, words: str) -> None:
        self.found.append((Finding(rule, problem), words))


def _scheme_of(url: str) -> str:
    """Return the scheme of an address in small letters; ``""`` where it has none, or is no address."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _sources(srcset: str) -> list[str]:
    """Return the addresses in a ``srcset``; what is written oddly counts as one."""
    return [word.strip(",") for word in srcset.split() if not _DESCRIPTOR.fullmatch(word)]
