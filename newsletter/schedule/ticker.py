"""What is due at a tick: fetch when the sources were last asked long enough ago, build the slots that have come.

Nothing is remembered between ticks. What is due is computed from the database, and a slot's UNIQUE key decides who does it: a
tick that comes twice, late, or in two processes at once does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig, ScheduleConfig
from newsletter.errors import NewsletterError
from newsletter.schedule.slots import Slot, due_slots
from subscribers.model import Cadence

log = logging.getLogger(__name__)


class Ticker:
    """Decides what a tick has to do, and has it done.

    Args:
        clock: says what time it is.
        config: how often to fetch, and how late a slot may be.
        newsletters: by slug.
        last_fetch: returns when the sources were last asked, or None.
        fetch: asks the sources.
        wanted: whether anybody reads a newsletter at a cadence.
        build: makes a slot's issue, or finds it made; safe to call twice.
    """

    def __init__(
        self,
        clock: Clock,
        config: ScheduleConfig,
        newsletters: Mapping[str, NewsletterConfig],
        *,
        last_fetch: Callable[[], datetime | None],
        fetch: Callable[[], object],
        wanted: Callable[[str, Cadence], bool],
        build: Callable[[str, Slot], object],
    ) -> None:
        self._clock = clock
        self._config = config
        self._newsletters = newsletters
        self._last_fetch = last_fetch
        self._fetch = fetch
        self._wanted = wanted
        self._build = build

    def fetch_if_due(self) -> bool:
        """Ask the sources if the last time is long enough ago; say whether they were asked."""
        last = self._last_fetch()
        if last is not None and self._clock.now() - last < self._config.fetch_every:
            return False
        self._fetch()
        return True

    def build_due(self) -> list[Slot]:
        """Build every slot that has come and that somebody reads; return the slots looked at.

        A newsletter's first cadence is its record and is built even without readers. One slot's failure is logged and does not
        keep the others from being built; the next tick tries it again.
        """
        looked_at = []
        for slug, newsletter in self._newsletters.items():
            for slot in due_slots(newsletter, now=self._clock.now(), grace=self._config.grace):
                if slot.cadence is not newsletter.cadences[0] and not self._wanted(slug, slot.cadence):
                    continue
                looked_at.append(slot)
                try:
                    self._build(slug, slot)
                except NewsletterError:
                    log.exception("schedule.build_failed newsletter=%s cadence=%s slot=%s", slug, slot.cadence, slot.key)
        return looked_at
