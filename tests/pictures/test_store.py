"""What is kept of pictures, for how long, and who may ask for one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.papers.model import Observation, PaperSeq
from newsletter.papers.store import PaperStore
from newsletter.pictures.making import make_logo, make_pictures
from newsletter.pictures.store import PictureStore
from newsletter.pictures.tables import PaperPictureRow
from tests.pictures.samples import halves, plain
from tests.samples import record

WAITS = (timedelta(hours=1), timedelta(hours=6))
URL = "https://pictures.example.org/a.png"
RED, HALVES, LOGO = make_pictures(plain()), make_pictures(halves(1200, 630)), make_logo(plain(300, 80))


@pytest.fixture
def seqs(database: Database, clock: ManualClock) -> list[PaperSeq]:
    """Numbers of three papers."""
    with database.write() as session:
        observations = [Observation(record(f"2608.0000{number}")) for number in range(3)]
        PaperStore(session).ingest(observations, source="test", now=clock.now())
        return sorted(paper.seq for paper in PaperStore(session).latest())


def names(database: Database, *made: str) -> list[bool]:
    with database.read() as session:
        return [PictureStore(session).content(name) is not None for name in made]


def test_of_many_that_come_at_once_one_may_ask(database: Database, clock: ManualClock, seqs: list[PaperSeq]) -> None:
    def claim(seq: PaperSeq) -> bool:
        with database.write() as session:
            return PictureStore(session).claim(seq, URL, now=clock.now(), waits=WAITS)

    with ThreadPoolExecutor(8) as pool:
        for _ in range(2):  # the first time there is no row yet, the second time it is due again
            assert sum(pool.map(claim, [seqs[0]] * 16)) == 1
            clock.advance(WAITS[0])


def test_a_claim_on_what_is_kept_or_not_due_is_refused(database: Database, clock: ManualClock, seqs: list[PaperSeq]) -> None:
    with database.write() as session:
        store = PictureStore(session)
        store.keep(seqs[0], URL, RED, now=clock.now())
        assert store.claim(seqs[1], URL, now=clock.now(), waits=WAITS)
        assert not store.claim(seqs[0], URL, now=clock.now(), waits=WAITS)
        assert not store.claim(seqs[1], URL, now=clock.now(), waits=WAITS)
        assert store.due(dict.fromkeys(seqs, URL), now=clock.now()) == [seqs[2]]
        assert store.due({seqs[2]: URL, seqs[1]: URL}, now=clock.now() + WAITS[0]) == [seqs[2], seqs[1]]
        assert store.due({seqs[0]: "https://pictures.example.org/b.png"}, now=clock.now()) == [seqs[0]]


def test_a_late_failure_says_nothing_of_a_newer_address(database: Database, clock: ManualClock, seqs: list[PaperSeq]) -> None:
    with database.write() as session:
        store = PictureStore(session)
        store.keep(seqs[0], URL, RED, now=clock.now())
        store.fail(seqs[0], "https://pictures.example.org/old.png", "HTTP 404")
        assert store.of(seqs).keys() == {seqs[0]}
        assert session.get_one(PaperPictureRow, seqs[0]).problem == ""
        store.fail(seqs[0], URL, "HTTP 404" + "!" * 1000)
        assert session.get_one(PaperPictureRow, seqs[0], populate_existing=True).problem.startswith("HTTP 404!")


def test_pictures_are_found_by_paper_and_by_name(database: Database, clock: ManualClock, seqs: list[PaperSeq]) -> None:
    with database.write() as session:
        PictureStore(session).keep(seqs[0], URL, RED, now=clock.now())
        PictureStore(session).keep(seqs[1], URL, HALVES, now=clock.now())
        PictureStore(session).keep(seqs[1], URL, HALVES, now=clock.now())
    with database.read() as session:
        found = PictureStore(session).of([*seqs, PaperSeq(999)])
        assert {seq: (each.large, each.small) for seq, each in found.items()} == {
            seqs[0]: (RED.large.picture, RED.small.picture),
            seqs[1]: (HALVES.large.picture, HALVES.small.picture),
        }
        assert PictureStore(session).of([]) == {}
        assert PictureStore(session).content(RED.small.picture.name) == RED.small.content
        assert PictureStore(session).content("x" * 32) is None


def test_old_pictures_are_dropped_but_not_logos(database: Database, clock: ManualClock, seqs: list[PaperSeq]) -> None:
    with database.write() as session:
        store = PictureStore(session)
        store.keep(seqs[0], URL, RED, now=clock.now())
        store.put(LOGO, now=clock.now(), is_logo=True)
        clock.advance(timedelta(days=1))
        store.keep(seqs[1], URL, HALVES, now=clock.now())
        assert store.drop(before=clock.now()) == 2
        assert store.of(seqs).keys() == {seqs[1]}
    assert names(database, RED.large.picture.name, RED.small.picture.name) == [False, False]
    assert names(database, LOGO.picture.name, HALVES.large.picture.name) == [True, True]


def test_a_picture_is_kept_as_long_as_anybody_needs_it(database: Database, clock: ManualClock, seqs: list[PaperSeq]) -> None:
    with database.write() as session:
        store = PictureStore(session)
        store.keep(seqs[0], URL, RED, now=clock.now())
        clock.advance(timedelta(days=300))
        store.keep(seqs[1], URL, RED, now=clock.now())  # of another paper, and the same
        clock.advance(timedelta(days=300))
        assert store.drop(before=clock.now() - timedelta(days=400)) == 0
        assert store.of(seqs).keys() == {seqs[1]}
        clock.advance(timedelta(days=101))
        assert store.drop(before=clock.now() - timedelta(days=400)) == 2


def test_a_picture_outlives_its_address(database: Database, clock: ManualClock, seqs: list[PaperSeq]) -> None:
    with database.write() as session:
        store = PictureStore(session)
        store.keep(seqs[0], URL, RED, now=clock.now())
        clock.advance(timedelta(days=300))
        assert store.claim(seqs[0], "https://pictures.example.org/new.png", now=clock.now(), waits=WAITS)
        store.fail(seqs[0], "https://pictures.example.org/new.png", "HTTP 404")
        clock.advance(timedelta(days=300))
        assert store.drop(before=clock.now() - timedelta(days=400)) == 0
        assert store.of(seqs).keys() == {seqs[0]}


def test_a_picture_that_comes_again_counts_as_new(database: Database, clock: ManualClock) -> None:
    with database.write() as session:
        store = PictureStore(session)
        store.put(RED.large, now=clock.now())
        clock.advance(timedelta(days=300))
        store.put(RED.large, now=clock.now())
        assert store.drop(before=clock.now()) == 0


def test_what_is_also_a_logo_stays(database: Database, clock: ManualClock, seqs: list[PaperSeq]) -> None:
    with database.write() as session:
        store = PictureStore(session)
        store.put(RED.large, now=clock.now(), is_logo=True)
        store.keep(seqs[0], URL, RED, now=clock.now())
        clock.advance(timedelta(days=500))
        assert store.drop(before=clock.now()) == 1
    assert names(database, RED.large.picture.name, RED.small.picture.name) == [True, False]


def test_a_picture_that_was_replaced_stays_for_the_mails_that_show_it(
    database: Database, clock: ManualClock, seqs: list[PaperSeq]
) -> None:
    with database.write() as session:
        store = PictureStore(session)
        store.keep(seqs[0], URL, RED, now=clock.now())
        clock.advance(timedelta(days=1))
        store.keep(seqs[0], URL, HALVES, now=clock.now())
        assert store.drop(before=clock.now() - timedelta(days=1)) == 0
        assert store.drop(before=clock.now()) == 2
    assert names(database, RED.large.picture.name, HALVES.large.picture.name) == [False, True]
