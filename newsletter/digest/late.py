"""Which papers take off long after they were listed. Pure.

The rule, in words: a paper takes off late if its votes of about two days are many, and come faster than on average since it
was listed. Votes come fastest in a paper's first days; on real papers older than that, two days bring less than half of the
average, so to reach it is a second wind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from newsletter.digest.model import LATE_PART
from newsletter.papers.attention import Attention
from newsletter.papers.model import PaperSeq
from newsletter.trending.model import Receipt, ReceiptPart

#: Votes are counted over this at least, and over twice this at most, up to when they were measured last.
WINDOW = timedelta(days=2)
#: Younger papers are in their first days; none older is looked at.
YOUNGEST, OLDEST = timedelta(days=4), timedelta(days=90)
#: What was measured last must not be older than this.
FRESH = timedelta(days=1)

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class TakeOff:
    """What makes a paper a late bloomer.

    ``gained`` votes came in ``hours``; ``expected`` would have come at its average pace from its listing till then.
    """

    paper_seq: PaperSeq
    gained: int
    hours: float
    expected: float

    def on(self, receipt: Receipt) -> Receipt:
        """Return ``receipt`` with these figures, in a part of their own that is worth no points."""
        figures = (("gained", float(self.gained)), ("hours", self.hours), ("expected", self.expected))
        return replace(receipt, parts=(*receipt.parts, ReceiptPart(LATE_PART, 0.0, figures=figures)))


def take_offs(attention: Attention, listed_at: Mapping[PaperSeq, datetime], *, at: datetime, least: int) -> list[TakeOff]:
    """Find the papers that take off late, most votes gained first, then the earlier ingested.

    Args:
        attention: of these papers; what was measured after ``at`` is not looked at.
        listed_at: when each was listed; those not between :data:`YOUNGEST` and :data:`OLDEST` are left out.
        at: aware UTC.
        least: votes in :data:`WINDOW` from which they are many.
    """
    rows = np.flatnonzero((attention.votes >= 0) & (attention.at <= int(at.timestamp())))
    if not len(rows):
        return []
    paper, source, when, votes = (
        column[rows].astype(np.int64) for column in (attention.paper, attention.source, attention.at, attention.votes)
    )
    # Neighbours of one paper and source are a series: its number, times more seconds than there are, orders all rows.
    series = np.cumsum(np.r_[0, (np.diff(paper) != 0) | (np.diff(source) != 0)])
    order = (series << 33) + when
    last = np.flatnonzero(np.r_[np.diff(series) != 0, True])
    window = int(WINDOW.total_seconds())
    before = np.searchsorted(order, order[last] - window, side="right") - 1
    is_known = (before >= 0) & (series[before] == series[last]) & (when[before] >= when[last] - 2 * window)
    is_known &= when[last] >= int((at - FRESH).timestamp())
    best: dict[PaperSeq, TakeOff] = {}
    for end, start in zip(last[is_known].tolist(), before[is_known].tolist(), strict=True):
        seq = PaperSeq(int(paper[end]))
        if not YOUNGEST <= at - listed_at[seq] <= OLDEST:
            continue
        gained, seconds = int(votes[end] - votes[start]), int(when[end] - when[start])
        # A day at least: what was measured in the first hours, or before it was listed here, is no pace.
        age = max(float(when[start]) - listed_at[seq].timestamp(), _DAY)
        expected = int(votes[start]) * seconds / age
        if gained * window >= least * seconds and gained >= expected and (seq not in best or best[seq].gained < gained):
            best[seq] = TakeOff(seq, gained, seconds / 3600, expected)
    return sorted(best.values(), key=lambda each: (-each.gained, each.paper_seq))
