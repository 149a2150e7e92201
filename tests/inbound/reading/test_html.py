"""HTML as the text a person sees."""

from __future__ import annotations

import re

import pytest

from newsletter.inbound.reading.html import MAX_LETTERS, text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("one<br>two<BR/>three", "one\ntwo\nthree"),
        ("<div>one<br></div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("a \n  b&nbsp;\tc", "a b c"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &#8364; &#x41;&copy; &nosuch; &", "1 < 2 && 3 > 2 € A© &nosuch; &"),
        ("&#0;&#xD800;&#1114112;", "\ufffd\ufffd\ufffd"),
        ("<style>p{}</style><script>if (a<b) x()</script><title>t</title>stop", "stop"),
        ("a<!-- <p>hidden</p> -->b<!doctype html><![if mso]>c<?xml x?>", "abc"),
        ("<div style='display: none'>preview<div>more</div></div>seen", "seen"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>a\n  b\n</pre>c", "a\n  b\n\nc"),
        ("a<blockquote>b<blockquote>c</blockquote></blockquote>d", "a\n\n> b\n>\n> c\n>\nd"),
        ("<blockquote><pre>a\nb\nc</pre></blockquote>d", "> a\n> b\n> c\n>\nd"),
        ("3 < 4 and <3", "3 < 4 and <3"),
        ("unended <b", "unended"),
        ("a<script>never ended", "a"),
        ("a<!-- never ended <p>b", "ab"),
    ],
)  # fmt: skip
def test_html_becomes_the_text_a_person_sees(html: str, text: str) -> None:
    assert text_of(html) == text


def test_elements_that_are_not_wanted_are_dropped_with_all_they_hold() -> None:
    html = '<div>mine</div><div class="note"><div>theirs</div>theirs too</div><div>mine</div>'
    assert text_of(html, leave_out=re.compile("note")) == "mine\nmine"


def test_what_is_beyond_the_limit_is_left_out() -> None:
    assert len(text_of("a" * (MAX_LETTERS + 100))) == MAX_LETTERS
    assert "end" not in text_of("<b>x</b>" * 30_000 + "end")
