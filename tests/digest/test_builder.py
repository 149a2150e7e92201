"""An issue is frozen once per slot, whoever asks, and never changes."""

from __future__ import annotations

import threading
from datetime import timedelta

from newsletter.config import NewsletterConfig, TrendingConfig
from newsletter.database import Database
from newsletter.digest.builder import Frozen, IssueBuilder
from newsletter.digest.model import IssueState
from newsletter.digest.store import IssueStore
from newsletter.papers.model import Observation
from newsletter.papers.store import PaperStore
from subscribers.model import Cadence
from tests.samples import LISTED, record, votes

NOON = LISTED + timedelta(hours=12)
PAPERS = NewsletterConfig(pool_size=3)


def _ingest(database: Database, *observations: Observation) -> None:
    with database.write() as session:
        PaperStore(session).ingest(observations, source="hf_daily_papers", now=NOON)


def _build(database: Database, slot: str = "2026-08-17") -> Frozen:
    return IssueBuilder(database, TrendingConfig()).build("papers", PAPERS, cadence=Cadence.DAILY, slot=slot, at=NOON)


def test_an_issue_holds_the_best_of_what_is_known(database: Database) -> None:
    _ingest(database, *(Observation(record(f"2608.0000{number}"), votes(number)) for number in range(1, 6)))
    frozen = _build(database)
    assert frozen.is_new
    assert frozen.issue is not None
    assert (frozen.issue.number, frozen.issue.state) == (1, IssueState.BUILDING)
    with database.read() as session:
        pool = IssueStore(session).pool(frozen.issue.id)
    assert [(entry.rank, entry.paper.arxiv_id) for entry in pool] == [(1, "2608.00005"), (2, "2608.00004"), (3, "2608.00003")]


def test_a_frozen_pool_stays_what_it_was(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(3)))
    issue = _build(database).issue
    assert issue is not None
    with database.read() as session:
        before = IssueStore(session).pool(issue.id)
    _ingest(database, Observation(record("2608.00001", title="Another Title", version=2), votes(99, hours=6)))
    with database.read() as session:
        assert IssueStore(session).pool(issue.id) == before


def test_a_slot_is_built_once(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(3)))
    first, second, next_day = _build(database), _build(database), _build(database, "2026-08-18")
    assert (first.is_new, second.is_new, next_day.is_new) == (True, False, True)
    assert first.issue == second.issue
    assert next_day.issue is not None
    assert next_day.issue.number == 2


def test_without_papers_there_is_no_issue_and_the_slot_stays_free(database: Database) -> None:
    assert _build(database) == Frozen(None, is_new=False)
    _ingest(database, Observation(record("2608.00001"), votes(3)))
    assert _build(database).is_new


def test_many_builders_at_once_make_one_issue(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(3)))
    together = threading.Barrier(6)
    made: list[Frozen] = []

    def build() -> None:
        together.wait()
        made.append(_build(database))

    threads = [threading.Thread(target=build) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(frozen.is_new for frozen in made) == [False] * 5 + [True]
    assert len({frozen.issue.id for frozen in made if frozen.issue}) == 1
    with database.read() as session:
        assert len(IssueStore(session).latest()) == 1


def test_a_paper_of_the_issue_before_says_where_it_stood_then(database: Database) -> None:
    _ingest(database, *(Observation(record(f"2608.0000{number}"), votes(number)) for number in (1, 2)))
    _build(database)
    _ingest(
        database, Observation(record("2608.00001"), votes(40, hours=13)), Observation(record("2608.00009"), votes(1, hours=13))
    )
    builder = IssueBuilder(database, TrendingConfig())
    tomorrow = NOON + timedelta(hours=20)
    ranked = builder.pool("papers", PAPERS, cadence=Cadence.DAILY, at=tomorrow)
    stood = {each.paper.arxiv_id: (each.receipt.rank_before, each.rank) for each in ranked}
    assert stood["2608.00001"] == (2, 1)
    assert stood["2608.00002"][0] == 1
    assert stood["2608.00009"][0] is None
    # Nothing of an issue that was frozen later is known, and nothing of one of another cadence.
    assert all(each.receipt.rank_before is None for each in builder.pool("papers", PAPERS, cadence=Cadence.DAILY, at=NOON))
    assert all(each.receipt.rank_before is None for each in builder.pool("papers", PAPERS, cadence=Cadence.WEEKLY, at=tomorrow))
    built = builder.build("papers", PAPERS, cadence=Cadence.DAILY, slot="2026-08-18", at=tomorrow)
    assert built.issue is not None
    with database.read() as session:
        kept = IssueStore(session).pool(built.issue.id)
    assert [entry.receipt.rank_before for entry in kept] == [each.receipt.rank_before for each in ranked]
