"""Outside text is fit to keep afterwards, and otherwise what it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.papers.clean import (
    MAX_TITLE,
    clean_count,
    clean_labels,
    clean_names,
    clean_record,
    clean_signal,
    clean_text,
    clean_url,
    parse_instant,
)
from newsletter.papers.model import PaperRecord, Signal


def test_controls_and_broken_unicode_go_and_the_rest_stays() -> None:
    dirty = "A <b> & {{ x }} =?utf-8?q?=0D=0ABcc:?=\r\nB\x00C\ud800\x85D\u2028E \u200f\u202e\u05e9\u05dc\u202c"
    assert clean_text(dirty, 1000) == "A <b> & {{ x }} =?utf-8?q?=0D=0ABcc:?= BC D E \u200f\u202e\u05e9\u05dc\u202c"


def test_a_title_of_ten_thousand_characters_loses_nothing() -> None:
    title = "x" * 10_000
    assert clean_record(PaperRecord(title=title)).title == title
    assert len(clean_record(PaperRecord(title="x" * 100_000)).title) == MAX_TITLE


@given(st.text(), st.integers(1, 50))
def test_cleaned_text_can_be_stored_and_cleaning_again_changes_nothing(text: str, limit: int) -> None:
    once = clean_text(text, limit)
    once.encode()
    assert len(once) <= limit
    assert not set(once) & {chr(code) for code in (*range(32), *range(127, 160))}
    assert clean_text(once, limit) == once


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//example.org", "https://", "https://a b", "ftp://example.org", "https://e.org/\"",
     "https://user:secret@example.org", "https://example.org:99999", "https://[::1", "http://example.org/\x01", "/papers/1",
     "https://example.org/" + "x" * 3000],
)  # fmt: skip
def test_an_address_that_is_no_web_page_is_dropped(url: str) -> None:
    assert clean_url(url) == ""


def test_a_web_address_stays_as_it_is() -> None:
    assert clean_url(" https://example.org/a?b=c#d ") == "https://example.org/a?b=c#d"


@pytest.mark.parametrize("value", [-1, True, 2**31, "7", 1.5, None, [1]])
def test_a_figure_that_no_column_holds_counts_as_not_measured(value: object) -> None:
    assert clean_count(value) is None


def test_a_signal_that_measured_nothing_is_none() -> None:
    now = datetime(2026, 8, 17, tzinfo=UTC)
    assert clean_signal(Signal("s", now, votes=-1)) is None
    assert clean_signal(Signal("s", now, votes=3, stars=2**40)) == Signal("s", now, votes=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-18T17:08:18.000Z", datetime(2026, 11, 18, 17, 8, 18, tzinfo=UTC)),
        ("2026-11-18T00:00:00-05:00", datetime(2026, 11, 18, 5, tzinfo=UTC)),
        ("2026-11-18", datetime(2026, 11, 18, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("soon", None),
        (None, None),
        (5, None),
    ],
)
def test_an_instant_is_utc_or_nothing(text: object, expected: datetime | None) -> None:
    assert parse_instant(text) == expected


def test_two_authors_of_one_name_are_two_and_a_label_counts_once() -> None:
    assert clean_names(["Ada Example", " ", "Ada  Example"]) == ("Ada Example", "Ada Example")
    assert clean_labels(["cs.CL", "CS.cl", "cs.LG"]) == ("cs.CL", "cs.LG")


def test_the_doi_of_an_arxiv_paper_is_its_arxiv_id() -> None:
    record = clean_record(PaperRecord(title="T", doi="https://doi.org/10.48550/arXiv.2611.01234"))
    assert (record.arxiv_id, record.doi) == ("2611.01234", None)
    record = clean_record(PaperRecord(title="T", arxiv_id="not an id", version=3, doi="nor a doi"))
    assert (record.arxiv_id, record.version, record.doi) == (None, None, None)
