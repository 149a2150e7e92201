"""Ranking what is stored, as it was known at an instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.config import TrendingConfig
from newsletter.database import Database
from newsletter.papers.model import Observation, PaperRecord, Signal
from newsletter.papers.store import PaperStore
from newsletter.trending.model import RankedPaper
from newsletter.trending.service import explain, rank
from tests.samples import LISTED, record, votes
from tests.trending.past import LEARNED

WEIGHTS = TrendingConfig()
NOON = LISTED + timedelta(hours=12)
HF = "hf_daily_papers"
#: A measurement: paper, source, hours after listing, votes.
measured = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from([HF, "mirror"]), st.integers(0, 60), st.integers(0, 200)), max_size=25
)


def _ingest(database: Database, *observations: Observation, now: datetime = NOON, source: str = HF) -> None:
    with database.write() as session:
        PaperStore(session).ingest(observations, source=source, now=now)


def _ranked(database: Database, at: datetime = NOON, limit: int | None = None) -> list[RankedPaper]:
    with database.read() as session:
        return rank(session, at=at, days=14, weights=WEIGHTS, learned=LEARNED, limit=limit)


def _ids(ranked: Sequence[RankedPaper]) -> list[str | None]:
    return [entry.paper.arxiv_id for entry in ranked]


def test_the_most_voted_paper_leads_and_places_count_from_one(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(3)), Observation(record("2608.00002"), votes(30)))
    assert [(entry.rank, entry.paper.arxiv_id) for entry in _ranked(database)] == [(1, "2608.00002"), (2, "2608.00001")]


def test_a_young_paper_that_rises_fast_stands_before_an_older_one_with_more_votes(database: Database) -> None:
    older = record("2608.00001", listed_at=LISTED - timedelta(days=3))
    _ingest(database, Observation(older, votes(40)), Observation(record("2608.00002"), votes(30)))
    assert _ids(_ranked(database)) == ["2608.00002", "2608.00001"]


def test_votes_that_came_later_do_not_leak_in(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(5)), Observation(record("2608.00002"), votes(3)))
    before = _ranked(database)
    _ingest(database, Observation(record("2608.00002"), votes(90, hours=20)), now=LISTED + timedelta(hours=20))
    assert _ranked(database) == before
    assert _ids(before) == ["2608.00001", "2608.00002"]
    assert _ids(_ranked(database, NOON + timedelta(days=1))) == ["2608.00002", "2608.00001"]


def test_papers_not_listed_yet_too_old_or_withdrawn_are_left_out(database: Database) -> None:
    _ingest(
        database,
        Observation(record("2608.00001", listed_at=NOON + timedelta(hours=1))),
        Observation(record("2608.00002", listed_at=NOON - timedelta(days=15))),
        Observation(record("2608.00003", withdrawn_at=LISTED)),
        Observation(record("2608.00004")),
    )
    assert _ids(_ranked(database)) == ["2608.00004"]


def test_papers_of_equal_scores_stand_in_the_order_they_came(database: Database) -> None:
    _ingest(database, *(Observation(record(f"2608.0000{number}", title="One title")) for number in (3, 1, 2)))
    assert _ids(_ranked(database, limit=2)) == ["2608.00003", "2608.00001"]


def test_a_limit_takes_the_best_and_changes_nothing_about_them(database: Database) -> None:
    _ingest(database, *(Observation(record(f"2608.0000{number}"), votes(number)) for number in range(1, 8)))
    assert _ranked(database, limit=3) == _ranked(database)[:3]


def test_an_empty_store_has_an_empty_ranking(database: Database) -> None:
    assert _ranked(database) == []


def test_the_shipped_tables_serve_where_no_others_are_given(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(3)), Observation(record("2608.00002"), votes(30)))
    with database.read() as session:
        ranked = rank(session, at=NOON, days=14, weights=WEIGHTS)
        assert _ids(ranked) == ["2608.00002", "2608.00001"]
        assert explain(session, ranked[0].paper, at=NOON, weights=WEIGHTS) == ranked[0].receipt


def test_explaining_a_paper_gives_the_receipt_it_was_ranked_by(database: Database) -> None:
    signals = tuple(Signal(HF, LISTED + timedelta(hours=h), votes=9 * h, comments=h, stars=3 * h) for h in (1, 3, 8))
    _ingest(database, *(Observation(record(f"2608.0000{number}"), history=signals[:number]) for number in range(4)))
    with database.read() as session:
        for entry in rank(session, at=NOON, days=14, weights=WEIGHTS, learned=LEARNED):
            assert explain(session, entry.paper, at=NOON, weights=WEIGHTS, learned=LEARNED) == entry.receipt


@pytest.fixture(scope="module")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("empty") / "newsletter.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path.read_bytes()


@settings(max_examples=25, deadline=None)
@given(known=measured, later=measured, renamed=st.sets(st.integers(1, 6)), new=st.integers(0, 3))
def test_nothing_that_became_known_later_changes_a_ranking(
    empty_file: bytes,
    known: list[tuple[int, str, int, int]],
    later: list[tuple[int, str, int, int]],
    renamed: set[int],
    new: int,
) -> None:
    at = LISTED + timedelta(hours=61)

    def observed(figures: list[tuple[int, str, int, int]], begin: datetime) -> list[Observation]:
        return [
            Observation(record(f"2608.0000{number}"), Signal(source, begin + timedelta(hours=hours), votes=count))
            for number, source, hours, count in figures
        ]

    with TemporaryDirectory() as folder:
        path = Path(folder) / "newsletter.db"
        path.write_bytes(empty_file)
        database = Database(f"sqlite:///{path}")
        try:
            _ingest(database, *observed(known, LISTED), now=at)
            before = _ranked(database, at)
            after = at + timedelta(seconds=1)
            changed: list[PaperRecord] = [
                record(f"2608.0000{number}", title="Another title, of other words", abstract="All new. " * 30, version=9)
                for number in renamed
            ]
            unknown = [record(f"2608.0009{number}", listed_at=LISTED) for number in range(new)]
            _ingest(database, *observed(later, after), *map(Observation, [*changed, *unknown]), now=at + timedelta(days=4))
            _ingest(database, *map(Observation, changed), now=at + timedelta(days=5), source="arxiv")
            assert _ranked(database, at) == before
        finally:
            database.dispose()
