"""The tables in the folder ``known``: what mail systems say, as data, one phrase a line.

``telling.toml`` and ``landmarks.toml`` tell a bounce from other mail, and its own words from the message it returns; the
others say why a server refused, by reason and weight (:class:`~newsletter.inbound.bounces.phrases.Weight`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

#: The tables of reasons.
REASONS: Final = ("mailbox", "policy", "filters", "transport", "languages", "providers")


@dataclass(frozen=True, slots=True)
class Telling:
    """The words that tell what a mail is; the table says what each are for. In the form of ``fold`` (account.py)."""

    failure_subjects: tuple[str, ...]
    failure_sentences: tuple[str, ...]
    failure_stems: tuple[str, ...]
    delay_sentences: tuple[str, ...]
    delay_subjects: tuple[str, ...]
    final_sentences: tuple[str, ...]
    other_sentences: tuple[str, ...]
    other_subjects: tuple[str, ...]
    answer_subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Where the returned message begins, and whose address follows; the table says more. In the form of ``fold``."""

    returned_labels: frozenset[str]
    returned_below: tuple[str, ...]
    labels_of_others: frozenset[str]
    labels_of_addressees: frozenset[str]
    labels_of_failed: tuple[str, ...]
    pointers_to_others: tuple[str, ...]


@cache
def telling() -> Telling:
    """Return the words that tell what a mail is; read once."""
    return Telling(**{name: tuple(_lines(text)) for name, text in _table("telling").items()})


@cache
def landmarks() -> Landmarks:
    """Return the landmarks; read once."""
    table = {name: _lines(text) for name, text in _table("landmarks").items()}
    return Landmarks(
        returned_labels=frozenset(table["returned_labels"]),
        returned_below=tuple(table["returned_below"]),
        labels_of_others=frozenset(table["labels_of_others"]),
        labels_of_addressees=frozenset(table["labels_of_addressees"]),
        labels_of_failed=tuple(table["labels_of_failed"]),
        pointers_to_others=tuple(table["pointers_to_others"]),
    )


def sentences(name: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield reason, weight and phrases of one of the :data:`REASONS`, as they stand there."""
    for reason, by_weight in _table(name).items():
        for weight, text in by_weight.items():
            yield reason, weight, _lines(text)


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((files("newsletter.inbound.bounces") / "known" / f"{name}.toml").read_text(encoding="utf-8"))


def _lines(text: str) -> list[str]:
    return text.splitlines()
