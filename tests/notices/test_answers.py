"""Answers, probes, and mails to the operator: notices that may be about nobody who is a subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.identity.verp import Signed, SignedKind
from newsletter.notices.model import NoticeReport
from newsletter.notices.operator import operator_mail
from newsletter.notices.queue import NoticeQueue
from newsletter.notices.sender import RETRY_FIRST
from newsletter.notices.store import NoticeStore
from newsletter.notices.tables import NoticeRow
from subscribers.model import Notice, NoticeKind, SubscriberId, SubscriberState
from subscribers.tables import SubscriberRow, SubscriptionRow
from tests.conftest import MONDAY
from tests.delivery.house import NEWSLETTER, add_readers, address
from tests.delivery.keys import rsa_signer, verifies
from tests.notices.house import add_person, put, row, sender
from tests.notices.test_composer import BASE, BOUNCES, KEYS, NEWSLETTERS, claim, composer, parse, person_of, texts
from tests.smtp_server import Fault, Script, smtp_server

STRANGER = "ada@example.net"
HELP = {"done": [], "not_understood": 1, "help": True, "in_reply_to": "<1@example.net>"}
WEEKLY = {"done": [{"command": "cadence", "result": "done", "values": ["weekly"]}]}


def answer(reader: SubscriberId | None, details: dict[str, Any], *, to: str = "", reference: int = 1) -> Notice:
    to = to or (STRANGER if reader is None else address(reader))
    return Notice(NoticeKind.ANSWER, reader, to, NEWSLETTER, reference=reference, details=details)


def operator_notice(text: str = "Something happened.", to: str = "operator@example.org") -> Notice:
    content = operator_mail(
        NEWSLETTERS[NEWSLETTER], to=to, subject="A note", text=text, message_id="<1@example.org>", date=MONDAY
    )
    return Notice(NoticeKind.OPERATOR, None, to, NEWSLETTER, content=content)


def test_a_reader_hears_what_was_done_under_a_null_sender_with_their_own_links(database: Database) -> None:
    [reader] = add_readers(database, 1)
    put(database, answer(reader, WEEKLY))
    asked = claim(database)
    made = composer(database, inbound_address="papers@example.org").compose(asked)
    message = parse(made.data)
    assert (made.envelope_from, made.envelope_id) == ("", "")
    assert message["Auto-Submitted"] == "auto-replied"
    assert "In-Reply-To" not in message
    said = texts(message)
    assert "From now on it comes every week." in said
    assert f"{BASE}/preferences/{KEYS.make_preferences(person_of(asked))}" in said
    [reply_to] = [address.addr_spec for address in message["Reply-To"].addresses]
    assert BOUNCES.read(reply_to) == Signed(SignedKind.NOTICE_REPLY, asked.notice_id)


def test_a_stranger_gets_an_answer_without_a_link_of_anybody(database: Database) -> None:
    put(database, answer(None, HELP))
    asked = claim(database)
    assert (asked.subscriber, asked.address, asked.details) == (None, STRANGER, HELP)
    made = composer(database, rsa_signer(), inbound_address="papers@example.org").compose(asked)
    message = parse(made.data)
    assert (made.envelope_from, made.recipient) == ("", STRANGER)
    assert message["In-Reply-To"] == message["References"] == "<1@example.net>"
    assert "List-Unsubscribe" not in message
    said = texts(message)
    assert "subscribe daily" in said
    assert not any(f"/{page}/" in said for page in ("confirm", "unsubscribe", "preferences", "feedback"))
    assert verifies(made.data)
    assert not verifies(made.data.replace(b"In-Reply-To: <1@", b"In-Reply-To: <2@"))


@pytest.mark.parametrize("named", ["", "no id", "<a@b>\r\nBcc: eve@example.org", 7, "<a b@example.net>"])
def test_only_a_clean_message_id_is_named(database: Database, named: object) -> None:
    put(database, answer(None, {"help": True, "in_reply_to": named}))
    message = parse(composer(database).compose(claim(database)).data)
    assert not {"In-Reply-To", "References", "Bcc"} & set(message)


def test_who_left_gets_an_answer_without_links_of_a_reader(database: Database) -> None:
    person = add_person(database, state=SubscriberState.UNSUBSCRIBED)
    put(database, answer(person, {"done": [{"command": "stop", "result": "done", "values": []}], "left": True}))
    message = parse(composer(database).compose(claim(database)).data)
    said = texts(message)
    assert "You are off the list" in said
    assert "/unsubscribe/" not in said
    assert "List-Unsubscribe" not in message


def test_a_probe_can_come_back_and_says_why(database: Database) -> None:
    [reader] = add_readers(database, 1)
    put(database, Notice(NoticeKind.PROBE, reader, address(reader), NEWSLETTER, details={"reason": "mailboxfull"}))
    asked = claim(database)
    made = composer(database).compose(asked)
    assert BOUNCES.read(made.envelope_from) == Signed(SignedKind.NOTICE, asked.notice_id)
    message = parse(made.data)
    assert message["Auto-Submitted"] == "auto-generated"
    assert "The mailbox is said to be full." in texts(message)
    assert "List-Unsubscribe" in message


@pytest.mark.parametrize("details", [{}, {"reason": "undefined"}, {"reason": "<b>x</b>"}])
def test_a_probe_without_a_known_reason_names_none(database: Database, details: dict[str, str]) -> None:
    [reader] = add_readers(database, 1)
    put(database, Notice(NoticeKind.PROBE, reader, address(reader), NEWSLETTER, details=details))
    said = texts(parse(composer(database).compose(claim(database)).data))
    assert "came back lately." in said
    assert "<b>x" not in said


def erased(database: Database, reader: SubscriberId) -> None:
    with database.write() as session:
        session.execute(update(SubscriberRow).values(state=SubscriberState.ERASED))


def moved(database: Database, reader: SubscriberId) -> None:
    with database.write() as session:
        session.execute(update(SubscriberRow).values(address="new@example.org", address_key="new@example.org"))


def bounced(database: Database, reader: SubscriberId) -> None:
    with database.write() as session:
        session.execute(update(SubscriberRow).values(state=SubscriberState.BOUNCED))


@pytest.mark.parametrize(
    ("kind", "event", "leaves"),
    [
        (NoticeKind.ANSWER, erased, 0),
        (NoticeKind.ANSWER, moved, 0),
        (NoticeKind.ANSWER, bounced, 1),
        (NoticeKind.PROBE, erased, 0),
        (NoticeKind.PROBE, moved, 0),
        (NoticeKind.PROBE, bounced, 0),
    ],
)
def test_what_happens_in_between_may_take_it_back(
    database: Database, clock: ManualClock, kind: NoticeKind, event: Callable[[Database, SubscriberId], None], leaves: int
) -> None:
    [reader] = add_readers(database, 1)
    notice = put(database, Notice(kind, reader, address(reader), NEWSLETTER, details={"reason": "expired"}))
    event(database, reader)
    with smtp_server() as server:
        report = asyncio.run(sender(database, clock, server.port).run())
    assert report == NoticeReport(sent=leaves, skipped=1 - leaves)
    assert row(database, notice).details == {}


def test_the_mail_of_the_operator_leaves_as_it_was_made_and_is_forgotten(database: Database, clock: ManualClock) -> None:
    notice = put(database, operator_notice())
    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port, composer=composer(database)).run()) == NoticeReport(sent=1)
    [accepted] = server.accepted
    assert accepted.mail == "FROM:<>"
    assert accepted.data == operator_notice().content
    sent = row(database, notice)
    assert (sent.state, sent.address, sent.content) == ("sent", "", None)


def test_the_mail_of_the_operator_is_signed_once_also_where_it_is_repeated(database: Database, clock: ManualClock) -> None:
    put(database, operator_notice())
    signing = composer(database, rsa_signer())
    with smtp_server(Script(faults=[Fault("dot", drop=True, store=True, times=1)])) as server:
        sending = sender(database, clock, server.port, composer=signing)
        assert asyncio.run(sending.run()) == NoticeReport(deferred=1)
        clock.advance(RETRY_FIRST)
        assert asyncio.run(sending.run()) == NoticeReport(sent=1)
    first, again = [message.data for message in server.accepted]
    assert first == again
    assert first.count(b"DKIM-Signature:") == 1
    assert verifies(first)


def test_two_mails_to_the_operator_do_not_take_each_others_place(database: Database) -> None:
    put(database, operator_notice("The first."))
    put(database, operator_notice("The second."))
    with database.read() as session:
        assert len(session.scalars(select(NoticeRow.id)).all()) == 2


def test_an_answer_to_the_same_mail_takes_the_place_of_one_that_did_not_leave(database: Database) -> None:
    for reader in (None, add_readers(database, 1)[0]):
        put(database, answer(reader, HELP))
        put(database, answer(reader, WEEKLY))
        put(database, answer(reader, HELP, reference=2))
    with database.read() as session:
        found = session.execute(select(NoticeRow.reference, NoticeRow.details).order_by(NoticeRow.id)).all()
    assert [tuple(each) for each in found] == [(1, WEEKLY), (2, HELP)] * 2


def test_erasing_a_person_leaves_nothing_of_what_they_were_answered(database: Database, clock: ManualClock) -> None:
    [reader] = add_readers(database, 1)
    waiting, sent = put(database, answer(reader, WEEKLY)), put(database, answer(reader, HELP, reference=2))
    stranger = put(database, answer(None, HELP))
    with database.write() as session:
        session.execute(update(NoticeRow).where(NoticeRow.id == sent).values(state="sent"))
        NoticeQueue().withdraw(session, reader)
    with database.read() as session:
        left = {row.id: row.details for row in session.scalars(select(NoticeRow))}
    assert left == {sent: {}, stranger: HELP}
    assert waiting not in left


def test_a_person_is_told_of_the_answers_they_got_and_not_of_those_of_others(database: Database) -> None:
    [reader] = add_readers(database, 1)
    put(database, answer(reader, WEEKLY))
    put(database, answer(None, HELP))
    with database.read() as session:
        assert [each["kind"] for each in NoticeStore(session).of(reader)] == ["answer"]


def test_a_reader_without_the_newsletter_is_no_reader_of_it(database: Database) -> None:
    [reader] = add_readers(database, 1)
    put(database, answer(reader, HELP))
    with database.write() as session:
        session.execute(update(SubscriptionRow).values(newsletter="robots"))
    assert "List-Unsubscribe" not in parse(composer(database).compose(claim(database)).data)
