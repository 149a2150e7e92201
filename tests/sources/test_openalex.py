"""OpenAlex: recorded answers, and the odd ones."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.database import Database
from newsletter.papers.clean import MAX_ABSTRACT
from newsletter.papers.model import Observation, PaperRecord
from newsletter.papers.store import PaperStore
from newsletter.sources.index import parse
from newsletter.sources.openalex import abstract_of, read_entry, read_page
from newsletter.sources.store import RunOutcome
from tests.sources.conftest import Build
from tests.sources.replay import ReplayServer, Reply

NOW = datetime(2026, 8, 17, 6, tzinfo=UTC)


def record(**fields: Any) -> PaperRecord:
    found = read_entry(
        {"id": "https://openalex.org/W1", "title": "Tiny Models", "publication_date": "2026-08-14", **fields}, now=NOW
    )
    assert isinstance(found, Observation)
    return found.record


def recorded(shared_data: Path, name: str) -> Any:
    return json.loads((shared_data / "sources" / f"openalex_{name}.json").read_text(encoding="utf-8"))


@pytest.mark.shared_data
def test_a_recorded_search_comes_over_the_wire(
    database: Database, server: ReplayServer, build: Build, shared_data: Path
) -> None:
    body = recorded(shared_data, "works_search")
    server.script("/works", Reply(body=json.dumps(body).encode()))
    service = build(
        database, contact="ops@example.org", openalex={"search": "speech", "filter": "type:article,", "max_papers": 50}
    )
    (outcome,) = service.run(["openalex"])
    assert (outcome.outcome, outcome.new, outcome.refused) == (RunOutcome.DONE, 12, {})
    (asked,) = server.asked
    assert asked.query["filter"] == "type:article,from_publication_date:2026-08-10,to_publication_date:2026-08-17"
    assert (asked.query["search"], asked.query["mailto"]) == ("speech", "ops@example.org")
    assert (asked.query["cursor"], asked.query["per-page"], asked.query["sort"]) == ("*", "50", "publication_date:desc")
    with database.read() as session:
        papers = {paper.doi: paper for paper in PaperStore(session).latest(None)}
    paper = papers["10.31130/ud-jst.2022.310ict"]
    assert paper.title == "Brain MRI Images Generating Method Based on Cyclegan"
    assert paper.abstract.startswith("Generating tumor images on a brain MRI image at random")
    assert paper.listed_at == paper.published_at == datetime(2022, 12, 31, tzinfo=UTC)
    assert all(one.title and one.authors and one.categories and one.keywords for one in papers.values())


@pytest.mark.shared_data
def test_every_recorded_work_is_read(shared_data: Path) -> None:
    works = [
        recorded(shared_data, name)
        for name in ("posted_content", "peer_review", "missing_contributor", "too_many_contributor_names", "date_in_future")
    ]
    works += read_page(recorded(shared_data, "get_random_id_from_openalex")).entries
    works += read_page(recorded(shared_data, "get_random_id_from_openalex_1")).entries
    batch = parse(works, lambda entry: read_entry(entry, now=NOW))
    assert batch.refused == {"work that is not a paper": 2}  # a peer review and a data set
    posted = batch.observations[0].record
    assert (posted.doi, posted.organization != "") == ("10.1101/097196", True)
    assert posted.published_at == datetime(2016, 12, 28, tzinfo=UTC)
    assert all(one.record.title and one.signal is None for one in batch.observations)


def test_without_an_address_none_is_given(sqlite: Database, server: ReplayServer, build: Build) -> None:
    server.script("/works", Reply(body=b'{"results": []}'))
    for contact in ("", "https://papers.example.org", "two words@example.org"):
        build(sqlite, contact=contact, openalex={"filter": "", "ask_every": "1s"}).run(["openalex"])
    assert [asked.query.get("mailto") for asked in server.asked] == [None] * len(server.asked)
    assert server.asked[0].query["filter"] == "from_publication_date:2026-08-10,to_publication_date:2026-08-17"
    assert "search" not in server.asked[0].query


@pytest.mark.parametrize(
    "location",
    [
        {"landing_page_url": "http://arxiv.org/abs/2608.00001v2"},
        {"id": "pmh:oai:arXiv.org:2608.00001"},
        {"id": "doi:10.48550/arxiv.2608.00001"},
        {"landing_page_url": "https://doi.org/10.48550/arXiv.2608.00001"},
        {"landing_page_url": 7, "pdf_url": "https://arxiv.org/pdf/2608.00001"},
    ],
)
def test_the_arxiv_id_is_found_among_the_locations(location: dict[str, object]) -> None:
    found = record(doi="https://doi.org/10.1000/A", locations=[{"landing_page_url": "https://example.org"}, None, location])
    assert (found.arxiv_id, found.doi, found.project_url) == ("2608.00001", "10.1000/a", "")


def test_a_work_without_identity_links_to_where_it_is() -> None:
    assert record(locations=[{}, {"landing_page_url": "https://example.org/p"}]).project_url == "https://example.org/p"
    assert record().project_url == "https://openalex.org/W1"


def test_a_retraction_counts_from_when_it_was_read() -> None:
    assert record(is_retracted=True).withdrawn_at == NOW
    assert record(is_retracted=False).withdrawn_at is None


def test_a_date_to_come_says_nothing_and_no_date_is_of_any_age() -> None:
    assert record(publication_date="2027-01-01").published_at is None
    assert read_entry({"title": "Tiny Models"}, now=NOW) == "no date of publication"
    assert record(
        publication_date=None, doi="https://doi.org/10.48550/arxiv.2608.00001", locations=[{"id": "oai:arXiv.org:2608.00001"}]
    )


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("The role of <i>E. coli</i> &amp; others", "The role of E. coli & others"),
        ("H<sub>2</sub>O", "H2O"),
        ("If n<m and p > q", "If n<m and p > q"),
        ("AT&amp;T", "AT&T"),
    ],
)
def test_markup_in_titles_is_taken_away_and_mathematics_is_not(given: str, shown: str) -> None:
    assert record(title=given).title == shown


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9), max_size=60))
def test_an_abstract_is_rebuilt_from_its_index(words: list[str]) -> None:
    index: dict[str, list[int]] = {}
    for position, word in enumerate(words):
        index.setdefault(word, []).append(position)
    assert abstract_of(index) == " ".join(words)


@pytest.mark.parametrize(
    "index",
    [
        None,
        "text",
        {"word": 3, "other": [True, "1", 1.5, None, -1, 10**30]},
        [["word", [1]]],
    ],
)
def test_an_index_that_is_none_is_no_abstract(index: object) -> None:
    assert abstract_of(index) == ""


def test_a_small_index_cannot_become_a_huge_text() -> None:
    began = time.process_time()
    text = abstract_of({"x" * 1_000_000: list(range(1_000_000)), "y": [10**9], "z": [3, 3, 3]})
    assert len(text) <= MAX_ABSTRACT + 300
    assert abstract_of({"far": [10**7], "b": [1], "a": [0]}) == "a b"
    assert time.process_time() - began < 5
