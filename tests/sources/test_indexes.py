"""What asking the indexes has in common: pages, limits, keys, failures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from newsletter.clock import ManualClock
from newsletter.config import OpenAlexConfig, SemanticScholarConfig
from newsletter.database import Database
from newsletter.papers.store import PaperStore
from newsletter.sources.base import Period
from newsletter.sources.store import RunOutcome, SourceStore
from newsletter.sources.tables import FetchRunRow, HttpValidatorRow
from tests.sources.conftest import PATHS, Build
from tests.sources.replay import Asked, ReplayServer, Reply, serving

SECRET = "s3cret-key"


@dataclass(frozen=True, slots=True)
class Index:
    """One index as a test needs it: its name, how it writes a page, and where it finds cursor, days and key."""

    name: str
    page: Callable[[list[int], str], dict[str, Any]]
    cursor: Callable[[Asked], str]
    days: Callable[[Asked], str]
    key: Callable[[Asked], str | None]


def _scholar_page(numbers: list[int], following: str) -> dict[str, Any]:
    papers = [
        {"paperId": f"{number:040x}", "title": f"Paper {number}", "publicationDate": "2026-08-14", "externalIds": None}
        for number in numbers
    ]
    return {"total": 9, "data": papers} | ({"token": following} if following else {})


def _work_page(numbers: list[int], following: str) -> dict[str, Any]:
    works = [{"id": f"W{number}", "title": f"Paper {number}", "publication_date": "2026-08-14"} for number in numbers]
    return {"meta": {"count": 9, "next_cursor": following or None}, "results": works}


SCHOLAR = Index(
    "semantic_scholar",
    _scholar_page,
    lambda asked: asked.query.get("token", ""),
    lambda asked: asked.query["publicationDateOrYear"],
    lambda asked: asked.headers.get("x-api-key"),
)
OPENALEX = Index(
    "openalex",
    _work_page,
    lambda asked: asked.query["cursor"].replace("*", ""),
    lambda asked: ":".join(part.rpartition(":")[2] for part in asked.query["filter"].split(",")[-2:]),
    lambda asked: asked.query.get("api_key"),
)


@pytest.fixture(params=[SCHOLAR, OPENALEX], ids=lambda index: index.name)
def index(request: pytest.FixtureRequest) -> Index:
    assert isinstance(request.param, Index)
    return request.param


def own(index: Index, **keys: Any) -> dict[str, Any]:
    return {index.name: keys}


def reply(payload: object) -> Reply:
    return Reply(body=json.dumps(payload).encode(), headers={"Content-Type": "application/json"})


def titles(database: Database) -> list[str]:
    with database.read() as session:
        return [paper.title for paper in PaperStore(session).latest(None)][::-1]


def in_pages(server: ReplayServer, index: Index, pages: dict[str, tuple[list[int], str]]) -> None:
    server.answer(PATHS[index.name], lambda asked: reply(index.page(*pages[index.cursor(asked)])))


def test_it_is_read_page_by_page_until_there_are_enough(
    database: Database, server: ReplayServer, build: Build, index: Index
) -> None:
    in_pages(server, index, {"": ([9, 8, 7], "b"), "b": ([7, 6, 5], "c"), "c": ([4, 3], "")})
    (outcome,) = build(database, **own(index, max_papers=6)).run([index.name])
    assert (outcome.outcome, outcome.new, outcome.signals) == (RunOutcome.DONE, 6, 0)
    assert titles(database) == [f"Paper {number}" for number in (7, 8, 9, 5, 6, 4)]  # each page oldest first
    assert [index.cursor(asked) for asked in server.asked] == ["", "b", "c"]
    assert [index.days(asked) for asked in server.asked] == ["2026-08-10:2026-08-17"] * 3


def test_it_stops_where_nothing_follows(sqlite: Database, server: ReplayServer, build: Build, index: Index) -> None:
    in_pages(server, index, {"": ([2, 1], "")})
    assert [one.new for one in build(sqlite).run([index.name])] == [2]
    assert len(server.asked) == 1


def test_a_service_that_turns_in_circles_does_not_hold_us(
    sqlite: Database, server: ReplayServer, build: Build, index: Index
) -> None:
    in_pages(server, index, {"": ([2, 1], "b"), "b": ([2, 1], "b")})
    assert [one.new for one in build(sqlite).run([index.name])] == [2]
    assert len(server.asked) == 2


def test_a_cursor_without_end_is_refused(sqlite: Database, server: ReplayServer, build: Build, index: Index) -> None:
    in_pages(server, index, {"": ([2, 1], "b" * 5000)})
    (outcome,) = build(sqlite).run([index.name])
    assert outcome.problem == f"{index.name}: the cursor of its next page is too long; check sources.{index.name}.url"


def test_the_same_question_is_asked_again_after_a_while_only(
    database: Database, server: ReplayServer, build: Build, clock: ManualClock, index: Index
) -> None:
    in_pages(server, index, {"": ([3, 2], "b"), "b": ([1], "")})
    service = build(database)
    outcomes = []
    for _ in range(3):
        outcomes += [one.outcome for one in service.run([index.name])]
        clock.advance(timedelta(hours=4))
    assert outcomes == [RunOutcome.DONE, RunOutcome.UNCHANGED, RunOutcome.DONE]
    assert len(server.asked) == 4


def test_a_run_that_broke_half_way_keeps_what_came_and_begins_anew(
    sqlite: Database, server: ReplayServer, build: Build, index: Index
) -> None:
    second = [Reply(body=b"<html>"), reply(index.page([1], ""))]
    server.answer(PATHS[index.name], lambda asked: second.pop(0) if index.cursor(asked) else reply(index.page([3, 2], "b")))
    service = build(sqlite)
    assert [(one.outcome, one.new) for one in service.run([index.name])] == [(RunOutcome.PARTIAL, 2)]
    assert [(one.outcome, one.new) for one in service.run([index.name])] == [(RunOutcome.DONE, 1)]


def test_a_period_is_asked_for_by_its_days(sqlite: Database, server: ReplayServer, build: Build, index: Index) -> None:
    in_pages(server, index, {"": ([1], "")})
    build(sqlite).run([index.name], period=Period.parse("2026-07", today=date(2026, 8, 17)))
    assert [index.days(asked) for asked in server.asked] == ["2026-07-01:2026-07-31"]


@pytest.mark.parametrize(
    ("broken", "words", "is_transient"),
    [
        (Reply(429, headers={"Retry-After": "900"}), "HTTP 429; asks to be left alone for 15 min", True),
        (Reply(503), "HTTP 503 (4 times)", True),
        (Reply(body=b"<html>Sorry", headers={"Content-Type": "text/html"}), "a web page instead of JSON", True),
        (Reply(body=b'{"data": [{"pap'), "not JSON, or only a part of it", True),
        (Reply(body=b""), "an empty answer", True),
        (Reply(body=b"[]"), "the answer is not an object", False),
        (Reply(body=b"{}"), "the answer holds no", True),
        (Reply(body=b'{"error": "Out of order"}'), "the service says: Out of order", True),
        (
            Reply(400, body=b'{"error": "Bad", "message": "No such\\nfilter."}'),
            "HTTP 400, the service says: Bad: No such filter;",
            False,
        ),
        (Reply(404, body=b'{"error": 1}'), "HTTP 404; check sources.", False),
        (Reply(403, body=b"no"), "HTTP 403; the service may want a key; set sources.", False),
    ],
)
def test_a_failure_is_told(
    sqlite: Database,
    server: ReplayServer,
    build: Build,
    index: Index,
    broken: Reply,
    words: str,
    is_transient: bool,
) -> None:
    server.script(PATHS[index.name], broken)
    (outcome,) = build(sqlite).run([index.name])
    assert outcome.outcome is RunOutcome.FAILED
    assert outcome.problem.startswith(f"{index.name}: ")
    assert words in outcome.problem
    assert outcome.is_transient is is_transient


def test_a_busy_service_is_asked_again_when_it_says(
    sqlite: Database, server: ReplayServer, build: Build, index: Index, clock: ManualClock
) -> None:
    begun_at = clock.now()
    server.script(PATHS[index.name], Reply(429, headers={"Retry-After": "40"}), reply(index.page([1], "")))
    assert [one.outcome for one in build(sqlite).run([index.name])] == [RunOutcome.DONE]
    assert clock.now() - begun_at >= timedelta(seconds=40)


def test_a_key_from_a_file_is_shown_to_the_service_and_kept_nowhere(
    database: Database, server: ReplayServer, build: Build, index: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    file = tmp_path / "key"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    in_pages(server, index, {"": ([3], "b"), "b": ([1], "")})
    service = build(database, **own(index, api_key_file=file))
    service.run([index.name])
    assert [index.key(asked) for asked in server.asked] == [SECRET, SECRET]
    assert [one.outcome for one in service.run([index.name])] == [RunOutcome.UNCHANGED]  # known by its address without the key
    with database.read() as session:
        tables = (HttpValidatorRow.__table__, FetchRunRow.__table__)
        remembered = [session.execute(select(table)).all() for table in tables]
    assert remembered[0]
    assert SECRET not in str(remembered)
    assert SECRET not in caplog.text


def test_a_key_does_not_follow_to_another_service(sqlite: Database, server: ReplayServer, build: Build, index: Index) -> None:
    with serving() as other:
        server.script(PATHS[index.name], Reply(302, headers={"Location": other.url("/elsewhere")}))
        (outcome,) = build(sqlite, **own(index, api_key=SECRET)).run([index.name])
        assert "not asked: http://127.0.0.1" in outcome.problem
        assert SECRET not in outcome.problem
        assert other.asked == []


def test_a_key_goes_along_where_the_service_moves_within_itself(
    sqlite: Database, server: ReplayServer, build: Build, index: Index
) -> None:
    server.script(PATHS[index.name], Reply(302, headers={"Location": "/moved?cursor=*"}))
    server.script("/moved", reply(index.page([1], "")))
    build(sqlite, **own(index, api_key=SECRET)).run([index.name])
    assert [index.key(asked) for asked in server.asked] == [SECRET, SECRET]


def test_without_a_key_none_is_shown(sqlite: Database, server: ReplayServer, build: Build, index: Index) -> None:
    in_pages(server, index, {"": ([1], "")})
    build(sqlite).run([index.name])
    assert [index.key(asked) for asked in server.asked] == [None]


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), ("", "the file is empty"), ("two words", "the key holds characters that no key has")],
)
def test_a_key_that_is_none_leaves_the_others_alone(
    sqlite: Database, server: ReplayServer, build: Build, index: Index, tmp_path: Path, content: str | None, words: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    server.script("/details/biorxiv/2026-08-15/2026-08-17/0/json", reply({"collection": []}))
    first, second = build(sqlite, **own(index, api_key_file=file)).run([index.name, "biorxiv"])
    assert words in first.problem
    assert f"sources.{index.name}.api_key" in first.problem
    assert (first.outcome, second.outcome) == (RunOutcome.FAILED, RunOutcome.DONE)
    assert not any(asked.path == PATHS[index.name] for asked in server.asked)


@pytest.mark.parametrize("model", [SemanticScholarConfig, OpenAlexConfig])
def test_a_key_needs_a_safe_way(model: type[SemanticScholarConfig | OpenAlexConfig]) -> None:
    with pytest.raises(ValidationError, match="a key needs TLS"):
        model.model_validate({"url": "http://api.example.org/x", "api_key": SECRET})
    assert SECRET not in repr(model.model_validate({"api_key": SECRET}))


def test_votes_are_not_made_of_citations(database: Database, server: ReplayServer, build: Build, index: Index) -> None:
    page = index.page([1], "")
    for entry in page.get("data", page.get("results", [])):
        entry |= {"citationCount": 900, "cited_by_count": 900, "influentialCitationCount": 9}
    server.script(PATHS[index.name], reply(page))
    (outcome,) = build(database).run([index.name])
    assert (outcome.new, outcome.signals) == (1, 0)
    with database.read() as session:
        assert SourceStore(session).last_runs()[index.name].new == 1
