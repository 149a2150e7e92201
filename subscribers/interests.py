"""Interests in and out: the JSON kept in the database, and the words people write."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from subscribers.model import Interests

#: Entries of one kind, and characters of one entry.
MAX_WORDS = 200
MAX_WORD_LENGTH = 100

_KINDS = tuple(kind.name for kind in fields(Interests))
_ARCHIVES_WITH_SUBJECTS = "astro-ph|cond-mat|cs|econ|eess|math|nlin|physics|q-bio|q-fin|stat"
_ARCHIVES = "astro-ph|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math-ph|nucl-ex|nucl-th|quant-ph"
#: arXiv's category names (its taxonomy page): an archive with a subject, or an archive that has none.
_CATEGORY = re.compile(rf"(?:{_ARCHIVES_WITH_SUBJECTS})\.[A-Za-z-]{{2,12}}|{_ARCHIVES}")


def interests_to_json(interests: Interests) -> dict[str, Any]:
    """Return what is kept in the database: lists by kind, empty ones left out."""
    return {kind: list(words) for kind in _KINDS if (words := getattr(interests, kind))}


def interests_from_json(stored: Mapping[str, Any]) -> Interests:
    """Return the interests in ``stored``; kinds this version does not know are left out."""
    return Interests(**{kind: tuple(stored[kind]) for kind in _KINDS if kind in stored}) if stored else Interests()


def parse_topics(text: str) -> Interests:
    """Return the interests in a list like ``cs.CL; cs.CV; diffusion models``: arXiv categories, all else keywords.

    Raises:
        ValueError: more or longer words than are kept.
    """
    words = split_words(text)
    return Interests(
        categories=tuple(word for word in words if _CATEGORY.fullmatch(word)),
        keywords=tuple(word for word in words if not _CATEGORY.fullmatch(word)),
    )


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of a list with semicolons; a word that holds one stands in quotation marks, as in CSV.

    Surrounding blanks, empty and repeated entries are dropped.

    Raises:
        ValueError: more or longer words than are kept, or a control character.
    """
    try:
        found = next(csv.reader([text], delimiter=";", skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        raise ValueError(f"a list of words cannot be read ({error})") from error
    words = tuple(dict.fromkeys(word for entry in found if (word := " ".join(entry.split()))))
    if len(words) > MAX_WORDS or any(len(word) > MAX_WORD_LENGTH for word in words):
        raise ValueError(f"a list holds more than {MAX_WORDS} words or one of more than {MAX_WORD_LENGTH} characters")
    if not all(word.isprintable() for word in words):
        raise ValueError("a word holds a control character")
    return words


def join_words(words: Iterable[str]) -> str:
    """Return the text that :func:`split_words` takes apart again."""
    return ";".join('"{}"'.format(word.replace('"', '""')) if set(word) & set(';"') else word for word in words)
