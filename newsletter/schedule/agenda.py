"""What comes next: the slots of all newsletters, when their mails are due, and for how many readers."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.schedule.outcome import SlotOutcome, SlotState
from newsletter.schedule.slots import Slot, due_at, slot_named, slots_after
from newsletter.schedule.store import SlotStore
from subscribers.model import Cadence
from subscribers.store import readers_query

#: More than there are readers: the query behind them asks for a limit.
_ALL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ComingSlot:
    """A slot to come, or one that waits for its sources.

    Attributes:
        newsletter: its slug.
        slot: with the instant its issue is made at, aware UTC.
        zone: the newsletter's.
        readers: who would get it, as far as is known now: active, and not paused at that instant.
        first_due_at, last_due_at: when the first and the last mail of it is due by the readers' own clocks, aware UTC; None
            without readers.
        waiting: what it waits for; None if its hour has not come.
    """

    newsletter: str
    slot: Slot
    zone: ZoneInfo
    readers: int
    first_due_at: datetime | None
    last_due_at: datetime | None
    waiting: SlotOutcome | None = None


class Agenda:
    """Knows the slots to come. Reads only.

    Args:
        database: holds readers, and what was decided.
        clock: says what time it is.
        newsletters: by slug.
    """

    def __init__(self, database: Database, clock: Clock, newsletters: Mapping[str, NewsletterConfig]) -> None:
        self._database = database
        self._clock = clock
        self._newsletters = newsletters

    def coming(self, limit: int) -> list[ComingSlot]:
        """Return the slots that wait, and behind them the next ones, by their instants; at most ``limit``."""
        with self._database.read() as session:
            waiting = SlotStore(session).latest(SlotState.WAITING, newsletters=self._newsletters)
        held = [
            (each.newsletter, slot_named(self._newsletters[each.newsletter], each.cadence, each.slot), each)
            for each in waiting
            if each.cadence in self._newsletters[each.newsletter].cadences
        ]
        held.sort(key=lambda each: each[1].build_at)
        hours = _Hours(self._database)
        shown: Sequence[tuple[str, Slot, SlotOutcome | None]] = [*held, *islice(self._next(), limit)]
        return [self._coming(slug, slot, outcome, hours) for slug, slot, outcome in shown[:limit]]

    def _next(self) -> Iterator[tuple[str, Slot, None]]:
        now = self._clock.now()
        streams = [
            _named(slug, slots_after(newsletter, cadence, now))
            for slug, newsletter in self._newsletters.items()
            for cadence in newsletter.cadences
        ]
        return heapq.merge(*streams, key=lambda each: each[1].build_at)

    def _coming(self, slug: str, slot: Slot, waiting: SlotOutcome | None, hours: _Hours) -> ComingSlot:
        wishes = hours.of(slug, slot)
        due = [due_at(slot.build_at, local_hour=hour, zone=zone) for hour, zone in wishes]
        return ComingSlot(
            slug,
            slot,
            self._newsletters[slug].tzinfo,
            sum(wishes.values()),
            min(due, default=None),
            max(due, default=None),
            waiting,
        )


class _Hours:
    """How many readers want their mail at which hour of which zone; asked once for each newsletter and cadence."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[str, Cadence], dict[tuple[int, str], int]] = {}

    def of(self, slug: str, slot: Slot) -> dict[tuple[int, str], int]:
        if (slug, slot.cadence) not in self._known:
            readers = readers_query(slug, slot.cadence, now=slot.build_at, after=0, limit=_ALL).order_by(None).subquery()
            counted = select(readers.c.local_hour, readers.c.zone, func.count()).group_by(readers.c.local_hour, readers.c.zone)
            with self._database.read() as session:
                found = {(hour, zone): count for hour, zone, count in session.execute(counted)}
            self._known[slug, slot.cadence] = found
        return self._known[slug, slot.cadence]


def _named(slug: str, slots: Iterator[Slot]) -> Iterator[tuple[str, Slot, None]]:
    for slot in slots:
        yield slug, slot, None
