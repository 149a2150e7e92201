"""Replies to mails that ask to confirm: the signed address says who, the words say whether."""

from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.inbound.commands.confirming import Reply, reply_of
from newsletter.inbound.commands.grammar import read_commands
from newsletter.notices.tables import NoticeRow
from subscribers.model import Cadence, Choices, ConsentMethod, NoticeKind, SignUp, SubscriberState
from subscribers.wishes import ChangeStore, WishStore
from tests.inbound.commands.house import ADA, PAPERS, SLUG, House, letter

NEW = "ada@example.com"


@pytest.fixture
def house(database: Database, clock: ManualClock) -> House:
    return House(database, clock)


def asked(house: House, address: str = ADA) -> NoticeRow:
    """The mail that asks somebody to confirm a sign-up, which has left."""
    house.desk.receive([SignUp(address, SLUG, Choices(), ConsentMethod.WEB, PAPERS.wording)])
    house.desk.process()
    ask = house.notices(NoticeKind.CONFIRM)[-1]
    assert ask.address == address
    house.mark_sent(ask)
    return ask


def test_a_reply_confirms_whatever_from_says(house: House) -> None:
    texts = ["", "yes", "Ja gerne", "ok thanks!", "نعم", "Looking forward to it\n\n-- \nAda"]
    for number, text in enumerate(texts):
        address = f"reader{number}@example.net"
        ask = asked(house, address)
        record = house.receive(letter(text, sender="x@example.com", subject="Re: Please confirm"), house.reply_to(ask))
        assert (record.kind, record.outcome) == ("confirm", "confirm.done")
        assert house.state(address) is SubscriberState.ACTIVE
    assert [notice.kind for notice in house.notices()] == [NoticeKind.CONFIRM, NoticeKind.WELCOME] * len(texts)


def test_a_second_reply_changes_nothing(house: House) -> None:
    ask = asked(house)
    for _ in range(2):
        house.receive(letter("yes"), house.reply_to(ask))
    assert house.receive(letter("yes!"), house.reply_to(ask)).outcome == "confirm.done"
    assert len(house.notices(NoticeKind.WELCOME)) == 1


def test_what_else_the_reply_asks_for_is_done_too(house: House) -> None:
    ask = asked(house)
    record = house.receive(letter("Yes, please.\nweekly\n"), house.reply_to(ask))
    assert record.outcome == "confirm.done"
    gets = house.gets(house.subscribers.find(ADA).id)
    assert gets is not None
    assert gets.cadence is Cadence.WEEKLY
    assert house.done() == [("cadence", "done", ["weekly"])]


def test_a_no_forgets_the_sign_up(house: House) -> None:
    for number, text in enumerate(["no", "Not me!", "stop", "Nein danke.\nnein", "unsubscribe me please"]):
        address = f"reader{number}@example.net"
        ask = asked(house, address)
        assert house.receive(letter(text), house.reply_to(ask)).outcome == "confirm.refused"
        assert house.state(address) is SubscriberState.UNSUBSCRIBED
        with house.database.read() as session:
            assert WishStore(session).of(house.subscribers.find(address).id) == ()
        assert house.answer().address == address
        assert house.done() == [("forget", "done", [])]
        assert house.receive(letter("yes"), house.reply_to(ask)).outcome == "confirm.too_late"


def test_a_mail_program_that_unsubscribes_from_it_forgets_it_too(house: House) -> None:
    ask = asked(house)
    assert house.receive(letter("", subject="unsubscribe"), house.reply_to(ask)).outcome == "unsubscribe.done"
    assert house.state(ADA) is SubscriberState.UNSUBSCRIBED
    assert house.receive(letter("yes"), house.reply_to(ask)).outcome == "confirm.too_late"


def test_a_question_or_a_denial_is_no_consent(house: House) -> None:
    ask = asked(house)
    for text in ("What is this?", "I did not sign up for this.", "Who are you", "Ich habe das nie bestellt"):
        assert house.receive(letter(text), house.reply_to(ask)).outcome == "confirm.unclear"
        assert house.state(ADA) is SubscriberState.PENDING
    assert house.receive(letter("yes"), house.reply_to(ask)).outcome == "confirm.done"


def test_what_may_be_a_machines_answer_is_passed_on_and_asked_about_once_a_day(database: Database, clock: ManualClock) -> None:
    house = House(database, clock, forward_to=["operator@example.com"])
    ask = asked(house)
    travelling = "Thank you for your message. I am travelling and will answer when I am back.\n"
    record = house.receive(letter(travelling), house.reply_to(ask))
    assert record.outcome == "confirm.unclear"
    assert house.state(ADA) is SubscriberState.PENDING
    assert [notice.kind for notice in house.notices()][1:] == [NoticeKind.OPERATOR, NoticeKind.ANSWER]
    again = house.answer()
    assert (again.address, again.details["asks_reply"], again.details["done"]) == (ADA, True, [])
    # A machine that answers each mail, this one too, is passed on and gets no other.
    house.receive(letter(f"{travelling} Soon."), house.reply_to(ask))
    house.receive(letter(travelling), house.reply_to(again))
    assert len(house.notices(NoticeKind.ANSWER)) == 1
    assert house.state(ADA) is SubscriberState.PENDING
    assert house.receive(letter("yes"), house.reply_to(again)).outcome == "confirm.done"
    assert house.state(ADA) is SubscriberState.ACTIVE


