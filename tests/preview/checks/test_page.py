from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.preview.checks.page import MAX_DEPTH, Element, Page, Text, said, start_tag, tokens

PIECES = st.sampled_from(
    ["<", ">", "<p", "<a href=", '"', "'", "=", "/", " ", "x", "-->", "<!--", "</", "<style>", "</style>", "&amp;"]
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_tokens_together_are_the_whole_source(html: str) -> None:
    pieces = [html[token.start : token.end] for token in tokens(html)]
    assert "".join(pieces) == html
    Page.of(html)


def test_a_page_is_a_tree_with_lines() -> None:
    page = Page.of('<html>\n<body class="a b">\n<p>One <b>two</b></p></body></html>')
    body = page.elements("body")[0]
    assert (body.classes, body.line) == (["a", "b"], 2)
    assert [node.name if isinstance(node, Element) else node.text for node in body.inside()] == ["\n", "p", "One ", "b", "two"]
    assert page.texts()[-1].parent.name == "b"
    assert [element.name for element in page.texts()[-1].parent.ancestors()] == ["p", "body", "html", ""]


@pytest.mark.parametrize(
    ("html", "value"),
    [
        ('<p title="a &amp; b > c">', "a & b > c"),
        ("<p title='x'>", "x"),
        ("<p title = x>", "x"),
        ("<p TITLE=x/>", "x/"),
        ("<p title>", ""),
        ('<p title="1" title="2">', "1"),
        ('<p title="never closed', "never closed"),
    ],
)
def test_attributes_are_read_as_browsers_read_them(html: str, value: str) -> None:
    assert Page.of(html).elements("p")[0].attributes == {"title": value}


def test_styles_scripts_and_comments_are_no_text() -> None:
    page = Page.of("<!DOCTYPE html><style media=print>p > a {}</style><script><b></script><!-- <i> --><![if x]>seen")
    assert [text.text for text in page.texts()] == ["seen"]
    assert [(style.css, style.media) for style in page.styles] == [("p > a {}", "print")]
    assert (page.comments, page.has_doctype) == (2, True)
    assert page.elements("b", "i") == []


def test_a_link_ends_where_another_begins_and_stray_ends_close_nothing() -> None:
    page = Page.of("<p><a>1<a>2</b></p>3")
    assert [(text.text, text.parent.name) for text in page.texts()] == [("1", "a"), ("2", "a"), ("3", "")]
    assert page.elements("a")[1].parent is page.elements("p")[0]


def test_elements_too_deep_stand_beside_each_other() -> None:
    page = Page.of("<div>" * 2 * MAX_DEPTH + "x")
    text = page.nodes[-1]
    assert isinstance(text, Text)
    assert len(list(text.parent.ancestors())) <= MAX_DEPTH


def test_a_place_says_how_the_element_begins() -> None:
    assert Page.of('\n<img alt="&quot;">').elements()[0].place() == '<img alt="&quot;"> (HTML line 2)'
    assert len(Page.of(f"<p title={'x' * 500}>").elements()[0].place()) < 120


def test_what_is_written_is_read_again() -> None:
    attributes = {"title": "\"<&>'", "dir": ""}
    assert Page.of(start_tag("p", attributes)).elements()[0].attributes == attributes


def test_what_is_said_has_no_silent_characters() -> None:
    assert said(" a\u200b\n\u00adb \ufeff") == "a b"
