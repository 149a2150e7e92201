"""What becomes of a mail's HTML in clients that show less of it. Approximations, made to be looked at beside the mail itself.

What a screen reader says of it is in :mod:`newsletter.preview.checks.spoken`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from newsletter.preview.checks.css import Declaration, read_declarations, write_declarations
from newsletter.preview.checks.page import Kind, Token, start_tag, tokens

_SIZE = re.compile(r"\d{1,4}")
#: What a client heeds of a picture's style when it shows the words instead.
_OF_A_BOX = frozenset(
    {
        "background-color",
        "color",
        "display",
        "font-family",
        "font-size",
        "font-weight",
        "line-height",
        "margin",
        "vertical-align",
    }
)
_PIXELS = re.compile(r"(\d{1,4})(?:\.\d+)?px")


def without_pictures(html: str) -> str:
    """Return the mail as shown with pictures off: in place of each a box of its size with its alternative text."""
    return _rewritten(html, _no_picture)


def without_style_blocks(html: str) -> str:
    """Return the mail as Gmail shows it to accounts of other providers: no style sheet, no class, no id.

    Style attributes stay. So do pictures, and what a client adds of its own is not imitated.
    """
    return _rewritten(html, _no_style)


def _rewritten(html: str, change: Callable[[Token], str | None]) -> str:
    """Return HTML with each token as ``change`` wants it; None leaves it as it is."""
    pieces = []
    for token in tokens(html):
        changed = change(token)
        pieces.append(html[token.start : token.end] if changed is None else changed)
    return "".join(pieces)


def _no_picture(token: Token) -> str | None:
    if token.kind is not Kind.START:
        return None
    attributes = token.attributes
    declarations = read_declarations(attributes["style"]) if "style" in attributes else []
    if token.name == "img":
        return _box(attributes, declarations)
    if "background" not in attributes and not any(_shows_picture(each) for each in declarations):
        return None
    kept = {name: value for name, value in attributes.items() if name != "background"}
    if declarations:
        kept["style"] = write_declarations(each for each in declarations if not _shows_picture(each))
    return start_tag(token.name, kept)


def _shows_picture(declaration: Declaration) -> bool:
    return declaration.name in {"background", "background-image"} and "url(" in declaration.value


def _box(attributes: dict[str, str], declarations: list[Declaration]) -> str:
    """Return what stands for a picture: as wide and high as it, with its words in its own type."""
    kept = [each for each in declarations if each.name in _OF_A_BOX]
    width, height = (_side(name, attributes, declarations) for name in ("width", "height"))
    style = [
        *("display:inline-block", "box-sizing:border-box", "max-width:100%", "overflow:hidden", "padding:4px"),
        *("border:1px solid #888888", "text-align:start"),
        *([write_declarations(kept)] if kept else []),
        *([f"width:{width}px"] if width else []),
        *([f"height:{height}px"] if height else []),
    ]
    words = escape(attributes.get("alt", ""))
    return f'<span role="img" aria-label="{words}" style="{escape(";".join(style))}">{words}</span>'


def _side(name: str, attributes: dict[str, str], declarations: list[Declaration]) -> int:
    """Return the width or height of a picture in CSS pixels; 0 if it is not said in pixels."""
    for declaration in declarations:
        match = _PIXELS.fullmatch(declaration.value) if declaration.name == name else None
        if match is not None:
            return int(match[1])
    match = _SIZE.fullmatch(attributes.get(name, "").removesuffix("px"))
    return int(match[0]) if match else 0


def _no_style(token: Token) -> str | None:
    if token.kind is Kind.COMMENT or token.name in {"style", "link"}:
        return ""
    if token.kind is Kind.START and ({"class", "id"} & token.attributes.keys()):
        return start_tag(token.name, {name: value for name, value in token.attributes.items() if name not in {"class", "id"}})
    return None
