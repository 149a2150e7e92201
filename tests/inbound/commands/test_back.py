"""Readers whose mails came back: what they write brings the mails again, as the page of choices does."""

from __future__ import annotations

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.mailboxes import MailboxStore
from subscribers.model import Cadence, ConsentMethod, SubscriberId, SubscriberState, SuppressionReason
from subscribers.suppression import Hasher
from tests.conftest import MONDAY
from tests.inbound.commands.house import ADA, SECRET, House, letter, passed


@pytest.fixture
def house(database: Database, clock: ManualClock) -> House:
    return House(database, clock)


def gone(house: House) -> SubscriberId:
    """A reader whose mails came back until they were stopped."""
    ada = house.add_reader()
    with house.database.write() as session:
        store = MailboxStore(session, Hasher(SECRET))
        store.end(house.subscribers.find(ada), reason="userunknown", status="5.1.1", now=house.clock.now())
    assert house.state(ADA) is SubscriberState.BOUNCED
    assert house.subscribers.is_suppressed(ADA)
    return ada


def test_resume_brings_mails_again_that_were_stopped_as_they_came_back(house: House) -> None:
    ada = gone(house)
    before = house.gets(ada)
    record = house.receive(letter("resume"), house.send_issue(ada, [], slot="2026-08-17", at=MONDAY))
    assert (house.state(ADA), house.subscribers.is_suppressed(ADA)) == (SubscriberState.ACTIVE, False)
    assert house.done() == [("resume", "done", [])]
    after = house.gets(ada)
    assert before is not None
    assert after is not None
    assert after.choices == before.choices
    proof = house.subscribers.held(ada).consents[-1]
    assert (proof.method, proof.detail) == (ConsentMethod.MAIL, f"inbound {record.id}")


@pytest.mark.parametrize("text", ["weekly\npause 2w", "wöchentlich, Pause 2 Wochen"])
def test_whatever_else_changes_something_brings_them_again_and_says_so(house: House, text: str) -> None:
    ada = gone(house)
    house.receive(letter(text, more=passed()))
    assert house.state(ADA) is SubscriberState.ACTIVE
    assert [line[:2] for line in house.done()] == [("resume", "done"), ("cadence", "done"), ("pause", "done")]
    gets = house.gets(ada)
    assert gets is not None
    assert gets.cadence is Cadence.WEEKLY
    assert gets.paused_until is not None


def test_to_ask_what_is_chosen_brings_nothing_again_and_says_how_it_stands(house: House) -> None:
    gone(house)
    house.receive(letter("status", more=passed()))
    assert house.state(ADA) is SubscriberState.BOUNCED
    assert house.answer().details["status"]["state"] == "bounced"


def test_an_address_that_the_operator_suppressed_stays_so(house: House) -> None:
    gone(house)
    house.subscribers.lift(ADA)
    house.subscribers.suppress(ADA, SuppressionReason.OPERATOR)
    house.receive(letter("resume", more=passed()))
    assert house.state(ADA) is SubscriberState.BOUNCED
    assert house.done() == [("resume", "refused", [])]


def test_who_leaves_is_not_brought_back_before(house: House) -> None:
    gone(house)
    house.receive(letter("weekly\nstop", more=passed()))
    assert house.state(ADA) is not SubscriberState.ACTIVE
