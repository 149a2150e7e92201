"""A paper's figures over time, whoever counted."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from newsletter.papers.attention import Attention
from newsletter.papers.model import PaperSeq, Signal
from newsletter.trending.tracks import Tracks
from tests.samples import LISTED, votes

ONE, TWO, THREE = PaperSeq(3), PaperSeq(5), PaperSeq(8)
FOREVER = (LISTED + timedelta(days=999)).timestamp()
measured = st.lists(
    st.tuples(
        st.sampled_from([ONE, TWO, THREE]), st.sampled_from(["a", "b"]), st.integers(0, 9), st.none() | st.integers(0, 99)
    )
)


def _tracks(signals: dict[PaperSeq, list[Signal]], until: float = FOREVER) -> Tracks:
    return Tracks.of(Attention.of(signals), [ONE, TWO, THREE], "votes", until=until)


def test_two_sources_of_one_count_make_one_line() -> None:
    tracks = _tracks({TWO: [votes(3, hours=1), votes(9, hours=4), votes(7, hours=3, source="mirror")]})
    assert tracks.place.tolist() == [1, 1, 1]
    assert tracks.count.tolist() == [3, 7, 9]
    assert tracks.latest().tolist() == [-1, 9, -1]


def test_a_source_that_lags_behind_takes_nothing_back() -> None:
    tracks = _tracks({ONE: [votes(30, hours=1), votes(20, hours=2, source="mirror")]})
    assert tracks.count.tolist() == [30, 30]


def test_votes_that_were_taken_back_were_never_there() -> None:
    tracks = _tracks({ONE: [votes(30, hours=1), votes(300, hours=2), votes(40, hours=3)]})
    assert tracks.count.tolist() == [30, 40, 40]


def test_what_two_sources_said_at_one_instant_is_one_row() -> None:
    tracks = _tracks({ONE: [votes(30, hours=1), votes(31, hours=1, source="mirror"), votes(29, hours=1, source="third")]})
    assert tracks.count.tolist() == [31]


def test_papers_that_were_not_asked_for_and_later_measurements_are_left_out() -> None:
    until = (LISTED + timedelta(hours=2)).timestamp()
    tracks = _tracks({ONE: [votes(1, hours=2), votes(9, hours=2.001)], PaperSeq(4): [votes(50)]}, until)
    assert (tracks.place.tolist(), tracks.count.tolist()) == ([0], [1])


def test_without_measurements_there_are_no_lines() -> None:
    empty = Tracks.of(Attention.of({}), [], "votes", until=FOREVER)
    assert (len(empty.place), empty.size) == (0, 0)
    assert _tracks({}).latest().tolist() == [-1, -1, -1]
    assert _tracks({}).sums(np.zeros(0)).tolist() == [0, 0, 0]


def test_steps_begin_with_what_was_there_at_first() -> None:
    tracks = _tracks({ONE: [votes(3, hours=1), votes(9, hours=4)], TWO: [votes(5, hours=2), votes(5, hours=3)]})
    assert tracks.steps(tracks.count).tolist() == [3, 6, 5, 0]
    assert tracks.later_steps().tolist() == [0, 6, 0, 0]
    assert tracks.sums(tracks.steps(tracks.count)).tolist() == [9, 5, 0]
    assert tracks.hours_since(np.full(3, int(LISTED.timestamp()) + 7200)).tolist() == [0, 2, 0, 1]


@given(measured, st.integers(0, 9))
def test_a_line_is_what_reading_the_signals_one_by_one_gives(
    figures: list[tuple[PaperSeq, str, int, int | None]], hours: int
) -> None:
    until = LISTED + timedelta(hours=hours)
    signals: dict[tuple[PaperSeq, str, datetime], Signal] = {}
    for seq, source, hour, count in figures:
        at = LISTED + timedelta(hours=hour)
        signals.setdefault((seq, source, at), Signal(source, at, votes=count))
    by_paper: dict[PaperSeq, list[Signal]] = defaultdict(list)
    for (seq, _, _), signal in signals.items():
        by_paper[seq].append(signal)
    tracks = _tracks(by_paper, until.timestamp())
    for place, seq in enumerate([ONE, TWO, THREE]):
        known = sorted(
            (signal for signal in by_paper[seq] if signal.votes is not None and signal.observed_at <= until),
            key=lambda signal: signal.observed_at,
        )
        instants = sorted({signal.observed_at for signal in known})
        highest = []
        for instant in instants:
            said = {signal.source: signal.votes or 0 for signal in known if signal.observed_at <= instant}
            highest.append(max(said.values()))
        expected = [min(highest[index:]) for index in range(len(highest))]
        assert tracks.count[tracks.place == place].tolist() == expected
        assert tracks.at[tracks.place == place].tolist() == [int(instant.timestamp()) for instant in instants]
