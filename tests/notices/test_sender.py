"""Notices leave once, at once, and are accounted for whatever the server does."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.model import DeliveryState
from newsletter.errors import DatabaseError, NewsletterError
from newsletter.notices.model import NoticeClaim, NoticeReport
from newsletter.notices.queue import NoticeQueue
from newsletter.notices.store import NoticeStore
from subscribers.model import Notice, NoticeKind, SubscriberState
from subscribers.tables import AddressChangeRow, SubscriberRow, SubscriptionRow, WishRow
from tests.conftest import MONDAY
from tests.delivery.house import NEWSLETTER, add_readers, address, set_reader
from tests.delivery.ledger.test_writer import refusing
from tests.notices.house import WEEK, PlainComposer, ask_to_confirm, put, row, sender, states
from tests.smtp_server import Fault, Script, smtp_server

MINUTE = timedelta(minutes=1)


def test_a_notice_is_sent_once_and_then_forgets_what_it_said_and_where(database: Database, clock: ManualClock) -> None:
    person, notice = ask_to_confirm(database)
    with smtp_server() as server:
        sending = sender(database, clock, server.port)
        assert asyncio.run(sending.run()) == NoticeReport(sent=1)
        assert asyncio.run(sending.run()) == NoticeReport()
    assert server.recipients == {address(person): 1}
    assert server.connections == 1
    sent = row(database, notice)
    assert (sent.state, sent.attempts, sent.reply_code) == ("sent", 1, 250)
    assert (sent.address, sent.client, sent.content, sent.envelope_from) == ("", "", None, "")


def test_nothing_to_do_connects_to_nobody(database: Database, clock: ManualClock) -> None:
    assert asyncio.run(sender(database, clock, 1).run()) == NoticeReport()


def test_many_notices_share_connections(database: Database, clock: ManualClock) -> None:
    people = [ask_to_confirm(database)[0] for _ in range(12)]
    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port).run()) == NoticeReport(sent=12)
    assert server.recipients == {address(person): 1 for person in people}
    assert server.connections <= 2


def test_a_temporary_refusal_is_tried_again_after_a_minute_and_then_two(database: Database, clock: ManualClock) -> None:
    person, notice = ask_to_confirm(database)
    with smtp_server(Script(faults=[Fault("rcpt", reply="450 4.2.1 later", times=2)])) as server:
        sending = sender(database, clock, server.port)
        for wait in (MINUTE, 2 * MINUTE):
            assert asyncio.run(sending.run()).deferred == 1
            assert row(database, notice).not_before == clock.now() + wait
            assert asyncio.run(sending.run()) == NoticeReport()
            clock.advance(wait)
        assert asyncio.run(sending.run()) == NoticeReport(sent=1)
    assert server.recipients == {address(person): 1}


def test_a_permanent_refusal_is_final(database: Database, clock: ManualClock) -> None:
    _, notice = ask_to_confirm(database)
    with smtp_server(Script(faults=[Fault("rcpt", reply="550 5.1.1 nobody here")])) as server:
        assert asyncio.run(sender(database, clock, server.port).run()) == NoticeReport(failed=1)
    failed = row(database, notice)
    assert (failed.state, failed.reason, failed.reply_status, failed.address) == ("failed", "refused", "5.1.1", "")


def test_a_message_without_answer_is_repeated_byte_for_byte(database: Database, clock: ManualClock) -> None:
    person, notice = ask_to_confirm(database)
    composer = PlainComposer()
    with smtp_server(Script(faults=[Fault("dot", drop=True, store=True, times=1)])) as server:
        sending = sender(database, clock, server.port, composer=composer)
        assert asyncio.run(sending.run()) == NoticeReport(deferred=1)
        assert row(database, notice).reason == "in_doubt"
        clock.advance(MINUTE)
        assert asyncio.run(sending.run()) == NoticeReport(sent=1)
    assert server.recipients == {address(person): 2}
    assert len({message.data for message in server.accepted}) == 1
    assert composer.asked == 1, "the repeat comes from the database"


def test_a_message_without_answer_is_held_where_the_operator_says_so(database: Database, clock: ManualClock) -> None:
    ask_to_confirm(database)
    with smtp_server(Script(faults=[Fault("dot", drop=True, store=True)])) as server:
        sending = sender(database, clock, server.port, on_doubt="hold")
        assert asyncio.run(sending.run()) == NoticeReport(in_doubt=1)
        clock.advance(timedelta(days=1))
        assert asyncio.run(sending.run()) == NoticeReport()
    assert states(database) == {DeliveryState.DOUBTFUL: 1}


def test_a_server_out_of_reach_counts_against_nobody(database: Database, clock: ManualClock) -> None:
    notices = [ask_to_confirm(database)[1] for _ in range(3)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    report = asyncio.run(sender(database, clock, port).run())
    assert report.problem
    assert report.sent == 0
    assert all(row(database, notice).attempts == 0 for notice in notices)
    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port).run()) == NoticeReport(sent=3)


def test_a_slow_message_does_not_hold_what_is_asked_for_meanwhile(database: Database, clock: ManualClock) -> None:
    slow, _ = ask_to_confirm(database)
    hanging, taken = threading.Event(), threading.Event()
    faults = [
        Fault("dot", recipient=address(slow), hang=True, act=hanging.set),
        Fault("dot", recipient=address(slow + 1), store=True, reply="250 2.0.0 taken", act=taken.set),
    ]

    async def work(port: int) -> NoticeReport:
        stop = asyncio.Event()
        sending = sender(database, clock, port, look_every=timedelta(seconds=0.05), drain="0.5s")
        run = asyncio.create_task(sending.run(stop))
        assert await asyncio.to_thread(hanging.wait, 20)
        await asyncio.to_thread(ask_to_confirm, database)
        assert await asyncio.to_thread(taken.wait, 20)
        stop.set()
        return await run

    with smtp_server(Script(faults=faults)) as server:
        # The slow one is cut off at last, and in doubt.
        assert asyncio.run(work(server.port)) == NoticeReport(sent=1, deferred=1)
    assert states(database) == {DeliveryState.SENT: 1, DeliveryState.DEFERRED: 1}


def test_two_senders_at_once_send_each_notice_once(database: Database, clock: ManualClock) -> None:
    people = [ask_to_confirm(database)[0] for _ in range(20)]
    with smtp_server(Script(delay=0.002)) as server:

        async def work() -> list[NoticeReport]:
            other = Database(database.url.render_as_string(hide_password=False))
            try:
                return await asyncio.gather(*(sender(where, clock, server.port).run() for where in (database, other, database)))
            finally:
                other.dispose()

        reports = asyncio.run(work())
    assert sum(report.sent for report in reports) == 20
    assert server.recipients == {address(person): 1 for person in people}


def test_an_erasure_in_the_middle_stops_the_message(database: Database, clock: ManualClock) -> None:
    person, _ = ask_to_confirm(database)

    def erase(_claim: NoticeClaim) -> None:
        with database.write() as session:
            NoticeQueue().withdraw(session, person)

    with smtp_server() as server:
        report = asyncio.run(sender(database, clock, server.port, composer=PlainComposer(erase)).run())
    assert report == NoticeReport()
    assert not server.accepted
    assert states(database) == {}


def test_an_erasure_behind_the_dot_leaves_no_trace_and_no_repeat(database: Database, clock: ManualClock) -> None:
    person, notice = ask_to_confirm(database)

    def erase() -> None:
        with database.write() as session:
            NoticeQueue().withdraw(session, person)

    reply = f"450 4.2.0 <{address(person)}> later"
    with smtp_server(Script(faults=[Fault("dot", act=erase, reply=reply, times=1)])) as server:
        sending = sender(database, clock, server.port)
        assert asyncio.run(sending.run()) == NoticeReport(deferred=1)
        clock.advance(MINUTE)
        assert asyncio.run(sending.run()) == NoticeReport(skipped=1)
    assert not server.accepted
    left = row(database, notice)
    assert (left.address, left.client, left.content, left.reply_text) == ("", "", None, "")


@pytest.mark.parametrize("event", ["confirmed", "taken back", "expired", "moved"])
def test_a_question_that_is_moot_is_not_asked(database: Database, clock: ManualClock, event: str) -> None:
    _, notice = ask_to_confirm(database)
    with database.write() as session:
        match event:
            case "confirmed":
                session.execute(update(WishRow).values(confirmed_at=MONDAY))
            case "taken back":
                session.execute(delete(WishRow))
            case "moved":
                session.execute(update(SubscriberRow).values(address=address(99), address_key=address(99)))
            case _:
                clock.advance(WEEK)
    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port).run()) == NoticeReport(skipped=1)
    assert not server.commands
    assert row(database, notice).reason == "moot"


def test_a_question_answered_while_its_message_is_made_is_not_asked(database: Database, clock: ManualClock) -> None:
    ask_to_confirm(database)

    def confirm(_claim: NoticeClaim) -> None:
        with database.write() as session:
            session.execute(update(WishRow).values(confirmed_at=MONDAY))

    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port, composer=PlainComposer(confirm)).run()).sent == 0
    assert not server.accepted


@pytest.mark.parametrize("kind", [NoticeKind.WELCOME, NoticeKind.KNOWN])
def test_who_left_meanwhile_is_not_greeted(database: Database, clock: ManualClock, kind: NoticeKind) -> None:
    [stays, left, ended] = add_readers(database, 3)
    for reader in (stays, left, ended):
        put(database, Notice(kind, reader, address(reader).upper(), NEWSLETTER))
    set_reader(database, left, SubscriberState.UNSUBSCRIBED)
    with database.write() as session:
        session.execute(delete(SubscriptionRow).where(SubscriptionRow.subscriber_id == ended))
    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port).run()) == NoticeReport(sent=1, skipped=2)
    assert set(server.recipients) == {address(stays).upper()}


def test_who_is_paused_is_told_that_they_get_it_but_not_welcomed(database: Database, clock: ManualClock) -> None:
    [reader] = add_readers(database, 1)
    set_reader(database, reader, SubscriberState.PAUSED)
    for kind in (NoticeKind.KNOWN, NoticeKind.WELCOME):
        put(database, Notice(kind, reader, address(reader), NEWSLETTER))
    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port).run()) == NoticeReport(sent=1, skipped=1)
    [accepted] = server.accepted
    assert b"Subject: known" in accepted.data


def test_a_change_of_address_is_asked_for_at_the_new_address_and_told_to_the_old(
    database: Database, clock: ManualClock
) -> None:
    [reader] = add_readers(database, 1)
    with database.write() as session:
        change = AddressChangeRow(subscriber_id=reader, address="new@example.org", asked_at=MONDAY)
        session.add(change)
        session.flush()
        reference = change.id
    ask = Notice(NoticeKind.CONFIRM_ADDRESS, reader, "new@example.org", "", reference=reference)
    put(database, ask)
    put(database, Notice(NoticeKind.CONFIRM_ADDRESS, reader, "wrong@example.org", "", reference=reference))
    put(database, Notice(NoticeKind.ADDRESS_CHANGED, reader, "old@example.org", ""))
    with smtp_server() as server:
        sending = sender(database, clock, server.port)
        assert asyncio.run(sending.run()) == NoticeReport(sent=2, skipped=1)
        assert set(server.recipients) == {"new@example.org", "old@example.org"}
        with database.write() as session:
            session.execute(update(SubscriberRow).values(address="new@example.org", address_key="new@example.org"))
        put(database, ask)
        assert asyncio.run(sending.run()) == NoticeReport(skipped=1)


def test_what_may_not_be_written_to_is_skipped(database: Database, clock: ManualClock) -> None:
    _, notice = ask_to_confirm(database)
    with smtp_server() as server:
        refusing = sender(database, clock, server.port, may_write=lambda _address, _kind: False)
        assert asyncio.run(refusing.run()) == NoticeReport(skipped=1)
    assert not server.commands
    assert row(database, notice).reason == "suppressed"


def test_a_notice_that_cannot_be_made_waits_and_stops_nobody(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    _, broken = ask_to_confirm(database)
    whole, _ = ask_to_confirm(database)

    def refuse(claim: NoticeClaim) -> None:
        if claim.notice_id == broken:
            raise NewsletterError("its template is broken")

    with smtp_server() as server:
        report = asyncio.run(sender(database, clock, server.port, composer=PlainComposer(refuse)).run())
    assert (report.sent, report.deferred) == (1, 1)
    assert server.recipients == {address(whole): 1}
    waits = row(database, broken)
    assert (waits.state, waits.reason, waits.attempts) == ("deferred", "not_composed", 0)
    assert waits.not_before == MONDAY + timedelta(minutes=10)
    assert address(1) not in caplog.text


def test_a_message_whose_intent_cannot_be_written_does_not_leave(database: Database, clock: ManualClock) -> None:
    ask_to_confirm(database)
    with smtp_server() as server:
        sending = sender(database, clock, server.port)
        with refusing(database, DeliveryState.DOT_SENT, table="notice"), pytest.raises(DatabaseError, match="cannot be used"):
            asyncio.run(sending.run())
        assert not server.accepted
        assert states(database) == {DeliveryState.PENDING: 1}
        assert asyncio.run(sending.run()) == NoticeReport(sent=1)


class Unwritable(logging.Handler):
    """Hears that a result could not be written."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("notice.unwritable"):
            self.heard.set()


