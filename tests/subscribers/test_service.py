"""What people and operators do: subscribe, leave, come back, pause, be forgotten."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.errors import (
    AddressError,
    HasLeftError,
    NotConfirmedError,
    NotSubscribedError,
    SubscribersError,
    SuppressedError,
    UnknownSubscriberError,
)
from subscribers.limits import LimitStore
from subscribers.model import (
    Added,
    Cadence,
    Choices,
    ConsentEvent,
    ConsentMethod,
    SignUpLimits,
    SubscriberState,
    SuppressionReason,
)
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher
from tests.subscribers.conftest import SECRET
from tests.subscribers.fakes import NoNotices

OPERATOR, WEB = ConsentMethod.OPERATOR, ConsentMethod.WEB
ANN = "ann@example.org"


def add(service: SubscriberService, address: str = ANN, newsletter: str = "papers") -> Added:
    return service.add(address, newsletter, Choices(), method=OPERATOR, wording="Yes", detail="desk, form 7")


def back(service: SubscriberService, address: str = ANN, newsletter: str = "papers") -> Added:
    return service.resubscribe(address, newsletter, Choices(), method=WEB, wording="Yes, again")


def events(service: SubscriberService, who: str | int = ANN) -> list[tuple[str, ConsentEvent]]:
    return [(consent.newsletter, consent.event) for consent in service.held(who).consents]


def test_who_is_added_is_active_and_their_consent_is_kept(service: SubscriberService, clock: ManualClock) -> None:
    added = add(service)
    assert added.is_new
    assert added.subscriber.state is SubscriberState.ACTIVE
    held = service.held(ANN)
    (consent,) = held.consents
    assert (consent.event, consent.method, consent.wording, consent.detail, consent.at) == (
        ConsentEvent.CONFIRMED, OPERATOR, "Yes", "desk, form 7", clock.now(),
    )  # fmt: skip
    assert held.subscriptions[0].newsletter == "papers"


def test_adding_twice_changes_nothing(service: SubscriberService) -> None:
    first = add(service)
    again = service.add("ANN@example.org", "papers", Choices(Cadence.WEEKLY), method=OPERATOR, wording="Yes")
    assert again == Added(first.subscriber, is_new=False)
    assert service.held(ANN).subscriptions[0].cadence is Cadence.DAILY
    assert len(events(service)) == 1


def test_two_who_add_the_same_person_at_once_make_one(service: SubscriberService) -> None:
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: add(service), range(8)))
    assert sum(one.is_new for one in added) == 1
    assert len({one.subscriber.id for one in added}) == 1
    assert len(events(service)) == 1


def test_leaving_one_newsletter_ends_only_that_one(service: SubscriberService) -> None:
    add(service)
    add(service, newsletter="other")
    assert service.unsubscribe(ANN, "other", method=WEB) == ("other",)
    held = service.held(ANN)
    assert held.subscriber.state is SubscriberState.ACTIVE
    assert [found.newsletter for found in held.subscriptions] == ["papers"]
    assert service.unsubscribe(ANN, "papers", method=WEB) == ("papers",)
    assert service.find(ANN).state is SubscriberState.UNSUBSCRIBED


def test_leaving_is_idempotent_and_recorded_once(service: SubscriberService) -> None:
    number = add(service).subscriber.id
    assert service.unsubscribe(number, method=WEB, detail="link") == ("papers",)
    assert service.unsubscribe(number, method=WEB) == ()
    assert service.unsubscribe(ANN, "papers", method=WEB) == ()
    assert events(service) == [("papers", ConsentEvent.CONFIRMED), ("papers", ConsentEvent.WITHDRAWN)]


def test_who_left_comes_back_by_their_own_wish_only(service: SubscriberService) -> None:
    add(service)
    service.unsubscribe(ANN, method=WEB)
    with pytest.raises(HasLeftError, match="--asked-again"):
        add(service)
    assert back(service).subscriber.state is SubscriberState.ACTIVE
    assert events(service)[-1] == ("papers", ConsentEvent.CONFIRMED)
    assert not back(service).is_new


def test_who_left_one_of_two_newsletters_is_not_put_back_into_it(service: SubscriberService) -> None:
    add(service)
    add(service, newsletter="other")
    service.unsubscribe(ANN, "other", method=WEB)
    with pytest.raises(HasLeftError):
        add(service, newsletter="other")
    assert [found.newsletter for found in service.held(ANN).subscriptions] == ["papers"]


@pytest.mark.parametrize("reason", SuppressionReason)
def test_a_suppressed_address_is_not_added(service: SubscriberService, reason: SuppressionReason) -> None:
    assert service.suppress("Ann@Example.org", reason)
    assert not service.suppress(ANN, SuppressionReason.OPERATOR)
    with pytest.raises(SuppressedError, match=reason):
        add(service)
    if reason in {SuppressionReason.COMPLAINED, SuppressionReason.OPERATOR}:
        with pytest.raises(SuppressedError):
            back(service)
        assert service.is_suppressed(ANN)
    else:
        assert back(service).is_new
        assert not service.is_suppressed(ANN)


def test_suppressions_are_found_by_the_address_and_hold_none(service: SubscriberService, clock: ManualClock) -> None:
    service.suppress("ann@bücher.example", SuppressionReason.COMPLAINED, detail="report 12")
    assert service.suppressed_among(["Ann@xn--bcher-kva.example", "bob@example.org"]) == {"Ann@xn--bcher-kva.example"}
    assert service.suppressed_among([]) == set()
    (kept,) = service.suppressions()
    assert (kept.reason, kept.detail, kept.at) == (SuppressionReason.COMPLAINED, "report 12", clock.now())
    assert len(kept.address_hash) == 64
    assert service.lift("ann@bücher.example")
    assert not service.lift("ann@bücher.example")


def test_another_secret_finds_no_suppression(database: Database, clock: ManualClock, service: SubscriberService) -> None:
    service.suppress(ANN, SuppressionReason.OPERATOR)
    assert not SubscriberService(database, clock, b"another secret of 32 characters!", notices=NoNotices()).is_suppressed(ANN)


def test_suppressions_come_in_pages(service: SubscriberService) -> None:
    for place in range(5):
        service.suppress(f"r{place}@example.org", SuppressionReason.OPERATOR)
    every = service.suppressions(limit=None)
    first = service.suppressions(limit=2)
    assert first + service.suppressions(after=first[-1].address_hash, limit=None) == every


def test_a_pause_until_a_day_is_on_the_newsletter_and_without_end_on_the_person(
    service: SubscriberService, clock: ManualClock
) -> None:
    add(service)
    add(service, newsletter="other")
    until = clock.now() + timedelta(days=7)
    assert service.pause(ANN, "papers", until=until)
    assert not service.pause(ANN, "papers", until=until)
    assert [found.paused_until for found in service.held(ANN).subscriptions] == [None, until]
    assert service.pause(ANN)
    assert not service.pause(ANN)
    assert service.find(ANN).state is SubscriberState.PAUSED
    assert service.resume(ANN)
    assert not service.resume(ANN)
    held = service.held(ANN)
    assert held.subscriber.state is SubscriberState.ACTIVE
    assert [found.paused_until for found in held.subscriptions] == [None, None]


def test_the_latest_word_about_a_pause_counts(service: SubscriberService, clock: ManualClock) -> None:
    add(service)
    soon, late = clock.now() + timedelta(days=1), clock.now() + timedelta(days=9)
    for until in (late, soon):
        assert service.pause(ANN, "papers", until=until)
        assert service.held(ANN).subscriptions[0].paused_until == until
    service.pause(ANN)
    assert service.pause(ANN, until=soon)
    assert not service.pause(ANN, until=soon)
    assert service.find(ANN).state is SubscriberState.ACTIVE
    service.pause(ANN)
    service.pause(ANN, "papers", until=late)
    service.resume(ANN, "papers")
    assert service.find(ANN).state is SubscriberState.PAUSED


def test_who_has_not_confirmed_cannot_be_paused_into_a_reader(
    service: SubscriberService, database: Database, clock: ManualClock
) -> None:
    number = add(service).subscriber.id
    with database.write() as session:
        SubscriberStore(session).set_state(number, SubscriberState.PENDING, now=clock.now())
    with pytest.raises(NotConfirmedError, match="not confirmed"):
        service.pause(number)
    service.resume(number)
    assert service.find(number).state is SubscriberState.PENDING


def test_the_holder_of_a_link_to_their_choices_comes_back_by_themselves(service: SubscriberService) -> None:
    number = add(service).subscriber.id
    service.unsubscribe(number, method=WEB)
    service.suppress(ANN, SuppressionReason.UNSUBSCRIBED)

    def again(newsletter: str = "papers") -> Added:
        return service.subscribe_again(number, newsletter, Choices(Cadence.WEEKLY), method=WEB, wording="Yes", detail="choices")

    added = again()
    assert (added.is_new, added.subscriber.id, added.subscriber.state) == (True, number, SubscriberState.ACTIVE)
    assert not service.is_suppressed(ANN)
    assert not again().is_new
    assert again("other").is_new
    last = service.held(number).consents[-1]
    assert (last.newsletter, last.event, last.wording, last.detail) == ("other", ConsentEvent.CONFIRMED, "Yes", "choices")
    service.suppress(ANN, SuppressionReason.COMPLAINED)
    with pytest.raises(SuppressedError):
        again()
    service.erase(number)
    with pytest.raises(UnknownSubscriberError):
        again()


def test_adding_a_paused_reader_again_does_not_wake_them(service: SubscriberService) -> None:
    add(service)
    service.pause(ANN)
    assert not add(service).is_new
    assert add(service, newsletter="other").subscriber.state is SubscriberState.PAUSED
    assert back(service).subscriber.state is SubscriberState.ACTIVE


def test_a_pause_that_makes_no_sense_is_refused(service: SubscriberService, clock: ManualClock) -> None:
    add(service)
    with pytest.raises(ValueError, match="needs an end"):
        service.pause(ANN, "papers")
    with pytest.raises(NotSubscribedError, match="other"):
        service.pause(ANN, "other", until=clock.now())
    service.unsubscribe(ANN, method=WEB)
    with pytest.raises(HasLeftError):
        service.pause(ANN)


def test_choices_can_be_changed(service: SubscriberService) -> None:
    add(service)
    service.set_choices(ANN, "papers", Choices(Cadence.WEEKLY, 6, "Asia/Tokyo"))
    assert service.held(ANN).subscriptions[0].zone == "Asia/Tokyo"
    with pytest.raises(NotSubscribedError):
        service.set_choices(ANN, "other", Choices())


@pytest.mark.parametrize("who", ["nobody@example.org", 4711])
def test_nobody_is_an_error_that_says_so(service: SubscriberService, who: str | int) -> None:
    for act in (service.find, service.held, service.erase, service.pause, service.resume):
        with pytest.raises(UnknownSubscriberError, match="no such subscriber"):
            act(who)
    with pytest.raises(UnknownSubscriberError):
        service.unsubscribe(who, method=WEB)


def test_what_is_no_address_is_refused_everywhere(service: SubscriberService) -> None:
    with pytest.raises(AddressError):
        add(service, "ann@example.org,bob@example.org")
    with pytest.raises(AddressError):
        service.find("ann")


def test_logs_and_errors_name_nobody(service: SubscriberService, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "subscribers")
    add(service)
    service.unsubscribe(ANN, method=WEB)
    with pytest.raises(SubscribersError) as refused:
        add(service)
    service.erase(ANN)
    said = "\n".join(
        [*(record.getMessage() for record in caplog.records if record.name.startswith("subscribers")), str(refused)]
    )
    assert "subscriber.erased subscriber=" in said
    assert "ann@" not in said


def test_who_uses_the_link_to_their_choices_has_answered(
    database: Database, service: SubscriberService, clock: ManualClock
) -> None:
    person = add(service).subscriber
    mailbox, limits = parse_address(ANN), SignUpLimits()

    def may_mail() -> bool:
        with database.write() as session:
            return LimitStore(session, Hasher(SECRET)).may_mail(mailbox, limits=limits, now=clock.now())

    assert may_mail()
    assert not may_mail()
    service.set_choices(person.id, "papers", Choices(local_hour=9))
    assert may_mail()
    assert not may_mail()
    service.unsubscribe(person.id, method=ConsentMethod.WEB)
    service.subscribe_again(person.id, "papers", Choices(), method=ConsentMethod.WEB, wording="Yes.")
    assert may_mail()
