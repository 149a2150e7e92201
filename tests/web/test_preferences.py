from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from newsletter.clock import ManualClock
from newsletter.config import FieldConfig
from newsletter.database import Database
from subscribers.mailboxes import MailboxStore
from subscribers.model import (
    Cadence,
    Choices,
    Interests,
    NoticeKind,
    Subscriber,
    SubscriberState,
    Subscription,
    SuppressionReason,
    Taste,
)
from subscribers.suppression import Hasher
from tests.web.house import House, house
from tests.web.serving import PAPERS, ROBOTS, SECRET

CHOICES = Choices(
    Cadence.WEEKLY,
    7,
    "Europe/Berlin",
    Interests(("cs.CL",), ("diffusion; models", "x"), ("Ada Example",), ("Lab",), ("crypto",)),
    7,
)


@pytest.fixture
def two(database: Database, clock: ManualClock) -> Iterator[House]:
    """Pages of two newsletters."""
    with house(database, clock, newsletters={"papers": PAPERS, "robots": ROBOTS}) as made:
        yield made


def gets(home: House, who: Subscriber, newsletter: str = "papers") -> Subscription | None:
    held = home.deps.subscribers.held(who.id)
    return next((found for found in held.subscriptions if found.newsletter == newsletter), None)


def act(home: House, who: Subscriber, **form: object) -> httpx.Response:
    return home.client.post(home.path("preferences", who), data={"newsletter": "papers", **form})


def test_the_page_shows_what_was_chosen_and_changes_nothing(home: House) -> None:
    reader = home.subscribe(choices=CHOICES)
    path = home.path("preferences", reader)
    before = home.deps.subscribers.held(reader.id)
    page = home.client.get(path)
    assert page.status_code == 200
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    text = html.unescape(page.text)
    for shown in (
        "reader@example.org",
        'value="weekly" checked',
        'value="Europe/Berlin"',
        'value="cs.CL" checked',
        '""diffusion; models"; x"',
        'value="Ada Example"',
        'value="Lab"',
        'value="crypto"',
        "It comes every Friday at 07:00 (Europe/Berlin)",
    ):
        assert shown in text, shown
    assert home.client.head(path).status_code == 200
    assert home.deps.subscribers.held(reader.id) == before


def test_choices_are_saved_and_shown_again(home: House) -> None:
    reader = home.subscribe()
    page = act(
        home,
        reader,
        act="choices",
        cadence="weekly",
        hour="7",
        zone="Europe/Berlin",
        topics="cs.CL",
        keywords='"diffusion; models"; x',
        authors="Ada Example",
        labs="Lab",
        muted="crypto",
        size="7",
    )
    assert page.status_code == 200
    assert 'role="status"' in page.text
    assert "every Friday at 07:00 (Europe/Berlin)" in page.text
    found = gets(home, reader)
    assert found is not None
    assert found.choices == CHOICES


def test_what_is_wrong_is_said_beside_it_and_nothing_is_saved(home: House) -> None:
    reader = home.subscribe(choices=CHOICES)
    page = act(home, reader, act="choices", cadence="hourly", hour="8", zone="Europe/Berln", keywords="kept", size="99")
    assert page.status_code == 422
    for name in ("cadence", "zone", "size"):
        assert f'href="#papers-{name}"' in page.text
        assert f'id="papers-{name}-problem"' in page.text
    assert 'value="kept"' in page.text
    assert "did you mean Europe/Berlin?" in page.text
    found = gets(home, reader)
    assert found is not None
    assert found.choices == CHOICES


def test_own_fields_are_on_the_page(database: Database, clock: ManualClock) -> None:
    own = {"lab": FieldConfig(label="Where you work"), "since": FieldConfig(kind="date")}
    with house(database, clock, newsletters={"papers": PAPERS.model_copy(update={"fields": own})}) as home:
        reader = home.subscribe()
        wrong = act(home, reader, act="choices", **{"field-since": "yesterday"})
        assert wrong.status_code == 422
        assert 'id="papers-field-since-problem"' in wrong.text
        right = act(home, reader, act="choices", **{"field-since": "2026-08-01", "field-lab": "Example Lab"})
        assert right.status_code == 200
        found = gets(home, reader)
        assert found is not None
        assert found.fields == (("lab", "Example Lab"), ("since", "2026-08-01"))
        assert 'value="Example Lab"' in home.client.get(home.path("preferences", reader)).text


def test_a_pause_ends_on_the_day_that_was_chosen_in_the_readers_zone(home: House) -> None:
    reader = home.subscribe(choices=CHOICES)
    page = act(home, reader, act="pause", until="2026-09-01")
    assert "Mails come again from Tuesday 1 September 2026" in page.text
    found = gets(home, reader)
    assert found is not None
    assert found.paused_until == datetime(2026, 8, 31, 22, 0, tzinfo=UTC)
    assert "31 August" in act(home, reader, act="pause", **{"for": "14"}).text
    assert "comes again" in act(home, reader, act="resume").text
    found = gets(home, reader)
    assert found is not None
    assert found.paused_until is None


