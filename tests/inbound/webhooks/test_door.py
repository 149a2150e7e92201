from __future__ import annotations

import logging
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from newsletter.clock import ManualClock
from newsletter.config import HttpConfig, WebhookConfig
from newsletter.database import Database
from newsletter.errors import ConfigError
from newsletter.inbound.errors import InboundTooLarge
from newsletter.inbound.model import Arrival, Kept, Via
from newsletter.inbound.store import InboundStore
from newsletter.inbound.webhooks.door import HookDoor
from newsletter.inbound.webhooks.fetching import MAX_BYTES, FetchError, GuardedFetch
from newsletter.inbound.webhooks.model import Post
from tests.inbound.entrances.listening import Shelf
from tests.inbound.webhooks.posts import NOW, SECRET, TOPIC, USER, Web, changed, mailgun, postmark, public_key, sendgrid, sns

CONFIG = {
    "amazon": WebhookConfig(provider="ses", topic_arn=TOPIC),
    "grid": WebhookConfig(provider="sendgrid", public_key=public_key()),
    "gun": WebhookConfig(provider="mailgun", secret=SecretStr(SECRET)),
    "mark": WebhookConfig(provider="postmark", secret=SecretStr(USER)),
}
POSTS = {"amazon": sns("said"), "grid": sendgrid([]), "gun": mailgun({}), "mark": postmark({})}


def door(shelf: Shelf, clock: ManualClock | None = None) -> HookDoor:
    return HookDoor(CONFIG, shelf.keep, clock or ManualClock(NOW), kept=shelf.wake, fetch=Web().fetch)


@pytest.mark.parametrize(
    ("name", "via"), [("amazon", Via.SES), ("grid", Via.SENDGRID), ("gun", Via.MAILGUN), ("mark", Via.POSTMARK)]
)
def test_a_genuine_post_is_kept_whole_before_it_is_answered(name: str, via: Via) -> None:
    shelf = Shelf()
    assert door(shelf).take(name, POSTS[name]) == HTTPStatus.OK
    (kept,) = shelf.mails
    assert (kept.raw, kept.via, kept.envelope_from, kept.recipients) == (POSTS[name].body, via, None, ())
    assert shelf.woken == 1


def test_the_secret_of_one_webhook_opens_no_other() -> None:
    shelf = Shelf()
    for name in CONFIG:
        for other, post in POSTS.items():
            if name != other:
                assert door(shelf).take(name, post) == HTTPStatus.FORBIDDEN
    assert shelf.mails == []


def test_an_unknown_name_is_nowhere() -> None:
    assert door(Shelf()).take("nobody", POSTS["gun"]) == HTTPStatus.NOT_FOUND


def test_forged_posts_are_refused_and_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    shelf, clock = Shelf(), ManualClock(NOW)
    taking = door(shelf, clock)
    for _ in range(100):
        assert taking.take("grid", Post({}, b"ada@example.org")) == HTTPStatus.FORBIDDEN
    assert [record.getMessage() for record in caplog.records] == [
        "hooks.not_genuine hook=grid posts=1 hint=check-secret-and-clock"
    ]
    clock.advance(timedelta(minutes=1))
    taking.take("grid", Post({}, b""))
    assert "posts=100" in caplog.records[-1].getMessage()
    assert shelf.mails == []


