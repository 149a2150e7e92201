"""Signs of what a mail uses, of HTML and of CSS: what :mod:`.features` has names for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from urllib.parse import urlsplit

from tinycss2.ast import Node

from newsletter.preview.checks.cascade import split
from newsletter.preview.checks.css import Declaration, flat, read_declarations, read_sheet
from newsletter.preview.checks.page import Element, Page

#: Places kept for each sign.
PLACES = 5
_MEDIA_FEATURE = re.compile(r"\(\s*([a-z-]+)")
_EXTENSIONS = {"jpeg": "jpg", "svg+xml": "svg", "tif": "tiff", "heic": "heif", "x-icon": "ico"}
#: What media queries ask for that belongs to ``@media`` itself.
_PLAIN_MEDIA = frozenset({"width", "min-width", "max-width", "device-width", "min-device-width", "max-device-width"})
_COMBINATORS = {">": "selector:child", "+": "selector:adjacent-sibling", "~": "selector:general-sibling"}
_MARKS = {**_COMBINATORS, "*": "selector:universal", "&": "nesting:", "#": "selector:id", "[": "selector:attribute"}
#: Elements that began with one colon.
_OLD_PSEUDO_ELEMENTS = frozenset({"after", "before", "first-letter", "first-line"})
#: How each kind of sign looks in a template; ``{}`` is its name.
_IN_SOURCE = {
    "property": r"(?<![\w-]){}\s*[:=]",
    "function": r"(?<![\w-]){}\(",
    "unit": r"\d{}(?![\w%])",
    "at": r"@{}(?![\w-])",
    "media": r"\(\s*{}\s*:",
    "pseudo-class": r"[^:\s{{]:{}(?![\w-])",
    "pseudo-element": r"::?{}(?![\w-])",
    "element": r"<{}(?![\w-])",
    "attribute": r"(?<![\w-]){}=",
    "meta": r"<meta\s[^>]*\b{}\b",
    "variable": r"(?<![\w-])--\w",
    "important": r"!\s*important",
    "css-comment": r"/\*",
}


def signs(page: Page, place_of_line: Callable[[int], str]) -> dict[str, list[str]]:
    """Return the signs of everything a page uses, and where; at most ``PLACES`` each.

    ``place_of_line`` says where a line of a style block comes from, given its number in the HTML.
    """
    found: dict[str, list[str]] = {}
    known: dict[str, list[str]] = {}
    for element in page.elements():
        style = element.attributes.get("style", "")
        if style and style not in known:
            known[style] = list(dict.fromkeys(_of_declarations(read_declarations(style))))
        for sign in dict.fromkeys([*_of_element(element), *known.get(style, ())]):
            _note(found, sign, element.place)
    for sign, line in _of_sheets(page):
        _note(found, sign, partial(place_of_line, line))
    if page.comments:
        found["comment:"] = []
    if page.has_doctype:
        found["doctype:"] = []
    return found


def pattern_of(sign: str) -> str | None:
    """Return how a sign looks in the text of a template; None if that cannot be told from anything else."""
    kind, _, name = sign.partition(":")
    if kind == "keyword":
        name, _, keyword = name.partition(":")
        return rf"(?<![\w-]){re.escape(name)}\s*[:=][^;<>]*\b{re.escape(keyword)}\b" if name else rf"\b{re.escape(keyword)}\b"
    pattern = _IN_SOURCE.get(kind)
    return None if pattern is None else pattern.format(re.escape(name))


def _note(found: dict[str, list[str]], sign: str, place: Callable[[], str]) -> None:
    places = found.setdefault(sign, [])
    if len(places) < PLACES and (here := place()) not in places:
        places.append(here)


def _of_element(element: Element) -> Iterator[str]:
    attributes = element.attributes
    yield f"element:{element.name}"
    yield from (f"attribute:{name}" for name in attributes)
    if element.name == "a":
        address = attributes.get("href", "")
        if address.startswith("#"):
            yield "link:#"
        elif address.lower().startswith("mailto:"):
            yield "link:mailto"
    elif element.name == "img":
        yield from _of_image(attributes.get("src", ""))
    elif element.name == "meta":
        yield f"meta:{attributes.get('name', '').lower()}"
    elif element.name == "button":
        yield f"button:{attributes.get('type', 'submit').lower()}"
    elif element.name == "input":
        yield f"input:{attributes.get('type', 'text').lower()}"


def _of_image(source: str) -> Iterator[str]:
    if source.startswith("data:image/"):
        kind = source[len("data:image/") :].partition(";")[0].partition(",")[0]
        yield "image:base64"
    else:
        try:
            kind = urlsplit(source).path.rpartition(".")[2].lower()
        except ValueError:
            return
    yield f"image:{_EXTENSIONS.get(kind, kind)}"


def _of_sheets(page: Page) -> Iterator[tuple[str, int]]:
    for style in page.styles:
        if style.media:
            yield "at:media", style.line
        if "/*" in style.css:
            yield "css-comment:", style.line
    sheet = read_sheet(page.styles)
    for at_rule in sheet.at_rules:
        yield f"at:{at_rule.name}", at_rule.line
        if at_rule.name == "media":
            for name in _MEDIA_FEATURE.findall(at_rule.prelude):
                if name not in _PLAIN_MEDIA:
                    yield f"media:{name}", at_rule.line
    for rule in sheet.rules:
        for sign in (*_of_selectors(rule.prelude), *_of_declarations(rule.declarations)):
            yield sign, rule.line


def _of_selectors(prelude: Sequence[Node]) -> Iterator[str]:
    selectors = split(prelude)
    if len(selectors) > 1:
        yield "selector:grouping"
    for selector in selectors:
        yield from _of_selector(_trimmed(selector))


def _trimmed(tokens: Sequence[Node]) -> Sequence[Node]:
    start = 1 if tokens and tokens[0].type == "whitespace" else 0
    end = len(tokens) - 1 if len(tokens) > start and tokens[-1].type == "whitespace" else len(tokens)
    return tokens[start:end]


def _of_selector(tokens: Sequence[Node]) -> Iterator[str]:
    """Yield the signs of one selector; a blank beside another combinator is part of that."""
    marks = [_mark(token) for token in tokens]
    around = ["", "", *marks, ""]
    for place, token in enumerate(tokens):
        further, before, mark, after = around[place : place + 4]
        if mark == " ":
            if not {before, after} & _COMBINATORS.keys():
                yield "selector:descendant"
        elif mark in _MARKS:
            yield _MARKS[mark]
        elif before == ".":
            yield "selector:class"
            if after == ".":
                yield "selector:chaining"
        elif before == ":" and mark != ":":
            yield _pseudo(token, is_element=further == ":")
        elif token.type == "ident":
            yield "selector:type"


def _mark(token: Node) -> str:
    """Return what a token of a selector is there for, in one character; ``""`` for names."""
    kinds = {"whitespace": " ", "hash": "#", "[] block": "["}
    return str(token.value) if token.type == "literal" else kinds.get(token.type, "")


def _pseudo(token: Node, *, is_element: bool) -> str:
    name = token.lower_name if token.type == "function" else getattr(token, "lower_value", "")
    return f"pseudo-{'element' if is_element or name in _OLD_PSEUDO_ELEMENTS else 'class'}:{name}"


def _of_declarations(declarations: Sequence[Declaration]) -> Iterator[str]:
    for declaration in declarations:
        if declaration.name.startswith("--"):
            yield "variable:"
            continue
        yield f"property:{declaration.name}"
        if declaration.important:
            yield "important:"
        for token in flat(declaration.tokens):
            if token.type == "function":
                yield f"function:{token.lower_name}"
            elif token.type == "dimension":
                yield f"unit:{token.lower_unit}"
            elif token.type == "percentage":
                yield "unit:%"
            elif token.type == "ident":
                yield f"keyword:{declaration.name}:{token.lower_value}"
                yield f"keyword::{token.lower_value}"
