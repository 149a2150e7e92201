"""Choices in and out of the JSON kept with sign-ups and wishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from subscribers.interests import interests_from_json, interests_to_json
from subscribers.model import Cadence, Choices


def choices_to_json(choices: Choices) -> dict[str, Any]:
    """Return what is kept: plain values by the names of :class:`~subscribers.model.Choices`; what was left open is left out."""
    kept: dict[str, Any] = {"cadence": choices.cadence.value, "local_hour": choices.local_hour, "zone": choices.zone}
    if choices.interests:
        kept["interests"] = interests_to_json(choices.interests)
    if choices.size is not None:
        kept["size"] = choices.size
    if choices.fields:
        kept["fields"] = dict(choices.fields)
    return kept


def choices_from_json(stored: Mapping[str, Any]) -> Choices:
    """Return the choices in ``stored``.

    Raises:
        ValueError: they are none this version can take, such as a time zone that is gone.
    """
    try:
        return Choices(
            cadence=Cadence(stored["cadence"]),
            local_hour=stored["local_hour"],
            zone=stored["zone"],
            interests=interests_from_json(stored.get("interests", {})),
            size=stored.get("size"),
            fields=tuple(sorted(stored.get("fields", {}).items())),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"stored choices cannot be read ({type(error).__name__})") from error
