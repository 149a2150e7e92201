"""Papers as vectors of their words, so that what is alike can be told by arithmetic.

Hashed TF-IDF: every word of a paper has a column that its spelling alone decides, so vectors made on different days, of
different papers, can be compared, and a model learned on some serves for others. How rare a word is comes from a fixed table
(``words.json`` beside this file: papers in 10,000 that have a word, by its stem), which :meth:`Vectors.learn` makes anew.
``empty_words.txt`` are English particles and what every abstract says of itself.

Sources: Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning", for the columns (without its signs: a
column then says that a word is there, and models stay readable); Salton and Buckley 1988, "Term-weighting approaches in
automatic text retrieval", for the weights.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from newsletter.papers.categories import name_of
from newsletter.papers.model import Paper

#: Columns of a vector.
DIM = 1536

#: How often a word counts that stands in the title or among the keywords, where one in the abstract counts once.
_IN_TITLE, _IN_KEYWORDS = 3, 2
#: What a phrase weighs, in the unit of the table's rarest word that occurs once.
_PHRASE = 0.8
#: What a word weighs that is not in the table: names and slips are rarer than what a paper is about.
_UNKNOWN = 0.6
#: What a category and a lab weigh each, beside all words together.
_LABEL = 0.2
#: The table ends at words that this share of papers has.
_RARE = 0.005
#: What a word counts that occurs so many times, up to some limit: twenty times are not twenty times as much.
_MOST = 50
_DAMPED = (0.0, *(1.0 + math.log(count) for count in range(1, _MOST + 1)))
#: Characters of an abstract that are read; the longest real ones have some 2,500.
_READ = 6_000
#: Papers whose vectors are remembered: some 5 kB each.
_PAPERS_KEPT = 4_096

_WORD = re.compile(r"[^\W_]+")
_LINK = re.compile(r"https?://\S+")
#: Texts of a paper that its vector is made of: title, abstract, keywords, categories, lab.
_Texts = tuple[str, str, tuple[str, ...], tuple[str, ...], str]


class Vectors:
    """Makes vectors of papers, and remembers those of the papers it saw last. Threads may share one.

    Args:
        shares: share of papers that has a word, above 0 and at most 1, by the word's stem; None takes the shipped table.
    """

    def __init__(self, shares: Mapping[str, float] | None = None) -> None:
        self._shares = _shipped() if shares is None else shares
        # Inverse document frequency: 1 for the rarest word of the table, 0 for one that every paper has.
        self._rarity = {stem: math.log(share) / math.log(_RARE) for stem, share in self._shares.items()}
        self._sparse = lru_cache(_PAPERS_KEPT)(self._make)

    @classmethod
    def learn(cls, papers: Sequence[Paper]) -> Self:
        """Return vectors whose table of how rare words are comes from ``papers``; there must be some."""
        having: Counter[str] = Counter()
        for paper in papers:
            having.update({stem for _, stem in _words(f"{paper.title} {paper.abstract}")})
        return cls({stem: count / len(papers) for stem, count in having.items() if count > _RARE * len(papers)})

    def to_json(self) -> str:
        """Return the table as the text of ``words.json``: papers in 10,000 that have a word, by its stem, one a line."""
        return json.dumps({stem: round(10_000 * share) for stem, share in sorted(self._shares.items())}, indent=0) + "\n"

    def matrix(self, papers: Sequence[Paper]) -> NDArray[np.float32]:
        """Return a row of Euclidean length 1 for each paper, in their order: shape (n, ``DIM``), nothing below 0.

        The product of two rows says how alike two papers are, from 0 to 1. A paper without any word has a row of zeros.
        """
        made = np.zeros((len(papers), DIM), dtype=np.float32)
        for row, paper in zip(made, papers, strict=True):
            columns, values = self._sparse(_texts(paper))
            row[columns] = values
        return made

    def words(self, paper: Paper) -> list[tuple[str, int]]:
        """Return the words, phrases, categories and lab that a paper's vector is made of, weightiest first.

        Each as people write it, with its column. Two of them may share a column.
        """
        found = sorted(self._weigh(_texts(paper)).items(), key=lambda each: -each[1][1])
        return [(written, _column(stem)) for stem, (written, _) in found]

    def _make(self, texts: _Texts) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        weights: dict[int, float] = {}
        for stem, (_, weight) in self._weigh(texts).items():
            column = _column(stem)
            weights[column] = weights.get(column, 0.0) + weight
        columns = np.fromiter(weights, dtype=np.intp, count=len(weights))
        values = np.fromiter(weights.values(), dtype=np.float32, count=len(weights))
        return columns, values / (np.linalg.norm(values) or np.float32(1.0))

    def _weigh(self, texts: _Texts) -> dict[str, tuple[str, float]]:
        """Return each stem with how it is written where it first stands, and its weight before the row is set to length 1."""
        title, abstract, keywords, categories, lab = texts
        written: dict[str, str] = {}
        counts: dict[str, int] = {}
        for text, times in ((title, _IN_TITLE), (" . ".join(keywords), _IN_KEYWORDS), (abstract[:_READ], 1)):
            for word, stem in _words(text):
                written.setdefault(stem, word)
                counts[stem] = counts.get(stem, 0) + times
        rarity = self._rarity
        weighed = {
            stem: (written[stem], _DAMPED[min(count, _MOST)] * rarity.get(stem, _UNKNOWN))
            for stem, count in counts.items()
            # An unknown word that the abstract has once is chance: it only makes columns meet.
            if count > 1 or stem in rarity
        }
        for phrase in _phrases(title, keywords):
            words, stems = zip(*phrase, strict=True)
            weighed.setdefault(" ".join(stems), (" ".join(words), _PHRASE))
        label = _LABEL * (math.sqrt(sum(weight * weight for _, weight in weighed.values())) or 1.0)
        for category in categories:
            weighed[f"category {category}"] = (name_of(category), label)
        if lab:
            weighed[f"lab {lab.casefold()}"] = (lab, label)
        return weighed


def _texts(paper: Paper) -> _Texts:
    return paper.title, paper.abstract, paper.keywords, paper.categories, paper.organization


def _words(text: str) -> list[tuple[str, str]]:
    """Return the words of a text that say what it is about, in order: each as people write it, with its stem."""
    return [read for word in _WORD.findall(_LINK.sub(" ", text) if "://" in text else text) if (read := _read(word))]


def _phrases(title: str, keywords: Sequence[str]) -> Iterator[Sequence[tuple[str, str]]]:
    """Yield keywords of several words, and every two words that follow one another in the title."""
    for keyword in keywords:
        if len(words := _words(keyword)) > 1:
            yield words
    yield from pairwise(_words(title))


@lru_cache(65_536)
def _read(word: str) -> tuple[str, str] | None:
    """Return a word without the capital that the start of a sentence gave it, and its stem; None if it says nothing.

    ``Policies`` becomes ``policies`` and ``policy``; ``LoRA`` and ``GPT`` keep their capitals.
    """
    small = word.casefold()
    if len(word) < 2 or word.isdecimal() or small in _empty():
        return None
    written = word.lower() if word[1:].islower() else word
    if len(small) > 4 and small.endswith("ies"):
        return written, small[:-3] + "y"
    if len(small) > 3 and small.endswith("s") and not small.endswith(("ss", "us", "is")):
        return written, small[:-1]
    return written, small


@lru_cache(65_536)
def _column(stem: str) -> int:
    # Not Python's own hash, which differs from process to process.
    return zlib.crc32(stem.encode("utf-8", "surrogatepass")) % DIM


@cache
def _empty() -> frozenset[str]:
    return frozenset(files("newsletter.trending").joinpath("empty_words.txt").read_text("utf-8").split())


@cache
def _shipped() -> dict[str, float]:
    table = json.loads(files("newsletter.trending").joinpath("words.json").read_text("utf-8"))
    return {stem: count / 10_000 for stem, count in table.items()}
