"""What a paper is worth to a reader who had a mail before: a digest is about what is new since then. Pure."""

from __future__ import annotations

import math
from datetime import datetime

from newsletter.digest.model import PoolEntry

#: Parts of a receipt that say how many votes a paper has or will have. Of one that a reader could have got before they are no
#: news.
_IN_ALL = frozenset({"forecast", "prior", "attention"})


def worth(entry: PoolEntry, since: datetime | None) -> float:
    """Return what a paper counts for a reader, in points of the ranking.

    A paper that was there when the issue of the reader's last mail was frozen could have been in that mail. It counts by the
    votes that it gained in the last day, as a new one counts by those it is on course for; the other parts of its score stay.

    Args:
        entry: of an issue's pool.
        since: when the issue of the reader's last mail was frozen, aware; None: there was none, and everything is new.
    """
    receipt = entry.receipt
    if since is None or entry.paper.first_seen_at > since:
        return receipt.score
    in_all = [part for part in receipt.parts if part.name in _IN_ALL]
    weight = max((dict(part.figures).get("weight", 0.0) for part in in_all if part.name != "attention"), default=0.0)
    gained = max(receipt.votes_gained or 0, 0)
    return receipt.score - math.fsum(part.points for part in in_all) + weight * math.log2(1 + gained)
