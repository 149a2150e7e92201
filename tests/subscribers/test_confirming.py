"""The click in the mailbox: subscriptions and changes of address."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.base import Base
from subscribers.confirming import Confirmation, ConfirmationKind, Confirmations, Outcome
from subscribers.desk import SignUpDesk
from subscribers.keys import LinkKeys
from subscribers.links import Links
from subscribers.model import (
    Cadence,
    Choices,
    ConsentEvent,
    ConsentMethod,
    Interests,
    NoticeKind,
    SignUp,
    SignUpLimits,
    Subscriber,
    SubscriberId,
    SubscriberState,
    SuppressionReason,
    Taste,
)
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher
from subscribers.tokens import TokenPurpose
from tests.subscribers.conftest import SECRET
from tests.subscribers.fakes import NoNotices

WEB = ConsentMethod.WEB
ANN, NEW = "ann@example.org", "ann.new@example.net"
KIND = NoticeKind
LIMITS = SignUpLimits()


class Mailbox:
    """Signs up, and clicks what comes."""

    def __init__(self, database: Database, clock: ManualClock, keys: LinkKeys, service: SubscriberService) -> None:
        self.notices, self.forgotten = NoNotices(), list[int]()
        self.database, self.clock, self.keys, self.service = database, clock, keys, service
        hasher = Hasher(SECRET)
        self.desk = SignUpDesk(database, clock, hasher, LIMITS, self.notices)
        self.confirmations = Confirmations(
            database, clock, keys, hasher, LIMITS, self.notices, on_erase=[lambda _, who: self.forgotten.append(who)]
        )

    def sign_up(self, address: str = ANN, newsletter: str = "papers", choices: Choices | None = None) -> str:
        """Sign up; return the token of the mail that came, "" if none did."""
        before = len(self.notices.put_in)
        self.desk.receive([SignUp(address, newsletter, choices or Choices(), WEB, "Yes, send it", "192.0.2.1")])
        self.desk.process()
        return self.last_token() if len(self.notices.put_in) > before else ""

    def subscribed(self, address: str = ANN) -> Subscriber:
        """Sign up and confirm."""
        done = self.confirmations.confirm(self.sign_up(address))
        assert done is not None
        return done.subscriber

    def ask_address(self, who: int, address: str = NEW) -> str:
        """Ask for a change of address; return the token of the mail that came, "" if none did."""
        before = len(self.notices.put_in)
        self.confirmations.ask_address(SubscriberId(who), address, client="192.0.2.1")
        return self.last_token() if len(self.notices.put_in) > before else ""

    def last_token(self) -> str:
        notice = self.notices.put_in[-1]
        assert notice.subscriber_id is not None
        subscriber = self.service.find(notice.subscriber_id)
        if notice.kind is KIND.CONFIRM:
            return self.keys.make_confirm(subscriber, notice.reference)
        assert notice.kind is KIND.CONFIRM_ADDRESS
        return self.keys.make_address(subscriber, notice.reference)

    def set_state(self, who: int, state: SubscriberState) -> None:
        with self.database.write() as session:
            SubscriberStore(session).set_state(who, state, now=self.clock.now())

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return everything in the database."""
        with self.database.read() as session:
            return {
                table.name: sorted((tuple(row) for row in session.execute(table.select())), key=repr)
                for table in Base.metadata.sorted_tables
            }


@pytest.fixture
def mailbox(database: Database, clock: ManualClock, keys: LinkKeys, service: SubscriberService) -> Mailbox:
    return Mailbox(database, clock, keys, service)


def test_who_signs_up_for_two_at_once_is_asked_about_the_second_after_the_first(mailbox: Mailbox) -> None:
    first = mailbox.sign_up(newsletter="papers")
    assert mailbox.sign_up(newsletter="robots", choices=Choices(Cadence.MONTHLY)) == ""
    assert mailbox.sign_up(newsletter="birds") == ""
    assert mailbox.confirmations.confirm(first) is not None
    assert mailbox.notices.kinds == [KIND.CONFIRM, KIND.WELCOME, KIND.CONFIRM]
    second = mailbox.last_token()
    done = mailbox.confirmations.confirm(second)
    assert done is not None
    assert (done.newsletter, done.choices and done.choices.cadence) == ("robots", Cadence.MONTHLY)
    assert mailbox.notices.kinds[3:] == [KIND.WELCOME, KIND.CONFIRM]
    assert mailbox.confirmations.confirm(first) is not None
    assert len(mailbox.notices.kinds) == 5, "a click again asked again"


