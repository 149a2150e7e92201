"""Summaries are asked for within the budgets, paid for once, kept, and frozen with the issue."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from pydantic import SecretStr

from newsletter.clock import ManualClock
from newsletter.config import NewsletterConfig, SummariesConfig, TrendingConfig
from newsletter.database import Database
from newsletter.digest.builder import IssueBuilder
from newsletter.digest.store import IssueStore
from newsletter.papers.model import Observation, Paper, PaperSeq
from newsletter.papers.store import PaperStore
from newsletter.summaries.endpoint import Endpoint
from newsletter.summaries.model import SummaryReport
from newsletter.summaries.service import SummaryService, WrittenSummaries
from newsletter.summaries.store import DAYS_KEPT, WAITS, SummaryStore
from subscribers.model import Cadence
from tests.samples import LISTED, record, votes
from tests.sources.replay import Asked, ReplayServer, Reply
from tests.summaries.chat import ABSTRACT, GOOD, PATH, completion
from tests.summaries.conftest import KEY, MakeConfig


class Dying:
    """Takes the process with it."""

    def summarize(self, title: str, abstract: str) -> str:  # noqa: ARG002 - it gets no further
        raise SystemExit


def _papers(database: Database, count: int, **changes: object) -> list[Paper]:
    """Take in papers that lack a summary and return them."""
    told = {"abstract": ABSTRACT, **changes}
    records = [record(f"2608.{number:05}", **told) for number in range(1, count + 1)]
    with database.write() as session:
        PaperStore(session).ingest(
            [Observation(each, votes(9)) for each in records], source="hf_daily_papers", now=LISTED + timedelta(hours=4)
        )
        return sorted(PaperStore(session).latest(), key=lambda paper: paper.seq)


def _service(database: Database, clock: ManualClock, config: SummariesConfig) -> SummaryService:
    return SummaryService(database, clock, config, Endpoint(config, api_key=SecretStr(KEY), contact=""))


def _written(database: Database, papers: Sequence[Paper], model: str = "small") -> dict[PaperSeq, str]:
    return WrittenSummaries(database, model).of(papers)


def _titles(asked: Sequence[Asked]) -> list[str]:
    return [json.loads(json.loads(each.body)["messages"][1]["content"])["title"] for each in asked]


def test_a_paper_is_paid_for_once(database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig) -> None:
    server.script(PATH, completion(GOOD))
    papers = _papers(database, 2)
    service = _service(database, clock, configured())
    assert service.run(papers) == SummaryReport(written=2)
    clock.advance(timedelta(days=9))
    assert service.run(papers) == SummaryReport()
    assert len(server.asked) == 2
    assert _written(database, papers) == {paper.seq: GOOD for paper in papers}


def test_only_papers_without_a_summary_are_asked_for_the_first_ones_first(
    database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig
) -> None:
    server.script(PATH, completion(GOOD))
    summed_up = _papers(database, 1, summary="The source says so.")
    with database.write() as session:
        PaperStore(session).ingest(
            [Observation(record(f"2609.0000{number}", abstract=ABSTRACT)) for number in range(3)],
            source="arxiv_api",
            now=clock.now(),
        )
        lacking = [PaperStore(session).get(f"2609.0000{number}") for number in (2, 0, 1)]
    papers = [*summed_up, *(paper for paper in lacking if paper is not None)]
    assert _service(database, clock, configured(per_run=2)).run(papers) == SummaryReport(written=2)
    assert _titles(server.asked) == ["Sample 2609.00002", "Sample 2609.00000"]


def test_two_processes_share_the_budget_of_a_day(
    database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig
) -> None:
    server.script(PATH, completion(GOOD))
    papers = _papers(database, 9)
    config = configured(per_day=5)
    first = _service(database, clock, config).run(papers[:4])
    second = _service(database, clock, config).run(papers)
    assert (first, second.written) == (SummaryReport(written=4), 1)
    assert "summaries.per_day" in second.problem
    assert len(server.asked) == 5
    clock.advance(timedelta(days=1))
    # What was not paid for was not claimed either: it waits for nothing but the next day.
    assert _service(database, clock, config).run(papers).written == 4


def test_processes_that_run_at_once_pay_for_no_paper_twice(
    database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig
) -> None:
    server.script(PATH, completion(GOOD))
    papers = _papers(database, 8)
    together = threading.Barrier(4)
    reports: list[SummaryReport] = []

    def run() -> None:
        service = _service(database, clock, configured(per_day=6, timeout="60s"))
        together.wait()
        reports.append(service.run(papers))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.written for report in reports) == 6
    assert len(set(_titles(server.asked))) == len(server.asked) == 6


def test_a_paper_that_cannot_be_summed_up_is_given_up_in_the_end(
    database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig
) -> None:
    server.script(PATH, completion("I'm sorry, I cannot do that."))
    [paper] = _papers(database, 1)
    service = _service(database, clock, configured())
    assert service.run([paper]).failed == 1
    assert service.run([paper]).failed == 0
    for wait in WAITS:
        clock.advance(wait - timedelta(seconds=1))
        assert service.run([paper]).failed == 0
        clock.advance(timedelta(seconds=1))
        assert service.run([paper]).failed == 1
    clock.advance(timedelta(days=99))
    assert service.run([paper]).failed == 0
    assert len(server.asked) == 1 + len(WAITS)
    assert _written(database, [paper]) == {}


def test_a_process_that_died_over_a_request_keeps_nobody_from_asking_later(
    database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig
) -> None:
    server.script(PATH, completion(GOOD))
    [paper] = _papers(database, 1)
    service = _service(database, clock, configured())
    with pytest.raises(SystemExit):
        SummaryService(database, clock, configured(), Dying()).run([paper])
    assert service.run([paper]) == SummaryReport()
    clock.advance(WAITS[0])
    assert service.run([paper]) == SummaryReport(written=1)


def test_a_service_that_is_down_is_not_asked_on_and_on(
    database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig
) -> None:
    server.script(PATH, Reply(503))
    report = _service(database, clock, configured()).run(_papers(database, 9))
    assert (report.written, report.failed) == (0, 3)
    assert "HTTP 503" in report.problem
    assert len(server.asked) == 3


def test_one_failure_between_others_stops_nothing(
    database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig
) -> None:
    server.script(PATH, Reply(500), Reply(500), completion(GOOD), Reply(500), Reply(500), completion(GOOD))
    assert _service(database, clock, configured()).run(_papers(database, 7)) == SummaryReport(written=3, failed=4)


def test_another_abstract_or_another_model_asks_for_another_summary(
    database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig
) -> None:
    server.script(PATH, completion(GOOD))
    [paper] = _papers(database, 1)
    _service(database, clock, configured()).run([paper])
    [changed] = _papers(database, 1, abstract=f"{ABSTRACT} We also count sand.", version=2)
    service = _service(database, clock, configured())
    assert _written(database, [changed]) == {}
    assert service.run([changed]) == SummaryReport(written=1)
    larger = _service(database, clock, configured(model="large"))
    assert _written(database, [changed], "large") == {}
    assert larger.run([changed]) == SummaryReport(written=1)
    assert _written(database, [changed], "large") == {changed.seq: GOOD}


def test_a_written_summary_is_frozen_with_the_issue(
    database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig
) -> None:
    server.script(PATH, completion(GOOD))
    _papers(database, 1)
    [own] = [paper for paper in _papers(database, 2, summary="The source says so.") if paper.arxiv_id == "2608.00002"]
    with database.write() as session:
        PaperStore(session).ingest(
            [Observation(record("2609.00001", abstract=ABSTRACT), votes(1))],
            source="arxiv_api",
            now=LISTED + timedelta(hours=4),
        )
        lacking = PaperStore(session).get("2609.00001")
    assert lacking is not None
    service = _service(database, clock, configured())
    service.run([lacking])
    builder = IssueBuilder(database, TrendingConfig(), summaries=WrittenSummaries(database, "small").of)
    at = LISTED + timedelta(hours=12)
    frozen = builder.build("papers", NewsletterConfig(), cadence=Cadence.DAILY, slot="2026-08-17", at=at)
    assert frozen.issue is not None
    with database.read() as session:
        pool = {entry.paper.seq: entry.paper.summary for entry in IssueStore(session).pool(frozen.issue.id)}
    assert pool[lacking.seq] == GOOD
    assert pool[own.seq] == "The source says so."


def test_the_log_tells_the_outcome_and_never_the_key(
    database: Database, clock: ManualClock, server: ReplayServer, configured: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(PATH, completion(GOOD), Reply(401, body=KEY.encode()))
    _service(database, clock, configured()).run(_papers(database, 2))
    assert "summaries.written count=1 failed=1" in caplog.text
    assert KEY not in caplog.text
    assert GOOD not in caplog.text


def test_counted_days_do_not_pile_up(database: Database, clock: ManualClock) -> None:
    today = clock.now().date()
    with database.write() as session:
        store = SummaryStore(session)
        assert store.pay(today, most=1)
        assert not store.pay(today, most=1)
    with database.write() as session:
        store = SummaryStore(session)
        assert store.pay(today + DAYS_KEPT + timedelta(days=1), most=1)
        assert store.pay(today, most=1)
