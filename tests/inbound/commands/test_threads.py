from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.model import NoticeKind, SubscriberId
from tests.conftest import MONDAY
from tests.inbound.commands.house import House, letter

NEW, OLD = "ada@example.com", "new-owner@example.net"


@pytest.fixture
def house(database: Database, clock: ManualClock) -> House:
    return House(database, clock)


def move(house: House, reader: SubscriberId) -> None:
    """Have a reader's address changed, by the mail that asks the new one."""
    house.clock.advance(timedelta(hours=1))
    house.confirmations.ask_address(reader, NEW)
    [ask] = house.notices(NoticeKind.CONFIRM_ADDRESS)
    assert house.receive(letter("yes", sender=NEW), house.reply_to(ask)).outcome == "confirm.done"


@pytest.mark.parametrize("text", ["weekly\npause 20w\n", "stop\n"])
def test_answers_to_mails_of_before_a_change_of_address_do_nothing(house: House, text: str) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    move(house, ada)
    before = house.gets(ada)
    house.clock.advance(timedelta(days=200))
    house.receive(letter(text, sender=OLD), to, sender=OLD)
    assert house.gets(ada) == before
    assert {notice.address for notice in house.notices(NoticeKind.ANSWER)[1:]} <= {OLD}, "the reader's address is told nobody"


def test_answers_to_the_mail_that_tells_the_old_address_do_nothing(house: House) -> None:
    ada = house.add_reader()
    move(house, ada)
    [told] = house.notices(NoticeKind.ADDRESS_CHANGED)
    house.receive(letter("stop\n", sender=OLD), house.reply_to(told), sender=OLD)
    assert house.gets(ada) is not None


def test_answers_to_mails_of_after_it_act(house: House) -> None:
    ada = house.add_reader()
    move(house, ada)
    house.clock.advance(timedelta(days=1))
    to = house.send_issue(ada, [], slot="2026-08-18", at=house.clock.now())
    assert house.receive(letter("stop\n", sender=NEW), to).outcome == "unsubscribe.done"
    assert house.gets(ada) is None
