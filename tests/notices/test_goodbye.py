"""The last mail to somebody who left on a page: one, only if the newsletter says goodbye, and not if it came to another end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.notices.model import NoticeReport
from newsletter.notices.permission import MayWrite
from newsletter.notices.queue import NoticeQueue
from newsletter.notices.tables import NoticeRow
from subscribers.links import Links
from subscribers.model import Choices, ConsentMethod, NoticeKind, Subscriber, SubscriberState, SuppressionReason
from subscribers.service import SubscriberService
from subscribers.suppression import Hasher
from subscribers.tables import SubscriberRow
from tests.delivery.house import NEWSLETTER
from tests.notices.house import add_person, add_wish, sender
from tests.notices.test_composer import BASE, KEYS, SECRET, composer, parse, texts
from tests.smtp_server import smtp_server

READER = "reader@example.org"


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody reads, leaves and comes back."""

    database: Database
    clock: ManualClock
    links: Links
    service: SubscriberService

    def subscribe(self, newsletter: str = NEWSLETTER) -> Subscriber:
        add = self.service.resubscribe
        return add(READER, newsletter, Choices(), method=ConsentMethod.WEB, wording="Yes, please.").subscriber

    def leave(self, reader: Subscriber, newsletter: str = NEWSLETTER) -> None:
        token = KEYS.make_unsubscribe(reader, newsletter)
        assert self.links.unsubscribe([token], goodbye_from=[NEWSLETTER]) != [None]

    def goodbyes(self) -> list[NoticeRow]:
        with self.database.read() as session:
            return list(session.scalars(select(NoticeRow).where(NoticeRow.kind == NoticeKind.GOODBYE)))

    def send(self) -> tuple[NoticeReport, dict[str, int]]:
        """Send what is due; return the report and who got how many."""
        may_write = MayWrite(self.database, Hasher(SECRET))
        with smtp_server() as server:
            sending = sender(self.database, self.clock, server.port, composer=composer(self.database), may_write=may_write)
            report = asyncio.run(sending.run())
        return report, dict(server.recipients)


@pytest.fixture
def place(database: Database, clock: ManualClock) -> Place:
    queue = NoticeQueue()
    service = SubscriberService(database, clock, SECRET, notices=queue)
    return Place(database, clock, Links(database, clock, KEYS, queue), service)


def test_who_leaves_on_the_page_hears_that_it_is_done_and_how_to_come_back(place: Place) -> None:
    reader = place.subscribe()
    place.leave(reader)
    may_write = MayWrite(place.database, Hasher(SECRET))
    with smtp_server() as server:
        sending = sender(place.database, place.clock, server.port, composer=composer(place.database), may_write=may_write)
        assert asyncio.run(sending.run()) == NoticeReport(sent=1)
    assert server.recipients == {READER: 1}
    message = parse(server.accepted[0].data)
    assert message["Subject"] == "You no longer get Trending Papers"
    assert "List-Unsubscribe" not in message
    said = texts(message)
    assert f"{BASE}/" in said.splitlines()
    assert f'href="{BASE}/"' in said
    assert "if it was not you who left, sign up again" in " ".join(said.split())
    assert not any(f"{BASE}/{page}/" in said for page in ("confirm", "unsubscribe", "preferences", "feedback"))


def test_pressing_again_brings_no_second_letter(place: Place) -> None:
    reader = place.subscribe()
    for _ in range(3):
        place.leave(reader)
    assert place.send() == (NoticeReport(sent=1), {READER: 1})
    place.leave(reader)
    assert place.send() == (NoticeReport(), {})


def test_who_comes_and_goes_hears_of_it_once_a_day(place: Place) -> None:
    place.leave(place.subscribe())
    assert place.send()[0].sent == 1
    place.clock.advance(timedelta(hours=23))
    place.leave(place.subscribe())
    assert place.send() == (NoticeReport(), {})
    place.clock.advance(timedelta(hours=2))
    place.leave(place.subscribe())
    assert place.send()[0].sent == 1


def test_a_newsletter_that_says_no_goodbye_and_one_click_send_none(place: Place) -> None:
    reader = place.subscribe()
    place.subscribe("robots")
    place.leave(reader, "robots")
    place.links.unsubscribe([KEYS.make_unsubscribe(reader, NEWSLETTER)])
    place.service.unsubscribe(reader.id, method=ConsentMethod.OPERATOR)
    assert place.goodbyes() == []


def test_who_leaves_by_the_page_of_choices_hears_of_it_too(place: Place) -> None:
    reader = place.subscribe()
    place.subscribe("robots")
    left = place.service.unsubscribe(reader.id, method=ConsentMethod.WEB, goodbye_from=[NEWSLETTER])
    assert left == (NEWSLETTER, "robots")
    assert [notice.newsletter for notice in place.goodbyes()] == [NEWSLETTER]


def test_who_reads_another_newsletter_still_hears_that_they_left_this_one(place: Place) -> None:
    reader = place.subscribe()
    place.subscribe("robots")
    place.leave(reader)
    assert place.service.find(reader.id).state is SubscriberState.ACTIVE
    assert place.send()[0].sent == 1


def test_who_only_waited_for_a_confirmation_gets_none(place: Place, database: Database) -> None:
    person = add_person(database)
    add_wish(database, person)
    place.service.unsubscribe(person, method=ConsentMethod.WEB, goodbye_from=[NEWSLETTER])
    assert place.goodbyes() == []


def _come_back(place: Place, _reader: Subscriber) -> None:
    place.subscribe()


def _be_suppressed(place: Place, _reader: Subscriber) -> None:
    place.service.suppress(READER, SuppressionReason.OPERATOR)


def _ask_never_to_be_written_to(place: Place, _reader: Subscriber) -> None:
    place.service.suppress(READER, SuppressionReason.UNSUBSCRIBED)


def _be(state: SubscriberState) -> Callable[[Place, Subscriber], None]:
    def become(place: Place, reader: Subscriber) -> None:
        with place.database.write() as session:
            session.execute(update(SubscriberRow).where(SubscriberRow.id == reader.id).values(state=state))

    return become


@pytest.mark.parametrize(
    "meanwhile",
    [
        _come_back,
        _be_suppressed,
        _ask_never_to_be_written_to,
        _be(SubscriberState.COMPLAINED),
        _be(SubscriberState.BOUNCED),
        _be(SubscriberState.ERASED),
    ],
)
def test_what_happens_in_between_takes_the_letter_back(place: Place, meanwhile: Callable[[Place, Subscriber], None]) -> None:
    reader = place.subscribe()
    place.leave(reader)
    meanwhile(place, reader)
    report, got = place.send()
    assert (report.sent, report.skipped, got) == (0, 1, {})
    assert [notice.address for notice in place.goodbyes()] == [""]


def test_erasing_leaves_no_letter_behind(place: Place) -> None:
    reader = place.subscribe()
    place.leave(reader)
    assert place.service.erase(reader.id)
    assert place.goodbyes() == []
    assert place.send() == (NoticeReport(), {})


def test_a_letter_that_was_taken_back_does_not_count_for_the_day(place: Place) -> None:
    place.leave(place.subscribe())
    place.subscribe()
    assert place.send()[0].skipped == 1
    place.leave(place.service.find(READER))
    assert place.send()[0].sent == 1
