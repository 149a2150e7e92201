from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.model import Cadence, Choices, ConsentEvent, Subscriber, SubscriberState, Subscription
from tests.web.house import House, house
from tests.web.serving import PAPERS, ROBOTS

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
GARBAGE = [
    "x",
    "k" * 31,
    "k" * 32,
    "k" * 33,
    "k" * 32 + "/",
    "k" * 32 + "/x",
    "%00",
    "%ff%fe",
    "..%2f..",
    "k" * 5000,
    "{{7*7}}",
    "%0d%0aSet-Cookie:%20a=b",
]


def gets(home: House, who: Subscriber, newsletter: str = "papers") -> Subscription | None:
    held = home.deps.subscribers.held(who.id)
    return next((found for found in held.subscriptions if found.newsletter == newsletter), None)


def test_looking_at_the_link_changes_nothing(home: House) -> None:
    reader = home.subscribe()
    path = home.path("unsubscribe", reader)
    page = home.client.get(f"{path}?List-Unsubscribe=One-Click&instead=monthly")
    assert page.status_code == 200
    assert page.text.index("Unsubscribe</button>") < page.text.index("Or only fewer")
    assert home.client.head(path).status_code == 200
    for method in ("OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND"):
        answer = home.client.request(method, path, data=ONE_CLICK)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert home.deps.subscribers.held(reader.id).subscriptions[0].cadence is Cadence.DAILY


def test_one_click_acts_at_once_and_again_without_harm(home: House) -> None:
    reader = home.subscribe()
    path = home.path("unsubscribe", reader)
    answers = [home.client.post(path, data=ONE_CLICK) for _ in range(2)]
    answers.append(home.client.post(path, files={"List-Unsubscribe": (None, "One-Click")}))
    for answer in answers:
        assert answer.status_code == 200
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert "You are off the list" in answer.text
    held = home.deps.subscribers.held(reader.id)
    assert held.subscriber.state is SubscriberState.UNSUBSCRIBED
    assert [consent.event for consent in held.consents].count(ConsentEvent.WITHDRAWN) == 1
    assert "You are off the list" in home.client.get(path).text


def test_a_post_that_is_neither_changes_nothing(home: House) -> None:
    reader = home.subscribe()
    path = home.path("unsubscribe", reader)
    for body in (
        {"List-Unsubscribe": "No"},
        {"x": "1"},
        {"instead": "hourly"},
        {"instead": "pause-9999"},
        {"instead": "pause-"},
    ):
        assert home.client.post(path, data=body).status_code == 400
    assert home.client.post(path).status_code == 415
    assert gets(home, reader) is not None


def test_every_unknown_link_gets_one_and_the_same_answer(home: House) -> None:
    looked = [home.client.get(f"/unsubscribe/{garbage}") for garbage in GARBAGE]
    acted = [home.client.post(f"/unsubscribe/{garbage}", data=ONE_CLICK) for garbage in GARBAGE]
    answers = {
        (answer.status_code, answer.text, tuple(item for item in answer.headers.items() if item[0] != "date"))
        for answer in (*looked, *acted)
    }
    assert len(answers) == 1
    assert looked[0].status_code == 404
    assert "Nothing here" in looked[0].text


@pytest.mark.parametrize("wanted", ["weekly", "pause-14"])
def test_fewer_mails_can_be_had_instead(home: House, clock: ManualClock, wanted: str) -> None:
    reader = home.subscribe()
    path = home.path("unsubscribe", reader)
    answer = home.client.post(path, data={"instead": wanted})
    assert answer.status_code == 200
    found = gets(home, reader)
    assert found is not None
    if wanted == "weekly":
        assert found.cadence is Cadence.WEEKLY
        assert "every Friday at 08:00 (UTC)" in answer.text
    else:
        assert found.paused_until == clock.now() + timedelta(days=14)
        assert "Monday 31 August 2026" in answer.text
    assert home.client.post("/unsubscribe/" + "k" * 32, data={"instead": wanted}).status_code == 404


def test_only_rarer_mails_are_offered_and_taken(home: House) -> None:
    reader = home.subscribe(choices=Choices(cadence=Cadence.WEEKLY))
    path = home.path("unsubscribe", reader)
    page = home.client.get(path).text
    assert 'value="monthly"' in page
    assert 'value="weekdays"' not in page
    assert "every Friday" in home.client.post(path, data={"instead": "weekdays"}).text
    found = gets(home, reader)
    assert found is not None
    assert found.cadence is Cadence.WEEKLY


def test_the_link_is_about_its_own_newsletter_alone(database: Database, clock: ManualClock) -> None:
    with house(database, clock, newsletters={"papers": PAPERS, "robots": ROBOTS}) as home:
        reader = home.subscribe()
        home.subscribe(newsletter="robots")
        path = home.path("unsubscribe", reader, "robots")
        assert ">Robot Papers</a>" in home.client.get(path).text
        assert ">Robot Papers</a>" in home.client.post(path, data=ONE_CLICK).text
        assert gets(home, reader) is not None
        assert gets(home, reader, "robots") is None
        # A newsletter that is configured no longer can still be left.
    with house(database, clock, newsletters={"robots": ROBOTS}) as home:
        path = home.path("unsubscribe", reader)
        assert home.client.get(path).status_code == 200
        assert home.client.post(path, data=ONE_CLICK).status_code == 200
        assert gets(home, reader) is None


def test_the_token_opens_nothing_else(home: House) -> None:
    token = home.path("unsubscribe", home.subscribe()).rpartition("/")[2]
    for page in ("preferences", "confirm", "feedback"):
        assert home.client.get(f"/{page}/{token}?paper=1").status_code == 404
