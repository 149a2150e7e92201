"""Words as commands are compared: without case, accents and points; and words with one typing mistake."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

#: A letter or digit, and the marks that are written over or under it.
_WORD = re.compile(r"(?:[^\W_][\u0300-\u036f\u064b-\u065f\u0670]*)+")
#: Letters that writers of Arabic exchange: teh marbuta and heh, alef maksura and yeh; and the stroke that only fills a line.
_ARABIC = str.maketrans({"\u0629": "\u0647", "\u0649": "\u064a", "\u0640": None})


def fold(text: str) -> str:
    """Return ``text`` in small letters without accents; ``ß`` is ``ss``, and Arabic letters are told by their bare forms."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).translate(_ARABIC)


@dataclass(frozen=True, slots=True)
class Word:
    """A folded word, and where it ends in the text it stands in."""

    text: str
    start: int
    end: int


@lru_cache(maxsize=256)
def words_of(text: str) -> tuple[Word, ...]:
    """Return the words of a text in order: runs of letters and digits. What was asked last is remembered."""
    return tuple(Word(fold(found[0]), found.start(), found.end()) for found in _WORD.finditer(text))


class Mistakes:
    """Finds the word that was meant, if one letter is wrong, missing, too many, or changed places with its neighbour.

    Args:
        words: what may be meant; those of less than ``least`` letters are never guessed.
        least: letters.
        other: words that mean something else, however near they are.
    """

    def __init__(self, words: Iterable[str], *, least: int = 5, other: Collection[str] = ()) -> None:
        self._least = least
        self._other = other
        self._words = frozenset(word for word in words if len(word) >= least and " " not in word)
        self._near: dict[str, set[str]] = {}
        for word in self._words:
            for form in _shortened(word):
                self._near.setdefault(form, set()).add(word)

    def meant(self, word: str) -> list[str]:
        """Return the words that may be meant, sorted; empty if none is near."""
        if not self._least - 1 <= len(word) <= 40 or word in self._other:
            return []
        near = {meant for form in _shortened(word) for meant in self._near.get(form, ())}
        return sorted(meant for meant in near if _is_one_edit(word, meant))


def _shortened(word: str) -> Iterator[str]:
    yield word
    for place in range(len(word)):
        yield word[:place] + word[place + 1 :]


def _is_one_edit(one: str, two: str) -> bool:
    """Whether one letter is other, more or less, or two neighbours changed places."""
    start = 0
    while start < min(len(one), len(two)) and one[start] == two[start]:
        start += 1
    rest, other = one[start:], two[start:]
    if len(rest) == len(other):
        return rest[1:] == other[1:] or (rest[1:2] + rest[:1] == other[:2] and rest[2:] == other[2:])
    return rest[1:] == other or rest == other[1:]
