"""How many automatic answers an address gets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.answers import HOUR, MOST_FORWARDED, MOST_TO_ANYBODY, PERIOD, AnswerKind, AnswerStore
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
    assert may(database, 3, kind=AnswerKind.DOUBTFUL)
    assert not may(database, 5, kind=AnswerKind.SIGN_UP)
    with answers(database) as store:
        assert store.may_answer(BO, 4, kind=ANYBODY, most=1, now=MONDAY)


def test_all_ways_to_write_a_mailbox_count_together(database: Database) -> None:
    assert may(database, 1)
    with answers(database) as store:
        assert not store.may_answer(parse_address("Ann+x@example.org"), 2, kind=ANYBODY, most=1, now=MONDAY)


def test_one_message_is_answered_once_under_whatever_number_and_kind(database: Database) -> None:
    with answers(database) as store:
        said = [
            store.may_answer(ANN, mail, kind=kind, most=5, now=MONDAY, message_id="<a@example.org>")
            for mail, kind in ((1, READER), (1, READER), (2, READER), (3, ANYBODY))
        ]
        assert said == [True, True, False, False]
        assert store.may_answer(BO, 4, kind=READER, most=5, now=MONDAY, message_id="<a@example.org>")
        assert store.may_answer(ANN, 5, kind=READER, most=5, now=MONDAY, message_id="<b@example.org>")


def test_a_copy_that_got_no_answer_leaves_it_to_the_other(database: Database) -> None:
    assert may(database, 1)
    with answers(database) as store:
        assert not store.may_answer(ANN, 2, kind=ANYBODY, most=1, now=MONDAY, message_id="<a@example.org>")
        assert store.may_answer(ANN, 3, kind=READER, most=1, now=MONDAY, message_id="<a@example.org>")


def test_anybody_gets_so_many_answers_an_hour_in_all(database: Database) -> None:
    def granted(first: int, at: datetime, kind: AnswerKind = ANYBODY) -> int:
        with answers(database) as store:
            return sum(
                store.may_answer(parse_address(f"r{mail}@example.org"), mail, kind=kind, most=1, now=at)
                for mail in range(first, first + MOST_TO_ANYBODY + 5)
            )

    assert granted(0, MONDAY) == MOST_TO_ANYBODY
    assert granted(1000, MONDAY + HOUR / 2) == 0
    assert granted(2000, MONDAY + HOUR / 2, READER) == MOST_TO_ANYBODY + 5
    assert granted(4000, MONDAY + HOUR / 2, AnswerKind.SIGN_UP) == MOST_TO_ANYBODY + 5
    assert granted(3000, MONDAY + HOUR) == MOST_TO_ANYBODY


def test_so_many_mails_an_hour_are_passed_on_and_each_is_counted_once(database: Database) -> None:
    with answers(database) as store:
        for _ in range(2):
            said = [store.may_forward(mail, now=MONDAY) for mail in range(MOST_FORWARDED + 2)]
            assert said == [True] * MOST_FORWARDED + [False] * 2
        assert store.may_forward(MOST_FORWARDED + 1, now=MONDAY + HOUR)


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
        assert store.drop(before=MONDAY + timedelta(days=1)) == 3
        assert store.drop(before=MONDAY + timedelta(days=1)) == 0
