"""Who is sending: each worker's beat, and which of them have fallen silent."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import NewType

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.delivery.tables import WorkerRow

WorkerId = NewType("WorkerId", int)
#: Beats in the time after which a silent worker's deliveries are taken over.
BEATS = 4
#: Made once: they are run several times a second, and making one costs more than running it.
_JOIN = insert(WorkerRow).returning(WorkerRow.id)
_BEAT = update(WorkerRow).where(WorkerRow.id == bindparam("mine")).values(beat=WorkerRow.beat + 1).returning(WorkerRow.id)
_OTHERS = select(WorkerRow.id, WorkerRow.beat).where(WorkerRow.id != bindparam("mine"))
_STRIKE = delete(WorkerRow).where(WorkerRow.id.in_(bindparam("struck", expanding=True)))


class Roster:
    """This worker's place among those that send from one database.

    A beat is a number that grows, so no two machines' clocks are ever compared: each watches the others' beats by its own
    monotonic clock. What a worker does after :attr:`holds_until` it may not rely on any more; others wait longer than that.

    Attributes:
        worker_id: ours; None before :meth:`join`.
        holds_until: instant of ``clock.monotonic()`` up to which nobody takes over what we hold.
    """

    def __init__(self, clock: Clock, lease: timedelta) -> None:
        self.worker_id: WorkerId | None = None
        self.holds_until = 0.0
        self._clock = clock
        self._lease = lease.total_seconds()
        self._seen: dict[WorkerId, tuple[int, float]] = {}

    @property
    def beat_every(self) -> float:
        """Seconds between two beats."""
        return self._lease / BEATS

    def may_leave(self) -> bool:
        """Whether what we hold is ours for certain, so that a dot may leave."""
        return self._clock.monotonic() < self.holds_until

    def join(self, session: Session) -> None:
        """Enter, under a new number."""
        began = self._clock.monotonic()
        row = {"name": f"{socket.gethostname()[:100]}:{os.getpid()}", "beat": 0, "started_at": self._clock.now()}
        self.worker_id = WorkerId(session.connection().execute(_JOIN, row).scalar_one())
        self._hold_from(began)

    def beat(self, session: Session) -> bool:
        """Show that we live; False if others have taken us for dead and taken over what we held."""
        began = self._clock.monotonic()
        if session.connection().scalar(_BEAT, {"mine": self.worker_id}) is None:
            return False
        self._hold_from(began)
        return True

    def leave(self, session: Session) -> None:
        """Go; whatever we still hold then is nobody's."""
        self.strike(session, [self.worker_id] if self.worker_id is not None else [])
        self.worker_id = None

    def silent(self, session: Session) -> list[WorkerId]:
        """Look at the others; return those whose beat has stood still for the length of a lease."""
        now = self._clock.monotonic()
        seen = {}
        for number, beat in self._others(session):
            last = self._seen.get(WorkerId(number))
            seen[WorkerId(number)] = last if last is not None and last[0] == beat else (beat, now)
        self._seen = seen
        return [worker_id for worker_id, (_, since) in seen.items() if now - since >= self._lease]

    def others(self, session: Session) -> list[WorkerId]:
        """Return all other workers."""
        return [WorkerId(number) for number, _ in self._others(session)]

    def strike(self, session: Session, workers: list[WorkerId]) -> None:
        """Take workers off the list: what they hold may be taken over."""
        if workers:
            session.connection().execute(_STRIKE, {"struck": workers})

    def _others(self, session: Session) -> Sequence[Row[int, int]]:
        return session.connection().execute(_OTHERS, {"mine": self.worker_id or 0}).all()

    def _hold_from(self, began: float) -> None:
        # Others count from when they see the beat, which is later than this, and a quarter of the lease is left for the dot.
        self.holds_until = began + self._lease * (BEATS - 1) / BEATS
