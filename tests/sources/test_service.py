"""Sources run as a whole: recorded answers over a real connection, into both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.papers.model import PaperSeq
from newsletter.papers.store import PaperStore
from newsletter.sources.base import Batch, FetchWindow, Period, PeriodKind
from newsletter.sources.http import PoliteClient
from newsletter.sources.service import SourceOutcome, UnknownSourceError
from newsletter.sources.store import RunOutcome, SourceStore
from tests.sources.conftest import Build
from tests.sources.replay import Asked, ReplayServer, Reply, Sleeper, serving

JSON = {"Content-Type": "application/json"}
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>arXiv Query</title><entry><id>http://arxiv.org/abs/2608.00009v1</id>
<title>From arXiv</title><summary>Text.</summary><published>2026-08-16T00:00:00Z</published></entry></feed>"""


def entry(number: int, votes: int = 1, **paper: Any) -> dict[str, Any]:
    return {"paper": {"id": f"2608.{number:05}", "title": f"Paper {number}", "summary": "Text.", "upvotes": votes, **paper}}


def reply(*entries: object, **headers: str) -> Reply:
    return Reply(body=json.dumps(entries).encode(), headers={**JSON, **headers})


def titles(database: Database) -> list[str]:
    with database.read() as session:
        return [paper.title for paper in PaperStore(session).latest(None)][::-1]


def test_young_working_days_are_asked_for_first_and_oldest_first(
    database: Database, server: ReplayServer, build: Build
) -> None:
    days = {"2026-08-14": reply(entry(1)), "2026-08-17": reply(entry(2), entry(3))}
    server.answer("/daily", lambda asked: days.get(asked.query["date"], reply()))
    (outcome,) = build(database).run()
    assert outcome == SourceOutcome("hf_daily_papers", RunOutcome.DONE, seen=3, new=3, signals=3)
    assert outcome.is_ok
    assert [asked.query["date"] for asked in server.asked[:2]] == ["2026-08-14", "2026-08-17"]  # a Friday and a Monday
    assert titles(database) == ["Paper 1", "Paper 2", "Paper 3"]


def test_an_unchanged_day_costs_no_second_answer(
    database: Database, server: ReplayServer, build: Build, clock: ManualClock
) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(304) if asked.headers.get("if-none-match") == '"v1"' else reply(entry(1), ETag='"v1"')

    server.answer("/daily", answer)
    service = build(database, hf_daily_papers={"days_back": 0})
    assert [one.outcome for one in service.run()] == [RunOutcome.DONE]
    clock.advance(timedelta(hours=1))
    assert service.run() == [SourceOutcome("hf_daily_papers", RunOutcome.UNCHANGED)]


def test_votes_are_measured_again_at_each_run(
    database: Database, server: ReplayServer, build: Build, clock: ManualClock
) -> None:
    server.script("/daily", reply(entry(1, votes=3)), reply(entry(1, votes=8)))
    service = build(database, hf_daily_papers={"days_back": 0})
    first_at = clock.now()
    service.run()
    clock.advance(timedelta(hours=1))
    assert service.run() == [SourceOutcome("hf_daily_papers", RunOutcome.DONE, seen=1, signals=1)]
    with database.read() as session:
        signals = PaperStore(session).signals([1], until=clock.now())[PaperSeq(1)]
    assert [(one.observed_at - first_at >= timedelta(hours=1), one.votes) for one in signals] == [(False, 3), (True, 8)]


@pytest.mark.parametrize("with_link", [True, False])
@pytest.mark.parametrize(("text", "parameter"), [("2026-W33", "week"), ("2026-08", "month"), ("2026-08-13", "date")])
def test_a_long_list_is_read_page_by_page(
    sqlite: Database, server: ReplayServer, build: Build, clock: ManualClock, with_link: bool, text: str, parameter: str
) -> None:
    def answer(asked: Asked) -> Reply:
        assert asked.query[parameter] == text
        start = int(asked.query["p"]) * 2
        link = {"Link": f'<{server.url("/daily")}?p=9>; rel="{"next" if start < 4 else "prev"}"'} if with_link else {}
        return reply(*(entry(number) for number in range(start, min(start + 2, 5))), **link)

    server.answer("/daily", answer)
    service = build(sqlite, hf_daily_papers={"limit": 2})
    (outcome,) = service.run(period=Period.parse(text, today=clock.now().date()))
    assert (outcome.new, outcome.outcome) == (5, RunOutcome.DONE)
    assert [asked.query["p"] for asked in server.asked] == ["0", "1", "2"]


