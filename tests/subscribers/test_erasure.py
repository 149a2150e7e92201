"""Forgetting: the address is in no table and in no byte of the file any more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, text

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.ledger.personal import forget_replies
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.notices.queue import NoticeQueue
from subscribers.address import parse_address
from subscribers.choices_json import choices_to_json
from subscribers.erasure import TABLES
from subscribers.errors import UnknownSubscriberError
from subscribers.links import Links
from subscribers.model import (
    Cadence,
    Choices,
    ConsentEvent,
    ConsentMethod,
    Interests,
    Notice,
    NoticeKind,
    SubscriberId,
    SubscriberState,
    SuppressionReason,
    Taste,
)
from subscribers.service import SubscriberService
from subscribers.tables import AddressChangeRow, SignUpRow
from subscribers.wishes import Asked, ChangeStore, WishStore
from tests.delivery.house import open_issue
from tests.subscribers.conftest import SECRET

WRITTEN = "Ann.Lee@Bücher.example"
WAYS = (WRITTEN, "ANN.LEE@xn--bcher-kva.example", "ann.lee@BÜCHER.example")
TRACES = ("ann.lee", "bücher", "bcher", "192.0.2.7", "zymurgy")


@pytest.fixture
def service(database: Database, clock: ManualClock) -> SubscriberService:
    return SubscriberService(database, clock, SECRET, notices=NoticeQueue(), on_erase=[forget_replies])


def dump(database: Database) -> str:
    """Everything in every table."""
    with database.read() as session:
        tables = inspect(session.connection()).get_table_names()
        assert set(TABLES) <= set(tables)
        rows = [session.execute(text(f'SELECT * FROM "{table}"')).all() for table in tables]  # noqa: S608 - names from the schema
    return repr(rows).casefold()


def file_bytes(database: Database) -> bytes:
    """The database's file, its write-ahead log and what else is beside it."""
    path = Path(str(database.url.database))
    return b"".join(found.read_bytes() for found in path.parent.glob(f"{path.name}*")).lower()


def furnish(
    service: SubscriberService, database: Database, clock: ManualClock, links: Links
) -> tuple[SubscriberId, SubscriberId]:
    """Leave something of a person wherever something can be; return them, and somebody else."""
    likes = Choices(interests=Interests(keywords=("zymurgy",)), fields=(("company", "Zymurgy Ltd"),))
    ann = service.add(
        WRITTEN, "papers", likes, method=ConsentMethod.WEB, wording="Yes", detail=f"{WRITTEN} at 192.0.2.7"
    ).subscriber
    service.add(WRITTEN, "third", Choices(), method=ConsentMethod.OPERATOR, wording=f"{WRITTEN} rang up")
    bob = service.add("bob@example.org", "papers", Choices(), method=ConsentMethod.WEB, wording="Yes").subscriber
    links.say(ann.id, 7, Taste.MORE)
    links.say(bob.id, 7, Taste.MORE)
    issue = open_issue(database, [ann.id, bob.id])
    with database.write() as session:
        now = clock.now()
        WishStore(session).ask(ann.id, "other", Asked(likes, ConsentMethod.WEB, "Yes", ""), now=now)
        ChangeStore(session).ask(ann.id, parse_address("zymurgy@example.org"), now=now)
        ChangeStore(session).ask(bob.id, parse_address(WAYS[1]), now=now)
        for address in (*WAYS, "bob@example.org", "no address"):
            session.add(
                SignUpRow(
                    address=address, newsletter="papers", choices=choices_to_json(Choices(Cadence.WEEKLY)),
                    method="web", wording="Yes", client="192.0.2.7" if address in WAYS else "", received_at=now,
                )
            )  # fmt: skip
        NoticeQueue().put(session, Notice(NoticeKind.KNOWN, ann.id, WRITTEN, "papers", client="192.0.2.7"), now=now)
        for delivery in session.scalars(select(DeliveryRow).where(DeliveryRow.issue_id == issue)):
            delivery.state, delivery.reply_code = DeliveryState.FAILED, 550
            delivery.reply_text = f"<{WRITTEN}> unknown" if delivery.subscriber_id == ann.id else "unknown"
    return ann.id, bob.id


