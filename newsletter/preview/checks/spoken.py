"""What a screen reader says of a mail, in order: enough to hear whether it makes sense, not any one reader's own words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from newsletter.preview.checks.access import is_hidden, is_layout
from newsletter.preview.checks.links import words_of
from newsletter.preview.checks.page import Element, Page, Text, said


class Role(StrEnum):
    """As what a screen reader announces something."""

    HEADING = "heading"
    LINK = "link"
    IMAGE = "image"
    TEXT = "text"
    LIST_ITEM = "list item"
    CELL = "table cell"


@dataclass(frozen=True, slots=True)
class Spoken:
    """One thing a screen reader says; ``level`` is 1 to 6 for a heading and for a link in one, else 0."""

    role: Role
    text: str
    level: int = 0


_LEVELS = {f"h{level}": level for level in range(1, 7)}
_SILENT = frozenset({"head", "noscript", "script", "style", "template", "title"})
#: Elements that do not end a sentence.
_INLINE = frozenset(
    {
        *("abbr", "acronym", "b", "bdi", "bdo", "cite", "code", "del", "em", "font", "i", "ins", "mark", "s", "small", "span"),
        *("strike", "strong", "sub", "sup", "time", "u", "wbr"),
    }
)


def reading_order(html: str) -> list[Spoken]:
    """Return what a screen reader says, in order.

    Tables for the layout, and what is hidden from it, are not announced. Text that goes on is one piece.
    """
    return list(_joined(_pieces(Page.of(html).root)))


@dataclass(frozen=True, slots=True)
class _Around:
    """What something stands in."""

    role: Role = Role.TEXT
    level: int = 0


def _pieces(root: Element) -> Iterator[Spoken | None]:
    """Yield what is said, piece by piece; None where a new block begins."""
    left: list[tuple[Element | Text | None, _Around]] = [(root, _Around())]
    while left:
        node, around = left.pop()
        if node is None:
            yield None
        elif isinstance(node, Text):
            yield Spoken(around.role, node.text, around.level)
        elif not _is_silent(node):
            is_block = node.name not in _INLINE
            if is_block:
                yield None
            said_at_once = _at_once(node, around)
            if said_at_once is not None:
                yield from (said_at_once, None)
                continue
            inside = _inside(node, around)
            left += [(None, around)] if is_block else []
            left += [(child, inside) for child in reversed(node.children)]


def _is_silent(element: Element) -> bool:
    return element.name in _SILENT or element.attributes.get("aria-hidden") == "true" or is_hidden(element)


def _at_once(element: Element, around: _Around) -> Spoken | None:
    """Return what an element says as a whole, whatever stands in it."""
    attributes = element.attributes
    if element.name == "a" and "href" in attributes:
        return Spoken(Role.LINK, words_of(element), around.level)
    if element.name == "img" or attributes.get("role") == "img":
        return Spoken(Role.IMAGE, attributes.get("aria-label") or attributes.get("alt", ""))
    return None


def _inside(element: Element, around: _Around) -> _Around:
    if element.name in _LEVELS:
        return _Around(Role.HEADING, _LEVELS[element.name])
    if element.name == "li":
        return _Around(Role.LIST_ITEM)
    if element.name in {"td", "th"}:
        table = next((above for above in element.ancestors() if above.name == "table"), None)
        return _Around(Role.TEXT if table is None or is_layout(table) else Role.CELL)
    return around


def _joined(pieces: Iterator[Spoken | None]) -> Iterator[Spoken]:
    """Yield pieces with those joined that go on, and without those that say nothing."""
    words: list[str] = []
    last: Spoken | None = None
    for piece in (*pieces, None):
        if piece is not None and last is not None and (piece.role, piece.level) == (last.role, last.level):
            words.append(piece.text)
            continue
        if last is not None and (text := said("".join(words))):
            yield Spoken(last.role, text, last.level)
        words, last = ([], None) if piece is None else ([piece.text], piece)