def test_a_service_that_ignores_pages_does_not_hold_us(sqlite: Database, server: ReplayServer, build: Build) -> None:
    server.script("/daily", reply(entry(1), entry(2)))
    service = build(sqlite, hf_daily_papers={"limit": 2})
    (outcome,) = service.run(period=Period.day(date(2026, 8, 14)))
    assert outcome.new == 2
    assert len(server.asked) == 2


def test_trending_is_the_head_of_the_list(sqlite: Database, server: ReplayServer, build: Build, clock: ManualClock) -> None:
    server.script("/daily", reply(entry(1), entry(2)))
    service = build(sqlite, hf_daily_papers={"limit": 2})
    (outcome,) = service.run(period=Period.parse("trending", today=clock.now().date()))
    assert outcome.new == 2
    assert [(asked.query["sort"], asked.query["p"]) for asked in server.asked] == [("trending", "0")]


def test_today_may_not_have_begun_there(sqlite: Database, server: ReplayServer, build: Build) -> None:
    server.answer("/daily", lambda asked: Reply(400) if asked.query["date"] == "2026-08-17" else reply(entry(1)))
    (outcome,) = build(sqlite).run()
    assert (outcome.outcome, outcome.new) == (RunOutcome.DONE, 1)


@pytest.mark.parametrize(
    ("broken", "words", "is_transient"),
    [
        (Reply(429, headers={"Retry-After": "900"}), "HTTP 429; asks to be left alone for 15 min", True),
        (Reply(500), "HTTP 500 (4 times)", True),
        (Reply(body=b"<html>Sorry</html>", headers={"Content-Type": "text/html"}), "a web page instead of JSON", True),
        (Reply(body=b'[{"paper": {"id": "2608.0', headers=JSON), "not JSON, or only a part of it", True),
        (Reply(body=b"", headers=JSON), "an empty answer", True),
        (Reply(hang_up=True), "(4 times)", True),
        (Reply(404), "HTTP 404; check sources.hf_daily_papers.url", False),
        (Reply(body=b'{"papers": []}', headers=JSON), "not a list of papers", False),
    ],
)
def test_a_source_that_breaks_half_way_keeps_what_came_and_others_go_on(
    sqlite: Database, server: ReplayServer, build: Build, broken: Reply, words: str, is_transient: bool
) -> None:
    thursday = "2026-08-13"
    server.answer("/daily", lambda asked: reply(entry(1)) if asked.query["date"] == thursday else broken)
    with serving() as other:
        other.script("/query", Reply(body=ATOM.encode(), headers={"Content-Type": "application/atom+xml"}))
        arxiv = {"enabled": True, "url": other.url("/query")}
        first, second = build(sqlite, hf_daily_papers={"days_back": 4}, arxiv_api=arxiv).run()
    assert (first.source, first.outcome, first.new) == ("hf_daily_papers", RunOutcome.PARTIAL, 1)
    assert words in first.problem
    assert first.problem.startswith("hf_daily_papers: ")
    assert first.is_transient is is_transient
    assert (second.source, second.outcome, second.new) == ("arxiv_api", RunOutcome.DONE, 1)
    assert titles(sqlite) == ["Paper 1", "From arXiv"]


def test_a_first_answer_that_breaks_is_a_failed_run(sqlite: Database, server: ReplayServer, build: Build) -> None:
    server.script("/daily", Reply(503))
    (outcome,) = build(sqlite).run()
    assert (outcome.outcome, outcome.is_ok) == (RunOutcome.FAILED, False)


def test_runs_are_accounted_for(database: Database, server: ReplayServer, build: Build, clock: ManualClock) -> None:
    server.script("/daily", reply(entry(1), None), Reply(404))
    service = build(database, hf_daily_papers={"days_back": 0})
    service.run()
    begun_at = clock.now()
    service.run(period=Period.day(date(2026, 8, 14)))
    runs = service.last_runs()
    assert list(runs) == ["hf_daily_papers"]
    last = runs["hf_daily_papers"]
    assert (last.outcome, last.seen, last.started_at) == (RunOutcome.FAILED, 0, begun_at)
    assert "HTTP 404" in last.problem
    with database.read() as session:
        newest, first = SourceStore(session).runs()
    assert newest == last
    assert (first.outcome, first.seen, first.new, first.refused) == (RunOutcome.DONE, 1, 1, {"entry without a paper": 1})


