"""Inbound mail in the whole program: what readers write is theirs to see, and goes with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.delivery.identity.verp import SignedKind
from newsletter.delivery.tables import DeliveryRow
from newsletter.inbound.model import Arrival, InboundState, Via
from subscribers.address import parse_address
from subscribers.answers import AnswerKind, AnswerStore
from subscribers.model import SubscriberState
from tests.flow import program
from tests.inbound.house import letter, send_an_issue

ADA, BOB = "ada@example.org", "bob@example.org"
COMMANDS, BOUNCES = "papers@example.net", "bounces@example.net"
MORE = """\
[bounces]
threshold = 1.0
probe = false
"""


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    """The program with two readers who got an issue."""
    with program(tmp_path, database_url, clock, extra=MORE) as made:
        send_an_issue(made, tmp_path, ADA, BOB, commands=COMMANDS, bounces=BOUNCES)
        yield made


def signed(app: App, reader: str, plain: str, kind: SignedKind) -> str:
    with app.database.read() as session:
        number = session.scalars(
            select(DeliveryRow.id).where(DeliveryRow.subscriber_id == app.subscribers.find(reader).id)
        ).one()
    return app.bounces.make(plain, kind, number)


def write(app: App, text: str, *, reader: str = ADA) -> str:
    """Have a reader answer their digest; return what was done."""
    to = signed(app, reader, COMMANDS, SignedKind.DELIVERY_REPLY)
    raw = letter(text, sender=reader, subject="Re: Papers", more="In-Reply-To: <1@example.net>\r\n")
    number = app.inbound.keep(Arrival(raw, Via.LMTP, reader, (to,))).id
    app.inbound.work()
    record = app.inbound.record(number)
    assert record is not None
    assert record.state is InboundState.HANDLED
    return record.outcome


def test_a_reader_leaves_by_answering(app: App) -> None:
    write(app, "stop\n")
    assert app.subscribers.find(ADA).state is SubscriberState.UNSUBSCRIBED
    assert app.subscribers.find(BOB).state is SubscriberState.ACTIVE


def test_a_dead_mailbox_ends_by_its_bounce_and_a_forged_one_changes_nothing(app: App) -> None:
    report = letter(
        "The following address failed:\n\n  <bob@example.org>: 550 5.1.1 user unknown\n",
        sender="Mail Delivery System <MAILER-DAEMON@mx.example.org>",
        subject="Undelivered Mail Returned to Sender",
        more="Auto-Submitted: auto-replied\r\n",
    )
    app.inbound.keep(Arrival(report, Via.LMTP, "", (BOUNCES,)))
    app.inbound.work()
    assert app.subscribers.find(BOB).state is SubscriberState.ACTIVE
    app.inbound.keep(Arrival(report, Via.LMTP, "", (signed(app, BOB, BOUNCES, SignedKind.DELIVERY),)))
    app.inbound.work()
    assert [record.kind for record in app.inbound.latest()] == ["bounce", "bounce"]
    assert app.subscribers.find(BOB).state is SubscriberState.BOUNCED
    assert app.subscribers.find(ADA).state is SubscriberState.ACTIVE


def test_what_somebody_wrote_is_told_to_them_and_erased_with_them(app: App) -> None:
    outcome = write(app, "Dear people,\n\nI read your digest on the train, and it made my day.\n")
    write(app, "Mine is none of hers.\n", reader=BOB)
    ada = app.subscribers.find(ADA).id
    held = app.held_of(ada)
    assert isinstance(held["inbound"], list)
    (told,) = held["inbound"]
    assert told["outcome"] == outcome == "human.kept"
    assert "on the train" in told["mail"]
    assert held["returned"] == []
    app.subscribers.erase(ADA)
    kept = {record.subscriber_id: record.is_kept for record in app.inbound.latest()}
    assert kept == {ada: False, app.subscribers.find(BOB).id: True}
    app.forget_deleted()


def test_upkeep_forgets_old_mails_and_counts_of_answers(app: App, clock: ManualClock) -> None:
    write(app, "Dear people,\n\nwhat a fine choice.\n")
    with app.database.write() as session:
        store = AnswerStore(session, app.hasher)
        for number in range(2):
            may = store.may_answer(parse_address(ADA), number, kind=AnswerKind.ANYBODY, most=1, now=clock.now())
            assert may is (number == 0)
    clock.advance(app.config.inbound.keep + timedelta(hours=1))
    app.clear_away()
    assert [record.is_kept for record in app.inbound.latest()] == [False]
    with app.database.write() as session:
        assert AnswerStore(session, app.hasher).drop(before=clock.now()) == 0


def test_nothing_is_paused_where_nothing_came_back(app: App) -> None:
    assert not app.look_at_returns()
