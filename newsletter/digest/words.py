"""Words and phrases in the papers of a pool: whole words, however they are hyphenated, in the plural or accented."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

#: Letters that are no letter with an accent to Unicode, and what people write who have none such on their keyboard.
_PLAIN = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "\u0131": "i", "æ": "ae", "Æ": "AE", "œ": "oe"}
)
#: A word; ``C++`` and ``C#`` are words of their own, else they would be found wherever a C stands.
_WORD = re.compile(r"[^\W_]+(?:\+\+|#)?")
_HYPHEN = re.compile(r"(?<=\w)[-\u2010\u2011\u2013](?=\w)")
#: Names of fields end in -ics and are no plurals ("dynamics" is not about what is dynamic); these do and are.
_PLURALS_IN_ICS = frozenset({"characteristics", "critics", "heuristics", "metrics", "topics"})


def fold(text: str) -> str:
    """Return ``text`` without accents and in small letters, to compare it by."""
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text.translate(_PLAIN))
        text = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return text.casefold()


class WordIndex:
    """Where words stand in some texts.

    Each text is read twice, its hyphens once as blanks and once as nothing, so that *multi-modal*, *multi modal* and
    *multimodal* are found by one another as far as one of them has the hyphen.

    Args:
        documents: the fields of each; a phrase is found within a field only.
    """

    def __init__(self, documents: Iterable[Sequence[str]]) -> None:
        self._places: dict[str, set[int]] = {}
        #: Which document each place belongs to. A place between two fields belongs to one as well, and no word stands there.
        self._owners: list[int] = []
        self._places_of: dict[str, set[int]] = {}
        self._documents_of: dict[str, frozenset[int]] = {}
        for number, fields in enumerate(documents):
            for field in fields:
                for words in _readings(field):
                    self._add(number, words)

    def _add(self, number: int, words: Sequence[str]) -> None:
        first = len(self._owners)
        for place, word in enumerate(words, first):
            for form in _forms(word):
                self._places.setdefault(form, set()).add(place)
        self._owners.extend([number] * (len(words) + 1))

    def having(self, phrase: str) -> frozenset[int]:
        """Return the numbers, from 0, of the documents in which a word or phrase occurs; none for a phrase without a word."""
        return frozenset[int]().union(*(self._found(words) for words in _readings(phrase) if words))

    def _found(self, words: Sequence[str]) -> frozenset[int]:
        if len(words) == 1:
            return self._documents(words[0])
        # The rarest word first: there is little left to look at then.
        numbered = sorted(enumerate(map(self._all, words)), key=_how_many)
        number, places = numbered[0]
        if not places:
            return frozenset()
        starts = {place - number for place in places}
        for number, places in numbered[1:]:
            starts = {start for start in starts if start + number in places}
        return frozenset(self._owners[start] for start in starts)

    def _all(self, word: str) -> set[int]:
        if word not in self._places_of:
            found = [self._places[form] for form in _forms(word) if form in self._places]
            self._places_of[word] = found[0] if len(found) == 1 else set().union(*found)
        return self._places_of[word]

    def _documents(self, word: str) -> frozenset[int]:
        if word not in self._documents_of:
            self._documents_of[word] = frozenset(self._owners[place] for place in self._all(word))
        return self._documents_of[word]


def _how_many(numbered: tuple[int, set[int]]) -> int:
    return len(numbered[1])


def _readings(text: str) -> Iterator[list[str]]:
    folded = fold(text)
    yield _WORD.findall(folded)
    joined = _HYPHEN.sub("", folded)
    if joined != folded:
        yield _WORD.findall(joined)


@lru_cache(65_536)
def _forms(word: str) -> tuple[str, ...]:
    """Return a word and what it may be the plural of; a guess that is no word does no harm, as it is found nowhere."""
    if len(word) < 4 or not word.endswith("s") or word.endswith("ss") or word == "news":
        return (word,)
    if word.endswith("ics") and word not in _PLURALS_IN_ICS:
        return (word,)
    if word.endswith("ies"):
        return (word, word[:-1], f"{word[:-3]}y")
    if word.endswith(("xes", "zes", "ches", "shes")) or (word.endswith("ses") and len(word) > 5):
        return (word, word[:-1], word[:-2])
    return (word, word[:-1])
