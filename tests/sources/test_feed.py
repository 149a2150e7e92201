"""Feeds of any kind, and XML that means harm."""

from __future__ import annotations

import resource
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sources.base import SourceError
from newsletter.sources.feed import Feed, parse_xml, read_feed
from newsletter.sources.markup import plain

LAUGHS = b"<!DOCTYPE x [<!ENTITY a 'ha'>%s]><feed>&j;</feed>" % b"".join(
    b"<!ENTITY %c '%s'>" % (97 + n, b"&%c;" % (96 + n) * 10) for n in range(1, 10)
)


def feed(text: bytes) -> Feed:
    return read_feed(parse_xml(text, source="test"), source="test")


@pytest.mark.parametrize(
    "bomb",
    [
        LAUGHS,
        b"<!DOCTYPE x [<!ENTITY a '%s'>]><feed>%s</feed>" % (b"x" * 100_000, b"&a;" * 10_000),
        b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><feed>&a;</feed>",
        b"<!DOCTYPE x SYSTEM 'http://127.0.0.1/x.dtd'><feed/>",
        b"<!DOCTYPE x [<!ENTITY % a SYSTEM 'http://127.0.0.1/'> %a;]><feed/>",
    ],
    ids=["billion laughs", "quadratic", "file", "outer dtd", "parameter entity"],
)
def test_a_document_with_a_type_declaration_is_refused_unread(bomb: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SourceError, match="declares document types or entities"):
        parse_xml(bomb, source="test")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


@pytest.mark.parametrize(
    "body", [b"", b"<feed>", b"<feed", b"nothing", b"<feed>&nbsp;</feed>", b'<?xml version="1.0" encoding="x-no"?><a/>']
)
def test_broken_xml_is_named(body: bytes) -> None:
    with pytest.raises(SourceError, match="not XML, or only a part of it"):
        parse_xml(body, source="test")


def test_a_deep_or_long_document_is_read_in_time() -> None:
    deep = b"<feed>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</feed>"
    assert feed(deep).items == ()
    assert feed(b"<feed><entry><title>" + b"x" * 5_000_000 + b"</title></entry></feed>").items[0].title == "x" * 5_000_000


def test_something_else_in_xml_is_no_feed() -> None:
    with pytest.raises(SourceError, match="the XML is a 'svg', not a feed"):
        feed(b"<svg xmlns='http://www.w3.org/2000/svg'/>")


def test_rss_1_has_its_items_beside_the_channel() -> None:
    read = feed(
        b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
        xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Journal</title></channel>
        <item><title>Paper</title><link>https://example.org/1</link><dc:creator>Ada Example</dc:creator>
        <dc:date>2026-11-20</dc:date></item></rdf:RDF>"""
    )
    (item,) = read.items
    assert (read.title, item.title, item.authors) == ("Journal", "Paper", ("Ada Example",))
    assert item.published_at == datetime(2026, 11, 20, tzinfo=UTC)


def test_atom_texts_say_whether_they_are_markup() -> None:
    (item,) = feed(
        b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><title type="html">A &lt;i&gt;bold&lt;/i&gt; &amp;amp; new</title>
        <summary>If n &lt; 3 and m &gt; 4</summary></entry></feed>"""
    ).items
    assert (item.title, item.summary) == ("A bold & new", "If n < 3 and m > 4")


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FF)), st.text(alphabet="0123456789 :-+MonJanGT,."))
def test_no_date_breaks_the_reading(text: str, near: str) -> None:
    for printed in (text, near):
        body = f"<rss><channel><item><title>T</title><pubDate>{escape(printed)}</pubDate></item></channel></rss>"
        (item,) = feed(body.encode()).items
        assert item.published_at is None or item.published_at.tzinfo is UTC


def test_plain_text_comes_out_of_markup() -> None:
    assert " ".join(plain("<p>One</p><p>Two &lt; three<script>alert(1)</script></p>").split()) == "One Two < three"
    assert plain("a < b") == "a < b"
    assert plain("no markup") == "no markup"
