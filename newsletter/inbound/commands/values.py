"""What stands behind a command word: numbers, lengths of time, days, zones, topics, names. None: it is none of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from babel import Locale

from newsletter.inbound.commands.folding import fold, words_of
from newsletter.inbound.commands.model import Day, Pause, SetHour, SetSize, SetZone
from newsletter.inbound.commands.vocabulary import vocabulary
from subscribers.model import time_zones

#: Papers named in one command.
MOST_NUMBERS = 20
#: Languages that months are understood in.
_LANGUAGES = ("en", "de", "es", "fr", "ar")
_NUMBER = re.compile(r"\d{1,3}")
_SPAN = re.compile(r"(\d{1,3})\s*([^\W\d_]*)")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_POINTED = re.compile(r"(\d{1,2})\.\s?(\d{1,2})(?:\.\s?(\d{4}|\d{2})|\.?)")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})")
_HOUR = re.compile(r"(\d{1,2})(?:[:.h]([0-5]\d)?)?\s*(a\.?m\.?|p\.?m\.?|uhr|h|o.?clock)?")


def numbers_in(text: str) -> tuple[int, ...] | None:
    """Return the numbers of papers: ``3``, ``2 and 5``, ``#1, #4``, ``4-6``."""
    found: list[int] = []
    for word in words_of(_range().sub(_spelled_out, fold(text))):
        if _NUMBER.fullmatch(word.text):
            found.append(int(word.text))
        elif word.text not in _set("among_numbers") and word.text not in _set("behind"):
            return None
    return tuple(dict.fromkeys(found)) if 0 < len(found) <= MOST_NUMBERS else None


def _spelled_out(found: re.Match[str]) -> str:
    """Return a range with all its numbers; of a long one so many that they are too many."""
    first, last = sorted((int(found[1]), int(found[2])))
    return " ".join(str(number) for number in range(first, min(last, first + MOST_NUMBERS) + 1))


@lru_cache(maxsize=1)
def _range() -> re.Pattern[str]:
    between = "|".join(sorted(_set("ranges")))
    return re.compile(rf"(?<!\d)(\d{{1,3}})\s*(?:-|\s(?:{between})\s)\s*#?(\d{{1,3}})(?!\d)")


def pause_of(text: str) -> Pause | None:
    """Return the pause: nothing, ``2w``, ``for two weeks``, ``until 2026-12-24``, ``bis 24.12.``, ``until 24 December``."""
    words = [word.text for word in words_of(text)]
    if all(word in _set("behind") for word in words):
        return Pause()
    day = _day_of(text)
    if day is not None:
        return Pause(until=day)
    meant = " ".join(word for word in words if word not in _set("for") and word not in _set("behind"))
    found = _SPAN.fullmatch(meant)
    if found is not None:
        unit = vocabulary().units.get(found[2], 0) if found[2] else 0
        return Pause(int(found[1]) * unit) if unit else None
    count, _, unit_word = meant.rpartition(" ")
    days = vocabulary().units.get(unit_word, 0) * (vocabulary().counts.get(count, 0) if count else 1)
    return Pause(days) if days else None


def _day_of(text: str) -> Day | None:
    bare = text.strip(" .,!")
    for prefix in words_of(text):
        if prefix.text not in _set("until"):
            bare = text[prefix.start :].strip(" ,!")
            break
    iso, pointed, slashed = _ISO.fullmatch(bare), _POINTED.fullmatch(bare), _SLASHED.fullmatch(bare)
    if iso is not None:
        return Day(int(iso[1]), int(iso[2]), int(iso[3]))
    if pointed is not None:
        return Day(_year(pointed[3]), int(pointed[2]), int(pointed[1]))
    if slashed is not None:
        one, two = int(slashed[1]), int(slashed[2])
        if one > 12 or one == two:
            return Day(_year(slashed[3]), two, one)
        # The seventh of April or the fourth of July: better asked again than guessed.
        return Day(_year(slashed[3]), one, two) if two > 12 else None
    return _spelled_day([word.text for word in words_of(bare)])


def _spelled_day(words: Sequence[str]) -> Day | None:
    months = _months()
    year: int | None = None
    month = day = 0
    for word in words:
        number = word.removesuffix("st").removesuffix("nd").removesuffix("rd").removesuffix("th")
        if word in months and not month:
            month = months[word]
        elif re.fullmatch(r"\d{4}", word) and year is None:
            year = int(word)
        elif re.fullmatch(r"\d{1,2}", number) and not day:
            day = int(number)
        elif word not in ("of", "the", "de", "del"):
            return None
    return Day(year, month, day) if month and day else None


@lru_cache(maxsize=1)
def _months() -> dict[str, int]:
    names: dict[str, int] = {}
    for language in _LANGUAGES:
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in Locale.parse(language).months[context][width].items():
                    names[fold(name).rstrip(".")] = int(number)
    return names


def _year(text: str | None) -> int | None:
    if text is None:
        return None
    return int(text) + (2000 if len(text) == 2 else 0)


def size_of(text: str) -> SetSize | None:
    """Return the size: ``5``, ``to 12 papers``."""
    words = [word.text for word in words_of(text) if word.text not in _set("to") | _set("behind") | _set("papers")]
    return SetSize(int(words[0])) if len(words) == 1 and _NUMBER.fullmatch(words[0]) else None


def hour_of(text: str) -> SetHour | None:
    """Return the hour: ``7``, ``at 7 am``, ``19:00``, ``7 pm``; an hour there cannot be is returned as it is.

    Of ``7:30`` it is the whole hour before, and what was cut off.
    """
    bare = " ".join(text.split()).strip(" .,!").casefold()
    for prefix in words_of(bare):
        if prefix.text not in _set("to") and prefix.text not in {"um", "at", "las"}:
            bare = bare[prefix.start :]
            break
    bare = _without_behind(bare)
    found = _HOUR.fullmatch(bare)
    if found is None:
        return None
    hour, minutes, half = int(found[1]), int(found[2] or 0), (found[3] or "").replace(".", "")
    if half in ("am", "pm"):
        if not 1 <= hour <= 12:
            return SetHour(99)
        return SetHour(hour % 12 + (12 if half == "pm" else 0), minutes)
    return SetHour(hour, minutes)


def zone_of(text: str) -> SetZone | None:
    """Return the zone: ``Europe/Berlin``, ``new york``, ``to Tokyo``."""
    words = words_of(text)
    start = next((word.start for word in words if word.text not in _set("to")), None)
    if start is None or len(words) > 5:
        return None
    asked = _without_behind(text[start:].strip(' .,!"')).strip()
    if not asked.isprintable():
        return None
    key = "_".join(asked.split()).casefold()
    name = _zones().get(key)
    return SetZone(name or asked[:64], name is not None)


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    """Return the zones by their names in small letters, and by the city alone."""
    cities: dict[str, str] = {}
    # Of several of one city the shortest name is the usual one. Those of Etc mean the opposite of what people write.
    for name in sorted(time_zones(), key=lambda name: (len(name), name)):
        if "/" in name and not name.startswith(("Etc/", "posix/", "right/")):
            cities.setdefault(name.rpartition("/")[2].casefold(), name)
    return {**cities, **{name.casefold(): name for name in time_zones()}}


def _without_behind(text: str) -> str:
    """Return ``text`` without the words at its end that change nothing."""
    words = words_of(text)
    while len(words) > 1 and words[-1].text in _set("behind"):
        words = words[:-1]
    return text[: words[-1].end] if words else text


def _set(name: str) -> frozenset[str]:
    return vocabulary().sets[name]
