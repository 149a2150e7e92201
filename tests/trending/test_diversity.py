"""Near-duplicates and floods of one topic are spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from newsletter.trending.diversity import PART, diversify, spread
from newsletter.trending.model import RankedPaper
from newsletter.trending.vectors import Vectors
from tests.samples import paper, receipt

VECTORS = Vectors()
STRENGTH = 6.0
#: Words of topics that have none in common.
TOPICS = (
    "video diffusion frames camera motion synthesis",
    "theorem proofs algebra lemma formal verification",
    "protein folding molecule chemistry drug docking",
    "speech audio voice transcription phoneme accent",
)


def _ranked(topics: Sequence[int], scores: Sequence[float] | None = None) -> list[RankedPaper]:
    scores = scores or [50.0 - place for place in range(len(topics))]
    return [
        RankedPaper(
            place + 1,
            paper(place + 1, title=f"{TOPICS[topic]} {place}", abstract=TOPICS[topic], categories=(), organization=""),
            receipt(scores[place]),
        )
        for place, topic in enumerate(topics)
    ]


def _topics(ranked: Sequence[RankedPaper]) -> list[int]:
    return [TOPICS.index(each.paper.abstract) for each in ranked]


def _rows(count: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).random((count, 8), dtype=np.float32) ** 4
    made: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return made


def test_a_near_duplicate_falls_behind_papers_within_reach() -> None:
    made = diversify(_ranked([0, 0, 1, 2]), strength=STRENGTH, vectors=VECTORS)
    assert _topics(made) == [0, 1, 2, 0]
    assert [each.rank for each in made] == [1, 2, 3, 4]


def test_a_flood_of_one_topic_is_spread() -> None:
    made = diversify(_ranked([0, 0, 0, 0, 1, 2, 3]), strength=STRENGTH, vectors=VECTORS)
    assert _topics(made)[:4] == [0, 1, 2, 3]


def test_a_paper_whose_score_is_out_of_reach_keeps_its_place() -> None:
    made = diversify(_ranked([0, 0, 1], [90, 80, 70]), strength=STRENGTH, vectors=VECTORS)
    assert _topics(made) == [0, 0, 1]


def test_the_receipt_says_what_was_lost_and_to_which_paper() -> None:
    made = diversify(_ranked([1, 0, 0], [60, 55, 54]), strength=STRENGTH, vectors=VECTORS)
    lost = made[2].receipt.parts[-1]
    figures = dict(lost.figures)
    assert lost.name == PART
    assert lost.points == pytest.approx(-STRENGTH * figures["told"])
    assert figures["rank"] == 2
    assert 0.5 < figures["similarity"] <= 1
    assert figures["strength"] == STRENGTH
    assert PART not in {part.name for part in made[0].receipt.parts + made[1].receipt.parts}


def test_strength_zero_and_one_paper_change_nothing() -> None:
    ranked = _ranked([0, 0, 1])
    assert diversify(ranked, strength=0, vectors=VECTORS) == ranked
    assert diversify(ranked[:1], strength=STRENGTH, vectors=VECTORS) == ranked[:1]
    assert diversify([], strength=STRENGTH, vectors=VECTORS) == []


def test_papers_without_words_stay_in_order() -> None:
    ranked = [
        RankedPaper(rank, paper(rank, title="", abstract="", categories=(), organization=""), receipt(10.0))
        for rank in range(1, 6)
    ]
    assert diversify(ranked, strength=STRENGTH, vectors=VECTORS) == ranked


@given(topics=st.lists(st.integers(0, 3), min_size=1, max_size=12), gaps=st.lists(st.floats(0, 9), min_size=12, max_size=12))
def test_scores_explain_the_order_and_parts_add_up(topics: list[int], gaps: list[float]) -> None:
    scores = [100 - math.fsum(gaps[:place]) for place in range(len(topics))]
    ranked = _ranked(topics, scores)
    made = diversify(ranked, strength=STRENGTH, vectors=VECTORS)
    assert made[0] == ranked[0]
    assert {each.paper.seq for each in made} == {each.paper.seq for each in ranked}
    after = [each.receipt.score for each in made]
    assert all(one >= other - 1e-9 for one, other in pairwise(after))
    assert all(each.receipt.score == math.fsum(part.points for part in each.receipt.parts) for each in made)


@given(count=st.integers(1, 30), seed=st.integers(0, 1000), strength=st.floats(0, 20))
def test_a_paper_falls_only_behind_papers_within_reach(count: int, seed: int, strength: float) -> None:
    scores = sorted(np.random.default_rng(seed).random(count) * 50, reverse=True)
    made = spread(scores, _rows(count, seed), strength=strength)
    assert sorted(made.order.tolist()) == list(range(count))
    assert made.order[0] == 0
    assert made.told.min() >= 0
    assert made.told.max() <= 1
    place = np.argsort(made.order)
    for one in range(count):
        for other in range(one + 1, count):
            assert place[one] < place[other] or scores[one] - scores[other] <= strength + 1e-9
