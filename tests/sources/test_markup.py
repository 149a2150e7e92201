"""Text out of fragments of HTML, the well-made and the hostile."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sources.markup import plain, without_markup


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ("no tags > here", "no tags > here"),
        ("<p>One.</p><p>Two.<br/>Three &amp; four</p>", " One. Two. Three & four"),
        ("If n < 3 and m > 4", "If n < 3 and m > 4"),
        ("a<a title=\"x>y\" href='<z>'>link</a>b", "alinkb"),
        ("a<SCRIPT>alert('<b>')</Script >b<style>p{}</style>c<script>d", "abc"),
        ("a<!-- <b>x</b> -->b<!-- c", "ab"),
        ("a<![CDATA[x < <y> &amp; z]]>b<![CDATA[c", "ax < <y> &amp; zbc"),
        ("a<![if x]>b<![foo[c", "ab<![foo[c"),
        ("<?xml version='1.0'?><!DOCTYPE x>a", "a"),
        ("<jats:p>Text</jats:p>", "Text"),
        ("&lt;b&gt; &#65; &#x41; &nbsp;", "<b> A A \xa0"),
        ("&#" + "9" * 5000 + ";", "\ufffd"),
        ("<", "<"),
        ("</>a< b></", "</>a< b></"),
    ],
)
def test_the_text_of_a_fragment(fragment: str, text: str) -> None:
    assert plain(fragment) == text


def test_text_that_is_not_markup_is_left_alone() -> None:
    assert without_markup("If n<m and p>q") == "If n<m and p>q"
    assert without_markup("n<sub>i</sub> &gt; 1") == "ni > 1"


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<", "<!--", "<!", "</", "<a href='", '<a b="</', "<a '\"", "&#", "<?", "<![ ", "<![CDATA[", "<script>", "<a"],
)
def test_a_hostile_fragment_costs_no_more_than_its_length(piece: str) -> None:
    began = time.process_time()
    plain(piece * (1_000_000 // len(piece)))
    without_markup(piece * (1_000_000 // len(piece)))
    assert time.process_time() - began < 10  # a second here; hours where each piece reads to the end


@given(
    st.lists(st.sampled_from(["<", ">", "/", "!", "?", "[", "]", "-", "'", '"', "&", "#", "script", "p", "CDATA", " ", "x"]))
)
def test_any_fragment_is_read(pieces: list[str]) -> None:
    assert "\x00" not in plain("".join(pieces))


@given(st.text(st.characters(exclude_characters="<&")))
def test_what_has_no_markup_stays(text: str) -> None:
    assert plain(f"<b>{text}</b>") == plain(text) == text
