"""A sign-up as a JSON object, read as the form that says the same."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.web.choosing import FIELD_PREFIX
from newsletter.web.forms import Form, storable
from subscribers.interests import join_words

_TEXTS = ("address", "email", "newsletter", "cadence", "zone")
_LISTS = ("keywords", "authors")


def form_of_object(given: Mapping[str, object]) -> tuple[Form, dict[str, str]]:
    """Return the form an object stands for, and what is wrong with its types, by name.

    Keys: ``address`` or ``email``, ``newsletter``, ``cadence``, ``zone`` (text), ``hour`` (whole number), ``topics``,
    ``keywords``, ``authors`` (lists of text), ``fields`` (object of text, whole numbers, true and false). None is as good as
    missing.
    """
    pairs: list[tuple[str, str]] = []
    problems = {}
    for name, value in given.items():
        if value is None:
            continue
        found = _pairs(name, value)
        if found is None:
            problems[storable(name[:64])] = "There is no such key, or its value is of another type."
        else:
            pairs += found
    return Form(pairs), problems


def _pairs(name: str, value: object) -> list[tuple[str, str]] | None:
    if name in _TEXTS:
        return [(name, value)] if isinstance(value, str) else None
    if name == "hour":
        return [(name, str(value))] if isinstance(value, int) and not isinstance(value, bool) else None
    if name == "topics" or name in _LISTS:
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            return None
        return [(name, word) for word in value] if name == "topics" else [(name, join_words(value))]
    if name == "fields" and isinstance(value, dict):
        if not all(isinstance(inner, str | int) for inner in value.values()):
            return None
        return [(f"{FIELD_PREFIX}{key}", _text(inner)) for key, inner in value.items()]
    return None


def _text(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
