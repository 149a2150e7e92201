"""Old snapshots are let go in the stored history."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from newsletter.clock import ManualClock
from newsletter.config import HistoryConfig
from newsletter.database import Database
from newsletter.papers import history as rooms
from newsletter.papers.history import History
from newsletter.papers.model import Observation, PaperRecord, PaperSeq, Signal
from newsletter.papers.store import PaperStore

LISTED = datetime(2026, 8, 17, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MANY = rooms.PAGE + 30


def take(database: Database, *, papers: int, days: int, start: datetime = LISTED, source: str = "hf") -> None:
    """Snapshots every three hours of so many papers."""
    observations = [
        Observation(
            PaperRecord(title=f"Paper {number} of {start}", listed_at=start),
            history=tuple(Signal(source, start + hour * HOUR, hour) for hour in range(0, days * 24, 3)),
        )
        for number in range(papers)
    ]
    with database.write() as session:
        PaperStore(session).ingest(observations, source=source, now=start)


def measured(database: Database, *, until: datetime) -> dict[PaperSeq, list[Signal]]:
    with database.read() as session:
        store = PaperStore(session)
        return store.signals([paper.seq for paper in store.latest(None)], until=until)


def test_old_papers_lose_snapshots_and_young_ones_none(database: Database) -> None:
    clock = ManualClock(LISTED + 20 * DAY)
    take(database, papers=MANY, days=5)
    take(database, papers=2, days=6, start=LISTED + 14 * DAY)
    before = measured(database, until=clock.now())
    history = History(database, clock, HistoryConfig())
    dropped = history.thin()
    after = measured(database, until=clock.now())
    assert dropped == sum(map(len, before.values())) - sum(map(len, after.values())) > MANY
    assert all(after[seq] == before[seq] for seq in (PaperSeq(MANY + 1), PaperSeq(MANY + 2)))
    for seq in range(1, MANY + 1):
        assert len(after[PaperSeq(seq)]) < len(before[PaperSeq(seq)])
        assert (after[PaperSeq(seq)][0], after[PaperSeq(seq)][-1]) == (before[PaperSeq(seq)][0], before[PaperSeq(seq)][-1])
    assert history.thin() == 0
    assert measured(database, until=clock.now()) == after


def test_a_snapshot_that_went_and_comes_again_goes_again(database: Database) -> None:
    clock = ManualClock(LISTED + 20 * DAY)
    history = History(database, clock, HistoryConfig())
    take(database, papers=1, days=5)
    dropped = history.thin()
    after = measured(database, until=clock.now())
    take(database, papers=1, days=5)
    assert history.thin() == dropped
    assert measured(database, until=clock.now()) == after


def test_thinning_at_once_with_others_and_with_snapshots_that_come_loses_nothing_else(database: Database) -> None:
    clock = ManualClock(LISTED + 20 * DAY)
    take(database, papers=40, days=5)
    history = History(database, clock, HistoryConfig())
    start, dropped = threading.Barrier(3), list[int]()

    def thin() -> None:
        start.wait()
        dropped.append(history.thin())

    def measure() -> None:
        start.wait()
        take(database, papers=40, days=5, source="arxiv")

    threads = [threading.Thread(target=work) for work in (thin, thin, measure)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    dropped.append(history.thin())
    after = measured(database, until=clock.now())
    assert len(after) == 40
    assert sum(dropped) == 2 * 40 * 40 - sum(map(len, after.values()))
    assert {len({signal.source for signal in signals}) for signals in after.values()} == {2}


def test_a_history_too_short_to_tell_a_days_gain_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 2d"):
        HistoryConfig(whole=timedelta(days=1))
    with pytest.raises(ValidationError, match="not be shorter"):
        HistoryConfig(keep=timedelta(days=3))
