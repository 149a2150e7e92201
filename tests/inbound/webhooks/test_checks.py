from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from newsletter.inbound.webhooks.mailgun import MailgunCheck
from newsletter.inbound.webhooks.model import Check, Post, Proof
from newsletter.inbound.webhooks.postmark import PostmarkCheck
from newsletter.inbound.webhooks.sendgrid import SendgridCheck
from newsletter.inbound.webhooks.sns import FETCHES_A_MINUTE, SnsCheck
from tests.inbound.webhooks.posts import (
    CERTIFICATE_URL,
    NOW,
    SECRET,
    SUBSCRIBE_URL,
    TOPIC,
    USER,
    Web,
    certificate,
    changed,
    ec_key,
    mailgun,
    postmark,
    public_key,
    rsa_key,
    sendgrid,
    sns,
)

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    return [SnsCheck(TOPIC, Web().fetch), SendgridCheck(public_key()), MailgunCheck(SECRET), PostmarkCheck(USER)]


@given(
    st.binary(max_size=300),
    st.dictionaries(
        st.sampled_from(["authorization", "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"]),
        st.text(),
    ),
)
def test_nothing_that_anybody_sends_is_genuine(checks: list[Check], body: bytes, headers: dict[str, str]) -> None:
    assert {check(Post(headers, body), now=NOW) for check in checks} == {Proof.FORGED}


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 200_000, b"1" * 900_000, b'{"TopicArn": {}}', b'"\\ud800"'])
def test_a_post_that_is_made_to_be_hard_to_read_is_forged(checks: list[Check], body: bytes) -> None:
    assert {check(Post({}, body), now=NOW) for check in checks} == {Proof.FORGED}


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("fields", [{}, {"Subject": "Amazon SES"}])
def test_a_message_of_the_topic_is_genuine_and_its_certificate_fetched_once(version: str, fields: dict[str, str]) -> None:
    web = Web()
    check = SnsCheck(TOPIC, web.fetch)
    for _ in range(3):
        assert check(sns("said", version=version, **fields), now=NOW) is Proof.GENUINE
    assert web.asked == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "fields",
    [
        {"Message": "other"},
        {"Subject": "added"},
        {"Timestamp": "2026-08-17T05:59:31.123Z"},
        {"MessageId": "other"},
        {"SignatureVersion": "2"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": None},
        {"Signature": ""},
        {"Signature": "AAAA"},
        {"Signature": 5},
        {"Message": ["said"]},
        {"Type": "SubscriptionConfirmation", "Token": "x", "SubscribeURL": SUBSCRIBE_URL},
    ],
)
def test_a_message_that_was_changed_is_forged(fields: dict[str, object]) -> None:
    assert SnsCheck(TOPIC, Web().fetch)(changed(sns("said"), **fields), now=NOW) is Proof.FORGED


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com.example.org/SimpleNotificationService-0.pem",
        "https://example.org/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com@example.org/SimpleNotificationService-0.pem",
        "https://example.org#sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0.pem",
        "https://snsxeu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/bucket/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem\n",
        "https://169.254.169.254/SimpleNotificationService-0.pem",
        "file:///SimpleNotificationService-0.pem",
        7,
    ],
)
def test_a_certificate_from_elsewhere_is_not_even_asked_for(url: object) -> None:
    web = Web(**{str(url): certificate()})
    assert SnsCheck(TOPIC, web.fetch)(sns("said", SigningCertURL=url), now=NOW) is Proof.FORGED
    assert web.asked == []


def test_a_topic_of_others_is_forged_though_amazon_signed_it() -> None:
    web = Web()
    assert SnsCheck(TOPIC, web.fetch)(sns("said", TopicArn=f"{TOPIC}2"), now=NOW) is Proof.FORGED
    assert web.asked == []


@pytest.mark.parametrize(
    "stamp", ["2026-08-16T20:00:00.000Z", "2026-08-17T06:30:00.000Z", "2026-08-17T06:00:00", "soon", "", None]
)
def test_a_message_that_is_old_or_of_the_future_is_forged(stamp: str | None) -> None:
    assert SnsCheck(TOPIC, Web().fetch)(sns("said", Timestamp=stamp), now=NOW) is Proof.FORGED


def test_a_certificate_that_has_run_out_proves_nothing() -> None:
    web = Web(**{CERTIFICATE_URL: certificate(days=-1)})
    assert SnsCheck(TOPIC, web.fetch)(sns("said"), now=NOW) is Proof.FORGED


@pytest.mark.parametrize("page", [b"", b"no certificate"])
def test_what_is_no_certificate_proves_nothing(page: bytes) -> None:
    assert SnsCheck(TOPIC, Web(**{CERTIFICATE_URL: page}).fetch)(sns("said"), now=NOW) is Proof.FORGED


def test_while_the_certificate_cannot_be_had_the_message_may_come_again() -> None:
    web = Web()
    del web.pages[CERTIFICATE_URL]
    check = SnsCheck(TOPIC, web.fetch)
    assert check(sns("said"), now=NOW) is Proof.UNSURE
    web.pages[CERTIFICATE_URL] = certificate()
    assert check(sns("said"), now=NOW) is Proof.GENUINE


def test_forged_messages_do_not_have_certificates_fetched_without_end() -> None:
    web = Web()
    check = SnsCheck(TOPIC, web.fetch)
    for number in range(100):
        url = CERTIFICATE_URL.replace("0123456789abcdef", f"{number:x}")
        check(changed(sns("said"), SigningCertURL=url), now=NOW)
    assert len(web.asked) == FETCHES_A_MINUTE
    assert check(sns("said"), now=NOW) is Proof.UNSURE
    assert check(sns("said"), now=NOW + MINUTE) is Proof.GENUINE


