"""The sign-up desk: what is taken in, and what becomes of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.choices_json import choices_from_json, choices_to_json
from subscribers.desk import SignUpDesk, answer_to
from subscribers.errors import HasLeftError
from subscribers.model import (
    Cadence,
    Choices,
    ConsentEvent,
    ConsentMethod,
    Interests,
    Notice,
    NoticeKind,
    SignUp,
    SignUpLimits,
    SubscriberState,
    SuppressionReason,
    Verdict,
)
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher
from subscribers.tables import AllowanceRow, SignUpRow, SubscriberRow, WishRow
from tests.subscribers.conftest import SECRET
from tests.subscribers.fakes import NoNotices

WEB = ConsentMethod.WEB
ANN = "ann@example.org"
CONFIRM, KNOWN = NoticeKind.CONFIRM, NoticeKind.KNOWN
DAY = timedelta(days=1)


@pytest.fixture
def notices() -> NoNotices:
    return NoNotices()


@pytest.fixture
def desk(database: Database, clock: ManualClock, notices: NoNotices) -> SignUpDesk:
    return SignUpDesk(database, clock, Hasher(SECRET), SignUpLimits(), notices)


def sign_up(
    address: str = ANN, *, client: str = "192.0.2.1", choices: Choices | None = None, newsletter: str = "papers"
) -> SignUp:
    return SignUp(address, newsletter, choices or Choices(), WEB, "Yes, send it", client)


def put(desk: SignUpDesk, *batch: SignUp) -> None:
    assert set(desk.receive(batch)) <= {Verdict.TAKEN}
    while desk.process():
        pass


def count(database: Database, table: type[SignUpRow | SubscriberRow | WishRow]) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def subscribe(service: SubscriberService, newsletter: str = "papers", choices: Choices | None = None) -> int:
    return service.add(ANN, newsletter, choices or Choices(), method=WEB, wording="Yes").subscriber.id


def set_state(database: Database, who: int, state: SubscriberState, clock: ManualClock) -> None:
    with database.write() as session:
        SubscriberStore(session).set_state(who, state, now=clock.now())


def test_somebody_new_is_pending_until_they_confirm(
    desk: SignUpDesk, database: Database, notices: NoNotices, service: SubscriberService, clock: ManualClock
) -> None:
    choices = Choices(Cadence.WEEKLY, 7, "Europe/Berlin", Interests(("cs.CL",), ("bees",)), 5, (("team", "red"), ("when", 3)))
    put(desk, sign_up("Ann@Example.org", choices=choices))
    held = service.held(ANN)
    assert held.subscriber.state is SubscriberState.PENDING
    assert held.subscriptions == ()
    (wish,) = held.wishes
    assert (wish.newsletter, wish.choices, wish.asked_at, wish.confirmed_at) == ("papers", choices, clock.now(), None)
    (consent,) = held.consents
    assert (consent.event, consent.method, consent.wording) == (ConsentEvent.ASKED, WEB, "Yes, send it")
    (notice,) = notices.put_in
    assert (notice.kind, notice.subscriber_id, notice.address) == (CONFIRM, held.subscriber.id, "Ann@example.org")
    assert (notice.newsletter, notice.reference, notice.client) == ("papers", wish.id, "192.0.2.1")
    assert count(database, SignUpRow) == 0


def test_an_impossible_address_is_taken_and_forgotten(desk: SignUpDesk, database: Database, notices: NoNotices) -> None:
    odd = ["", "ann", "ann@", "a\0nn@example.org", "a\ud800nn@example.org", "ann@example.org\r\nBcc: b@example.org",
           "a" * 320 + ANN, ANN + " " * 400, "x" * 100_000]  # fmt: skip
    put(desk, *(sign_up(address) for address in odd))
    assert notices.put_in == []
    assert (count(database, SignUpRow), count(database, SubscriberRow)) == (0, 0)


@pytest.mark.parametrize("reason", [SuppressionReason.OPERATOR, SuppressionReason.COMPLAINED])
def test_an_address_the_operator_or_a_complaint_suppressed_gets_nothing(
    desk: SignUpDesk, database: Database, notices: NoNotices, service: SubscriberService, reason: SuppressionReason
) -> None:
    service.suppress(ANN, reason)
    put(desk, sign_up())
    assert notices.put_in == []
    assert (count(database, SignUpRow), count(database, SubscriberRow)) == (0, 0)


@pytest.mark.parametrize("reason", [SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED, SuppressionReason.ERASED])
def test_a_suppression_the_own_wish_can_lift_is_asked_about_and_stays_until_the_click(
    desk: SignUpDesk, notices: NoNotices, service: SubscriberService, reason: SuppressionReason
) -> None:
    service.suppress(ANN, reason)
    put(desk, sign_up())
    assert notices.kinds == [CONFIRM]
    assert service.is_suppressed(ANN)


def test_who_waits_already_is_asked_again_the_next_day_under_the_same_number(
    desk: SignUpDesk, notices: NoNotices, service: SubscriberService, clock: ManualClock
) -> None:
    put(desk, sign_up())
    clock.advance(DAY)
    put(desk, sign_up(choices=Choices(Cadence.MONTHLY)))
    assert notices.kinds == [CONFIRM, CONFIRM]
    assert len({notice.reference for notice in notices.put_in}) == 1
    held = service.held(ANN)
    (wish,) = held.wishes
    assert (wish.asked_at, wish.choices.cadence) == (clock.now(), Cadence.MONTHLY)
    assert [consent.event for consent in held.consents] == [ConsentEvent.ASKED] * 2


def test_who_gets_it_already_is_told_so_and_keeps_their_choices(
    desk: SignUpDesk, notices: NoNotices, service: SubscriberService
) -> None:
    subscribe(service, choices=Choices(Cadence.WEEKLY))
    put(desk, sign_up())
    assert notices.kinds == [KNOWN]
    held = service.held(ANN)
    assert (held.subscriptions[0].cadence, held.wishes, len(held.consents)) == (Cadence.WEEKLY, (), 1)


def test_who_gets_another_newsletter_is_asked(desk: SignUpDesk, notices: NoNotices, service: SubscriberService) -> None:
    subscribe(service, newsletter="other")
    put(desk, sign_up())
    assert notices.kinds == [CONFIRM]
    assert service.find(ANN).state is SubscriberState.ACTIVE


@pytest.mark.parametrize(("newsletter", "kind"), [("papers", KNOWN), ("other", CONFIRM)])
def test_who_pauses_goes_on_pausing(
    desk: SignUpDesk, notices: NoNotices, service: SubscriberService, newsletter: str, kind: NoticeKind
) -> None:
    service.pause(subscribe(service))
    put(desk, sign_up(newsletter=newsletter))
    assert notices.kinds == [kind]
    assert service.find(ANN).state is SubscriberState.PAUSED


def test_who_left_is_asked_and_stays_away_until_the_click(
    desk: SignUpDesk, notices: NoNotices, service: SubscriberService
) -> None:
    service.unsubscribe(subscribe(service), method=WEB)
    put(desk, sign_up())
    assert notices.kinds == [CONFIRM]
    assert service.find(ANN).state is SubscriberState.UNSUBSCRIBED


def test_who_bounced_is_asked_though_their_subscription_is_there(
    desk: SignUpDesk, notices: NoNotices, service: SubscriberService, database: Database, clock: ManualClock
) -> None:
    set_state(database, subscribe(service), SubscriberState.BOUNCED, clock)
    put(desk, sign_up())
    assert notices.kinds == [CONFIRM]


def test_who_complained_is_left_alone(
    desk: SignUpDesk, notices: NoNotices, service: SubscriberService, database: Database, clock: ManualClock
) -> None:
    set_state(database, subscribe(service), SubscriberState.COMPLAINED, clock)
    put(desk, sign_up())
    assert notices.put_in == []


def test_an_erased_person_may_come_back_as_somebody_new(
    desk: SignUpDesk, notices: NoNotices, service: SubscriberService
) -> None:
    before = subscribe(service)
    service.erase(before)
    put(desk, sign_up())
    assert notices.kinds == [CONFIRM]
    assert service.find(ANN).id != before


@given(st.sampled_from(SubscriberState) | st.none(), st.booleans(), st.sampled_from(SuppressionReason) | st.none())
def test_known_is_said_to_readers_only_and_complaints_end_everything(
    state: SubscriberState | None, gets_it: bool, suppression: SuppressionReason | None
) -> None:
    kind = answer_to(state, gets_it=gets_it, suppression=suppression)
    never = suppression in {SuppressionReason.COMPLAINED, SuppressionReason.OPERATOR} or state is SubscriberState.COMPLAINED
    reads = gets_it and suppression is None and state in {SubscriberState.ACTIVE, SubscriberState.PAUSED}
    assert kind is (None if never else KNOWN if reads else CONFIRM)


def test_within_a_day_the_newest_choices_count_and_no_second_mail_leaves(
    desk: SignUpDesk, notices: NoNotices, service: SubscriberService, clock: ManualClock
) -> None:
    put(desk, sign_up())
    asked_at = clock.now()
    clock.advance(timedelta(hours=5))
    put(desk, sign_up(choices=Choices(Cadence.WEEKLY)), sign_up(choices=Choices(Cadence.MONTHLY)))
    assert notices.kinds == [CONFIRM]
    held = service.held(ANN)
    (wish,) = held.wishes
    assert (wish.choices.cadence, wish.asked_at, len(held.consents)) == (Cadence.MONTHLY, asked_at, 1)


def test_three_mails_without_an_answer_are_the_last(desk: SignUpDesk, notices: NoNotices, clock: ManualClock) -> None:
    for _ in range(6):
        put(desk, sign_up())
        clock.advance(DAY)
    assert notices.kinds == [CONFIRM] * 3


def test_telling_readers_that_they_get_it_counts_as_well(
    desk: SignUpDesk, notices: NoNotices, service: SubscriberService, clock: ManualClock
) -> None:
    subscribe(service)
    for _ in range(6):
        put(desk, sign_up(), sign_up())
        clock.advance(DAY)
    assert notices.kinds == [KNOWN] * 3


def test_other_spellings_of_a_mailbox_make_no_more_mails_and_no_people(
    desk: SignUpDesk, notices: NoNotices, database: Database
) -> None:
    put(desk, *(sign_up(f"ann+{number}@example.org") for number in range(20)), sign_up("ANN@example.org"))
    assert notices.kinds == [CONFIRM]
    assert count(database, SubscriberRow) == 1


def test_a_thousand_posts_from_200_networks_for_one_victim_make_one_mail(
    desk: SignUpDesk, notices: NoNotices, database: Database
) -> None:
    batch = [sign_up(client=f"10.1.{number % 200}.9") for number in range(1000)]
    for start in range(0, 1000, 100):
        put(desk, *batch[start : start + 100])
    assert notices.kinds == [CONFIRM]
    assert (count(database, SignUpRow), count(database, WishRow)) == (0, 1)


def test_a_network_that_floods_stays_within_its_budget_and_others_get_in(desk: SignUpDesk, notices: NoNotices) -> None:
    victims = [sign_up(f"victim{number}@example.org", client=f"192.0.2.{number % 250}") for number in range(10_000)]
    verdicts = [verdict for start in range(0, 10_000, 500) for verdict in desk.receive(victims[start : start + 500])]
    assert verdicts.count(Verdict.TAKEN) == 30
    assert verdicts.count(Verdict.NETWORK_BUSY) == 9_970
    assert desk.receive([sign_up(client="198.51.100.1")]) == [Verdict.TAKEN]
    while desk.process():
        pass
    assert len(notices.put_in) == 31


def test_the_budget_of_all_networks_together_holds_and_flows_in_again(
    desk: SignUpDesk, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    everywhere = [sign_up(client=f"10.{number // 250}.{number % 250}.1") for number in range(1200)]
    with caplog.at_level(logging.INFO):
        verdicts = desk.receive(everywhere)
    assert (verdicts.count(Verdict.TAKEN), verdicts.count(Verdict.ALL_BUSY)) == (1000, 200)
    assert [record.getMessage() for record in caplog.records] == ["signup.refused reason=all_busy count=200"]
    clock.advance(timedelta(minutes=30))
    assert desk.receive(everywhere).count(Verdict.TAKEN) == 500


def test_an_address_makes_no_difference_to_what_is_taken(
    desk: SignUpDesk, service: SubscriberService, database: Database
) -> None:
    subscribe(service)
    service.suppress("complained@example.org", SuppressionReason.COMPLAINED)
    some = [ANN, "new@example.org", "complained@example.org", "no address at all"]
    assert desk.receive([sign_up(address) for address in some]) == [Verdict.TAKEN] * 4
    assert count(database, SignUpRow) == 4


def test_what_was_taken_in_outlives_the_process_that_took_it(desk: SignUpDesk, database: Database, clock: ManualClock) -> None:
    desk.receive([sign_up(), sign_up("bob@example.org")])
    later = Database(database.url.render_as_string(hide_password=False))
    notices = NoNotices()
    try:
        assert SignUpDesk(later, clock, Hasher(SECRET), SignUpLimits(), notices).process() == 2
    finally:
        later.dispose()
    assert notices.kinds == [CONFIRM, CONFIRM]


class FullQueue(NoNotices):
    """Takes so many notices, then fails."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    def put(self, session: Session, notice: Notice, *, now: datetime) -> None:
        if len(self.put_in) == self._room:
            raise OSError("no space left")
        super().put(session, notice, now=now)


