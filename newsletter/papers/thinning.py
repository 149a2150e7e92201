"""Which snapshots stay as they grow old. Pure.

Attention grows fast at first and ever slower: a curve needs as many points from the first day to the second as from the second
to the fourth. Old snapshots therefore stay in even steps of the logarithm of the time since a paper's first one. Which step one
is in depends on nothing else, so thinning may be repeated, or left out for a while, and comes to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from newsletter.config import HistoryConfig
from newsletter.papers.series import DTYPE, SNAPSHOT, Series

HOUR = 3600.0


def thinned(some: Sequence[Series], *, now: datetime, rule: HistoryConfig) -> list[Series]:
    """Return those series that lose snapshots, in their order, without them."""
    lengths = np.array([len(series.snapshots) for series in some], dtype=np.int64) // SNAPSHOT.size
    rows = np.frombuffer(b"".join(series.snapshots for series in some), dtype=DTYPE)
    kept = stays(np.repeat(np.arange(len(some)), lengths), rows["at"].astype(np.int64), now=now, rule=rule)
    lose: list[Series] = []
    end = 0
    for series, length in zip(some, lengths, strict=True):
        start, end = end, end + length
        if not kept[start:end].all():
            lose.append(series._replace(snapshots=rows[start:end][kept[start:end]].tobytes()))
    return lose


def stays(
    series: npt.NDArray[np.int64], at: npt.NDArray[np.int64], *, now: datetime, rule: HistoryConfig
) -> npt.NDArray[np.bool_]:
    """Return for each snapshot whether it is kept.

    Every snapshot up to ``rule.whole`` old stays, and of each series the first and the last. Of the others the first stays in
    each of ``rule.per_doubling`` even steps to a doubling of the time since an hour before the series' first snapshot; of those
    over ``rule.keep`` old only the first in each doubling.

    Args:
        series: which series a snapshot is of, any number; snapshots of one stand together.
        at: its instant in seconds since 1970, ascending within a series.
        now: aware.
        rule: how long and how many.
    """
    starts = _differs(series)
    ends = np.concatenate((starts[1:], np.ones(min(len(at), 1), dtype=np.bool_)))
    began = at[starts][np.cumsum(starts) - 1]
    step = np.floor(np.log2((at - began) / HOUR + 1) * rule.per_doubling).astype(np.int64)
    doubling = step // rule.per_doubling  # of the step, not of the time: no step is in two of them
    seconds = now.timestamp()
    is_whole = at >= seconds - rule.whole.total_seconds()
    is_old = at < seconds - rule.keep.total_seconds()
    return starts | ends | is_whole | np.where(is_old, _differs(doubling), _differs(step))


def _differs(values: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each value differs from the one before; the first does."""
    return np.concatenate((np.ones(min(len(values), 1), dtype=np.bool_), values[1:] != values[:-1]))
