"""What a reader picks for a newsletter: written into a form, checked, and said in words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources

from newsletter.config import NewsletterConfig
from newsletter.papers.categories import NAMES, name_of
from newsletter.web.forms import Form
from subscribers.fields import FieldsError, OwnField, fields_to_text, parse_fields
from subscribers.interests import category_of, is_archive, join_words, split_phrases, split_words
from subscribers.model import Cadence, Choices, FieldValue, Interests, time_zones

FIELD_PREFIX = "field-"
_LABELS = {
    Cadence.DAILY: "Every day",
    Cadence.WEEKDAYS: "Weekdays",
    Cadence.WEEKLY: "Once a week",
    Cadence.MONTHLY: "Once a month",
}
#: Kinds of interest that are written as words with semicolons between them, and what they are called.
_WORDS = {"keywords": "Keywords", "authors": "Authors", "labs": "Labs", "muted": "Muted words"}
#: Those of them that may be phrases with exclusions.
_PHRASES = ("keywords", "muted")


@dataclass(frozen=True, slots=True)
class Written:
    """A form of choices as somebody wrote it: any text."""

    cadence: str = ""
    hour: str = ""
    zone: str = ""
    categories: tuple[str, ...] = ()
    keywords: str = ""
    authors: str = ""
    labs: str = ""
    muted: str = ""
    size: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_form(cls, form: Form) -> Written:
        """Return what a form holds."""
        texts = {name: form.one(name) for name in ("cadence", "hour", "zone", "size", *_WORDS)}
        return cls(categories=form.all("topics"), fields=form.starting(FIELD_PREFIX), **texts)

    @classmethod
    def of_choices(cls, choices: Choices) -> Written:
        """Return how choices that were made are written."""
        interests = choices.interests
        return cls(
            cadence=choices.cadence,
            hour=str(choices.local_hour),
            zone=choices.zone,
            categories=interests.categories,
            size="" if choices.size is None else str(choices.size),
            fields=fields_to_text(choices.fields),
            **{
                kind: "; ".join(join_words([word], are_names=kind not in _PHRASES) for word in getattr(interests, kind))
                for kind in _WORDS
            },
        )

    def or_else(self, other: Written) -> Written:
        """Return this with ``other`` for the cadence, hour and zone that were left out, as they are taken then."""
        return replace(self, cadence=self.cadence or other.cadence, hour=self.hour or other.hour, zone=self.zone or other.zone)

    @classmethod
    def at_first(cls, newsletter: NewsletterConfig) -> Written:
        """Return what an untouched form shows."""
        return cls.of_choices(Choices(cadence=newsletter.cadences[0], zone=newsletter.zone))


@dataclass(frozen=True, slots=True)
class WordLimits:
    """How many words a list may hold, and how long each may be in characters."""

    count: int
    length: int


#: What anybody may write who was not heard of before, and what a reader may.
STRANGERS = WordLimits(50, 60)
READERS = WordLimits(200, 100)


def parse_choices(
    written: Written, newsletter: NewsletterConfig, fields: Sequence[OwnField], *, limits: WordLimits
) -> tuple[Choices | None, dict[str, str]]:
    """Return what was picked, or None and what is wrong with it.

    What was left empty is the newsletter's own: its first cadence, 8 o'clock, its zone, its size.

    Returns:
        The choices, and the problems as sentences by name of the form's field; one of both is empty.
    """
    problems: dict[str, str] = {}
    words = {kind: _words(kind, getattr(written, kind), limits, problems) for kind in _WORDS}
    asked = (name if name in newsletter.topics else category_of(name) or name for name in written.categories)
    categories = tuple(dict.fromkeys(asked))
    unknown = [name for name in categories if not _is_category(name) and name not in newsletter.topics]
    if unknown:
        problems["topics"] = "Choose topics from the list: one of these is none of arXiv's categories."
    own: tuple[tuple[str, FieldValue], ...] = ()
    try:
        own = parse_fields(fields, written.fields)
    except FieldsError as error:
        labels = {field.name: field.label for field in fields}
        for name, problem in error.problems.items():
            problems[f"{FIELD_PREFIX}{name}"] = f"{labels[name]} {problem}." if name in labels else f"{name}: {problem}."
    cadence = _cadence(written.cadence, newsletter, problems)
    hour, zone, size = _hour(written.hour, problems), _zone(written.zone or newsletter.zone, problems), _size(written, problems)
    if problems:
        return None, problems
    return Choices(cadence, hour, zone, Interests(categories, **words), size, own), {}


@dataclass(frozen=True, slots=True)
class CadenceOption:
    """A cadence as it stands beside its radio button."""

    value: Cadence
    label: str
    detail: str


def cadence_options(newsletters: Sequence[NewsletterConfig]) -> list[CadenceOption]:
    """Return the cadences that any of ``newsletters`` offers, often to rarely."""
    offered = {cadence for newsletter in newsletters for cadence in newsletter.cadences}
    weekdays = {newsletter.weekly_on for newsletter in newsletters}
    details = {
        Cadence.DAILY: "the day's best",
        Cadence.WEEKDAYS: "Monday to Friday",
        Cadence.WEEKLY: f"on {weekdays.pop().capitalize()}" if len(weekdays) == 1 else "the week's best",
        Cadence.MONTHLY: "on the 1st",
    }
    return [CadenceOption(cadence, _LABELS[cadence], details[cadence]) for cadence in Cadence if cadence in offered]


def rhythm_words(newsletter: NewsletterConfig, choices: Choices) -> str:
    """Return when mails come: ``every Friday at 08:00 (Europe/Berlin)``."""
    days = {
        Cadence.DAILY: "every day",
        Cadence.WEEKDAYS: "Monday to Friday",
        Cadence.WEEKLY: f"every {newsletter.weekly_on.capitalize()}",
        Cadence.MONTHLY: "on the 1st of each month",
    }
    return f"{days[choices.cadence]} at {choices.local_hour:02d}:00 ({choices.zone})"


def topics_of(newsletters: Sequence[NewsletterConfig], chosen: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return the categories to choose from with their names: what is offered, then what was chosen elsewhere."""
    offered = dict.fromkeys(name for newsletter in newsletters for name in (*newsletter.topics, *chosen))
    return [(name, name_of(name)) for name in offered if _is_category(name) or any(name in each.topics for each in newsletters)]