def test_a_crash_half_way_leaves_everything_for_the_next_time(
    desk: SignUpDesk, database: Database, clock: ManualClock, notices: NoNotices
) -> None:
    desk.receive([sign_up(f"a{number}@example.org") for number in range(5)])
    with pytest.raises(OSError, match="no space"):
        SignUpDesk(database, clock, Hasher(SECRET), SignUpLimits(), FullQueue(3)).process()
    assert (count(database, SignUpRow), count(database, SubscriberRow)) == (5, 0)
    assert desk.process() == 5
    assert len(notices.put_in) == 5


def test_a_broken_sign_up_blocks_nobody(
    desk: SignUpDesk, database: Database, notices: NoNotices, caplog: pytest.LogCaptureFixture
) -> None:
    desk.receive([sign_up(), sign_up("bob@example.org"), sign_up("cyd@example.org")])
    with database.write() as session:
        zone_gone = choices_to_json(Choices()) | {"zone": "Atlantis/Gone"}
        session.execute(update(SignUpRow).where(SignUpRow.address == ANN).values(choices=zone_gone))
        session.execute(update(SignUpRow).where(SignUpRow.address == "bob@example.org").values(method="pigeon"))
    with caplog.at_level(logging.INFO):
        assert desk.process() == 3
    assert [notice.address for notice in notices.put_in] == ["cyd@example.org"]
    assert count(database, SubscriberRow) == 1
    assert sum("outcome=broken" in record.getMessage() for record in caplog.records) == 2


