from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.keys import LinkKeys
from subscribers.mailboxes import Fate, Mailbox, MailboxPolicy, MailboxStore, Step, counts_for, step
from subscribers.model import Choices, ConsentMethod, Subscriber, SubscriberState, SuppressionReason
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher, SuppressionStore
from tests.conftest import MONDAY
from tests.subscribers.test_confirming import Mailbox as SignedUp

POLICY = MailboxPolicy()
NO_PROBE = MailboxPolicy(probe=False)
DAY = timedelta(days=1)
HASHER = Hasher(b"a secret of at least thirty-two bytes")


@dataclass
class Fed:
    """A mailbox, and what came of all that was fed to it. Mails go out each day unless ``sends`` says otherwise."""

    policy: MailboxPolicy = POLICY
    mailbox: Mailbox | None = None
    was_hard: bool = False

    def feed(self, at: datetime, *, is_hard: bool, first_sent_since: datetime | None = None, is_probe: bool = False) -> Step:
        taken = step(
            self.mailbox,
            is_hard=is_hard,
            now=at,
            policy=self.policy,
            was_hard=self.was_hard,
            first_sent_since=first_sent_since,
            is_probe=is_probe,
        )
        self.mailbox = taken.mailbox
        if taken.is_counted:
            self.was_hard = is_hard
        return taken

    @property
    def score(self) -> float:
        return 0.0 if self.mailbox is None else self.mailbox.score


def day(number: int, hour: int = 9) -> datetime:
    return MONDAY.replace(hour=hour) + number * DAY


@given(st.permutations([True, False, False, True, False]), st.booleans())
def test_whatever_a_day_brings_in_whatever_order_is_one_step(order: list[bool], has_before: bool) -> None:
    fed = Fed()
    if has_before:
        fed.feed(day(-1), is_hard=False)
    before = fed.score
    for hour, is_hard in enumerate(order):
        fed.feed(day(0, hour), is_hard=is_hard)
    assert fed.score == before + POLICY.hard, "a hard one makes the day's soft step a hard one, and adds nothing to it"


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 23), st.booleans()), max_size=40))
def test_a_score_is_the_sum_of_the_worst_of_each_day_and_never_more(came: list[tuple[int, int, bool]]) -> None:
    fed, worst = Fed(MailboxPolicy(threshold=1000.0)), dict[int, float]()
    for number, hour, is_hard in sorted(came):
        fed.feed(day(number, hour), is_hard=is_hard)
        worst[number] = max(worst.get(number, 0.0), POLICY.hard if is_hard else POLICY.soft)
    assert fed.score == sum(worst.values())


@given(st.lists(st.booleans(), max_size=30), st.booleans())
def test_no_end_comes_below_the_threshold_nor_without_the_probe(came: list[bool], probe: bool) -> None:
    fed = Fed(MailboxPolicy(probe=probe))
    fates = []
    for number, is_hard in enumerate(came):
        taken = fed.feed(day(number), is_hard=is_hard)
        fates.append(taken.fate)
        if taken.fate is not Fate.GOES_ON:
            assert fed.score >= POLICY.threshold
        if taken.fate is Fate.ENDS:
            break
    assert fates.count(Fate.PROBE) <= 1
    if Fate.ENDS in fates:
        assert (Fate.PROBE in fates) == probe
        assert fates[-1] is Fate.ENDS


def test_three_hard_days_ask_and_the_fourth_ends_it() -> None:
    fed = Fed()
    fates = [fed.feed(day(number), is_hard=True).fate for number in range(4)]
    assert fates == [Fate.GOES_ON, Fate.GOES_ON, Fate.PROBE, Fate.ENDS]


def test_without_a_probe_the_third_hard_day_ends_it() -> None:
    fed = Fed(NO_PROBE)
    assert [fed.feed(day(number), is_hard=True).fate for number in range(3)] == [Fate.GOES_ON, Fate.GOES_ON, Fate.ENDS]


@pytest.mark.parametrize("is_hard", [True, False])
def test_the_probe_itself_coming_back_ends_it_on_the_same_day(is_hard: bool) -> None:
    fed = Fed()
    for number in range(3):
        fed.feed(day(number), is_hard=True)
    assert fed.feed(day(2, 10), is_hard=True).fate is Fate.GOES_ON, "another mail of that day was on its way already"
    assert fed.feed(day(2, 11), is_hard=is_hard, is_probe=True).fate is Fate.ENDS


def test_a_probe_of_long_ago_means_nothing_once_the_points_were_forgotten() -> None:
    fed = Fed()
    for number in range(3):
        fed.feed(day(number), is_hard=True)
    later = fed.feed(day(30), is_hard=True, first_sent_since=day(3), is_probe=True)
    assert (later.fate, fed.score, fed.mailbox and fed.mailbox.probed_at) == (Fate.GOES_ON, POLICY.hard, None)


@pytest.mark.parametrize(("sent", "now", "score"), [(1, 7, 2.0), (1, 8, 1.0), (6, 12, 2.0), (6, 13, 1.0), (None, 400, 2.0)])
def test_points_are_forgotten_seven_days_after_the_first_mail_that_stayed_away(
    sent: int | None, now: int, score: float
) -> None:
    fed = Fed()
    fed.feed(day(0), is_hard=True)
    fed.feed(day(now), is_hard=True, first_sent_since=None if sent is None else day(sent))
    assert fed.score == score


@given(st.integers(0, 200), st.integers(0, 200))
def test_only_time_in_which_mails_went_out_forgives(sent: int, now: int) -> None:
    fed = Fed()
    fed.feed(day(0), is_hard=True)
    fed.feed(day(now + 1), is_hard=True, first_sent_since=day(sent))
    assert (fed.score == POLICY.hard) == (now + 1 - sent >= 7)


