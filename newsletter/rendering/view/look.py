"""How a newsletter's mails look, as far as its configuration says so: colours that can be read, and its logo. Pure."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

from newsletter.config import LookConfig

#: Grounds that text stands on, of the packaged themes: the sheet and the boxes on it.
LIGHT_GROUNDS = ("#ffffff", "#f3efe6")
DARK_GROUNDS = ("#1d1d1b", "#2a2926")
#: The house's own accents, made by eye for light and dark; any other is made lighter by rule.
_DARK_OF = {"#b4431f": "#f08a5d"}
#: Least contrast of text (WCAG 2.2, success criterion 1.4.3).
LEAST_CONTRAST = 4.5


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as a template shows it.

    ``src`` is where it comes from: our own address, or ``cid:`` of a part of the message. ``width`` and ``height`` are the
    shown ones in CSS pixels; the picture itself has twice as many.
    """

    src: str
    width: int
    height: int
    alt: str


class Sides:
    """Where lines begin and end in what is written in ``direction`` (``ltr`` or ``rtl``)."""

    __slots__ = ()
    direction: str

    @property
    def start(self) -> str:
        """The side that lines begin at: ``left`` or ``right``."""
        return "right" if self.direction == "rtl" else "left"

    @property
    def end(self) -> str:
        """The side that lines end at."""
        return "left" if self.direction == "rtl" else "right"


@dataclass(frozen=True, slots=True)
class Look:
    """The look of a newsletter.

    Attributes:
        theme: its name.
        accent, accent_dark: the brand colour, as near as can be read on light and on dark grounds.
        on_accent, on_accent_dark: colour of text on a ground of that.
        logo: for the masthead, or None.
    """

    theme: str
    accent: str
    accent_dark: str
    on_accent: str
    on_accent_dark: str
    logo: Image | None = None


def look_of(config: LookConfig, logo: Image | None = None) -> Look:
    """Decide the look of a newsletter."""
    accent = readable_on(config.accent, LIGHT_GROUNDS)
    accent_dark = readable_on(config.accent_dark or _DARK_OF.get(config.accent, config.accent), DARK_GROUNDS)
    return Look(config.theme, accent, accent_dark, _ink_on(accent), _ink_on(accent_dark), logo)


def readable_on(colour: str, grounds: tuple[str, ...]) -> str:
    """Return ``colour``, made darker or lighter until its contrast with all ``grounds`` is at least 4.5.

    All colours are of the form ``#rrggbb``.
    """
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    step = -0.01 if luminance(grounds[0]) > 0.5 else 0.01
    found = colour
    while min(contrast(found, ground) for ground in grounds) < LEAST_CONTRAST:
        lightness = min(1.0, max(0.0, lightness + step))
        found = "#" + "".join(f"{round(part * 255):02x}" for part in colorsys.hls_to_rgb(hue, lightness, saturation))
    return found


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return how light ``#rrggbb`` is, 0 to 1 (WCAG 2.2, "relative luminance")."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _ink_on(ground: str) -> str:
    return max(("#ffffff", "#1d1d1b"), key=lambda ink: contrast(ink, ground))
