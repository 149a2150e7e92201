"""Virtual time and the processes that live in it. Nothing here waits: the next event is simply the next instant."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeAlias

Action: TypeAlias = Callable[[], object]

#: When every history begins.
BEGIN = datetime(2026, 8, 17, 6, 0, tzinfo=UTC)
#: Events after which a history has gone mad; the longest that end have a tenth of that.
MOST_EVENTS = 200_000


class Killed(BaseException):
    """Ends the code of a process that was killed while it ran. Not an ``Exception``, so nothing handles it."""


class World:
    """One history's events in the order of their instants. Events of one instant come in an order drawn by the seed.

    Attributes:
        now: virtual seconds since :data:`BEGIN`.
        random: the history's only source of chance.
        current: whose code is running; None for the world itself.
        is_endless: more happened than in any history that comes to an end.
    """

    def __init__(self, seed: int, *, on_note: Callable[[str], object] | None = None) -> None:
        """Make a world.

        Args:
            seed: decides everything that chance decides.
            on_note: told in words of what happens, if anybody wants to read it.
        """
        self.now = 0.0
        self.random = Random(seed)  # noqa: S311 - must be replayable, protects nothing
        self.current: Process | None = None
        self.is_endless = False
        self._done = 0
        self._events: list[tuple[float, float, int, Action, Process | None]] = []
        self._count = 0
        self._on_note = on_note

    def at(self, when: float, action: Action, *, inside: Process | None = None) -> None:
        """Have ``action`` done at virtual second ``when``, or at once if that is past: by the world, or inside a process."""
        self._count = count = self._count + 1
        heapq.heappush(self._events, (max(when, self.now), self.random.random(), count, action, inside))

    def after(self, delay: float, action: Action) -> None:
        """Have ``action`` done in ``delay`` virtual seconds."""
        self.at(self.now + delay, action)

    def run(self, until: float) -> None:
        """Let time go on up to virtual second ``until``, unless far too much happens until then."""
        events = self._events
        while events and events[0][0] <= until and not self.is_endless:
            self.now, _, _, action, process = heapq.heappop(events)
            if process is None:
                action()
            else:
                process.enter(action)
            self._done += 1
            self.is_endless = self._done > MOST_EVENTS
        if not self.is_endless:
            self.now = until

    def note(self, what: str, *values: object) -> None:
        """Tell whoever reads along; ``what`` is a format for ``values``, filled in only if somebody does."""
        if self._on_note is not None:
            who = self.current.name if self.current else "-"
            self._on_note(f"{self.now:12.6f} {who:<6} {what % values if values else what}")


class Process:
    """A simulated operating-system process. It may be killed at any step, stopped (SIGSTOP) and continued.

    Attributes:
        died_at: virtual second; infinity while it lives.
        steps: callbacks, jobs and database calls so far: the instants between which it can be killed.
        agenda: what happens to it at which step.
        on_death: called once when it dies, by the world.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.is_alive = True
        self.died_at = float("inf")
        self.is_stopped = False
        self.steps = 0
        self.agenda: dict[int, Action] = {}
        self.on_death: list[Action] = []
        self._held: deque[Action] = deque()

    def post(self, delay: float, action: Action) -> None:
        """Have ``action`` done inside this process in ``delay`` seconds; never if it is dead then, later if it is stopped."""
        self.world.at(self.world.now + delay, action, inside=self)

    def post_at(self, when: float, action: Action) -> None:
        """The same at virtual second ``when``."""
        self.world.at(when, action, inside=self)

    def enter(self, action: Action) -> None:
        """Do ``action`` now, as code of this process: not at all if it is dead, when it goes on if it is stopped."""
        if not self.is_alive:
            return
        if self.is_stopped:
            self._held.append(action)
            return
        world = self.world
        before, world.current = world.current, self
        try:
            action()
        except Killed:
            pass
        finally:
            world.current = before

    def step(self) -> None:
        """Take a step of running code.

        Raises:
            Killed: it was the last one.
        """
        if not self.is_alive:
            raise Killed
        self.steps += 1
        if self.steps in self.agenda:
            self.agenda[self.steps]()
            if not self.is_alive:
                raise Killed

    def kill(self) -> None:
        """SIGKILL: none of its code runs any more."""
        if self.is_alive:
            self.world.note("%s is killed at step %d", self.name, self.steps)
            self.is_alive = False
            self.died_at = self.world.now
            self._held.clear()
            for action in self.on_death:
                action()

    def stop(self) -> None:
        """SIGSTOP: nothing happens in it until :meth:`go_on`; the world goes on."""
        self.world.note("%s is stopped", self.name)
        self.is_stopped = True

    def go_on(self) -> None:
        """SIGCONT: what came meanwhile happens now, in its order."""
        if self.is_stopped:
            self.world.note("%s goes on", self.name)
            self.is_stopped = False
            while self._held and self.is_alive and not self.is_stopped:
                self.enter(self._held.popleft())


class WorldClock:
    """A process's :class:`~newsletter.clock.Clock`: its time of day may be wrong, its monotonic clock never stops.

    Attributes:
        error: what the time of day is off by, as an operator or a bad NTP server sets it.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.error = timedelta(0)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self._world.now) + self.error

    def monotonic(self) -> float:
        return self._world.now
