"""arXiv's API and announcement feed: recorded answers, and the odd ones."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.papers.model import PaperRecord
from newsletter.sources import arxiv_api, arxiv_rss
from newsletter.sources.arxiv import is_withdrawn, start_of_arxiv_day
from newsletter.sources.base import SourceError
from newsletter.sources.feed import Feed, parse_xml, read_feed

ATOM = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"><title>arXiv Query</title>
<entry><id>http://arxiv.org/abs/{id}</id><published>2026-11-18T17:08:18Z</published><updated>2026-11-19T09:00:00Z</updated>
<title>Tiny Models,
  Long Memory</title><summary>{summary}</summary>
<author><name>Ada Example</name><arxiv:affiliation>Example Lab</arxiv:affiliation></author>
<author><name>Bo Sample</name></author>
<arxiv:comment>{comment}</arxiv:comment><arxiv:doi>10.1000/A1 10.1000/B2</arxiv:doi>
<link rel="alternate" type="text/html" href="http://arxiv.org/abs/{id}"/>
<link rel="related" title="pdf" type="application/pdf" href="http://arxiv.org/pdf/{id}"/>
<category term="cs.CL"/><category term="cs.LG"/><arxiv:primary_category term="cs.LG"/></entry></feed>"""

RSS = """<rss version="2.0" xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
<title>cs.AI updates on arXiv.org</title>
<item><title>Tiny Models</title><link>https://arxiv.org/abs/2611.01234</link>
<description>arXiv:2611.01234v2 Announce Type: {kind}
Abstract: We show that $n &lt; 3$ layers suffice.</description>
<guid isPermaLink="false">oai:arXiv.org:2611.01234v2</guid><category>cs.AI</category>
<pubDate>Fri, 20 Nov 2026 00:00:00 -0500</pubDate><arxiv:announce_type>{kind}</arxiv:announce_type>
<dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>
<dc:creator>Ada Example (Lab, One), Bo Sample, Jr., Cy Test</dc:creator></item></channel></rss>"""


def feed(text: str | bytes) -> Feed:
    body = text if isinstance(text, bytes) else text.encode()
    return read_feed(parse_xml(body, source="test"), source="test")


def api_record(*, id: str = "2611.01234v2", summary: str = "We show it.", comment: str = "9 pages") -> PaperRecord:  # noqa: A002 - the field is called so
    (observation,) = arxiv_api.parse(feed(ATOM.format(id=id, summary=summary, comment=comment))).observations
    return observation.record


def rss_record(kind: str) -> PaperRecord:
    (observation,) = arxiv_rss.parse(feed(RSS.format(kind=kind))).observations
    return observation.record


def test_an_entry_of_the_api_is_read_whole() -> None:
    record = api_record()
    assert (record.title, record.abstract) == ("Tiny Models, Long Memory", "We show it.")
    assert (record.arxiv_id, record.version, record.doi) == ("2611.01234", 2, "10.1000/a1")
    assert (record.authors, record.categories) == (("Ada Example", "Bo Sample"), ("cs.CL", "cs.LG"))
    assert record.published_at == datetime(2026, 11, 18, 17, 8, 18, tzinfo=UTC)
    assert record.withdrawn_at is None


def test_old_ids_are_read() -> None:
    record = api_record(id="quant-ph/0201082v1")
    assert (record.arxiv_id, record.version) == ("quant-ph/0201082", 1)


@pytest.mark.parametrize(
    ("comment", "summary"),
    [
        ("This paper has been withdrawn by the author due to a crucial error in equation 4", "We show it."),
        ("withdrawn due to an error", "We show it."),
        ("This submission has been withdrawn from arXiv", "We show it."),
        ("9 pages", "This paper has been withdrawn by the authors."),
        ("", "This paper has been temporarily withdrawn."),
        ("", "The manuscript was withdrawn"),
    ],
)
def test_a_withdrawn_version_is_marked(comment: str, summary: str) -> None:
    assert api_record(comment=comment, summary=summary).withdrawn_at == datetime(2026, 11, 19, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("comment", "abstract"),
    [
        ("Withdrawn from ICLR 2027, now at a workshop", ""),
        ("", "We study why papers are withdrawn. In many fields, after review, this paper was withdrawn by somebody else."),
        ("The data set has been withdrawn", ""),
        ("9 pages", "Oil is withdrawn from a reservoir."),
    ],
)
def test_words_about_withdrawals_are_not_one(comment: str, abstract: str) -> None:
    assert not is_withdrawn(comment=comment, abstract=abstract)


