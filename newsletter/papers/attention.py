"""The attention of many papers as columns, for a ranking that works on all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from newsletter.papers.model import PaperSeq, Signal
from newsletter.papers.series import DTYPE, SNAPSHOT, Series, united


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """Snapshots of papers, a row each; ascending by paper, source and instant.

    Attributes:
        paper: the paper's ``seq``.
        source: who measured, as an index into ``sources``.
        at: when, in seconds since 1970 UTC.
        votes, comments, stars: what was measured; -1 where it was not.
        sources: names of the sources, ascending.
    """

    paper: npt.NDArray[np.int64]
    source: npt.NDArray[np.int16]
    at: npt.NDArray[np.int64]
    votes: npt.NDArray[np.int32]
    comments: npt.NDArray[np.int32]
    stars: npt.NDArray[np.int32]
    sources: tuple[str, ...]

    def __len__(self) -> int:
        """How many snapshots there are."""
        return len(self.at)

    @classmethod
    def of(cls, signals: Mapping[PaperSeq, Sequence[Signal]]) -> Attention:
        """Return the attention of these papers, whose signals may be in any order.

        Of two of one source at the same second the first counts. Instants are whole seconds from 1970 to 2106.
        """
        series: list[Series] = []
        for seq, some in signals.items():
            by_source: dict[str, list[Signal]] = {}
            for signal in some:
                by_source.setdefault(signal.source, []).append(signal)
            series += [Series(seq, source, united(b"", own)) for source, own in by_source.items()]
        return cls.of_series(series)

    @classmethod
    def of_series(cls, series: Iterable[Series], *, until: datetime | None = None) -> Attention:
        """Return the attention that packed series hold.

        Args:
            series: in any order; of each paper and source one.
            until: later snapshots are left out; aware. None leaves out none.
        """
        ordered = sorted(series)
        sources = tuple(sorted({source for _, source, _ in ordered}))
        number = {source: index for index, source in enumerate(sources)}
        lengths = np.array([len(packed) for _, _, packed in ordered], dtype=np.int64) // SNAPSHOT.size
        rows = np.frombuffer(b"".join(packed for _, _, packed in ordered), dtype=DTYPE)
        paper = np.repeat(np.array([seq for seq, _, _ in ordered], dtype=np.int64), lengths)
        source = np.repeat(np.array([number[name] for _, name, _ in ordered], dtype=np.int16), lengths)
        if until is not None:
            known = rows["at"] <= until.timestamp()
            rows, paper, source = rows[known], paper[known], source[known]
        return cls(
            paper,
            source,
            rows["at"].astype(np.int64),
            rows["votes"].astype(np.int32),
            rows["comments"].astype(np.int32),
            rows["stars"].astype(np.int32),
            sources,
        )