@lru_cache(maxsize=1)
def zones_by_region() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return the time zones that people live in, region by region: (region, ((IANA name, name of the place), ...)).

    They are those of the time zone database's table of countries; names kept for old programs only are left out.
    """
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    names = sorted(line.split("\t")[2] for line in table.splitlines() if line and not line.startswith("#"))
    regions: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        region, _, place = name.partition("/")
        regions.setdefault(region, []).append((name, place.replace("_", " ").replace("/", ", ")))
    return (("World", (("UTC", "UTC"),)), *((region, tuple(places)) for region, places in regions.items()))


def _words(kind: str, text: str, limits: WordLimits, problems: dict[str, str]) -> tuple[str, ...]:
    try:
        words = split_words(text)
    except ValueError as error:
        problems[kind] = f"{_WORDS[kind]} cannot be read: {error}."
        return ()
    if len(words) > limits.count or any(len(word) > limits.length for word in words):
        problems[kind] = f"{_WORDS[kind]} may be {limits.count}, of {limits.length} characters each."
    if kind in _PHRASES:
        try:
            split_phrases(text)
        except ValueError as error:
            problems.setdefault(kind, f"{_WORDS[kind]}: {error}.")
    return words


def _is_category(name: str) -> bool:
    return name in NAMES or is_archive(name)


def _cadence(text: str, newsletter: NewsletterConfig, problems: dict[str, str]) -> Cadence:
    offered = newsletter.cadences
    if text and text not in offered:
        choices = ", ".join(_LABELS[cadence].lower() for cadence in offered)
        problems["cadence"] = f"{newsletter.name} does not come like that. It comes: {choices}."
    return Cadence(text) if text in offered else offered[0]


def _hour(text: str, problems: dict[str, str]) -> int:
    if not text:
        return Choices().local_hour
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and int(text) <= 23):
        problems["hour"] = "The hour is one from 0 to 23."
        return 0
    return int(text)


def _zone(text: str, problems: dict[str, str]) -> str:
    known = time_zones()
    if text not in known:
        near = difflib.get_close_matches(text[:64].replace(" ", "_"), known, 1)
        hint = f"did you mean {near[0]}?" if near else "write it like Europe/Berlin."
        problems["zone"] = f"There is no such time zone; {hint}"
    return text


def _size(written: Written, problems: dict[str, str]) -> int | None:
    text = written.size
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= 60):
        problems["size"] = "Papers: from 1 to 60."
        return None
    return int(text)
