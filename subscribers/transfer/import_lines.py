"""What a line of an imported file asks for: pure, line by line."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from subscribers.address import Address, parse_address
from subscribers.errors import AddressError
from subscribers.fields import FieldsError, OwnField, parse_fields
from subscribers.interests import category_of, parse_topics, split_phrases, split_words
from subscribers.model import Cadence, Choices, FieldValue, Interests, SubscriberState
from subscribers.transfer.cells import unguard
from subscribers.transfer.table_file import Line

#: Columns besides the address that are understood.
COLUMNS = (
    "newsletter",
    "cadence",
    "hour",
    "zone",
    "topics",
    "categories",
    "keywords",
    "authors",
    "labs",
    "muted",
    "size",
    "state",
    "paused_until",
)
#: What the names of columns for the operator's own fields begin with.
FIELD = "field:"
#: Columns of interests besides the topics, and how each is taken apart.
_INTERESTS = {
    "categories": split_words,
    "keywords": split_phrases,
    "authors": split_words,
    "labs": split_words,
    "muted": split_phrases,
}
#: Distinct combinations of cells remembered; a file of one list has one.
_MOST_PLANS = 20_000


@dataclass(frozen=True, slots=True)
class Defaults:
    """For what a line leaves out, and what a line may ask for.

    Attributes:
        newsletter: slug.
        choices: cadence, hour and so on.
        newsletters: cadences that may be chosen, by slug of every newsletter there is.
        fields: the operator's own, by slug; a newsletter without some may be left out.
    """

    newsletter: str
    choices: Choices
    newsletters: Mapping[str, Collection[Cadence]]
    fields: Mapping[str, Sequence[OwnField]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a line asks for, besides the address. ``state`` is active or paused."""

    newsletter: str
    choices: Choices
    state: SubscriberState
    paused_until: datetime | None


class Refusal(NamedTuple):
    """A line that was not taken: its number (from 1), its address or text, and why."""

    line: int
    text: str
    reason: str


class LineParser:
    """Turns lines into wishes or refusals."""

    def __init__(self, columns: Mapping[str, int], defaults: Defaults) -> None:
        self._address = columns["address"]
        self._columns = {name: place for name, place in columns.items() if name in COLUMNS or name.startswith(FIELD)}
        self._places = tuple(self._columns.values())
        self._defaults = defaults
        self._plans: dict[tuple[str, ...], Plan] = {}

    def parse(self, line: Line) -> tuple[Address, Plan] | Refusal:
        """Return who asks for what on ``line``, or why it cannot be taken; equal wishes give the same plan object."""
        cells = line.cells
        if cells is None:
            return Refusal(line.number, line.text, line.problem)
        text = unguard(cells[self._address].strip()) if self._address < len(cells) else ""
        try:
            return parse_address(text), self._plan(cells)
        except AddressError as error:
            return Refusal(line.number, text, error.problem)
        except (FieldsError, ValueError) as error:
            return Refusal(line.number, text, str(error))

    def _plan(self, cells: list[str]) -> Plan:
        count = len(cells)
        asked = tuple([cells[place] if place < count else "" for place in self._places]) if self._places else ()
        plan = self._plans.get(asked)
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            given = {name: cell for name, text in zip(self._columns, asked, strict=True) if (cell := unguard(text.strip()))}
            plan = self._plans[asked] = _to_plan(given, self._defaults)
        return plan


def _to_plan(given: Mapping[str, str], defaults: Defaults) -> Plan:
    newsletter = given.get("newsletter", defaults.newsletter)
    if newsletter not in defaults.newsletters:
        raise ValueError(f"there is no newsletter {newsletter[:64]!r}; there is {', '.join(defaults.newsletters)}")
    cadence = _cadence(given.get("cadence", defaults.choices.cadence))
    if cadence not in defaults.newsletters[newsletter]:
        raise ValueError(f"{newsletter!r} does not come {cadence}; it comes {', '.join(defaults.newsletters[newsletter])}")
    choices = Choices(
        cadence=cadence,
        local_hour=_number(given["hour"]) if "hour" in given else defaults.choices.local_hour,
        zone=given.get("zone", defaults.choices.zone),
        interests=_interests(given) or defaults.choices.interests,
        size=_number(given["size"]) if "size" in given else defaults.choices.size,
        fields=_fields(newsletter, given, defaults),
    )
    until = _instant(given["paused_until"]) if "paused_until" in given else None
    return Plan(newsletter, choices, _state(given.get("state", SubscriberState.ACTIVE)), until)


def _cadence(text: str) -> Cadence:
    try:
        return Cadence(text.casefold())
    except ValueError as error:
        raise ValueError(f"the cadence is not one of {', '.join(Cadence)}") from error


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueError("the hour or size is not a number")
    return int(text)


def _state(text: str) -> SubscriberState:
    if text.casefold() not in {SubscriberState.ACTIVE, SubscriberState.PAUSED}:
        raise ValueError("the file does not call them active or paused, and nobody else is imported")
    return SubscriberState(text.casefold())


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("paused_until is not an ISO 8601 time") from error
    if moment.tzinfo is None:
        raise ValueError("paused_until has no zone; add Z for UTC")
    return moment.astimezone(UTC)


def _fields(newsletter: str, given: Mapping[str, str], defaults: Defaults) -> tuple[tuple[str, FieldValue], ...]:
    own = {name.removeprefix(FIELD): text for name, text in given.items() if name.startswith(FIELD)}
    # What readers must fill in may be missing from a list that is older than the field.
    written = parse_fields(defaults.fields.get(newsletter, ()), own, may_lack=True)
    # Another newsletter has other fields, even if they have the same name.
    left_out = defaults.choices.fields if newsletter == defaults.newsletter else ()
    return tuple(sorted({**dict(left_out), **dict(written)}.items()))


def _interests(given: Mapping[str, str]) -> Interests:
    topics = parse_topics(given.get("topics", ""))
    words = {kind: split(given.get(kind, "")) for kind, split in _INTERESTS.items()}
    categories = (category_of(name) or name for name in words["categories"])
    words["categories"] = tuple(dict.fromkeys((*topics.categories, *categories)))
    words["keywords"] = tuple(dict.fromkeys(topics.keywords + words["keywords"]))
    return Interests(**words)