def test_the_click_subscribes_with_what_was_picked_and_a_welcome_follows(mailbox: Mailbox) -> None:
    choices = Choices(Cadence.WEEKLY, 7, "Europe/Berlin", Interests(("cs.CL",)), 5, (("team", "red"),))
    token = mailbox.sign_up(choices=choices)
    mailbox.clock.advance(timedelta(hours=1))
    done = mailbox.confirmations.confirm(token)
    held = mailbox.service.held(ANN)
    assert done == Confirmation(ConfirmationKind.SUBSCRIPTION, "papers", choices, Outcome.DONE, held.subscriber)
    assert held.subscriber.state is SubscriberState.ACTIVE
    (subscription,) = held.subscriptions
    assert subscription.choices == choices
    assert [consent.event for consent in held.consents] == [ConsentEvent.ASKED, ConsentEvent.CONFIRMED]
    assert (held.consents[1].wording, held.consents[1].method) == ("Yes, send it", WEB)
    assert held.wishes[0].confirmed_at == mailbox.clock.now()
    assert mailbox.notices.kinds == [KIND.CONFIRM, KIND.WELCOME]
    assert mailbox.notices.put_in[1].newsletter == "papers"


def test_looking_changes_nothing_at_all(mailbox: Mailbox) -> None:
    token = mailbox.sign_up()
    before = mailbox.rows()
    for _ in range(3):
        seen = mailbox.confirmations.peek(token)
        assert seen is not None
        assert (seen.outcome, seen.newsletter, seen.choices) == (Outcome.OPEN, "papers", Choices())
    assert mailbox.rows() == before


def test_a_second_click_answers_the_same_and_changes_nothing(mailbox: Mailbox) -> None:
    token = mailbox.sign_up()
    first = mailbox.confirmations.confirm(token)
    before = mailbox.rows()
    mailbox.clock.advance(timedelta(days=2))
    assert mailbox.confirmations.confirm(token) == first
    assert mailbox.confirmations.peek(token) == first
    assert mailbox.rows() == before
    assert mailbox.notices.kinds == [KIND.CONFIRM, KIND.WELCOME]


def test_many_clicks_at_once_have_one_effect(mailbox: Mailbox) -> None:
    token, together = mailbox.sign_up(), threading.Barrier(6)

    def click(_: int) -> Confirmation | None:
        together.wait()
        return mailbox.confirmations.confirm(token)

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(click, range(6)))
    assert {one.outcome for one in done if one} == {Outcome.DONE}
    assert None not in done
    assert mailbox.notices.kinds == [KIND.CONFIRM, KIND.WELCOME]
    assert len(mailbox.service.held(ANN).consents) == 2


@pytest.mark.parametrize("answered", [False, True])
def test_a_link_works_for_seven_days(mailbox: Mailbox, answered: bool) -> None:
    token = mailbox.sign_up()
    if answered:
        mailbox.confirmations.confirm(token)
    mailbox.clock.advance(timedelta(days=7))
    assert mailbox.confirmations.peek(token) is not None
    mailbox.clock.advance(timedelta(seconds=1))
    assert mailbox.confirmations.peek(token) is None
    assert mailbox.confirmations.confirm(token) is None
    assert (mailbox.service.find(ANN).state is SubscriberState.ACTIVE) == answered


def test_a_link_of_another_purpose_confirms_nothing(mailbox: Mailbox) -> None:
    mailbox.sign_up()
    subscriber = mailbox.service.find(ANN)
    wish = mailbox.notices.put_in[0].reference
    ring = mailbox.keys.ring
    for purpose in TokenPurpose:
        for scope in ("", "papers", f"wish:{wish}", f"change:{wish}", "wish:0"):
            if (purpose, scope) != (TokenPurpose.CONFIRM, f"wish:{wish}"):
                token = ring.make(purpose, subscriber.id, subscriber.token_epoch, scope=scope)
                assert mailbox.confirmations.confirm(token) is None
    for garbage in ("", "A" * 32, "\ud800" * 32, "ann@example.org"):
        assert mailbox.confirmations.confirm(garbage) is None
    assert mailbox.service.find(ANN).state is SubscriberState.PENDING


