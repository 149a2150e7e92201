"""The HTML of a mail as a tree, with lines, for the checks and for the variants that rewrite it.

Read by our own few rules: what comes out of the MJML compiler is well formed, and the standard library's parser neither says
where a tag stands nor is linear on all that it is given. This one is, at most :data:`MAX_DEPTH` deep.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape, unescape

#: Elements deeper than this stand beside each other.
MAX_DEPTH = 256
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("style", "script", "title", "textarea")}
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_NAME = re.compile(r"[A-Za-z][^\s/>]*")
_ATTRIBUTE = re.compile(r"[\s/]*(?P<name>[^\s/>][^\s/>=]*)(?P<equals>\s*=\s*)?")
_BARE_END = re.compile(r"[\s>]")
_SILENT = re.compile("[\u00ad\u034f\u200b-\u200f\u2060\ufeff]")
_PLACE_LENGTH = 90


class Kind(StrEnum):
    """What a token is."""

    START = "start"
    END = "end"
    TEXT = "text"
    COMMENT = "comment"
    DOCTYPE = "doctype"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the source, from ``start`` to ``end``: ``text`` is what stands in a text or comment, as written.

    ``name`` is that of a tag in small letters, or of the element whose raw text it is (``style``).
    """

    kind: Kind
    start: int
    end: int
    name: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(slots=True, eq=False)
class Element:
    """An element; ``line`` is where it begins in the HTML, from 1."""

    name: str
    attributes: dict[str, str]
    parent: Element | None
    line: int
    children: list[Element | Text] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """The words of its class attribute."""
        return self.attributes.get("class", "").split()

    def ancestors(self) -> Iterator[Element]:
        """Yield what it stands in, from inside."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    def inside(self) -> Iterator[Element | Text]:
        """Yield what stands in it, in order."""
        left: list[Element | Text] = self.children[::-1]
        while left:
            node = left.pop()
            yield node
            if isinstance(node, Element):
                left += reversed(node.children)

    def place(self) -> str:
        """Return how it begins, and its line."""
        tag = start_tag(self.name, self.attributes)
        short = tag if len(tag) <= _PLACE_LENGTH else f"{tag[: _PLACE_LENGTH - 2]}…>"
        return f"{short} (HTML line {self.line})"


@dataclass(slots=True, eq=False)
class Text:
    """Text between tags, decoded; ``parent`` is what it stands in."""

    text: str
    parent: Element
    line: int


@dataclass(frozen=True, slots=True)
class StyleBlock:
    """The text of a ``<style>``, its ``media`` attribute, and the line where it begins."""

    css: str
    media: str
    line: int


@dataclass(slots=True)
class Page:
    """A mail's HTML: ``nodes`` holds all elements and texts but those of styles and scripts in the order of the source."""

    root: Element
    nodes: list[Element | Text]
    styles: list[StyleBlock]
    comments: int = 0
    has_doctype: bool = False

    @classmethod
    def of(cls, html: str) -> Page:
        """Read HTML; whatever it is, there is a page."""
        return _Builder().build(html)

    def elements(self, *names: str) -> list[Element]:
        """Return all elements, or those of these names, in order."""
        return [node for node in self.nodes if isinstance(node, Element) and (not names or node.name in names)]

    def texts(self) -> list[Text]:
        """Return all texts, in order."""
        return [node for node in self.nodes if isinstance(node, Text)]


