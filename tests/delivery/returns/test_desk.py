from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import update

from newsletter.clock import ManualClock
from newsletter.config import BouncesConfig
from newsletter.database import Database
from newsletter.delivery.identity.verp import Signed, SignedKind
from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.returns.model import ReturnKind, ReturnOutcome
from newsletter.delivery.returns.personal import forget_returns, mailbox_of, returns_of
from newsletter.delivery.tables import DeliveryRow
from newsletter.notices.composer import notice_message_id
from newsletter.rendering.message.message import message_id
from subscribers.address import parse_address
from subscribers.model import NoticeKind, SubscriberId, SubscriberState, SuppressionReason
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore
from subscribers.suppression import SuppressionStore
from subscribers.wishes import ChangeStore
from tests.delivery.house import address, set_domain, set_reader
from tests.delivery.returns.house import DAY, SECRET, ReturnHouse, at, make_desk
from tests.subscribers.fakes import NoNotices


def suppressed(home: ReturnHouse, reader: int) -> SuppressionReason | None:
    with home.database.read() as session:
        found = SuppressionStore(session, home.hasher).get(parse_address(address(reader)))
    return None if found is None else found.reason


def test_a_bounce_of_a_delivery_is_a_step_and_is_written_down(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    set_domain(home.database, [reader], "mail.example.net")
    issue = home.send([reader], relay="backup")
    at(clock, 1)
    assert home.bounce(issue, reader) is ReturnOutcome.COUNTED
    (row,) = home.rows()
    assert (row.kind, row.is_hard, row.reason, row.status, row.is_counted) == ("bounce", True, "userunknown", "5.1.1", True)
    assert (row.issue_id, row.subscriber_id, row.domain, row.relay) == (issue, reader, "mail.example.net", "backup")
    assert (row.delivery_id, row.notice_id, row.at) == (home.delivery(issue, reader).number, None, clock.now())
    mailbox = home.mailbox(reader)
    assert mailbox is not None
    assert (mailbox.score, mailbox.reason, mailbox.status) == (1.0, "userunknown", "5.1.1")


def test_the_same_message_never_counts_twice_whatever_comes_back_of_it(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    sent = home.sent(home.delivery(issue, reader))
    assert home.desk.record(sent, kind=ReturnKind.DELAYED, now=clock.now()) is ReturnOutcome.NOTED
    assert home.bounce(issue, reader, is_hard=False) is ReturnOutcome.COUNTED
    for _ in range(3):
        at(clock, 1)
        assert home.bounce(issue, reader) is ReturnOutcome.KNOWN
        again = home.desk.record(sent, kind=ReturnKind.REFUSAL, is_hard=True, reason="userunknown", now=clock.now())
        assert again in {ReturnOutcome.NOTED, ReturnOutcome.KNOWN}
    assert home.score(reader) == 0.5
    assert [row.kind for row in home.rows()] == ["delayed", "bounce", "refusal"]


def test_bounces_of_a_day_are_one_step_and_a_hard_one_makes_it_hard(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    issues = [home.send([reader]) for number in range(4)]
    at(clock, 0.2)
    assert home.bounce(issues[0], reader, is_hard=False) is ReturnOutcome.COUNTED
    assert home.bounce(issues[1], reader, is_hard=False) is ReturnOutcome.NOTED
    assert home.bounce(issues[2], reader, is_hard=True) is ReturnOutcome.COUNTED
    assert home.bounce(issues[3], reader, is_hard=True) is ReturnOutcome.NOTED
    assert home.score(reader) == 1.0


def test_at_the_threshold_a_last_mail_asks_and_the_next_bounce_is_the_end(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    outcomes = []
    for _ in range(4):
        issue = home.send([reader])
        at(clock, 1)
        outcomes.append(home.bounce(issue, reader))
    assert outcomes == [ReturnOutcome.COUNTED, ReturnOutcome.COUNTED, ReturnOutcome.PROBED, ReturnOutcome.ENDED]
    (probe,) = home.notices.put_in
    assert (probe.kind, probe.subscriber_id, probe.address, probe.newsletter) == (
        NoticeKind.PROBE,
        reader,
        address(reader),
        "papers",
    )
    assert home.person(reader).state is SubscriberState.BOUNCED
    assert suppressed(home, reader) is SuppressionReason.BOUNCED


def test_the_probe_that_comes_back_ends_it_at_once(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    for _ in range(3):
        issue = home.send([reader])
        at(clock, 1)
        home.bounce(issue, reader)
    assert home.person(reader).state is SubscriberState.ACTIVE
    probe = home.sent(home.notice(reader, NoticeKind.PROBE))
    assert probe.is_probe
    ended = home.desk.record(probe, kind=ReturnKind.BOUNCE, reason="mailboxfull", status="4.2.2", now=clock.now())
    assert ended is ReturnOutcome.ENDED
    assert home.rows()[-1].notice_id == probe.signed.number


def test_a_probe_that_is_refused_for_our_sake_ends_nothing(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    for _ in range(3):
        issue = home.send([reader])
        at(clock, 1)
        home.bounce(issue, reader)
    probe = home.sent(home.notice(reader, NoticeKind.PROBE))
    assert home.desk.record(probe, kind=ReturnKind.BOUNCE, reason="authfailure", now=clock.now()) is ReturnOutcome.NOTED
    assert home.person(reader).state is SubscriberState.ACTIVE


@pytest.mark.parametrize("reason", ["authfailure", "spamdetected", "blocked", "policyviolation", "networkerror", "vacation"])
def test_what_is_not_about_the_mailbox_never_counts_not_even_as_hard(
    home: ReturnHouse, clock: ManualClock, reason: str
) -> None:
    (reader,) = home.readers(1)
    for _ in range(6):
        issue = home.send([reader])
        at(clock, 1)
        assert home.bounce(issue, reader, reason=reason, is_hard=True) is ReturnOutcome.NOTED
    assert home.mailbox(reader) is None
    assert {row.is_hard for row in home.rows()} == {False}


def test_text_of_others_is_kept_only_in_the_words_that_are_known(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    assert home.bounce(issue, reader, is_hard=False, reason="x" * 500, status="5.1.1\r\nBcc: eve@example.org") is not None
    (row,) = home.rows()
    assert (row.reason, row.status) == ("undefined", "")


def test_a_complaint_ends_it_at_once_for_all_newsletters(home: ReturnHouse) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    assert home.complain(issue, reader) is ReturnOutcome.SUPPRESSED
    assert home.complain(issue, reader) is ReturnOutcome.KNOWN
    assert home.person(reader).state is SubscriberState.COMPLAINED
    assert suppressed(home, reader) is SuppressionReason.COMPLAINED


@pytest.mark.parametrize("state", [SubscriberState.UNSUBSCRIBED, SubscriberState.COMPLAINED, SubscriberState.PENDING])
def test_who_gets_no_mails_has_no_score_to_grow(home: ReturnHouse, state: SubscriberState) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    set_reader(home.database, reader, state)
    assert home.bounce(issue, reader) is ReturnOutcome.NOTED
    assert home.mailbox(reader) is None
    assert home.person(reader).state is state


def test_a_bounce_of_what_was_sent_too_long_ago_changes_nothing(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    came = at(clock, 9.9)
    at(clock, 0.2)
    assert home.bounce(issue, reader) is ReturnOutcome.TOO_OLD
    assert home.rows() == []
    sent = home.sent(home.delivery(issue, reader))
    waited = home.desk.record(sent, kind=ReturnKind.BOUNCE, reason="userunknown", received_at=came, now=clock.now())
    assert waited is ReturnOutcome.COUNTED, "how long it waited with us does not matter"


def test_a_complaint_acts_however_old_the_message_is(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    at(clock, 400)
    assert home.complain(issue, reader) is ReturnOutcome.SUPPRESSED
    assert home.person(reader).state is SubscriberState.COMPLAINED


def move(home: ReturnHouse, reader: SubscriberId, new: str) -> None:
    """Have a reader change to another address now."""
    address, now = parse_address(new), home.clock.now()
    with home.database.write() as session:
        ChangeStore(session).ask(reader, address, now=now)
        ChangeStore(session).make(reader, address, now=now)


@pytest.mark.parametrize("is_asked_again", [False, True])
def test_a_complaint_about_a_mail_to_the_old_address_does_not_end_the_new_one(
    home: ReturnHouse, clock: ManualClock, is_asked_again: bool
) -> None:
    (reader,) = home.readers(1)
    old = home.send([reader])
    at(clock, 1)
    move(home, reader, "new@example.net")
    told = home.sent(home.notice(reader, NoticeKind.ADDRESS_CHANGED))
    if is_asked_again:  # the change that was made is then known by the mail alone
        with home.database.write() as session:
            ChangeStore(session).ask(reader, parse_address("third@example.net"), now=clock.now())
    at(clock, 1)
    new = home.send([reader])
    assert home.desk.is_of_before(home.sent(home.delivery(old, reader)))
    assert home.complain(old, reader) is ReturnOutcome.NOTED
    assert home.desk.record(told, kind=ReturnKind.COMPLAINT, now=clock.now()) is ReturnOutcome.NOTED
    assert home.person(reader).state is SubscriberState.ACTIVE
    with home.database.read() as session:
        assert SuppressionStore(session, home.hasher).get(parse_address("new@example.net")) is None
    assert home.complain(new, reader) is ReturnOutcome.SUPPRESSED


@pytest.mark.parametrize("count", [4, 20])
def test_a_relay_that_reaches_nobody_ends_nobody(home: ReturnHouse, clock: ManualClock, count: int) -> None:
    readers = home.readers(count)
    for _ in range(12):
        issue = home.send(readers)
        at(clock, 1)
        for reader in readers:
            home.bounce(issue, reader, is_hard=False, reason="expired", status="4.4.1")
    assert {home.person(reader).state for reader in readers} == {SubscriberState.ACTIVE}
    assert max(home.score(reader) for reader in readers) == 0.5, "only the first few before it was seen"
    assert home.notices.put_in == []
    probe = home.sent(home.notice(readers[0], NoticeKind.PROBE))
    back = home.desk.record(probe, kind=ReturnKind.BOUNCE, reason="expired", status="4.4.1", now=clock.now())
    assert back is ReturnOutcome.NOTED


def test_a_server_that_is_never_reached_is_a_dead_mailbox_while_others_get_their_mails(
    home: ReturnHouse, clock: ManualClock
) -> None:
    dead, *others = home.readers(3)
    outcomes = []
    for _ in range(7):
        issue = home.send([dead, *others])
        at(clock, 1)
        outcomes.append(home.bounce(issue, dead, is_hard=False, reason="expired", status="4.4.1"))
    assert outcomes[-2:] == [ReturnOutcome.PROBED, ReturnOutcome.ENDED]
    assert {home.person(reader).state for reader in others} == {SubscriberState.ACTIVE}


def test_full_mailboxes_count_however_many_they_are(home: ReturnHouse, clock: ManualClock) -> None:
    readers = home.readers(5)
    issue = home.send(readers)
    at(clock, 1)
    assert {home.bounce(issue, reader, is_hard=False) for reader in readers} == {ReturnOutcome.COUNTED}


def test_our_own_addresses_are_told_from_others_on_the_same_domain(home: ReturnHouse) -> None:
    for address_ in ("papers@news.example.org", "Papers+token@News.example.org", "papers+a+b@news.example.org"):
        assert home.desk.is_own(address_)
    for address_ in ("shop@news.example.org", "papers@example.org", "papersplus@news.example.org", "papers", ""):
        assert not home.desk.is_own(address_)


def test_a_person_who_never_signed_up_and_complains_of_being_asked_is_never_asked_again(home: ReturnHouse) -> None:
    (reader,) = home.readers(1)
    set_reader(home.database, reader, SubscriberState.PENDING)
    asked = home.sent(home.notice(reader, NoticeKind.CONFIRM))
    assert home.desk.record(asked, kind=ReturnKind.COMPLAINT, now=home.clock.now()) is ReturnOutcome.SUPPRESSED
    assert suppressed(home, reader) is SuppressionReason.COMPLAINED


@pytest.mark.parametrize("kind", [NoticeKind.CONFIRM_ADDRESS, NoticeKind.ADDRESS_CHANGED])
def test_mails_about_another_address_say_nothing_about_the_readers_own(home: ReturnHouse, kind: NoticeKind) -> None:
    (reader,) = home.readers(1)
    now = home.clock.now()
    with home.database.write() as session:
        ChangeStore(session).ask(reader, parse_address("stranger@example.net"), now=now)
    sent = home.sent(home.notice(reader, kind))
    bounced = home.desk.record(sent, kind=ReturnKind.BOUNCE, is_hard=True, reason="userunknown", now=now)
    assert bounced is ReturnOutcome.NOTED
    complained = home.desk.record(sent, kind=ReturnKind.COMPLAINT, reason="feedback", now=now)
    is_strangers = kind is NoticeKind.CONFIRM_ADDRESS
    assert complained is (ReturnOutcome.SUPPRESSED if is_strangers else ReturnOutcome.NOTED)
    assert home.person(reader).state is SubscriberState.ACTIVE
    assert suppressed(home, reader) is None
    with home.database.read() as session:
        found = SuppressionStore(session, home.hasher).get(parse_address("stranger@example.net"))
    assert (found is not None) == is_strangers
    assert home.desk.latest_to(address(reader), by=now) is None


def test_who_came_back_is_not_ended_by_mails_of_before(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    old = [home.send([reader]) for number in range(6)]
    at(clock, 1)
    with home.database.write() as session:
        SubscriberStore(session).set_state(reader, SubscriberState.ACTIVE, now=clock.now())
    for issue in old:
        at(clock, 1)
        assert home.bounce(issue, reader) is ReturnOutcome.NOTED
    assert home.mailbox(reader) is None


def test_a_bounce_of_the_old_address_says_nothing_about_the_new_one(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    at(clock, 1)
    set_domain(home.database, [reader], "new.example.net")
    with home.database.write() as session:
        SubscriberStore(session).set_state(reader, SubscriberState.ACTIVE, now=clock.now())
    assert home.bounce(issue, reader) is ReturnOutcome.NOTED


def test_points_of_a_daily_reader_are_forgotten_after_a_week_without_a_bounce(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    at(clock, 1)
    home.bounce(issue, reader)
    for _ in range(8):
        home.send([reader])
        at(clock, 1)
    last = home.send([reader])
    assert home.bounce(last, reader) is ReturnOutcome.COUNTED
    assert home.score(reader) == 1.0


@pytest.mark.parametrize("is_late", [True, False])
def test_points_of_a_weekly_reader_are_not_forgotten_because_nothing_was_sent(
    home: ReturnHouse, clock: ManualClock, is_late: bool
) -> None:
    (reader,) = home.readers(1)
    for _ in range(2):
        issue = home.send([reader])
        at(clock, 9 if is_late else 7)  # late: after nine days in somebody's queue; a mail that comes back was no quiet one
        home.bounce(issue, reader)
    assert home.score(reader) == 2.0


def test_an_erased_person_is_let_be_and_their_domain_goes(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    issue, later = home.send([reader]), home.send([reader])
    home.bounce(issue, reader)
    with home.database.read() as session:
        (told,) = returns_of(session, reader)
        mailbox = mailbox_of(session, reader)
    assert mailbox == {"score": 1.0, "reason": "userunknown", "stepped_at": clock.now().isoformat()}
    assert told == {
        "kind": "bounce",
        "reason": "userunknown",
        "status": "5.1.1",
        "hard": True,
        "counted": True,
        "at": clock.now().isoformat(),
    }
    service = SubscriberService(home.database, clock, SECRET, notices=NoNotices(), on_erase=[forget_returns])
    service.erase(reader)
    assert home.mailbox(reader) is None
    assert home.bounce(later, reader) is ReturnOutcome.NOBODY
    assert home.complain(later, reader) is ReturnOutcome.NOBODY
    assert {row.domain for row in home.rows()} == {""}
    assert home.person(reader).state is SubscriberState.ERASED


def test_only_what_left_can_come_back(home: ReturnHouse) -> None:
    readers = home.readers(8)
    issue = home.send(readers)
    states = [(state, "") for state in DeliveryState] + [(DeliveryState.DEFERRED, Reason.IN_DOUBT)]
    for reader, (state, reason) in zip(readers, states, strict=False):
        with home.database.write() as session:
            change = update(DeliveryRow).where(DeliveryRow.issue_id == issue, DeliveryRow.subscriber_id == reader)
            session.execute(change.values(state=state, reason=reason))
    left = {
        state
        for reader, (state, _) in zip(readers, states, strict=False)
        if home.desk.by_signature(home.delivery(issue, reader)) is not None
    }
    assert left == {DeliveryState.SENT, DeliveryState.DOT_SENT, DeliveryState.DOUBTFUL}
    assert home.desk.by_signature(Signed(SignedKind.DELIVERY, 10**9)) is None
    assert home.desk.by_signature(Signed(SignedKind.NOTICE, 10**9)) is None
    assert home.desk.by_signature(home.notice(None, NoticeKind.ANSWER)) is None, "of nobody who reads us"
    assert home.desk.by_signature(home.notice(readers[0], NoticeKind.WELCOME, DeliveryState.PENDING)) is None


def test_the_address_that_takes_answers_names_the_same_message(home: ReturnHouse) -> None:
    (reader,) = home.readers(1)
    signed = home.delivery(home.send([reader]), reader)
    notice = home.notice(reader, NoticeKind.WELCOME)
    assert home.sent(Signed(SignedKind.DELIVERY_REPLY, signed.number)) == home.sent(signed)
    assert home.sent(Signed(SignedKind.NOTICE_REPLY, notice.number)) == home.sent(notice)


def test_a_message_is_found_by_its_message_id_and_address_and_by_nothing_else(home: ReturnHouse, clock: ManualClock) -> None:
    reader, other = home.readers(2)
    issues = [home.send([reader, other]) for number in range(3)]
    notice = home.notice(reader, NoticeKind.WELCOME)
    made = message_id(SECRET, issues[1], reader, "news.example.org")
    find = home.desk.by_message_id
    at(clock, 1)
    for written in (made, made.strip("<>"), f" {made} "):
        found = find(written, address(reader))
        assert found is not None
        assert found.signed == home.delivery(issues[1], reader)
    assert find(made, address(reader).upper()) is not None
    assert find(made, address(other)) is None
    assert find(message_id(b"x" * 32, issues[1], reader, "news.example.org"), address(reader)) is None
    assert find("<>", address(reader)) is None
    assert find(made, "no address") is None
    of_notice = find(notice_message_id(SECRET, notice.number, "news.example.org"), address(reader))
    assert of_notice is not None
    assert of_notice.signed == notice
    at(clock, 400)
    assert find(made, address(reader)) == find(made, reader) == home.sent(home.delivery(issues[1], reader)), "however old"
    assert find(made, other) is None


def test_the_latest_message_to_an_address_is_found_within_days(home: ReturnHouse, clock: ManualClock) -> None:
    reader, _ = home.readers(2)
    oldest = home.send([reader])
    at(clock, 1)
    newest = home.send([reader])
    found = home.desk.latest_to(address(reader), by=clock.now())
    assert found is not None
    assert found.signed == home.delivery(newest, reader)
    before = home.desk.latest_to(address(reader), by=clock.now() - DAY / 2)
    assert before is not None, "what left after the report came is not what it is about"
    assert before.signed == home.delivery(oldest, reader)
    assert home.desk.latest_to("stranger@example.org", by=clock.now()) is None
    assert home.desk.latest_to(address(reader), by=clock.now() + 11 * DAY) is None


def test_two_who_record_at_once_count_once_and_end_once(database: Database, database_url: str, clock: ManualClock) -> None:
    home = ReturnHouse(database, clock, BouncesConfig(threshold=1.0))
    readers = home.readers(6)
    issues = [home.send(readers) for number in range(2)]
    messages = [home.sent(home.delivery(issue, reader)) for issue in issues for reader in readers]
    notices, start = NoNotices(), Barrier(2)

    def record(seed: int) -> list[ReturnOutcome]:
        own = Database(database_url)
        desk, mine = make_desk(own, home.config, notices), list(messages)
        random.Random(seed).shuffle(mine)  # noqa: S311 - an order, no secret
        start.wait()
        outcomes = [
            desk.record(sent, kind=ReturnKind.BOUNCE, is_hard=True, reason="userunknown", now=clock.now()) for sent in mine
        ]
        own.dispose()
        return outcomes

    with ThreadPoolExecutor(2) as pool:
        outcomes = [one for found in pool.map(record, range(2)) for one in found]
    assert outcomes.count(ReturnOutcome.KNOWN) == len(messages), "each was recorded by one of the two"
    assert outcomes.count(ReturnOutcome.PROBED) == len(readers)
    assert len(notices.put_in) == len(readers)
    assert {home.score(reader) for reader in readers} == {1.0}
    assert sum(row.is_counted for row in home.rows()) == len(readers)


def test_a_message_in_the_future_of_a_clock_that_stepped_back_still_counts(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    clock.advance(timedelta(hours=-1))
    assert home.bounce(issue, reader) is ReturnOutcome.COUNTED
