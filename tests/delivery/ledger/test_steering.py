"""Pausing, resuming, cancelling and repeating an issue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.composing.bodies import BodyStore
from newsletter.delivery.ledger.steering import PAGE, Steering, SteeringRefused, skip_cancelled
from newsletter.delivery.model import DeliveryId, DeliveryState, Reason, SkipReason
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import DigestId, IssueId, IssueState
from newsletter.digest.tables import IssuePaperRow, IssueRow
from tests.conftest import MONDAY
from tests.delivery.house import add_issue, add_papers, add_readers, counts, issue_state, open_issue, row


@pytest.fixture
def steering(database: Database, clock: ManualClock) -> Steering:
    return Steering(database, clock)


def settle(database: Database, issue_id: IssueId, *states: DeliveryState, **values: object) -> list[DeliveryId]:
    """Set the issue's deliveries, ascending id, to these states, as far as they go."""
    with database.write() as session:
        ids = session.scalars(select(DeliveryRow.id).where(DeliveryRow.issue_id == issue_id).order_by(DeliveryRow.id)).all()
        for number, state in zip(ids, states, strict=False):
            session.execute(update(DeliveryRow).where(DeliveryRow.id == number).values(state=state, **values))
    return [DeliveryId(number) for number in ids]


def set_issue(database: Database, issue_id: IssueId, **values: object) -> None:
    with database.write() as session:
        session.execute(update(IssueRow).where(IssueRow.id == issue_id).values(**values))


def test_a_paused_issue_says_why_and_resumes_without_the_note(steering: Steering, database: Database) -> None:
    issue_id = open_issue(database, add_readers(database, 2))
    paused = steering.pause(issue_id, note="the relay refuses us: mend SPF")
    assert (paused.state, paused.note) == (IssueState.PAUSED, "the relay refuses us: mend SPF")
    assert steering.pause(issue_id, note="again").note == "the relay refuses us: mend SPF"
    assert counts(database, issue_id) == {"pending": 2}
    resumed = steering.resume(issue_id)
    assert (resumed.state, resumed.note) == (IssueState.OPEN, "")
    assert steering.resume(issue_id).state is IssueState.OPEN


def test_a_long_note_is_cut(steering: Steering, database: Database) -> None:
    issue_id = open_issue(database, add_readers(database, 1))
    assert len(steering.pause(issue_id, note="x" * 900).note) == 500


def test_cancelling_skips_what_has_not_left_and_nothing_else(steering: Steering, database: Database) -> None:
    issue_id = open_issue(database, add_readers(database, 6))
    states = [DeliveryState(name) for name in ("sent", "failed", "dot_sent", "claimed", "deferred", "pending")]
    ids = settle(database, issue_id, *states)
    with database.write() as session:
        session.execute(update(DeliveryRow).where(DeliveryRow.id == ids[4]).values(reason=Reason.IN_DOUBT))
    assert steering.cancel(issue_id).state is IssueState.CANCELLED
    assert counts(database, issue_id) == {"sent": 1, "failed": 1, "dot_sent": 1, "doubtful": 1, "skipped": 2}
    assert [row(database, number).reason for number in ids[3:]] == [
        SkipReason.CANCELLED,
        Reason.IN_DOUBT,
        SkipReason.CANCELLED,
    ]


def test_what_comes_back_deferred_after_the_cancelling_is_skipped(steering: Steering, database: Database) -> None:
    issue_id, other = open_issue(database, add_readers(database, 2)), open_issue(database, [], slot="2026-08-18")
    ids = settle(database, issue_id, DeliveryState.DOT_SENT, DeliveryState.DOT_SENT)
    steering.cancel(issue_id)
    settle(database, issue_id, DeliveryState.DEFERRED)
    with database.write() as session:
        assert skip_cancelled(session, now=MONDAY, issue_id=other) == 0
        assert skip_cancelled(session, now=MONDAY) == 1
    assert [row(database, number).state for number in ids] == ["skipped", "dot_sent"]
    settle(database, issue_id, DeliveryState.SKIPPED, DeliveryState.DEFERRED)
    steering.cancel(issue_id)
    assert row(database, ids[1]).state == "skipped"


def test_cancelling_drops_the_bodies_no_repeat_needs(steering: Steering, database: Database) -> None:
    issue_id = open_issue(database, add_readers(database, 1))
    digest = DigestId(row(database, 1).digest_id or 0)
    with database.write() as session:
        BodyStore(session).store(digest, b"body", at=MONDAY)
    steering.cancel(issue_id)
    with database.read() as session:
        assert BodyStore(session).load(digest) is None


def test_doubtful_deliveries_are_put_back_as_they_were(steering: Steering, database: Database, clock: ManualClock) -> None:
    issue_id = open_issue(database, add_readers(database, 3))
    doubtful, sent, failed = DeliveryState.DOUBTFUL, DeliveryState.SENT, DeliveryState.FAILED
    ids = settle(database, issue_id, doubtful, sent, failed, attempts=12, dated_at=MONDAY, reason=Reason.IN_DOUBT)
    set_issue(database, issue_id, state=IssueState.FINISHED, finished_at=MONDAY)
    clock.advance(timedelta(days=2))
    assert steering.resend(issue_id, failed=False) == 1
    again = row(database, ids[0])
    assert (again.state, again.reason, again.attempts) == ("deferred", "in_doubt", 0)
    assert (again.dated_at, again.not_before) == (MONDAY, clock.now())
    assert counts(database, issue_id) == {"deferred": 1, "sent": 1, "failed": 1}
    with database.read() as session:
        issue = session.get_one(IssueRow, issue_id)
    assert (issue.state, issue.finished_at) == ("open", None)
    assert steering.resend(issue_id, failed=False) == 0