def test_the_subscription_is_confirmed_where_amazon_says() -> None:
    web = Web()
    assert SnsCheck(TOPIC, web.fetch)(sns("confirm", kind="SubscriptionConfirmation"), now=NOW) is Proof.SETTLED
    assert web.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]


def test_a_subscription_that_cannot_be_confirmed_now_comes_again() -> None:
    web = Web()
    del web.pages[SUBSCRIBE_URL]
    assert SnsCheck(TOPIC, web.fetch)(sns("confirm", kind="SubscriptionConfirmation"), now=NOW) is Proof.UNSURE


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/?Action=ConfirmSubscription&Token=1",
        "https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic&Token=1",
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.eu-west-1.amazonaws.com@example.org/?Action=ConfirmSubscription&Token=1",
        "",
    ],
)
def test_nothing_else_is_asked_for_to_confirm(url: str) -> None:
    web = Web()
    assert (
        SnsCheck(TOPIC, web.fetch)(sns("confirm", kind="SubscriptionConfirmation", SubscribeURL=url), now=NOW) is Proof.FORGED
    )
    assert web.asked == [CERTIFICATE_URL]


def test_the_end_of_a_subscription_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert SnsCheck(TOPIC, Web().fetch)(sns("bye", kind="UnsubscribeConfirmation"), now=NOW) is Proof.SETTLED
    assert "hooks.unsubscribed" in caplog.text


def test_sendgrids_signature_covers_time_and_body() -> None:
    check, post = SendgridCheck(public_key()), sendgrid([{"event": "bounce"}])
    stamp, signature = "x-twilio-email-event-webhook-timestamp", "x-twilio-email-event-webhook-signature"
    assert check(post, now=NOW) is Proof.GENUINE
    later = {**post.headers, stamp: str(int(NOW.timestamp()) + 1)}
    forged = [
        Post(post.headers, post.body + b" "),
        Post(later, post.body),
        Post({**post.headers, signature: ""}, post.body),
        Post({**post.headers, signature: "né"}, post.body),
        Post({**post.headers, stamp: "\ud800"}, post.body),
        Post({stamp: post.headers[stamp]}, post.body),
        Post({}, post.body),
    ]
    assert {check(each, now=NOW) for each in forged} == {Proof.FORGED}


@pytest.mark.parametrize("minutes", [11, -11, 100_000])
def test_sendgrids_post_is_fresh(minutes: int) -> None:
    assert SendgridCheck(public_key())(sendgrid([], at=NOW - minutes * MINUTE), now=NOW) is Proof.FORGED


@pytest.mark.parametrize("key", ["", "no base64!", "AAAA", base64.b64encode(b"x" * 91).decode()])
def test_a_key_that_is_none_is_a_value_error(key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        SendgridCheck(key)


def test_a_key_of_another_kind_is_a_value_error() -> None:
    der = rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert ec_key()
    with pytest.raises(ValueError, match="elliptic"):
        SendgridCheck(base64.b64encode(der).decode())


def test_mailguns_signature_names_the_post_whatever_else_it_says() -> None:
    check, post = MailgunCheck(SECRET), mailgun({"event": "failed"})
    assert check(post, now=NOW) is Proof.GENUINE
    assert check.name_of(post)
    assert check.name_of(changed(post, **{"event-data": {"event": "complained"}})) == check.name_of(post)
    assert check.name_of(mailgun({"event": "failed"}, token="b" * 50)) != check.name_of(post)


def test_what_is_proven_in_the_headers_is_asked_of_them_alone() -> None:
    mark, grid = PostmarkCheck(USER), SendgridCheck(public_key())
    assert mark.may_be(postmark({}).headers)
    assert not mark.may_be(postmark({}, secret="user:wrong").headers)
    assert grid.may_be(sendgrid([]).headers)
    assert [check.may_be({}) for check in (mark, grid, MailgunCheck(SECRET), SnsCheck(TOPIC, Web().fetch))] == [
        False,
        False,
        True,
        True,
    ]


def test_mailguns_signature_covers_time_and_token() -> None:
    post = mailgun({"event": "failed"})
    signed = json.loads(post.body)["signature"]
    wrong: list[object] = ["1", "", None, []]
    forged = [{**signed, name: value} for name in signed for value in wrong]
    assert {MailgunCheck(SECRET)(changed(post, signature=each), now=NOW) for each in forged} == {Proof.FORGED}
    assert MailgunCheck("another key")(post, now=NOW) is Proof.FORGED


@pytest.mark.parametrize(("hours", "proof"), [(0, Proof.GENUINE), (8, Proof.GENUINE), (10, Proof.FORGED), (-1, Proof.FORGED)])
def test_mailguns_post_may_be_as_old_as_its_last_try(hours: int, proof: Proof) -> None:
    assert MailgunCheck(SECRET)(mailgun({}, at=NOW - hours * 60 * MINUTE), now=NOW) is proof


def test_postmarks_post_has_the_password() -> None:
    check = PostmarkCheck("user:pässword:1")
    assert check(postmark({}, secret="user:pässword:1"), now=NOW) is Proof.GENUINE
    for header in ("", "Basic", "Basic !", "Bearer dXNlcjpwYXNz", "Basic dXNlcjpwYXNz", "basic  "):
        assert check(Post({"authorization": header}, b"{}"), now=NOW) is Proof.FORGED
    assert check(Post({}, b"{}"), now=NOW) is Proof.FORGED
