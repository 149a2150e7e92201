"""Why there is no mail today, and how the sources are, in English sentences. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

from newsletter.rendering.words.language import ENGLISH
from newsletter.schedule.outcome import Figures, Freshness, Reason, SlotOutcome, SlotState, Standing

_TITLES = {
    "hf_daily_papers": "Hugging Face Daily Papers",
    "arxiv_api": "arXiv",
    "arxiv_rss": "arXiv's announcements",
    "biorxiv": "bioRxiv",
    "medrxiv": "medRxiv",
    "semantic_scholar": "Semantic Scholar",
    "openalex": "OpenAlex",
}
#: What a run's account may say went wrong, and how it is told to everybody: nothing of what a service wrote is repeated.
_PROBLEMS = (
    (re.compile(r"\bHTTP (\d{3})\b"), "it answered HTTP {0}"),
    (re.compile(r"a web page instead"), "it answered with a web page"),
    (re.compile(r"an empty answer"), "its answer was empty"),
    (re.compile(r"not JSON|not XML|only a part of it"), "its answer could not be understood"),
    (re.compile(r"(?i)\btimed? ?out\b|took too long"), "it did not answer in time"),
    (re.compile(r"(?i)\brefused\b|\bunreachable\b|\bnot known\b|\bresolution\b|has no address"), "it could not be reached"),
)
_WEEKEND = {5: "a Saturday", 6: "a Sunday"}


def source_title(name: str) -> str:
    """Return what people call a source."""
    return _TITLES.get(name, name)


def sentence(outcome: SlotOutcome) -> str:
    """Return why a slot has no issue, or what it waits for."""
    return waiting_words(outcome.figures) if outcome.state is SlotState.WAITING else skipped_words(outcome)


def waiting_words(figures: Figures) -> str:
    """Return what a slot waits for."""
    holding = [source for source in figures.sources if source.holds] or [
        source for source in figures.sources if source.freshness in _UNREADY
    ]
    until = "" if figures.until is None else f", until {clock_words(figures.until)} at the latest"
    return f"Waiting: {_clauses(holding, now=True)}{until}."


def skipped_words(outcome: SlotOutcome) -> str:
    """Return why a slot gets no issue."""
    figures = outcome.figures
    match outcome.reason:
        case Reason.SOURCES_FAILED | Reason.SOURCES_LATE | Reason.NEVER_FETCHED:
            troubled = [source for source in figures.sources if source.freshness in _UNREADY]
            return f"{_clauses(troubled, now=False)}, and {_little(figures)}."
        case Reason.NO_NEWS_DAY:
            return f"{_resting(figures.sources, outcome.slot)}{_but_few(figures)}."
        case Reason.QUIET:
            little = _little(figures)
            return f"{little[0].upper()}{little[1:]}."
        case Reason.MERGED:
            return f"It was missed; its papers come with {figures.into}."
        case Reason.MISSED:
            return "The program was not running in time; its papers come with the next issue."
        case Reason.NOBODY:
            return "Nobody read at this rhythm when its hour came."
        case Reason.NO_PAPERS:
            return "There was no paper to send."


def in_log(figures: Figures) -> str:
    """Return figures as ``key=value`` for the log."""
    sources = ",".join(f"{source.source}:{source.freshness}:{source.new}" for source in figures.sources)
    return f"new={figures.new} below={figures.below} sources={sources or '-'} into={figures.into or '-'}"


def problem_words(problem: str) -> str:
    """Return what a run's account says went wrong, for everybody: no address, and nothing that a service wrote."""
    for pattern, words in _PROBLEMS:
        if found := pattern.search(problem):
            return words.format(*found.groups())
    return "something went wrong on the way"


def clock_words(instant: datetime) -> str:
    """Return the time of day of an instant, in UTC: ``08:00 UTC``."""
    return f"{instant.astimezone(UTC):%H:%M} UTC"


_UNREADY = (Freshness.FAILED, Freshness.LATE, Freshness.UNTRIED)


def _clauses(sources: Sequence[Standing], *, now: bool) -> str:
    """Say what is wrong with sources; ``now`` speaks of this moment, else it is past."""
    failed = [source_title(each.source) for each in sources if each.freshness is Freshness.FAILED]
    untried = [source_title(each.source) for each in sources if each.freshness is Freshness.UNTRIED]
    clauses = [f"{ENGLISH.listed(failed)} {'cannot' if now else 'could not'} be read"] if failed else []
    for each in sources:
        if each.freshness is Freshness.LATE:
            papers = "paper" if each.new == 1 else "papers"
            listed = f"{each.new} {papers}" if each.new else "nothing"
            usual = f" where {each.usual} are usual by then" if each.usual else ""
            clauses.append(f"{source_title(each.source)} {'has' if now else 'had'} listed {listed}{usual}")
    if untried:
        clauses.append(f"{ENGLISH.listed(untried)} {'has' if len(untried) == 1 else 'have'} never answered yet")
    return ENGLISH.listed(clauses)


def _little(figures: Figures) -> str:
    if not figures.new:
        return "nothing new came since the last issue"
    papers = "paper is" if figures.new == 1 else "papers are"
    return f"only {figures.new} {papers} new since the last issue; a mail takes {figures.below}"


def _but_few(figures: Figures) -> str:
    return f"; {_little(figures)}" if figures.new else ""


def _resting(sources: Sequence[Standing], slot: str) -> str:
    names = ENGLISH.listed([source_title(each.source) for each in sources])
    holidays = dict.fromkeys(each.holiday for each in sources if each.holiday)
    why = f" ({ENGLISH.listed(list(holidays))})" if holidays else ""
    day = "such a day" if why else _day_of(slot)
    return f"{names} {'lists' if len(sources) == 1 else 'list'} nothing on {day}{why}"


def _day_of(slot: str) -> str:
    """Return ``a Saturday`` or ``a Sunday`` for a slot of such a day: of no other one are sources known to rest each week."""
    try:
        return _WEEKEND.get(date.fromisoformat(slot).weekday(), "such a day")
    except ValueError:  # that of a month
        return "such a day"
