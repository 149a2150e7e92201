"""The attention of many papers as columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.database import Database
from newsletter.papers.attention import Attention
from newsletter.papers.model import Observation, PaperRecord, PaperSeq, Signal
from newsletter.papers.store import PaperStore

NOON = datetime(2026, 8, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rows(attention: Attention) -> list[tuple[int, str, int, int, int, int]]:
    return [
        (paper, attention.sources[source], at, votes, comments, stars)
        for paper, source, at, votes, comments, stars in zip(
            attention.paper.tolist(),
            attention.source.tolist(),
            attention.at.tolist(),
            attention.votes.tolist(),
            attention.comments.tolist(),
            attention.stars.tolist(),
            strict=True,
        )
    ]


def test_columns_say_what_the_signals_say_up_to_the_instant_asked_for(database: Database) -> None:
    with database.write() as session:
        store = PaperStore(session)
        for number in range(1, 4):
            for source, comments in (("hf", 2), ("arxiv", None)):
                history = tuple(Signal(source, NOON + hour * HOUR, number * hour, comments) for hour in (3, 1, 0, 2))
                record = PaperRecord(title=f"Paper {number}")
                store.ingest([Observation(record, history=history)], source=source, now=NOON)
    with database.read() as session:
        store = PaperStore(session)
        attention = store.attention([3, 1, 77, 3], until=NOON + 2 * HOUR)
        signals = store.signals([3, 1], until=NOON + 2 * HOUR)
    assert attention.sources == ("arxiv", "hf")
    assert rows(attention) == [
        (seq, source, int((NOON + hour * HOUR).timestamp()), seq * hour, comments, -1)
        for seq in (1, 3)
        for source, comments in (("arxiv", -1), ("hf", 2))
        for hour in range(3)
    ]
    assert rows(Attention.of(signals)) == rows(attention)
    assert [str(column.dtype) for column in (attention.paper, attention.source, attention.at, attention.stars)] == [
        "int64",
        "int16",
        "int64",
        "int32",
    ]


def test_no_papers_have_no_attention(database: Database) -> None:
    with database.read() as session:
        none = PaperStore(session).attention([], until=NOON)
    assert (len(none), none.sources) == (0, ())
    assert len(Attention.of({PaperSeq(1): []})) == 0


measured = st.builds(
    Signal,
    source=st.sampled_from(["b", "a", "c"]),
    observed_at=st.integers(0, 50).map(lambda hours: NOON + hours * HOUR),
    votes=st.none() | st.integers(0, 9),
)


@given(st.dictionaries(st.integers(1, 9).map(PaperSeq), st.lists(measured, max_size=9), max_size=5))
def test_rows_ascend_and_none_is_lost(signals: dict[PaperSeq, list[Signal]]) -> None:
    attention = Attention.of(signals)
    keys = [row[:3] for row in rows(attention)]
    assert keys == sorted(set(keys))
    assert set(keys) == {(seq, one.source, int(one.observed_at.timestamp())) for seq, some in signals.items() for one in some}
