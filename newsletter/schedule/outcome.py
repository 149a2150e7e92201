"""What was decided about a slot that has no issue, or not yet: frozen values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from subscribers.model import Cadence


class SlotState(StrEnum):
    """Where a slot without an issue stands: it waits for its sources, or it gets none."""

    WAITING = "waiting"
    SKIPPED = "skipped"


class Reason(StrEnum):
    """Why a slot waits, or gets no issue.

    ``SOURCES_FAILED``, ``SOURCES_LATE``, ``NEVER_FETCHED``: too little is new, and a source could not be read, has not listed
    what it usually does by now, or was never asked. ``NO_NEWS_DAY``: no source lists anything on these days. ``QUIET``: all is
    there, and it is little. ``MERGED``: missed, its papers come with a later slot of the same cadence. ``MISSED``: nothing ran
    in time, its papers come with the next one. ``NOBODY``: nobody read at this cadence when its hour came. ``NO_PAPERS``: there
    was nothing to make an issue of.
    """

    SOURCES_FAILED = "sources_failed"
    SOURCES_LATE = "sources_late"
    NEVER_FETCHED = "never_fetched"
    NO_NEWS_DAY = "no_news_day"
    QUIET = "quiet"
    MERGED = "merged"
    MISSED = "missed"
    NOBODY = "nobody"
    NO_PAPERS = "no_papers"


#: Reasons that people are told: the others are no news, or are told with another slot.
TOLD = frozenset(Reason) - {Reason.MERGED, Reason.NOBODY}


class Freshness(StrEnum):
    """Where a source stands when a slot's hour has come.

    ``FAILED``: its last run did not come to its end. ``LATE``: it was not asked lately, or listed less than it usually has by
    now. ``NOT_EXPECTED``: it lists nothing on these days. ``UNTRIED``: it never ran.
    """

    COMPLETE = "complete"
    LATE = "late"
    FAILED = "failed"
    NOT_EXPECTED = "not_expected"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class Standing:
    """A source at the hour of a slot: papers it listed since the last issue, and how many it usually has by then.

    ``usual`` is None where too little is known. ``holds`` says whether an issue waits for it, as far as the deadline allows.
    ``holiday`` names the day on which it rests, if it is not just a weekend.
    """

    source: str
    freshness: Freshness
    new: int = 0
    usual: int | None = None
    holds: bool = False
    holiday: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the sentence of a reason is made of.

    ``new`` papers since the last issue, where fewer than ``below`` make a quiet day. ``into``: key of the slot that a merged
    one became part of. ``until``: when a waiting slot stops waiting, aware UTC.
    """

    new: int = 0
    below: int = 0
    sources: tuple[Standing, ...] = ()
    into: str = ""
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            **asdict(self),
            "sources": [asdict(source) for source in self.sources],
            "until": self.until.isoformat() if self.until else None,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return what :meth:`as_json` was made of."""
        sources = tuple(Standing(**{**each, "freshness": Freshness(each["freshness"])}) for each in value["sources"])
        until = value["until"]
        return cls(
            value["new"], value["below"], sources, value["into"], None if until is None else datetime.fromisoformat(until)
        )


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """The decision on one slot. ``decided_at`` of a waiting one is when its issue was first looked for."""

    newsletter: str
    cadence: Cadence
    slot: str
    state: SlotState
    reason: Reason
    figures: Figures
    decided_at: datetime
    noted_at: datetime | None = None