def test_sign_ups_are_dealt_with_oldest_first_a_page_at_a_time(desk: SignUpDesk, notices: NoNotices) -> None:
    desk.receive([sign_up(f"a{number}@example.org") for number in range(5)])
    assert [desk.process(limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert [notice.address for notice in notices.put_in] == [f"a{number}@example.org" for number in range(5)]


def test_the_last_post_of_a_batch_counts(desk: SignUpDesk, service: SubscriberService) -> None:
    cadences = list(Cadence) * 3
    put(desk, *(sign_up(choices=Choices(cadence)) for cadence in cadences))
    assert service.held(ANN).wishes[0].choices.cadence is cadences[-1]


def test_logs_tell_what_was_done_and_name_nobody(desk: SignUpDesk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        put(desk, sign_up(), sign_up("not one"), sign_up())
    said = [record.getMessage() for record in caplog.records]
    assert sorted(line.rpartition("=")[2] for line in said) == ["confirm", "no_address", "superseded"]
    assert not any(trace in line for line in said for trace in ("ann", "example", "192.0.2", "not one"))


def test_desks_that_work_at_once_do_each_sign_up_once(database: Database, clock: ManualClock, desk: SignUpDesk) -> None:
    # Two each: who wrote second must find the mail of the first counted, wherever that was dealt with.
    people = [f"a{number * 7 % 60}@example.org" for number in range(120)]
    desk.receive([sign_up(address, client=f"10.0.{number}.1") for number, address in enumerate(people)])
    notices, together = NoNotices(), threading.Barrier(4)

    def work(_: int) -> int:
        mine = SignUpDesk(database, clock, Hasher(SECRET), SignUpLimits(), notices)
        together.wait()
        done = 0
        while found := mine.process(limit=7):
            done += found
        return done

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 120
    assert sorted(notice.address for notice in notices.put_in) == sorted(set(people))
    assert count(database, SignUpRow) == 0


def test_desks_that_receive_at_once_share_the_budgets(database: Database, clock: ManualClock) -> None:
    together = threading.Barrier(4)

    def work(turn: int) -> Sequence[Verdict]:
        mine = SignUpDesk(database, clock, Hasher(SECRET), SignUpLimits(network_per_hour=25), NoNotices())
        together.wait()
        return [
            verdict
            for number in range(10)
            for verdict in mine.receive([sign_up(client=f"10.0.{(turn + number + place) % 3}.1") for place in range(6)])
        ]

    with ThreadPoolExecutor(4) as pool:
        verdicts = [verdict for some in pool.map(work, range(4)) for verdict in some]
    assert verdicts.count(Verdict.TAKEN) == 75
    assert count(database, SignUpRow) == 75
    with database.read() as session:
        left = list(session.scalars(select(AllowanceRow.tokens)))
    assert sorted(left) == [0.0, 0.0, 0.0, 925.0]


def test_a_strangers_sign_up_does_not_let_an_import_bring_back_who_left(desk: SignUpDesk, service: SubscriberService) -> None:
    who = subscribe(service)
    subscribe(service, newsletter="other")
    service.unsubscribe(who, "papers", method=WEB)
    put(desk, sign_up())
    with pytest.raises(HasLeftError):
        subscribe(service)


@given(
    st.builds(
        Choices,
        st.sampled_from(Cadence),
        st.integers(0, 23),
        st.sampled_from(["UTC", "Asia/Kolkata"]),
        st.builds(Interests, *[st.lists(st.text(max_size=5), max_size=3).map(tuple) for _ in range(5)]),
        st.none() | st.integers(1, 60),
        st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.booleans(), max_size=3).map(
            lambda given: tuple(sorted(given.items()))
        ),
    )
)
def test_choices_survive_being_stored(choices: Choices) -> None:
    assert choices_from_json(choices_to_json(choices)) == choices


@pytest.mark.parametrize("stored", [{}, {"cadence": "daily"}, {"cadence": "hourly", "local_hour": 8, "zone": "UTC"},
                                    {"cadence": "daily", "local_hour": "8", "zone": "UTC"},
                                    {"cadence": "daily", "local_hour": 8, "zone": "UTC", "fields": 3}])  # fmt: skip
def test_stored_choices_that_cannot_be_are_a_value_error(stored: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        choices_from_json(stored)


def test_nothing_at_all_is_received_and_dealt_with(desk: SignUpDesk) -> None:
    assert desk.receive([]) == []
    assert desk.process() == 0
