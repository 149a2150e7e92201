"""From what a reader said of papers to a linear model of taste: pure, and quick enough to be made anew at any time.

A word speaks for a paper as far as it stands more often in the papers the reader wants more of than chance would have it. With
``share`` of the papers of late having a word, and ``found`` of ``said`` papers (an older opinion counts for less)::

    excess  = max(0, (found - said * share) / sqrt(said * share * (1 - share) + FEW))
    voice   = excess / |excess| + akin / |akin|
    weights = trust(more) * scaled(voice of more) - LESS_WEIGHT * trust(less) * scaled(voice of less)
    trust   = said / (said + DOUBT)

``akin`` is the excess of words in the fifth of the papers of late that ``excess`` speaks for most: few opinions name few words,
and those papers say what else is written about the same things. ``scaled`` subtracts what every paper gets, and divides by
``SPREAD`` standard deviations of the papers of late. So a model says about 0 of most papers, and near 1 of the few that stand
out, once there are opinions enough to be trusted. Of a reader who only ever said "less", it says 0 of the papers least like
that, and less of all others: nothing is chosen for a reader just because it is different.

Sources: naive Bayes with a normal approximation, after Rennie et al. 2003, "Tackling the Poor Assumptions of Naive Bayes Text
Classifiers"; for the papers akin, pseudo relevance feedback (Manning et al. 2008, section 9.1.6). A ridge regression was tried
first; with the few opinions that readers give, it learned less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Keeps words that hardly any paper has from deciding alone: variance added to that of chance.
FEW = 0.3
#: What "less" counts beside "more": it is said of many things, for many reasons.
LESS_WEIGHT = 0.5
#: Opinions at which they are trusted half.
DOUBT = 3.0
#: One in so many papers of late is taken to be akin to what was said.
ONE_IN = 5
#: Standard deviations above most papers that count as 1.
SPREAD = 3.0

Floats = NDArray[np.float32]


class Lessons:
    """Makes models of taste.

    Args:
        background: vectors of papers as there are, a row each; those of late. Without any, nothing is learned.
    """

    def __init__(self, background: Floats) -> None:
        self._background = background
        papers, columns = background.shape
        self._has = (background > 0).astype(np.float32)
        self._share = (self._has.sum(axis=0) + 0.5) / (papers + 1)
        self._mean = background.mean(axis=0) if papers else np.zeros(columns, dtype=np.float32)

    def answering(self, wish: Floats) -> Floats:
        """Return what a paper that answers a wish is likely to have: for each column the share of such papers that have it.

        Args:
            wish: vector of the words that are asked for, all of them.
        """
        words = wish > 0
        found = self._has[self._has[:, words].all(axis=1)]
        having: Floats = found.mean(axis=0) if len(found) else words.astype(np.float32)
        return having

    def learn(self, having: Floats, signs: NDArray[np.int8], strengths: Floats) -> Floats:
        """Return a reader's model: its product with a paper's vector says how much the paper is wanted, about -1 to 1.

        Args:
            having: which columns the papers have that something was said of, a row each: 1 or 0, or how likely.
            signs: 1 for more, -1 for less, one a row.
            strengths: how much each opinion counts, 0 to 1, one a row.
        """
        weights = np.zeros(having.shape[1], dtype=np.float32)
        for sign, weight in ((1, 1.0), (-1, -LESS_WEIGHT)):
            of_sign = signs == sign
            said = float(strengths[of_sign].sum())
            if said:
                found = strengths[of_sign] @ having[of_sign]
                scaled = self._scaled(self._voice(found, said), is_alone=sign < 0 and not (signs > 0).any())
                weights += np.float32(weight * said / (said + DOUBT)) * scaled
        return weights

    def _voice(self, found: Floats, said: float) -> Floats:
        excess = self._excess(found, said)
        most = len(self._background) // ONE_IN
        if not most:
            return excess
        # Stable, so that papers which say the same are taken in the same order on any machine.
        nearest = np.argsort(-(self._background @ excess), kind="stable")[:most]
        akin = self._excess(self._has[nearest].sum(axis=0), float(most))
        voice: Floats = _unit(excess) + _unit(akin)
        return voice

    def _excess(self, found: Floats, said: float) -> Floats:
        chance = said * self._share
        excess = (found - chance) / np.sqrt(chance * (1 - self._share) + FEW)
        positive: Floats = np.maximum(excess, 0).astype(np.float32)
        return positive

    def _scaled(self, voice: Floats, *, is_alone: bool) -> Floats:
        says = self._background @ voice
        spread = float(says.std()) if len(says) else 0.0
        if not spread:
            return np.zeros_like(voice)
        every = says.min() if is_alone else says.mean()
        centred = voice - (every / (self._mean @ self._mean)) * self._mean
        scaled: Floats = (centred / np.float32(SPREAD * spread)).astype(np.float32)
        return scaled


def _unit(vector: Floats) -> Floats:
    unit: Floats = vector / (np.linalg.norm(vector) or np.float32(1))
    return unit
