"""What a provider posts, and what it says happened, as frozen values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from newsletter.inbound.model import BounceReason

#: Characters of one text that are looked at.
MAX_TEXT = 8_000
_BETWEEN = re.compile(r'[\s<>,;:"()\[\]]+')


@dataclass(frozen=True, slots=True)
class Post:
    """A request as it came: headers by their names in lower case, and the very bytes of the body."""

    headers: Mapping[str, str]
    body: bytes


class Proof(StrEnum):
    """What the check of a post found.

    ``GENUINE``: the provider said it. ``FORGED``: nobody proves that, or it is too old. ``SETTLED``: the provider said it, and
    there is nothing to keep. ``UNSURE``: it cannot be told now.
    """

    GENUINE = "genuine"
    FORGED = "forged"
    SETTLED = "settled"
    UNSURE = "unsure"


class Check(Protocol):
    """Proves who sent a post, before anything in it is believed. Safe to use from several threads."""

    def __call__(self, post: Post, *, now: datetime) -> Proof:
        """Return what was found.

        Args:
            post: whatever anybody sent.
            now: aware UTC.
        """
        ...

    def may_be(self, headers: Mapping[str, str]) -> bool:
        """Whether a post with these headers may be genuine: asked before its body is read."""
        ...

    def name_of(self, post: Post) -> str:
        """Return what names a genuine post, whatever else it says; ``""`` if nothing but its body tells it apart."""
        ...


class EventKind(StrEnum):
    """What happened. ``UNSUBSCRIBE``: the reader told the provider to stop."""

    BOUNCE = "bounce"
    DELAYED = "delayed"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """One thing that happened to one message. Absent text is ``""``.

    Attributes:
        kind: what.
        address: whom the message was for.
        message_ids: of the message, as we may have named it; with or without angle brackets.
        ours: addresses of the message's envelope and header, of which one may be signed by us.
        is_hard: the mailbox is gone for good.
        reason: why it did not arrive.
        status: enhanced code (RFC 3463).
    """

    kind: EventKind
    address: str
    message_ids: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    is_hard: bool = False
    reason: BounceReason = BounceReason.UNDEFINED
    status: str = ""


def read_json(body: bytes | str) -> Any:
    """Return what JSON says, whatever it is; None for what is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def part(value: Any, *names: str) -> dict[str, Any]:
    """Return the object at a path of names; an empty one if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def parts(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; none of anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a text, without what no database takes; ``""`` of anything else. Numbers are texts, as providers mix them."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value[:MAX_TEXT].replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def addresses_in(*values: str) -> tuple[str, ...]:
    """Return all that may be addresses in some header values, each once."""
    return tuple(dict.fromkeys(word for value in values for word in _BETWEEN.split(value) if "@" in word))
