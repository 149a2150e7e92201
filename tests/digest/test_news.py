"""What papers are worth to readers who had a mail before."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.digest.model import PoolEntry
from newsletter.digest.news import worth
from newsletter.digest.pool import Pool
from newsletter.digest.selection import Wish, choose, choose_all
from newsletter.trending.model import ReceiptPart
from subscribers.model import Interests
from tests.samples import LISTED, entry, receipt

#: The last mail of the readers here.
BEFORE = LISTED + timedelta(days=1)


def on_course(rank: int, votes: int, *, seen_at: datetime, gained: int | None = None) -> PoolEntry:
    """An entry on course for ``votes``, that got ``gained`` of them in the last day."""
    parts = (
        ReceiptPart("forecast", 10 * math.log2(1 + votes), figures=(("weight", 10.0), ("votes", float(votes)))),
        ReceiptPart("freshness", -1.0, figures=(("weight", 8.0), ("hours", 40.0))),
    )
    made = receipt(math.fsum(part.points for part in parts), parts=parts, votes=votes, votes_gained=gained)
    return replace(entry(rank, first_seen_at=seen_at), receipt=made)


def order(*entries: PoolEntry, since: datetime | None) -> list[int]:
    return [each.paper_seq for each in choose(Pool(entries), Interests(), size=10, excluded=frozenset(), since=since)]


def test_a_first_mail_goes_by_rank() -> None:
    old, new = on_course(1, 200, seen_at=LISTED, gained=2), on_course(2, 40, seen_at=BEFORE + timedelta(hours=1))
    assert order(old, new, since=None) == [1, 2]


def test_what_was_passed_over_counts_by_what_it_gained_since() -> None:
    new = on_course(2, 40, seen_at=BEFORE + timedelta(hours=1))
    assert order(on_course(1, 200, seen_at=LISTED, gained=2), new, since=BEFORE) == [2, 1]
    assert order(on_course(1, 200, seen_at=LISTED, gained=None), new, since=BEFORE) == [2, 1]
    assert order(on_course(1, 200, seen_at=LISTED, gained=90), new, since=BEFORE) == [1, 2]


def test_a_reader_who_was_away_for_longer_finds_it_new() -> None:
    old, new = on_course(1, 200, seen_at=LISTED, gained=2), on_course(2, 40, seen_at=BEFORE + timedelta(hours=1))
    assert order(old, new, since=LISTED - timedelta(days=20)) == [1, 2]


def test_a_receipt_of_an_earlier_version_keeps_its_score() -> None:
    assert worth(entry(1, first_seen_at=LISTED), BEFORE) == entry(1).receipt.score


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans(), st.integers(0, 50)), min_size=1, max_size=30))
def test_new_papers_keep_their_order_among_themselves(papers: list[tuple[int, bool, int]]) -> None:
    papers.sort(key=lambda each: -each[0])
    entries = [
        on_course(rank, votes, seen_at=BEFORE + timedelta(hours=1 if is_new else -1), gained=gained)
        for rank, (votes, is_new, gained) in enumerate(papers, start=1)
    ]
    new = {each.paper.seq for each in entries if each.paper.first_seen_at > BEFORE}
    wishes = [Wish(Interests(), 30, since=BEFORE), Wish(Interests(), 30)]
    since_then, from_the_start = ([each.paper_seq for each in choice] for choice in choose_all(Pool(entries), wishes))
    assert [seq for seq in since_then if seq in new] == [seq for seq in from_the_start if seq in new]
    assert sorted(since_then) == sorted(from_the_start)
