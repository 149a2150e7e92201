from __future__ import annotations

import pytest

from newsletter.preview.checks.access import check_access
from newsletter.preview.checks.contrast import texts_by_scheme
from newsletter.preview.checks.page import Page
from newsletter.preview.checks.plain import check_text, columns
from newsletter.preview.checks.sources import Sources

HEAD = '<html lang="en" dir="ltr"><title>A mail</title><h1>Name</h1>'


def rules(html: str) -> list[str]:
    page = Page.of(html)
    return [noted.rule for noted in check_access(page, texts_by_scheme(page)["light"], Sources({}))]


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("", []),
        ("<h2>Paper</h2><h3>Part</h3><h2>Paper</h2>", []),
        ("<h3>Paper</h3>", ["heading-order"]),
        ("<h1>Another</h1>", ["one-h1"]),
        ('<h1 style="display: none">Another</h1>', []),
        ('<img src="x">', ["img-alt"]),
        ('<img src="x" alt="">', []),
        ("<table><tr><td>x</table>", ["layout-table"]),
        ('<table role="presentation"><tr><td>x</table>', []),
        ("<table><tr><th>x<td>y</table>", []),
        ('<table><tr><td><table role="none"><tr><th>x</table></table>', ["layout-table"]),
        ('<a href="x">More</a>', ["link-vague"]),
        ('<a href="x" aria-label="More like this">more</a>', []),
        ("<a>more</a>", []),
        ('<p style="font-size:11px">x</p><p style="font-size:11px">y</p>', ["small-text"]),
        ('<p style="font-size:0">x</p>', []),
    ],
)
def test_what_keeps_somebody_from_reading_is_found(html: str, found: list[str]) -> None:
    assert rules(HEAD + html) == found


def test_a_document_has_a_language_a_direction_a_title_and_a_first_heading() -> None:
    assert rules("<html><title> </title>") == ["lang", "dir", "title", "one-h1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A line\n", []),
        ("x" * 73, ["text-width"]),
        ("模" * 37, ["text-width"]),
        (f"https://example.org/{'x' * 80}", []),
        ("Fish &amp; chips", ["text-markup"]),
        ("a <b>word</b>", ["text-markup"]),
        ("n < 3 & m > 4", []),
    ],
)
def test_a_text_part_is_written_for_a_terminal(text: str, found: list[str]) -> None:
    assert [noted.rule for noted in check_text(text)] == found


def test_a_terminal_has_two_columns_for_some_characters_and_none_for_others() -> None:
    assert [columns(text) for text in ("a模", "e\u0301", "\u200e+5")] == [3, 1, 2]
