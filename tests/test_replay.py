"""Real days played again: one issue a slot, no paper twice, none of the best missed, every mail within its hour.

The long version plays two months with a thousand readers, twice: over both changes of the clocks in spring and in autumn.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from newsletter.database import Database
from tests.replay import checks
from tests.replay.playing import Played, at, play
from tests.replay.readers import plans
from tests.replay.recorded_days import RecordedDays

TORTURE = "TORTURE" in os.environ
READERS = 1000 if TORTURE else 60
#: Clocks change in America on the 8th of March and in Europe on the 29th; in the south back on the 5th of April.
SPRING = (at(2026, 2, 20), at(2026, 4, 22)) if TORTURE else (at(2026, 3, 27), at(2026, 4, 8))
#: In the south on the 28th of September and the 5th of October, in Europe on the 26th, in America on the 2nd of November.
AUTUMN = (at(2025, 9, 24), at(2025, 11, 26))

pytestmark = [pytest.mark.shared_data, pytest.mark.torture]


@pytest.mark.parametrize(("start", "end"), [SPRING, AUTUMN] if TORTURE else [SPRING])
def test_real_days_are_mailed_whole_once_and_in_time(
    database: Database, shared_data: Path, tmp_path: Path, start: datetime, end: datetime
) -> None:
    def check(played: Played) -> None:
        assert checks.slots(played) == []
        assert checks.accounts(played) == []
        assert checks.never_twice(played) == []
        assert checks.local_hours(played) == []
        assert checks.one_a_period(played) == []
        assert checks.best_of_the_moment(played) == []
        looked_for, missed = checks.best_in_the_end(played, recorded.last_votes, best=1)
        assert looked_for > READERS, "hardly anything was there to be missed"
        assert len(missed) <= looked_for // 100, missed

    recorded = RecordedDays(shared_data / "daily_papers", shared_data / "upvotes_timeseries.jsonl")
    url = database.engine.url.render_as_string(hide_password=False)
    play(tmp_path, url, recorded, plans(READERS, start=start, end=end, seed=6), start=start, end=end, check=check)
