"""A person who is erased is in no mail that is kept, however it came, and in none that waits to leave."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select, update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.model import DeliveryState
from newsletter.inbound.handling import Handled
from newsletter.inbound.model import Arrival, InboundState, Via
from newsletter.inbound.personal import ForgetInbound
from newsletter.inbound.service import FIGURES_KEPT
from newsletter.inbound.store import TRIES
from newsletter.inbound.tables import InboundErasedRow, InboundPersonRow
from newsletter.notices.queue import NoticeQueue
from newsletter.notices.tables import NoticeRow
from subscribers.model import Notice, NoticeKind
from subscribers.service import SubscriberService
from tests.delivery.house import add_readers, address
from tests.inbound.house import COMMANDS, HASHER, SECRET, Room, letter, room

HUMAN = "Dear people, I like what you do and wish to say so.\n"


@pytest.fixture
def ada(database: Database) -> str:
    return address(add_readers(database, 2)[0])


@pytest.fixture
def house(database: Database, clock: ManualClock) -> Room:
    return room(database, clock)


def erase(database: Database, clock: ManualClock, who: str) -> None:
    service = SubscriberService(database, clock, SECRET, notices=NoticeQueue(), on_erase=[ForgetInbound(HASHER)])
    assert service.erase(who)


def keep(house: Room, raw: bytes, via: Via = Via.IMAP, sender: str | None = None) -> int:
    return house.service.keep(Arrival(raw, via, sender, (COMMANDS,) if via is Via.LMTP else ())).id


def is_kept(house: Room, number: int) -> bool:
    return house.service.stored(number) is not None


def report(*addresses: str) -> bytes:
    """What SendGrid says of several people's mails."""
    bounces = [{"event": "bounce", "type": "bounce", "email": each, "status": "5.1.1"} for each in addresses]
    return json.dumps(bounces).encode()


def notices(database: Database) -> list[NoticeRow]:
    with database.read() as session:
        return list(session.scalars(select(NoticeRow).order_by(NoticeRow.id)))


def test_mails_that_name_the_person_go_on_whatever_way_they_came(
    house: Room, database: Database, clock: ManualClock, ada: str
) -> None:
    named = [
        keep(house, letter(HUMAN, sender=f"Ada Example <{ada.upper()}>")),
        keep(house, letter("stop\n", sender=ada), Via.LMTP, "SRS0=ab=cd=example.net=ada@example.com"),
        keep(house, letter(HUMAN, sender="x@example.com", more=f"Reply-To: {ada}\r\n")),
        keep(house, report("one@example.com", ada), Via.SENDGRID),
    ]
    others = [keep(house, letter(HUMAN, sender="bob@example.com")), keep(house, report("one@example.com"), Via.SENDGRID)]
    house.service.work()
    erase(database, clock, ada)
    assert [is_kept(house, number) for number in named] == [False] * 4
    assert [is_kept(house, number) for number in others] == [True] * 2
    outcomes = [record.outcome for record in house.service.latest()]
    assert outcomes.count("noted.down") == 4


def test_a_bounce_without_a_signature_is_found_by_whom_it_reports(
    house: Room, database: Database, clock: ManualClock, ada: str
) -> None:
    text = f"The following address failed:\n\n  <{ada}>: 550 5.1.1 user unknown\n"
    raw = letter(text, sender="MAILER-DAEMON@example.com", subject="Undelivered Mail Returned to Sender")
    number = keep(house, raw, Via.LMTP, "")
    house.service.work()
    assert house.bounces.received
    erase(database, clock, ada)
    assert not is_kept(house, number)


def test_what_waits_when_its_person_is_erased_is_forgotten_when_it_is_handled(
    house: Room, database: Database, clock: ManualClock, ada: str
) -> None:
    number, post = keep(house, letter(HUMAN, sender=ada)), keep(house, report("one@example.com", ada), Via.SENDGRID)
    house.humans.outcome = Handled("human.forwarded", notices=(passed_on(number),))
    erase(database, clock, ada)
    later = keep(house, letter(f"Again: {HUMAN}", sender=ada))
    assert house.service.work() == 3
    assert house.reports.reports
    assert [is_kept(house, each) for each in (number, post, later)] == [False, False, True]
    # Only what the person wrote anew went on.
    assert len(notices(database)) == 1
    house.service.clear_away()
    with database.read() as session:
        assert session.scalars(select(InboundErasedRow)).all() == []


def test_what_is_handled_again_when_its_person_is_erased_is_forgotten_too(
    house: Room, database: Database, clock: ManualClock, ada: str
) -> None:
    number = keep(house, letter(HUMAN, sender=ada))
    house.service.work()
    assert house.service.replay([number]) == [number]
    erase(database, clock, ada)
    house.service.work()
    assert not is_kept(house, number)


def test_what_could_never_be_handled_is_forgotten_as_well(
    house: Room, database: Database, clock: ManualClock, ada: str
) -> None:
    def fail() -> None:
        raise OSError("away")

    house.humans.before = fail
    before, after = keep(house, letter(HUMAN, sender=ada)), keep(house, letter(f"Again: {HUMAN}", sender=ada))
    for number in range(TRIES):
        if number == TRIES - 1:
            house.service.work(1)
            erase(database, clock, ada)
        house.service.work()
        clock.advance(FIGURES_KEPT / 400)
    assert {record.state for record in house.service.latest()} == {InboundState.FAILED}
    assert [is_kept(house, number) for number in (before, after)] == [False, False]


def passed_on(number: int) -> Notice:
    return Notice(NoticeKind.OPERATOR, None, "editor@example.com", "papers", reference=number, content=b"what Ada wrote")


def test_what_is_on_its_way_to_the_operator_goes_with_its_mail(
    house: Room, database: Database, clock: ManualClock, ada: str
) -> None:
    first, second = keep(house, letter(HUMAN, sender=ada)), keep(house, letter(f"Again: {HUMAN}", sender=ada))
    answer = Notice(NoticeKind.ANSWER, None, ada, "papers", reference=first)
    for number in (first, second):
        house.humans.outcome = Handled("human.forwarded", notices=(passed_on(number), *([answer] if number == first else ())))
        house.service.work(1)
    with database.write() as session:
        # Of an issue that happens to have the same number.
        NoticeQueue().put(session, passed_on(first), now=clock.now())
        sent = select(NoticeRow.id).where(NoticeRow.reference == second, NoticeRow.kind == NoticeKind.OPERATOR)
        leaving = update(NoticeRow).where(NoticeRow.id == sent.scalar_subquery()).values(state=DeliveryState.DOT_SENT)
        session.execute(leaving)
    erase(database, clock, ada)
    left = notices(database)
    assert [(row.reference, row.state, row.content, row.address) for row in left] == [
        (second, DeliveryState.DOT_SENT, None, ""),
        (first, DeliveryState.PENDING, b"what Ada wrote", "editor@example.com"),
    ]


def test_names_go_with_the_mail_when_it_is_old(house: Room, database: Database, clock: ManualClock, ada: str) -> None:
    keep(house, letter(HUMAN, sender=ada))
    house.service.work()
    with database.read() as session:
        (named,) = session.scalars(select(InboundPersonRow)).all()
        assert ada not in named.address_hash
    clock.advance(FIGURES_KEPT / 2)
    assert house.service.clear_away() == 1
    with database.read() as session:
        assert session.scalars(select(InboundPersonRow)).all() == []
