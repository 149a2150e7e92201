from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsletter.preview.checks.abilities import CLIENTS, Abilities, CompatibilityTable, Level, check_abilities
from newsletter.preview.checks.page import Page
from newsletter.preview.checks.usage import signs
from newsletter.preview.errors import AbilitiesError


def feature(slug: str, stats: dict[str, dict[str, dict[str, str]]], notes: dict[str, str] | None = None) -> dict[str, object]:
    url = f"https://www.example.org/{slug}"
    return {"slug": slug, "title": slug.upper(), "url": url, "stats": stats, "notes_by_num": notes, "tags": []}


DATA = {
    "last_update_date": "2026-06-29 16:42:09 +0000",
    "data": [
        feature("css-border-radius", {"outlook": {"windows": {"2016": "y", "2019": "n #1"}}}, {"1": "Use something else."}),
        feature("css-display-flex", {"gmail": {"ios": {"1": "y"}, "android": {"1": "a #2 #1"}}}, {"1": "One.", "2": "Two."}),
        feature("css-at-media", {"gmail": {"desktop-webmail": {"2024-01": "u"}}}),
        feature("html-img", {}),
    ],
}
FILES = {
    "digest.mjml": '<mj-section border-radius="3px">\n</mj-section>\n<mj-image src="x" />\n<img src="y" />',
    "partials/style.mjml": (
        "<mj-style>\n  .a { border-radius: 3px }\n  @media (max-width: 480px) { .a:hover { shine: 1vh } }\n</mj-style>"
    ),
}
HTML = (
    '<style>\n  @media (max-width: 480px) { .a:hover { shine: 1vh } }</style>\n<div style="border-radius:3px;display:flex">'
    '<img src="x" alt=""></div>'
)


@pytest.fixture
def table() -> CompatibilityTable:
    return check_abilities(HTML, FILES, Abilities.read(json.dumps(DATA).encode()))


def test_uses_have_their_places_in_the_templates_or_else_in_the_mail(table: CompatibilityTable) -> None:
    assert {use.slug: use.places for use in table.uses} == {
        "css-at-media": ("partials/style.mjml:3",),
        "css-border-radius": ("digest.mjml:1", "partials/style.mjml:2"),
        "css-display-flex": ('<div style="border-radius:3px;display:flex"> (HTML line 3)',),
        "html-img": ("digest.mjml:4",),
    }


def test_support_is_that_of_the_newest_version_and_of_the_weakest_platform(table: CompatibilityTable) -> None:
    media, radius, flex, img = table.uses
    assert (radius.support["outlook-windows"].level, radius.support["outlook-windows"].version) == (Level.NO, "2019")
    assert radius.notes == {1: "Use something else."}
    assert radius.unsupported_in() == ("outlook-windows",)
    assert (flex.support["gmail-app"].level, flex.support["gmail-app"].notes) == (Level.PARTLY, (1, 2))
    assert flex.unsupported_in() == ()
    assert media.support["gmail-web"].level is Level.UNKNOWN
    assert {each.level for each in img.support.values()} == {Level.UNKNOWN}


def test_what_the_data_does_not_know_is_listed(table: CompatibilityTable) -> None:
    assert {each.name: each.places for each in table.not_in_table} == {
        "CSS property display": ('<div style="border-radius:3px;display:flex"> (HTML line 3)',),
        "CSS property shine": ("partials/style.mjml:3",),
        "CSS unit px": ("digest.mjml:1", "partials/style.mjml:2", "partials/style.mjml:3"),
        "CSS unit vh": ("partials/style.mjml:3",),
        "pseudo-class hover": ("partials/style.mjml:3",),
    }


def test_the_table_is_plain_values(table: CompatibilityTable) -> None:
    plain = json.loads(json.dumps(table.to_json()))
    assert plain["updated_on"] == "2026-06-29"
    assert [client["key"] for client in plain["clients"]] == [client.key for client in CLIENTS]
    assert plain["uses"][1]["support"]["outlook-windows"] == {"level": "no", "notes": [1], "version": "2019"}


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        (
            "p, td.a#b > i + b ~ u[lang] * {}",
            {"grouping", "type", "class", "id", "child", "adjacent-sibling", "general-sibling"},
        ),
        (".a.b .c {}", {"class", "chaining", "descendant"}),
        ("u[lang] * {}", {"type", "attribute", "descendant", "universal"}),
        (".a > .b {}", {"class", "child"}),
    ],
)
def test_selectors_are_told_apart(css: str, expected: set[str]) -> None:
    found = signs(Page.of(f"<style>{css}</style>"), str)
    assert {sign.partition(":")[2] for sign in found if sign.startswith("selector:")} >= expected
    if "chaining" not in expected:
        assert "selector:chaining" not in found


@pytest.mark.parametrize(
    ("html", "sign"),
    [
        ("<style>a::before{}</style>", "pseudo-element:before"),
        ("<style>a:after{}</style>", "pseudo-element:after"),
        ("<style>a:nth-child(2){}</style>", "pseudo-class:nth-child"),
        ("<style>a:not(.b){}</style>", "pseudo-class:not"),
        ("<style media='print'></style>", "at:media"),
        ("<style>@media (prefers-color-scheme:dark){}</style>", "media:prefers-color-scheme"),
        ("<style>@font-face{}</style>", "at:font-face"),
        ("<style>a{--x:1}</style>", "variable:"),
        ("<style>a{}/* x */</style>", "css-comment:"),
        ('<p style="color:RGB(1,2,3)!important">', "function:rgb"),
        ('<p style="color:red!important">', "important:"),
        ('<p style="width:calc(100% - 1EM)">', "unit:em"),
        ('<p style="font-family:system-ui">', "keyword:font-family:system-ui"),
        ('<a href="#top">', "link:#"),
        ('<a href="MAILTO:a@example.org">', "link:mailto"),
        ('<img src="https://example.org/a.b/x.JPEG?y=.z">', "image:jpg"),
        ('<img src="data:image/webp;base64,x">', "image:webp"),
        ('<img src="data:image/webp;base64,x">', "image:base64"),
        ('<input type="Radio">', "input:radio"),
        ('<meta name="color-scheme">', "meta:color-scheme"),
    ],
)
def test_signs_of_use_are_recognised(html: str, sign: str) -> None:
    found = signs(Page.of(html), str)
    assert sign in found
    assert not {"pseudo-class:", "pseudo-element:"} & found.keys()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"data": 1, "last_update_date": ""}', b"[" * 100_000, b"\xff", b" " * 9_000_000]
)
def test_data_that_is_none_is_refused_with_what_to_do(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "caniemail.json"
    path.write_bytes(content)
    with pytest.raises(AbilitiesError, match=r"fetch https://www[.]caniemail[.]com/api/data[.]json anew"):
        Abilities.load(path)


def test_data_that_is_not_there_is_an_error_that_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(AbilitiesError, match="and put it there"):
        Abilities.load(tmp_path / "caniemail.json")