@pytest.mark.parametrize("until", ["", "2026-08-17", "2026-08-01", "2027-08-20", "soon", "9999-12-31", "0001-01-01"])
def test_a_pause_has_an_end_within_a_year(home: House, until: str) -> None:
    reader = home.subscribe()
    page = act(home, reader, act="pause", until=until)
    assert page.status_code == 422
    assert 'id="papers-until-problem"' in page.text
    found = gets(home, reader)
    assert found is not None
    assert found.paused_until is None


def test_a_person_whose_mails_are_all_paused_can_end_that(home: House) -> None:
    reader = home.subscribe()
    home.deps.subscribers.pause(reader.id)
    assert "All mails are paused" in home.client.get(home.path("preferences", reader)).text
    page = home.client.post(home.path("preferences", reader), data={"act": "resume"})
    assert "Mails come again." in page.text
    assert home.deps.subscribers.find(reader.id).state is SubscriberState.ACTIVE


def end_mailbox(home: House, reader: Subscriber, reason: str = "", status: str = "") -> None:
    with home.database.write() as session:
        mailboxes = MailboxStore(session, Hasher(SECRET))
        mailboxes.end(reader, reason=reason, status=status, now=home.clock.now())


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "Mails to you came back as undeliverable."),
        ("userunknown", "we were told that there is no such mailbox"),
        ("mailboxfull", "your mailbox was full"),
    ],
)
def test_a_person_whose_mails_came_back_reads_why_and_since_when(home: House, reason: str, words: str) -> None:
    reader = home.subscribe(choices=Choices(zone="Asia/Tokyo"))
    home.clock.advance(timedelta(hours=12))
    end_mailbox(home, reader, reason, "5.1.1" if reason else "")
    page = home.client.get(home.path("preferences", reader)).text
    assert words in page
    assert "stopped on Tuesday 18 August 2026" in page, "the day it was in their own zone"
    assert home.deps.subscribers.find(reader.id).state is SubscriberState.BOUNCED, "looking changes nothing"


def test_a_person_whose_mails_came_back_can_have_them_sent_again(two: House) -> None:
    chosen = Choices(cadence=Cadence.WEEKLY, local_hour=18, zone="Europe/Berlin", size=7)
    reader = two.subscribe(choices=chosen)
    two.subscribe(newsletter="robots")
    before = gets(two, reader), gets(two, reader, "robots")
    end_mailbox(two, reader, "mailboxfull", "4.2.2")
    again = two.client.post(two.path("preferences", reader), data={"act": "start-again"})
    assert again.status_code == 200
    assert "Mails come again, as you had chosen them." in again.text
    assert "No mails are sent to you" not in again.text
    assert two.deps.subscribers.find(reader.id).state is SubscriberState.ACTIVE
    assert not two.deps.subscribers.is_suppressed(reader.address)
    assert (gets(two, reader), gets(two, reader, "robots")) == before
    assert two.client.post(two.path("preferences", reader), data={"act": "start-again"}).status_code == 200


def test_who_complained_or_left_all_cannot_start_again_with_the_button(home: House) -> None:
    reader = home.subscribe()
    with home.database.write() as session:
        MailboxStore(session, Hasher(SECRET)).complained(reader, now=home.clock.now())
    page = home.client.get(home.path("preferences", reader)).text
    assert "you marked one as spam" in page
    assert "start-again" not in page
    refused = home.client.post(home.path("preferences", reader), data={"act": "start-again"})
    assert refused.status_code == 422
    assert "stopped for good" in refused.text
    assert home.deps.subscribers.find(reader.id).state is SubscriberState.COMPLAINED
    other = home.subscribe("other@example.org")
    act(home, other, act="leave")
    gone = home.client.post(home.path("preferences", other), data={"act": "start-again"})
    assert gone.status_code == 422
    assert home.deps.subscribers.find(other.id).state is SubscriberState.UNSUBSCRIBED


def test_leaving_and_coming_back_on_the_same_page(home: House) -> None:
    reader = home.subscribe()
    left = act(home, reader, act="leave")
    assert "You are off the list of Trending Papers" in left.text
    assert "You get nothing from us" in left.text
    assert home.deps.subscribers.find(reader.id).state is SubscriberState.UNSUBSCRIBED
    again = act(home, reader, act="choices", cadence="daily")
    assert again.status_code == 422
    assert "there was nothing to change" in again.text
    back = act(home, reader, act="subscribe")
    assert "You get Trending Papers, every day at 08:00 (UTC)" in back.text
    held = home.deps.subscribers.held(reader.id)
    assert held.subscriber.state is SubscriberState.ACTIVE
    assert held.consents[-1].wording == PAPERS.wording


