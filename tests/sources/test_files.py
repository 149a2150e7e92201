"""Files of every kind are told by what is in them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.papers.model import Signal
from newsletter.sources.base import SourceError
from newsletter.sources.files import FilePart, read_body, read_file

NOW = datetime(2026, 8, 17, 6, tzinfo=UTC)
ABSTRACT = "We study a thing in depth and find that it holds. " * 8


def read(body: bytes | str) -> list[FilePart]:
    return read_body(body.encode() if isinstance(body, str) else body, name="file", observed_at=NOW)


def test_records_come_one_on_a_line() -> None:
    whole = {
        "source": "lab.feed",
        "title": "Tiny Models",
        "abstract": "Text.",
        "arxiv_id": "arXiv:2611.01234v2",
        "doi": "https://doi.org/10.1000/A",
        "authors": ["Ada Example", 7],
        "keywords": ["memory"],
        "listed_at": "2026-08-16",
        "code_url": "javascript:alert(1)",
        "unknown": 1,
        "signals": [
            {"observed_at": "2026-08-16T10:00:00Z", "votes": 3},
            {"observed_at": "2026-08-16T11:00:00Z", "votes": 5, "comments": -1, "stars": 2},
            {"votes": 9},
        ],
    }
    lines = [json.dumps(whole), "{broken", "", json.dumps({"title": "Other"}), "[]", '{"abstract": "x"}']
    broken, first, second = read("\r\n".join(lines))
    assert broken.batch.refused == {"line that is not JSON": 1}
    (observation,) = first.batch.observations
    assert (first.source, first.batch.refused) == ("lab.feed", {"signal without an instant": 1})
    record = observation.record
    assert (record.arxiv_id, record.version, record.doi, record.authors) == ("2611.01234", 2, "10.1000/a", ("Ada Example",))
    assert (record.listed_at, record.code_url) == (datetime(2026, 8, 16, tzinfo=UTC), "")
    assert observation.history == (
        Signal("lab.feed", datetime(2026, 8, 16, 10, tzinfo=UTC), votes=3),
        Signal("lab.feed", datetime(2026, 8, 16, 11, tzinfo=UTC), votes=5, stars=2),
    )
    assert second.source == "records"
    assert [one.record.title for one in second.batch.observations] == ["Other"]
    assert second.batch.refused == {"entry that is not an object": 1, "neither arXiv id, DOI nor title": 1}


def test_one_record_may_span_lines_and_records_may_be_a_list() -> None:
    assert read(json.dumps({"title": "One"}, indent=2))[0].batch.observations[0].record.title == "One"
    assert [len(part.batch.observations) for part in read(json.dumps([{"title": "One"}, {"title": "Two"}]))] == [2]
    assert read("[]") == []


def test_entries_of_hugging_face_are_known_in_a_list_and_on_lines() -> None:
    entry = {"paper": {"id": "2611.01234", "title": "T", "upvotes": 3}}
    for body in (json.dumps([entry, 1]), f"{json.dumps(entry)}\n{json.dumps(entry)}\n"):
        (part,) = read("\ufeff" + body)
        assert part.source == "hf_daily_papers"
        assert part.batch.observations[0].signal == Signal("hf_daily_papers", NOW, votes=3)


def test_any_feed_of_papers_is_read() -> None:
    (part,) = read(
        """<rss version="2.0"><channel><title>Journal</title>
        <item><title>By &lt;i&gt;DOI&lt;/i&gt;</title><link>https://doi.org/10.1000/A</link><description>&lt;p&gt;Text.&lt;/p&gt;</description>
        <pubDate>Mon, 17 Aug 2026 05:00:00 GMT</pubDate></item>
        <item><title>On arXiv</title><link>https://arxiv.org/abs/2608.00001v2</link></item>
        <item><title>By its title</title><link>https://example.org/3</link></item>
        <item><link>https://example.org/4</link></item></channel></rss>"""
    )
    records = [one.record for one in part.batch.observations]
    assert part.source == "feed"
    assert [(one.title, one.doi, one.arxiv_id, one.version) for one in records] == [
        ("By DOI", "10.1000/a", None, None),
        ("On arXiv", None, "2608.00001", 2),
        ("By its title", None, None, None),
    ]
    assert records[0].abstract == "Text."
    assert records[0].listed_at == datetime(2026, 8, 17, 5, tzinfo=UTC)
    assert part.batch.refused == {"neither arXiv id, DOI nor title": 1}


def test_a_page_is_known_without_its_head() -> None:
    (part,) = read(f"A Title\r\n\r\n{ABSTRACT}\r\n")
    assert (part.source, len(part.batch.observations)) == ("text_page", 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b" \n\xef\xbb\xbf", "is of no known kind|is empty"),
        (b"<!DOCTYPE html><title>x", "is a web page"),
        (b"<feed><entry>", "not XML, or only a part of it"),
        (b"<svg/>", "not a feed"),
        (b'[{"paper": {"id": "26', "is not JSON, or only a part of it"),
        (b'{"error": "Paper not found"}', "is an error answer: Paper not found"),
        (b"{half\n{half", "holds no line that is JSON"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "is not UTF-8 text"),
        (b"MZ\x00\x01" * 100, "is of no known kind"),
        (b"Just a line of text", "is of no known kind"),
        (("# Read me\n\n" + ABSTRACT).encode(), "is of no known kind"),
        (b"import os\n\n" + ABSTRACT.encode(), "is of no known kind"),
    ],
)
def test_a_file_of_no_known_kind_is_refused_with_its_reason(body: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        read(body)


def test_a_file_that_is_not_there_is_a_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^gone\.json: cannot be read \(No such file or directory\); check the path"):
        read_file(tmp_path / "gone.json", observed_at=NOW)
    with pytest.raises(SourceError, match="cannot be read"):
        read_file(tmp_path, observed_at=NOW)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for start in (b"", b"[", b"{", b"<feed>", b'{"title": "x"}\n'):
        try:
            read(start + body)
        except SourceError as error:
            assert str(error).startswith("file: ")  # noqa: PT017 - both ways are right


@pytest.mark.shared_data
def test_every_file_of_every_recorded_source_is_read_or_refused(shared_data: Path) -> None:
    kinds: Counter[str] = Counter()
    unread: set[str] = set()
    for path in sorted(shared_data.glob("*/*")):
        if path.suffix not in {".json", ".xml", ".txt"}:
            continue
        try:
            parts = read_file(path, observed_at=NOW)
        except SourceError:
            unread.add(path.parent.name)
        else:
            kinds.update({part.source: len(part.batch.observations) for part in parts})
    assert unread <= {"sources", "email_html"}
    assert kinds["hf_daily_papers"] == 4938 + 585
    assert kinds["text_page"] == 153
    assert kinds["arxiv_rss"] == 4
    assert kinds["arxiv_api"] > 200
