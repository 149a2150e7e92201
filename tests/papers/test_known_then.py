"""Papers as they were known at an instant: nothing that was learned later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.database import Database
from newsletter.papers.model import Observation, Paper, PaperChange, PaperRecord, PaperSeq, Signal
from newsletter.papers.store import PaperStore

NOON = datetime(2026, 8, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONG_AGO, FAR_AHEAD = NOON - timedelta(days=900), NOON + timedelta(days=900)


def ingest(database: Database, *records: PaperRecord, now: datetime, source: str = "hf") -> None:
    with database.write() as session:
        PaperStore(session).ingest([Observation(record) for record in records], source=source, now=now)


def listed(database: Database, known_at: datetime | None, *, sources: Sequence[str] = ()) -> list[Paper]:
    with database.read() as session:
        return PaperStore(session).listed_between(LONG_AGO, FAR_AHEAD, sources=sources, known_at=known_at)


def get(database: Database, reference: str | int, known_at: datetime | None = None) -> Paper | None:
    with database.read() as session:
        return PaperStore(session).get(reference, known_at=known_at)


def changes(database: Database, after: datetime, until: datetime) -> list[PaperChange]:
    with database.read() as session:
        return PaperStore(session).changes(after=after, until=until)


FIRST = PaperRecord(
    title="A Title", abstract="Short.", arxiv_id="2608.00001", version=1, keywords=("memory",), listed_at=NOON - HOUR
)
SECOND = PaperRecord(
    title="Another Title", abstract="Longer.", arxiv_id="2608.00001", version=2, keywords=("models",), withdrawn_at=NOON
)


def test_a_paper_is_given_back_as_it_was_known(database: Database) -> None:
    ingest(database, FIRST, now=NOON)
    first = get(database, "2608.00001")
    ingest(database, SECOND, now=NOON + 2 * HOUR, source="arxiv")
    second = get(database, "2608.00001")
    assert first is not None
    assert second is not None
    assert (second.title, second.sources) == ("Another Title", ("hf", "arxiv"))
    for known_at, expected in (
        (NOON - HOUR, None),
        (NOON, first),
        (NOON + HOUR, first),
        (NOON + 2 * HOUR, second),
        (None, second),
    ):
        assert get(database, "2608.00001", known_at) == expected
        assert listed(database, known_at) == ([expected] if expected else [])
    assert listed(database, NOON + HOUR, sources=["arxiv"]) == []
    assert listed(database, NOON + 2 * HOUR, sources=["arxiv"]) == [second]


def test_each_change_is_told_once_with_what_was_before(database: Database) -> None:
    ingest(database, FIRST, now=NOON)
    ingest(database, FIRST, now=NOON + HOUR)
    ingest(database, SECOND, now=NOON + 2 * HOUR)
    ingest(database, SECOND, now=NOON + 3 * HOUR)
    ingest(database, PaperRecord(title="", arxiv_id="2608.00001", doi="10.1000/x"), now=NOON + 4 * HOUR)
    facts = {
        "title": "A Title",
        "abstract": "Short.",
        "version": 1,
        "keywords": ("memory",),
        "withdrawn_at": None,
    }
    first = PaperChange(PaperSeq(1), NOON + 2 * HOUR, facts)
    second = PaperChange(PaperSeq(1), NOON + 4 * HOUR, {"doi": None})
    assert changes(database, LONG_AGO, FAR_AHEAD) == [first, second]
    assert changes(database, NOON + 2 * HOUR, NOON + 4 * HOUR) == [second]
    assert changes(database, NOON + HOUR, NOON + 2 * HOUR) == [first]


def test_a_paper_stands_where_it_was_listed_then(database: Database) -> None:
    """Another source listed it weeks earlier, which was learned later."""
    long_before = NOON - timedelta(days=30)
    ingest(database, FIRST, now=NOON)
    ingest(database, PaperRecord(title="A Title", listed_at=long_before), now=NOON + 2 * HOUR, source="feed")
    with database.read() as session:
        store = PaperStore(session)

        def seqs(start: datetime, known_at: datetime | None) -> list[int]:
            found = store.listed_between(start, start + timedelta(days=2), known_at=known_at)
            return [paper.seq for paper in found]

        day = NOON - timedelta(days=1)
        assert (seqs(day, NOON + HOUR), seqs(long_before, NOON + HOUR)) == ([1], [])
        assert (seqs(day, NOON + 2 * HOUR), seqs(long_before, NOON + 2 * HOUR)) == ([], [1])
        assert (seqs(day, None), seqs(long_before, None)) == ([], [1])


def test_the_papers_taken_in_last_are_those_known_then(database: Database) -> None:
    for number in range(6):
        ingest(database, PaperRecord(title=f"Paper {number}", listed_at=NOON), now=NOON + number * HOUR)
    with database.read() as session:
        known = PaperStore(session).listed_between(LONG_AGO, FAR_AHEAD, known_at=NOON + 3 * HOUR, limit=2)
    assert [paper.seq for paper in known] == [3, 4]


def test_two_papers_that_became_one_keep_their_numbers_and_the_facts_of_the_one_that_stays(database: Database) -> None:
    with database.write() as session:
        store = PaperStore(session)
        store.ingest([Observation(PaperRecord(title="Journal title", doi="10.1000/x", listed_at=NOON))], source="a", now=NOON)
        preprint = PaperRecord(title="Preprint title", arxiv_id="2608.00001", listed_at=NOON)
        store.ingest([Observation(preprint, Signal("hf", NOON, 5))], source="hf", now=NOON)
    before = get(database, 1)
    assert before is not None
    ingest(
        database,
        PaperRecord(title="Preprint title", arxiv_id="2608.00001", doi="10.1000/x", abstract="Text."),
        now=NOON + 2 * HOUR,
    )
    (known,) = listed(database, NOON + HOUR)
    assert (known.seq, known.key, known.arxiv_id, known.abstract) == (1, "doi:10.1000/x", None, "")
    assert known.absorbed == (2,)
    assert get(database, 2, NOON + HOUR) == known


def test_a_paper_that_became_one_with_an_earlier_one_is_not_known_before_itself(database: Database) -> None:
    ingest(database, FIRST, now=NOON)
    recorded = PaperRecord(title="Journal title", doi="10.1000/x", listed_at=NOON - 3 * HOUR)
    ingest(database, recorded, now=NOON - 2 * HOUR, source="file")
    both = PaperRecord(title="A Title", arxiv_id="2608.00001", doi="10.1000/x")
    ingest(database, both, now=NOON + 2 * HOUR)
    (now_known,) = listed(database, None)
    assert (now_known.seq, now_known.first_seen_at) == (1, NOON - 2 * HOUR)
    assert listed(database, NOON - HOUR) == []
    assert [(paper.title, paper.doi, paper.first_seen_at) for paper in listed(database, NOON + HOUR)] == [
        ("A Title", None, NOON)
    ]


def test_what_was_recorded_earlier_was_known_from_then_on(database: Database) -> None:
    """But a paper that is stored already was not: its facts are of later."""
    ingest(database, FIRST, now=NOON)
    recorded = PaperRecord(title="Between", listed_at=NOON - 3 * HOUR)
    ingest(database, recorded, FIRST, now=NOON - 2 * HOUR, source="file")
    assert [paper.title for paper in listed(database, NOON - HOUR)] == ["Between"]
    assert [paper.first_seen_at for paper in listed(database, None)] == [NOON, NOON - 2 * HOUR]


@contextmanager
def in_memory(template: Path) -> Iterator[Database]:
    database, source = Database("sqlite://"), Database(f"sqlite:///{template}")
    with source.engine.connect() as one, database.engine.connect() as other:
        one.connection.driver_connection.backup(other.connection.driver_connection)  # type: ignore[union-attr]  # None only of a closed connection, and both are open
    source.dispose()
    try:
        yield database
    finally:
        database.dispose()


records = st.builds(
    lambda number, word, **facts: PaperRecord(title=f"{word} {number}", arxiv_id=f"2608.0000{number}", **facts),
    number=st.integers(1, 3),
    word=st.sampled_from(["Alpha", "Beta"]),
    abstract=st.sampled_from(["", "Text.", "Longer text."]),
    version=st.sampled_from([None, 1, 2, 3]),
    keywords=st.sampled_from([(), ("memory",), ("models", '"listed_at"')]),
    listed_at=st.sampled_from([None, NOON, NOON - HOUR, NOON - timedelta(days=9)]),
    withdrawn_at=st.sampled_from([None, NOON]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.lists(records, max_size=3), st.sampled_from(["hf", "arxiv"]), st.integers(0, 2)), max_size=8),
)
def test_whatever_comes_later_does_not_change_what_was_known(
    sqlite_template: Path, batches: list[tuple[list[PaperRecord], str, int]]
) -> None:
    windows = [(LONG_AGO, FAR_AHEAD), (NOON - timedelta(hours=2), NOON + HOUR)]
    with in_memory(sqlite_template) as database:
        then: dict[datetime, list[list[Paper]]] = {}
        now = NOON
        for some, source, wait in batches:
            now += wait * HOUR
            ingest(database, *some, now=now, source=source)
            with database.read() as session:
                then[now] = [PaperStore(session).listed_between(start, end) for start, end in windows]
        with database.read() as session:
            store = PaperStore(session)
            for at, expected in then.items():
                assert [store.listed_between(start, end, known_at=at) for start, end in windows] == expected
                assert all(store.get(paper.seq, known_at=at) == paper for paper in expected[0])
