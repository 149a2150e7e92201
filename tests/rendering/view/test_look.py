"""The brand colour stays itself where it can be read, and comes near itself where it cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from newsletter.config import LookConfig
from newsletter.rendering.view.look import DARK_GROUNDS, LEAST_CONTRAST, LIGHT_GROUNDS, contrast, look_of, readable_on

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


@given(COLOURS)
def test_any_colour_becomes_one_that_can_be_read(colour: str) -> None:
    for grounds in (LIGHT_GROUNDS, DARK_GROUNDS):
        made = readable_on(colour, grounds)
        assert min(contrast(made, ground) for ground in grounds) >= LEAST_CONTRAST


@given(COLOURS, COLOURS)
def test_words_on_the_colour_can_be_read_too(light: str, dark: str) -> None:
    look = look_of(LookConfig(accent=light, accent_dark=dark))
    assert contrast(look.on_accent, look.accent) >= LEAST_CONTRAST
    assert contrast(look.on_accent_dark, look.accent_dark) >= LEAST_CONTRAST


def test_a_colour_that_can_be_read_is_left_alone() -> None:
    look = look_of(LookConfig(accent="#1144aa", accent_dark="#88bbff"))
    assert (look.accent, look.accent_dark) == ("#1144aa", "#88bbff")


def test_without_a_dark_colour_the_light_one_is_made_lighter() -> None:
    look = look_of(LookConfig(accent="#1144aa", accent_dark=""))
    assert look.accent == "#1144aa"
    assert look.accent_dark != "#1144aa"


@pytest.mark.parametrize("colour", ["red", "#12345", "#12345g", "rgb(1,2,3)", ""])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValidationError, match="like #b4431f"):
        LookConfig(accent=colour)
