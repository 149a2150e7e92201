"""Known sentences of mail servers, and how they are found in what a server said.

A text is reduced to its words: lower case, no accents, no punctuation, no addresses, no reply and status codes, as all of
these come in the middle of a sentence. A phrase is looked up by the rarest of its words, so that a text costs time by its own
length and not by the number of phrases known.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import NamedTuple

from newsletter.inbound.model import BounceReason

#: Characters of a text that are looked at. Servers say less; a longer text is somebody's attack or somebody's letter.
MAX_TEXT = 1024

#: Characters that may stand where a phrase has its ``*``.
_GAP = 40
#: How often the word before a ``*`` is looked for again if what follows it is not near.
_TRIES = 4

_NO_WORD = re.compile(r"[^\w*\n]+")
#: A word that is nothing but a reply code, an enhanced status code, or both, with their punctuation.
_CODE = re.compile(r"[\[(<#]?(?:[245]\d\d)?[-:#]?(?:[245]\.\d{1,3}\.\d{1,3})?[\])>:;,.]*")
#: An address of a machine, with what stands around it; it becomes the word ``ipv4``.
_MACHINE = re.compile(r"[\[(<=]*\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}[\])>:;,.]*")
#: The end of a link that names a place on a page, like ``#spam``: whoever points there need not mean it.
_FRAGMENT = re.compile(r"(://[^\s#]{1,300})#[a-z][a-z_-]*")
#: Words that are written in two ways.
_SPELLINGS = (
    (" mail box ", " mailbox "),
    (" e mail ", " email "),
    (" black list ", " blacklist "),
    (" block list ", " blocklist "),
)
_APOSTROPHES = str.maketrans("", "", "'\u2019\u2018\u00b4`")
#: Scripts that put no blanks between words: kana and Chinese characters.
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u9fff]")


class Weight(IntEnum):
    """How much a find says of the reason; the heaviest find decides."""

    #: Said by many servers for many reasons; an enhanced status code says more.
    VAGUE = 1
    #: Usually this reason.
    LIKELY = 3
    #: This reason.
    CLEAR = 4
    #: This reason although words of others stand next to it: a provider's code, or what a sentence is about.
    CERTAIN = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a reason.

    Attributes:
        extent: letters of the sentence found; of two of the same weight the longer one says more.
    """

    reason: BounceReason
    weight: float
    extent: int = 0


@dataclass(frozen=True, slots=True)
class Words:
    """A text reduced to its words, see :func:`words_of`.

    Attributes:
        spaced: the words, one blank between two and one at either end.
        dense: the same without blanks, if it has words of a script that needs none, else ``""``.
    """

    spaced: str
    dense: str = ""


def words_of(text: str) -> Words:
    """Return the words of the first :data:`MAX_TEXT` characters of a text."""
    words = _FRAGMENT.sub(r"\1", _plain(text[:MAX_TEXT].replace("*", " "))).split()
    kept = [word if word[0].isalpha() else _without_code(word) for word in words if "@" not in word]
    spaced = _spaced(" ".join(kept))
    return Words(spaced, spaced.replace(" ", "") if _DENSE.search(spaced) else "")


def _plain(text: str) -> str:
    """Make letters small and bare, and drop apostrophes."""
    text = text.casefold().translate(_APOSTROPHES)
    if text.isascii():
        return text
    return "".join(character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character))


def _spaced(plain: str) -> str:
    """Return the words of a plain text with one blank between two and one at either end; ends of lines and ``*`` stay."""
    spaced = f" {_NO_WORD.sub(' ', plain.replace('_', ' ')).strip()} "
    for written, meant in _SPELLINGS:
        spaced = spaced.replace(written, meant)
    return spaced


def _without_code(word: str) -> str:
    if _CODE.fullmatch(word):
        return ""
    return "ipv4" if _MACHINE.fullmatch(word) else word


class _Phrase(NamedTuple):  # quicker to make than a frozen dataclass, and there are thousands
    evidence: Evidence
    pieces: tuple[str, ...]
    words: frozenset[str]

    def is_in(self, text: str) -> bool:
        first = text.find(self.pieces[0])
        for _ in range(_TRIES):
            if first < 0:
                return False
            if self._follows(text, first):
                return True
            first = text.find(self.pieces[0], first + 1)
        return False

    def _follows(self, text: str, first: int) -> bool:
        # A piece ends with the blank that the next one may begin with.
        end = first + len(self.pieces[0]) - 1
        for piece in self.pieces[1:]:
            found = text.find(piece, end, end + _GAP + len(piece))
            if found < 0:
                return False
            end = found + len(piece) - 1
        return True


class PhraseBook:
    """Phrases, ready to be found.

    A ``*`` in one stands for up to 40 characters. A number like a reply code is no word of its own: ``ofr_416``, not
    ``ofr 416``.
    """

    def __init__(self, phrases: Iterable[tuple[BounceReason, Weight, Sequence[str]]]) -> None:
        made = [
            _phrase(reason, weight, phrase)
            for reason, weight, listed in phrases
            for phrase in _spaced(_plain(" \n ".join(listed))).split("\n")
        ]
        self._dense = [phrase for phrase in made if not phrase.words]
        spaced = [phrase for phrase in made if phrase.words]
        count = Counter(chain.from_iterable(phrase.words for phrase in spaced))
        self._by_word: dict[str, list[_Phrase]] = {}
        for phrase in spaced:
            rarest = min(phrase.words, key=count.__getitem__)
            self._by_word.setdefault(rarest, []).append(phrase)

    def find(self, text: Words) -> Iterator[Evidence]:
        """Yield what is found in a text, in no order."""
        words = set(text.spaced.split())
        for word in words & self._by_word.keys():
            for phrase in self._by_word[word]:
                if phrase.words <= words and phrase.is_in(text.spaced):
                    yield phrase.evidence
        if text.dense:
            for phrase in self._dense:
                if phrase.is_in(text.dense):
                    yield phrase.evidence


def _phrase(reason: BounceReason, weight: Weight, phrase: str) -> _Phrase:
    """Make a spaced phrase ready; one in a script without blanks has no words to look it up by."""
    pieces = tuple(phrase.split("*"))
    evidence = Evidence(reason, weight, sum(map(len, pieces)))
    if _DENSE.search(phrase):
        return _Phrase(evidence, tuple(piece.replace(" ", "") for piece in pieces), frozenset())
    return _Phrase(evidence, pieces, frozenset("".join(pieces).split()))
