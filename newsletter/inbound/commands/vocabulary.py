"""The words of commands, from the table ``words.toml`` beside this module."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from newsletter.inbound.commands.folding import Mistakes
from newsletter.inbound.commands.model import Verb
from subscribers.model import Cadence


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All words that mean something in a command, folded as :func:`~newsletter.inbound.commands.folding.fold` does.

    Attributes:
        verbs, cadences: phrases by their words with blanks between, and what they mean.
        longest: words of the longest of them.
        mistakes: finds those of one word that are written with a mistake.
        sets: words by what they are for, as named in the table.
        together: words that ask that mails stop if all of the first set are there, and one of the second unless that is empty.
        stop_mistakes: finds the words that ask for it, written with a mistake.
        units: days of each unit of time.
        counts: numbers by their words.
    """

    verbs: dict[str, Verb]
    cadences: dict[str, Cadence]
    longest: int
    mistakes: Mistakes
    sets: dict[str, frozenset[str]]
    together: tuple[tuple[frozenset[str], frozenset[str]], ...]
    stop_mistakes: Mistakes
    units: dict[str, int]
    counts: dict[str, int]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Return the words; the table is read once."""
    table = tomllib.loads((files("newsletter.inbound.commands") / "words.toml").read_text(encoding="utf-8"))
    verbs = {phrase: Verb(verb) for verb, phrases in table["verbs"].items() for phrase in _phrases(phrases)}
    cadences = {phrase: Cadence(name) for name, phrases in table["cadences"].items() for phrase in _phrases(phrases)}
    sets = {name: frozenset(words.split()) for name, words in table["sets"].items()}
    return Vocabulary(
        verbs=verbs,
        cadences=cadences,
        longest=max(phrase.count(" ") + 1 for phrase in (*verbs, *cadences)),
        mistakes=Mistakes([*verbs, *cadences], other=sets["no_mistakes"]),
        sets=sets,
        together=tuple(_together(phrase) for phrase in _phrases(table["together"]["phrases"])),
        stop_mistakes=Mistakes(sets["cores"], least=6, other=sets["no_mistakes"]),
        units=_numbers(table["units"]),
        counts=_numbers(table["counts"]),
    )


def _phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split("|")]


def _together(phrase: str) -> tuple[frozenset[str], frozenset[str]]:
    every, _, either = phrase.partition(":")
    return frozenset(every.split()), frozenset(either.split())


def _numbers(table: dict[str, str]) -> dict[str, int]:
    return {word: int(number) for number, words in table.items() for word in words.split()}
