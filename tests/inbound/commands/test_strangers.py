"""Whoever writes under an address: nothing is done before the mailbox has answered, and hardly anything is sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.inbound.commands.case import DeskBusyError
from newsletter.inbound.handling import Addressed, Received
from newsletter.inbound.model import Arrival, Door, InboundId, InboundState, MailKind, Stored, Verdict, Via
from newsletter.inbound.reading.mail import read_mail
from newsletter.notices.tables import NoticeRow
from subscribers import model
from subscribers.model import Cadence, Choices, ConsentMethod, NoticeKind, SignUp, SignUpLimits, SubscriberState
from subscribers.wishes import WishStore
from tests.conftest import MONDAY
from tests.inbound.commands.house import ADA, COMMANDS, PAPERS, SLUG, House, letter, passed


@pytest.fixture
def house(database: Database, clock: ManualClock) -> House:
    return House(database, clock)


def test_commands_in_a_readers_name_wait_for_a_reply_from_the_readers_mailbox(house: House) -> None:
    ada = house.add_reader()
    before = house.gets(ada)
    record = house.receive(letter("weekly\ntopics +cs.CL\nless 2\npause 2w"))
    assert (record.outcome, record.subscriber_id) == ("command.asked", None)
    assert house.gets(ada) == before
    [answer] = house.notices()
    assert (answer.kind, answer.address, answer.subscriber_id) == (NoticeKind.ANSWER, ADA, ada)
    assert (answer.details["asks_reply"], answer.details["offers_leaving"], answer.details["done"]) == (True, False, [])
    assert [(line["command"], line["values"]) for line in answer.details["asked"]] == [
        ("cadence", ["weekly"]),
        ("topics", ["+cs.CL"]),
        ("less", ["2"]),
        ("pause", ["2026-08-31T08:00:00+02:00"]),
    ]


@pytest.mark.parametrize("reply", ["Yes, please!", "> weekly"])
def test_a_reply_that_says_yes_carries_out_what_the_first_mail_asked(house: House, reply: str) -> None:
    house.add_papers(1, 2, 3)
    ada = house.add_reader()
    house.send_issue(ada, [1, 2], slot="2026-08-17", at=MONDAY - timedelta(hours=1))
    house.receive(letter("weekly\nless 2\npause 2w"))
    asked = house.answer()
    house.mark_sent(asked)
    house.send_issue(ada, [3], slot="2026-08-18", at=MONDAY + timedelta(hours=1))
    house.clock.advance(timedelta(hours=2))
    received = _received(house, letter(reply, sender="other@example.com"), asked)
    handled = house.handler.handle(received, now=house.clock.now())
    assert (handled.outcome, handled.subscriber_id) == ("command.done", ada)
    [answer] = handled.notices
    assert (answer.address, answer.details["asked"]) == (ADA, [])
    assert [(line["command"], line["values"]) for line in answer.details["done"]] == [
        ("cadence", ["weekly"]),
        ("less", ["2", "Sample 2: A Study of Small Things"]),
        ("pause", ["2026-08-31T08:00:00+02:00"]),
    ]


def test_a_reply_that_says_anything_else_does_not(house: House) -> None:
    ada = house.add_reader()
    house.receive(letter("weekly"))
    asked = house.answer()
    house.mark_sent(asked)
    for reply in ("no", "What is this? I never wrote that!", "mute surveys"):
        house.handler.handle(_received(house, letter(reply), asked), now=house.clock.now())
    gets = house.gets(ada)
    assert gets is not None
    assert gets.cadence is Cadence.DAILY


def test_a_reply_carries_out_nothing_of_a_mail_that_is_gone_or_was_not_asked_about(house: House) -> None:
    ada = house.add_reader()
    done = house.receive(letter("size 5", more=passed()))
    answer = house.answer()
    assert answer.reference == done.id
    handled = house.handler.handle(_received(house, letter("yes"), answer), now=house.clock.now())
    assert handled.outcome == "command.answered"
    house.clock.advance(timedelta(days=2))
    house.receive(letter("weekly"))
    asked = house.answer()
    house.clock.advance(timedelta(days=31))
    assert house.service.clear_away() == 2
    house.handler.handle(_received(house, letter("yes"), asked), now=house.clock.now())
    gets = house.gets(ada)
    assert gets is not None
    assert gets.cadence is Cadence.DAILY


def test_an_uncertain_stop_gets_the_link_to_leave_at_once_at_the_readers_own_address(house: House) -> None:
    ada = house.add_reader()
    house.receive(letter("STOP sending me this!", sender="Ada <ADA@example.net>"))
    [answer] = house.notices()
    assert (answer.subscriber_id, answer.address, answer.details["offers_leaving"]) == (ada, ADA, True)
    assert house.gets(ada) is not None
    house.mark_sent(answer)
    handled = house.handler.handle(_received(house, letter("yes"), answer), now=house.clock.now())
    assert handled.outcome == "unsubscribe.done"
    assert house.gets(ada) is None


def test_a_mail_that_unsubscribes_without_a_signed_address_is_asked_about_too(house: House) -> None:
    ada = house.add_reader()
    record = house.receive(letter("", subject="unsubscribe"), "papers+unsubscribe@example.org")
    assert (record.kind, record.outcome) == ("unsubscribe", "command.asked")
    [answer] = house.notices()
    assert (answer.details["asks_reply"], answer.details["offers_leaving"]) == (True, True)
    house.mark_sent(answer)
    handled = house.handler.handle(_received(house, letter("yes, it was me"), answer), now=house.clock.now())
    assert handled.outcome == "unsubscribe.done"
    assert house.gets(ada) is None


def test_an_uncertain_reader_is_told_at_once_what_only_the_reader_sees(house: House) -> None:
    house.add_reader()
    house.receive(letter("status\nexport"))
    details = house.answer().details
    assert (details["asks_reply"], details["status"]["is_subscribed"]) == (False, True)
    assert [line["command"] for line in details["done"]] == ["export"]


def test_at_most_one_answer_a_day_goes_to_whoever_is_not_certain(house: House) -> None:
    house.add_reader()
    for text in ("weekly", "status", "stop", "help"):
        house.receive(letter(text))
        house.receive(letter(text, sender="Stranger <stranger@example.com>"), sender="stranger@example.com")
    assert sorted(notice.address for notice in house.notices()) == [ADA, "stranger@example.com"]
    house.clock.advance(timedelta(hours=25))
    house.receive(letter("status please"))
    assert len(house.notices()) == 3


def test_forged_mails_do_not_use_up_the_readers_own_answers(house: House) -> None:
    house.add_reader()
    for _ in range(3):
        house.receive(letter("weekly"))
    house.receive(letter("status", more=passed()))
    assert house.answer().details["status"]["is_subscribed"]


def test_whatever_comes_unasked_is_one_mail_a_day(house: House) -> None:
    house.receive(letter("help"))
    house.receive(letter("subscribe"))
    house.desk.process()
    assert [notice.kind for notice in house.notices()] == [NoticeKind.ANSWER]
    # Who certainly wrote asked for it.
    house.receive(letter("subscribe weekly", more=passed()))
    house.desk.process()
    assert [notice.kind for notice in house.notices()] == [NoticeKind.ANSWER, NoticeKind.CONFIRM]


def test_after_a_sign_up_by_mail_nobody_gets_help_that_day(house: House) -> None:
    for text in ("subscribe", "help", "status"):
        house.receive(letter(text))
        house.desk.process()
    assert [notice.kind for notice in house.notices()] == [NoticeKind.CONFIRM]


def test_sign_ups_by_mail_leave_room_for_those_of_the_page(database: Database, clock: ManualClock) -> None:
    house = House(database, clock, limits=SignUpLimits(total_per_hour=2))
    for number in range(4):
        address = f"reader{number}@example.net"
        house.receive(letter("subscribe", sender=address), sender=address)
    page = SignUp(ADA, SLUG, Choices(), ConsentMethod.WEB, PAPERS.wording, "192.0.2.1")
    assert house.desk.receive([page]) == [model.Verdict.TAKEN]


def test_a_stranger_gets_one_short_help_without_links_of_anybody(house: House) -> None:
    for text in ("help", "weekly", "status", "stop"):
        stranger = f"{text}@example.com"
        house.receive(letter(text, sender=stranger), sender=stranger)
        answer = house.answer()
        assert (answer.address, answer.subscriber_id, answer.details["help"]) == (stranger, None, True)
        assert answer.details["status"] == ({"is_subscribed": False} if text in ("status", "stop") else None)


def test_answers_go_to_the_envelope_sender_if_it_is_the_mailbox_in_from(house: House) -> None:
    mails = [
        ("Ada <ada@example.net>", "other@example.com", "ada@example.net"),
        ("Bo <bo@example.net>", "bo+lists@example.net", "bo+lists@example.net"),
        ("cy@example.net <cy@example.net>", None, "cy@example.net"),
    ]
    for sender, envelope, goes_to in mails:
        house.receive(letter("help", sender=sender), sender=envelope)
        assert house.answer().address == goes_to


def test_a_mail_without_one_clear_writer_is_not_answered(house: House) -> None:
    for sender in ("", "undisclosed", "a@example.net, b@example.net", '"b@example.net" <a@example.net>', "a@localhost"):
        received = _received(house, letter("help", sender=sender), None)
        handled = house.handler.handle(received, now=house.clock.now())
        assert (handled.outcome, handled.notices) == ("command.no_writer", ())


def test_subscribing_by_mail_needs_the_reply_to_the_confirmation_whatever_the_headers_claim(house: House) -> None:
    record = house.receive(letter("Subscribe weekly topics cs.CL, quantum physics", subject="hello", more=passed()))
    assert (record.outcome, record.subscriber_id) == ("subscribe.taken", None)
    assert house.desk.process() == 1
    [ask] = house.notices()
    assert (ask.kind, ask.address) == (NoticeKind.CONFIRM, ADA)
    assert house.state(ADA) is SubscriberState.PENDING
    with house.database.read() as session:
        [wish] = WishStore(session).of(house.subscribers.find(ADA).id)
        asked = WishStore(session).asked(wish.id)
    assert (wish.choices.cadence, wish.choices.interests.categories) == (Cadence.WEEKLY, ("cs.CL", "quant-ph"))
    assert (asked.method, asked.wording) == ("mail", PAPERS.wording)
    house.receive(letter("Great, thanks"), house.reply_to(ask))
    assert house.state(ADA) is SubscriberState.ACTIVE


def test_a_cadence_that_is_not_offered_is_no_hindrance_to_signing_up(house: House) -> None:
    house.receive(letter("subscribe monthly; hour 7; mute surveys", subject="hello"))
    house.desk.process()
    with house.database.read() as session:
        [wish] = WishStore(session).of(house.subscribers.find(ADA).id)
    assert (wish.choices.cadence, wish.choices.local_hour) == (Cadence.DAILY, 7)
    assert wish.choices.interests.muted == ("surveys",)


def test_a_thousand_forged_sign_ups_for_one_victim_bring_one_mail_and_leave_room_for_others(
    database: Database, clock: ManualClock
) -> None:
    house = House(database, clock, limits=SignUpLimits(network_per_hour=10))
    times = 1000 if database.is_sqlite else 40
    for number in range(times):
        received = _received(house, letter("subscribe", subject=f"hello {number}"), None, number=number + 1)
        house.handler.handle(received, now=clock.now())
    house.receive(letter("subscribe", sender="bo@example.com"), sender="bo@example.com")
    while house.desk.process(limit=50):
        pass
    assert sorted(notice.address for notice in house.notices()) == [ADA, "bo@example.com"]


def test_when_sign_ups_are_too_many_the_mail_waits_and_is_not_lost(database: Database, clock: ManualClock) -> None:
    house = House(database, clock, limits=SignUpLimits(total_per_hour=1))
    house.receive(letter("subscribe"))
    record = house.receive(letter("subscribe", sender="bo@example.com"), sender="bo@example.com")
    assert record.state is InboundState.WAITING
    clock.advance(timedelta(hours=1))
    house.service.work()
    again = house.service.record(record.id)
    assert again is not None
    assert again.outcome == "subscribe.taken"


def test_a_full_desk_says_that_trying_again_helps() -> None:
    assert "tried again" in str(DeskBusyError())


def test_two_newsletters_subscribed_to_each_other_fall_silent_after_one_exchange(house: House) -> None:
    """The other instance's addresses write to us, and what we write is put before a handler that stands for it."""
    other = "papers@example.com"
    house.receive(letter("subscribe", sender=other), sender=other)
    house.desk.process()
    [ask] = house.notices()
    assert ask.address == other
    # Its answer to our mail, as RFC 3834 has it, and one that forgot the field but has the null sender.
    answers = [
        letter("You can write: help", sender=other, more="Auto-Submitted: auto-replied\r\n"),
        letter("help", sender=other, more="Auto-Submitted: auto-generated\r\nList-Id: <papers.example.com>\r\n"),
    ]
    for raw in answers:
        house.receive(raw, house.reply_to(ask), sender="")
        house.receive(raw, sender="")
        house.receive(raw, sender=other)
    house.receive(letter("help", sender=other), sender="")
    assert len(house.notices()) == 1
    assert house.state(other) is SubscriberState.PENDING


def _received(house: House, raw: bytes, notice: NoticeRow | None, *, number: int = 10_000) -> Received:
    """A mail as the service hands it on: a command, in reply to a notice or not."""
    to = COMMANDS if notice is None else house.reply_to(notice)
    stored = Stored(InboundId(number), Arrival(raw, Via.LMTP, ADA, (to,)), house.clock.now())
    addressed = (
        Addressed(Door.PLAIN, None, "papers") if notice is None else Addressed(Door.REPLY, house.signed.read(to), "papers")
    )
    return Received(stored, read_mail(raw), Verdict(MailKind.COMMAND), addressed)
