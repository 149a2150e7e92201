"""Spreads near-duplicates and floods of one topic over a ranking, without hiding them.

Maximal marginal relevance (Carbonell and Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for Reordering Documents
and Producing Summaries"): the next paper is the one with the best score less what the papers before it took of its news. With
``alike`` the cosine of two papers' vectors (``vectors.py``)::

    overlap = (alike - 0.15) / (0.50 - 0.15), kept within 0 and 1
    told    = 1 - (1 - overlap with the 1st before it) * (1 - overlap with the 2nd) * ...
    points  = score - strength * told

So one paper much like it, or several on its topic, cost a paper up to ``strength`` points and never more: it falls behind those
only whose scores are as near as that. The first place never changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from newsletter.trending.model import RankedPaper, Receipt, ReceiptPart
from newsletter.trending.vectors import Vectors

#: Name of the part that receipts get.
PART = "diversity"
#: Two papers at random are seldom more alike than the first (1 pair in 25), and works that say the same than the second.
_STRANGERS, _TWINS = 0.15, 0.50


@dataclass(frozen=True, slots=True)
class Spread:
    """An order, and what it cost the papers; all by place in the new order.

    Attributes:
        order: place in what was given, shape (n,).
        told: share of a paper's news that the papers before it told, 0 to 1.
        likest: place in the new order, from 0, of the paper before it that is most like it; 0 for the first.
        alike: how alike those two are, 0 to 1; 0 for the first.
    """

    order: NDArray[np.intp]
    told: NDArray[np.float64]
    likest: NDArray[np.intp]
    alike: NDArray[np.float64]


def spread(scores: Sequence[float], vectors: NDArray[np.float32], *, strength: float) -> Spread:
    """Decide the order of papers.

    Takes n steps over n papers: 200 papers take some 10 ms.

    Args:
        scores: of the papers, highest first; equal ones keep their order.
        vectors: a row of length 1 for each, shape (n, any).
        strength: points that a paper loses at most, from 0.
    """
    count = len(scores)
    worth = np.asarray(scores, dtype=np.float64)
    order, likest = np.zeros(count, dtype=np.intp), np.zeros(count, dtype=np.intp)
    told, alike = np.zeros(count), np.zeros(count)
    untold, nearest, closeness = np.ones(count), np.zeros(count, dtype=np.intp), np.zeros(count)
    waiting = np.ones(count, dtype=np.bool_)
    for place in range(count):
        # The first of the highest: argmax keeps the order of equal ones.
        next_ = int(np.argmax(np.where(waiting, worth - strength * (1.0 - untold), -np.inf)))
        order[place], told[place], likest[place], alike[place] = next_, 1.0 - untold[next_], nearest[next_], closeness[next_]
        waiting[next_] = False
        similar = (vectors @ vectors[next_]).astype(np.float64)
        untold *= 1.0 - np.clip((similar - _STRANGERS) / (_TWINS - _STRANGERS), 0.0, 1.0)
        is_nearer = similar > closeness
        nearest[is_nearer], closeness[is_nearer] = place, similar[is_nearer]
    return Spread(order, told, likest, alike)


def diversify(ranked: Sequence[RankedPaper], *, strength: float, vectors: Vectors | None = None) -> list[RankedPaper]:
    """Return a ranking spread, ranks and receipts anew: each receipt says what it lost and to which paper, and adds up again.

    Args:
        ranked: best first.
        strength: points that a paper loses at most; 0 changes nothing.
        vectors: makes the papers' vectors; None: with the shipped table.
    """
    if not strength or len(ranked) < 2:
        return list(ranked)
    rows = (vectors or Vectors()).matrix([each.paper for each in ranked])
    made = spread([each.receipt.score for each in ranked], rows, strength=strength)
    places = zip(made.order.tolist(), made.told.tolist(), made.likest.tolist(), made.alike.tolist(), strict=True)
    return [
        RankedPaper(rank, ranked[place].paper, _with_part(ranked[place].receipt, strength, told, likest + 1, alike))
        for rank, (place, told, likest, alike) in enumerate(places, start=1)
    ]


def _with_part(receipt: Receipt, strength: float, told: float, rank: int, alike: float) -> Receipt:
    if not told:
        return receipt
    figures = (("strength", strength), ("told", told), ("similarity", alike), ("rank", float(rank)))
    parts = (*receipt.parts, ReceiptPart(PART, -strength * told, figures=figures))
    return replace(receipt, parts=parts, score=math.fsum(part.points for part in parts))
