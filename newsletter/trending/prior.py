"""What a paper can be expected to get before anybody voted: from its words, the number of its authors, and its lab.

Ridge regression on the logarithm of votes over a paper's words (``vectors.py``) and its authors' number, and on top of it what
the papers of a lab got beyond that, shrunk for labs with few. Sources: Hoerl and Kennard 1970, "Ridge Regression: Biased
Estimation for Nonorthogonal Problems"; for the labs Efron and Morris 1975, "Data Analysis Using Stein's Estimator and its
Generalizations".

The shipped table, ``prior.json`` beside this file, is what :meth:`Prior.learn` made of papers and votes of the past;
``benchmarks/trending.py`` makes it anew.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Self

import numpy as np
from numpy.typing import NDArray

from newsletter.papers.model import Paper
from newsletter.trending.vectors import DIM, Vectors

#: Strength with which the ridge draws weights to 0; a paper's words together have length 1.
_RIDGE = 6.0
#: What one e-fold of authors is worth beside that length, and the number from which more authors tell nothing.
_WIDTH, _CROWD = 0.4, 100
#: How many papers that got what was expected are added to each lab's own.
_LAB_SHRINKAGE = 5.0
#: Papers whose expectation is remembered.
_KEPT = 50_000


class Prior:
    """Expects votes of papers that have none yet.

    Args:
        mean: of log(1 + votes).
        words: what each column of a paper's vector adds to it, shape (``DIM``,).
        authors: mean of log(authors), and what each unit above it adds.
        labs: what a lab adds, by its name in small letters.
        vectors: makes vectors of papers; None: with the shipped table.

    Raises:
        ValueError: ``words`` has another shape: the table is of another version.
    """

    def __init__(
        self,
        mean: float,
        words: NDArray[np.float64],
        authors: tuple[float, float],
        labs: Mapping[str, float],
        *,
        vectors: Vectors | None = None,
    ) -> None:
        if words.shape != (DIM,):
            raise ValueError("a prior of another version: learn it anew")
        self._mean, self._words, self._authors, self._labs = mean, words, authors, dict(labs)
        self._vectors = vectors or Vectors()
        self._seen: dict[int, float] = {}

    @classmethod
    def load(cls) -> Self:
        """Return the shipped one."""
        return cls.from_json(files("newsletter.trending").joinpath("prior.json").read_text("utf-8"))

    @classmethod
    def learn(cls, papers: Sequence[Paper], votes: Sequence[float], *, vectors: Vectors | None = None) -> Self:
        """Learn from papers and what each of them got in the end.

        Give all papers of a time: where those are missing that few people saw, much is expected of every paper.

        Args:
            papers: at least one, each with its authors' number.
            votes: from 0, in the order of ``papers``. Where the end is not known, what a paper was on course for will do.
            vectors: as the constructor takes it.

        Raises:
            ValueError: there is no paper, or not as many votes.
        """
        if not 0 < len(papers) == len(votes):
            raise ValueError("give papers, and the votes of each")
        vectors = vectors or Vectors()
        target = np.log1p(np.asarray(votes, dtype=np.float64))
        mean = float(target.mean())
        known = np.array([_log_authors(paper) for paper in papers])
        centre = float(known.mean())
        rows = np.column_stack([vectors.matrix(papers), _WIDTH * (known - centre)])
        weights = np.linalg.solve(rows.T @ rows + _RIDGE * np.eye(DIM + 1), rows.T @ (target - mean))
        beyond: dict[str, list[float]] = defaultdict(list)
        for paper, rest in zip(papers, target - mean - rows @ weights, strict=True):
            if paper.organization:
                beyond[paper.organization.casefold()].append(float(rest))
        labs = {lab: math.fsum(rests) / (len(rests) + _LAB_SHRINKAGE) for lab, rests in beyond.items() if len(rests) > 1}
        return cls(mean, weights[:DIM], (centre, _WIDTH * float(weights[DIM])), labs, vectors=vectors)

    def expected(self, papers: Sequence[Paper]) -> NDArray[np.float64]:
        """Return the votes that each paper may be expected to have in the end: half of such papers get more, half less.

        Above 0, in the order of ``papers``; a paper's figure is the same in whatever company. It holds for papers on a list
        where people vote. A paper that was not asked for before costs some 0.2 ms.
        """
        keys = [hash((paper.title, paper.abstract, paper.keywords, paper.organization, paper.author_count)) for paper in papers]
        fresh = {key: paper for key, paper in zip(keys, papers, strict=True) if key not in self._seen}
        if len(self._seen) + len(fresh) > _KEPT:
            self._seen, fresh = {}, dict(zip(keys, papers, strict=True))
        seen = self._seen
        seen.update(zip(fresh, self._work_out(list(fresh.values())), strict=True))
        return np.array([seen[key] for key in keys], dtype=np.float64)

    def _work_out(self, papers: Sequence[Paper]) -> list[float]:
        centre, adds = self._authors
        # Sums by row, not a product of matrices: that rounds differently with the number of rows.
        words = (self._vectors.matrix(papers) * self._words).sum(axis=1)
        return [
            max(0.1, math.expm1(self._mean + of_words + adds * (_log_authors(paper) - centre) + self._lab(paper)))
            for paper, of_words in zip(papers, words.tolist(), strict=True)
        ]

    def _lab(self, paper: Paper) -> float:
        return self._labs.get(paper.organization.casefold(), 0.0)

    @classmethod
    def from_json(cls, text: str, *, vectors: Vectors | None = None) -> Self:
        """Return the prior that :meth:`to_json` wrote.

        Raises:
            ValueError: it is of another version.
        """
        table = json.loads(text)
        centre, adds = table["authors"]
        return cls(table["mean"], np.array(table["words"]), (centre, adds), table["labs"], vectors=vectors)

    def to_json(self) -> str:
        """Return the table as text, to four places."""
        table = {
            "mean": round(self._mean, 4),
            "authors": [round(number, 4) for number in self._authors],
            "labs": {lab: round(adds, 4) for lab, adds in sorted(self._labs.items())},
            "words": self._words.round(4).tolist(),
        }
        return json.dumps(table, ensure_ascii=False) + "\n"


def _log_authors(paper: Paper) -> float:
    return math.log(min(max(paper.author_count, 1), _CROWD))