def test_a_new_announcement_is_a_listing() -> None:
    record = rss_record("new")
    assert record.listed_at == datetime(2026, 11, 20, 5, tzinfo=UTC)
    assert record.abstract == "We show that $n < 3$ layers suffice."
    assert record.authors == ("Ada Example (Lab, One)", "Bo Sample, Jr.", "Cy Test")
    assert (record.arxiv_id, record.version) == ("2611.01234", 2)


@pytest.mark.parametrize("kind", ["cross", "replace", "replace-cross"])
def test_cross_lists_and_replacements_are_no_listing(kind: str) -> None:
    record = rss_record(kind)
    assert (record.listed_at, record.version) == (None, 2)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("Ada Example", ["Ada Example"]),
        ("Ada Example, Bo Sample III, Cy Test, Ph.D.", ["Ada Example", "Bo Sample III", "Cy Test, Ph.D."]),
        ("Ada (A, B), Bo (C", ["Ada (A, B)", "Bo (C"]),
        ("Ada (A, Bo, Cy", ["Ada (A", "Bo", "Cy"]),
        (",, ,", []),
    ],
)
def test_a_list_of_names_is_parted(text: str, names: list[str]) -> None:
    assert arxiv_rss.split_names(text) == names


def test_an_entry_without_an_arxiv_id_is_counted() -> None:
    assert arxiv_api.parse(feed(ATOM.format(id="x", summary="", comment=""))).refused == {"no arXiv id": 1}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 8, 17, 6, tzinfo=UTC), datetime(2026, 8, 17, 5, tzinfo=UTC)),
        (datetime(2026, 8, 17, 4, 59, tzinfo=UTC), datetime(2026, 8, 16, 5, tzinfo=UTC)),
        (datetime(2026, 12, 17, 5, 30, tzinfo=UTC), datetime(2026, 12, 16, 6, tzinfo=UTC)),
        (datetime(2026, 3, 8, 12, tzinfo=UTC), datetime(2026, 3, 8, 6, tzinfo=UTC)),  # the night clocks go forward
    ],
)
def test_the_day_of_arxiv_begins_after_midnight_eastern_time(now: datetime, expected: datetime) -> None:
    assert start_of_arxiv_day(now) == expected


@pytest.mark.shared_data
def test_every_recorded_answer_of_the_api_is_taken_in(shared_data: Path) -> None:
    rows = list(csv.DictReader((shared_data / "arxiv" / "index.csv").read_text(encoding="utf-8").splitlines()))
    checked = 0
    for row in rows:
        if row["format"] != "atom":
            continue
        batch = arxiv_api.parse(feed((shared_data / "arxiv" / row["file"]).read_bytes()))
        if row["features"] == "error entry":
            assert (batch.observations, batch.refused) == ((), {"error entry": 1})
            continue
        assert batch.refused == {}, row["file"]
        assert len(batch.observations) == int(row["entries"])
        for observation in batch.observations:
            record = observation.record
            assert record.arxiv_id
            assert record.version
            assert record.title
            assert record.abstract
            assert record.authors
            assert record.categories
            assert record.published_at
            assert "\n" not in record.title + record.abstract
        checked += len(batch.observations)
    assert checked > 200


@pytest.mark.shared_data
def test_an_error_of_the_api_is_told(shared_data: Path) -> None:
    with pytest.raises(SourceError, match="the service says: incorrect id format for abc"):
        arxiv_api.raise_error_entry(feed((shared_data / "arxiv" / "atom_id_abc_s0_m100.xml").read_bytes()))


@pytest.mark.shared_data
def test_the_recorded_announcement_is_taken_in(shared_data: Path) -> None:
    batch = arxiv_rss.parse(feed((shared_data / "arxiv" / "rss_four_items_2026-09-24.xml").read_bytes()))
    assert batch.refused == {}
    found = {one.record.arxiv_id: (one.record.version, one.record.listed_at is not None) for one in batch.observations}
    assert found == {"2609.26811": (1, True), "2609.26820": (1, True), "2205.06398": (2, False), "2009.13987": (3, False)}
    cross = batch.observations[2].record
    assert cross.doi == "10.1093/bioinformatics/btac431"
    assert cross.authors == ("Pritam Dey", "Zhengwu Zhang", "David B. Dunson")
    assert cross.abstract.startswith("It has become routine")
