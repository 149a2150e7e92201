"""A mail from the door to its result: kept once, acted upon until it is done, answered once, in nobody's way."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.identity.verp import Signed, SignedKind
from newsletter.inbound.errors import InboundTooLarge
from newsletter.inbound.handling import Handled
from newsletter.inbound.model import Arrival, Door, InboundState, MailKind, Via
from newsletter.inbound.service import FIGURES_KEPT, LEASE
from newsletter.inbound.store import TRIES
from newsletter.notices.store import NoticeStore
from newsletter.notices.tables import NoticeRow
from subscribers.model import Notice, NoticeKind
from tests.conftest import MONDAY
from tests.delivery.house import add_readers
from tests.inbound.house import BOUNCES, COMMANDS, SIGNED, Room, arrival, letter, room

ANSWER = Notice(NoticeKind.ANSWER, None, "ada@example.org", "papers", reference=1)


@pytest.fixture
def house(database: Database, clock: ManualClock) -> Room:
    return room(database, clock)


def answers(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(NoticeRow)) or 0


def test_a_mail_is_read_sorted_and_given_to_the_handler_of_its_kind(house: Room) -> None:
    kept = house.service.keep(arrival(letter("stop\n")))
    assert house.service.has_work()
    assert house.service.work() == 1
    assert not house.service.has_work()
    (received,) = house.commands.received
    assert (received.stored.id, received.verdict.kind) == (kept.id, MailKind.COMMAND)
    assert (received.addressed.door, received.addressed.newsletter) == (Door.PLAIN, "papers")
    record = house.service.record(kept.id)
    assert record is not None
    assert (record.state, record.kind, record.outcome) == (InboundState.HANDLED, "command", "noted.down")


def test_who_it_is_about_is_read_from_the_signed_address(house: Room) -> None:
    signed = SIGNED.make(BOUNCES, SignedKind.DELIVERY, 7)
    report = letter(
        "The following address failed:\n\n  <ada@example.org>: 550 5.1.1 user unknown\n",
        sender="Mail Delivery System <MAILER-DAEMON@example.net>",
        subject="Undelivered Mail Returned to Sender",
    )
    house.service.keep(arrival(report, signed, sender=""))
    house.service.work()
    (received,) = house.bounces.received
    assert received.addressed.door is Door.BOUNCES
    assert received.addressed.signed == Signed(SignedKind.DELIVERY, 7)


def test_what_a_webhook_brought_is_not_read_as_a_mail(house: Room) -> None:
    kept = house.service.keep(Arrival(b'{"RecordType":"Bounce"}', Via.POSTMARK))
    house.service.work()
    assert [stored.id for stored in house.reports.reports] == [kept.id]
    record = house.service.record(kept.id)
    assert record is not None
    assert (record.kind, record.detail, record.outcome) == ("bounce", "postmark", "bounce.counted")


def test_a_mail_that_comes_twice_is_acted_upon_once(house: Room) -> None:
    for _ in range(3):
        house.service.keep(arrival(letter()))
        house.service.work()
    assert len(house.commands.received) == 1


def test_a_mail_that_is_too_large_is_not_stored(house: Room) -> None:
    with pytest.raises(InboundTooLarge, match=r"100001 bytes, and inbound\.max_bytes allows 100000"):
        house.service.keep(arrival(b"x" * 100_001))
    assert house.service.latest() == []
    assert house.service.keep(arrival(b"x" * 100_000)).is_new


def test_a_mail_that_was_kept_before_a_crash_is_acted_upon_after_it(
    house: Room, database: Database, clock: ManualClock
) -> None:
    house.service.keep(arrival(letter()))
    after = room(database, clock)
    assert after.service.work() == 1
    assert len(after.commands.received) == 1


@dataclass
class Killed(BaseException):
    """The end of a process, as far as one can be had inside a test: nothing of ours catches it."""


def kill() -> None:
    raise Killed


def test_a_crash_behind_the_handler_calls_it_again_and_answers_once(
    house: Room, database: Database, clock: ManualClock
) -> None:
    house.service.keep(arrival(letter()))
    house.commands.outcome = Handled("command.done", notices=(ANSWER,))
    house.commands.before = kill
    with pytest.raises(Killed):
        house.service.work()
    assert answers(database) == 0
    house.commands.before = lambda: None
    assert house.service.work() == 0
    clock.advance(LEASE)
    assert house.service.work() == 1
    assert len(house.commands.received) == 2
    assert answers(database) == 1


def test_who_was_overtaken_answers_nothing(house: Room, database: Database, clock: ManualClock) -> None:
    house.service.keep(arrival(letter()))
    house.commands.outcome = Handled("command.done", notices=(ANSWER,))
    other = room(database, clock)
    other.commands.outcome = house.commands.outcome

    def freeze() -> None:
        clock.advance(LEASE)
        assert other.service.work() == 1

    house.commands.before = freeze
    assert house.service.work() == 1
    assert (len(house.commands.received), len(other.commands.received)) == (1, 1)
    assert answers(database) == 1


def test_a_mail_that_is_replayed_is_acted_upon_again_and_not_answered_again(house: Room, database: Database) -> None:
    number = house.service.keep(arrival(letter())).id
    house.commands.outcome = Handled("command.done", notices=(ANSWER,))
    house.service.work()
    assert house.service.replay([number, 99]) == [number]
    assert house.service.work() == 1
    assert len(house.commands.received) == 2
    assert answers(database) == 1


def test_two_at_work_at_once_share_the_mails(database: Database, clock: ManualClock) -> None:
    rooms = [room(database, clock) for _ in range(3)]
    for number in range(30):
        rooms[0].service.keep(arrival(letter(f"stop {number}\n")))
    threads = [threading.Thread(target=each.service.work) for each in rooms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handled = [received.stored.id for each in rooms for received in each.commands.received]
    assert len(handled) == len(set(handled)) == 30


def test_one_that_fails_is_tried_again_while_the_others_go_on(
    house: Room, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def fail() -> None:
        raise ValueError("ada@example.org wrote what nobody shall read in a log")

    house.commands.before = fail
    bad, good = (house.service.keep(arrival(letter(text))).id for text in ("stop\n", "Dear people, I like it.\n"))
    assert house.service.work() == 2
    assert len(house.humans.received) == 1
    for _ in range(TRIES):
        clock.advance(timedelta(hours=3))
        house.service.work()
    record = house.service.record(bad)
    assert record is not None
    assert (record.state, record.outcome, record.attempts) == (InboundState.FAILED, "failed.ValueError", TRIES)
    assert [each.id for each in house.service.latest(state=InboundState.HANDLED)] == [good]
    assert "error=ValueError at=test_service.py:" in caplog.text
    assert "example.org" not in caplog.text


def test_a_result_that_cannot_be_written_fails_its_mail_only(house: Room, database: Database) -> None:
    house.commands.outcome = Handled("command.done", facts={"what": object()}, notices=(ANSWER,))
    house.service.keep(arrival(letter()))
    assert house.service.work() == 1
    (record,) = house.service.latest()
    assert (record.state, record.attempts) == (InboundState.WAITING, 1)
    assert answers(database) == 0


DAMAGED = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"\x00" * 5000, id="zeros"),
    pytest.param(letter()[:40], id="cut in the header"),
    pytest.param(letter().replace(b"\r\n", b"\r"), id="CR only"),
    pytest.param(bytes(range(256)) * 50, id="bytes"),
    pytest.param(b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n" * 10_000, id="boundaries"),
    pytest.param(b"Content-Type: message/rfc822\n\n" * 300, id="nested"),
    pytest.param(b"From: =?utf-8?q?" + b"=" * 20_000, id="encoded words"),
    pytest.param(b"PK\x03\x04" + b"\xff" * 10_000, id="a file"),
]


@pytest.mark.parametrize("raw", DAMAGED)
def test_a_damaged_mail_is_kept_settled_and_stops_nothing(house: Room, raw: bytes) -> None:
    damaged = house.service.keep(arrival(raw)).id
    house.service.keep(arrival(letter()))
    assert house.service.work() == 2
    assert len(house.commands.received) >= 1
    states = {record.id: record.state for record in house.service.latest()}
    assert states[damaged] is InboundState.HANDLED
    stored = house.service.stored(damaged)
    assert stored is not None
    assert stored.arrival.raw == raw


def test_work_ends_after_its_limit_and_when_it_is_told_to(house: Room) -> None:
    for number in range(4):
        house.service.keep(arrival(letter(f"stop {number}\n")))
    assert house.service.work(1) == 1
    assert house.service.work(is_stopped=lambda: len(house.commands.received) >= 3) == 2
    assert house.service.work() == 1
    assert house.service.work() == 0


def test_mails_are_forgotten_when_they_are_old_and_what_came_of_them_much_later(house: Room, clock: ManualClock) -> None:
    number = house.service.keep(arrival(letter())).id
    house.service.work()
    clock.advance(timedelta(days=29))
    assert house.service.clear_away() == 0
    clock.advance(timedelta(days=2))
    assert house.service.clear_away() == 1
    assert house.service.stored(number) is None
    assert house.service.replay([number]) == []
    record = house.service.record(number)
    assert record is not None
    assert (record.is_kept, record.outcome) == (False, "noted.down")
    clock.advance(FIGURES_KEPT)
    house.service.clear_away()
    assert house.service.record(number) is None


def test_an_answer_to_a_mail_that_asks_to_confirm_confirms_if_a_person_wrote_it(house: Room, database: Database) -> None:
    (ada,) = add_readers(database, 1)
    with database.write() as session:
        asked = NoticeStore(session).put(Notice(NoticeKind.CONFIRM, ada, "ada@example.org", "papers"), now=MONDAY)
    to = SIGNED.make(COMMANDS, SignedKind.NOTICE_REPLY, asked)
    away = letter("I am away until Monday.\n", subject="Out of office: please confirm", more="Auto-Submitted: auto-replied\r\n")
    house.service.keep(arrival(away, to))
    house.service.work()
    assert house.commands.received == []
    assert [record.outcome for record in house.service.latest()] == ["auto-reply.noted"]
    assert [record.subscriber_id for record in house.service.latest()] == [ada]
    house.service.keep(arrival(letter("yes please\n", subject="Re: please confirm"), to))
    house.service.work()
    (received,) = house.commands.received
    assert (received.verdict.kind, received.addressed.door) == (MailKind.CONFIRM, Door.CONFIRM)
