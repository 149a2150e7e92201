"""How many automatic answers an address gets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.answers import PERIOD, AnswerKind, AnswerStore
from subscribers.suppression import Hasher
from subscribers.tables import AnsweredRow
from tests.conftest import MONDAY
from tests.subscribers.conftest import SECRET

ANN, BO = parse_address("ann@example.org"), parse_address("bo@example.org")
ANYBODY, READER = AnswerKind.ANYBODY, AnswerKind.READER


@contextmanager
def answers(database: Database) -> Iterator[AnswerStore]:
    with database.write() as session:
        yield AnswerStore(session, Hasher(SECRET))


def may(database: Database, mail: int, *, kind: AnswerKind = ANYBODY, most: int = 1, at: datetime = MONDAY) -> bool:
    with answers(database) as store:
        return store.may_answer(ANN, mail, kind=kind, most=most, now=at)


def test_so_many_answers_a_day_and_no_more(database: Database) -> None:
    assert [may(database, mail, most=3) for mail in range(1, 6)] == [True, True, True, False, False]
    assert not may(database, 6, most=3, at=MONDAY + PERIOD - timedelta(seconds=1))
    assert may(database, 7, most=3, at=MONDAY + PERIOD)


def test_the_same_mail_is_counted_once(database: Database) -> None:
    assert all(may(database, 1) for _ in range(5))
    assert not may(database, 2)
    assert may(database, 1, at=MONDAY + timedelta(hours=23))


def test_kinds_are_counted_apart_and_so_are_addresses(database: Database) -> None:
    assert may(database, 1)
    assert may(database, 2, kind=READER)
    assert may(database, 3, kind=AnswerKind.SIGN_UP)
    with answers(database) as store:
        assert store.may_answer(BO, 4, kind=ANYBODY, most=1, now=MONDAY)


def test_all_ways_to_write_a_mailbox_count_together(database: Database) -> None:
    assert may(database, 1)
    with answers(database) as store:
        assert not store.may_answer(parse_address("Ann+x@example.org"), 2, kind=ANYBODY, most=1, now=MONDAY)


def test_a_clock_that_was_wrong_silences_nobody_for_long(database: Database) -> None:
    assert may(database, 1, at=MONDAY + timedelta(days=400))
    assert may(database, 2)


def test_of_many_who_ask_at_once_one_gets_a_yes(database: Database) -> None:
    with ThreadPoolExecutor(6) as pool:
        granted = list(pool.map(lambda mail: may(database, mail), range(1, 13)))
    assert granted.count(True) == 1


def test_what_is_old_is_dropped_and_nothing_names_anybody(database: Database) -> None:
    may(database, 1)
    may(database, 2, kind=READER, at=MONDAY + timedelta(days=2))
    with database.read() as session:
        assert all(len(row.address_hash) == 64 for row in session.query(AnsweredRow))
    with answers(database) as store:
        assert store.drop(before=MONDAY + timedelta(days=1)) == 2
        assert store.drop(before=MONDAY + timedelta(days=1)) == 0
