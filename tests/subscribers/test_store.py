"""Queries on people and their choices, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.model import Cadence, Choices, Interests, Reader, SubscriberId, SubscriberState
from subscribers.store import SubscriberStore


def add(database: Database, clock: ManualClock, address: str, choices: Choices, newsletter: str = "papers") -> SubscriberId:
    with database.write() as session:
        store = SubscriberStore(session)
        person, _ = store.add(parse_address(address), SubscriberState.ACTIVE, now=clock.now())
        store.subscribe(person.id, newsletter, choices, now=clock.now())
    return person.id


def readers(database: Database, clock: ManualClock, cadence: Cadence = Cadence.DAILY, after: int = 0) -> list[Reader]:
    with database.read() as session:
        return SubscriberStore(session).readers("papers", cadence, now=clock.now(), after=after)


def test_one_row_a_mailbox_however_it_is_written(database: Database, clock: ManualClock) -> None:
    with database.write() as session:
        store = SubscriberStore(session)
        first, is_new = store.add(parse_address("Ann@Bücher.example"), SubscriberState.PENDING, now=clock.now())
        again, is_new_again = store.add(parse_address("ann@xn--bcher-kva.example"), SubscriberState.ACTIVE, now=clock.now())
    assert (is_new, is_new_again) == (True, False)
    assert first == again
    assert again.address == "Ann@bücher.example"
    assert again.created_at == clock.now()


def test_readers_are_those_of_the_newsletter_and_cadence_with_their_interests(database: Database, clock: ManualClock) -> None:
    likes = Interests(categories=("cs.CL",), muted=("benchmark",))
    ann = add(database, clock, "ann@example.org", Choices(interests=likes, local_hour=0, zone="Asia/Tokyo", size=5))
    add(database, clock, "weekly@example.org", Choices(cadence=Cadence.WEEKLY))
    add(database, clock, "other@example.org", Choices(), "other")
    assert readers(database, clock) == [Reader(ann, likes, 5, 0, "Asia/Tokyo")]


def test_only_active_people_are_readers(database: Database, clock: ManualClock) -> None:
    for state in SubscriberState:
        number = add(database, clock, f"{state}@example.org", Choices())
        with database.write() as session:
            SubscriberStore(session).set_state(number, state, now=clock.now())
        if state is SubscriberState.ACTIVE:
            active = number
    assert [reader.subscriber_id for reader in readers(database, clock)] == [active]


def test_a_pause_ends_at_its_instant(database: Database, clock: ManualClock) -> None:
    number = add(database, clock, "ann@example.org", Choices())
    until = clock.now() + timedelta(days=2)
    with database.write() as session:
        assert SubscriberStore(session).pause(number, "papers", until, now=clock.now())
    assert readers(database, clock) == []
    clock.set(until)
    assert len(readers(database, clock)) == 1


def test_pages_follow_each_other_by_key(database: Database, clock: ManualClock) -> None:
    numbers = [add(database, clock, f"r{place}@example.org", Choices()) for place in range(7)]
    seen: list[int] = []
    while True:
        with database.read() as session:
            page = SubscriberStore(session).readers(
                "papers", Cadence.DAILY, now=clock.now(), after=seen[-1] if seen else 0, limit=3
            )
        if not page:
            break
        assert len(page) <= 3
        seen += [reader.subscriber_id for reader in page]
    assert seen == sorted(numbers)


def test_lists_filter_by_state_and_newsletter(database: Database, clock: ManualClock) -> None:
    ann = add(database, clock, "ann@example.org", Choices())
    bob = add(database, clock, "bob@example.org", Choices(), "other")
    with database.write() as session:
        store = SubscriberStore(session)
        store.set_state(bob, SubscriberState.BOUNCED, now=clock.now())
        assert [person.id for person in store.list()] == [ann, bob]
        assert [person.id for person in store.list(limit=1)] == [ann]
        assert [person.id for person in store.list(after=ann, limit=None)] == [bob]
        assert [person.id for person in store.list(state=SubscriberState.BOUNCED)] == [bob]
        assert [person.id for person in store.list(newsletter="papers")] == [ann]
        assert store.counts() == {SubscriberState.ACTIVE: 1, SubscriberState.BOUNCED: 1}
        assert store.counts("papers") == {SubscriberState.ACTIVE: 1}


def test_choices_are_replaced_only_where_there_are_some(database: Database, clock: ManualClock) -> None:
    number = add(database, clock, "ann@example.org", Choices())
    chosen = Choices(Cadence.MONTHLY, 23, "Europe/Berlin", Interests(keywords=("agents",)), 60)
    with database.write() as session:
        store = SubscriberStore(session)
        assert store.set_choices(number, "papers", chosen, now=clock.now())
        assert not store.set_choices(number, "other", chosen, now=clock.now())
    with database.read() as session:
        found = SubscriberStore(session).subscription(number, "papers")
    assert found is not None
    assert (found.cadence, found.local_hour, found.zone, found.interests, found.size) == (
        Cadence.MONTHLY, 23, "Europe/Berlin", Interests(keywords=("agents",)), 60,
    )  # fmt: skip


def test_own_fields_come_back_as_they_were_put(database: Database, clock: ManualClock) -> None:
    fields = (("company", "Example"), ("desks", 3), ("remote", True))
    number = add(database, clock, "ann@example.org", Choices(fields=fields))
    with database.read() as session:
        (found,) = SubscriberStore(session).subscriptions([number])
    assert found.fields == fields
    assert found.choices == Choices(fields=fields)


def test_people_are_found_by_their_numbers_and_only_once(database: Database, clock: ManualClock) -> None:
    ann, bob = (add(database, clock, f"{name}@example.org", Choices()) for name in ("ann", "bob"))
    with database.write() as session:
        store = SubscriberStore(session)
        assert [person.id for person in store.among([bob, ann, 4711, 2**56 - 1], lock=True)] == [ann, bob]
        assert store.among([]) == []


def test_a_cadence_changes_alone_and_only_where_there_is_one(database: Database, clock: ManualClock) -> None:
    number = add(database, clock, "ann@example.org", Choices(local_hour=23, size=7))
    with database.write() as session:
        store = SubscriberStore(session)
        assert store.set_cadence(number, "papers", Cadence.MONTHLY, now=clock.now())
        assert not store.set_cadence(number, "other", Cadence.MONTHLY, now=clock.now())
        found = store.subscription(number, "papers")
    assert found is not None
    assert found.choices == Choices(Cadence.MONTHLY, local_hour=23, size=7)


@pytest.mark.parametrize(
    "choose",
    [
        lambda: Choices(local_hour=24),
        lambda: Choices(local_hour=-1),
        lambda: Choices(zone="Mars/Olympus"),
        lambda: Choices(zone="../UTC"),
        lambda: Choices(size=0),
        lambda: Choices(size=61),
    ],
)
def test_choices_that_do_not_exist_cannot_be_made(choose: Callable[[], Choices]) -> None:
    with pytest.raises(ValueError, match=r"the hour|no such time zone|the number of papers"):
        choose()