def test_a_post_that_cannot_be_stored_comes_again_and_is_taken_then(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(fails=OperationalError("INSERT", {}, Exception("ada@example.org")))
    taking, post = door(shelf), mailgun({"event": "failed"})
    assert taking.take("gun", post) == HTTPStatus.SERVICE_UNAVAILABLE
    shelf.fails = None
    assert taking.take("gun", changed(post, more=1)) == HTTPStatus.OK
    assert "hooks.not_stored hook=gun error=OperationalError" in caplog.text
    assert "example.org" not in caplog.text


def test_mailguns_post_is_kept_under_its_signature_and_the_others_under_what_they_say() -> None:
    shelf = Shelf()
    for name, post in POSTS.items():
        assert door(shelf).take(name, post) == HTTPStatus.OK
    assert [bool(kept.named) for kept in shelf.mails] == [kept.via is Via.MAILGUN for kept in shelf.mails]


def test_a_wrong_password_is_told_without_the_body(caplog: pytest.LogCaptureFixture) -> None:
    taking = door(Shelf())
    assert taking.may_take("mark", POSTS["mark"].headers)
    assert not taking.may_take("mark", postmark({}, secret="user:wrong").headers)
    assert "hooks.not_genuine hook=mark" in caplog.text
    assert not taking.may_take("nobody", {})


def test_one_token_is_one_post_for_every_process_and_after_each_restart(database: Database) -> None:
    def keep(arrival: Arrival) -> Kept:
        with database.write() as session:
            return InboundStore(session).keep(arrival, now=NOW)

    post = mailgun({"event": "failed"})
    for said in (post, changed(post, more=1), post):
        made = HookDoor(CONFIG, keep, ManualClock(NOW), kept=lambda: None, fetch=Web().fetch)
        assert made.take("gun", said) == HTTPStatus.OK
    with database.read() as session:
        (record,) = InboundStore(session).latest()
        stored = InboundStore(session).stored(record.id)
    assert stored is not None
    assert stored.arrival.raw == post.body


def test_a_post_larger_than_mails_may_be_is_refused() -> None:
    shelf = Shelf(fails=InboundTooLarge(2, 1))
    assert door(shelf).take("gun", POSTS["gun"]) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_a_subscription_is_confirmed_and_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    shelf = Shelf()
    assert door(shelf).take("amazon", sns("confirm", kind="SubscriptionConfirmation")) == HTTPStatus.OK
    assert shelf.mails == []
    assert "hooks.subscribed" in caplog.text


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"provider": "ses"}, "topic_arn: not the ARN"),
        ({"provider": "ses", "topic_arn": "arn:aws:sqs:eu-west-1:123456789012:mail"}, "topic_arn: not the ARN"),
        ({"provider": "sendgrid"}, "public_key: not a key"),
        ({"provider": "mailgun"}, "set secret_file"),
        ({"provider": "postmark", "secret": "no colon"}, "USER:PASSWORD"),
        ({"provider": "postmark", "secret": ""}, "set secret_file"),
    ],
)
def test_a_webhook_that_could_prove_nothing_is_an_error(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        HookDoor({"one": WebhookConfig(**settings)}, Shelf().keep, ManualClock(NOW), kept=print, fetch=Web().fetch)
    assert "inbound.webhooks.one" in str(caught.value)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n", encoding="utf-8")
    config = {"gun": WebhookConfig(provider="mailgun", secret_file=tmp_path / "secret")}
    shelf = Shelf()
    made = HookDoor(config, shelf.keep, ManualClock(NOW), kept=shelf.wake, fetch=Web().fetch)
    assert made.take("gun", mailgun({})) == HTTPStatus.OK


def answering(status: int, body: bytes = b"", **headers: str) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(status, stream=httpx.ByteStream(body), headers=headers))


def test_what_is_fetched_is_small_and_from_where_it_was_asked_for() -> None:
    url = "https://sns.eu-west-1.amazonaws.com/x.pem"
    assert GuardedFetch(HttpConfig(), answering(200, b"x" * MAX_BYTES))(url) == b"x" * MAX_BYTES
    for transport, problem in [
        (answering(200, b"x" * (MAX_BYTES + 1)), "too-large"),
        (answering(302, location="https://example.org/"), "status-302"),
        (answering(404), "status-404"),
    ]:
        with pytest.raises(FetchError, match=problem):
            GuardedFetch(HttpConfig(), transport)(url)


@pytest.mark.parametrize(
    "url", ["http://sns.eu-west-1.amazonaws.com/", "https://127.0.0.1/", "https://[::1]/", "https://localhost:8443/"]
)
def test_nothing_is_fetched_from_inside(url: str) -> None:
    with pytest.raises(FetchError, match=r"no-public-address|no-answer"):
        GuardedFetch(HttpConfig())(url)
