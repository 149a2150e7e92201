"""The language of a newsletter's fixed words: its catalogue, its dates and its figures."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import date, time, timedelta
from functools import cached_property, lru_cache
from gettext import GNUTranslations, NullTranslations
from typing import Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta, get_timezone_location
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.numbers import format_decimal

from newsletter.rendering.words.catalogue import check, read_catalogue
from newsletter.rendering.words.text import isolate

#: The language that templates and sentences are written in; it needs no catalogue.
SOURCE = "en"
_SPELLED = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_FIGURES_KEPT = 4096
_Unit = Literal["day", "hour", "minute", "second"]
_UNITS: Sequence[tuple[_Unit, timedelta]] = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
)
_OPEN_ISOLATE, _CLOSE_ISOLATE = "\u2068", "\u2069"


class Language:
    """Translates, and writes dates and figures as people who speak it do.

    Args:
        code: ``de``, or with a country ``pt_BR``.
        translations: of the catalogue; none: the words stay English.

    Raises:
        babel.core.UnknownLocaleError, ValueError: nobody speaks ``code``.
    """

    def __init__(self, code: str, translations: NullTranslations | None = None) -> None:
        self.code = code
        self._locale = Locale.parse(code)
        self._translations = translations or NullTranslations()
        self._number = lru_cache(_FIGURES_KEPT)(self._format_number)

    @classmethod
    def of_catalogue(cls, code: str, text: str) -> Language:
        """Return the language of a catalogue in PO form (GNU gettext manual, section "The Format of PO Files").

        What is not translated, or marked as fuzzy, stays English.

        Raises:
            ValueError: nobody speaks ``code``; it is no catalogue; or a translation could not be filled in. Says what is
                wrong, with its line where that is known.
        """
        compiled = io.BytesIO()
        try:
            catalogue = read_catalogue(code, text)
            for message in catalogue:
                check(message)
            write_mo(compiled, catalogue)
            compiled.seek(0)
            return cls(code, GNUTranslations(compiled))
        except UnknownLocaleError as error:
            raise ValueError(f"nothing is known of the language {code!r}; name one as de or pt_BR") from error

    @property
    def tag(self) -> str:
        """The tag for ``lang`` (RFC 5646): ``pt-BR``."""
        return self.code.replace("_", "-")

    @cached_property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return self._locale.text_direction

    def gettext(self, message: str) -> str:
        """Return ``message`` translated; itself where the catalogue does not have it."""
        return self._translations.gettext(message)

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """Return what ``count`` of them is called."""
        return self._translations.ngettext(singular, plural, count)

    def pgettext(self, context: str, message: str) -> str:
        """Return ``message`` translated as it is meant in ``context``."""
        return self._translations.pgettext(context, message)

    def npgettext(self, context: str, singular: str, plural: str, count: int) -> str:
        """Return what ``count`` of them is called in ``context``."""
        return self._translations.npgettext(context, singular, plural, count)

    def date(self, day: date) -> str:
        """Return a date with its weekday: ``Friday 21 August 2026``."""
        return format_date(day, "EEEE d MMMM y" if self.code == SOURCE else "full", locale=self._locale)

    def number(self, figure: int) -> str:
        """Return a figure with its thousands apart."""
        return self._number(figure)

    def spelled(self, count: int) -> str:
        """Return a small number as a word where that is easily said, else in figures."""
        return _SPELLED[count] if self.code == SOURCE and 0 <= count < len(_SPELLED) else self.number(count)

    def hour(self, hour: int) -> str:
        """Return a full hour, 0 to 23, as clocks show it: ``08:00``."""
        return f"{hour:02d}:00" if self.code == SOURCE else format_time(time(hour), "short", locale=self._locale)

    def zone(self, name: str) -> str:
        """Return what a time zone of the IANA database is called: by its name in English, by its city elsewhere."""
        if self.code == SOURCE or "/" not in name:
            return name
        try:
            city = get_timezone_location(name, locale=self._locale, return_city=True)
        except LookupError:
            return name
        return city.rpartition("/")[2]

    def ago(self, age: timedelta) -> str:
        """Return how long ago something was, a minute at least: ``3 hours ago``."""
        age = max(age, timedelta(minutes=1))
        granularity: Literal["hour", "minute"] = "hour" if age >= timedelta(hours=1) else "minute"
        threshold = 2.0 if age < timedelta(days=2) else 1.0
        return format_timedelta(-age, granularity=granularity, threshold=threshold, add_direction=True, locale=self._locale)

    def lasting(self, length: timedelta) -> str:
        """Return a length of time in the largest unit it is a whole number of: ``7 days``, ``36 hours``."""
        unit: _Unit = next((unit for unit, one in _UNITS if not length % one), "second")
        return format_timedelta(length, granularity=unit, threshold=math.inf, locale=self._locale)

    def listed(self, items: Sequence[str]) -> str:
        """Return ``items`` one after another: ``a, b and c``."""
        if self.code == SOURCE and len(items) > 1:
            return f"{', '.join(items[:-1])} and {items[-1]}"
        return format_list(list(items), locale=self._locale)

    def isolated(self, text: str) -> str:
        """Return a name or a title as it may stand in a sentence: what runs the other way leaves the words around it alone."""
        if self.direction == "ltr" or not text:
            return isolate(text)
        return f"{_OPEN_ISOLATE}{text}{_CLOSE_ISOLATE}"

    def _format_number(self, figure: int) -> str:
        return format_decimal(figure, locale=self._locale)


ENGLISH = Language(SOURCE)
