"""The gate before each issue: which slot is open, and whether its issue can be made now, waits, or is left out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig, ScheduleConfig
from newsletter.database import Database
from newsletter.schedule.calendar import news_between
from newsletter.schedule.freshness import Decision, SourceFacts, Verdict, decide, standing_of
from newsletter.schedule.outcome import Figures, Reason, SlotState
from newsletter.schedule.slots import Backlog, Slot, backlog, slots_between
from newsletter.schedule.store import NewsStore, SlotStore
from newsletter.schedule.volume import WEEKS, count_between, usual_volume
from newsletter.schedule.words import in_log
from newsletter.sources.store import SourceStore
from subscribers.model import Cadence

log = logging.getLogger(__name__)

#: Slots missed longer ago are not spoken of any more. Every cadence has one in that time.
LOOK_BACK = timedelta(days=40)
#: Reasons for which nobody has to look at anything.
_AS_IT_SHOULD_BE = {Reason.NOBODY, Reason.NO_NEWS_DAY, Reason.QUIET}
#: The longest time since the last issue that is compared with the weeks before.
LONGEST_PERIOD = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Go:
    """What becomes of a slot; ``new_since`` (aware): its issue is to hold only papers first seen after it."""

    decision: Decision
    new_since: datetime | None = None


class Gate:
    """Decides on slots, and keeps what it decided. Safe to ask twice, late, and in any number of processes.

    Args:
        database: holds issues, papers, runs of sources, and the decisions.
        clock: says what time it is.
        config: how late a slot may be, and how long it waits.
        newsletters: by slug.
        enabled: names of the sources that are asked.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        config: ScheduleConfig,
        newsletters: Mapping[str, NewsletterConfig],
        *,
        enabled: Sequence[str],
    ) -> None:
        self._database = database
        self._clock = clock
        self._config = config
        self._newsletters = newsletters
        self._enabled = enabled
        # Slots with nothing left to decide, so that a tick need not ask the database again: that never changes.
        self._done: dict[tuple[str, Cadence], str] = {}

    def open_slot(self, slug: str, cadence: Cadence) -> Slot | None:
        """Return the slot of a cadence that an issue is to be made of, if there is one.

        Of several whose hour has come and passed without an issue it is the newest, if that is within ``schedule.grace``. The
        others are written down as merged into it, or as missed where it is too late for all.
        """
        newsletter, now = self._newsletters[slug], self._clock.now()
        come = list(slots_between(newsletter, cadence, now - LOOK_BACK, now))
        if not come or self._done.get((slug, cadence)) == come[-1].key:
            return None
        newest = come[-1]
        with self._database.read() as session:
            store = SlotStore(session)
            since = store.waiting_since(slug, cadence, newest.key)
            left = backlog(
                come,
                settled=store.settled(slug, cadence, [slot.key for slot in come]),
                known_from=store.first_settled(slug, cadence),
                is_in_time=lambda slot: now <= self._latest(slot, since),
            )
        self._leave_behind(slug, left, into=newest.key)
        if left.open is None:
            self._done[slug, cadence] = newest.key
        return left.open

    def look(self, slug: str, slot: Slot) -> Go:
        """Decide what becomes of an open slot now, and keep it."""
        newsletter, now = self._newsletters[slug], self._clock.now()
        with self._database.read() as session:
            looked_at = SlotStore(session).waiting_since(slug, slot.cadence, slot.key) or now
            last_issue_at = NewsStore(session).last_issue_at(slug, slot.cadence)
            verdict = self._judge(session, newsletter, slot, last_issue_at, looked_at)
        if verdict.reason is not None:
            state = SlotState.WAITING if verdict.decision is Decision.WAIT else SlotState.SKIPPED
            self._record(slug, slot, state, verdict.reason, verdict.figures)
        elif missing := [source.source for source in verdict.figures.sources if source.holds]:
            log.warning(
                "schedule.built_without newsletter=%s cadence=%s slot=%s sources=%s",
                slug,
                slot.cadence,
                slot.key,
                ",".join(missing),
            )
        return Go(verdict.decision, last_issue_at if verdict.decision is Decision.BUILD_SHORT else None)

    def leave_out(self, slug: str, slot: Slot, reason: Reason) -> None:
        """Write down that a slot gets no issue, for a reason that is found outside: nobody reads it, or there was no paper."""
        self._record(slug, slot, SlotState.SKIPPED, reason, Figures())

    def _judge(
        self,
        session: Session,
        newsletter: NewsletterConfig,
        slot: Slot,
        last_issue_at: datetime | None,
        looked_at: datetime,
    ) -> Verdict:
        now, news = self._clock.now(), NewsStore(session)
        oldest = now - timedelta(days=newsletter.pool_days)
        new = news.count_new(newsletter.sources, since=last_issue_at, listed_from=min(last_issue_at or oldest, oldest))
        since = last_issue_at or self._before(newsletter, slot)
        # Of a longer silence the weeks before say nothing, and whatever came since is more than one period brings.
        since = max(since, now - LONGEST_PERIOD)
        names = [name for name in self._enabled if not newsletter.sources or name in newsletter.sources]
        arrivals = news.arrivals(names, since=since - timedelta(weeks=WEEKS, days=1)) if names else {}
        runs, successes = SourceStore(session).last_runs(), news.last_successes()
        standings = [
            standing_of(
                SourceFacts(
                    name,
                    new=count_between(arrivals[name], since, now),
                    usual=usual_volume(arrivals[name], since, now),
                    calendar=news_between(name, since, now),
                    last_run=runs.get(name),
                    last_success_at=successes.get(name),
                ),
                looked_at=looked_at,
                fetch_every=self._config.fetch_every,
            )
            for name in names
        ]
        # Where the program was off at the slot's hour, its sources are given as long from now on.
        until = looked_at + self._config.deadline
        return decide(standings, new=new, below=newsletter.quiet_below, quiet=newsletter.quiet, now=now, until=until)

    def _before(self, newsletter: NewsletterConfig, slot: Slot) -> datetime:
        """Return the hour of the slot before: the first issue of a cadence is held to what one period brings."""
        come = slots_between(newsletter, slot.cadence, slot.build_at - LOOK_BACK, slot.build_at - timedelta(seconds=1))
        return list(come)[-1].build_at

    def _latest(self, slot: Slot, waiting_since: datetime | None) -> datetime:
        """Return until when an issue may be made of a slot: one that waits is not given up the moment its waiting ends."""
        latest = slot.build_at + self._config.grace
        return latest if waiting_since is None else max(latest, waiting_since + 2 * self._config.deadline)

    def _leave_behind(self, slug: str, left: Backlog, *, into: str) -> None:
        for slots, reason, figures in (
            (left.merged, Reason.MERGED, Figures(into=into)),
            (left.missed, Reason.MISSED, Figures()),
        ):
            for slot in slots:
                self._record(slug, slot, SlotState.SKIPPED, reason, figures)

    def _record(self, slug: str, slot: Slot, state: SlotState, reason: Reason, figures: Figures) -> None:
        with self._database.write() as session:
            is_news = SlotStore(session).record(slug, slot.cadence, slot.key, state, reason, figures, now=self._clock.now())
        if is_news:
            log.log(
                logging.INFO if state is SlotState.WAITING or reason in _AS_IT_SHOULD_BE else logging.WARNING,
                "schedule.slot_%s newsletter=%s cadence=%s slot=%s reason=%s %s",
                state,
                slug,
                slot.cadence,
                slot.key,
                reason,
                in_log(figures),
            )
