"""Readers come, choose, and leave: the whole program from outside, over HTTP and SMTP, on both databases."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import MetaData

from newsletter.app import App
from newsletter.clock import ManualClock
from subscribers.model import SubscriberState, SuppressionReason
from tests.browser import DESKTOP, PHONE, Chromium, Visit
from tests.flow import account, build, mails, numbered, send, served, subscribe, take_in, text_of, wait_for

#: Tables that say who reads what and where mail goes: what a visit by GET must leave as it was.
READER_TABLES = (
    "subscriber",
    "subscription",
    "consent",
    "suppression",
    "wish",
    "address_change",
    "opinion",
    "sign_up",
    "mail_limit",
    "notice",
    "delivery",
)
#: The long runs of ``make torture``; the suite has a small version of each.
TORTURE = bool(os.environ.get("TORTURE"))
CRAWLED = 200 if TORTURE else 30


@pytest.fixture
def house(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[tuple[App, str]]:
    """The program with an issue's worth of papers, and the address of its pages."""
    with served(tmp_path, database_url, clock) as (app, address):
        take_in(app, tmp_path, numbered(1, 9))
        yield app, address


def mails_to(app: App, recipient: str) -> list[EmailMessage]:
    return [mail for mail in mails(app) if mail["To"] == recipient]


def next_mail(app: App, recipient: str, *, before: int) -> EmailMessage:
    """Wait for the mail after the first ``before`` ones to ``recipient``."""
    return wait_for(lambda: mails_to(app, recipient)[before:])[0]


def links_in(mail: EmailMessage, address: str) -> set[str]:
    """Every address of ours in a mail: header, text and HTML."""
    texts = [str(mail.get("List-Unsubscribe", "")), text_of(mail), text_of(mail, "html").replace("&amp;", "&")]
    return set(re.findall(rf"{re.escape(address)}/[^\s\"'<>)]*", " ".join(texts)))


def link(mail: EmailMessage, address: str, page: str) -> str:
    found = {url for url in links_in(mail, address) if url.startswith(f"{address}/{page}/")}
    assert len(found) == 1, found
    return found.pop()


def sign_up(address: str, recipient: str, **wishes: object) -> httpx.Response:
    return httpx.post(f"{address}/subscribe", json={"address": recipient, **wishes})


def tables_of(app: App, names: tuple[str, ...] | None = None) -> dict[str, list[Any]]:
    """Every row of the named tables, or of all."""
    metadata = MetaData()
    with app.database.engine.connect() as connection:
        metadata.reflect(connection)
        return {
            table.name: [tuple(row) for row in connection.execute(table.select().order_by(*table.primary_key))]
            for table in metadata.sorted_tables
            if names is None or table.name in names
        }


def test_a_reader_comes_chooses_leaves_and_comes_back(house: tuple[App, str], clock: ManualClock) -> None:
    app, address = house
    build(app)
    assert sign_up(address, "you@example.org", cadence="weekly").status_code == 200
    confirm = link(next_mail(app, "you@example.org", before=0), address, "confirm")
    assert app.subscribers.find("you@example.org").state is SubscriberState.PENDING

    assert httpx.get(confirm).status_code == 200
    assert app.subscribers.find("you@example.org").state is SubscriberState.PENDING
    assert httpx.post(confirm).status_code == 200
    assert app.subscribers.find("you@example.org").state is SubscriberState.ACTIVE
    welcome = next_mail(app, "you@example.org", before=1)
    assert "Paper 1" in text_of(welcome)

    choices = link(welcome, address, "preferences")
    page = httpx.get(choices)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"

    leave = link(welcome, address, "unsubscribe")
    assert httpx.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert app.subscribers.find("you@example.org").state is SubscriberState.UNSUBSCRIBED
    assert httpx.post(confirm).status_code == 404
    assert app.subscribers.find("you@example.org").state is SubscriberState.UNSUBSCRIBED, "an old link brought somebody back"

    clock.advance(timedelta(hours=1))
    assert sign_up(address, "you@example.org").status_code == 200
    again = link(next_mail(app, "you@example.org", before=2), address, "confirm")
    assert httpx.post(again).status_code == 200
    assert app.subscribers.find("you@example.org").state is SubscriberState.ACTIVE


