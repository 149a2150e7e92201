"""How large the history of votes grows, and how fast it is read: days of hourly snapshots, taken in and thinned as in earnest.

Run: ``python benchmarks/history.py [--days 31] [--papers 200] [--database URL]``. A day takes some seconds; ``--days 365``
measures the whole year that a shorter run only estimates. Papers and votes are made up; they are asked for as often as the
defaults of ``[sources.hf_daily_papers]`` say. The figures are printed, never asserted.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from newsletter.clock import ManualClock
from newsletter.config import HfDailyPapersConfig, HistoryConfig
from newsletter.database import Database
from newsletter.papers.history import History
from newsletter.papers.model import Observation, PaperRecord, Signal
from newsletter.papers.store import PaperStore
from newsletter.sources.hf_daily_papers import NAME

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = 365
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
READ = 10_000
ABSTRACT = "We study small things. They turn out to be many. Counting them takes a while, and we say how long. " * 12


def main() -> None:
    """Simulate, then measure."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--days", type=int, default=31, help="days to simulate (default: %(default)s)")
    options.add_argument("--papers", type=int, default=200, help="new papers a day (default: %(default)s)")
    options.add_argument("--database", default="", help="URL of a migrated, empty database (default: a new SQLite file)")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(given.database or f"sqlite:///{folder}/newsletter.db")
        if database.is_sqlite:
            database.upgrade()
        simulate(database, days=given.days, papers=given.papers)
        report_reading(database, now=START + given.days * DAY)
        report_size(database, days=given.days)
        database.dispose()


def simulate(database: Database, *, days: int, papers: int) -> None:
    """Take hourly snapshots in, and thin them once a day."""
    clock, chance = ManualClock(START), random.Random(1)  # noqa: S311 - seeded so that each run measures the same; it guards no secret
    history = History(database, clock, HistoryConfig())
    final = [math.exp(chance.gauss(2, 1.2)) for _ in range(days * papers)]
    seen = added = dropped = 0
    began = time.perf_counter()
    for hour in range(days * 24):
        now = START + hour * HOUR
        clock.set(now)
        observations = list(_due(final, papers, hour))
        with database.write() as session:
            report = PaperStore(session).ingest(observations, source=NAME, now=now)
        seen, added = seen + report.seen, added + report.signals
        if hour % 24 == 23:
            dropped += history.thin()
            # What PostgreSQL does by itself in a day, but not in the seconds that one takes here.
            database.forget_deleted("signal_series")
    took = time.perf_counter() - began
    print(f"{days} days of {papers} papers: {added:,} snapshots taken in, {dropped:,} of them dropped again")
    print(f"in {took:.0f} s = {seen / took:,.0f} records/s, thinning included")


def _due(final: list[float], papers: int, hour: int) -> Iterator[Observation]:
    """Yield what a run at ``hour`` is told: papers are listed evenly over the day, ``papers`` of them."""
    config = HfDailyPapersConfig()
    today = hour // 24
    for back in range(min(max(config.sometimes_back, config.rarely_back), today), -1, -1):
        if config.days_back < back:
            every = config.sometimes_every if back <= config.sometimes_back else config.rarely_every
            if (hour + back) % (every // HOUR):
                continue
        for number in range((today - back) * papers, (today - back + 1) * papers):
            age = hour - number * 24 / papers
            if age >= 0:
                yield _observation(number, age, final[number], START + hour * HOUR, papers)


def _observation(number: int, age: float, final: float, now: datetime, papers: int) -> Observation:
    record = PaperRecord(
        title=f"Sample {number}: A Study of Small Things",
        abstract=ABSTRACT,
        arxiv_id=f"{26 + number // 90000:02}01.{number % 90000 + 10000}",
        authors=("Ada Example", "Bo Sample", "Cy Pattern", "Di Specimen"),
        keywords=("small things", "counting", "patience"),
        organization="Example Lab",
        listed_at=START + number * DAY / papers,
    )
    votes = int(final * (1 - math.exp(-age / 30)))
    return Observation(record, Signal(NAME, now, votes, votes // 9, 3 * votes))


def report_reading(database: Database, *, now: datetime) -> None:
    """Print how long it takes to read what a ranking of many papers needs."""
    with database.read() as session:
        store = PaperStore(session)
        seqs = [paper.seq for paper in store.latest(READ)]
        for turn in ("cold", "warm"):
            began = time.perf_counter()
            listed = store.listed_between(START, now, limit=READ)
            middle = time.perf_counter()
            attention = store.attention(seqs, until=now)
            end = time.perf_counter()
            print(
                f"{turn}: {len(listed):,} papers read in {middle - began:.2f} s, "
                f"their {len(attention):,} snapshots in {end - middle:.3f} s"
            )


def report_size(database: Database, *, days: int) -> None:
    """Print how much room the snapshots take, indexes and half-empty pages included."""
    with database.write() as session:
        series, snapshots = session.execute(text("SELECT count(*), sum(length(snapshots)) / 16 FROM signal_series")).one()
        if database.is_sqlite:
            page = session.scalar(text("PRAGMA page_size")) or 0
            whole = page * (session.scalar(text("PRAGMA page_count")) or 0)
            free = session.scalar(text("PRAGMA freelist_count")) or 0
            session.execute(text("DROP TABLE signal_series"))
            table = page * ((session.scalar(text("PRAGMA freelist_count")) or 0) - free)
        else:
            whole = session.scalar(text("SELECT pg_database_size(current_database())")) or 0
            table = session.scalar(text("SELECT pg_total_relation_size('signal_series')")) or 0
    print(f"stored: {series:,} papers with {snapshots:,} snapshots, {snapshots / max(series, 1):.1f} each")
    print(f"snapshots take {table / 1e6:.1f} MB, all of the database {whole / 1e6:.1f} MB", end="")
    print("" if days >= YEAR else f"; a year of snapshots at most {table * YEAR / days / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
