from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.inbound.model import BounceReason, Via
from newsletter.inbound.webhooks.handler import events_of
from newsletter.inbound.webhooks.model import EventKind, ProviderEvent
from tests.inbound.webhooks.posts import mailgun, postmark, sendgrid, sns

ADA = "ada@example.org"
SENDER = "bounces+0123456789abcdef0123456789abcdef@example.org"
MESSAGE_ID = "<d.1.2@example.org>"
PROVIDERS = [Via.SES, Via.POSTMARK, Via.SENDGRID, Via.MAILGUN]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "event",
                    "event-data",
                    "Message",
                    "RecordType",
                    "bounce",
                    "mail",
                    "headers",
                    "name",
                    "bouncedRecipients",
                    "Type",
                    "signature",
                    "delivery-status",
                    "message",
                    "notificationType",
                    "eventType",
                    "bounceSubType",
                    "Details",
                    "reason",
                    "severity",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def ses(said: dict[str, Any]) -> tuple[ProviderEvent, ...]:
    mail = {
        "timestamp": "2026-08-17T05:58:00.000Z",
        "messageId": "0102018f-000000",
        "source": f"Papers <{SENDER}>",
        "destination": [ADA],
        "headersTruncated": False,
        "headers": [{"name": "From", "value": "papers@example.org"}, {"name": "Message-ID", "value": MESSAGE_ID}],
        "commonHeaders": {"messageId": MESSAGE_ID, "subject": "Papers"},
    }
    return events_of(Via.SES, sns({"mail": mail, **said}).body)


def one(events: tuple[ProviderEvent, ...]) -> ProviderEvent:
    (event,) = events
    return event


@given(st.sampled_from(PROVIDERS), JSON)
def test_whatever_is_posted_can_be_read(via: Via, said: Any) -> None:
    for body in (
        json.dumps(said),
        json.dumps({"Message": json.dumps(said)}),
        json.dumps([said]),
        json.dumps({"event-data": said}),
    ):
        for event in events_of(via, body.encode()):
            assert event.address.encode() is not None


@pytest.mark.parametrize("via", PROVIDERS)
@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"null", b"[" * 100_000, b"{}", b"[[]]", b'{"Message": 1}', b'{"event-data": []}']
)
def test_what_is_no_report_says_nothing(via: Via, body: bytes) -> None:
    assert events_of(via, body) == ()


@pytest.mark.parametrize("name", ["notificationType", "eventType"])
def test_ses_tells_a_mailbox_that_is_not_there(name: str) -> None:
    bounced = {"emailAddress": ADA, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    bounce = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [bounced]}
    event = one(ses({name: "Bounce", "bounce": bounce}))
    assert event == ProviderEvent(
        EventKind.BOUNCE, ADA, (MESSAGE_ID,), (SENDER,), is_hard=True, reason=BounceReason.USER_UNKNOWN, status="5.1.1"
    )


