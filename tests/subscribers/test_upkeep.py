"""What is cleared away, and what stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, func, insert, select

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.notices.queue import NoticeQueue
from newsletter.notices.tables import NoticeRow
from subscribers.base import Base
from subscribers.confirming import Confirmations
from subscribers.desk import SignUpDesk
from subscribers.errors import UnknownSubscriberError
from subscribers.keys import LinkKeys
from subscribers.model import Choices, ConsentMethod, SignUp, SignUpLimits, SubscriberId, SubscriberState
from subscribers.service import SubscriberService
from subscribers.suppression import Hasher
from subscribers.tables import (
    AddressChangeRow,
    AllowanceRow,
    ConsentRow,
    MailLimitRow,
    SubscriberRow,
    WishRow,
)
from subscribers.upkeep import BATCH, Cleaned, Upkeep
from tests.subscribers.conftest import SECRET

LIMITS = SignUpLimits()
ANN = "ann@example.org"
DAY = timedelta(days=1)


@pytest.fixture
def upkeep(database: Database, clock: ManualClock) -> Upkeep:
    return Upkeep(database, clock, LIMITS)


@pytest.fixture
def desk(database: Database, clock: ManualClock) -> SignUpDesk:
    return SignUpDesk(database, clock, Hasher(SECRET), LIMITS, NoticeQueue())


def sign_up(desk: SignUpDesk, *addresses: str) -> None:
    desk.receive([SignUp(address, "papers", Choices(), ConsentMethod.WEB, "Yes", "192.0.2.1") for address in addresses])
    while desk.process():
        pass


def subscribe(service: SubscriberService) -> SubscriberId:
    return service.add(ANN, "papers", Choices(), method=ConsentMethod.WEB, wording="Yes").subscriber.id


def count(database: Database, table: type[Base]) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_nothing_to_clear_is_said(upkeep: Upkeep) -> None:
    assert upkeep.run() == Cleaned()


def test_who_never_confirmed_goes_after_thirty_days_with_all_that_belongs_to_them(
    desk: SignUpDesk, upkeep: Upkeep, database: Database, clock: ManualClock, service: SubscriberService
) -> None:
    sign_up(desk, ANN)
    clock.advance(30 * DAY)
    upkeep.run()
    assert service.find(ANN)
    clock.advance(timedelta(seconds=1))
    assert upkeep.run() == Cleaned(people=1)
    for table in (SubscriberRow, WishRow, ConsentRow, NoticeRow):
        assert count(database, table) == 0
    # What ends a nuisance stays.
    assert count(database, MailLimitRow) == 1


def test_who_signs_up_again_stays_as_long_as_from_the_last_time(
    desk: SignUpDesk, upkeep: Upkeep, clock: ManualClock, service: SubscriberService
) -> None:
    sign_up(desk, ANN)
    clock.advance(20 * DAY)
    sign_up(desk, ANN)
    clock.advance(20 * DAY)
    assert upkeep.run().people == 0
    clock.advance(11 * DAY)
    assert upkeep.run().people == 1
    with pytest.raises(UnknownSubscriberError):
        service.find(ANN)


def test_a_person_without_any_wish_left_goes_too(
    desk: SignUpDesk, upkeep: Upkeep, database: Database, clock: ManualClock
) -> None:
    sign_up(desk, ANN)
    with database.write() as session:
        session.execute(delete(WishRow))
    assert upkeep.run().people == 0
    clock.advance(31 * DAY)
    assert upkeep.run().people == 1


def test_readers_stay_and_only_their_old_wishes_go(
    desk: SignUpDesk, upkeep: Upkeep, clock: ManualClock, service: SubscriberService, database: Database, keys: LinkKeys
) -> None:
    sign_up(desk, ANN)
    confirmations = Confirmations(database, clock, keys, Hasher(SECRET), LIMITS, NoticeQueue())
    subscriber = service.find(ANN)
    (wish,) = service.held(ANN).wishes
    assert confirmations.confirm(keys.make_confirm(subscriber, wish.id))
    clock.advance(7 * DAY)
    assert upkeep.run().wishes == 0
    clock.advance(timedelta(seconds=1))
    assert upkeep.run().wishes == 1
    clock.advance(400 * DAY)
    assert upkeep.run().people == 0
    assert len(service.held(ANN).subscriptions) == 1


def test_a_reader_s_unconfirmed_wish_goes_after_thirty_days(
    desk: SignUpDesk, upkeep: Upkeep, clock: ManualClock, service: SubscriberService
) -> None:
    service.unsubscribe(subscribe(service), method=ConsentMethod.WEB)
    sign_up(desk, ANN)
    clock.advance(30 * DAY)
    assert upkeep.run().wishes == 0
    clock.advance(timedelta(seconds=1))
    assert upkeep.run().wishes == 1
    assert service.find(ANN)


def test_changes_of_address_go_when_their_link_has_expired(
    upkeep: Upkeep, clock: ManualClock, service: SubscriberService, database: Database, keys: LinkKeys
) -> None:
    confirmations = Confirmations(database, clock, keys, Hasher(SECRET), LIMITS, NoticeQueue())
    confirmations.ask_address(subscribe(service), "ann.new@example.net")
    clock.advance(7 * DAY)
    assert upkeep.run().changes == 0
    clock.advance(timedelta(seconds=1))
    assert upkeep.run().changes == 1
    assert count(database, AddressChangeRow) == 0


def test_budgets_that_are_full_again_go(desk: SignUpDesk, upkeep: Upkeep, database: Database, clock: ManualClock) -> None:
    sign_up(desk, ANN)
    clock.advance(timedelta(hours=1))
    assert upkeep.run().allowances == 0
    clock.advance(timedelta(seconds=1))
    assert upkeep.run().allowances == 2
    assert count(database, AllowanceRow) == 0


def test_a_budget_that_a_wrong_clock_wrote_heals(desk: SignUpDesk, upkeep: Upkeep, clock: ManualClock) -> None:
    right = clock.now()
    clock.advance(4000 * DAY)
    sign_up(desk, *(f"a{number}@example.org" for number in range(3)))
    clock.set(right)
    assert upkeep.run().allowances == 2


def test_many_go_in_batches(upkeep: Upkeep, clock: ManualClock, database: Database) -> None:
    people = [
        {
            "address": f"a{number}@example.org",
            "address_key": f"a{number}@example.org",
            "state": SubscriberState.PENDING,
            "created_at": clock.now(),
            "changed_at": clock.now(),
        }
        for number in range(BATCH + 3)
    ]
    with database.write() as session:
        session.execute(insert(SubscriberRow), people)
    clock.advance(31 * DAY)
    assert upkeep.run() == Cleaned(people=BATCH + 3)
    assert count(database, SubscriberRow) == 0
