"""Keeps the history of votes, comments and stars small."""

from __future__ import annotations

import logging

from newsletter.clock import Clock
from newsletter.config import HistoryConfig
from newsletter.database import Database
from newsletter.papers.series import SNAPSHOT
from newsletter.papers.store import PaperStore

log = logging.getLogger(__name__)

#: Series looked at together.
PAGE = 500


class History:
    """Lets old snapshots go, as ``thinning.py`` says. For the daily housekeeping."""

    def __init__(self, database: Database, clock: Clock, config: HistoryConfig) -> None:
        self._database, self._clock, self._config = database, clock, config

    def thin(self) -> int:
        """Go through all papers; return how many snapshots were dropped.

        A page of them is one short transaction, for writing only where something is to go. To be killed half-way, to run twice,
        or at once in two processes does no harm.
        """
        from newsletter.papers.thinning import thinned  # loads numpy, which most commands do without

        now, after, dropped = self._clock.now(), (0, ""), 0
        while True:
            with self._database.read() as session:
                page = PaperStore(session).series_after(after, limit=PAGE)
            if not page:
                break
            last = page[-1][:2]
            if thinned(page, now=now, rule=self._config):
                with self._database.write() as session:
                    store = PaperStore(session)
                    page = store.series_after(after, limit=PAGE, for_change=True)
                    fewer = thinned(page, now=now, rule=self._config)
                    store.replace_series(fewer)
                lengths = {series[:2]: len(series.snapshots) for series in page}
                dropped += sum(lengths[series[:2]] - len(series.snapshots) for series in fewer) // SNAPSHOT.size
            after = last
        log.info("papers.thinned snapshots=%d", dropped)
        return dropped
