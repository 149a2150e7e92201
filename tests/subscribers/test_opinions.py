from __future__ import annotations

from datetime import timedelta

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.links import Links
from subscribers.model import Choices, ConsentMethod, Opinion, SubscriberId, Taste
from subscribers.opinions import OpinionStore
from subscribers.service import SubscriberService


def reader(service: SubscriberService, name: str) -> SubscriberId:
    choices, address = Choices(), f"{name}@example.org"
    return service.add(address, "papers", choices, method=ConsentMethod.OPERATOR, wording="in writing").subscriber.id


def test_what_many_people_said_comes_by_person_and_paper(
    service: SubscriberService, links: Links, database: Database, clock: ManualClock
) -> None:
    ada, bo, cy = (reader(service, name) for name in ("ada", "bo", "cy"))
    now = clock.now()
    for who, seq, taste in ((ada, 9, Taste.MORE), (bo, 5, Taste.LESS), (ada, 2, Taste.LESS), (cy, 1, Taste.MORE)):
        links.say(who, seq, taste)
    with database.read() as session:
        said = OpinionStore(session).of_all([bo, ada, SubscriberId(999)])
        assert said == {
            bo: (Opinion(5, Taste.LESS, now),),
            ada: (Opinion(2, Taste.LESS, now), Opinion(9, Taste.MORE, now)),
            999: (),
        }
        assert OpinionStore(session).of(ada) == said[ada]
        assert OpinionStore(session).of_all([]) == {}


def test_the_same_again_keeps_its_instant_and_another_word_takes_a_new_one(
    service: SubscriberService, links: Links, database: Database, clock: ManualClock
) -> None:
    who, first = reader(service, "ada"), clock.now()
    for taste, at in ((Taste.MORE, first), (Taste.MORE, first), (Taste.LESS, first + timedelta(hours=2))):
        links.say(who, 1, taste)
        with database.read() as session:
            assert OpinionStore(session).of(who) == (Opinion(1, taste, at),)
        clock.advance(timedelta(hours=1))
