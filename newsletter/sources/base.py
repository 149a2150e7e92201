"""What a source is asked for, what it gives back, and how it fails."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from newsletter.errors import NewsletterError
from newsletter.papers.clean import clean_observation
from newsletter.papers.identity import names_of
from newsletter.papers.intake import NO_IDENTITY
from newsletter.papers.model import Observation


class SourceError(NewsletterError):
    """A paper source could not be read.

    Attributes:
        source: name of the source.
        transient: whether trying again later can help.
    """

    def __init__(self, source: str, problem: str, *, hint: str, transient: bool) -> None:
        super().__init__(f"{source}: {problem}; {hint}")
        self.source, self.problem, self.hint, self.transient = source, problem, hint, transient


class HttpStatusError(SourceError):
    """A service answered with a status that no repeat will change.

    Attributes:
        status: the HTTP status.
        body: the first bytes of the answer; some services say in it what was wrong.
    """

    def __init__(self, source: str, status: int, body: bytes, *, hint: str) -> None:
        super().__init__(source, f"HTTP {status}", hint=hint, transient=False)
        self.status, self.body = status, body


class PeriodKind(StrEnum):
    """What stretch of a source's list is asked for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TRENDING = "trending"


@dataclass(frozen=True, slots=True)
class Period:
    """A day, an ISO week or a month of a source's list, or what it calls trending now.

    ``first`` and ``last`` are its days, both included; for ``TRENDING`` both are the day it was asked on and mean nothing.
    """

    kind: PeriodKind
    first: date
    last: date

    @classmethod
    def day(cls, on: date) -> Period:
        """Return the period of one day."""
        return cls(PeriodKind.DAY, on, on)

    @classmethod
    def parse(cls, text: str, *, today: date) -> Period:
        """Read ``2026-08-17``, ``2026-W33``, ``2026-08`` or ``trending``.

        Raises:
            ValueError: it is none of these.
        """
        text = text.strip()
        if text == PeriodKind.TRENDING:
            return cls(PeriodKind.TRENDING, today, today)
        try:
            if week := re.fullmatch(r"(\d{4})-W(\d{2})", text, re.ASCII):
                first = date.fromisocalendar(int(week[1]), int(week[2]), 1)
                return cls(PeriodKind.WEEK, first, first + timedelta(days=6))
            if month := re.fullmatch(r"(\d{4})-(\d{2})", text, re.ASCII):
                first = date(int(month[1]), int(month[2]), 1)
                following = (first + timedelta(days=31)).replace(day=1)
                return cls(PeriodKind.MONTH, first, following - timedelta(days=1))
            return cls.day(date.fromisoformat(text))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{text!r} is no period; write 2026-08-17, 2026-W33, 2026-08 or trending") from error

    def __str__(self) -> str:
        if self.kind is PeriodKind.DAY:
            return self.first.isoformat()
        if self.kind is PeriodKind.WEEK:
            year, week, _ = self.first.isocalendar()
            return f"{year}-W{week:02}"
        return f"{self.first:%Y-%m}" if self.kind is PeriodKind.MONTH else self.kind.value


@dataclass(frozen=True, slots=True)
class FetchWindow:
    """What a run asks a source for. ``period`` None: what is new, as the source's configuration says. ``now`` is aware UTC."""

    now: datetime
    period: Period | None = None

    @property
    def today(self) -> date:
        """The day of ``now`` in UTC."""
        return self.now.astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class Validator:
    """What a server gave to recognise an answer by (RFC 9110 section 8.8); both ``""`` if it gave nothing."""

    url: str
    etag: str
    last_modified: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """A part of what a source said: observations fit to take in, and how many records were refused, by reason.

    ``validators`` may be remembered once the observations are stored, not before: whoever remembers them first and then dies
    would be told "not modified" for papers it never stored. ``unchanged``: the source said so, or was asked lately.
    """

    observations: tuple[Observation, ...] = ()
    refused: dict[str, int] = field(default_factory=dict)
    validators: tuple[Validator, ...] = ()
    unchanged: bool = False


class BatchBuilder:
    """Collects observations and counts refusals; cleans what it is given."""

    def __init__(self) -> None:
        self._observations: list[Observation] = []
        self._refused: Counter[str] = Counter()

    def add(self, observation: Observation) -> None:
        """Take an observation, or refuse it if nothing tells which paper it is of."""
        clean = clean_observation(observation)
        if names_of(clean.record):
            self._observations.append(clean)
        else:
            self.refuse(NO_IDENTITY)

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count records that cannot be taken in. Reasons are fixed phrases, so that they can be added up."""
        self._refused[reason] += count

    def build(self, *, validators: tuple[Validator, ...] = ()) -> Batch:
        """Return what was collected."""
        return Batch(tuple(self._observations), dict(self._refused), validators)
