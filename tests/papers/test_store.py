"""The store of papers, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.database import Database
from newsletter.papers.clean import clean_record
from newsletter.papers.identity import names_of
from newsletter.papers.model import IngestReport, Observation, Paper, PaperRecord, Signal
from newsletter.papers.store import PaperStore
from newsletter.papers.tables import PaperIdentityRow, PaperRow

NOW = datetime(2026, 8, 17, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def seen(record: PaperRecord, votes: int | None = None, at: datetime = NOW) -> Observation:
    return Observation(record, Signal("hf", at, votes) if votes is not None else None)


def ingest(database: Database, *observations: Observation, source: str = "hf", now: datetime = NOW) -> IngestReport:
    with database.write() as session:
        return PaperStore(session).ingest(observations, source=source, now=now)


def get(database: Database, reference: str | int) -> Paper:
    with database.read() as session:
        paper = PaperStore(session).get(reference)
    assert paper is not None
    return paper


def test_papers_are_numbered_in_the_order_they_came(database: Database) -> None:
    titles = [f"Paper {number}" for number in range(1200)]
    report = ingest(database, *(seen(PaperRecord(title=title)) for title in titles))
    assert report == IngestReport(new=1200)
    with database.read() as session:
        store = PaperStore(session)
        assert [paper.title for paper in store.latest(None)][::-1] == titles
        assert store.count() == 1200


def test_the_same_batch_again_changes_nothing(database: Database) -> None:
    batch = [seen(PaperRecord(title=f"Paper {n}", arxiv_id=f"2608.0000{n}", abstract="Text."), votes=n) for n in range(5)]
    assert ingest(database, *batch) == IngestReport(new=5, signals=5)
    assert ingest(database, *batch) == IngestReport(known=5)
    assert ingest(database, *(seen(one.record, 9, NOW + HOUR) for one in batch)) == IngestReport(known=5, signals=5)


def test_a_paper_is_found_by_each_of_its_names(database: Database) -> None:
    ingest(database, seen(PaperRecord(title="Tiny $Models$", arxiv_id="2608.00001", doi="10.1000/ABC")))
    paper = get(database, 1)
    for reference in (
        "1",
        "2608.00001v4",
        "https://arxiv.org/pdf/2608.00001",
        "doi:10.1000/abc",
        "title:tinymodels",
        paper.key,
    ):
        assert get(database, reference) == paper
    with database.read() as session:
        store = PaperStore(session)
        for unknown in ("2608.00002", "nothing", 0, -1, 2, 10**30, "99999999999999999999999"):
            assert store.get(unknown) is None
        assert store.find("tiny $m") == [paper]
        assert store.find("2608.00001") == [paper]
        assert store.find("%") == []


def test_a_title_alone_is_the_arxiv_paper_of_that_title(database: Database) -> None:
    ingest(database, seen(PaperRecord(title="Same Title", arxiv_id="2608.00001")))
    report = ingest(database, seen(PaperRecord(title="SAME title", abstract="Text.", author_count=3)), source="page")
    assert report == IngestReport(changed=1)
    paper = get(database, "2608.00001")
    assert (paper.abstract, paper.author_count, paper.sources) == ("Text.", 3, ("hf", "page"))


def test_an_arxiv_id_is_learned_later_and_the_old_key_still_leads_there(database: Database) -> None:
    ingest(database, seen(PaperRecord(title="Same Title", abstract="Text.")))
    ingest(database, seen(PaperRecord(title="Same Title", arxiv_id="2608.00001")))
    paper = get(database, "title:sametitle")
    assert (paper.seq, paper.key) == (1, "arxiv:2608.00001")


def test_two_arxiv_papers_of_one_title_stay_two(database: Database) -> None:
    batch = [seen(PaperRecord(title="Same Title", arxiv_id=f"2608.0000{n}", doi="10.1000/x")) for n in (1, 2)]
    assert ingest(database, *batch).new == 2
    assert ingest(database, *batch).known == 2
    assert get(database, "title:sametitle").arxiv_id == "2608.00001"


def test_a_record_with_both_ids_makes_one_paper_of_two_and_loses_nothing(database: Database) -> None:
    ingest(
        database,
        seen(PaperRecord(title="Journal title", doi="10.1000/x", listed_at=NOW - HOUR), 1, NOW - HOUR),
        source="journal",
    )
    ingest(database, seen(PaperRecord(title="Between")), seen(PaperRecord(title="Preprint title", arxiv_id="2608.00001"), 5))
    ingest(database, seen(PaperRecord(title="Preprint title", arxiv_id="2608.00001"), 7, NOW + HOUR))
    report = ingest(
        database, seen(PaperRecord(title="Preprint title", arxiv_id="2608.00001", doi="10.1000/X", abstract="Text."))
    )
    assert report == IngestReport(changed=1)
    paper = get(database, "2608.00001")
    assert (paper.seq, paper.key, paper.doi, paper.abstract) == (1, "arxiv:2608.00001", "10.1000/x", "Text.")
    assert (paper.absorbed, paper.sources, paper.listed_at) == ((3,), ("hf", "journal"), NOW - HOUR)
    for reference in (3, "10.1000/x", "title:journaltitle", "title:preprinttitle"):
        assert get(database, reference) == paper
    with database.read() as session:
        store = PaperStore(session)
        assert [signal.votes for signal in store.signals([1], until=NOW + HOUR)[paper.seq]] == [1, 5, 7]
        assert [found.seq for found in store.latest()] == [2, 1]
        assert store.by_seq([3, 2, 99]) == {3: paper, 2: get(database, 2)}
        assert store.count() == 2


def test_two_papers_of_one_batch_become_one(database: Database) -> None:
    report = ingest(
        database,
        seen(PaperRecord(title="One"), 1, NOW),
        seen(PaperRecord(title="Two", arxiv_id="2608.00001"), 2, NOW),
        seen(PaperRecord(title="One", arxiv_id="2608.00001", version=2, abstract="Text."), 3, NOW + HOUR),
    )
    assert (report.new, report.changed) == (2, 1)
    paper = get(database, "2608.00001")
    assert (paper.seq, paper.title, paper.absorbed) == (1, "One", (2,))
    with database.read() as session:
        assert [signal.votes for signal in PaperStore(session).signals([1], until=NOW + HOUR)[paper.seq]] == [1, 3]


def test_a_paper_that_absorbed_one_is_absorbed_itself(database: Database) -> None:
    ingest(
        database, *(seen(PaperRecord(title=title, doi=doi)) for title, doi in (("A", None), ("B", None), ("C", "10.1000/c")))
    )
    ingest(database, seen(PaperRecord(title="C", arxiv_id="2608.00001")), seen(PaperRecord(title="B", arxiv_id="2608.00001")))
    ingest(database, seen(PaperRecord(title="A", arxiv_id="2608.00001")))
    assert get(database, 3) == get(database, 2) == get(database, 1)
    assert get(database, 1).absorbed == (2, 3)


def test_what_cannot_be_named_is_counted_and_the_rest_goes_on(database: Database) -> None:
    report = ingest(
        database,
        seen(PaperRecord(title="?!")),
        seen(PaperRecord(title="", arxiv_id="2608.00001")),
        seen(PaperRecord(title="Fine\x00", abstract="A\ud800B", authors=("Ada\x00",))),
    )
    assert report.refused == {"neither arXiv id, DOI nor title": 1, "no title": 1}
    assert (report.new, report.seen) == (1, 1)
    assert get(database, 1).abstract == "AB"


def test_votes_alone_reach_a_known_paper(database: Database) -> None:
    ingest(database, seen(PaperRecord(title="Paper", arxiv_id="2608.00001")))
    assert ingest(database, seen(PaperRecord(title="", arxiv_id="2608.00001"), 5)) == IngestReport(known=1, signals=1)


def test_nothing_later_than_asked_for_leaks_into_signals(database: Database) -> None:
    history = tuple(Signal("hf", NOW + n * HOUR, votes=n) for n in (2, 0, 1))
    ingest(database, Observation(PaperRecord(title="Paper"), Signal("hf", NOW + 3 * HOUR, 3), history))
    with database.read() as session:
        store = PaperStore(session)
        assert [signal.votes for signal in store.signals([1, 77], until=NOW + 2 * HOUR)[get(database, 1).seq]] == [0, 1, 2]
        assert store.signals([77], until=NOW) == {77: []}


def test_papers_are_picked_by_listing_time_and_source(database: Database) -> None:
    for number, source in ((1, "hf"), (2, "arxiv"), (3, "hf")):
        record = PaperRecord(title=f"Paper {number}", listed_at=NOW + number * HOUR)
        ingest(database, seen(record), source=source)
    with database.read() as session:
        store = PaperStore(session)

        def seqs(papers: Iterable[Paper]) -> list[int]:
            return [paper.seq for paper in papers]

        assert seqs(store.listed_between(NOW + HOUR, NOW + 3 * HOUR)) == [1, 2]
        assert seqs(store.listed_between(NOW, NOW + 9 * HOUR, sources=["hf"])) == [1, 3]
        assert seqs(store.listed_between(NOW, NOW + 9 * HOUR, limit=2)) == [2, 3]
        assert seqs(store.latest(1)) == [3]


def test_two_ingests_at_once_make_each_paper_once(database: Database) -> None:
    batch = [seen(PaperRecord(title=f"Paper {n}", arxiv_id=f"2608.{n:05}"), votes=n) for n in range(700)]
    start, reports = threading.Barrier(4), list[IngestReport]()

    def work(order: int) -> None:
        start.wait()
        reports.append(ingest(database, *batch[::order]))

    threads = [threading.Thread(target=work, args=(order,)) for order in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.new for report in reports) == [0, 0, 0, 700]
    with database.read() as session:
        assert PaperStore(session).count() == 700


@st.composite
def some_records(draw: st.DrawFn) -> list[PaperRecord]:
    record = st.builds(
        PaperRecord,
        title=st.sampled_from(["Alpha", "Beta", "Gamma", "Delta", ""]),
        arxiv_id=st.sampled_from([None, "2608.00001", "2608.00002", "2608.00003"]),
        doi=st.sampled_from([None, "10.1000/a", "10.1000/b", "10.48550/arxiv.2608.00002"]),
        version=st.sampled_from([None, 1, 2]),
    )
    return draw(st.lists(record, max_size=14))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_records(), st.integers(1, 5))
def test_whatever_comes_a_name_has_one_paper_and_a_paper_one_arxiv_id(
    sqlite_template: Path, records: list[PaperRecord], size: int
) -> None:
    database = Database("sqlite://")
    try:
        template = Database(f"sqlite:///{sqlite_template}")
        with template.engine.connect() as source, database.engine.connect() as target:
            source.connection.driver_connection.backup(target.connection.driver_connection)  # type: ignore[union-attr]  # None only of a closed connection, and both are open
        template.dispose()
        for start in range(0, len(records), size):
            ingest(database, *(seen(record, 1) for record in records[start : start + size]))
        with database.read() as session:
            rows = {row.seq: row for row in session.scalars(select(PaperRow))}
            owner = {row.name: row.paper_seq for row in session.scalars(select(PaperIdentityRow))}
        live = [row for row in rows.values() if row.merged_into is None]
        assert all(rows[seq].merged_into is None for seq in owner.values())
        assert all(owner[row.key] == row.seq for row in live)
        assert len({row.arxiv_id for row in live if row.arxiv_id}) == sum(bool(row.arxiv_id) for row in live)
        # Everything that has a name was taken in, and is found again under its most certain name.
        again = ingest(database, *(seen(record, 1) for record in records))
        assert again.new == 0
        for record in map(clean_record, records):
            if record.arxiv_id and record.title:
                assert get(database, names_of(record)[0]).arxiv_id == record.arxiv_id
    finally:
        database.dispose()
