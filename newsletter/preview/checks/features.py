"""Which of caniemail's features is used where: its name for each, and the signs of it in a mail (:mod:`.usage` finds them).

A sign is a kind and a name: ``property:border-radius``, ``keyword:display:flex``, ``element:img``, ``attribute:role``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_SIDES = ("top", "right", "bottom", "left")
_BLOCK = ("block", "block-start", "block-end", "inline", "inline-start", "inline-end")
_CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")


def _properties(*names: str) -> tuple[str, ...]:
    return tuple(f"property:{name}" for name in names)


def _each(kind: str, names: Iterable[str], before: str) -> dict[str, tuple[str, ...]]:
    """Features that are called like their only sign, with ``before`` in front."""
    return {f"{before}{name}": (f"{kind}:{name}",) for name in names}


#: CSS properties whose feature is called like them.
_PLAIN_PROPERTIES = (
    *("accent-color", "align-items", "aspect-ratio", "backdrop-filter", "background-blend-mode", "background-clip"),
    *("background-color", "background-image", "background-origin", "background-position", "background-repeat"),
    *("background-size", "background", "border-collapse", "border-image", "border-spacing", "box-shadow", "box-sizing"),
    *("caption-side", "clear", "clip-path", "color-scheme", "column-count", "cursor", "direction", "display", "empty-cells"),
    *("filter", "flex-direction", "flex-wrap", "float", "font-kerning", "font-size-adjust", "font-size", "font-stretch"),
    *("font-weight", "font", "gap", "height", "hyphenate-character", "hyphenate-limit-chars", "hyphens", "inline-size"),
    *("inset", "justify-content", "letter-spacing", "line-height", "list-style-image", "list-style-position"),
    *("list-style-type", "list-style", "mask-image", "max-block-size", "max-height", "max-inline-size", "max-width"),
    *("min-block-size", "min-height", "min-inline-size", "min-width", "mix-blend-mode", "object-fit", "object-position"),
    *("opacity", "orphans", "outline-offset", "overflow-wrap", "position", "resize", "shape-margin", "shape-outside"),
    *("tab-size", "table-layout", "text-align-last", "text-align", "text-decoration-color", "text-decoration-line"),
    *("text-decoration-skip-ink", "text-decoration-style", "text-decoration-thickness", "text-decoration"),
    *("text-emphasis-position", "text-indent", "text-justify", "text-orientation", "text-overflow", "text-shadow"),
    *("text-transform", "text-underline-offset", "text-underline-position", "text-wrap", "transform", "user-select"),
    *("vertical-align", "visibility", "white-space-collapse", "white-space", "widows", "width", "word-break", "word-spacing"),
    *("word-wrap", "writing-mode", "z-index"),
)
_PSEUDO_CLASSES = (
    *("active", "checked", "default", "first-child", "first-of-type", "focus-visible", "focus-within", "focus", "has", "hover"),
    *("lang", "last-child", "last-of-type", "link", "not", "nth-child", "nth-last-child", "nth-last-of-type", "nth-of-type"),
    *("only-child", "only-of-type", "target", "visited"),
)
_ELEMENTS = (
    *(
        "abbr",
        "acronym",
        "address",
        "audio",
        "base",
        "bdi",
        "blockquote",
        "body",
        "code",
        "del",
        "dfn",
        "dialog",
        "div",
        "form",
    ),
    *("hr", "img", "link", "marquee", "meter", "object", "p", "picture", "pre", "progress", "rp", "rt", "ruby", "select"),
    *("small", "span", "strike", "strong", "style", "svg", "table", "textarea", "video", "wbr"),
)
_ATTRIBUTES = (
    *("align", "aria-describedby", "aria-hidden", "aria-label", "aria-labelledby", "aria-live", "background", "cellpadding"),
    *("cellspacing", "dir", "height", "hidden", "lang", "popover", "required", "role", "srcset", "target", "valign", "width"),
)
_SELECTORS = (
    *("adjacent-sibling", "attribute", "chaining", "child", "class", "descendant", "general-sibling", "grouping", "id", "type"),
    "universal",
)
_UNITS = ("ch", "cm", "em", "ex", "in", "mm", "pc", "pt", "px", "rem", "vh", "vmax", "vmin", "vw")
_IMAGES = ("apng", "avif", "base64", "bmp", "gif", "heif", "ico", "jpg", "mp4", "png", "svg", "tiff", "webp")

#: The signs of each feature, by caniemail's name for it.
FEATURES: Mapping[str, tuple[str, ...]] = {
    **_each("property", _PLAIN_PROPERTIES, "css-"),
    **_each("pseudo-class ", _PSEUDO_CLASSES, "css-pseudo-class-"),
    **_each(
        "pseudo-element", ("after", "before", "first-letter", "first-line", "marker", "placeholder"), "css-pseudo-element-"
    ),
    **_each("selector", _SELECTORS, "css-selector-"),
    **_each("unit", _UNITS, "css-unit-"),
    **_each("function", ("clamp", "light-dark", "max", "min"), "css-function-"),
    **_each("function", ("linear-gradient", "radial-gradient", "conic-gradient", "rgb", "rgba"), "css-"),
    **_each("at", ("font-face", "import", "keyframes", "media", "supports"), "css-at-"),
    **_each("media", ("hover", "orientation", "prefers-color-scheme", "prefers-reduced-motion"), "css-at-media-"),
    **_each("element", _ELEMENTS, "html-"),
    **_each("attribute", _ATTRIBUTES, "html-"),
    **_each("image", _IMAGES, "image-"),
    "css-animation": _properties(
        *("animation", "animation-name", "animation-duration", "animation-delay", "animation-iteration-count"),
        *("animation-timing-function", "animation-direction", "animation-fill-mode", "animation-play-state"),
    ),
    "css-at-media-device-pixel-ratio": ("media:-webkit-min-device-pixel-ratio", "media:-webkit-max-device-pixel-ratio"),
    "css-block-inline-size": _properties("block-size", "inline-size"),
    "css-border": _properties(
        *("border", "border-width", "border-style", "border-color"),
        *(f"border-{side}{part}" for side in _SIDES for part in ("", "-width", "-style", "-color")),
    ),
    "css-border-inline-block": _properties("border-inline", "border-block"),
    "css-border-inline-block-individual": _properties(
        *("border-inline-start", "border-inline-end", "border-block-start", "border-block-end"),
    ),
    "css-border-inline-block-longhand": _properties(
        *(f"border-{side}-{part}" for side in _BLOCK for part in ("width", "style", "color")),
    ),
    "css-border-radius": _properties("border-radius", *(f"border-{corner}-radius" for corner in _CORNERS)),
    "css-border-radius-logical": _properties(
        *("border-start-start-radius", "border-start-end-radius", "border-end-start-radius", "border-end-end-radius"),
    ),
    "css-column-layout-properties": _properties(
        *("columns", "column-width", "column-gap", "column-fill", "column-span", "break-inside"),
        *("column-rule", "column-rule-color", "column-rule-style", "column-rule-width"),
    ),
    "css-comments": ("css-comment:",),
    "css-display-flex": ("keyword:display:flex", "keyword:display:inline-flex"),
    "css-display-grid": ("keyword:display:grid", "keyword:display:inline-grid"),
    "css-display-none": ("keyword:display:none",),
    "css-grid-template": _properties(
        *("grid-template", "grid-template-areas", "grid-template-columns", "grid-template-rows", "grid-area"),
    ),
    "css-important": ("important:",),
    "css-inert-attribute": ("attribute:inert",),
    "css-intrinsic-size": ("keyword::min-content", "keyword::max-content", "keyword::fit-content", "function:fit-content"),
    "css-left-right-top-bottom": _properties(*_SIDES),
    "css-margin": _properties("margin", *(f"margin-{side}" for side in _SIDES)),
    "css-margin-block-start-end": _properties("margin-block-start", "margin-block-end"),
    "css-margin-inline-block": _properties("margin-inline", "margin-block"),
    "css-margin-inline-start-end": _properties("margin-inline-start", "margin-inline-end"),
    "css-modern-color": tuple(f"function:{name}" for name in ("color", "hwb", "lab", "lch", "oklab", "oklch", "color-mix")),
    "css-nesting": ("nesting:",),
    "css-outline": _properties("outline", "outline-color", "outline-style", "outline-width"),
    "css-overflow": _properties("overflow", "overflow-x", "overflow-y"),
    "css-padding": _properties("padding", *(f"padding-{side}" for side in _SIDES)),
    "css-padding-block-start-end": _properties("padding-block-start", "padding-block-end"),
    "css-padding-inline-block": _properties("padding-inline", "padding-block"),
    "css-padding-inline-start-end": _properties("padding-inline-start", "padding-inline-end"),
    "css-scroll-snap": _properties("scroll-snap-type", "scroll-snap-align", "scroll-snap-stop"),
    "css-sytem-ui": ("keyword:font-family:system-ui", "keyword:font:system-ui"),
    "css-text-emphasis": _properties("text-emphasis", "text-emphasis-color", "text-emphasis-style"),
    "css-transition": _properties(
        *("transition", "transition-property", "transition-duration", "transition-delay", "transition-timing-function"),
    ),
    "css-unit-calc": ("function:calc",),
    "css-unit-initial": ("keyword::initial",),
    "css-unit-percent": ("unit:%",),
    "css-variables": ("function:var", "variable:"),
    "html-anchor-links": ("link:#",),
    "html-button-reset": ("button:reset",),
    "html-button-submit": ("button:submit",),
    "html-comments": ("comment:",),
    "html-doctype": ("doctype:",),
    "html-h1-h6": tuple(f"element:h{level}" for level in range(1, 7)),
    "html-image-maps": ("element:map", "element:area", "attribute:usemap"),
    **{f"html-input-{kind}": (f"input:{kind}",) for kind in ("checkbox", "hidden", "radio", "reset", "submit", "text")},
    "html-lists": ("element:ul", "element:ol", "element:li", "element:dl"),
    "html-loading-attribute": ("attribute:loading",),
    "html-mailto-links": ("link:mailto",),
    "html-meta-color-scheme": ("meta:color-scheme",),
    "html-semantics": tuple(
        f"element:{name}"
        for name in (
            "article",
            "aside",
            "details",
            "figcaption",
            "figure",
            "footer",
            "header",
            "main",
            "nav",
            "section",
            "time",
        )
    ),
}
#: The feature of each sign.
FEATURE_OF: Mapping[str, tuple[str, ...]] = {
    sign: tuple(slug for slug, signs in FEATURES.items() if sign in signs)
    for sign in dict.fromkeys(sign for signs in FEATURES.values() for sign in signs)
}
#: Kinds of signs that are listed although no feature has them.
LISTED = {
    "property": "CSS property ",
    "at": "CSS rule @",
    "media": "media query ",
    "function": "CSS function ",
    "pseudo-class": "pseudo-class ",
    "pseudo-element": "pseudo-element ",
    "unit": "CSS unit ",
}
