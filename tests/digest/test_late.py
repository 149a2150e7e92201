"""Which papers take off long after they were listed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.digest.late import FRESH, OLDEST, WINDOW, YOUNGEST, TakeOff, take_offs
from newsletter.papers.attention import Attention
from newsletter.papers.model import PaperSeq, Signal
from tests.samples import LISTED, receipt

NOW = LISTED + timedelta(days=30)
LEAST = 20


def seen(days: float, votes: int | None, source: str = "hf") -> Signal:
    """Votes as they were measured so many days before now."""
    return Signal(source, NOW - timedelta(days=days), votes)


def found(signals: Mapping[int, Sequence[Signal]], *, listed: float = 30, least: int = LEAST) -> list[TakeOff]:
    """What takes off of papers that were all listed so many days ago."""
    of_papers = {PaperSeq(seq): some for seq, some in signals.items()}
    listed_at = dict.fromkeys(of_papers, NOW - timedelta(days=listed))
    return take_offs(Attention.of(of_papers), listed_at, at=NOW, least=least)


def test_many_votes_in_two_days_long_after_listing_are_a_take_off() -> None:
    assert found({7: [seen(20, 40), seen(2, 46), seen(0, 131)]}) == [TakeOff(PaperSeq(7), 85, 48.0, 46 * 2 / 28)]


def test_the_steady_growth_of_a_paper_that_many_like_is_none() -> None:
    # 600 votes in 28 days are 43 in two; thirty more are fewer than ever.
    assert found({7: [seen(20, 500), seen(2, 600), seen(0, 630)]}) == []
    assert [each.gained for each in found({7: [seen(20, 500), seen(2, 600), seen(0, 645)]})] == [45]


def test_few_votes_are_none_however_few_were_expected() -> None:
    assert found({7: [seen(2, 0), seen(0, LEAST - 1)]}) == []
    assert [each.gained for each in found({7: [seen(2, 0), seen(0, LEAST)]})] == [LEAST]


def test_a_paper_in_its_first_days_or_of_last_year_is_none() -> None:
    signals = {7: [seen(2, 3), seen(0, 300)]}
    days = timedelta(days=1)
    assert found(signals, listed=YOUNGEST / days - 0.01) == []
    assert found(signals, listed=OLDEST / days + 0.01) == []
    assert found(signals, listed=YOUNGEST / days)
    assert found(signals, listed=OLDEST / days)


def test_what_is_not_measured_today_or_was_not_before_says_nothing() -> None:
    assert found({7: [seen(4, 3), seen(1.01, 300)]}) == []
    assert found({7: [seen(0, 300)]}) == []
    assert found({7: [seen(1.9, 3), seen(0, 300)]}) == []
    assert found({7: [seen(4.1, 3), seen(0, 300)]}) == []
    assert found({}) == []


def test_the_window_ends_where_votes_were_measured_last_and_its_true_length_is_said() -> None:
    (only,) = found({7: [seen(3.5, 10), seen(0.5, 100)]})
    assert (only.gained, only.hours) == (90, 72.0)


def test_votes_in_more_than_two_days_have_to_be_more() -> None:
    assert found({7: [seen(3, 0), seen(0, 29)]}) == []
    assert found({7: [seen(3, 0), seen(0, 30)]})


def test_sources_are_not_mixed_and_the_one_that_saw_most_counts() -> None:
    signals = [seen(2, 3, "a"), seen(0, 33, "a"), seen(2, 100, "b"), seen(0, 160, "b"), seen(2, None, "c"), seen(0, 900, "c")]
    assert [each.gained for each in found({7: signals})] == [60]


def test_most_votes_come_first_then_the_earlier_ingested() -> None:
    assert [
        each.paper_seq for each in found({seq: [seen(2, 3), seen(0, votes)] for seq, votes in ((5, 53), (2, 99), (1, 53))})
    ] == [
        2,
        1,
        5,
    ]


def test_the_receipt_has_the_figures_and_keeps_its_score() -> None:
    before = receipt()
    after = TakeOff(PaperSeq(7), 85, 47.5, 4.25).on(before)
    assert after.parts[-1].figures == (("gained", 85.0), ("hours", 47.5), ("expected", 4.25))
    assert after.score == before.score == math.fsum(part.points for part in after.parts)


def plainly(signals: Mapping[int, Sequence[Signal]], listed_at: datetime) -> set[int]:
    """The rule, one paper at a time."""
    late = set()
    for seq, some in signals.items():
        for source in {signal.source for signal in some}:
            own = sorted(
                (int(each.observed_at.timestamp()), each.votes)
                for each in some
                if each.source == source and each.votes is not None and each.observed_at <= NOW
            )
            if not own or own[-1][0] < (NOW - FRESH).timestamp():
                continue
            end, votes = own[-1]
            before = [row for row in own if end - 2 * WINDOW.total_seconds() <= row[0] <= end - WINDOW.total_seconds()]
            if not before:
                continue
            start, had = before[-1]
            gained, age = votes - had, max(start - listed_at.timestamp(), 86400)
            if gained / (end - start) >= LEAST / WINDOW.total_seconds() and gained >= had * (end - start) / age:
                late.add(seq)
    return late


@given(
    st.dictionaries(
        st.integers(1, 5),
        st.lists(
            st.builds(
                lambda source, hours, votes: Signal(source, NOW - timedelta(hours=hours), votes),
                st.sampled_from(["a", "b"]),
                st.integers(-30, 120),
                st.none() | st.integers(0, 200),
            ),
            max_size=12,
            unique_by=lambda signal: (signal.source, signal.observed_at),
        ),
    ),
    st.integers(4, 40),
)
def test_all_papers_at_once_are_as_each_alone_and_nothing_later_counts(signals: dict[int, list[Signal]], days: int) -> None:
    taken = found(signals, listed=days)
    assert {each.paper_seq for each in taken} == plainly(signals, NOW - timedelta(days=days))
    known = {seq: [each for each in some if each.observed_at <= NOW] for seq, some in signals.items()}
    assert taken == found(known, listed=days)
