"""What a form sends, and how a form proves that it was handed out by us a while ago."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request

from newsletter.clock import Clock

MAX_FIELDS = 300
_SEAL = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{32})")


class Form:
    """The fields of a form, in order; a field may come more than once. All text can be stored: no NUL, no broken Unicode."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(storable(name), []).append(storable(value))

    def one(self, name: str) -> str:
        """Return the first value without blanks around it; ``""`` if the field is missing."""
        return self._values.get(name, [""])[0].strip()

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values of a field, each once."""
        return tuple(dict.fromkeys(value.strip() for value in self._values.get(name, ())))

    def pairs(self) -> list[tuple[str, str]]:
        """Return every field with each of its values."""
        return [(name, value) for name, values in self._values.items() for value in values]

    def starting(self, prefix: str) -> dict[str, str]:
        """Return the first values of the fields whose name begins with ``prefix``, by the rest of the name."""
        return {name.removeprefix(prefix): self.one(name) for name in self._values if name.startswith(prefix)}


def media_type(request: Request) -> str:
    """Return a request's media type without parameters, in lower case; ``""`` if it names none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_form(request: Request) -> Form:
    """Return the form in a request's body: urlencoded or multipart.

    Raises:
        HTTPException: 415 for any other type; 400 for what is no form, or has too many fields.
    """
    kind = media_type(request)
    if kind == "application/x-www-form-urlencoded":
        text = (await request.body()).decode("utf-8", "replace")
        try:
            return Form(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS))
        except ValueError as error:
            raise HTTPException(400) from error
    if kind != "multipart/form-data":
        raise HTTPException(415)
    # What is no form raises 400 in there.
    async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
        return Form((name, value) for name, value in form.multi_items() if isinstance(value, str))


def read_object(body: bytes) -> Mapping[str, object] | None:
    """Return the JSON object in ``body``; None for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class SealState(StrEnum):
    """What a form's seal says."""

    GOOD = "good"
    TOO_QUICK = "too_quick"
    NOT_OURS = "not_ours"


class FormSeal:
    """Seals the time at which a form was handed out.

    A program that fills in forms sends them at once, or from a copy kept for long, or from elsewhere. No visitor is known by
    it, and nothing is stored.

    Args:
        secret: signs the seal.
        clock: says what time it is.
        youngest: a form sent sooner than this was filled in too quickly.
        oldest: a form sent later than this is too old.
    """

    def __init__(self, secret: bytes, clock: Clock, *, youngest: timedelta, oldest: timedelta) -> None:
        self._key = hmac.digest(secret, b"newsletter.web.forms", "sha256")
        self._clock = clock
        self._youngest = youngest
        self._oldest = oldest

    def make(self) -> str:
        """Return a seal of this moment."""
        stamp = f"{int(self._clock.now().timestamp() * 1000):x}"
        return f"{stamp}.{self._mac(stamp)}"

    def check(self, seal: str) -> SealState:
        """Return whether ``seal``, which may be any text, is ours and neither too young nor too old."""
        match = _SEAL.fullmatch(seal)
        if match is None or not hmac.compare_digest(match[2], self._mac(match[1])):
            return SealState.NOT_OURS
        age = self._clock.now() - datetime.fromtimestamp(int(match[1], 16) / 1000, UTC)
        if age > self._oldest:
            return SealState.NOT_OURS
        return SealState.TOO_QUICK if age < self._youngest else SealState.GOOD

    def _mac(self, stamp: str) -> str:
        return hmac.digest(self._key, stamp.encode(), "sha256")[:16].hex()


def storable(text: str) -> str:
    """Return ``text`` as any database and any answer takes it: without NUL and broken Unicode."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()
