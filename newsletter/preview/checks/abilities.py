"""What each mail client can show, by caniemail's data, and which of it a mail uses.

The data is third parties' (https://www.caniemail.com, fetched by the operator); none of it is in this package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from newsletter.preview.checks.fallbacks import FALLBACKS
from newsletter.preview.checks.features import FEATURE_OF, FEATURES, LISTED
from newsletter.preview.checks.page import Page
from newsletter.preview.checks.sources import MAX_PLACES, Sources
from newsletter.preview.checks.usage import pattern_of, signs
from newsletter.preview.errors import AbilitiesError

#: Where the data comes from.
DATA_URL = "https://www.caniemail.com/api/data.json"
#: More than twice what it is today.
MAX_DATA_BYTES = 8_000_000

_RESULT = re.compile(r"([yanu])\b")
_NOTE = re.compile(r"#(\d{1,3})")


class Level(StrEnum):
    """Whether a client supports a feature."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Client:
    """One column of the table: ``key`` is stable, ``name`` for people, ``family`` as in caniemail's data."""

    key: str
    name: str
    family: str
    platforms: tuple[str, ...]


#: The columns of the table.
CLIENTS = (
    Client("gmail-web", "Gmail in a browser", "gmail", ("desktop-webmail",)),
    Client("gmail-app", "Gmail's apps", "gmail", ("ios", "android")),
    Client("gmail-mobile-web", "Gmail in a phone's browser", "gmail", ("mobile-webmail",)),
    Client("outlook-windows", "Outlook for Windows (Word)", "outlook", ("windows",)),
    Client("outlook-com", "Outlook.com and new Outlook", "outlook", ("outlook-com",)),
    Client("outlook-mac", "Outlook for Mac", "outlook", ("macos",)),
    Client("outlook-app", "Outlook's apps", "outlook", ("ios", "android")),
    Client("apple-mail", "Apple Mail", "apple-mail", ("macos", "ios")),
    Client("yahoo-web", "Yahoo in a browser", "yahoo", ("desktop-webmail",)),
    Client("yahoo-app", "Yahoo's apps", "yahoo", ("ios", "android")),
    Client("proton-web", "Proton in a browser", "protonmail", ("desktop-webmail",)),
    Client("proton-app", "Proton's apps", "protonmail", ("ios", "android")),
    Client("thunderbird", "Thunderbird", "thunderbird", ("macos", "windows")),
    Client("fastmail", "Fastmail", "fastmail", ("desktop-webmail",)),
    Client("samsung", "Samsung Email", "samsung-email", ("android",)),
)
#: Families of clients in which nothing may be used without a fallback.
FAMILIES = frozenset({"gmail", "outlook", "apple-mail", "yahoo", "protonmail"})


@dataclass(frozen=True, slots=True)
class Support:
    """How well a client supports a feature, in the newest version that was tested.

    ``notes`` are the numbers of the feature's notes; ``version`` is the client's, or the month of the test (``2024-03``).
    """

    level: Level
    notes: tuple[int, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """A feature that the mail uses.

    Attributes:
        slug, title, url: caniemail's name for it, for people, and its page there.
        support: by the key of the client.
        notes: number and text of the notes that ``support`` names.
        places: where it is used, ``template file:line`` in the order of files, else the element in the HTML; at most 20.
        fallback: what is shown where it is not supported, in our words; ``""`` if nobody wrote it down.
    """

    slug: str
    title: str
    url: str
    support: Mapping[str, Support]
    notes: Mapping[int, str]
    places: tuple[str, ...]
    fallback: str = ""

    def unsupported_in(self) -> tuple[str, ...]:
        """Return the keys of those clients of the five great families that show nothing of it."""
        return tuple(
            client.key for client in CLIENTS if client.family in FAMILIES and self.support[client.key].level is Level.NO
        )

    def to_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "slug": self.slug,
            "title": self.title,
            "url": self.url,
            "support": {
                key: {"level": each.level.value, "notes": list(each.notes), "version": each.version}
                for key, each in self.support.items()
            },
            "notes": {str(number): note for number, note in self.notes.items()},
            "places": list(self.places),
            "fallback": self.fallback,
        }


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Something in the mail's CSS that caniemail's data knows nothing about: ``css property x``, with its places."""

    name: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompatibilityTable:
    """Which client supports what the mail uses: ``clients`` are the columns, ``uses`` the rows, by slug.

    ``updated_on`` is the day of the data, as it says itself.
    """

    clients: tuple[Client, ...]
    uses: tuple[FeatureUse, ...]
    not_in_table: tuple[Unlisted, ...]
    updated_on: str

    def to_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "clients": [{"key": client.key, "name": client.name} for client in self.clients],
            "uses": [use.to_json() for use in self.uses],
            "not_in_table": [{"name": each.name, "places": list(each.places)} for each in self.not_in_table],
            "updated_on": self.updated_on,
        }


class _Feature(BaseModel):
    """One feature, as served. ``stats``: family, platform, version (oldest first), then ``y``, ``a #2``, ``n`` or ``u``."""

    model_config = ConfigDict(frozen=True)

    slug: str
    title: str
    url: str
    stats: dict[str, dict[str, dict[str, str]]]
    notes_by_num: dict[str, str] | None = None


