"""The elements of MJML 4: where each may stand, what may stand in it, and its attributes.

Source: documentation.mjml.io, "Components". What the compiler (mrml) makes of each attribute was measured; a test measures it
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from newsletter.rendering.template.values import (
    ALIGN,
    ANY,
    BORDER,
    CASE,
    COLOUR,
    COUNT,
    DECORATION,
    DIRECTION,
    JUSTIFY,
    LENGTH,
    LINE_HEIGHT,
    LINE_STYLE,
    PADDINGS,
    PIXELS,
    SIZE,
    SIZES,
    SLANT,
    SPACING,
    VERTICAL,
    WEIGHT,
    Kind,
    either,
    words,
)


class Content(StrEnum):
    """What may stand in an element."""

    ELEMENTS = "elements"
    HTML = "html"
    TEXT = "text"
    CSS = "css"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Element:
    """One element.

    Attributes:
        parents: elements it may stand in; none: it is the outermost one.
        content: what may stand in it.
        attributes: what it takes, by name.
        ignored: those among them that the compiler makes nothing of.
    """

    parents: frozenset[str]
    content: Content
    attributes: Mapping[str, Kind]
    ignored: frozenset[str] = frozenset()


_SIDES = ("top", "right", "bottom", "left")


def _around(name: str, kind: Kind, one: Kind) -> dict[str, Kind]:
    return {name: kind, **{f"{name}-{side}": one for side in _SIDES}}


_COMMON: dict[str, Kind] = {"css-class": ANY, "mj-class": ANY}
_PADDING = _around("padding", PADDINGS, SIZE)
_BORDER = {**_around("border", BORDER, BORDER), "border-radius": SIZES}
_BACKGROUND = {
    "background-color": COLOUR,
    **dict.fromkeys(("background-url", "background-size", "background-position"), ANY),
    **dict.fromkeys(("background-position-x", "background-position-y"), ANY),
    "background-repeat": words("repeat", "no-repeat"),
}
_FONT = {"font-family": ANY, "font-size": PIXELS, "font-style": SLANT, "font-weight": WEIGHT}
_WORDS = {
    **_FONT,
    "color": COLOUR,
    "letter-spacing": SPACING,
    "line-height": LINE_HEIGHT,
    "text-decoration": DECORATION,
    "text-transform": CASE,
}
_LINK: dict[str, Kind] = dict.fromkeys(("href", "name", "rel", "target", "title"), ANY)
_GROUND = {"container-background-color": COLOUR}
_SECTION = {
    **_COMMON,
    **_BACKGROUND,
    **_BORDER,
    **_PADDING,
    "direction": DIRECTION,
    "full-width": words("full-width"),
    "text-align": ALIGN,
}
_FOLD_ICON = {
    **dict.fromkeys(("icon-height", "icon-width"), SIZE),
    **dict.fromkeys(("icon-unwrapped-alt", "icon-unwrapped-url", "icon-wrapped-alt", "icon-wrapped-url"), ANY),
    "icon-align": VERTICAL,
    "icon-position": words("left", "right"),
}
_SOCIAL = {
    **dict.fromkeys(("icon-height", "icon-size"), SIZE),
    **dict.fromkeys(("icon-padding", "text-padding"), SIZES),
    "border-radius": SIZE,
    **{name: kind for name, kind in _WORDS.items() if name not in {"letter-spacing", "text-transform"}},
}
_HEAD, _IN_COLUMN = frozenset({"mj-head"}), frozenset({"mj-column", "mj-hero"})
_ROWS = frozenset({"mj-body", "mj-wrapper"})

#: Elements of the body: their defaults may stand in ``mj-attributes``.
_BODY: dict[str, Element] = {
    "mj-wrapper": Element(frozenset({"mj-body"}), Content.ELEMENTS, {**_SECTION, "gap": PIXELS}, frozenset({"gap"})),
    "mj-section": Element(_ROWS, Content.ELEMENTS, _SECTION),
    "mj-hero": Element(
        _ROWS,
        Content.ELEMENTS,
        {
            **_COMMON,
            **_PADDING,
            **dict.fromkeys(("background-url", "background-position"), ANY),
            **dict.fromkeys(("background-height", "background-width", "height", "width"), PIXELS),
            "background-color": COLOUR,
            "inner-background-color": COLOUR,
            **_GROUND,
            "border-radius": SIZES,
            "mode": words("fluid-height", "fixed-height"),
            "vertical-align": VERTICAL,
        },
        frozenset({"border-radius", "container-background-color", "mode"}),
    ),
    "mj-group": Element(
        frozenset({"mj-section"}),
        Content.ELEMENTS,
        {**_COMMON, "background-color": COLOUR, "direction": DIRECTION, "vertical-align": VERTICAL, "width": SIZE},
    ),
    "mj-column": Element(
        frozenset({"mj-section", "mj-group"}),
        Content.ELEMENTS,
        {
            **_COMMON,
            **_BORDER,
            **_PADDING,
            "background-color": COLOUR,
            "inner-background-color": COLOUR,
            **{f"inner-{name}": kind for name, kind in _BORDER.items()},
            "direction": DIRECTION,
            "vertical-align": VERTICAL,
            "width": SIZE,
        },
    ),
    "mj-text": Element(
        _IN_COLUMN, Content.HTML, {**_COMMON, **_GROUND, **_PADDING, **_WORDS, "align": JUSTIFY, "height": SIZE}
    ),
    "mj-table": Element(
        _IN_COLUMN,
        Content.HTML,
        {
            **_COMMON,
            **_GROUND,
            **_PADDING,
            "align": ALIGN,
            "border": BORDER,
            "cellpadding": COUNT,
            "cellspacing": COUNT,
            "color": COLOUR,
            "font-family": ANY,
            "font-size": PIXELS,
            "line-height": LINE_HEIGHT,
            "role": words("none", "presentation"),
            "table-layout": words("auto", "fixed", "initial", "inherit"),
            "width": LENGTH,
        },
        frozenset({"role"}),
    ),
    "mj-image": Element(
        _IN_COLUMN,
        Content.NOTHING,
        {
            **_COMMON,
            **_BORDER,
            **_GROUND,
            **_LINK,
            **_PADDING,
            **dict.fromkeys(("alt", "sizes", "src", "srcset", "usemap"), ANY),
            "align": ALIGN,
            "fluid-on-mobile": words("true", "false"),
            "font-size": PIXELS,
            "height": LENGTH,
            "max-height": SIZE,
            "width": PIXELS,
        },
        frozenset({"sizes", *(f"border-{side}" for side in _SIDES)}),
    ),
    "mj-button": Element(
        _IN_COLUMN,
        Content.HTML,
        {
            **_COMMON,
            **_BORDER,
            **_GROUND,
            **_LINK,
            **_PADDING,
            **_WORDS,
            "align": ALIGN,
            "background-color": COLOUR,
            "height": SIZE,
            "inner-padding": SIZES,
            "text-align": ALIGN,
            "vertical-align": VERTICAL,
            "width": SIZE,
        },
        frozenset({"title"}),
    ),
    "mj-divider": Element(
        _IN_COLUMN,
        Content.NOTHING,
        {
            **_COMMON,
            **_GROUND,
            **_PADDING,
            "align": ALIGN,
            "border-color": COLOUR,
            "border-style": LINE_STYLE,
            "border-width": PIXELS,
            "width": SIZE,
        },
    ),
    "mj-spacer": Element(_IN_COLUMN, Content.NOTHING, {**_COMMON, **_GROUND, **_PADDING, "height": PIXELS}),
    "mj-accordion": Element(
        _IN_COLUMN,
        Content.ELEMENTS,
        {**_COMMON, **_GROUND, **_PADDING, **_FOLD_ICON, "border": BORDER, "font-family": ANY},
    ),
    "mj-accordion-element": Element(
        frozenset({"mj-accordion"}),
        Content.ELEMENTS,
        {**_COMMON, **_FOLD_ICON, "background-color": COLOUR, "border": BORDER, "font-family": ANY},
    ),
    "mj-accordion-title": Element(
        frozenset({"mj-accordion-element"}),
        Content.HTML,
        {
            **_COMMON,
            **_PADDING,
            "background-color": COLOUR,
            "color": COLOUR,
            "font-family": ANY,
            "font-size": PIXELS,
            "font-weight": WEIGHT,
        },
        frozenset({"font-weight"}),
    ),
    "mj-accordion-text": Element(
        frozenset({"mj-accordion-element"}),
        Content.HTML,
        {
            **_COMMON,
            **_PADDING,
            "background-color": COLOUR,
            "color": COLOUR,
            "font-family": ANY,
            "font-size": PIXELS,
            "font-weight": WEIGHT,
            "letter-spacing": SPACING,
            "line-height": LINE_HEIGHT,
        },
    ),
    "mj-carousel": Element(
        _IN_COLUMN,
        Content.ELEMENTS,
        {
            **_COMMON,
            **_GROUND,
            **_PADDING,
            "align": ALIGN,
            "border-radius": SIZE,
            "icon-width": SIZE,
            "left-icon": ANY,
            "right-icon": ANY,
            "tb-border": BORDER,
            "tb-border-radius": SIZE,
            "tb-hover-border-color": COLOUR,
            "tb-selected-border-color": COLOUR,
            "tb-width": SIZE,
            "thumbnails": words("visible", "hidden"),
        },
    ),
    "mj-carousel-image": Element(
        frozenset({"mj-carousel"}),
        Content.NOTHING,
        {
            **_COMMON,
            **dict.fromkeys(("alt", "href", "rel", "src", "target", "thumbnails-src", "title"), ANY),
            "border-radius": SIZE,
            "tb-border": BORDER,
            "tb-border-radius": SIZE,
        },
    ),
    "mj-navbar": Element(
        _IN_COLUMN,
        Content.ELEMENTS,
        {
            **_COMMON,
            **_PADDING,
            **_around("ico-padding", SIZES, SIZE),
            **dict.fromkeys(("base-url", "ico-close", "ico-font-family", "ico-open"), ANY),
            "align": ALIGN,
            "hamburger": words("hamburger"),
            "ico-align": ALIGN,
            "ico-color": COLOUR,
            "ico-font-size": PIXELS,
            "ico-line-height": LINE_HEIGHT,
            "ico-text-decoration": DECORATION,
            "ico-text-transform": CASE,
        },
    ),
    "mj-navbar-link": Element(
        frozenset({"mj-navbar"}),
        Content.HTML,
        {**_COMMON, **_PADDING, **_WORDS, **dict.fromkeys(("href", "name", "rel", "target"), ANY)},
    ),
    "mj-social": Element(
        _IN_COLUMN,
        Content.ELEMENTS,
        {
            **_COMMON,
            **_GROUND,
            **_PADDING,
            **_SOCIAL,
            "align": ALIGN,
            "inner-padding": SIZES,
            "mode": words("horizontal", "vertical"),
            "table-layout": words("auto", "fixed"),
        },
        frozenset({"table-layout"}),
    ),
    "mj-social-element": Element(
        frozenset({"mj-social"}),
        Content.HTML,
        {
            **_COMMON,
            **_PADDING,
            **_SOCIAL,
            **_LINK,
            **dict.fromkeys(("alt", "sizes", "src", "srcset"), ANY),
            "align": ALIGN,
            "background-color": COLOUR,
            "icon-position": words("left", "right"),
            "vertical-align": VERTICAL,
        },
        frozenset({"icon-position", "sizes", "srcset"}),
    ),
}
_EVERYWHERE: dict[str, Kind] = {}
for _element in _BODY.values():
    for _name, _kind in _element.attributes.items():
        _EVERYWHERE[_name] = either(_EVERYWHERE.get(_name, _kind), _kind)
_DEFAULTS = frozenset({"mj-attributes"})

ELEMENTS: Mapping[str, Element] = {
    "mjml": Element(frozenset(), Content.ELEMENTS, {"dir": DIRECTION, "lang": ANY, "owa": ANY}, frozenset({"owa"})),
    "mj-head": Element(frozenset({"mjml"}), Content.ELEMENTS, {}),
    "mj-body": Element(
        frozenset({"mjml"}), Content.ELEMENTS, {"background-color": COLOUR, "css-class": ANY, "mj-class": ANY, "width": PIXELS}
    ),
    "mj-title": Element(_HEAD, Content.TEXT, {}),
    "mj-preview": Element(_HEAD, Content.TEXT, {}),
    "mj-style": Element(_HEAD, Content.CSS, {"inline": words("inline")}),
    "mj-breakpoint": Element(_HEAD, Content.NOTHING, {"width": PIXELS}),
    "mj-attributes": Element(_HEAD, Content.ELEMENTS, {}),
    "mj-all": Element(_DEFAULTS, Content.NOTHING, _EVERYWHERE),
    "mj-class": Element(_DEFAULTS, Content.NOTHING, {**_EVERYWHERE, "name": ANY}),
    "mj-raw": Element(
        frozenset({"mj-head", "mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero"}),
        Content.HTML,
        {"position": words("file-start")},
        frozenset({"position"}),
    ),
    **_BODY,
}

#: Elements of MJML that are no use here, and what to do instead.
REFUSED: Mapping[str, str] = {
    "mj-font": "it would load a font from a public server, which then knows who reads; name fonts that systems have",
    "mj-html-attributes": "the compiler does not know it; write the HTML into an <mj-raw> or <mj-text>",
    "mj-selector": "the compiler does not know it",
    "mj-html-attribute": "the compiler does not know it",
}


def may_stand_in(name: str, parent: str) -> bool:
    """Whether an element does something in another one; ``parent`` is ``""`` outside of all."""
    if parent == "mj-attributes" and name in _BODY:
        return True
    return parent in ELEMENTS[name].parents if parent else not ELEMENTS[name].parents


def place_of(name: str) -> str:
    """Say where an element may stand: ``in <mj-section> or <mj-group>``."""
    parents = sorted(ELEMENTS[name].parents)
    return f"in {' or '.join(f'<{parent}>' for parent in parents)}" if parents else "outermost"
