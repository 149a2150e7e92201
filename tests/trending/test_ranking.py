"""Ranking what is stored, as it was known at an instant."""

from __future__ import annotations

from datetime import timedelta

from newsletter.config import TrendingConfig
from newsletter.database import Database
from newsletter.papers.model import Observation, Signal
from newsletter.papers.store import PaperStore
from newsletter.trending.service import explain, rank
from tests.samples import LISTED, record, votes

WEIGHTS = TrendingConfig()
NOON = LISTED + timedelta(hours=12)


def _ingest(database: Database, *observations: Observation) -> None:
    with database.write() as session:
        PaperStore(session).ingest(observations, source="hf_daily_papers", now=NOON)


def test_the_most_voted_paper_leads_and_places_count_from_one(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(3)), Observation(record("2608.00002"), votes(30)))
    with database.read() as session:
        ranked = rank(session, at=NOON, days=14, weights=WEIGHTS)
    assert [(entry.rank, entry.paper.arxiv_id) for entry in ranked] == [(1, "2608.00002"), (2, "2608.00001")]


def test_votes_that_came_later_do_not_leak_in(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(5)), Observation(record("2608.00002"), votes(3)))
    _ingest(database, Observation(record("2608.00002"), votes(90, hours=20)))
    with database.read() as session:
        at_noon = rank(session, at=NOON, days=14, weights=WEIGHTS)
        next_day = rank(session, at=NOON + timedelta(days=1), days=14, weights=WEIGHTS)
    assert [entry.paper.arxiv_id for entry in at_noon] == ["2608.00001", "2608.00002"]
    assert [entry.paper.arxiv_id for entry in next_day] == ["2608.00002", "2608.00001"]


def test_papers_not_listed_yet_too_old_or_withdrawn_are_left_out(database: Database) -> None:
    _ingest(
        database,
        Observation(record("2608.00001", listed_at=NOON + timedelta(hours=1))),
        Observation(record("2608.00002", listed_at=NOON - timedelta(days=15))),
        Observation(record("2608.00003", withdrawn_at=LISTED)),
        Observation(record("2608.00004")),
    )
    with database.read() as session:
        assert [entry.paper.arxiv_id for entry in rank(session, at=NOON, days=14, weights=WEIGHTS)] == ["2608.00004"]


def test_papers_nobody_voted_for_stand_in_the_order_they_came(database: Database) -> None:
    _ingest(database, *(Observation(record(f"2608.0000{number}")) for number in (3, 1, 2)))
    with database.read() as session:
        ranked = rank(session, at=NOON, days=14, weights=WEIGHTS, limit=2)
    assert [entry.paper.arxiv_id for entry in ranked] == ["2608.00003", "2608.00001"]


def test_explaining_a_paper_gives_the_receipt_it_was_ranked_by(database: Database) -> None:
    signal = Signal("hf_daily_papers", LISTED + timedelta(hours=3), votes=30, comments=4, stars=12)
    _ingest(database, Observation(record("2608.00001"), signal))
    with database.read() as session:
        entry = rank(session, at=NOON, days=14, weights=WEIGHTS)[0]
        assert explain(session, entry.paper, at=NOON, weights=WEIGHTS) == entry.receipt
