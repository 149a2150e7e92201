"""Reading JSON answers: values of any type made into what a paper takes, and errors told in the service's words. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from newsletter.papers.clean import clean_text, parse_instant
from newsletter.sources.base import FetchWindow, HttpStatusError, PeriodKind, SourceError
from newsletter.sources.http import NEXT_RUN

_MAX_WORDS = 200

#: Why an entry is refused that is a number, a text or nothing at all.
NO_OBJECT = "entry that is not an object"


def load_object(body: bytes, *, source: str) -> dict[str, object]:
    """Return the JSON object that an answer is.

    Raises:
        SourceError: it is none, or one that only says what went wrong.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceError(source, "the answer is not JSON, or only a part of it", hint=NEXT_RUN, transient=True) from error
    if not isinstance(payload, dict):
        hint = f"check sources.{source}.url"
        raise SourceError(source, "the answer is not an object", hint=hint, transient=False)
    if words := _complaint(payload):
        raise SourceError(source, f"the service says: {words}", hint=NEXT_RUN, transient=True)
    return payload


def in_its_words(error: HttpStatusError, *, hint: str) -> SourceError:
    """Return ``error`` with what the service said in its answer, if it did, and with ``hint`` for what to do."""
    try:
        payload = json.loads(error.body)
    except (ValueError, RecursionError):
        payload = None
    words = _complaint(payload) if isinstance(payload, dict) else ""
    problem = f"{error.problem}, the service says: {words}" if words else error.problem
    return SourceError(error.source, problem, hint=hint, transient=False)


def text_of(holder: Mapping[str, object], key: str) -> str:
    """Return the text under ``key``, "" where there is something else."""
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def object_of(holder: Mapping[str, object], key: str) -> dict[str, object]:
    """Return the object under ``key``, an empty one where there is something else."""
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def objects_of(holder: Mapping[str, object], key: str) -> list[dict[str, object]]:
    """Return the objects in the list under ``key``, in order, without what is none."""
    value = holder.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def appeared_at(value: object, *, now: datetime) -> datetime | None:
    """Return when a paper appeared, from a date or instant of a service.

    None where it tells nothing: journals date their papers ahead, and a day to come is not when the paper came to be known.
    """
    moment = parse_instant(value)
    return moment if moment is not None and moment <= now else None


def days_asked(window: FetchWindow, *, days_back: int) -> tuple[date, date]:
    """Return the first and the last day to ask for: those of the period, or the last ``days_back`` days and today."""
    period = window.period
    if period is not None and period.kind is not PeriodKind.TRENDING:
        return period.first, period.last
    return window.today - timedelta(days=days_back), window.today


def _complaint(payload: Mapping[str, object]) -> str:
    words = ": ".join(said for key in ("error", "message") if (said := text_of(payload, key)))
    return clean_text(words, _MAX_WORDS).rstrip(".")
