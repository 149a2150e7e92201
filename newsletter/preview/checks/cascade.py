"""How a mail's elements come out: the few properties that the checks ask for, by the rules of the CSS cascade.

Knows selectors of elements, classes, ids, attributes' presence and ``:root``, joined by blanks or ``>``; rules with others are
left out. Source: CSS Cascading and Inheritance level 4, sections 6 and 7; Selectors level 4, section 17.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from tinycss2.ast import Node

from newsletter.preview.checks.css import Declaration, Sheet, read_declarations, read_sheet
from newsletter.preview.checks.page import Element, Page

#: Parts of selectors that are looked at: several times what our themes have, and few enough that none takes minutes.
MAX_COMPOUNDS = 500
_CONDITION = re.compile(r"\(\s*([a-z-]+)\s*:\s*([^()]+?)\s*\)")
_JOINED = re.compile(r"\s+and\s+")
_PIXELS = re.compile(r"(\d{0,6}\.?\d{1,6})(px|em|rem)?")
#: What of each declared property wins: (important, in the style attribute, specificity, order).
_Rank = tuple[bool, bool, tuple[int, int, int], int]


@dataclass(frozen=True, slots=True)
class Viewport:
    """Where the mail is shown: ``scheme`` is ``light`` or ``dark``, ``width`` in CSS pixels."""

    scheme: str = "light"
    width: int = 1280


@dataclass(frozen=True, slots=True)
class _Compound:
    """A simple selector of one element; ``child``: it must stand right in the one that is left of it."""

    tag: str
    id: str
    classes: frozenset[str]
    attributes: frozenset[str]
    child: bool

    def fits(self, element: Element, classes: frozenset[str]) -> bool:
        return (
            self.tag in ("", element.name)
            and self.classes <= classes
            and (not self.id or element.attributes.get("id") == self.id)
            and all(name in element.attributes for name in self.attributes)
        )


@dataclass(frozen=True, slots=True)
class _Selector:
    compounds: tuple[_Compound, ...]
    declarations: tuple[Declaration, ...]
    order: int

    @property
    def specificity(self) -> tuple[int, int, int]:
        ids = sum(bool(each.id) for each in self.compounds)
        classes = sum(len(each.classes) + len(each.attributes) for each in self.compounds)
        return ids, classes, sum(bool(each.tag) for each in self.compounds)


def cascaded(page: Page, view: Viewport) -> Iterator[tuple[Element, Mapping[str, Declaration]]]:
    """Yield each element, in order, with what is declared for it: the winning declaration by property, as written.

    Nothing is inherited or computed yet; shorthands stand beside what they are short for, the later one last.
    """
    selectors = _selectors(read_sheet(page.styles), view)
    places = _Matches(selectors)
    inline: dict[str, list[Declaration]] = {}
    for element in page.elements():
        found: list[tuple[_Rank, Declaration]] = []
        for selector in places.of(element):
            weight, order = selector.specificity, selector.order
            found += [((each.important, False, weight, order), each) for each in selector.declarations]
        style = element.attributes.get("style", "")
        if style:
            if style not in inline:
                inline[style] = read_declarations(style)
            found += [((each.important, True, (0, 0, 0), order), each) for order, each in enumerate(inline[style])]
        found.sort(key=lambda pair: pair[0])
        winners: dict[str, Declaration] = {}
        for _, each in found:
            winners.pop(each.name, None)
            winners[each.name] = each
        yield element, winners


def applies(media: Sequence[str], view: Viewport) -> bool:
    """Whether all media queries are met on a screen of that kind; one that is not understood is not."""
    return all(any(_query(each.strip(), view) for each in queries.split(",")) for queries in media)


def _query(query: str, view: Viewport) -> bool:
    for part in _JOINED.split(query):
        if part in {"", "all", "screen", "only screen", "only all"}:
            continue
        condition = _CONDITION.fullmatch(part)
        if condition is None or not _condition(condition[1], condition[2], view):
            return False
    return True


def _condition(name: str, value: str, view: Viewport) -> bool:
    if name == "prefers-color-scheme":
        return value == view.scheme
    size = _PIXELS.fullmatch(value)
    if size is None or name not in {"max-width", "min-width"}:
        return False
    width = float(size[1]) * (16 if size[2] in {"em", "rem"} else 1)
    return view.width <= width if name == "max-width" else view.width >= width


def _selectors(sheet: Sheet, view: Viewport) -> list[_Selector]:
    found: list[_Selector] = []
    left = MAX_COMPOUNDS
    for order, rule in enumerate(sheet.rules):
        if applies(rule.media, view):
            for tokens in split(rule.prelude):
                compounds = _compounds(tokens)
                left -= len(compounds)
                if left < 0:
                    return found
                if compounds:
                    found.append(_Selector(compounds, rule.declarations, order))
    return found


def split(prelude: Iterable[Node]) -> list[list[Node]]:
    """Return the selectors of a list of them."""
    groups = groupby(prelude, lambda token: token.type == "literal" and token.value == ",")
    return [list(group) for is_comma, group in groups if not is_comma]


def _compounds(tokens: Sequence[Node]) -> tuple[_Compound, ...]:
    """Return the parts of a selector, from outside; none if it is of a kind that is not known here."""
    text = "".join(_letters(token) for token in tokens).strip()
    parts: list[_Compound] = []
    for joint, part in re.findall(r"([\s>]*)([^\s>]+)", text):
        names = re.findall(r"([.#]?)([^.#\[\]]+)|\[([\w-]+)\]", part)
        if "?" in part or not names:
            return ()
        tag = next((name for mark, name, _ in names if name and not mark), "")
        parts.append(
            _Compound(
                "" if tag == "*" else "html" if tag == ":root" else tag.lower(),
                next((name for mark, name, _ in names if mark == "#"), ""),
                frozenset(name for mark, name, _ in names if mark == "."),
                frozenset(name.lower() for _, _, name in names if name),
                ">" in joint,
            )
        )
    return tuple(parts)


def _letters(token: Node) -> str:
    """Return what a token of a selector means to us; ``?`` for what is not known."""
    match token.type:
        case "ident":
            return str(token.value)
        case "hash":
            return f"#{token.value}"
        case "whitespace":
            return " "
        case "literal" if token.value in {".", ">", "*", ":"}:
            return str(token.value)
        case "[] block" if len(token.content) == 1 and token.content[0].type == "ident":
            return f"[{token.content[0].value}]"
        case _:
            return "?"


class _Matches:
    """Finds the selectors that mean an element, for elements in the order of the page: those around one come before it."""

    def __init__(self, selectors: Sequence[_Selector]) -> None:
        self._selectors = selectors
        #: Parts of selectors by what they need: ``.class``, a name, or ``""`` for those that fit any element.
        self._parts: dict[str, list[tuple[int, int, _Compound]]] = {}
        for number, selector in enumerate(selectors):
            for index, compound in enumerate(selector.compounds):
                needed = f".{min(compound.classes)}" if compound.classes else compound.tag
                self._parts.setdefault(needed, []).append((number, index, compound))
        #: By element: how far selectors have come right at it, and at it or above; bit n for n parts.
        self._here: dict[Element, dict[int, int]] = {}
        self._above: dict[Element, dict[int, int]] = {}

    def of(self, element: Element) -> list[_Selector]:
        """Return the selectors that mean ``element``."""
        above: dict[int, int] = {} if element.parent is None else self._above.get(element.parent, {})
        right_above: dict[int, int] = {} if element.parent is None else self._here.get(element.parent, {})
        classes = frozenset(element.classes)
        here: dict[int, int] = {}
        for needed in ("", element.name, *(f".{name}" for name in classes)):
            for number, index, compound in self._parts.get(needed, ()):
                before = 1 | (right_above if compound.child else above).get(number, 0)
                if before >> index & 1 and compound.fits(element, classes):
                    here[number] = here.get(number, 0) | 1 << index + 1
        if element.children:
            self._here[element] = here
            self._above[element] = (
                above | {number: above.get(number, 0) | bits for number, bits in here.items()} if here else above
            )
        met = sorted(number for number, bits in here.items() if bits >> len(self._selectors[number].compounds) & 1)
        return [self._selectors[number] for number in met]