@pytest.mark.parametrize(
    ("kind", "subtype", "reason", "is_hard"),
    [
        ("Permanent", "NoEmail", BounceReason.USER_UNKNOWN, True),
        ("Permanent", "OnAccountSuppressionList", BounceReason.SUPPRESSED, False),
        ("Permanent", "Suppressed", BounceReason.SUPPRESSED, False),
        ("Transient", "MailboxFull", BounceReason.MAILBOX_FULL, False),
        ("Transient", "MessageTooLarge", BounceReason.MESG_TOO_BIG, False),
        ("Transient", "ContentRejected", BounceReason.CONTENT_ERROR, False),
        ("Transient", "NoEmail", BounceReason.USER_UNKNOWN, False),
    ],
)
def test_ses_has_words_of_its_own_where_servers_have_none(
    kind: str, subtype: str, reason: BounceReason, *, is_hard: bool
) -> None:
    bounce = {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": [{"emailAddress": ADA}]}
    event = one(ses({"notificationType": "Bounce", "bounce": bounce}))
    assert (event.reason, event.is_hard) == (reason, is_hard)


def test_ses_tells_complaints_delays_and_who_left() -> None:
    people = [{"emailAddress": ADA}]
    assert (
        one(ses({"notificationType": "Complaint", "complaint": {"complainedRecipients": people}})).kind is EventKind.COMPLAINT
    )
    harmless = {"complainedRecipients": people, "complaintFeedbackType": "not-spam"}
    assert ses({"notificationType": "Complaint", "complaint": harmless}) == ()
    delay = {"delayType": "MailboxFull", "delayedRecipients": [{"emailAddress": ADA, "status": "4.2.2"}]}
    assert one(ses({"eventType": "DeliveryDelay", "deliveryDelay": delay})).kind is EventKind.DELAYED
    left = {"newTopicPreferences": {"unsubscribeAll": True}}
    assert one(ses({"eventType": "Subscription", "subscription": left})).kind is EventKind.UNSUBSCRIBE
    gone = {"bounceType": "Permanent", "bounceSubType": "UnsubscribedRecipient", "bouncedRecipients": people}
    assert one(ses({"notificationType": "Bounce", "bounce": gone})).kind is EventKind.UNSUBSCRIBE
    for kind in ("Delivery", "Send", "Open", "Click", "Reject", "Rendering Failure"):
        assert ses({"eventType": kind, "delivery": {"recipients": [ADA]}}) == ()


def test_ses_names_each_recipient() -> None:
    bounced = [{"emailAddress": f"reader{number}@example.org", "status": "5.1.1"} for number in range(3)]
    bounce = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": bounced}
    assert [event.address for event in ses({"notificationType": "Bounce", "bounce": bounce})] == [
        "reader0@example.org",
        "reader1@example.org",
        "reader2@example.org",
    ]


@pytest.mark.parametrize(
    ("said", "kind", "reason", "is_hard"),
    [
        (
            {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 No such user"},
            "bounce",
            "userunknown",
            True,
        ),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address"}, "bounce", "userunknown", True),
        ({"event": "bounce", "type": "blocked", "bounce_classification": "Reputation"}, "bounce", "badreputation", False),
        ({"event": "bounce", "type": "blocked", "reason": "550 5.1.1 No such user"}, "bounce", "userunknown", False),
        ({"event": "bounce", "type": "blocked"}, "bounce", "blocked", False),
        ({"event": "bounce", "type": "bounce", "reason": "552 5.2.2 mailbox full"}, "bounce", "mailboxfull", False),
        ({"event": "deferred", "response": "452 4.2.2 mailbox full"}, "delayed", "mailboxfull", False),
        ({"event": "dropped", "reason": "Bounced Address"}, "bounce", "suppressed", False),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, "complaint", "feedback", False),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, "unsubscribe", "undefined", False),
        ({"event": "spamreport"}, "complaint", "feedback", False),
        ({"event": "unsubscribe"}, "unsubscribe", "undefined", False),
        ({"event": "group_unsubscribe", "asm_group_id": 10}, "unsubscribe", "undefined", False),
    ],
)
def test_sendgrid_tells(said: dict[str, Any], kind: str, reason: str, *, is_hard: bool) -> None:
    common = {"email": ADA, "timestamp": 1787000000, "smtp-id": MESSAGE_ID, "sg_event_id": "x", "sg_message_id": "y"}
    event = one(events_of(Via.SENDGRID, sendgrid([common | said]).body))
    assert (event.kind, event.reason, event.is_hard) == (kind, reason, is_hard)
    assert (event.address, event.message_ids) == (ADA, (MESSAGE_ID,))


def test_sendgrid_tells_much_at_a_time_and_some_of_it_is_nothing_to_us() -> None:
    names = ["processed", "delivered", "open", "click", "bounce", "group_resubscribe", "spamreport", "dropped", "new one"]
    events = events_of(Via.SENDGRID, sendgrid([{"event": name, "email": ADA} for name in names] + [None, 3]).body)
    assert [event.kind for event in events] == [EventKind.BOUNCE, EventKind.COMPLAINT]


def failed(severity: str, reason: str, code: int = 0, message: str = "") -> dict[str, Any]:
    status = {"code": code, "message": message}
    return {"event": "failed", "severity": severity, "reason": reason, "delivery-status": status}


