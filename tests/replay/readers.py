"""A thousand readers of all kinds, and what they do in the meantime."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from subscribers.model import Cadence, Choices, Interests

#: Both hemispheres, half and quarter hours, the date line, zones with and without summer time.
ZONES = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Helsinki",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Asia/Tehran",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Africa/Cairo",
    "Africa/Casablanca",
    "UTC",
)
_KEYWORDS = (
    "diffusion",
    "agents",
    "reasoning",
    "robot",
    "video generation",
    "benchmark -survey",
    "language model",
    "speech",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One reader: what he chose, and when he joins, pauses, changes and leaves. ``taste``: he says more of papers with it."""

    address: str
    choices: Choices
    joins_at: datetime
    pause: tuple[datetime, datetime] | None = None
    change: tuple[datetime, Cadence] | None = None
    leaves_at: datetime | None = None
    taste: str = ""

    @property
    def is_common(self) -> bool:
        """Whether he gets what everybody gets."""
        return not self.choices.interests and not self.taste


@dataclass(slots=True)
class Event:
    """Something that happens at an instant: ``join``, ``pause``, ``resume``, ``change`` or ``leave``."""

    at: datetime
    kind: str
    plan: Plan = field(compare=False)


def plans(count: int, *, start: datetime, end: datetime, seed: int) -> list[Plan]:
    """Draw readers. The same seed gives the same ones."""
    dice = random.Random(seed)  # noqa: S311 - seeded so that each run has the same readers; it guards no secret
    length = end - start

    def moment(first: float, last: float) -> datetime:
        return start + timedelta(minutes=round(length / timedelta(minutes=1) * dice.uniform(first, last)))

    made = []
    for number in range(count):
        cadence = dice.choices(tuple(Cadence), weights=(55, 20, 18, 7))[0]
        interests = Interests()
        if dice.random() < 0.4:
            interests = Interests(
                categories=("cs.CL",) if dice.random() < 0.3 else (),
                keywords=tuple(dice.sample(_KEYWORDS, dice.randint(1, 3))),
                muted=("survey",) if dice.random() < 0.2 else (),
            )
        choices = Choices(
            cadence=cadence,
            local_hour=dice.randrange(24),
            zone=dice.choice(ZONES),
            interests=interests,
            size=dice.choice((None, None, None, 5, 20)),
        )
        paused_at = moment(0.1, 0.7) if dice.random() < 0.15 else None
        others = [other for other in Cadence if other is not cadence]
        made.append(
            Plan(
                f"reader{number}@example.org",
                choices,
                joins_at=moment(0.05, 0.8) if dice.random() < 0.15 else start,
                pause=None if paused_at is None else (paused_at, paused_at + timedelta(days=dice.randint(2, 24))),
                change=(moment(0.2, 0.8), dice.choice(others)) if dice.random() < 0.12 else None,
                leaves_at=moment(0.3, 0.95) if dice.random() < 0.06 else None,
                taste=dice.choice(("video", "agent", "reasoning")) if dice.random() < 0.1 else "",
            )
        )
    return made


def events(readers: Sequence[Plan]) -> list[Event]:
    """Return what happens, in the order of time; what would come before joining or after leaving is left out."""
    found = []
    for plan in readers:
        own = [Event(plan.joins_at, "join", plan)]
        if plan.pause is not None and plan.pause[0] > plan.joins_at:
            own += [Event(plan.pause[0], "pause", plan), Event(plan.pause[1], "resume", plan)]
        if plan.change is not None and plan.change[0] > plan.joins_at:
            own.append(Event(plan.change[0], "change", plan))
        if plan.leaves_at is not None and plan.leaves_at > plan.joins_at:
            own = [event for event in own if event.at < plan.leaves_at] + [Event(plan.leaves_at, "leave", plan)]
        found += own
    return sorted(found, key=lambda event: event.at)
