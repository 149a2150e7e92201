"""A model of taste, said in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from newsletter.papers.model import Paper
from newsletter.taste.learning import Floats
from newsletter.trending.vectors import Vectors

#: Words named of each kind.
MOST_WORDS = 6
#: Letters from which on a word that begins another is taken for its root.
_ROOT = 5
_REST, _OFTEN = 2, 2


def telling_words(weights: Floats, papers: Sequence[Paper], vectors: Vectors, *, sign: int) -> tuple[str, ...]:
    """Return the words that a model goes by most, weightiest first, as they are written in ``papers``.

    Only words of those papers are named: the vectors are hashed, so another word that shares a column was never meant. A word
    that stands in one of several papers says more of that paper than of a taste, and is not named either. Of words
    that hold one another ("planning", "motion planning"; "robot", "robotic") the weightier one is named.

    Args:
        weights: the model.
        papers: those that something was said of.
        vectors: makes the vectors the model is for.
        sign: 1 for words that speak for a paper, -1 for words that speak against it.
    """
    says = defaultdict[str, float](float)
    stands_in = Counter[str]()
    for paper, features in zip(papers, vectors.matrix(papers), strict=True):
        for word, column in vectors.words(paper):
            says[word] += sign * float(weights[column] * features[column])
            stands_in[word] += 1
    named: list[str] = []
    for word, amount in sorted(says.items(), key=lambda each: (-each[1], each[0])):
        if amount <= 0 or len(named) == MOST_WORDS:
            break
        # Two small letters are the rest of something: "et al", "co-author". "RL" and "3D" are words.
        is_word = len(word) > _REST or not word.islower()
        if (
            is_word
            and stands_in[word] >= min(len(papers), _OFTEN)
            and not any(_holds(word, other) or _holds(other, word) for other in named)
        ):
            named.append(word)
    return tuple(named)


def _holds(longer: str, shorter: str) -> bool:
    longer, shorter = _plain(longer), _plain(shorter)
    # "robotic" says no more than "robot"; "art" is not in "articulated".
    return f" {shorter} " in f" {longer} " or (len(shorter) >= _ROOT and longer.startswith(shorter))


def _plain(words: str) -> str:
    return " ".join(word.removesuffix("s") for word in words.casefold().replace("-", " ").split())