class _Builder:
    """Makes a page of tokens."""

    def __init__(self) -> None:
        self._root = Element("", {}, None, 1)
        self._open = [self._root]
        self._names: Counter[str] = Counter()
        self._page = Page(self._root, [], [])

    def build(self, html: str) -> Page:
        line, at = 1, 0
        media = ""
        for token in tokens(html):
            line, at = line + html.count("\n", at, token.start), token.start
            if token.kind is Kind.COMMENT:
                self._page.comments += 1
            elif token.kind is Kind.DOCTYPE:
                self._page.has_doctype = True
            elif token.kind is Kind.END:
                self._close(token.name)
            elif token.kind is Kind.START:
                media = token.attributes.get("media", "")
                self._start(token, line)
            elif token.kind is Kind.TEXT and token.name == "style":
                self._page.styles.append(StyleBlock(token.text, media, line))
            elif token.kind is Kind.TEXT and token.name != "script":
                self._add(Text(unescape(token.text), self._open[-1], line))
        return self._page

    def _start(self, token: Token, line: int) -> None:
        # A link ends where another begins, and a heading where one begins right in it.
        if token.name == "a":
            self._close("a")
        elif token.name in _HEADINGS and self._open[-1].name in _HEADINGS:
            self._close(self._open[-1].name)
        element = Element(token.name, token.attributes, self._open[-1], line)
        self._add(element)
        if token.name not in VOID and len(self._open) <= MAX_DEPTH:
            self._open.append(element)
            self._names[token.name] += 1

    def _close(self, name: str) -> None:
        if not self._names[name]:
            return
        while True:
            closed = self._open.pop()
            self._names[closed.name] -= 1
            if closed.name == name:
                return

    def _add(self, node: Element | Text) -> None:
        self._open[-1].children.append(node)
        self._page.nodes.append(node)


def tokens(html: str) -> Iterator[Token]:
    """Yield the pieces of HTML; together they are the whole of it, but for a tag that does not end."""
    at = begun = 0
    size = len(html)
    while (mark := html.find("<", at)) >= 0:
        token = _markup(html, mark)
        if token is None:
            at = mark + 1
            continue
        if begun < mark:
            yield Token(Kind.TEXT, begun, mark, text=html[begun:mark])
        yield token
        at = begun = token.end
        if token.kind is Kind.START and token.name in _RAW:
            end = _RAW[token.name].search(html, at)
            stop = size if end is None else end.start()
            yield Token(Kind.TEXT, at, stop, token.name, text=html[at:stop])
            at = begun = stop
    if begun < size:
        yield Token(Kind.TEXT, begun, size, text=html[begun:])


def start_tag(name: str, attributes: dict[str, str]) -> str:
    """Write a start tag."""
    return "".join(["<", name, *(f' {key}="{escape(value)}"' for key, value in attributes.items()), ">"])


def said(text: str) -> str:
    """Return text with its blanks folded, and without the characters that show nothing."""
    return " ".join(_SILENT.sub("", text).split())


def _markup(html: str, mark: int) -> Token | None:
    if html.startswith("<!--", mark):
        end = html.find("-->", mark + 2)
        stop = len(html) if end < 0 else end + 3
        return Token(Kind.COMMENT, mark, stop, text=html[mark + 4 : stop if end < 0 else end])
    if html.startswith(("<!", "<?"), mark):
        end = html.find(">", mark)
        stop = len(html) if end < 0 else end + 1
        kind = Kind.DOCTYPE if html[mark : mark + 9].lower() == "<!doctype" else Kind.COMMENT
        return Token(kind, mark, stop, text=html[mark + 2 : stop])
    closing = html.startswith("</", mark)
    name = _NAME.match(html, mark + (2 if closing else 1))
    if name is None:
        return None
    attributes: dict[str, str] = {}
    at = name.end()
    while (found := _ATTRIBUTE.match(html, at)) is not None:
        at, value = _value(html, found)
        attributes.setdefault(found["name"].lower(), unescape(value))
    end = html.find(">", at)
    # A tag that does not end takes the rest with it.
    stop = len(html) if end < 0 else end + 1
    return Token(Kind.END if closing else Kind.START, mark, stop, name[0].lower(), attributes)


def _value(html: str, found: re.Match[str]) -> tuple[int, str]:
    """Return where the value of an attribute ends, and the value."""
    at = found.end()
    if found["equals"] is None or at >= len(html):
        return at, ""
    if html[at] in "\"'":
        end = html.find(html[at], at + 1)
        return (len(html), html[at + 1 :]) if end < 0 else (end + 1, html[at + 1 : end])
    bare = _BARE_END.search(html, at)
    end = len(html) if bare is None else bare.start()
    return end, html[at:end]