def test_the_next_issue_brings_nothing_the_welcome_brought(house: tuple[App, str], tmp_path: Path, clock: ManualClock) -> None:
    app, address = house
    build(app)
    sign_up(address, "you@example.org")
    httpx.post(link(next_mail(app, "you@example.org", before=0), address, "confirm"))
    welcome = next_mail(app, "you@example.org", before=1)
    clock.advance(timedelta(days=1))
    take_in(app, tmp_path, numbered(10, 12))
    issue = build(app).issue
    assert issue is not None
    send(app, issue)
    digest = mails_to(app, "you@example.org")[2]
    in_welcome, in_digest = (set(re.findall(r"Paper \d+", text_of(mail))) for mail in (welcome, digest))
    assert in_welcome
    assert in_digest
    assert not in_welcome & in_digest


@pytest.mark.parametrize("is_multipart", [False, True])
def test_one_click_ends_it_twice_and_the_next_send_leaves_the_reader_out(house: tuple[App, str], *, is_multipart: bool) -> None:
    app, _ = house
    subscribe(app, "goes@example.org", "stays@example.org")
    first = build(app).issue
    assert first is not None
    send(app, first)
    header = str(mails_to(app, "goes@example.org")[0]["List-Unsubscribe"])
    url = re.findall(r"<(http[^>]+)>", header)[0]
    form: dict[str, Any] = (
        {"files": {"List-Unsubscribe": (None, "One-Click")}} if is_multipart else {"data": {"List-Unsubscribe": "One-Click"}}
    )
    for _ in range(2):
        answer = httpx.post(url, **form, follow_redirects=False)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    app.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]  # the test's clock
    second = build(app).issue
    assert second is not None
    send(app, second)
    assert len(mails_to(app, "goes@example.org")) == 1
    assert len(mails_to(app, "stays@example.org")) == 2
    assert account(app, second).audience == 1


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_in_a_browser_from_the_form_through_the_inbox_and_back(
    house: tuple[App, str], clock: ManualClock, chromium: Chromium, *, width: int, javascript: bool
) -> None:
    app, address = house
    build(app)
    you = "you@example.org"

    def look(visit: Visit) -> None:
        page = visit.page

        def press(button: str) -> None:
            page.get_by_role("button", name=button, exact=True).click()
            if javascript:  # both look by running scripts
                assert visit.overflow() == 0
                assert Axe().run(page).response["violations"] == []

        def arrived(subject: str, before: int) -> EmailMessage:
            mail = next_mail(app, you, before=before)
            page.goto(f"{address}/inbox")
            page.get_by_role("link", name=re.compile(re.escape(subject))).first.click()
            assert you in page.content()
            return mail

        page.goto(address)
        clock.advance(timedelta(seconds=5))  # as long as people take at least
        page.get_by_label("Your e-mail address").fill(you)
        page.get_by_text("Once a week").click()
        page.get_by_label("At", exact=True).select_option("7")
        page.get_by_text("Choose topics").click()
        page.get_by_label("Computation and language").check()
        press("Subscribe")
        assert page.get_by_role("heading", name="Look into your inbox").is_visible()

        page.goto(link(arrived("Please confirm", 0), address, "confirm"))
        press("Yes, I want it")
        assert page.get_by_role("heading", name="You are on the list").is_visible()
        welcome = arrived("Welcome", 1)
        person = app.subscribers.held(you)
        [gets] = person.subscriptions
        assert (gets.cadence, gets.local_hour, gets.interests.categories) == ("weekly", 7, ("cs.CL",))

        page.goto(link(welcome, address, "preferences"))
        page.get_by_text("Every day").click()
        page.get_by_label("Muted words").fill("benchmarks")
        press("Save")
        [gets] = app.subscribers.held(you).subscriptions
        assert (gets.cadence, gets.interests.muted) == ("daily", ("benchmarks",))

        page.goto(link(welcome, address, "unsubscribe"))
        press("Unsubscribe")
        assert app.subscribers.find(you).state is SubscriberState.UNSUBSCRIBED

        page.get_by_role("link", name="sign up again").click()
        clock.advance(timedelta(seconds=5))
        page.get_by_label("Your e-mail address").fill(you)
        press("Subscribe")
        page.goto(link(arrived("Please confirm", 2), address, "confirm"))
        press("Yes, I want it")
        assert app.subscribers.find(you).state is SubscriberState.ACTIVE
        assert visit.requests_beyond(address) == []

    chromium.visit(look, width=width, javascript=javascript)