def test_a_link_to_confirm_opens_nothing_else(mailbox: Mailbox, links: Links) -> None:
    token = mailbox.sign_up()
    assert links.unsubscribe([token]) == [None]
    assert links.holder_of(token, TokenPurpose.PREFERENCES) is None


def test_an_old_link_never_brings_back_who_left(mailbox: Mailbox) -> None:
    token = mailbox.sign_up()
    mailbox.confirmations.confirm(token)
    mailbox.service.unsubscribe(ANN, method=WEB)
    assert mailbox.confirmations.peek(token) is None
    assert mailbox.confirmations.confirm(token) is None
    assert mailbox.service.find(ANN).state is SubscriberState.UNSUBSCRIBED
    # Nor does it once they have asked anew: that takes the new link.
    again = mailbox.sign_up()
    assert mailbox.confirmations.confirm(token) is None
    done = mailbox.confirmations.confirm(again)
    assert done is not None
    assert done.subscriber.state is SubscriberState.ACTIVE


def test_leaving_before_the_click_ends_the_link(mailbox: Mailbox) -> None:
    token = mailbox.sign_up()
    mailbox.service.unsubscribe(ANN, "papers", method=WEB)
    assert mailbox.confirmations.confirm(token) is None


def test_an_erased_person_s_link_is_dead(mailbox: Mailbox) -> None:
    token = mailbox.sign_up()
    mailbox.service.erase(ANN)
    assert mailbox.confirmations.confirm(token) is None


@pytest.mark.parametrize("reason", [SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED, SuppressionReason.ERASED])
def test_the_click_lifts_what_the_own_wish_can_lift(mailbox: Mailbox, reason: SuppressionReason) -> None:
    mailbox.service.suppress(ANN, reason)
    assert mailbox.confirmations.confirm(mailbox.sign_up()) is not None
    assert not mailbox.service.is_suppressed(ANN)


@pytest.mark.parametrize("reason", [SuppressionReason.OPERATOR, SuppressionReason.COMPLAINED])
def test_a_suppression_that_came_before_the_click_holds(mailbox: Mailbox, reason: SuppressionReason) -> None:
    token = mailbox.sign_up()
    mailbox.service.suppress(ANN, reason)
    assert mailbox.confirmations.peek(token) is None
    assert mailbox.confirmations.confirm(token) is None
    assert mailbox.service.find(ANN).state is SubscriberState.PENDING


def test_who_bounced_and_confirms_gets_what_they_picked_now(mailbox: Mailbox) -> None:
    who = mailbox.subscribed()
    mailbox.set_state(who.id, SubscriberState.BOUNCED)
    mailbox.confirmations.confirm(mailbox.sign_up(choices=Choices(Cadence.MONTHLY)))
    held = mailbox.service.held(ANN)
    assert held.subscriber.state is SubscriberState.ACTIVE
    assert held.subscriptions[0].cadence is Cadence.MONTHLY


def test_the_click_counts_though_the_operator_added_them_meanwhile(mailbox: Mailbox) -> None:
    token = mailbox.sign_up(choices=Choices(Cadence.MONTHLY))
    mailbox.service.add(ANN, "papers", Choices(), method=ConsentMethod.OPERATOR, wording="Yes")
    mailbox.confirmations.confirm(token)
    held = mailbox.service.held(ANN)
    assert held.subscriptions[0].cadence is Cadence.MONTHLY
    assert [consent.method for consent in held.consents if consent.event is ConsentEvent.CONFIRMED][-1] is WEB


def test_who_confirmed_may_leave_and_sign_up_anew_at_once(mailbox: Mailbox) -> None:
    for _ in range(5):
        mailbox.subscribed()
        mailbox.service.unsubscribe(ANN, method=WEB)
    assert mailbox.notices.kinds == [KIND.CONFIRM, KIND.WELCOME] * 5


def test_the_link_of_the_first_mail_confirms_the_latest_choices(mailbox: Mailbox) -> None:
    token = mailbox.sign_up()
    assert mailbox.sign_up(choices=Choices(Cadence.WEEKLY)) == ""
    done = mailbox.confirmations.confirm(token)
    assert done is not None
    assert done.choices == Choices(Cadence.WEEKLY)


