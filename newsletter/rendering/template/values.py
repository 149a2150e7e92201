"""What the value of an MJML attribute may be, as far as it stands in the template: sizes, colours and words from a list."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tinycss2.color4 import parse_color

_NUMBER = r"-?(?:\d+(?:\.\d+)?|\.\d+)"
_PIXELS = re.compile(rf"{_NUMBER}px|0")
_SIZE = re.compile(rf"{_NUMBER}(?:px|%)|0")
_SPACING = re.compile(rf"{_NUMBER}(?:px|em)|0|normal")
_LINE_HEIGHT = re.compile(rf"{_NUMBER}(?:px|%|em)?|normal")
_WEIGHT = re.compile(r"[1-9]00|normal|bold|bolder|lighter")
_COUNT = re.compile(r"\d+")
_LINES = frozenset({"none", "hidden", "dotted", "dashed", "solid", "double", "groove", "ridge", "inset", "outset"})


@dataclass(frozen=True, slots=True)
class Kind:
    """What an attribute takes: ``fits`` tells whether a value is of it, ``wanted`` says it in words."""

    wanted: str
    fits: Callable[[str], bool]


def words(*choices: str) -> Kind:
    """Return the kind of attributes that take one of these words."""
    return Kind(" or ".join(choices), frozenset(choices).__contains__)


def either(one: Kind, other: Kind) -> Kind:
    """Return the kind of attributes that take what either of two takes."""
    if other.wanted in one.wanted:
        return one
    return Kind(f"{one.wanted} or {other.wanted}", lambda value: one.fits(value) or other.fits(value))


def _matching(wanted: str, form: re.Pattern[str]) -> Kind:
    return Kind(wanted, lambda value: form.fullmatch(value) is not None)


def _is_colour(value: str) -> bool:
    return parse_color(value) is not None


def _are_sizes(value: str) -> bool:
    sizes = value.split()
    return 1 <= len(sizes) <= 4 and all(_SIZE.fullmatch(size) for size in sizes)


def _are_paddings(value: str) -> bool:
    return value == "0" or (_are_sizes(value) and "0" not in value.split())


def _is_border(value: str) -> bool:
    # A colour may be written with spaces: rgb(0, 0, 0).
    parts = re.sub(r"\([^()]*\)", lambda match: match[0].replace(" ", ""), value).split()
    return 1 <= len(parts) <= 3 and all(_PIXELS.fullmatch(part) or part in _LINES or _is_colour(part) for part in parts)


ANY = Kind("", lambda _value: True)
COLOUR = Kind("a colour such as #b4431f", _is_colour)
PIXELS = _matching("a size in pixels such as 24px", _PIXELS)
SIZE = _matching("a size such as 24px or 50%", _SIZE)
LENGTH = Kind("a size such as 24px or 50%, or auto", lambda value: value == "auto" or _SIZE.fullmatch(value) is not None)
SIZES = Kind("one to four sizes such as 12px 24px", _are_sizes)
#: The compiler takes a bare 0 among others for no number, and Outlook's columns become too wide.
PADDINGS = Kind("one to four sizes with their unit such as 12px 0px", _are_paddings)
SPACING = _matching("a size such as 1px or 0.05em", _SPACING)
LINE_HEIGHT = _matching("a size such as 24px, or a factor such as 1.5", _LINE_HEIGHT)
WEIGHT = _matching("bold, normal, or a number from 100 to 900", _WEIGHT)
COUNT = _matching("a whole number", _COUNT)
BORDER = Kind("a line such as 1px solid #e4e0d6, or none", _is_border)
LINE_STYLE = words("solid", "dashed", "dotted", "double", "none")
ALIGN = words("left", "center", "right")
JUSTIFY = words("left", "center", "right", "justify")
VERTICAL = words("top", "middle", "bottom")
DIRECTION = words("ltr", "rtl")
SLANT = words("normal", "italic", "oblique")
CASE = words("none", "uppercase", "lowercase", "capitalize")
DECORATION = words("none", "underline", "overline", "line-through")
