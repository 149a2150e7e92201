"""How things stand, for everybody: what went out lately or did not, what comes next, and whether the sources can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.digest.published import PublishedIssues
from newsletter.rendering.view.views import title_of
from newsletter.rendering.words.language import ENGLISH
from newsletter.schedule.agenda import Agenda
from newsletter.schedule.outcome import TOLD, SlotState
from newsletter.schedule.slots import slot_named
from newsletter.schedule.store import NewsStore, SlotStore
from newsletter.schedule.words import problem_words, sentence, source_title
from newsletter.sources.store import FetchRun, RunOutcome, SourceStore
from subscribers.model import Cadence

_CADENCES = {
    Cadence.DAILY: "daily",
    Cadence.WEEKDAYS: "weekday",
    Cadence.WEEKLY: "weekly",
    Cadence.MONTHLY: "monthly",
}
#: Lines shown of what was, and of what comes.
PAST_SHOWN, NEXT_SHOWN = 10, 6


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How a source is: when it was last read, and, if it could not be since, the last try and what was wrong in plain words."""

    title: str
    read_at: datetime | None
    failed_at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PastLine:
    """An issue that went out, or a slot that got none (``number`` is None, ``reason`` says why).

    ``at`` is the instant in the newsletter's zone. ``title`` is the first paper's, ``papers`` the size of the pool.
    """

    slug: str
    newsletter: str
    cadence: Cadence
    at: datetime
    number: int | None = None
    title: str = ""
    papers: int = 0
    reason: str = ""

    @property
    def day(self) -> str:
        """The local day in words."""
        return ENGLISH.date(self.at.date())

    @property
    def cadence_label(self) -> str:
        """What the cadence is called in a line."""
        return _CADENCES[self.cadence]


@dataclass(frozen=True, slots=True)
class NextLine:
    """A slot to come, ``at`` in the newsletter's zone; ``waiting`` says what one waits for whose hour has come."""

    newsletter: str
    cadence: Cadence
    at: datetime
    zone: str
    waiting: str = ""

    @property
    def at_label(self) -> str:
        """The local instant in words: ``Fri 21 Aug, 06:00``."""
        return f"{self.at:%a} {self.at.day} {self.at:%b, %H:%M}"

    @property
    def issue_of(self) -> str:
        """What is made in it: ``weekday issue``."""
        return f"{_CADENCES[self.cadence]} issue"


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand; holds no address and no count of readers."""

    sources: tuple[SourceHealth, ...] = ()
    past: tuple[PastLine, ...] = ()
    next: tuple[NextLine, ...] = ()

    @property
    def troubled(self) -> tuple[SourceHealth, ...]:
        """Sources that could not be read when last tried."""
        return tuple(source for source in self.sources if source.failed_at is not None)

    @property
    def waiting(self) -> tuple[NextLine, ...]:
        """Slots whose issue waits."""
        return tuple(line for line in self.next if line.waiting)


class StatusBoard:
    """Tells how things stand. Reads only.

    Args:
        database: holds everything.
        clock: says what time it is.
        newsletters: by slug.
        enabled: names of the sources that are asked.
    """

    def __init__(
        self, database: Database, clock: Clock, newsletters: Mapping[str, NewsletterConfig], *, enabled: Sequence[str]
    ) -> None:
        self._database = database
        self._newsletters = newsletters
        self._enabled = enabled
        self._agenda = Agenda(database, clock, newsletters)

    def status(self) -> Status:
        """Return how things stand now."""
        with self._database.read() as session:
            runs, successes = SourceStore(session).last_runs(), NewsStore(session).last_successes()
            past = [*self._issues(session), *self._gaps(session)]
        past.sort(key=lambda line: line.at, reverse=True)
        return Status(
            tuple(_health(name, runs.get(name), successes.get(name)) for name in self._enabled),
            tuple(past[:PAST_SHOWN]),
            self._next(),
        )

    def _issues(self, session: Session) -> list[PastLine]:
        return [
            PastLine(
                slug,
                newsletter.name,
                line.issue.cadence,
                line.issue.frozen_at.astimezone(newsletter.tzinfo),
                line.issue.number,
                title_of(line.lead),
                line.papers,
            )
            for slug, newsletter in self._newsletters.items()
            for line in PublishedIssues(session).listed(slug, limit=PAST_SHOWN)
        ]

    def _gaps(self, session: Session) -> list[PastLine]:
        found = SlotStore(session).latest(SlotState.SKIPPED, reasons=TOLD, newsletters=self._newsletters, limit=PAST_SHOWN)
        lines = []
        for outcome in found:
            newsletter = self._newsletters[outcome.newsletter]
            at = slot_named(newsletter, outcome.cadence, outcome.slot).build_at.astimezone(newsletter.tzinfo)
            lines.append(PastLine(outcome.newsletter, newsletter.name, outcome.cadence, at, reason=sentence(outcome)))
        return lines

    def _next(self) -> tuple[NextLine, ...]:
        return tuple(
            NextLine(
                self._newsletters[coming.newsletter].name,
                coming.slot.cadence,
                coming.slot.build_at.astimezone(coming.zone),
                coming.zone.key,
                "" if coming.waiting is None else sentence(coming.waiting),
            )
            for coming in self._agenda.coming(NEXT_SHOWN)
        )


def _health(name: str, run: FetchRun | None, read_at: datetime | None) -> SourceHealth:
    if run is None or run.outcome in {RunOutcome.DONE, RunOutcome.UNCHANGED}:
        return SourceHealth(source_title(name), read_at)
    return SourceHealth(source_title(name), read_at, run.started_at, problem_words(run.problem))