def test_another_newsletter_can_be_had_and_each_has_its_own_form(two: House) -> None:
    reader = two.subscribe()
    assert "Get Robot Papers" in two.client.get(two.path("preferences", reader)).text
    assert act(two, reader, act="subscribe", newsletter="robots").status_code == 200
    act(two, reader, act="choices", newsletter="robots", cadence="monthly", zone="Asia/Tokyo")
    robots, papers = gets(two, reader, "robots"), gets(two, reader)
    assert robots is not None
    assert papers is not None
    assert (robots.cadence, robots.zone) == (Cadence.MONTHLY, "Asia/Tokyo")
    assert papers.cadence is Cadence.DAILY
    page = two.client.get(two.path("preferences", reader))
    assert 'id="papers-zone"' in page.text
    assert 'id="robots-zone"' in page.text
    assert len(page.content) + len(two.client.get("/static/site.css").content) < 60_000


def test_mails_that_were_stopped_for_good_do_not_come_back(home: House) -> None:
    reader = home.subscribe()
    act(home, reader, act="leave")
    home.deps.subscribers.suppress("reader@example.org", SuppressionReason.OPERATOR)
    page = act(home, reader, act="subscribe")
    assert page.status_code == 422
    assert "stopped for good" in page.text
    assert gets(home, reader) is None


def test_a_new_address_is_asked_to_confirm_and_every_address_gets_the_same_answer(home: House) -> None:
    reader = home.subscribe()
    home.subscribe("known@example.org")
    answers = [
        act(home, reader, act="address", address=who) for who in ("moved@example.org", "known@example.org", "no address")
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert all("A mail with a link is on its way" in answer.text for answer in answers)
    assert NoticeKind.CONFIRM_ADDRESS in home.notices.kinds
    assert home.deps.subscribers.find(reader.id).address == "reader@example.org"
    assert act(home, reader, act="address", address=" ").status_code == 422


def test_everything_that_is_held_is_one_file(home: House) -> None:
    reader, seq = home.subscribe(choices=CHOICES), home.add_paper()
    home.deps.links.say(reader.id, seq, Taste.MORE)
    path = home.path("preferences", reader)
    answer = home.client.post(path, data={"act": "download"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="what-we-hold.json"'
    held = answer.json()
    assert held["address"] == "reader@example.org"
    assert held["opinions"][0]["taste"] == "more"
    assert held["subscriptions"][0]["zone"] == "Europe/Berlin"


def test_opinions_can_be_forgotten(home: House) -> None:
    reader, seq = home.subscribe(), home.add_paper()
    home.deps.links.say(reader.id, seq, Taste.MORE)
    assert "what you said of 1 paper:" in home.client.get(home.path("preferences", reader)).text
    act(home, reader, act="forget-opinions")
    assert home.deps.links.opinion(reader.id, seq) is None


def test_erasing_needs_a_tick_and_ends_every_link(home: House) -> None:
    reader = home.subscribe()
    paths = [home.path(page, reader) for page in ("preferences", "unsubscribe", "feedback")]
    assert act(home, reader, act="erase").status_code == 422
    assert home.deps.subscribers.find(reader.id).state is SubscriberState.ACTIVE
    page = act(home, reader, act="erase", sure="yes")
    assert page.status_code == 200
    assert "You are forgotten" in page.text
    assert "reader@example.org" not in page.text
    assert home.calls["forget"] == 1
    assert home.deps.subscribers.find(reader.id).state is SubscriberState.ERASED
    anything = {"act": "erase", "sure": "yes", "like": "more", "List-Unsubscribe": "One-Click"}
    for path in paths:
        assert home.client.get(path, params={"paper": "1"}).status_code == 404
        assert home.client.post(path, data=anything).status_code == 404


def test_what_no_form_of_the_page_sends_is_refused(home: House) -> None:
    reader = home.subscribe()
    assert act(home, reader).status_code == 400
    assert act(home, reader, act="become-admin").status_code == 400
    assert act(home, reader, act="choices", newsletter="none").status_code == 400
    for path in ("/preferences/x", "/preferences/" + "k" * 32):
        assert home.client.get(path).status_code == 404
        assert home.client.post(path, data={"act": "download"}).status_code == 404


def test_the_token_opens_no_other_page(home: House) -> None:
    token = home.path("preferences", home.subscribe()).rpartition("/")[2]
    for page in ("unsubscribe", "confirm", "feedback"):
        assert home.client.get(f"/{page}/{token}?paper=1").status_code == 404


def test_what_a_reader_wrote_is_text_on_the_page(home: House) -> None:
    reader = home.subscribe(choices=Choices(interests=Interests(keywords=('"><script>x</script>', "{{ 7*7 }}"))))
    page = home.client.get(home.path("preferences", reader)).text
    assert "<script>" not in page
    assert "{{ 7*7 }}" in page