@pytest.mark.parametrize(
    ("said", "kind", "reason", "is_hard"),
    [
        (failed("permanent", "bounce", 550, "5.1.1 No such user here"), "bounce", "userunknown", True),
        (failed("temporary", "generic", 452, "4.2.2 The mailbox is full"), "delayed", "mailboxfull", False),
        (failed("permanent", "suppress-bounce", 605), "bounce", "suppressed", False),
        (failed("permanent", "suppress-complaint", 607), "complaint", "feedback", False),
        (failed("permanent", "suppress-unsubscribe", 606), "unsubscribe", "undefined", False),
        (failed("permanent", "old", 602), "bounce", "expired", False),
        ({"event": "complained"}, "complaint", "feedback", False),
        ({"event": "unsubscribed"}, "unsubscribe", "undefined", False),
    ],
)
def test_mailgun_tells(said: dict[str, Any], kind: str, reason: str, *, is_hard: bool) -> None:
    common = {
        "recipient": ADA,
        "timestamp": 1787000000.5,
        "message": {"headers": {"message-id": "d.1.2@example.org", "from": "Papers <papers@example.org>", "to": ADA}},
        "envelope": {"sender": SENDER, "targets": ADA, "transport": "smtp"},
    }
    event = one(events_of(Via.MAILGUN, mailgun(common | said).body))
    assert (event.kind, event.reason, event.is_hard) == (kind, reason, is_hard)
    assert (event.address, event.message_ids, event.ours[0]) == (ADA, ("d.1.2@example.org",), SENDER)


def test_mailgun_tells_what_is_nothing_to_us() -> None:
    for name in ("accepted", "delivered", "opened", "clicked", "rejected", "stored"):
        assert events_of(Via.MAILGUN, mailgun({"event": name, "recipient": ADA}).body) == ()


def bounced(kind: str, details: str = "") -> dict[str, Any]:
    return {"RecordType": "Bounce", "Type": kind, "Email": ADA, "Details": details, "Description": "ex: unknown user"}


def suppressed(why: str, origin: str = "Recipient") -> dict[str, Any]:
    said = {"RecordType": "SubscriptionChange", "Recipient": ADA, "SuppressSending": True}
    return said | {"SuppressionReason": why, "Origin": origin}


@pytest.mark.parametrize(
    ("said", "kind", "reason", "is_hard"),
    [
        (bounced("HardBounce", "smtp;550 5.1.1 no such user"), "bounce", "userunknown", True),
        (bounced("HardBounce"), "bounce", "userunknown", True),
        (bounced("HardBounce", "smtp;550 5.7.1 blocked by policy"), "bounce", "policyviolation", False),
        (bounced("SoftBounce", "smtp;552 5.2.2 mailbox full"), "bounce", "mailboxfull", False),
        (bounced("SpamNotification"), "bounce", "spamdetected", False),
        (bounced("DMARCPolicy"), "bounce", "authfailure", False),
        (bounced("Transient", "smtp;452 4.2.2 mailbox full"), "delayed", "mailboxfull", False),
        (bounced("Unsubscribe"), "unsubscribe", "undefined", False),
        (bounced("SpamComplaint"), "complaint", "feedback", False),
        ({"RecordType": "SpamComplaint", "Type": "SpamComplaint", "Email": ADA}, "complaint", "feedback", False),
        (suppressed("ManualSuppression"), "unsubscribe", "undefined", False),
        (suppressed("SpamComplaint"), "complaint", "feedback", False),
        (suppressed("HardBounce"), "bounce", "userunknown", True),
    ],
)
def test_postmark_tells(said: dict[str, Any], kind: str, reason: str, *, is_hard: bool) -> None:
    event = one(events_of(Via.POSTMARK, postmark(said).body))
    assert (event.kind, event.reason, event.is_hard, event.address) == (kind, reason, is_hard, ADA)


@pytest.mark.parametrize(
    "said",
    [
        {"RecordType": "Delivery", "Recipient": ADA},
        bounced("AutoResponder"),
        bounced("ManuallyDeactivated"),
        suppressed("ManualSuppression", "Admin"),
        suppressed("HardBounce") | {"SuppressSending": False},
    ],
)
def test_postmark_tells_what_is_nothing_to_us(said: dict[str, Any]) -> None:
    assert events_of(Via.POSTMARK, postmark(said).body) == ()
