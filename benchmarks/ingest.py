"""How fast recorded days of Hugging Face Daily Papers are taken in: parsed, merged and committed to a fresh SQLite file.

Run: ``python benchmarks/ingest.py [--days DIR] [--database URL]``. The figures are printed, never asserted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from newsletter.clock import SystemClock
from newsletter.config import HttpConfig, SourcesConfig
from newsletter.database import Database
from newsletter.papers.store import PaperStore
from newsletter.sources.service import FetchService

DAYS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "daily_papers"


def main() -> None:
    """Take every day in, twice: the second time nothing is new."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--days", type=Path, default=DAYS, help="folder of YYYY-MM-DD.json answers (default: %(default)s)")
    options.add_argument("--database", default="", help="URL of a migrated, empty database (default: a new SQLite file)")
    given = options.parse_args()
    files = sorted(given.days.glob("*.json"))
    if not files:
        options.error(f"no recorded days in {given.days}; name their folder with --days")
    with tempfile.TemporaryDirectory() as folder:
        database = Database(given.database or f"sqlite:///{folder}/newsletter.db")
        if database.is_sqlite:
            database.upgrade()
        service = FetchService(database, SystemClock(), HttpConfig(), SourcesConfig())
        for turn in ("first", "again"):
            began = time.perf_counter()
            outcomes = [service.take_file(path, observed_at=datetime(2026, 9, 1, tzinfo=UTC)) for path in files]
            took = time.perf_counter() - began
            seen = sum(outcome.seen for outcome in outcomes)
            new = sum(outcome.new for outcome in outcomes)
            refused = sum(sum(outcome.refused.values()) for outcome in outcomes)
            print(f"{turn}: {len(files)} files, {seen} entries, {new} new, {refused} refused", end=" ")
            print(f"in {took:.2f} s = {seen / took:.0f} papers/s")
        with database.read() as session:
            print(f"stored: {PaperStore(session).count()} papers")
        database.dispose()


if __name__ == "__main__":
    main()