@pytest.mark.torture
def test_get_and_head_of_every_link_in_every_mail_change_nothing(house: tuple[App, str]) -> None:
    app, address = house
    urls = _links_in_mails(app, address, readers=CRAWLED - 3)
    before = tables_of(app, READER_TABLES)
    with httpx.Client() as client:
        for url in sorted(urls):
            assert client.get(url).status_code == 200, url
            assert client.head(url).status_code == 200, url
    assert tables_of(app, READER_TABLES) == before


@pytest.mark.torture
@pytest.mark.browser
def test_a_browser_that_runs_scripts_changes_nothing_by_looking(house: tuple[App, str], chromium: Chromium) -> None:
    app, address = house
    urls = _links_in_mails(app, address, readers=197 if TORTURE else 2)
    before = tables_of(app, READER_TABLES)

    def look(visit: Visit) -> None:
        for url in sorted(urls):
            visit.page.goto(url)

    chromium.visit(look)
    assert tables_of(app, READER_TABLES) == before


def test_after_an_erasure_the_address_is_nowhere(
    house: tuple[App, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app, address = house
    caplog.set_level(logging.DEBUG, "newsletter")
    caplog.set_level(logging.DEBUG, "subscribers")
    build(app)
    sign_up(address, "Very.Particular@example.org")
    httpx.post(link(next_mail(app, "Very.Particular@example.org", before=0), address, "confirm"))
    choices = link(next_mail(app, "Very.Particular@example.org", before=1), address, "preferences")
    subscribe(app, "another@example.org")
    answer = httpx.post(choices, data={"act": "erase", "sure": "yes"})
    assert answer.status_code == 200
    assert httpx.get(choices).status_code == 404
    rows = repr(tables_of(app)).lower()
    assert "very.particular" not in rows
    assert "another@example.org" in rows
    assert "very.particular" not in caplog.text.lower()
    if app.database.is_sqlite:
        held = b"".join(path.read_bytes() for path in tmp_path.glob("newsletter.db*")).lower()
        assert b"very.particular" not in held
        assert b"another@example.org" in held


def test_people_who_complained_are_never_written_to_and_get_the_same_answer(house: tuple[App, str]) -> None:
    app, address = house
    app.subscribers.suppress("angry@example.org", SuppressionReason.COMPLAINED)
    answers = [sign_up(address, who) for who in ("angry@example.org", "new@example.org", "no address", "x" * 500)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    next_mail(app, "new@example.org", before=0)
    assert [mail["To"] for mail in mails(app)] == ["new@example.org"]


def _links_in_mails(app: App, address: str, *, readers: int) -> set[str]:
    """Send an issue to some readers and every kind of notice to a few more; return all links to us in all of those mails."""
    subscribe(app, *(f"reader{number}@example.org" for number in range(readers)))
    issue = build(app).issue
    assert issue is not None
    send(app, issue)
    for who in ("new@example.org", "reader1@example.org"):
        sign_up(address, who)
        next_mail(app, who, before=0 if who == "new@example.org" else 1)
    httpx.post(
        link(mails_to(app, "reader0@example.org")[0], address, "preferences"),
        data={"act": "address", "address": "moved@example.org"},
    )
    next_mail(app, "moved@example.org", before=0)
    found = mails(app)
    assert len(found) == readers + 3
    return set().union(*(links_in(mail, address) for mail in found))


def test_a_reader_downloads_everything_that_is_held(house: tuple[App, str]) -> None:
    app, address = house
    subscribe(app, "you@example.org")
    issue = build(app).issue
    assert issue is not None
    send(app, issue)
    choices = link(mails_to(app, "you@example.org")[0], address, "preferences")
    answer = httpx.post(choices, data={"act": "download"})
    assert "attachment" in answer.headers["content-disposition"]
    held = answer.json()
    assert held["address"] == "you@example.org"
    [delivery] = held["deliveries"]
    assert (delivery["newsletter"], delivery["issue"], delivery["state"]) == ("papers", 1, "sent")
    assert len(delivery["papers"]) == 5
    assert held["consents"][0]["wording"] == "told us in person"
    assert held["notices"] == []
