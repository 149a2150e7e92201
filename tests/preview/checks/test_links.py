from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.preview.checks.links import check_links, way_out
from newsletter.preview.checks.model import MailSample
from newsletter.preview.checks.page import Page
from newsletter.preview.checks.sources import Sources

OUT = "https://papers.example.org/unsubscribe/abc"
DATA = f"Subject: x\r\nList-Unsubscribe: <{OUT}>,\r\n <mailto:x@example.org>\r\n\r\nbody".encode()
BARE = MailSample("", "", "", "", b"", 0)


def rules(html: str = "", text: str = "", data: bytes = b"") -> list[str]:
    sample = replace(BARE, html=html, text=text, data=data)
    return [noted.rule for noted in check_links(sample, Page.of(html), Sources({}))]


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<a href="https://example.org/x">Words</a>', []),
        ('<a href="http://127.0.0.1:8025/x">Words</a>', []),
        ('<a href="mailto:a@example.org">Write</a>', []),
        ('<a href="http://example.org/">Words</a>', ["link-plain-http"]),
        ('<a href="/x">Words</a>', ["link-target"]),
        ('<a href="https://">Words</a>', ["link-target"]),
        ('<a href="https://[x/">Words</a>', ["link-target"]),
        ('<a href="javascript:alert(1)">Words</a>', ["link-target"]),
        ('<a href="https://example.org/"> \u200b </a>', ["link-empty"]),
        ('<a href="https://example.org/"><img alt="A map"></a>', []),
        ('<a href="https://example.org/"><img alt=""></a>', ["link-empty"]),
        ('<a href="https://example.org/" aria-label="A map"></a>', []),
        ('<a href="https://example.org/">example.org/map</a>', []),
        ('<a href="https://www.example.org/">https://example.org</a>', []),
        ('<a href="https://example.com/">https://example.org/</a>', ["link-says-another"]),
        ('<a href="https://example.com/">Node.js</a>', []),
        ('<a href="https://example.org/">One</a> <a href="https://example.org/">Two</a>', ["link-doubled"]),
        ('<a href="https://example.org/">One</a> or <a href="https://example.org/">Two</a>', []),
    ],
)
def test_a_link_is_judged_by_where_it_leads_and_what_it_says(html: str, found: list[str]) -> None:
    assert rules(html) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://example.org/x\n", []),
        ("see https://example.org/x.\n", ["text-link-end"]),
        ("see https://[x/ y\n", ["text-link-target"]),
    ],
)
def test_addresses_in_the_text_are_judged_too(text: str, found: list[str]) -> None:
    assert rules(text=text) == found


def test_the_way_out_stands_in_both_parts() -> None:
    html = f'<a href="{OUT}">Unsubscribe</a>'
    assert way_out(DATA) == OUT
    assert rules(html, f"Unsubscribe: {OUT}\n", DATA) == []
    assert rules(html, "", DATA) == ["unsubscribe-missing"]
    assert rules("", "", DATA) == ["unsubscribe-missing"] * 2
    assert rules("", "", b"Subject: x\r\n\r\n") == []


def test_a_page_of_ours_that_one_part_has_the_other_has_too() -> None:
    page = "https://papers.example.org/preferences/abc"
    assert rules(f'<a href="{page}">Choices</a>') == ["link-in-one-part"]
    assert rules(text=f"Choices: {page}\n") == ["link-in-one-part"]
    assert rules(f'<a href="{page}">Choices</a>', page) == []