def test_two_newsletters_are_confirmed_one_by_one(mailbox: Mailbox) -> None:
    first = mailbox.sign_up()
    mailbox.clock.advance(timedelta(days=1))
    second = mailbox.sign_up(newsletter="other")
    mailbox.confirmations.confirm(second)
    assert [found.newsletter for found in mailbox.service.held(ANN).subscriptions] == ["other"]
    seen = mailbox.confirmations.peek(first)
    assert seen is not None
    assert (seen.newsletter, seen.outcome) == ("papers", Outcome.OPEN)


def test_a_change_of_address_is_made_by_the_new_mailbox_and_told_to_the_old(mailbox: Mailbox) -> None:
    who = mailbox.subscribed()
    preferences = mailbox.keys.make_preferences(who)
    token = mailbox.ask_address(who.id)
    notice = mailbox.notices.put_in[-1]
    assert (notice.kind, notice.address, notice.newsletter, notice.client) == (KIND.CONFIRM_ADDRESS, NEW, "", "192.0.2.1")
    change = mailbox.service.held(who.id).change
    assert change is not None
    assert change.address == NEW
    seen = mailbox.confirmations.peek(token)
    assert seen == Confirmation(ConfirmationKind.ADDRESS, "", None, Outcome.OPEN, who)
    done = mailbox.confirmations.confirm(token)
    now = mailbox.service.find(NEW)
    assert done == Confirmation(ConfirmationKind.ADDRESS, "", None, Outcome.DONE, now)
    assert (now.id, now.state, now.token_epoch) == (who.id, SubscriberState.ACTIVE, who.token_epoch + 1)
    assert (mailbox.notices.kinds[-1], mailbox.notices.put_in[-1].address) == (KIND.ADDRESS_CHANGED, ANN)
    assert mailbox.service.held(NEW).change is None
    links = Links(mailbox.database, mailbox.clock, mailbox.keys, mailbox.notices)
    assert links.holder_of(preferences, TokenPurpose.PREFERENCES) is None
    assert links.holder_of(mailbox.keys.make_unsubscribe(who, "papers"), TokenPurpose.UNSUBSCRIBE) is not None


def test_a_second_click_on_a_change_of_address_answers_the_same(mailbox: Mailbox) -> None:
    token = mailbox.ask_address(mailbox.subscribed().id)
    first = mailbox.confirmations.confirm(token)
    before = mailbox.rows()
    assert mailbox.confirmations.confirm(token) == first
    assert mailbox.confirmations.peek(token) == first
    assert mailbox.rows() == before
    mailbox.clock.advance(timedelta(days=8))
    assert mailbox.confirmations.confirm(token) is None


def test_the_link_for_one_address_never_confirms_another(mailbox: Mailbox) -> None:
    who = mailbox.subscribed()
    first = mailbox.ask_address(who.id, "first@example.org")
    second = mailbox.ask_address(who.id, "second@example.org")
    assert mailbox.confirmations.confirm(first) is None
    assert mailbox.confirmations.confirm(second) is not None
    assert mailbox.service.find(who.id).address == "second@example.org"


def test_a_link_to_change_the_address_expires(mailbox: Mailbox) -> None:
    token = mailbox.ask_address(mailbox.subscribed().id)
    mailbox.clock.advance(timedelta(days=7, seconds=1))
    assert mailbox.confirmations.confirm(token) is None


