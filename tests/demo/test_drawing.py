"""What the demo draws: the same every time, another figure for every paper, and small when it is made."""

from __future__ import annotations

import io
import statistics
import time

from PIL import Image, ImageStat

from newsletter.demo.drawing import HEIGHT, WIDTH, draw_figure
from newsletter.pictures.making import make_pictures
from newsletter.pictures.model import LARGE_WIDTH, MOST_BYTES

KEYS = [f"arxiv:2608.{number:05}" for number in range(24)]


def test_a_figure_is_the_same_every_time_and_differs_from_paper_to_paper() -> None:
    figures = {draw_figure(key) for key in KEYS}
    assert len(figures) == len(KEYS)
    assert draw_figure(KEYS[0]) in figures


def test_a_figure_is_as_large_as_a_lead_shows_it_and_is_packed_without_losing_width() -> None:
    assert WIDTH == 2 * LARGE_WIDTH
    for key in KEYS:
        made = make_pictures(draw_figure(key)).large
        assert (made.picture.width, made.picture.height) == (WIDTH, HEIGHT)
        assert len(made.content) < MOST_BYTES


def test_figures_are_calm_and_dark_enough_for_both_schemes() -> None:
    for key in KEYS:
        [brightness] = ImageStat.Stat(Image.open(io.BytesIO(draw_figure(key))).convert("L")).mean
        assert 40 < brightness < 140


def test_a_figure_is_drawn_in_no_time() -> None:
    spent = []
    for key in KEYS:
        began = time.process_time()
        draw_figure(key)
        spent.append(time.process_time() - began)
    assert statistics.median(spent) < 0.05