def test_no_to_the_mail_that_asks_again_forgets_the_sign_up(house: House) -> None:
    ask = asked(house)
    house.receive(letter("I have never heard of you before, so tell me more about it"), house.reply_to(ask))
    assert house.receive(letter("not me"), house.reply_to(house.answer())).outcome == "confirm.refused"
    assert house.state(ADA) is SubscriberState.UNSUBSCRIBED


def test_a_mail_that_wants_no_answer_of_a_machine_never_confirms(house: House) -> None:
    ask = asked(house)
    for value in ("All", "OOF, DR", "dr, autoreply"):
        record = house.receive(letter("Sure", more=f"X-Auto-Response-Suppress: {value}\r\n"), house.reply_to(ask))
        assert record.kind == "auto-reply"
    assert house.state(ADA) is SubscriberState.PENDING


def test_what_a_machine_replies_confirms_nothing(house: House) -> None:
    ask = asked(house)
    away = "I am away until Monday."
    for more, sender in (("Auto-Submitted: auto-replied\r\n", ADA), ("Precedence: bulk\r\n", ADA), ("", "")):
        house.receive(letter(away, subject="Out of office", more=more), house.reply_to(ask), sender=sender)
        assert house.state(ADA) is SubscriberState.PENDING


def test_a_reply_that_comes_too_late_is_told_so(house: House) -> None:
    ask = asked(house)
    house.clock.advance(timedelta(days=8))
    assert house.receive(letter("yes"), house.reply_to(ask)).outcome == "confirm.too_late"
    assert house.state(ADA) is SubscriberState.PENDING
    assert house.done() == [("confirm", "too_late", [])]


def test_another_address_is_confirmed_from_there(house: House) -> None:
    ada = house.add_reader()
    house.confirmations.ask_address(ada, NEW)
    [ask] = house.notices(NoticeKind.CONFIRM_ADDRESS)
    assert house.receive(letter("yes", sender=NEW), house.reply_to(ask)).outcome == "confirm.done"
    assert house.subscribers.find(ada).address == NEW
    assert house.receive(letter("yes", sender=NEW), house.reply_to(ask)).outcome == "confirm.done"


def test_another_address_that_is_refused_is_forgotten(house: House) -> None:
    ada = house.add_reader()
    house.confirmations.ask_address(ada, NEW)
    [ask] = house.notices(NoticeKind.CONFIRM_ADDRESS)
    assert house.receive(letter("not me", sender=NEW), house.reply_to(ask)).outcome == "confirm.refused"
    with house.database.read() as session:
        assert ChangeStore(session).find(ada) is None
    assert house.gets(ada) is not None
    assert house.receive(letter("yes", sender=NEW), house.reply_to(ask)).outcome == "confirm.too_late"


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("", Reply.YES),
        ("Sounds good", Reply.YES),
        ("Ada Example", Reply.YES),
        ("Ja bitte", Reply.YES),
        ("Hello,\n\nyes please. I look forward to reading it on my way to work every day", Reply.YES),
        ("Oui, je veux bien", Reply.YES),
        ("\u78ba\u8a8d\u3057\u307e\u3059", Reply.YES),
        ("Confirm\n\nAda Example\n+49 30 123456", Reply.YES),
        ("yes, but who are you?", Reply.UNCLEAR),
        ("I am travelling until May and will answer when I am back", Reply.UNCLEAR),
        ("Your request got number 4711", Reply.UNCLEAR),
        ("Write to info@example.net", Reply.UNCLEAR),
        ("See www.example.net", Reply.UNCLEAR),
        ("Je confirme la réception de votre message", Reply.UNCLEAR),
        ("Thanks for contacting us! We will get back to you", Reply.UNCLEAR),
        ("\u73fe\u5728\u51fa\u5f35\u4e2d\u306e\u305f\u3081\u8fd4\u4fe1\u304c\u9045\u308c\u307e\u3059", Reply.UNCLEAR),
        ("yes\nwhy not", Reply.YES),
        ("no", Reply.NO),
        ("please remove me", Reply.NO),
        ("why?", Reply.UNCLEAR),
        ("هل هذا صحيح؟", Reply.UNCLEAR),
        ("this is spam", Reply.UNCLEAR),
    ],
)
def test_what_a_reply_says(text: str, reply: Reply) -> None:
    assert reply_of(text, read_commands(text)) is reply
