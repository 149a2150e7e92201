"""Whether every text of a mail can be read on what is behind it, in light and in dark.

Source: WCAG 2.2, success criterion 1.4.3 (4.5 to 1; 3 to 1 for large text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tinycss2.color3 import RGBA, parse_color

from newsletter.preview.checks.cascade import Viewport, cascaded
from newsletter.preview.checks.css import Declaration, flat
from newsletter.preview.checks.model import Area, Noted
from newsletter.preview.checks.page import Element, Page, Text, said
from newsletter.preview.checks.sources import Sources
from newsletter.rendering.findings import Severity
from newsletter.rendering.view.look import LEAST_CONTRAST, contrast

LEAST_CONTRAST_OF_LARGE = 3.0
#: Large text, in CSS pixels: 18 points, or 14 points in bold.
LARGE, LARGE_BOLD = 24.0, 18.66
SCHEMES = ("light", "dark")

_SIZE = re.compile(r"(\d{0,6}\.?\d{1,6})(px|pt|em|rem|%)?")
_SIZES = {"xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0, "xx-large": 32.0}
_PIXELS = {"px": 1.0, "pt": 96 / 72, "rem": 16.0}
_UNSEEN = frozenset({"head", "title", "style", "script", "noscript"})


@dataclass(frozen=True, slots=True)
class Shown:
    """How the text of an element is shown: colours as ``#rrggbb``, ``size`` in CSS pixels, ``weight`` from 1 to 1000."""

    colour: str = "#000000"
    ground: str = "#ffffff"
    size: float = 16.0
    weight: int = 400
    is_seen: bool = True

    @property
    def least(self) -> float:
        """The contrast that it needs."""
        is_large = self.size >= LARGE or (self.size >= LARGE_BOLD and self.weight >= 700)
        return LEAST_CONTRAST_OF_LARGE if is_large else LEAST_CONTRAST


ShownTexts = Sequence[tuple[Text, Shown]]


@dataclass(frozen=True, slots=True)
class _Start:
    """What a browser begins with: its own colours, and that of links."""

    plain: Shown
    link: str


_LIGHT = _Start(Shown(), "#0000ee")
_DARK = _Start(Shown("#ffffff", "#121212"), "#9e9eff")


def check_contrast(texts: Mapping[str, ShownTexts], sources: Sources) -> Iterator[Noted]:
    """Yield the texts that have too little contrast: one finding for texts of equal look in equal elements.

    ``texts`` are those of the mail by scheme, as :func:`texts_by_scheme` finds them.
    """
    seen: set[tuple[str, str, str, str]] = set()
    for scheme, shown_here in texts.items():
        for text, shown in shown_here:
            ratio = contrast(shown.colour, shown.ground)
            key = (text.parent.name, text.parent.attributes.get("class", ""), shown.colour, shown.ground)
            if ratio >= shown.least or key in seen:
                continue
            seen.add(key)
            yield Noted(
                "contrast",
                f"in {scheme}, text of {shown.colour} on {shown.ground} has a contrast of {ratio:.2f}; "
                f"{shown.least:g} is needed: “{said(text.text)[:40]}”",
                Severity.ERROR,
                Area.CONTRAST,
                sources.place_of(text.parent),
            )


def texts_by_scheme(page: Page) -> dict[str, ShownTexts]:
    """Return all texts that can be seen, for ``light`` and ``dark``, on a desktop."""
    return {scheme: list(shown_texts(page, Viewport(scheme))) for scheme in SCHEMES}


def shown_texts(page: Page, view: Viewport) -> Iterator[tuple[Text, Shown]]:
    """Yield every text that can be seen, in order, and how it is shown.

    The alternative text of a picture is one too: it is what is seen where pictures are off.
    """
    can_be_dark = any("dark" in each.attributes.get("content", "") for each in page.elements("meta") if _is_scheme(each))
    start = _DARK if view.scheme == "dark" and can_be_dark else _LIGHT
    looks: dict[Element, Shown] = {page.root: start.plain}
    declared = dict(cascaded(page, view))
    for node in page.nodes:
        if isinstance(node, Element):
            above = looks[node.parent or page.root]
            if node.name == "a" and "href" in node.attributes:
                above = replace(above, colour=start.link)
            looks[node] = _shown(node, declared[node], above)
            text = Text(node.attributes.get("alt", ""), node, node.line) if node.name == "img" else None
        else:
            text = node
        if text is not None and said(text.text):
            look = looks[text.parent]
            if look.is_seen and look.size > 0:
                yield text, look


def _is_scheme(meta: Element) -> bool:
    return meta.attributes.get("name", "").lower() == "color-scheme"


def _shown(element: Element, declared: Mapping[str, Declaration], above: Shown) -> Shown:
    look = replace(above, is_seen=above.is_seen and element.name not in _UNSEEN)
    if element.name in {"b", "strong", "th", "h1", "h2", "h3", "h4", "h5", "h6"}:
        look = replace(look, weight=700)
    if (ground := parse_color(element.attributes.get("bgcolor", "").strip())) is not None:
        look = replace(look, ground=_over(ground, look.ground))
    for name, declaration in declared.items():
        value = declaration.value
        if name in {"background", "background-color"}:
            # A later one takes the place of an earlier one, and of the attribute; it lies over what is behind the element.
            look = replace(look, ground=_ground(declaration, above.ground))
        elif name == "font-size":
            look = replace(look, size=_size(value, above.size))
        elif name == "font-weight":
            look = replace(look, weight=_weight(value, above.weight))
        elif (name == "display" and value == "none") or (name == "visibility" and value in {"hidden", "collapse"}):
            look = replace(look, is_seen=False)
    if "color" in declared:
        # Last, for it may be transparent.
        look = replace(look, colour=_colour(declared["color"], look.ground, above.colour))
    return look


def _colour(declaration: Declaration, ground: str, above: str) -> str:
    colour = parse_color(declaration.value)
    return _over(colour, ground) if isinstance(colour, RGBA) else above


def _ground(declaration: Declaration, above: str) -> str:
    """Return the colour of a background; what a picture on it shows is not known."""
    for token in flat(declaration.tokens):
        if token.type in {"hash", "ident", "function"}:
            colour = parse_color(token)
            if isinstance(colour, RGBA):
                return _over(colour, above)
    return above


def _over(colour: object, ground: str) -> str:
    """Return the colour that is seen where one that may be transparent lies over another."""
    if not isinstance(colour, RGBA):
        return ground
    below = [int(ground[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    mixed = [mine * colour.alpha + theirs * (1 - colour.alpha) for mine, theirs in zip(colour[:3], below, strict=True)]
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, part))):02x}" for part in mixed)


def _size(value: str, above: float) -> float:
    if value in _SIZES:
        return _SIZES[value]
    match = _SIZE.fullmatch(value)
    if match is None:
        return above
    unit = match[2] or "px"
    if unit in {"em", "%"}:
        return float(match[1]) * above / (1 if unit == "em" else 100)
    return float(match[1]) * _PIXELS[unit]


def _weight(value: str, above: int) -> int:
    if value.isdecimal():
        return int(value[:4])
    return {"bold": 700, "normal": 400, "bolder": 700}.get(value, above)