def test_a_result_that_cannot_be_written_is_tried_again(database: Database, clock: ManualClock) -> None:
    ask_to_confirm(database)
    handler = Unwritable()

    async def work(port: int) -> NoticeReport:
        with refusing(database, DeliveryState.SENT, table="notice"):
            run = asyncio.create_task(sender(database, clock, port).run())
            assert await asyncio.to_thread(handler.heard.wait, 20)
        return await run

    logging.getLogger("newsletter.notices.book").addHandler(handler)
    try:
        with smtp_server() as server:
            assert asyncio.run(work(server.port)) == NoticeReport(sent=1)
    finally:
        logging.getLogger("newsletter.notices.book").removeHandler(handler)
    assert server.recipients.total() == 1


def test_old_settled_notices_go_but_for_those_that_wait(database: Database, clock: ManualClock) -> None:
    ask_to_confirm(database)
    with smtp_server() as server:
        asyncio.run(sender(database, clock, server.port).run())
    _, waiting = ask_to_confirm(database)
    with database.write() as session:
        assert NoticeStore(session).drop_settled(MONDAY) == 0
        assert NoticeStore(session).drop_settled(MONDAY + timedelta(days=30)) == 1
    assert states(database) == {DeliveryState.PENDING: 1}
    assert row(database, waiting).state == "pending"


def test_an_equal_notice_takes_the_place_of_one_that_could_not_leave(database: Database, clock: ManualClock) -> None:
    person, first = ask_to_confirm(database)
    wish = row(database, first).reference
    again = put(database, Notice(NoticeKind.CONFIRM, person, address(person), NEWSLETTER, reference=wish))
    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port).run()) == NoticeReport(sent=1)
    assert server.recipients == {address(person): 1}
    assert row(database, again).state == "sent"
