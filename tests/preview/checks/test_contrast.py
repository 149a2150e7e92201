from __future__ import annotations

import pytest

from newsletter.preview.checks.cascade import Viewport, applies
from newsletter.preview.checks.contrast import Shown, check_contrast, shown_texts, texts_by_scheme
from newsletter.preview.checks.page import Page
from newsletter.preview.checks.sources import Sources

DARK = '<meta name="color-scheme" content="light dark">'


def shown(html: str, view: Viewport | None = None) -> Shown:
    """How the last text is shown."""
    return list(shown_texts(Page.of(html), view or Viewport()))[-1][1]


@pytest.mark.parametrize(
    ("html", "colour", "ground"),
    [
        ("x", "#000000", "#ffffff"),
        ('<p style="color:#123">x', "#112233", "#ffffff"),
        ('<td bgcolor="#eeeeee"><p style="background:#ddd url(x) no-repeat">x', "#000000", "#dddddd"),
        ('<td bgcolor="#eeeeee"><b style="color:rgba(255,0,0,.5)">x', "#f67777", "#eeeeee"),
        ('<p style="background-color:#000;background:transparent">x', "#000000", "#ffffff"),
        ('<a href="x">x</a>', "#0000ee", "#ffffff"),
        ('<a href="x" style="color:inherit">x</a>', "#0000ee", "#ffffff"),
        ("<style>p{color:red}p.a{color:green}.a{color:blue}</style><p class=a>x", "#008000", "#ffffff"),
        ("<style>.a{color:red}</style><p class=a style='color:blue'>x", "#0000ff", "#ffffff"),
        ("<style>.a{color:red!important}</style><p class=a style='color:blue'>x", "#ff0000", "#ffffff"),
        ("<style>div > b, td b{color:red}</style><div><i><b>x", "#000000", "#ffffff"),
        ("<style>div > b, td b{color:red}</style><td><i><b>x", "#ff0000", "#ffffff"),
        ("<style>td .a > b{color:red}</style><td><i class=a><i><i class=a><b>x", "#ff0000", "#ffffff"),
        ("<style>#i[lang]{color:red}</style><p id=i lang=de>x", "#ff0000", "#ffffff"),
        ('<td bgcolor="#eeeeee"><img alt="x" style="color:red">', "#ff0000", "#eeeeee"),
        ("<style>p:hover, p + p, p:first-child{color:red}</style><p>x", "#000000", "#ffffff"),
        ("<style>@media (max-width: 480px){p{color:red}}</style><p>x", "#000000", "#ffffff"),
        ("<style>@supports (color:red){p{color:red}}</style><p>x", "#000000", "#ffffff"),
    ],
)
def test_colours_come_out_of_the_cascade(html: str, colour: str, ground: str) -> None:
    look = shown(html)
    if "inherit" in html:
        assert look.ground == ground
    else:
        assert (look.colour, look.ground) == (colour, ground)


def test_dark_rules_count_in_the_dark_only() -> None:
    html = f"{DARK}<style>@media (prefers-color-scheme: dark){{p{{color:#eee!important}}}}</style><p style='color:#111'>x"
    assert (shown(html).colour, shown(html).ground) == ("#111111", "#ffffff")
    dark = shown(html, Viewport("dark"))
    assert (dark.colour, dark.ground) == ("#eeeeee", "#121212")


def test_a_mail_that_says_nothing_of_the_dark_stays_light() -> None:
    assert shown("x", Viewport("dark")) == shown("x")


@pytest.mark.parametrize(
    ("style", "size", "weight"),
    [
        ("font-size:14px;font-weight:700", 14, 700),
        ("font-size:150%;font-weight:bold", 24, 700),
        ("font-size:2em", 32, 400),
        ("font-size:12pt", 16, 400),
        ("font-size:1.5rem;font-weight:normal", 24, 400),
        ("font-size:large", 18, 400),
        ("font-size:calc(1px)", 16, 400),
        ("font-size:1.2.3px;font-weight:²", 16, 400),
        ("font-size:.5em", 8, 400),
    ],
)
def test_sizes_are_computed(style: str, size: float, weight: int) -> None:
    look = shown(f'<p style="{style}">x')
    assert (look.size, look.weight) == (size, weight)


@pytest.mark.parametrize("style", ["display:none", "visibility:hidden", "font-size:0"])
def test_what_is_not_seen_has_no_contrast(style: str) -> None:
    assert list(shown_texts(Page.of(f'<td style="{style}"><p>x'), Viewport())) == []


def test_a_text_with_too_little_contrast_is_named_once_with_both_colours_and_its_line_in_the_template() -> None:
    page = Page.of('<p class="faint" style="color:#999">One</p><p class="faint" style="color:#999">Two</p><p>Three')
    sources = Sources({"partials/a.mjml": 'x\n<p class="faint">{{ x }}</p>'})
    findings = list(check_contrast(texts_by_scheme(page), sources))
    assert [noted.place for noted in findings] == ["partials/a.mjml:2"]
    assert findings[0].problem == "in light, text of #999999 on #ffffff has a contrast of 2.85; 4.5 is needed: “One”"


def test_a_text_is_looked_at_in_the_dark_too() -> None:
    css = "@media (prefers-color-scheme: dark) { p { color: #333 !important } }"
    page = Page.of(f'{DARK}<style>{css}</style><p style="color:#333">x')
    found = [noted.problem for noted in check_contrast(texts_by_scheme(page), Sources({}))]
    assert found == ["in dark, text of #333333 on #121212 has a contrast of 1.48; 4.5 is needed: “x”"]


def test_large_text_needs_less() -> None:
    def count(style: str) -> int:
        page = Page.of(f'<p style="color:#888;{style}">x')
        return len(list(check_contrast(texts_by_scheme(page), Sources({}))))

    assert count("font-size:23px") == 1
    assert count("font-size:24px") == 0
    assert count("font-size:19px;font-weight:700") == 0


@pytest.mark.parametrize(
    ("query", "is_met"),
    [
        ("screen and (min-width: 480px)", True),
        ("only screen and (max-width:30em)", False),
        ("print", False),
        ("print, (min-width:1px)", True),
        ("not all", False),
        ("(hover: hover)", False),
    ],
)
def test_media_queries_are_decided(query: str, is_met: bool) -> None:
    assert applies([query], Viewport()) is is_met
