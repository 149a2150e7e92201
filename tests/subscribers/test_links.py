"""What the links in mails do, and what no token can be made to do (standards T12)."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.choices_json import choices_to_json
from subscribers.keys import LinkKeys
from subscribers.links import Links
from subscribers.model import (
    Cadence,
    Choices,
    ConsentEvent,
    ConsentMethod,
    Holder,
    Subscriber,
    SubscriberId,
    SubscriberState,
    Taste,
)
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore
from subscribers.tables import WishRow
from subscribers.tokens import KeyRing, TokenPurpose
from subscribers.wishes import ChangeStore
from tests.subscribers.conftest import SECRET
from tests.subscribers.fakes import NoNotices

HELD = (TokenPurpose.UNSUBSCRIBE, TokenPurpose.PREFERENCES, TokenPurpose.FEEDBACK)


@pytest.fixture
def reader(service: SubscriberService) -> Subscriber:
    return add(service)


def add(service: SubscriberService, address: str = "ann@example.org", newsletter: str = "papers") -> Subscriber:
    return service.add(address, newsletter, Choices(), method=ConsentMethod.WEB, wording="Yes").subscriber


def make(keys: LinkKeys, purpose: TokenPurpose, reader: Subscriber) -> str:
    by_purpose: dict[TokenPurpose, Callable[[], str]] = {
        TokenPurpose.UNSUBSCRIBE: lambda: keys.make_unsubscribe(reader, "papers"),
        TokenPurpose.PREFERENCES: lambda: keys.make_preferences(reader),
        TokenPurpose.FEEDBACK: lambda: keys.make_feedback(reader),
        TokenPurpose.CONFIRM: lambda: keys.make_confirm(reader, 1),
        TokenPurpose.ADDRESS: lambda: keys.make_address(reader, 1),
    }
    return by_purpose[purpose]()


def events(service: SubscriberService, who: str | int) -> list[tuple[str, ConsentEvent]]:
    return [(consent.newsletter, consent.event) for consent in service.held(who).consents]


def wish(database: Database, clock: ManualClock, subscriber_id: int, newsletter: str, *, confirmed: bool = False) -> None:
    with database.write() as session:
        session.execute(
            insert(WishRow).values(
                subscriber_id=subscriber_id,
                newsletter=newsletter,
                choices=choices_to_json(Choices()),
                method=ConsentMethod.WEB,
                wording="Yes",
                network="",
                asked_at=clock.now(),
                confirmed_at=clock.now() if confirmed else None,
            )
        )


def wishes(database: Database) -> list[tuple[int, str]]:
    with database.read() as session:
        return [(who, slug) for who, slug in session.execute(select(WishRow.subscriber_id, WishRow.newsletter))]


def move(database: Database, clock: ManualClock, who: SubscriberId, address: str) -> None:
    with database.write() as session:
        ChangeStore(session).make(who, parse_address(address), now=clock.now())


def dump(database: Database) -> list[object]:
    with database.read() as session:
        tables = ("subscriber", "subscription", "consent", "wish", "opinion", "suppression")
        return [session.execute(text(f"SELECT * FROM {table}")).all() for table in tables]  # noqa: S608 - our own names


@pytest.mark.parametrize("purpose", HELD)
def test_a_link_knows_its_holder(links: Links, keys: LinkKeys, reader: Subscriber, purpose: TokenPurpose) -> None:
    newsletter = "papers" if purpose is TokenPurpose.UNSUBSCRIBE else None
    assert links.holder_of(make(keys, purpose, reader), purpose) == Holder(reader, newsletter)


@pytest.mark.parametrize("purpose", HELD)
def test_no_flipped_bit_is_accepted(links: Links, keys: LinkKeys, reader: Subscriber, purpose: TokenPurpose) -> None:
    raw = base64.urlsafe_b64decode(make(keys, purpose, reader))
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        token = base64.urlsafe_b64encode(flipped).decode()
        assert links.holder_of(token, purpose) is None, bit


@pytest.mark.parametrize("used", HELD)
@pytest.mark.parametrize("made", TokenPurpose)
def test_a_token_opens_only_what_it_was_made_for(
    links: Links, keys: LinkKeys, reader: Subscriber, made: TokenPurpose, used: TokenPurpose
) -> None:
    assert (links.holder_of(make(keys, made, reader), used) is not None) == (made is used)


@pytest.mark.parametrize("purpose", [TokenPurpose.CONFIRM, TokenPurpose.ADDRESS])
def test_links_that_confirm_are_not_read_here(links: Links, purpose: TokenPurpose) -> None:
    with pytest.raises(ValueError, match="for Confirmations"):
        links.holder_of("a" * 32, purpose)


@pytest.mark.parametrize("purpose", HELD)
def test_no_token_outlives_its_holder(
    links: Links, keys: LinkKeys, reader: Subscriber, service: SubscriberService, purpose: TokenPurpose
) -> None:
    token = make(keys, purpose, reader)
    service.erase(reader.id)
    assert links.holder_of(token, purpose) is None
    assert links.holder_of(make(keys, purpose, service.find(reader.id)), purpose) is None
    assert links.unsubscribe([token]) == [None]


def test_a_change_of_address_ends_all_links_but_those_to_leave(
    links: Links, keys: LinkKeys, reader: Subscriber, database: Database, clock: ManualClock
) -> None:
    tokens = {purpose: make(keys, purpose, reader) for purpose in HELD}
    move(database, clock, reader.id, "ann@example.net")
    assert links.holder_of(tokens[TokenPurpose.PREFERENCES], TokenPurpose.PREFERENCES) is None
    assert links.holder_of(tokens[TokenPurpose.FEEDBACK], TokenPurpose.FEEDBACK) is None
    (holder,) = links.unsubscribe([tokens[TokenPurpose.UNSUBSCRIBE]])
    assert holder is not None
    assert holder.subscriber.address == "ann@example.net"


def test_a_key_that_was_taken_out_opens_nothing_more(
    database: Database, clock: ManualClock, reader: Subscriber, keys: LinkKeys
) -> None:
    second = b"another secret of 32 characters!"
    rotated = LinkKeys(KeyRing({1: SECRET, 2: second}, 2))
    old, new = keys.make_preferences(reader), rotated.make_preferences(reader)
    assert old != new
    for token in (old, new):
        assert Links(database, clock, rotated, NoNotices()).holder_of(token, TokenPurpose.PREFERENCES) is not None
    without_first = Links(database, clock, LinkKeys(KeyRing({2: second}, 2)), NoNotices())
    assert without_first.holder_of(old, TokenPurpose.PREFERENCES) is None
    assert without_first.holder_of(new, TokenPurpose.PREFERENCES) is not None
    assert Links(database, clock, keys, NoNotices()).holder_of(new, TokenPurpose.PREFERENCES) is None


def test_nothing_personal_is_in_a_token(keys: LinkKeys, reader: Subscriber) -> None:
    for purpose in TokenPurpose:
        raw = base64.urlsafe_b64decode(make(keys, purpose, reader))
        assert raw[:8] == bytes([1]) + reader.id.to_bytes(7, "big")
        assert len(raw[8:]) == 16


def test_the_link_of_a_mail_unsubscribes_twice_without_complaint(
    links: Links, keys: LinkKeys, reader: Subscriber, service: SubscriberService
) -> None:
    token = keys.make_unsubscribe(reader, "papers")
    first = links.unsubscribe([token])
    once = service.held(reader.id)
    assert once.subscriber.state is SubscriberState.UNSUBSCRIBED
    assert first == [Holder(reader, "papers")]
    assert links.unsubscribe([token]) == [Holder(once.subscriber, "papers")]
    assert service.held(reader.id) == once
    assert [(consent.event, consent.method, consent.detail) for consent in once.consents][1:] == [
        (ConsentEvent.WITHDRAWN, ConsentMethod.WEB, "link")
    ]


def test_a_batch_does_what_each_token_says_and_nothing_for_garbage(
    links: Links, keys: LinkKeys, service: SubscriberService, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob, cy = (add(service, f"{name}@example.org") for name in ("ann", "bob", "cy"))
    for person in (ann, bob):
        add(service, person.address, "other")
    caplog.set_level(logging.INFO, "subscribers")
    tokens = [
        keys.make_unsubscribe(bob, "papers"),
        "garbage",
        keys.make_unsubscribe(ann, "other"),
        keys.make_unsubscribe(bob, "papers"),
        keys.make_unsubscribe(bob, "other"),
        keys.make_preferences(cy),
        keys.make_unsubscribe(cy, "other"),
    ]
    done = links.unsubscribe(tokens, method=ConsentMethod.MAIL)
    assert [holder and (holder.subscriber.id, holder.newsletter) for holder in done] == [
        (bob.id, "papers"), None, (ann.id, "other"), (bob.id, "papers"), (bob.id, "other"), None, None,
    ]  # fmt: skip
    assert [found.newsletter for found in service.held(ann.id).subscriptions] == ["papers"]
    assert service.find(ann.id).state is SubscriberState.ACTIVE
    assert service.find(bob.id).state is SubscriberState.UNSUBSCRIBED
    assert service.find(cy.id).state is SubscriberState.ACTIVE
    assert events(service, bob.id)[2:] == [("other", ConsentEvent.WITHDRAWN), ("papers", ConsentEvent.WITHDRAWN)]
    assert [record.getMessage() for record in caplog.records] == [
        f"subscriber.unsubscribed subscriber={ann.id} newsletters=other method=mail",
        f"subscriber.unsubscribed subscriber={bob.id} newsletters=other,papers method=mail",
    ]


def test_an_empty_batch_and_one_of_garbage_cost_nothing(links: Links) -> None:
    assert links.unsubscribe([]) == []
    assert links.unsubscribe(["", "ä" * 32, "a" * 33, "\0" * 32]) == [None] * 4


def test_many_who_leave_at_once_do_not_stand_in_each_others_way(
    links: Links, keys: LinkKeys, service: SubscriberService, database: Database
) -> None:
    people = [add(service, f"r{place}@example.org") for place in range(20)]
    tokens = [keys.make_unsubscribe(person, "papers") for person in people]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(links.unsubscribe, [tokens, tokens[::-1], tokens[5:15], tokens]))
    assert all(holder is not None for batch in done for holder in batch)
    assert all(events(service, person.id).count(("papers", ConsentEvent.WITHDRAWN)) == 1 for person in people)
    with database.read() as session:
        assert SubscriberStore(session).counts() == {SubscriberState.UNSUBSCRIBED: 20}


def test_leaving_takes_back_a_sign_up_that_waits_so_that_its_link_revives_nobody(
    links: Links, keys: LinkKeys, reader: Subscriber, service: SubscriberService, database: Database, clock: ManualClock
) -> None:
    token = keys.make_unsubscribe(reader, "papers")
    links.unsubscribe([token])
    wish(database, clock, reader.id, "papers")
    wish(database, clock, reader.id, "other")
    links.unsubscribe([token])
    assert wishes(database) == [(reader.id, "other")]
    assert [event for slug, event in events(service, reader.id) if slug == "papers"] == [
        ConsentEvent.CONFIRMED, ConsentEvent.WITHDRAWN, ConsentEvent.WITHDRAWN,
    ]  # fmt: skip


def test_a_wish_that_was_confirmed_is_withdrawn_with_its_subscription_once(
    links: Links, keys: LinkKeys, reader: Subscriber, service: SubscriberService, database: Database, clock: ManualClock
) -> None:
    wish(database, clock, reader.id, "papers", confirmed=True)
    links.unsubscribe([keys.make_unsubscribe(reader, "papers")])
    assert wishes(database) == []
    assert events(service, reader.id) == [("papers", ConsentEvent.CONFIRMED), ("papers", ConsentEvent.WITHDRAWN)]


def test_who_never_was_a_reader_goes_on_waiting_for_the_rest(
    reader: Subscriber, service: SubscriberService, database: Database, clock: ManualClock
) -> None:
    service.unsubscribe(reader.id, method=ConsentMethod.WEB)
    with database.write() as session:
        SubscriberStore(session).set_state(reader.id, SubscriberState.PENDING, now=clock.now())
    wish(database, clock, reader.id, "papers")
    wish(database, clock, reader.id, "other")
    assert service.unsubscribe(reader.id, "other", method=ConsentMethod.WEB) == ("other",)
    assert service.find(reader.id).state is SubscriberState.PENDING
    assert service.unsubscribe(reader.id, method=ConsentMethod.WEB) == ("papers",)
    assert service.find(reader.id).state is SubscriberState.UNSUBSCRIBED


@pytest.mark.parametrize("before", Cadence)
@pytest.mark.parametrize("wanted", Cadence)
def test_a_link_to_leave_can_make_mails_rarer_and_never_more_often(
    links: Links, keys: LinkKeys, reader: Subscriber, service: SubscriberService, before: Cadence, wanted: Cadence
) -> None:
    order = [Cadence.DAILY, Cadence.WEEKDAYS, Cadence.WEEKLY, Cadence.MONTHLY]
    service.set_choices(reader.id, "papers", Choices(before))
    assert links.lessen(keys.make_unsubscribe(reader, "papers"), wanted) == Holder(reader, "papers")
    (found,) = service.held(reader.id).subscriptions
    assert found.cadence is max(before, wanted, key=order.index)


def test_a_link_to_leave_pauses_and_never_shortens_a_pause(
    links: Links, keys: LinkKeys, reader: Subscriber, service: SubscriberService, clock: ManualClock
) -> None:
    token = keys.make_unsubscribe(reader, "papers")
    soon, late = clock.now() + timedelta(days=7), clock.now() + timedelta(days=366)
    for until, expected in [(soon, soon), (late, late), (soon, late)]:
        assert links.pause(token, until) == Holder(reader, "papers")
        assert service.held(reader.id).subscriptions[0].paused_until == expected
    for wrong in (clock.now(), late + timedelta(seconds=1)):
        with pytest.raises(ValueError, match="366 days"):
            links.pause(token, wrong)


def test_a_pause_of_a_reader_who_paused_without_end_does_not_wake_them(
    links: Links, keys: LinkKeys, reader: Subscriber, service: SubscriberService, clock: ManualClock
) -> None:
    service.pause(reader.id)
    links.pause(keys.make_unsubscribe(reader, "papers"), clock.now() + timedelta(days=1))
    assert service.find(reader.id).state is SubscriberState.PAUSED


def test_fewer_mails_by_any_other_link_or_after_leaving_change_nothing(
    links: Links, keys: LinkKeys, reader: Subscriber, service: SubscriberService, database: Database, clock: ManualClock
) -> None:
    until = clock.now() + timedelta(days=7)
    before = dump(database)
    for token in (keys.make_preferences(reader), keys.make_feedback(reader), keys.make_unsubscribe(reader, "other"), "x"):
        assert links.lessen(token, Cadence.MONTHLY) is None
        assert links.pause(token, until) is None
    assert dump(database) == before
    service.unsubscribe(reader.id, method=ConsentMethod.WEB)
    before = dump(database)
    gone = Holder(service.find(reader.id), "papers")
    token = keys.make_unsubscribe(reader, "papers")
    assert links.lessen(token, Cadence.MONTHLY) == gone
    assert links.pause(token, until) == gone
    assert dump(database) == before


def test_looking_at_a_link_changes_nothing(links: Links, keys: LinkKeys, reader: Subscriber, database: Database) -> None:
    before = dump(database)
    for purpose in HELD:
        links.holder_of(make(keys, purpose, reader), purpose)
    links.opinion(reader.id, 1)
    assert dump(database) == before


def test_an_opinion_is_kept_replaced_and_taken_back(
    links: Links, reader: Subscriber, service: SubscriberService, clock: ManualClock
) -> None:
    first = clock.now()
    for taste in (Taste.MORE, Taste.MORE, Taste.LESS, None, None):
        links.say(reader.id, 7, taste)
        assert links.opinion(reader.id, 7) is taste
        clock.advance(timedelta(hours=1))
        if taste is Taste.MORE:
            assert [opinion.at for opinion in service.held(reader.id).opinions] == [first]
    links.say(reader.id, 8, Taste.LESS)
    assert links.opinion(reader.id, 7) is None
    assert [(opinion.paper_seq, opinion.taste) for opinion in service.held(reader.id).opinions] == [(8, Taste.LESS)]


def test_nobody_has_no_opinion(links: Links, reader: Subscriber, service: SubscriberService) -> None:
    links.say(SubscriberId(4711), 7, Taste.MORE)
    service.erase(reader.id)
    links.say(reader.id, 7, Taste.MORE)
    assert service.held(reader.id).opinions == ()
    assert links.opinion(SubscriberId(4711), 7) is None
