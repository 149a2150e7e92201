"""What people and operators do: subscribe, leave, come back, pause, be forgotten."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.errors import (
    AddressError,
    HasLeftError,
    NotSubscribedError,
    SubscribersError,
    SuppressedError,
    UnknownSubscriberError,
)
from subscribers.model import (
    Added,
    Cadence,
    Choices,
    ConsentEvent,
    ConsentMethod,
    Interests,
    SubscriberState,
    SuppressionReason,
)
from subscribers.service import SubscriberService
from subscribers.tokens import TokenPurpose

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
    assert not SubscriberService(database, clock, b"another secret of 32 characters!").is_suppressed(ANN)


def test_suppressions_come_in_pages(service: SubscriberService) -> None:
    for place in range(5):
        service.suppress(f"r{place}@example.org", SuppressionReason.OPERATOR)
    every = service.suppressions(limit=None)
    first = service.suppressions(limit=2)
    assert first + service.suppressions(after=first[-1].address_hash, limit=None) == every


def test_erasing_leaves_no_trace_of_the_address_in_any_table(service: SubscriberService, database: Database) -> None:
    service.add("Ann.Lee@Bücher.example", "papers", Choices(interests=Interests(authors=("Ada",))), method=WEB, wording="Yes",
                detail="Ann.Lee@Bücher.example from 192.0.2.7")  # fmt: skip
    add(service, "bob@example.org")
    person = service.find("ann.lee@bücher.example")
    token = service.keys.make(TokenPurpose.UNSUBSCRIBE, person.id, person.token_epoch)
    assert service.token_is_known(token)
    assert service.erase(person.id)
    with database.read() as session:
        for table in ("subscriber", "subscription", "consent", "suppression"):
            everything = str(session.execute(text(f"SELECT * FROM {table}")).all()).casefold()  # noqa: S608 - our own names
            for trace in ("ann.lee", "bücher", "bcher", "192.0.2.7"):
                assert trace not in everything, table
    held = service.held(person.id)
    assert held.subscriber.state is SubscriberState.ERASED
    assert held.subscriptions == ()
    assert [consent.event for consent in held.consents] == [ConsentEvent.CONFIRMED]
    assert not service.token_is_known(token)
    assert service.is_suppressed("ann.lee@bücher.example")
    with pytest.raises(UnknownSubscriberError):
        service.find("ann.lee@bücher.example")
    assert service.find("bob@example.org").state is SubscriberState.ACTIVE


def test_erasing_twice_is_no_error_and_keeps_an_earlier_complaint(service: SubscriberService) -> None:
    number = add(service).subscriber.id
    service.suppress(ANN, SuppressionReason.COMPLAINED, detail="names ann@example.org")
    assert service.erase(ANN)
    assert not service.erase(number)
    (kept,) = service.suppressions()
    assert (kept.reason, kept.detail) == (SuppressionReason.COMPLAINED, "")


def test_who_was_erased_may_come_back_as_somebody_new(service: SubscriberService) -> None:
    first = add(service).subscriber.id
    service.erase(ANN)
    with pytest.raises(SuppressedError):
        add(service)
    again = back(service).subscriber
    assert again.id != first
    assert events(service) == [("papers", ConsentEvent.CONFIRMED)]


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


def test_the_link_of_a_mail_unsubscribes_twice_without_complaint(service: SubscriberService) -> None:
    person = add(service).subscriber
    token = service.keys.make(TokenPurpose.UNSUBSCRIBE, person.id, person.token_epoch)
    assert service.token_is_known(token)
    assert service.find(ANN).state is SubscriberState.ACTIVE
    assert service.unsubscribe_by_token(token)
    assert service.find(ANN).state is SubscriberState.UNSUBSCRIBED
    assert service.unsubscribe_by_token(token)
    assert events(service)[1:] == [("papers", ConsentEvent.WITHDRAWN)]


def test_a_link_for_one_newsletter_ends_only_that_one(service: SubscriberService) -> None:
    person = add(service).subscriber
    add(service, newsletter="other")
    token = service.keys.make(TokenPurpose.UNSUBSCRIBE, person.id, person.token_epoch, scope="other")
    assert service.unsubscribe_by_token(token)
    assert service.unsubscribe_by_token(token)
    assert [found.newsletter for found in service.held(ANN).subscriptions] == ["papers"]


def test_tokens_of_another_kind_or_person_unsubscribe_nobody(service: SubscriberService) -> None:
    person = add(service).subscriber
    other = service.keys.make(TokenPurpose.PREFERENCES, person.id, person.token_epoch)
    stranger = service.keys.make(TokenPurpose.UNSUBSCRIBE, person.id + 1, 0)
    stale = service.keys.make(TokenPurpose.UNSUBSCRIBE, person.id, person.token_epoch + 1)
    for token in (other, stranger, stale, "", "a" * 32):
        assert not service.unsubscribe_by_token(token)
    assert service.find(ANN).state is SubscriberState.ACTIVE


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
