"""Whether a slot's issue can be made, waits, or is left out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from newsletter.schedule.calendar import NewsDays
from newsletter.schedule.outcome import Figures, Freshness, Reason, Standing
from newsletter.sources.store import FetchRun, RunOutcome

#: Part of its usual papers with which a source counts as complete.
ENOUGH = 0.5
#: Times ``schedule.fetch_every`` for which an answer counts as recent.
RECENT = 2
#: A source that could not be read for longer keeps no issue waiting.
GIVEN_UP_AFTER = timedelta(days=3)

_GOOD = {RunOutcome.DONE, RunOutcome.UNCHANGED}


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What is known of a source: papers it listed since the last issue, and how many are usual by then.

    ``calendar`` is None where its days of listing are not known, ``usual`` where too little was seen of it.
    """

    source: str
    new: int
    usual: int | None
    calendar: NewsDays | None
    last_run: FetchRun | None
    last_success_at: datetime | None


class Decision(StrEnum):
    """What becomes of a slot now. ``BUILD_SHORT``: an issue of the new papers only."""

    BUILD = "build"
    BUILD_SHORT = "build_short"
    WAIT = "wait"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision with its figures; ``reason`` is None where an issue is made."""

    decision: Decision
    figures: Figures
    reason: Reason | None = None


def standing_of(facts: SourceFacts, *, looked_at: datetime, fetch_every: timedelta) -> Standing:
    """Tell where a source stands at the hour of a slot.

    Args:
        facts: of the source.
        looked_at: when the slot's issue was first looked for, aware.
        fetch_every: time between two runs of the sources.
    """
    run, calendar, usual = facts.last_run, facts.calendar, facts.usual
    succeeded_at = facts.last_success_at
    is_recent = succeeded_at is not None and succeeded_at >= looked_at - RECENT * fetch_every
    # A run that broke off at an old day has brought the new ones before.
    is_heard = run is not None and run.outcome is RunOutcome.PARTIAL and run.started_at >= looked_at - RECENT * fetch_every
    is_there = usual is not None and facts.new >= ENOUGH * usual
    rests = facts.new == 0 and ((calendar is not None and not calendar.is_expected) or usual == 0)
    if run is None:
        freshness = Freshness.UNTRIED
    elif rests:
        freshness = Freshness.NOT_EXPECTED
    elif run.outcome not in _GOOD:
        freshness = Freshness.COMPLETE if (is_recent or is_heard) and is_there else Freshness.FAILED
    elif not is_recent:
        freshness = Freshness.LATE
    elif usual is not None:
        freshness = Freshness.COMPLETE if is_there else Freshness.LATE
    else:
        is_missing = facts.new == 0 and calendar is not None
        freshness = Freshness.LATE if is_missing else Freshness.COMPLETE
    is_alive = succeeded_at is not None and succeeded_at >= looked_at - GIVEN_UP_AFTER
    return Standing(
        facts.source,
        freshness,
        new=facts.new,
        usual=usual,
        holds=freshness is Freshness.LATE or (freshness is Freshness.FAILED and is_alive),
        holiday=calendar.holiday if calendar is not None and freshness is Freshness.NOT_EXPECTED else "",
    )


def decide(
    sources: Sequence[Standing],
    *,
    new: int,
    below: int,
    quiet: Literal["skip", "short", "catch_up"],
    now: datetime,
    until: datetime,
) -> Verdict:
    """Decide what becomes of a slot whose hour has come.

    Args:
        sources: those of the newsletter that are enabled.
        new: papers since the last issue of the cadence, over all sources.
        below: fewer make a quiet day.
        quiet: what a quiet day brings: nothing, the new papers only, or the best that readers have not had.
        now: aware.
        until: when waiting ends, aware.
    """
    figures = Figures(new, below, tuple(sources), until=until)
    is_quiet = new < below
    # With too little to send, waiting costs nothing: even one that never answered is given its time.
    unready = {Freshness.LATE, Freshness.FAILED, Freshness.UNTRIED}
    waits_for = [source for source in sources if source.holds or (is_quiet and source.freshness in unready)]
    if waits_for and now < until:
        return Verdict(Decision.WAIT, figures, _reason(waits_for))
    if not is_quiet or quiet == "catch_up":
        return Verdict(Decision.BUILD, figures)
    if quiet == "short" and new:
        return Verdict(Decision.BUILD_SHORT, figures)
    return Verdict(Decision.SKIP, figures, _reason(sources))


def _reason(sources: Sequence[Standing]) -> Reason:
    found = {source.freshness for source in sources}
    if Freshness.FAILED in found:
        return Reason.SOURCES_FAILED
    if Freshness.LATE in found:
        return Reason.SOURCES_LATE
    if Freshness.UNTRIED in found:
        return Reason.NEVER_FETCHED
    return Reason.NO_NEWS_DAY if found == {Freshness.NOT_EXPECTED} else Reason.QUIET
