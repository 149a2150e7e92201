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
from newsletter.schedule.freshness import Decision
from newsletter.schedule.gate import Gate
from newsletter.schedule.outcome import Reason
from newsletter.schedule.slots import Slot
from subscribers.model import Cadence

log = logging.getLogger(__name__)


class Ticker:
    """Decides what a tick has to do, and has it done.

    Args:
        clock: says what time it is.
        config: how often to fetch.
        newsletters: by slug.
        gate: tells which slots are open, and what becomes of them.
        last_fetch: returns when the sources were last asked, or None.
        fetch: asks the sources.
        wanted: whether anybody reads a newsletter at a cadence.
        build: makes a slot's issue, or finds it made, and says whether there is one; safe to call twice. With an instant it
            is made only of papers first seen after it (aware).
    """

    def __init__(
        self,
        clock: Clock,
        config: ScheduleConfig,
        newsletters: Mapping[str, NewsletterConfig],
        *,
        gate: Gate,
        last_fetch: Callable[[], datetime | None],
        fetch: Callable[[], object],
        wanted: Callable[[str, Cadence], bool],
        build: Callable[[str, Slot, datetime | None], bool],
    ) -> None:
        self._clock = clock
        self._config = config
        self._newsletters = newsletters
        self._gate = gate
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
        """Build every slot whose hour has come and whose sources are ready; return the slots that have an issue now.

        A newsletter's first cadence is its record and is built even without readers. One slot's failure is logged and does not
        keep the others from being built; the next tick tries it again.
        """
        built = []
        for slug, newsletter in self._newsletters.items():
            for cadence in newsletter.cadences:
                slot = self._gate.open_slot(slug, cadence)
                if slot is None:
                    continue
                try:
                    if self._build_slot(slug, slot, is_record=cadence is newsletter.cadences[0]):
                        built.append(slot)
                except NewsletterError:
                    log.exception("schedule.build_failed newsletter=%s cadence=%s slot=%s", slug, slot.cadence, slot.key)
        return built

    def _build_slot(self, slug: str, slot: Slot, *, is_record: bool) -> bool:
        if not is_record and not self._wanted(slug, slot.cadence):
            self._gate.leave_out(slug, slot, Reason.NOBODY)
            return False
        go = self._gate.look(slug, slot)
        if go.decision not in {Decision.BUILD, Decision.BUILD_SHORT}:
            return False
        if self._build(slug, slot, go.new_since):
            return True
        self._gate.leave_out(slug, slot, Reason.NO_PAPERS)
        return False
