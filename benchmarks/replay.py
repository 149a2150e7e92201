"""Real days played again by the whole program: fetched over HTTP, built at its slots, sent over SMTP, on a clock that is moved.

Readers have all cadences, zones of both hemispheres, pauses, changes of mind, interests and feedback (``tests/replay``).
Printed is whether what has to hold does, and how many of the papers that got most votes in the end never reached readers of
the common digest.

Run: python benchmarks/replay.py --days DIR --votes FILE [--from 2026-02-20] [--to 2026-04-22] [--readers 1000] [--url DATABASE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from newsletter.database import Database
from tests.replay import checks
from tests.replay.playing import Played, play
from tests.replay.readers import plans
from tests.replay.recorded_days import RecordedDays


def main() -> int:
    """Play, print, and say by the exit code whether everything held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=Path, required=True, help="folder of day files of the Daily Papers API")
    parser.add_argument("--votes", type=Path, required=True, help="series of votes, JSON Lines")
    parser.add_argument("--from", dest="start", type=date.fromisoformat, default=date(2026, 2, 20), help="first day")
    parser.add_argument("--to", dest="end", type=date.fromisoformat, default=date(2026, 4, 22), help="day after the last")
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=6, help="of the readers")
    parser.add_argument("--url", help="an empty database; a SQLite file in a temporary folder if it is not given")
    asked = parser.parse_args()
    start, end = (datetime.combine(day, time_of_day(), tzinfo=ZoneInfo("UTC")) for day in (asked.start, asked.end))
    recorded = RecordedDays(asked.days, asked.votes)
    wrong: dict[str, list[str]] = {}

    def check(played: Played) -> None:
        for rule in (
            checks.slots,
            checks.accounts,
            checks.never_twice,
            checks.local_hours,
            checks.one_a_period,
            checks.best_of_the_moment,
        ):
            wrong[rule.__name__] = rule(played)
        made = Counter(str(issue.cadence) for issue in played.listed)
        issues = ", ".join(f"{count} {cadence}" for cadence, count in made.items())
        print(f"{len(played.mails):,} mails of {len(played.listed)} issues ({issues})")
        for name, problems in wrong.items():
            print(f"{name:20} {'holds' if not problems else f'{len(problems)} times not, like: {problems[0]}'}")
        for best in (1, 3, 5, 10):
            looked_for, missed = checks.best_in_the_end(played, recorded.last_votes, best=best)
            print(f"best {best:2} in the end between two mails: {len(missed):,} of {looked_for:,} never came")

    with tempfile.TemporaryDirectory() as folder:
        url = asked.url or f"sqlite:///{folder}/replay.db"
        database = Database(url)
        database.upgrade()
        database.dispose()
        began = time.monotonic()
        readers = plans(asked.readers, start=start, end=end, seed=asked.seed)
        play(Path(folder), url, recorded, readers, start=start, end=end, check=check)
        print(f"{(end - start).days} days with {asked.readers:,} readers in {time.monotonic() - began:.0f} s")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