def test_erasing_leaves_no_trace_of_the_person_in_any_table(
    service: SubscriberService, database: Database, clock: ManualClock, links: Links
) -> None:
    ann, bob = furnish(service, database, clock, links)
    before = dump(database)
    assert all(trace in before for trace in TRACES)
    assert service.erase(ann)
    after = dump(database)
    assert [trace for trace in TRACES if trace in after] == []
    held = service.held(ann)
    assert held.subscriber.state is SubscriberState.ERASED
    assert (held.subscriptions, held.wishes, held.change, held.opinions, held.suppression) == ((), (), None, (), None)
    assert [(consent.event, consent.wording, consent.detail) for consent in held.consents] == [
        (ConsentEvent.CONFIRMED, "Yes", ""), (ConsentEvent.CONFIRMED, "", ""),
    ]  # fmt: skip
    assert service.is_suppressed(WAYS[1])
    with pytest.raises(UnknownSubscriberError):
        service.find(WRITTEN)
    other = service.held(bob)
    assert (len(other.subscriptions), len(other.opinions), other.subscriber.state) == (1, 1, SubscriberState.ACTIVE)


def test_what_belongs_to_others_stays(service: SubscriberService, database: Database, clock: ManualClock, links: Links) -> None:
    ann, bob = furnish(service, database, clock, links)
    with database.write() as session:
        ChangeStore(session).ask(bob, parse_address("bob@example.net"), now=clock.now())
    service.erase(ann)
    with database.read() as session:
        assert list(session.scalars(select(SignUpRow.address).order_by(SignUpRow.id))) == ["bob@example.org", "no address"]
        assert list(session.scalars(select(AddressChangeRow.address))) == ["bob@example.net"]
        replies = select(DeliveryRow.reply_code, DeliveryRow.reply_text).order_by(DeliveryRow.subscriber_id)
        assert [tuple(row) for row in session.execute(replies)] == [(550, ""), (550, "unknown")]


def test_the_file_holds_no_byte_of_an_erased_address(
    service: SubscriberService, database: Database, clock: ManualClock, links: Links
) -> None:
    ann, _ = furnish(service, database, clock, links)
    if database.is_sqlite:
        assert all(trace.encode() in file_bytes(database) for trace in TRACES)
    service.erase(ann)
    assert database.forget_deleted(*TABLES, "notice", "delivery")
    if database.is_sqlite:  # a server's files are out of reach; its dead rows were removed above
        content = file_bytes(database)
        assert b"bob@example.org" in content
        assert [trace for trace in TRACES if trace.encode() in content] == []


def test_an_address_that_was_changed_before_is_gone_as_well(
    service: SubscriberService, database: Database, clock: ManualClock, links: Links
) -> None:
    ann, _ = furnish(service, database, clock, links)
    with database.write() as session:
        ChangeStore(session).make(ann, parse_address("zymurgy@example.net"), now=clock.now())
    clock.advance(timedelta(hours=1))
    assert service.erase("zymurgy@example.net")
    assert "zymurgy" not in dump(database)


def test_erasing_twice_is_no_error_and_keeps_an_earlier_complaint(service: SubscriberService, database: Database) -> None:
    number = service.add(WRITTEN, "papers", Choices(), method=ConsentMethod.WEB, wording="Yes").subscriber.id
    service.suppress(WRITTEN, SuppressionReason.COMPLAINED, detail=f"names {WRITTEN}")
    assert service.erase(WRITTEN)
    once = dump(database)
    assert not service.erase(number)
    assert dump(database) == once
    (kept,) = service.suppressions()
    assert (kept.reason, kept.detail) == (SuppressionReason.COMPLAINED, "")


def test_who_was_erased_may_come_back_as_somebody_new(service: SubscriberService) -> None:
    first = service.add(WRITTEN, "papers", Choices(), method=ConsentMethod.WEB, wording="Yes").subscriber
    service.erase(first.id)
    again = service.resubscribe(WRITTEN, "papers", Choices(), method=ConsentMethod.WEB, wording="Yes").subscriber
    assert again.id != first.id
    assert [consent.event for consent in service.held(again.id).consents] == [ConsentEvent.CONFIRMED]


def test_a_failure_in_another_room_undoes_the_whole_erasure(database: Database, clock: ManualClock) -> None:
    def fail(_session: object, _subscriber_id: SubscriberId) -> None:
        raise RuntimeError("disk full")

    service = SubscriberService(database, clock, SECRET, notices=NoticeQueue(), on_erase=[fail])
    service.add(WRITTEN, "papers", Choices(), method=ConsentMethod.WEB, wording="Yes")
    before = dump(database)
    with pytest.raises(RuntimeError):
        service.erase(WRITTEN)
    assert dump(database) == before