def test_failed_deliveries_begin_a_new_life(steering: Steering, database: Database, clock: ManualClock) -> None:
    issue_id = open_issue(database, add_readers(database, 2))
    failed, doubtful = DeliveryState.FAILED, DeliveryState.DOUBTFUL
    ids = settle(database, issue_id, failed, doubtful, attempts=12, dated_at=MONDAY, reason=Reason.OUT_OF_TRIES)
    clock.advance(timedelta(days=9))
    assert steering.resend(issue_id, failed=True) == 1
    again = row(database, ids[0])
    assert (again.state, again.reason, again.attempts, again.dated_at) == ("pending", "", 0, None)
    assert counts(database, issue_id) == {"pending": 1, "doubtful": 1}


def test_a_reader_who_got_the_papers_since_is_not_sent_the_failed_issue(steering: Steering, database: Database) -> None:
    add_papers(database, [1, 2])
    one, two = add_readers(database, 2)
    old, new = open_issue(database, [one, two]), open_issue(database, [one], slot="2026-08-18")
    with database.write() as session:
        for issue_id in (old, new):
            entry = {"rank": 1, "paper_seq": 1, "score": 1.0, "receipt": {}, "snapshot": {}}
            session.add(IssuePaperRow(issue_id=issue_id, **entry))
    settle(database, old, DeliveryState.FAILED, DeliveryState.FAILED)
    settle(database, new, DeliveryState.SENT)
    assert steering.resend(old, failed=True) == 1
    assert counts(database, old) == {"failed": 1, "pending": 1}
    settle(database, new, DeliveryState.FAILED)
    assert steering.resend(old, failed=True) == 1
    assert counts(database, old) == {"pending": 2}


def test_what_is_put_back_to_a_paused_issue_waits_with_it(steering: Steering, database: Database) -> None:
    issue_id = open_issue(database, add_readers(database, 1))
    settle(database, issue_id, DeliveryState.DOUBTFUL)
    steering.pause(issue_id, note="wait")
    assert steering.resend(issue_id, failed=False) == 1
    assert issue_state(database, issue_id) is IssueState.PAUSED


def test_more_than_a_page_is_put_back(steering: Steering, database: Database) -> None:
    issue_id = open_issue(database, add_readers(database, PAGE + 1))
    with database.write() as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.FAILED))
    assert steering.resend(issue_id, failed=True) == PAGE + 1
    assert counts(database, issue_id) == {"pending": PAGE + 1}


def test_an_issue_that_counts_as_finished_too_early_can_be_resumed(steering: Steering, database: Database) -> None:
    issue_id = open_issue(database, add_readers(database, 1))
    set_issue(database, issue_id, state=IssueState.FINISHED, finished_at=MONDAY)
    assert steering.resume(issue_id).finished_at is None
    assert issue_state(database, issue_id) is IssueState.OPEN


@pytest.mark.parametrize(
    ("state", "act", "says"),
    [
        (IssueState.BUILDING, "pause", "newsletter build"),
        (IssueState.BUILDING, "resume", "newsletter build"),
        (IssueState.BUILDING, "cancel", "newsletter build"),
        (IssueState.BUILDING, "resend", "newsletter build"),
        (IssueState.FINISHED, "pause", "nothing left to pause"),
        (IssueState.FINISHED, "resume", "nothing left to resume"),
        (IssueState.FINISHED, "cancel", "nothing left to cancel"),
        (IssueState.CANCELLED, "pause", "final"),
        (IssueState.CANCELLED, "resume", "final"),
        (IssueState.CANCELLED, "resend", "final"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    steering: Steering, database: Database, state: IssueState, act: str, says: str
) -> None:
    issue_id = add_issue(database, state=state)
    with pytest.raises(SteeringRefused, match=says) as refused:
        steering.resend(issue_id, failed=True) if act == "resend" else getattr(steering, act)(issue_id)
    assert refused.value.issue_id == issue_id
    assert issue_state(database, issue_id) is state


def test_an_issue_that_is_not_there_is_named(steering: Steering) -> None:
    with pytest.raises(SteeringRefused, match="issue 99 does not exist"):
        steering.pause(IssueId(99))


def test_what_was_refused_for_our_sake_is_due_again_when_the_issue_goes_on(
    steering: Steering, database: Database, clock: ManualClock
) -> None:
    issue_id = open_issue(database, add_readers(database, 2))
    later = clock.now() + timedelta(hours=6)
    ours, _ = settle(database, issue_id, *[DeliveryState.DEFERRED] * 2, not_before=later, reason=Reason.REFUSED)
    with database.write() as session:
        session.execute(update(DeliveryRow).where(DeliveryRow.id == ours).values(reason=Reason.POLICY))
    steering.pause(issue_id)
    steering.resume(issue_id)
    assert [row(database, number).not_before for number in (1, 2)] == [clock.now(), later]
