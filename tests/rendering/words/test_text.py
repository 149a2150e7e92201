from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.rendering.message.encode import quoted_printable
from newsletter.rendering.words.text import (
    clean,
    isolate,
    short_title,
    shorten,
    shorten_encoded,
    summarize,
    width,
    wrap,
)
from newsletter.rendering.words.urls import safe_url

ANY_TEXT = st.text(st.characters())  # surrogates included
OPENERS = {"\u202a": "\u202c", "\u202b": "\u202c", "\u202d": "\u202c", "\u202e": "\u202c"} | dict.fromkeys(
    "\u2066\u2067\u2068", "\u2069"
)


def left_open(text: str) -> list[str]:
    """Closers that directional formatting in ``text`` still waits for, or that closed nothing."""
    waiting: list[str] = []
    for character in text:
        if character in OPENERS:
            waiting.append(OPENERS[character])
        elif character in "\u202c\u2069":
            if waiting and waiting[-1] == character:
                waiting.pop()
            else:
                return [character]
    return waiting


@given(ANY_TEXT)
def test_clean_text_is_one_line_without_controls_and_clean_already(text: str) -> None:
    cleaned = clean(text)
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert clean(cleaned) == cleaned
    cleaned.encode()


def test_printable_text_is_kept_to_the_letter() -> None:
    text = "a < b & {{ 7*7 }} {% raw %} =?utf-8?q?=0D=0ABcc:_x?= é \u0301 🦊 \u200f שלום"
    assert clean(text) == text


def test_line_ends_and_controls_do_not_survive_cleaning() -> None:
    assert clean(" a\r\nBcc: x\0\x1b[31m\u2028b\u2029c\ufeff\ufffe\x85 ") == "a Bcc: x[31m b c"
    assert clean("lone \ud800 surrogate") == "lone \ufffd surrogate"
    assert clean("\ud83e\udd8a") == "🦊"


@given(st.text(st.sampled_from("ab \u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")))
def test_direction_changes_end_with_the_text_that_began_them(text: str) -> None:
    waiting = left_open(clean(text))
    # An isolate closes the embeddings inside it (UAX #9 BD9), so only those may have been left to it.
    assert set(waiting) <= {"\u2069"} or not waiting or not clean(text).endswith(("a", "b"))


def test_an_override_is_closed_where_it_was_left_open() -> None:
    assert clean("safe \u202eevil") == "safe \u202eevil\u202c"
    assert clean("stray \u2069\u202c closers") == "stray closers"


def test_right_to_left_text_is_isolated_from_the_sentence_around_it() -> None:
    assert isolate("plain é 模型") == "plain é 模型"
    assert isolate("\u05e9\u05dc") == "\u2068\u05e9\u05dc\u2069"


@given(st.text(), st.integers(10, 80))
def test_a_shortened_text_is_not_longer_than_asked_for(text: str, limit: int) -> None:
    closers = sum(character in "\u202c\u2069" for character in shorten(clean(text), limit))
    assert len(shorten(clean(text), limit)) - closers <= limit


def test_text_is_cut_at_a_word_and_marked() -> None:
    assert shorten("one two three four", 14) == "one two three…"
    assert shorten("x" * 50, 10) == "xxxxxxxxx…"
    assert shorten("short", 10) == "short"
    assert shorten("e\u0301" * 20, 10) == "e\u0301" * 4 + "…"


@given(st.text(st.characters(exclude_characters="\u202a\u202b\u202d\u202e\u2066\u2067\u2068")), st.integers(40, 300))
def test_a_title_cut_by_encoded_size_stays_within_it(text: str, limit: int) -> None:
    from html import escape

    cut = shorten_encoded(clean(text), limit)
    encoded = quoted_printable(escape(cut)).replace("=\r\n", "").rstrip("\r\n")
    # A dot or "From " at the start of a line, and a blank at its end, take two bytes more each; soft breaks are not counted.
    assert len(encoded) <= limit + 4


def test_a_summary_ends_with_a_sentence() -> None:
    text = "We show a thing, e.g. this one, by A. Author et al. It works well. And then there is a very long explanation."
    assert summarize(text, 80) == "We show a thing, e.g. this one, by A. Author et al. It works well."
    assert summarize("No sentence ends in these words at all", 20) == "No sentence ends in…"
    assert summarize("一句话。" * 30, 40) == "一句话。" * 10


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Zetta ζ: An Efficient Harness", "Zetta ζ"),
        ("A Plain Title", "A Plain Title"),
        ("X: One Letter Is No Name", "X: One Letter Is No Name"),
        (
            "A Very Long Beginning That Nobody Would Ever Call a Name: Rest",
            "A Very Long Beginning That Nobody Would Ever Call a Name…",
        ),
        ("Ratio 3:1 in Sleep", "Ratio 3:1 in Sleep"),
        ("模型\uff1a一个研究", "模型"),
    ],
)
def test_a_paper_is_called_by_its_name(title: str, name: str) -> None:
    assert short_title(title) == name


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//example.org/x",
        "/x",
        "",
        "https://",
        "https://user:secret@example.org/",
        "https://exa mple.org/",
        "https://example.org/\r\nBcc: x",
        "https://example.org\\@evil.example/",
        "https://[::xyz]/",
        "https://example.org:port/",
        "https://ex<b>.org/",
        "https://example.org/" + "x" * 500,
        "mailto:ada@example.org",
    ],
)
def test_an_address_that_is_no_plain_web_address_is_left_out(url: str) -> None:
    assert safe_url(url) == ""


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://example.org/a?b=c&d=%20#e", "https://example.org/a?b=c&d=%20#e"),
        ("HTTPS://Example.ORG/A", "https://example.org/A"),
        ('https://example.org/"><script>', "https://example.org/%22%3E%3Cscript%3E"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("https://example.org/{{7*7}}", "https://example.org/%7B%7B7*7%7D%7D"),
    ],
)
def test_a_web_address_is_made_canonical(url: str, canonical: str) -> None:
    assert safe_url(url) == canonical


@given(ANY_TEXT)
def test_no_text_makes_the_address_check_fail(text: str) -> None:
    for url in (safe_url(text), safe_url(f"https://{text}"), safe_url(f"https://example.org/{text}")):
        assert url == "" or (url.isascii() and not set(url) & set(" <>\"'\r\n"))
        assert safe_url(url) == url


@given(st.text(), st.integers(20, 72), st.integers(0, 8))
def test_wrapping_keeps_every_word_and_the_width(text: str, columns: int, indent: int) -> None:
    cleaned = clean(text)
    lines = wrap(cleaned, columns, indent).split("\n")
    assert "".join("".join(line.split()) for line in lines) == cleaned.replace(" ", "")
    assert all(line.startswith(" " * indent) for line in lines[1:])
    for line in lines[1:]:
        assert width(line) <= columns or " " not in line.strip()


def test_wide_characters_count_twice_and_break_anywhere() -> None:
    assert width("模型 é e\u0301") == 8
    assert wrap("模型" * 10, 20) == "模型" * 5 + "\n" + "模型" * 5