@pytest.mark.parametrize("every", [7, 30])
def test_a_reader_of_a_weekly_or_monthly_issue_whose_mailbox_is_gone_is_not_written_to_for_ever(every: int) -> None:
    fed = Fed()
    # Each mail bounces within the day: after the last step none was taken that did not come back.
    fates = [fed.feed(day(number * every), is_hard=True).fate for number in range(4)]
    assert fates[-1] is Fate.ENDS


def test_however_short_the_quiet_time_is_a_day_is_one_step() -> None:
    fed = Fed(MailboxPolicy(forget_after=timedelta(minutes=1)))
    fed.feed(day(0, 1), is_hard=True)
    fed.feed(day(0, 20), is_hard=True, first_sent_since=day(0, 2))
    assert fed.score == POLICY.hard


def test_soft_ones_that_are_worth_nothing_hold_nothing_against_a_mailbox() -> None:
    taken = Fed(MailboxPolicy(soft=0.0)).feed(day(0), is_hard=False)
    assert (taken.mailbox, taken.is_counted, taken.fate) == (None, False, Fate.GOES_ON)


def test_a_clock_that_steps_back_makes_no_second_step() -> None:
    fed = Fed()
    fed.feed(day(3), is_hard=True)
    assert not fed.feed(day(2), is_hard=True).is_counted


def person(database: Database, state: SubscriberState = SubscriberState.ACTIVE) -> Subscriber:
    with database.write() as session:
        return SubscriberStore(session).add(parse_address("ada@example.org"), state, now=MONDAY)[0]


@pytest.mark.parametrize("state", SubscriberState)
def test_only_who_gets_mails_has_a_score(state: SubscriberState) -> None:
    who = Subscriber(1, "ada@example.org", state, 0, MONDAY, MONDAY)  # type: ignore[arg-type] # a number is a number
    assert counts_for(who, MONDAY) == (state in {SubscriberState.ACTIVE, SubscriberState.PAUSED})
    assert not counts_for(who, MONDAY - timedelta(seconds=1)), "it went out before they came, or came back"


def test_a_mailbox_is_kept_as_it_stands_and_forgotten(database: Database) -> None:
    who = person(database)
    kept = Mailbox(1.5, MONDAY, MONDAY + DAY, "mailboxfull", "4.2.2")
    with database.write() as session:
        store = MailboxStore(session, HASHER)
        assert store.get(who.id) is None
        store.keep(who.id, Mailbox(1.0, MONDAY))
        store.keep(who.id, kept)
        assert store.get(who.id) == kept
        store.forget(who.id)
        assert store.get(who.id) is None


def test_the_end_stops_all_mails_and_says_why(database: Database, clock: ManualClock) -> None:
    who = person(database)
    with database.write() as session:
        mailboxes = MailboxStore(session, HASHER)
        mailboxes.keep(who.id, Mailbox(4.0, MONDAY))
        mailboxes.end(who, reason="userunknown", status="5.1.1", now=clock.now())
        assert mailboxes.get(who.id) is None, "who comes back starts at nothing"
    with database.read() as session:
        found = SubscriberStore(session).get(who.id)
        said = SuppressionStore(session, HASHER).get(parse_address(who.address))
    assert found is not None
    assert found.state is SubscriberState.BOUNCED
    assert said is not None
    assert (said.reason, said.detail, said.at) == (SuppressionReason.BOUNCED, "userunknown 5.1.1", clock.now())


@pytest.mark.parametrize(
    ("earlier", "afterwards"),
    [
        (None, SuppressionReason.COMPLAINED),
        (SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED),
        (SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINED),
        (SuppressionReason.OPERATOR, SuppressionReason.OPERATOR),
    ],
)
def test_after_a_complaint_no_wish_of_ones_own_lifts_what_is_there(
    database: Database, earlier: SuppressionReason | None, afterwards: SuppressionReason
) -> None:
    who = person(database, SubscriberState.UNSUBSCRIBED)
    address = parse_address(who.address)
    with database.write() as session:
        suppressions = SuppressionStore(session, HASHER)
        if earlier is not None:
            suppressions.add(address, earlier, detail="", at=MONDAY)
        MailboxStore(session, HASHER).complained(who, now=datetime(2026, 8, 18, tzinfo=UTC))
        said, found = suppressions.get(address), SubscriberStore(session).get(who.id)
    assert said is not None
    assert said.reason is afterwards
    assert found is not None
    assert found.state is SubscriberState.COMPLAINED


@pytest.mark.parametrize("how", ["choices", "again", "answer", "confirming", "another address"])
def test_who_chooses_confirms_or_answers_has_a_mailbox_that_lives(
    database: Database, clock: ManualClock, keys: LinkKeys, service: SubscriberService, how: str
) -> None:
    mailbox = SignedUp(database, clock, keys, service)
    who = mailbox.subscribed()
    clock.advance(DAY)
    link = mailbox.ask_address(who.id) if how == "another address" else mailbox.sign_up(newsletter="robots")
    with database.write() as session:
        MailboxStore(session, HASHER).keep(who.id, Mailbox(2.5, clock.now()))
    if how == "choices":
        service.set_choices(who.id, "papers", Choices(size=3))
    elif how == "again":
        service.subscribe_again(who.id, "papers", Choices(), method=ConsentMethod.WEB, wording="Yes")
    elif how == "answer":
        service.heard_from(who.id)
    else:
        mailbox.confirmations.confirm(link)
    with database.read() as session:
        assert MailboxStore(session, HASHER).get(who.id) is None