def test_a_mistake_in_reading_one_source_does_not_stop_the_others(
    sqlite: Database, server: ReplayServer, build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty:
        name = "faulty"

        def fetch(self, http: PoliteClient, window: FetchWindow) -> Iterator[Batch]:
            yield Batch(refused={str(http): [][window.now.year]})

    server.script("/query", Reply(body=ATOM.encode()))
    first, second = build(sqlite, further=[Faulty()]).run(["faulty", "arxiv_api"])
    assert first.problem == "faulty: could not be read: IndexError; this is a bug; the log has its trace"
    assert second.new == 1
    assert "sources.bug source=faulty" in caplog.text


def test_a_validator_is_kept_only_with_what_it_stands_for(sqlite: Database, server: ReplayServer, build: Build) -> None:
    server.script("/daily", reply(entry(1), ETag='"v1"'))
    service = build(sqlite, hf_daily_papers={"days_back": 0})
    with sqlite.write() as session:  # the disk fails when the paper is written
        session.connection().exec_driver_sql(
            "CREATE TRIGGER fault BEFORE INSERT ON paper BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    with pytest.raises(Exception, match="disk full"):
        service.run()
    with sqlite.write() as session:
        session.connection().exec_driver_sql("DROP TRIGGER fault")
    (outcome,) = service.run()
    assert outcome.new == 1
    assert "if-none-match" not in server.asked[1].headers


def test_arxiv_is_asked_the_same_question_once_a_day(
    database: Database, server: ReplayServer, build: Build, clock: ManualClock, sleep: Sleeper
) -> None:
    server.script("/query", Reply(body=ATOM.encode()))
    service = build(database)
    assert [one.new for one in service.run(["arxiv_api"])] == [1]
    clock.advance(timedelta(hours=5))
    assert [one.outcome for one in service.run(["arxiv_api"])] == [RunOutcome.UNCHANGED]
    assert [one.outcome for one in service.run(["arxiv_api"], period=Period.day(date(2026, 8, 14)))] == [RunOutcome.DONE]
    clock.advance(timedelta(hours=20))
    assert [one.outcome for one in service.run(["arxiv_api"])] == [RunOutcome.DONE]
    queries = [asked.query["search_query"] for asked in server.asked]
    assert queries[0] == queries[2] == "cat:cs.AI OR cat:cs.CL OR cat:cs.CV OR cat:cs.LG OR cat:cs.RO"
    assert queries[1] == f"({queries[0]}) AND submittedDate:[202608140000 TO 202608142359]"
    assert server.asked[0].query["max_results"] == "200"


@pytest.mark.shared_data
def test_recorded_answers_of_arxiv_come_over_the_wire(
    sqlite: Database, server: ReplayServer, build: Build, shared_data: Path
) -> None:
    recorded = shared_data / "arxiv"
    server.script("/query", Reply(body=(recorded / "atom_q_testing_s0_m100.xml").read_bytes(), headers={"ETag": '"a"'}))
    server.script("/atom/cs.AI+cs.LG", Reply(body=(recorded / "rss_four_items_2026-09-24.xml").read_bytes()))
    service = build(sqlite, arxiv_rss={"categories": ["cs.AI", "cs.LG"]})
    assert [one.new for one in service.run(["arxiv_api", "arxiv_rss"])] == [100, 4]
    server.script("/query", Reply(400, body=(recorded / "atom_id_abc_s0_m100.xml").read_bytes()))
    (outcome,) = service.run(["arxiv_api"], period=Period.day(date(2026, 8, 14)))
    assert outcome.problem == "arxiv_api: the service says: incorrect id format for abc; check sources.arxiv_api"
    server.script("/query", Reply(body=(recorded / "atom_id_0000.0000_s0_m100.xml").read_bytes()))
    (outcome,) = service.run(["arxiv_api"], period=Period.day(date(2026, 8, 13)))
    assert (outcome.outcome, outcome.seen) == (RunOutcome.DONE, 0)


def test_an_unknown_source_is_named_with_the_nearest(sqlite: Database, server: ReplayServer, build: Build) -> None:
    service = build(sqlite)
    with pytest.raises(UnknownSourceError, match=r"no source is called 'arxiv-api'; did you mean 'arxiv_api'\?"):
        service.run(["hf_daily_papers", "arxiv-api"])
    with pytest.raises(UnknownSourceError, match="known are arxiv_api, arxiv_rss, biorxiv, hf_daily"):
        service.run(["zzz"])
    assert server.asked == []
    indexes = ("biorxiv", "medrxiv", "semantic_scholar", "openalex")
    assert service.known == ("hf_daily_papers", "arxiv_api", "arxiv_rss", *indexes)
    assert service.enabled == ("hf_daily_papers",)


@pytest.mark.shared_data
def test_the_four_seed_pages_twice_leave_142_papers(database: Database, build: Build, shared_data: Path) -> None:
    service = build(database)
    pages = [shared_data / "seed_pages" / f"page-{letter}.txt" for letter in "abcd"]
    first = [service.take_file(page) for page in pages]
    again = [service.take_file(page) for page in pages]
    assert [(one.source, one.seen, one.refused) for one in first] == [("text_page", seen, {}) for seen in (8, 46, 69, 30)]
    assert sum(one.new for one in first) == 142
    assert all(one.new == one.changed == 0 for one in again)
    with database.read() as session:
        papers = PaperStore(session).latest(None)
    assert len(papers) == 142
    assert all(paper.abstract for paper in papers)
    assert sum(bool(paper.author_count and paper.published_at) for paper in papers) == 30
    nova = next(paper for paper in papers if paper.title.startswith("NOVA: "))
    assert (nova.author_count, nova.published_at, nova.listed_at) == (
        1,
        datetime(2025, 12, 20, tzinfo=UTC),
        datetime(2025, 12, 31, tzinfo=UTC),
    )


@pytest.mark.shared_data
def test_a_day_recorded_three_times_is_one_day_with_growing_votes(database: Database, build: Build, shared_data: Path) -> None:
    service = build(database)
    files = sorted((shared_data / "daily_papers_full").glob("2025-03-17@*.json"))
    times = [
        datetime(2025, 3, 17, 2, 22, tzinfo=UTC),
        datetime(2025, 3, 17, 7, 49, tzinfo=UTC),
        datetime(2025, 3, 18, 1, 42, tzinfo=UTC),
    ]
    outcomes = [service.take_file(file, observed_at=at) for file, at in zip(files, times, strict=True)]
    assert [(one.seen, one.new) for one in outcomes] == [(5, 5), (12, 7), (27, 15)]
    with database.read() as session:
        signals = PaperStore(session).signals([1], until=times[-1])[PaperSeq(1)]
    assert [one.observed_at for one in signals] == times
    votes = [one.votes or 0 for one in signals]
    assert votes == sorted(votes)


def test_a_file_that_cannot_be_read_is_an_outcome(database: Database, build: Build, tmp_path: Path) -> None:
    service = build(database)
    (outcome,) = [service.take_file(tmp_path / "gone.json")]
    assert (outcome.source, outcome.outcome) == ("gone.json", RunOutcome.FAILED)
    assert "check the path" in outcome.problem
    good = tmp_path / "good.jsonl"
    good.write_text('{"title": "One", "source": "a"}\n{"title": "Two", "source": "b"}\n{"title": "?"}\n', encoding="utf-8")
    outcome = service.take_file(good)
    assert (outcome.source, outcome.new, outcome.refused) == ("a", 2, {"neither arXiv id, DOI nor title": 1})
    assert list(service.last_runs()) == ["file"]


@pytest.mark.parametrize(
    ("text", "kind", "first", "last"),
    [
        ("2026-08-17", PeriodKind.DAY, date(2026, 8, 17), date(2026, 8, 17)),
        ("2026-W33", PeriodKind.WEEK, date(2026, 8, 10), date(2026, 8, 16)),
        ("2026-W01", PeriodKind.WEEK, date(2025, 12, 29), date(2026, 1, 4)),
        ("2024-02", PeriodKind.MONTH, date(2024, 2, 1), date(2024, 2, 29)),
        ("2025-12", PeriodKind.MONTH, date(2025, 12, 1), date(2025, 12, 31)),
    ],
)
def test_a_period_is_read_and_printed(text: str, kind: PeriodKind, first: date, last: date) -> None:
    period = Period.parse(text, today=date(2026, 8, 17))
    assert (period.kind, period.first, period.last, str(period)) == (kind, first, last, text)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13", "2026-W60", "2026-02-30", "9999-12", "2026"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no period; write 2026-08-17"):
        Period.parse(text, today=date(2026, 8, 17))