class _Data(BaseModel):
    """The whole file, as served; what we do not use of it may change."""

    model_config = ConfigDict(frozen=True)

    last_update_date: str = Field(max_length=100)
    data: list[_Feature]


class Abilities:
    """caniemail's data, read."""

    def __init__(self, data: _Data) -> None:
        self.updated_on = data.last_update_date[:10]
        self._features = {feature.slug: feature for feature in data.data}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the JSON that https://www.caniemail.com/api/data.json serves.

        Raises:
            AbilitiesError: the file is not there or is not that; says how to get it.
        """
        try:
            with path.open("rb") as file:
                content = file.read(MAX_DATA_BYTES + 1)
        except OSError as error:
            raise AbilitiesError(f"{path}: {error.strerror}; fetch {DATA_URL} and put it there") from error
        return cls.read(content, str(path))

    @classmethod
    def read(cls, content: bytes, name: str = DATA_URL) -> Self:
        """Read that JSON; ``name`` is where it comes from.

        Raises:
            AbilitiesError: as above.
        """
        if len(content) > MAX_DATA_BYTES:
            raise AbilitiesError(f"{name}: more than {MAX_DATA_BYTES} bytes; fetch {DATA_URL} anew")
        try:
            return cls(_Data.model_validate(json.loads(content)))
        except (ValueError, RecursionError) as error:
            problem = f"{error.error_count()} problems" if isinstance(error, ValidationError) else "no JSON"
            raise AbilitiesError(f"{name}: not caniemail's data ({problem}); fetch {DATA_URL} anew") from error

    def slugs(self) -> frozenset[str]:
        """Return the names of all features."""
        return frozenset(self._features)

    def use(self, slug: str, places: tuple[str, ...]) -> FeatureUse | None:
        """Return what is known about a feature that is used in ``places``; None if nothing is."""
        feature = self._features.get(slug)
        if feature is None:
            return None
        support = {client.key: _support(feature, client) for client in CLIENTS}
        numbers = sorted({number for each in support.values() for number in each.notes})
        notes = {number: (feature.notes_by_num or {}).get(str(number), "") for number in numbers}
        return FeatureUse(slug, feature.title, feature.url, support, notes, places, FALLBACKS.get(slug, ""))


def check_abilities(html: str, files: Mapping[str, str], abilities: Abilities) -> CompatibilityTable:
    """Return which features a mail uses, who supports them, and where they come from.

    Args:
        html: of the mail; what stands in comments for Outlook alone is not looked at.
        files: the templates that went into it.
        abilities: caniemail's data.
    """
    page, sources = Page.of(html), Sources(files)
    lines = html.split("\n")

    def place_of_line(line: int) -> str:
        # A style block goes as it is from the template into the mail.
        return sources.line(lines[line - 1]) or f"<style> (HTML line {line})"

    found, known_slugs = signs(page, place_of_line), abilities.slugs()
    places: dict[str, dict[str, None]] = {}
    unlisted: list[Unlisted] = []
    for sign, here in found.items():
        slugs = [slug for slug in FEATURE_OF.get(sign, ()) if slug in known_slugs]
        kind, _, name = sign.partition(":")
        if not slugs and kind not in LISTED:
            continue
        pattern = pattern_of(sign)
        where = (sources.find(pattern) if pattern else ()) or tuple(here)
        for slug in slugs:
            places.setdefault(slug, {}).update(dict.fromkeys(where))
        if not slugs:
            unlisted.append(Unlisted(f"{LISTED[kind]}{name}", where))
    uses = (abilities.use(slug, tuple(places[slug])[:MAX_PLACES]) for slug in FEATURES if slug in places)
    known = sorted((use for use in uses if use is not None), key=lambda use: use.slug)
    return CompatibilityTable(CLIENTS, tuple(known), tuple(sorted(unlisted, key=lambda each: each.name)), abilities.updated_on)


def _support(feature: _Feature, client: Client) -> Support:
    """Return the least that a client's platforms do; those without an answer do not count if another has one."""
    answers = [_answer(versions) for name in client.platforms if (versions := feature.stats.get(client.family, {}).get(name))]
    for level in (Level.NO, Level.PARTLY, Level.YES):
        of_level = [answer for answer in answers if answer.level is level]
        if of_level:
            notes = tuple(sorted({number for answer in of_level for number in answer.notes}))
            return Support(level, notes, of_level[0].version)
    return Support(Level.UNKNOWN)


def _answer(versions: Mapping[str, str]) -> Support:
    version, answer = list(versions.items())[-1]
    result = _RESULT.match(answer)
    level = {"y": Level.YES, "a": Level.PARTLY, "n": Level.NO}.get(result[1] if result else "", Level.UNKNOWN)
    return Support(level, tuple(int(number) for number in _NOTE.findall(answer)), version)
