"""Recorded answers, broken in every way: each is read or refused, and nothing is read by half."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.papers.clean import clean_observation
from newsletter.papers.identity import names_of
from newsletter.sources import feeds, index, openalex, preprints, semantic_scholar
from newsletter.sources.answers import load_object
from newsletter.sources.base import Batch, SourceError
from newsletter.sources.feed import parse_xml, read_feed

NOW = datetime(2026, 8, 17, 6, tzinfo=UTC)
WORK = {
    "id": "https://openalex.org/W1",
    "doi": "https://doi.org/10.1000/a",
    "title": "A <i>title</i>",
    "type": "article",
    "publication_date": "2026-08-14",
    "authorships": [{"author": {"display_name": "Ada Example"}, "institutions": [{"display_name": "Example Lab"}]}],
    "abstract_inverted_index": {"We": [0, 2], "show": [1]},
    "locations": [{"id": "pmh:oai:arXiv.org:2608.00001", "landing_page_url": "http://arxiv.org/abs/2608.00001"}],
    "primary_topic": {"field": {"display_name": "Computer Science"}, "subfield": {"display_name": "Artificial Intelligence"}},
    "keywords": [{"display_name": "Learning"}],
    "is_retracted": False,
}
PAPER = {
    "paperId": "0" * 40,
    "externalIds": {"ArXiv": "2608.00001", "DOI": "10.1000/a", "CorpusId": 7},
    "title": "A title",
    "abstract": None,
    "publicationDate": "2026-08-14",
    "authors": [{"authorId": "1", "name": "Ada Example"}],
    "fieldsOfStudy": ["Computer Science"],
    "s2FieldsOfStudy": [{"category": "Mathematics", "source": "external"}],
    "url": "https://www.semanticscholar.org/paper/0",
}
PREPRINT = {
    "title": "A title",
    "authors": "Example, A.; Sample, B.",
    "doi": "10.1101/2026.08.14.000001",
    "date": "2026-08-15",
    "version": "2",
    "type": "new results",
    "category": "neuroscience",
    "abstract": "ResultsWe show it.",
}
FEED = """<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Journal</title>
<item><title>A title</title><link>https://www.biorxiv.org/content/10.1101/2026.08.14.000001v1</link>
<author>ada@example.org (Ada Example)</author><pubDate>Sun, 16 Aug 2026 09:00:00 GMT</pubDate>
<description>&lt;p&gt;Text.&lt;/p&gt;</description><category>cs.AI</category></item></channel></rss>"""


def read_works(body: bytes) -> Batch:
    page = openalex.read_page(load_object(body, source="openalex"))
    return index.parse(page.entries, lambda entry: openalex.read_entry(entry, now=NOW))


def read_scholar(body: bytes) -> Batch:
    page = semantic_scholar.read_page(load_object(body, source="semantic_scholar"))
    return index.parse(page.entries, lambda entry: semantic_scholar.read_entry(entry, now=NOW))


def read_preprints(body: bytes) -> Batch:
    rows, _ = preprints.read(body, source="biorxiv")
    return preprints.parse(rows, now=NOW)


def read_any_feed(body: bytes) -> Batch:
    return feeds.parse(read_feed(parse_xml(body, source="feeds.lab"), source="feeds.lab"), now=NOW)


READERS: dict[str, tuple[Callable[[bytes], Batch], dict[str, Any]]] = {
    "openalex": (read_works, {"meta": {"next_cursor": "x"}, "results": [WORK]}),
    "semantic_scholar": (read_scholar, {"total": 1, "token": "x", "data": [PAPER]}),
    "biorxiv": (read_preprints, {"messages": [{"status": "ok", "total": "1"}], "collection": [PREPRINT]}),
}

ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        [
            "",
            "\x00\ud800",
            "<i>",
            "&#0;",
            "&#" + "9" * 5000,
            "<![x[</i>",
            "9999-99-99",
            "-0001-01-01",
            "10.1/",
            "x" * 60_000,
            10**400,
        ]
    )
    | st.text(max_size=20)
)
VALUES = st.recursive(ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3))


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside of ``value``."""
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*here, key)
        yield from places(value[key], (*here, key))


def mangled(answer: Any, place: tuple[Any, ...], value: object) -> bytes:
    """Return ``answer`` with ``value`` put at ``place``."""
    broken = copy.deepcopy(answer)
    holder = broken
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return json.dumps(broken).encode()


def check(read: Callable[[bytes], Batch], body: bytes) -> None:
    """Read, and hold what came out to what every record must be."""
    try:
        batch = read(body)
    except SourceError as error:
        assert len(str(error)) < 500  # noqa: PT017 - both ways are right
        return
    for observation in batch.observations:
        assert clean_observation(observation) == observation
        assert names_of(observation.record)
        assert observation.record.published_at is None or observation.record.published_at <= NOW
        assert observation.record.listed_at is None or observation.record.listed_at <= NOW


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None)
@given(data=st.data())
def test_an_answer_with_any_value_in_any_place_is_read_or_refused(name: str, data: st.DataObject) -> None:
    read, answer = READERS[name]
    place = data.draw(st.sampled_from(list(places(answer))))
    check(read, mangled(answer, place, data.draw(VALUES)))


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None)
@given(body=st.binary(max_size=60), keep=st.integers(0, 700))
def test_any_bytes_and_any_part_of_an_answer_are_read_or_refused(name: str, body: bytes, keep: int) -> None:
    read, answer = READERS[name]
    check(read, body)
    check(read, json.dumps(answer).encode()[:keep])
    check(read, b"[" * 100_000)


@settings(deadline=None)
@given(position=st.integers(0, len(FEED)), cut=st.integers(0, 30), put=st.text(max_size=20))
@example(position=0, cut=0, put="<!DOCTYPE x [<!ENTITY a 'b'>]>")
def test_a_feed_broken_anywhere_is_read_or_refused(position: int, cut: int, put: str) -> None:
    text = FEED[:position] + put + FEED[position + cut :]
    check(read_any_feed, text.encode("utf-8", "surrogatepass"))


@cache
def recorded(folder: Path, file: str) -> tuple[Any, tuple[tuple[Any, ...], ...]]:
    """Return a recorded answer, cut to its first entries, and the places in it."""
    answer = json.loads((folder / file).read_text(encoding="utf-8"))
    answer = answer[0]["raw_response"] if isinstance(answer, list) else answer
    for key in ("data", "results", "collection"):
        if key in answer:
            answer[key] = answer[key][:2]
    return answer, tuple(places(answer))


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("file", "read"),
    [
        ("openalex_works_search.json", read_works),
        ("semanticscholar_bulk_search.json", read_scholar),
        ("semanticscholar_relevance_search.json", read_scholar),
        ("biorxiv_details_responses.json", read_preprints),
        ("medrxiv_details_responses.json", read_preprints),
    ],
)
@settings(deadline=None)  # a busy machine is no mistake in reading
@given(data=st.data())
def test_a_recorded_answer_with_any_value_in_any_place_is_read_or_refused(
    shared_data: Path, file: str, read: Callable[[bytes], Batch], data: st.DataObject
) -> None:
    answer, ways = recorded(shared_data / "sources", file)
    check(read, mangled(answer, data.draw(st.sampled_from(ways)), data.draw(VALUES)))
