from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.identity.verp import SignedAddresses
from newsletter.inbound.handling import Handled
from newsletter.inbound.model import Arrival, InboundId, MailKind, Stored, Via
from newsletter.inbound.webhooks.handler import ProviderHandler
from newsletter.rendering.message.message import message_id
from subscribers.model import SubscriberId, SubscriberState
from subscribers.service import SubscriberService
from tests.delivery.house import NEWSLETTER
from tests.delivery.returns.house import SECRET, ReturnHouse
from tests.inbound.webhooks.posts import mailgun, postmark, sendgrid


class Place(ReturnHouse):
    """Mails that left, and the handler of reports about them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.signed = SignedAddresses(SECRET)
        self.subscribers = SubscriberService(self.database, self.clock, SECRET, notices=self.notices)
        self.handler = ProviderHandler(self.desk, self.signed, self.subscribers)

    def handle(self, via: Via, body: bytes, *, number: int = 1) -> Handled:
        now: datetime = self.clock.now()
        return self.handler.handle(Stored(InboundId(number), Arrival(body, via), now), now=now)

    def address(self, reader: SubscriberId) -> str:
        return self.subscribers.find(reader).address


@pytest.fixture
def place(database: Database, clock: ManualClock) -> Place:
    return Place(database, clock)


def bounce(address: str, **more: Any) -> dict[str, Any]:
    return {"event": "bounce", "type": "bounce", "email": address, "status": "5.1.1", "reason": "550 No such user"} | more


def test_a_bounce_counts_once_however_often_it_is_told(place: Place) -> None:
    (reader,) = place.readers(1)
    place.send([reader])
    body = sendgrid([bounce(place.address(reader))]).body
    handled = place.handle(Via.SENDGRID, body)
    assert (handled.outcome, handled.kind, handled.subscriber_id) == ("bounce.counted", MailKind.BOUNCE, reader)
    assert handled.newsletter == NEWSLETTER
    assert handled.facts == {"events": {"bounce.counted": 1}, "reason": "userunknown", "status": "5.1.1"}
    assert place.handle(Via.SENDGRID, body).outcome == "bounce.known"


def test_the_signed_envelope_sender_says_whose_message_it_was(place: Place) -> None:
    one, other = place.readers(2)
    issue = place.send([one, other])
    signed = place.delivery(issue, one)
    sender = place.signed.make("bounces@example.org", signed.kind, signed.number)
    event = {"event": "complained", "recipient": place.address(other), "envelope": {"sender": sender}}
    assert place.handle(Via.MAILGUN, mailgun(event).body).subscriber_id == one
    assert place.subscribers.find(one).state is SubscriberState.COMPLAINED
    assert place.subscribers.find(other).state is SubscriberState.ACTIVE


def test_a_signature_that_is_none_of_ours_is_passed_over(place: Place) -> None:
    (reader,) = place.readers(1)
    place.send([reader])
    sender = f"papers+{'ab' * 16}@news.example.org"
    event = {"event": "complained", "recipient": place.address(reader), "envelope": {"sender": sender}}
    assert place.handle(Via.MAILGUN, mailgun(event).body).outcome == "complaint.suppressed"


def ses(address: str, **mail: Any) -> bytes:
    complaint = {"complainedRecipients": [{"emailAddress": address}], "complaintFeedbackType": "abuse"}
    message = {"notificationType": "Complaint", "mail": {"destination": [address], **mail}, "complaint": complaint}
    return json.dumps({"Type": "Notification", "Message": json.dumps(message)}).encode()


def test_a_complaint_about_somebody_elses_mail_on_the_same_account_changes_nothing(place: Place) -> None:
    (reader,) = place.readers(1)
    place.send([reader])
    address = place.address(reader)
    shop = {"commonHeaders": {"messageId": "<order-4711@other.example>"}}
    for via, body in (
        (Via.SES, ses(address, source="shop@other.example", **shop)),
        (Via.SES, ses(address, source="shop@other.example")),
        (Via.SES, ses(address, source="shop@news.example.org")),
        (Via.SES, ses(address, source="papers@news.example.org", **shop)),
        (Via.POSTMARK, postmark({"RecordType": "SpamComplaint", "Email": address, "From": "shop@other.example"}).body),
        (Via.SENDGRID, sendgrid([{"event": "spamreport", "email": address, "smtp-id": "<order@other.example>"}]).body),
    ):
        assert place.handle(via, body).outcome == "complaint.nobody"
    assert place.subscribers.find(reader).state is SubscriberState.ACTIVE


@pytest.mark.parametrize("is_named", [True, False])
def test_a_complaint_about_ours_acts_by_our_message_id_or_our_sender_alone(place: Place, is_named: bool) -> None:
    (reader,) = place.readers(1)
    issue = place.send([reader])
    ids = {"commonHeaders": {"messageId": message_id(SECRET, issue, reader, "news.example.org")}}
    body = ses(place.address(reader), source="papers@news.example.org", **(ids if is_named else {}))
    assert place.handle(Via.SES, body).outcome == "complaint.suppressed"


def test_many_events_of_one_post_are_each_acted_upon(place: Place) -> None:
    readers = place.readers(3)
    place.send(readers)
    one, two, three = (place.address(reader) for reader in readers)
    events = [
        bounce(one),
        {"event": "deferred", "email": two},
        {"event": "spamreport", "email": three},
        bounce("x@example.org"),
    ]
    handled = place.handle(Via.SENDGRID, sendgrid(events).body)
    assert (handled.outcome, handled.kind, handled.subscriber_id) == ("report.handled", MailKind.COMPLAINT, None)
    counts = {"bounce.counted": 1, "delayed.noted": 1, "complaint.suppressed": 1, "bounce.nobody": 1}
    assert handled.facts == {"events": counts}
    assert "example.org" not in json.dumps(handled.facts)


def test_who_told_the_provider_to_stop_leaves_the_newsletter(place: Place) -> None:
    (reader,) = place.readers(1)
    place.send([reader])
    body = sendgrid([{"event": "unsubscribe", "email": place.address(reader)}]).body
    handled = place.handle(Via.SENDGRID, body)
    assert (handled.outcome, handled.kind) == ("unsubscribe.done", MailKind.UNSUBSCRIBE)
    assert place.subscribers.find(reader).state is SubscriberState.UNSUBSCRIBED
    assert place.handle(Via.SENDGRID, body).outcome == "unsubscribe.known"


def test_nobody_is_touched_whom_nothing_was_sent_to_of_late(place: Place) -> None:
    silent, old = place.readers(2)
    place.send([old])
    place.clock.advance(timedelta(days=11))
    for reader in (silent, old):
        for kind in ("spamreport", "unsubscribe"):
            body = sendgrid([{"event": kind, "email": place.address(reader)}]).body
            assert place.handle(Via.SENDGRID, body).outcome.endswith(".nobody")
        assert place.subscribers.find(reader).state is SubscriberState.ACTIVE


def test_what_is_no_address_is_nobody(place: Place) -> None:
    for address in (
        "",
        "no address",
        "a@b@c",
        "\u0000@example.org",
        "\ud800@example.org",
        "x" * 500 + "@example.org",
        "ünï@example.org",
    ):
        said = {"RecordType": "SpamComplaint", "Email": address}
        assert place.handle(Via.POSTMARK, postmark(said).body).outcome == "complaint.nobody"


def test_a_report_that_says_nothing_is_settled(place: Place) -> None:
    assert place.handle(Via.SENDGRID, b"[]") == Handled("report.empty", kind=MailKind.OTHER)
