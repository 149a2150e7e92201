from __future__ import annotations

from datetime import timedelta

from newsletter.clock import ManualClock
from newsletter.config import SignUpConfig
from newsletter.database import Database
from subscribers.model import NoticeKind, SubscriberState
from tests.web.house import House, house
from tests.web.serving import PAPERS, ROBOTS


def ask(home: House, address: str = "new@example.org", **wishes: object) -> str:
    """Sign up and return the path of the link in the mail that comes of it."""
    assert home.client.post("/subscribe", json={"address": address, **wishes}).status_code == 200
    (notice,) = home.receive()
    return home.confirm_path(notice)


def state(home: House, address: str = "new@example.org") -> SubscriberState:
    return home.deps.subscribers.find(address).state


def test_the_page_asks_and_its_button_confirms(home: House) -> None:
    path = ask(home, cadence="weekly", hour=7, zone="Europe/Berlin", topics=["cs.CL"], keywords=["free words"])
    page = home.client.get(path)
    assert page.status_code == 200
    assert "Get Trending Papers every Friday at 07:00 (Europe/Berlin)?" in page.text
    assert "Computation and language" in page.text
    assert "free words" not in page.text
    assert page.text.count("<button") == 1
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert home.client.head(path).status_code == 200
    assert state(home) is SubscriberState.PENDING
    done = home.client.post(path)
    assert (done.status_code, "set-cookie" in done.headers) == (200, False)
    assert "You are on the list" in done.text
    assert state(home) is SubscriberState.ACTIVE
    assert home.notices.kinds == [NoticeKind.CONFIRM, NoticeKind.WELCOME]


def test_confirming_again_answers_the_same_and_changes_nothing(home: House) -> None:
    path = ask(home)
    first = home.client.post(path)
    again = home.client.post(path)
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert "You are on the list" in home.client.get(path).text
    assert home.notices.kinds.count(NoticeKind.WELCOME) == 1


def test_an_old_or_unknown_link_says_how_to_begin_anew(home: House, clock: ManualClock) -> None:
    path = ask(home)
    clock.advance(SignUpConfig().confirm_within + timedelta(seconds=1))
    answers = [home.client.get(path), home.client.post(path), home.client.get("/confirm/x"), home.client.post("/confirm/%00")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert "This link opens nothing any more" in answers[0].text
    assert state(home) is SubscriberState.PENDING


def test_after_leaving_an_old_link_brings_nobody_back(home: House) -> None:
    path = ask(home)
    home.client.post(path)
    leave = home.path("unsubscribe", home.deps.subscribers.find("new@example.org"))
    home.client.post(leave, data={"List-Unsubscribe": "One-Click"})
    assert home.client.post(path).status_code in {200, 404}
    assert state(home) is SubscriberState.UNSUBSCRIBED


def test_the_token_opens_nothing_else(home: House) -> None:
    token = ask(home).rpartition("/")[2]
    for page in ("preferences", "unsubscribe", "feedback"):
        assert home.client.get(f"/{page}/{token}?paper=1").status_code == 404


def test_a_new_address_is_confirmed_from_there(home: House) -> None:
    reader = home.subscribe()
    home.deps.confirmations.ask_address(reader.id, "moved@example.org")
    (notice,) = home.notices.put_in
    path = home.confirm_path(notice)
    assert "Send the mails here from now on?" in home.client.get(path).text
    assert state(home, "reader@example.org") is SubscriberState.ACTIVE
    done = home.client.post(path)
    assert "The mails come here now" in done.text
    assert home.deps.subscribers.find(reader.id).address == "moved@example.org"
    assert home.calls["wake"] == 1


def test_an_address_with_a_subscription_of_its_own_stays_as_it_is(home: House) -> None:
    reader = home.subscribe()
    home.deps.confirmations.ask_address(reader.id, "other@example.org")
    path = home.confirm_path(home.notices.put_in[-1])
    home.subscribe("other@example.org")
    answer = home.client.post(path)
    assert "This address has its own subscription" in answer.text
    assert home.deps.subscribers.find(reader.id).address == "reader@example.org"


def test_the_page_is_headed_by_its_own_newsletter(database: Database, clock: ManualClock) -> None:
    with house(database, clock, newsletters={"papers": PAPERS, "robots": ROBOTS}) as home:
        path = ask(home, newsletter="robots")
        assert "Get Robot Papers every day" in home.client.get(path).text
        assert ">Robot Papers</a>" in home.client.post(path).text


def test_a_newsletter_that_is_gone_meanwhile_cannot_be_confirmed(database: Database, clock: ManualClock) -> None:
    with house(database, clock, newsletters={"papers": PAPERS, "robots": ROBOTS}) as home:
        path = ask(home, newsletter="robots")
    with house(database, clock) as home:
        assert home.client.get(path).status_code == 404
        assert home.client.post(path).status_code == 404
