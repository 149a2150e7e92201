from __future__ import annotations

import numpy as np

from newsletter.taste.words import MOST_WORDS, telling_words
from newsletter.trending.vectors import DIM, Vectors
from tests.samples import paper

VECTORS = Vectors()
PAPER = paper(1, title="Motion Planning for Robots", abstract="", keywords=("motion planning",), categories=(), organization="")


def test_of_words_that_hold_one_another_one_is_named() -> None:
    named = telling_words(np.ones(DIM, dtype=np.float32), [PAPER, PAPER], VECTORS, sign=1)
    folded = [word.casefold() for word in named]
    assert "robots" in folded
    assert len([word for word in folded if "planning" in word]) == 1


def test_words_that_speak_the_other_way_are_not_named() -> None:
    weights = np.zeros(DIM, dtype=np.float32)
    columns = dict(VECTORS.words(PAPER))
    robots = next(word for word in columns if word.casefold() == "robots")
    weights[columns[robots]] = -1
    assert telling_words(weights, [PAPER], VECTORS, sign=1) == ()
    assert telling_words(weights, [PAPER], VECTORS, sign=-1)[0] == robots


def test_a_few_words_are_enough() -> None:
    long = paper(2, abstract="Alpaca beetle cobra dingo eagle falcon gecko heron ibis jackal kiwi lemur. " * 2)
    assert len(telling_words(np.ones(DIM, dtype=np.float32), [long], VECTORS, sign=1)) == MOST_WORDS
    assert telling_words(np.ones(DIM, dtype=np.float32), [], VECTORS, sign=1) == ()


def test_a_word_of_one_paper_among_several_and_the_rest_of_a_word_are_not_named() -> None:
    weights = np.ones(DIM, dtype=np.float32)
    papers = [
        paper(number, title=title, abstract="", keywords=(), categories=(), organization="")
        for number, title in enumerate(("Gecko Walks RL co", "Gecko Jumps RL co", "Heron"))
    ]
    assert set(telling_words(weights, papers, VECTORS, sign=1)) == {"gecko", "RL"}
    assert telling_words(weights, papers[2:], VECTORS, sign=1) == ("heron",)
