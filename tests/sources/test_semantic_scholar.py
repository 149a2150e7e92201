"""Semantic Scholar: recorded answers, and the odd ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from newsletter.database import Database
from newsletter.papers.model import Observation
from newsletter.papers.store import PaperStore
from newsletter.sources.base import SourceError
from newsletter.sources.index import parse
from newsletter.sources.semantic_scholar import read_entry, read_page
from newsletter.sources.store import RunOutcome
from tests.sources.conftest import Build
from tests.sources.replay import ReplayServer, Reply

NOW = datetime(2026, 8, 17, 6, tzinfo=UTC)


def recorded(shared_data: Path, name: str) -> bytes:
    return (shared_data / "sources" / f"semanticscholar_{name}.json").read_bytes()


def read(**fields: Any) -> Observation | str:
    entry = {"paperId": "a" * 40, "title": "Tiny Models", "publicationDate": "2026-08-14", **fields}
    return read_entry(entry, now=NOW)


@pytest.mark.shared_data
def test_a_recorded_search_comes_over_the_wire(
    database: Database, server: ReplayServer, build: Build, shared_data: Path
) -> None:
    body = json.loads(recorded(shared_data, "bulk_search"))
    undated = [paper for paper in body["data"] if not paper["publicationDate"] and "ArXiv" not in paper["externalIds"]]
    pages = [Reply(body=recorded(shared_data, "bulk_search")), Reply(body=recorded(shared_data, "empty_paginated_results"))]
    server.script("/bulk", *pages)
    (outcome,) = build(database).run(["semantic_scholar"])
    assert (outcome.outcome, outcome.seen) == (RunOutcome.DONE, 50 - len(undated))
    assert outcome.refused == {"no date of publication": len(undated)}
    first, second = (asked.query for asked in server.asked)
    assert first["query"] == '"machine learning" | "language model" | "neural network"'
    assert (first["fieldsOfStudy"], first["sort"]) == ("Computer Science", "publicationDate:desc")
    assert second == first | {"token": body["token"]}
    with database.read() as session:
        papers = PaperStore(session).latest(None)
    assert sum(paper.key.startswith("arxiv:") for paper in papers) == 7
    assert all(paper.title and paper.listed_at.year < 2026 for paper in papers)
    assert [paper.title for paper in papers if not paper.authors] == ["Open-Ended Questions"]
    both = next(paper for paper in papers if paper.arxiv_id == "2103.14453")
    assert both.doi == "10.1007/s13042-022-01553-3"
    assert both.published_at == both.listed_at == datetime(2021, 3, 26, tzinfo=UTC)
    assert "Computer Science" in both.categories


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["relevance_search", "search_paper", "search_paper_match_title", "empty_paginated_results"])
def test_every_recorded_search_is_read(shared_data: Path, name: str) -> None:
    page = read_page(json.loads(recorded(shared_data, name)))
    batch = parse(page.entries, lambda entry: read_entry(entry, now=NOW))
    assert len(batch.observations) + sum(batch.refused.values()) == len(page.entries)
    assert batch.refused.keys() <= {"no date of publication"}
    if name == "relevance_search":
        assert len(batch.observations) == 39


@pytest.mark.shared_data
def test_recorded_papers_asked_for_by_id_leave_gaps(shared_data: Path) -> None:
    entries = json.loads(recorded(shared_data, "get_papers_not_found_warning"))
    batch = parse(entries, lambda entry: read_entry(entry, now=NOW))
    assert batch.refused["entry that is not an object"] == entries.count(None)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("status", "name", "words"),
    [
        (400, "bad_query_parameters", "HTTP 400, the service says: Unrecognized or unsupported fields: [unknown]"),
        (404, "not_found", "HTTP 404, the service says: Paper with id 0 not found"),
        (200, "not_found_1", "the service says: Author with id 0 not found"),
        (200, "get_author", "the answer holds no papers"),
        (200, "get_recommended_papers", "the answer holds no papers"),
    ],
)
def test_a_recorded_refusal_is_told_in_its_words(
    sqlite: Database, server: ReplayServer, build: Build, shared_data: Path, status: int, name: str, words: str
) -> None:
    server.script("/bulk", Reply(status, body=recorded(shared_data, name)))
    (outcome,) = build(sqlite).run(["semantic_scholar"])
    assert outcome.outcome is RunOutcome.FAILED
    assert outcome.problem.startswith(f"semantic_scholar: {words}; ")


def test_a_paper_without_identity_links_to_the_index() -> None:
    url = "https://www.semanticscholar.org/paper/aaa"
    known, unknown = read(url=url, externalIds={"DOI": "10.1000/A"}), read(url=url, externalIds={"CorpusId": 1})
    assert isinstance(known, Observation)
    assert isinstance(unknown, Observation)
    assert (known.record.doi, known.record.project_url) == ("10.1000/a", "")
    assert (unknown.record.doi, unknown.record.project_url) == (None, url)


def test_a_date_to_come_says_nothing_and_no_date_is_of_any_age() -> None:
    ahead = read(publicationDate="2026-12-01")
    assert isinstance(ahead, Observation)
    assert (ahead.record.published_at, ahead.record.listed_at) == (None, None)
    assert read(publicationDate=None, year=2026) == "no date of publication"
    on_arxiv = read(publicationDate=None, externalIds={"ArXiv": "2608.00001v2"})
    assert isinstance(on_arxiv, Observation)
    assert on_arxiv.record.arxiv_id == "2608.00001"


def test_an_answer_of_something_else_is_refused() -> None:
    with pytest.raises(SourceError, match="holds no papers"):
        read_page({"data": {"a": 1}, "total": 3})
    assert read_page({"data": [], "token": 7}).following == ""
