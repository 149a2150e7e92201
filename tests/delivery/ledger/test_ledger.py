"""The ledger's state machine: claims, fencing, what is taken over, and the account, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.composing.bodies import BodyStore
from newsletter.delivery.ledger import records
from newsletter.delivery.ledger.ledger import Batch, Lane, Ledger
from newsletter.delivery.ledger.policy import OnDoubt
from newsletter.delivery.ledger.roster import Roster, WorkerId
from newsletter.delivery.model import (
    Claim,
    DeliveryId,
    DeliveryState,
    Outcome,
    Reason,
    Result,
    SkipReason,
    SmtpReply,
)
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import DigestId, IssueId, IssueState
from newsletter.digest.tables import IssueRow
from subscribers.model import SubscriberId, SubscriberState
from subscribers.tables import SubscriptionRow
from tests.conftest import MONDAY
from tests.delivery.house import (
    account,
    add_readers,
    address,
    counts,
    hash_of,
    issue_state,
    ledger,
    open_issue,
    row,
    set_reader,
    suppress,
)

#: On no list of workers, so that whoever else takes over finds it dead.
ME = WorkerId(7)
LATER = MONDAY + timedelta(hours=1)
ACCEPTED = Outcome(DeliveryState.SENT, 1, reply=SmtpReply(250, "2.0.0", "taken"))


def claim_from(writing: Ledger, lane: Lane, *, now: datetime = MONDAY, limit: int = 100, **options: Any) -> Batch:
    return writing.claim(lane, worker_id=ME, now=now, limit=limit, hash_of=hash_of, **options)


def take(database: Database, *, limit: int = 100, **options: Any) -> Batch:
    """Claim from every lane, as one batch."""
    with ledger(database) as writing:
        found = [claim_from(writing, lane, limit=limit, **options) for lane in writing.lanes()]
    claims = tuple(claim for batch in found for claim in batch.claims)
    last = max((batch.last for batch in found), default=DeliveryId(0))
    return Batch(claims, sum(batch.skipped for batch in found), sum(batch.seen for batch in found), last)


def lane_of(claim: Claim) -> Lane:
    return Lane(claim.issue_id, DeliveryState.PENDING)


def intend(database: Database, *claims: Claim, now: datetime = MONDAY) -> frozenset[DeliveryId]:
    with database.write() as session:
        return records.record(session, intents=claims, now=now)


def record(database: Database, claim: Claim, outcome: Outcome) -> None:
    with database.write() as session:
        records.record(session, results=[Result(claim, outcome).finding], now=MONDAY)


def set_issue(database: Database, issue_id: IssueId, state: IssueState) -> None:
    with database.write() as session:
        session.execute(update(IssueRow).where(IssueRow.id == issue_id).values(state=state))


def test_claims_come_in_order_and_none_twice(database: Database) -> None:
    open_issue(database, add_readers(database, 7))
    first = take(database, limit=3)
    second = take(database, limit=3, after=first.last)
    rest = take(database, limit=3)
    ids = [claim.delivery_id for batch in (first, second, rest) for claim in batch.claims]
    assert ids == list(range(1, 8))
    assert take(database) == Batch((), 0, 0, DeliveryId(0))


def test_the_date_of_a_message_is_that_of_its_first_claim(database: Database) -> None:
    open_issue(database, add_readers(database, 1))
    [first] = take(database).claims
    with ledger(database) as writing:
        writing.give_back([first], now=MONDAY)
        [second] = claim_from(writing, lane_of(first), now=LATER).claims
    assert (first.dated_at, second.dated_at) == (MONDAY, MONDAY)
    assert second.epoch == first.epoch + 1


@pytest.mark.parametrize("state", [state for state in IssueState if state is not IssueState.OPEN])
def test_only_open_issues_are_worked_on(database: Database, state: IssueState) -> None:
    issue = open_issue(database, add_readers(database, 1))
    [held] = take(database).claims
    set_issue(database, issue, state)
    assert intend(database, held) == frozenset()
    with ledger(database) as writing:
        writing.give_back([held], now=MONDAY)
        assert writing.lanes() == []
        assert claim_from(writing, lane_of(held)).seen == 0


def test_what_is_due_later_is_left_unless_asked_for(database: Database) -> None:
    lane = Lane(open_issue(database, add_readers(database, 1)), DeliveryState.PENDING)
    early = MONDAY - timedelta(seconds=1)
    with ledger(database) as writing:
        assert claim_from(writing, lane, now=early).seen == 0
        assert claim_from(writing, lane, now=early, due_only=False).seen == 1


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (SubscriberState.UNSUBSCRIBED, "unsubscribed"),
        (SubscriberState.BOUNCED, "unsubscribed"),
        (SubscriberState.COMPLAINED, "unsubscribed"),
        (SubscriberState.ERASED, "unsubscribed"),
        (SubscriberState.PAUSED, "paused"),
    ],
)
def test_a_reader_who_left_is_skipped_at_the_claim_and_refused_at_the_intent(
    database: Database, state: SubscriberState, reason: str
) -> None:
    readers = add_readers(database, 2)
    issue = open_issue(database, readers)
    [first, second] = take(database).claims
    set_reader(database, readers[0], state)
    assert intend(database, first, second) == {second.delivery_id}
    with ledger(database) as writing:
        writing.give_back([first], now=MONDAY)
        batch = claim_from(writing, lane_of(first))
    assert (batch.claims, batch.skipped, batch.seen) == ((), 1, 1)
    assert account(database, issue).skipped_by_reason == {reason: 1}


def test_a_pause_that_began_after_the_issue_was_built_holds(database: Database) -> None:
    readers = add_readers(database, 2)
    issue = open_issue(database, readers)
    with database.write() as session:
        for reader, until in zip(readers, (MONDAY + timedelta(days=1), MONDAY), strict=True):
            paused = update(SubscriptionRow).where(SubscriptionRow.subscriber_id == reader).values(paused_until=until)
            session.execute(paused)
    assert [claim.subscriber_id for claim in take(database).claims] == readers[1:]
    assert account(database, issue).skipped_by_reason == {"paused": 1}


def test_who_ended_this_subscription_gets_no_more_of_this_newsletter(database: Database) -> None:
    readers = add_readers(database, 2)
    issue = open_issue(database, readers)
    [first, _] = take(database).claims
    with database.write() as session:
        session.execute(delete(SubscriptionRow).where(SubscriptionRow.subscriber_id == readers[0]))
    assert intend(database, first) == frozenset()
    with ledger(database) as writing:
        writing.take_over(but=None, now=MONDAY, on_doubt=OnDoubt.HOLD)
    assert [claim.subscriber_id for claim in take(database).claims] == readers[1:]
    assert account(database, issue).skipped_by_reason == {"unsubscribed": 1}


def test_who_was_suppressed_is_skipped_at_the_claim_and_refused_at_the_intent(database: Database) -> None:
    readers = add_readers(database, 3)
    issue = open_issue(database, readers)
    suppress(database, address(readers[0]))
    second, third = take(database).claims
    suppress(database, address(readers[1]))
    assert intend(database, second, third) == {third.delivery_id}
    assert account(database, issue).skipped_by_reason == {"suppressed": 1}


def test_domains_can_be_left_out_for_now(database: Database) -> None:
    open_issue(database, add_readers(database, 2))
    assert take(database, without=["example.org"]).seen == 0
    assert take(database, without=["org", "ample.org", "example_org"]).seen == 2


def test_what_a_listed_worker_holds_is_not_taken_over(database: Database, clock: ManualClock) -> None:
    open_issue(database, add_readers(database, 2))
    roster = Roster(clock, timedelta(seconds=20))
    with ledger(database) as writing:
        roster.join(writing._session)
        assert roster.worker_id is not None
        [lane] = writing.lanes()
        batch = writing.claim(lane, worker_id=roster.worker_id, now=MONDAY, limit=1, hash_of=hash_of)
        claim_from(writing, lane)
        found = writing.take_over(but=None, now=MONDAY, on_doubt=OnDoubt.RESEND)
        assert (found.released, writing.held_by_others(ME), writing.held_by_others(roster.worker_id)) == ((2,), True, False)
        roster.leave(writing._session)
        found = writing.take_over(but=None, now=MONDAY, on_doubt=OnDoubt.RESEND)
    assert found.released == (batch.last,)


def test_an_intent_under_an_old_epoch_is_refused(database: Database) -> None:
    open_issue(database, add_readers(database, 1))
    [frozen] = take(database).claims
    with ledger(database) as writing:
        assert writing.take_over(but=None, now=MONDAY, on_doubt=OnDoubt.RESEND).released == (1,)
    assert intend(database, frozen) == frozenset(), "it was taken over"
    [other] = take(database).claims
    assert intend(database, frozen) == frozenset(), "somebody else has it"
    assert intend(database, other) == {1}


def test_an_intent_is_given_once(database: Database) -> None:
    open_issue(database, add_readers(database, 1))
    [held] = take(database).claims
    assert intend(database, held) == {1}
    assert intend(database, held, now=LATER) == frozenset()


def test_a_result_under_an_old_epoch_changes_nothing(database: Database) -> None:
    open_issue(database, add_readers(database, 1))
    [frozen] = take(database).claims
    with ledger(database) as writing:
        writing.take_over(but=None, now=LATER, on_doubt=OnDoubt.RESEND)
    take(database)
    record(database, frozen, ACCEPTED)
    assert row(database, 1).state == DeliveryState.CLAIMED


@pytest.mark.parametrize("on_doubt", OnDoubt)
def test_a_late_acceptance_settles_the_doubt_if_nobody_claimed_again(database: Database, on_doubt: OnDoubt) -> None:
    open_issue(database, add_readers(database, 1))
    [held] = take(database).claims
    intend(database, held)
    with ledger(database) as writing:
        assert writing.take_over(but=None, now=LATER, on_doubt=on_doubt).doubted == (1,)
    record(database, held, ACCEPTED)
    assert (row(database, 1).state, row(database, 1).reason) == ("sent", "")


def test_the_same_result_twice_is_written_once(database: Database) -> None:
    open_issue(database, add_readers(database, 1))
    [held] = take(database).claims
    intend(database, held)
    deferred = Outcome(DeliveryState.DEFERRED, 1, Reason.REFUSED, LATER, SmtpReply(451, "4.3.0", "later"))
    record(database, held, deferred)
    record(database, held, deferred)
    record(database, held, Outcome(DeliveryState.FAILED, 2, Reason.REFUSED))
    stored = row(database, 1)
    assert (stored.state, stored.attempts, stored.not_before, stored.reply_text) == ("deferred", 1, LATER, "later")


def test_a_claim_given_back_is_due_as_before_even_after_the_intent(database: Database) -> None:
    open_issue(database, add_readers(database, 2))
    [first, second] = take(database).claims
    intend(database, first)
    with ledger(database) as writing:
        writing.give_back([first], now=MONDAY)
        writing.give_back([second], now=MONDAY, reason=Reason.UNREACHABLE)
    assert [row(database, number).state for number in (1, 2)] == ["pending", "deferred"]
    assert [claim.delivery_id for claim in take(database).claims] == [1, 2]


@pytest.mark.parametrize(("on_doubt", "state"), [(OnDoubt.RESEND, "deferred"), (OnDoubt.HOLD, "doubtful")])
def test_taking_over_tells_claims_from_doubt(database: Database, on_doubt: OnDoubt, state: str) -> None:
    open_issue(database, add_readers(database, 2))
    [first, _] = take(database).claims
    intend(database, first)
    with ledger(database) as writing:
        alive = writing.take_over(but=ME, now=MONDAY, on_doubt=on_doubt)
        assert (alive.released, alive.doubted) == ((), ()), "it is our own"
        found = writing.take_over(but=None, now=MONDAY, on_doubt=on_doubt)
    assert (found.released, found.doubted) == ((2,), (1,))
    assert (row(database, 1).state, row(database, 1).attempts, row(database, 2).state) == (state, 1, "pending")


def test_doubt_sticks_to_a_delivery_until_it_settles(database: Database) -> None:
    readers = add_readers(database, 1)
    issue = open_issue(database, readers)
    [held] = take(database).claims
    intend(database, held)
    with ledger(database) as writing:
        writing.take_over(but=None, now=MONDAY, on_doubt=OnDoubt.RESEND)
    [again] = take(database).claims
    assert again.doubted
    with ledger(database) as writing:
        writing.give_back([again], now=MONDAY, reason=Reason.UNREACHABLE)
    assert row(database, 1).reason == "in_doubt"
    set_reader(database, readers[0], SubscriberState.UNSUBSCRIBED)
    assert take(database).skipped == 1
    assert counts(database, issue) == {"doubtful": 1}


def test_many_claimers_at_once_share_the_work_without_overlap(database: Database) -> None:
    open_issue(database, add_readers(database, 200))
    taken: list[Claim] = []

    def work() -> None:
        while batch := take(database, limit=7).claims:
            taken.extend(batch)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A claimer may pass over rows that others hold for the moment; the next one who asks gets them.
    while batch := take(database).claims:
        taken.extend(batch)
    assert sorted(claim.delivery_id for claim in taken) == list(range(1, 201))


def test_the_account_adds_up_and_counts_every_state(database: Database) -> None:
    issue = open_issue(database, add_readers(database, 9))
    first, second, third, fourth, fifth, *_ = take(database, limit=7).claims
    intend(database, first, second)
    record(database, first, ACCEPTED)
    record(database, third, Outcome(DeliveryState.DEFERRED, 1, Reason.REFUSED, LATER))
    record(database, fourth, Outcome(DeliveryState.FAILED, 1, Reason.REFUSED))
    record(database, fifth, Outcome(DeliveryState.SKIPPED, 0, SkipReason.SUPPRESSED))
    found = account(database, issue)
    assert counts(database, issue) == {
        "pending": 2, "claimed": 2, "dot_sent": 1, "sent": 1, "deferred": 1, "failed": 1, "skipped": 1,
    }  # fmt: skip
    assert found.adds_up
    assert (found.audience, found.open, found.skipped_by_reason) == (9, 5, {"suppressed": 1})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (delete(DeliveryRow).where(DeliveryRow.id == 1), "2 deliveries are listed for an audience of 3"),
        (update(DeliveryRow).where(DeliveryRow.id == 1).values(state="lost"), "does not know: 'lost'"),
        (update(DeliveryRow).where(DeliveryRow.id == 1).values(state="sent"), "sent without an accepting reply"),
        (update(DeliveryRow).where(DeliveryRow.id == 1).values(state="skipped"), "skipped without a reason"),
        (update(DeliveryRow).where(DeliveryRow.id == 1).values(digest_id=None), "without a digest"),
        (update(IssueRow).values(state=IssueState.FINISHED), "counts as finished, but 3"),
        (update(IssueRow).values(state=IssueState.BUILDING, audience=None), "still being listed"),
    ],
)
def test_an_account_that_does_not_add_up_says_why(database: Database, damage: object, words: str) -> None:
    issue = open_issue(database, add_readers(database, 3))
    with database.write() as session:
        session.execute(damage)  # type: ignore[call-overload]  # a statement of either kind
    found = account(database, issue)
    assert not found.adds_up
    assert words in "; ".join(found.problems)


def test_an_issue_is_finished_only_when_nothing_is_open(database: Database) -> None:
    issue = open_issue(database, add_readers(database, 2))
    first, second = take(database).claims
    with database.write() as session:
        BodyStore(session).store(DigestId(1), b"body", at=MONDAY)
    record(database, first, ACCEPTED)
    with ledger(database) as writing:
        assert writing.finish(now=LATER) == []
    record(database, second, ACCEPTED)
    with ledger(database) as writing:
        assert writing.finish(now=LATER) == [issue]
        assert writing.finish(now=LATER) == []
    assert issue_state(database, issue) is IssueState.FINISHED
    with database.read() as session:
        assert BodyStore(session).load(DigestId(1)) is None


def test_a_finished_issue_keeps_the_body_of_a_message_in_doubt(database: Database) -> None:
    open_issue(database, add_readers(database, 1))
    [held] = take(database).claims
    with database.write() as session:
        BodyStore(session).store(DigestId(1), b"body", at=MONDAY)
    record(database, held, Outcome(DeliveryState.DOUBTFUL, 1, Reason.IN_DOUBT))
    with ledger(database) as writing:
        assert writing.finish(now=LATER) != []
        assert BodyStore(writing._session).load(DigestId(1)) == b"body"


def test_all_workers_send_the_body_that_was_stored_first(database: Database) -> None:
    open_issue(database, [])
    stores: list[Callable[[BodyStore], bytes]] = [
        lambda bodies: bodies.store(DigestId(1), b"first", at=MONDAY),
        lambda bodies: bodies.store(DigestId(1), b"second", at=LATER),
    ]
    for store in stores:
        with database.write() as session:
            assert store(BodyStore(session)) == b"first"


def test_deliveries_are_listed_page_by_page_and_by_state(database: Database) -> None:
    issue = open_issue(database, add_readers(database, 5))
    [first] = take(database, limit=1).claims
    record(database, first, ACCEPTED)
    with database.read() as session:
        reading = Ledger(session)
        assert [delivery.id for delivery in reading.deliveries(issue, limit=2, after=DeliveryId(2))] == [3, 4]
        [sent] = reading.deliveries(issue, state=DeliveryState.SENT)
        assert reading.count_unsettled() == 4
        assert reading.count_unsettled(issue_id=issue, due_by=MONDAY - timedelta(days=1)) == 0
    assert (sent.subscriber_id, sent.last_reply) == (SubscriberId(1), "250 2.0.0 taken")
    assert sent.as_json()["reply"] == {"code": 250, "status": "2.0.0", "text": "taken"}


def test_what_a_server_says_of_somebody_erased_meanwhile_is_not_kept(database: Database) -> None:
    stays, goes = add_readers(database, 2)
    open_issue(database, [stays, goes])
    claims = take(database).claims
    set_reader(database, goes, SubscriberState.ERASED)
    reply = SmtpReply(550, "5.1.1", "no such mailbox here: reader@example.org")
    for claim in claims:
        record(database, claim, Outcome(DeliveryState.FAILED, 1, Reason.REFUSED, reply=reply))
    kept = {claim.subscriber_id: row(database, claim.delivery_id).reply_text for claim in claims}
    assert kept == {stays: reply.text, goes: ""}


def test_who_writes_results_and_who_takes_over_do_not_wait_for_each_other(database: Database) -> None:
    open_issue(database, add_readers(database, 30))
    both = Barrier(2)

    def write(claims: list[Claim]) -> None:
        both.wait(10)
        with database.write() as session:
            results = [Result(claim, ACCEPTED).finding for claim in claims[:10]]
            records.record(session, results=results, intents=claims[10:], now=MONDAY)

    def take_over() -> None:
        both.wait(10)
        with ledger(database) as writing:
            writing.take_over(but=None, now=MONDAY, on_doubt=OnDoubt.RESEND)

    for _ in range(10):
        claims = list(reversed(take(database).claims))
        intend(database, *claims[:10])
        with ThreadPoolExecutor(2) as threads:
            for done in (threads.submit(write, claims), threads.submit(take_over)):
                done.result()
        with database.write() as session:
            session.execute(update(DeliveryRow).values(state=DeliveryState.PENDING, reason="", not_before=MONDAY))