@pytest.mark.parametrize("text", ["", "no address", ANN, "ANN@EXAMPLE.ORG", "a@example.org\nb@example.org"])
def test_an_address_that_is_none_or_theirs_already_is_passed_over_in_silence(
    mailbox: Mailbox, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    who = mailbox.subscribed()
    with caplog.at_level(logging.INFO):
        assert mailbox.ask_address(who.id, text) == ""
    assert mailbox.service.held(who.id).change is None
    assert not any("example" in record.getMessage().lower() for record in caplog.records)


@pytest.mark.parametrize("reason", SuppressionReason)
def test_a_suppressed_address_is_not_written_to_nor_moved_to(mailbox: Mailbox, reason: SuppressionReason) -> None:
    who = mailbox.subscribed()
    token = mailbox.ask_address(who.id)
    mailbox.service.suppress(NEW, reason)
    assert mailbox.confirmations.peek(token) is None
    assert mailbox.confirmations.confirm(token) is None
    assert mailbox.service.find(who.id).address == ANN
    mailbox.clock.advance(timedelta(days=2))
    assert mailbox.ask_address(who.id) == ""


def test_who_does_not_read_cannot_move(mailbox: Mailbox) -> None:
    mailbox.sign_up()
    assert mailbox.ask_address(mailbox.service.find(ANN).id) == ""
    token = mailbox.ask_address(mailbox.subscribed("bob@example.org").id)
    mailbox.service.unsubscribe("bob@example.org", method=WEB)
    assert mailbox.confirmations.confirm(token) is None
    assert mailbox.ask_address(999) == ""


def test_asking_for_an_address_counts_as_a_mail_to_it(mailbox: Mailbox) -> None:
    who, other = mailbox.subscribed(), mailbox.subscribed("bob@example.org")
    assert mailbox.ask_address(who.id, "victim@example.net")
    assert mailbox.ask_address(who.id, "victim@example.net") == ""
    assert mailbox.ask_address(other.id, "Victim+1@example.net") == ""
    assert mailbox.sign_up("victim@example.net") == ""
    mailbox.clock.advance(timedelta(days=1))
    assert mailbox.sign_up("victim@example.net")


def test_one_reader_cannot_have_the_whole_world_asked(mailbox: Mailbox) -> None:
    who = mailbox.subscribed()
    asked = [mailbox.ask_address(who.id, f"victim{number}@example.net") for number in range(60)]
    assert sum(map(bool, asked)) == LIMITS.network_per_hour - 1  # one went into their own sign-up


@pytest.mark.parametrize("state", [SubscriberState.ACTIVE, SubscriberState.PAUSED, SubscriberState.COMPLAINED])
def test_a_mailbox_that_has_its_own_subscription_is_not_moved_to(mailbox: Mailbox, state: SubscriberState) -> None:
    who = mailbox.subscribed()
    token = mailbox.ask_address(who.id)
    mailbox.clock.advance(timedelta(days=1))
    mailbox.set_state(mailbox.subscribed(NEW).id, state)
    before = mailbox.rows()
    for answer in (mailbox.confirmations.peek(token), mailbox.confirmations.confirm(token)):
        assert answer is not None
        assert answer.outcome is Outcome.TAKEN
    assert mailbox.rows() == before


def test_somebody_who_never_confirmed_makes_room(mailbox: Mailbox) -> None:
    who = mailbox.subscribed()
    token = mailbox.ask_address(who.id)
    mailbox.clock.advance(timedelta(days=1))
    mailbox.sign_up(NEW)
    pending = mailbox.service.find(NEW).id
    assert mailbox.confirmations.confirm(token) is not None
    assert mailbox.service.find(NEW).id == who.id
    assert not any(notice.subscriber_id == pending for notice in mailbox.notices.put_in)
    assert mailbox.forgotten == []


@pytest.mark.parametrize("state", [SubscriberState.UNSUBSCRIBED, SubscriberState.BOUNCED])
def test_somebody_who_left_makes_room_and_the_proof_of_it_stays(mailbox: Mailbox, links: Links, state: SubscriberState) -> None:
    old = mailbox.subscribed(NEW)
    links.say(old.id, 7, Taste.MORE)
    mailbox.service.unsubscribe(NEW, method=WEB)
    mailbox.set_state(old.id, state)
    who = mailbox.subscribed()
    assert mailbox.confirmations.confirm(mailbox.ask_address(who.id)) is not None
    assert mailbox.service.find(NEW).id == who.id
    held = mailbox.service.held(old.id)
    assert held.subscriber.state is SubscriberState.ERASED
    assert "@" not in held.subscriber.address
    assert (held.opinions, held.wishes) == ((), ())
    assert [consent.event for consent in held.consents][-1] is ConsentEvent.WITHDRAWN
    assert mailbox.forgotten == [old.id]
    assert not mailbox.service.is_suppressed(NEW)


def test_many_who_want_one_mailbox_get_it_one_at_a_time(mailbox: Mailbox) -> None:
    people = [mailbox.subscribed(f"a{number}@example.org").id for number in range(3)]
    tokens = []
    for who in people:  # the mailbox is asked three times at most
        tokens.append(mailbox.ask_address(who))
        mailbox.clock.advance(timedelta(days=1))
    together = threading.Barrier(3)

    def click(token: str) -> Outcome | None:
        together.wait()
        done = mailbox.confirmations.confirm(token)
        return None if done is None else done.outcome

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(click, tokens))
    assert sorted(str(outcome) for outcome in outcomes) == ["done", "taken", "taken"]
    assert mailbox.service.find(NEW).id == people[outcomes.index(Outcome.DONE)]
