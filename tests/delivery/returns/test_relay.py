"""Which next hop answered last is written down with its answer."""

from __future__ import annotations

import asyncio

from sqlalchemy import update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.ledger import records
from newsletter.delivery.model import Claim, DeliveryState, Outcome, Reason, Result, SmtpReply
from newsletter.delivery.tables import DeliveryRow
from subscribers.model import SubscriberState
from tests.delivery.house import add_readers, address, claim, deliveries, open_issue, relays, sender, set_reader
from tests.smtp_server import Fault, Script, smtp_server


def hold(database: Database, held: Claim) -> None:
    with database.write() as session:
        values = {"state": DeliveryState.CLAIMED, "epoch": held.epoch}
        session.execute(update(DeliveryRow).where(DeliveryRow.id == held.delivery_id).values(**values))


def test_a_result_names_the_relay_and_one_without_an_answer_leaves_it(database: Database, clock: ManualClock) -> None:
    issue = open_issue(database, add_readers(database, 1))
    temporary, taken = SmtpReply(451, "", ""), SmtpReply(250, "2.0.0", "taken")
    steps = [
        (Outcome(DeliveryState.DEFERRED, 1, Reason.REFUSED, clock.now(), temporary, "first"), "first"),
        (Outcome(DeliveryState.DEFERRED, 2, Reason.UNREACHABLE, clock.now()), "first"),
        (Outcome(DeliveryState.SENT, 3, reply=taken).answered_by("second"), "second"),
    ]
    known = ""
    for epoch, (outcome, relay) in enumerate(steps, start=1):
        held = claim(1, epoch=epoch)
        hold(database, held)
        with database.write() as session:
            assert records.record(session, intents=[held], now=clock.now())
        assert deliveries(database, issue)[0].relay == known, "an intent knows nothing of it"
        with database.write() as session:
            records.record(session, results=[Result(held, outcome).finding], now=clock.now())
        (found,) = deliveries(database, issue)
        assert (found.state, found.relay) == (outcome.state, relay)
        known = relay


def test_what_is_sent_names_the_relay_that_took_or_refused_it(database: Database, clock: ManualClock) -> None:
    readers = add_readers(database, 6)
    issue = open_issue(database, readers)
    refusing = Script(faults=[Fault("rcpt", address(3), "550 5.1.1 no such user")])
    with smtp_server(refusing) as one, smtp_server(refusing) as two:
        report = asyncio.run(asyncio.wait_for(sender(database, clock, relays(one.port, two.port), connections=2).run(), 20))
        took = {f"relay{number}": {each.recipient for each in server.accepted} for number, server in ((1, one), (2, two))}
    assert (report.sent, report.failed) == (5, 1)
    for found in deliveries(database, issue):
        assert (found.state is DeliveryState.FAILED) == (found.subscriber_id == readers[2])
        assert found.relay in took
        assert found.state is DeliveryState.FAILED or address(found.subscriber_id) in took[found.relay]
        assert found.as_json()["relay"] == found.relay


def test_what_never_left_names_none(database: Database, clock: ManualClock) -> None:
    (reader,) = add_readers(database, 1)
    issue = open_issue(database, [reader])
    set_reader(database, reader, SubscriberState.UNSUBSCRIBED)
    with smtp_server() as server:
        asyncio.run(asyncio.wait_for(sender(database, clock, server.port, connections=1).run(), 20))
    assert [(found.state, found.relay) for found in deliveries(database, issue)] == [(DeliveryState.SKIPPED, "")]
