from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from newsletter.clock import ManualClock
from newsletter.config import BouncesConfig
from newsletter.database import Database
from newsletter.delivery.ledger.steering import Steering
from newsletter.delivery.ledger.tolerance import Level
from newsletter.delivery.returns.figures import Figures
from newsletter.delivery.returns.judging import Judging, Stopped
from newsletter.delivery.returns.limits import is_too_bad
from newsletter.delivery.tables import DeliveryRow, ReturnRow
from newsletter.digest.model import IssueId, IssueState
from newsletter.digest.tables import IssueRow
from subscribers.model import SubscriberId
from tests.delivery.house import account, issue_state
from tests.delivery.returns.house import ReturnHouse, at

CONFIG = BouncesConfig(judge_from=20)


@pytest.fixture
def home(database: Database, clock: ManualClock) -> ReturnHouse:
    return ReturnHouse(database, clock, CONFIG)


class Told:
    """Remembers what an operator was told."""

    def __init__(self) -> None:
        self.all: list[Stopped] = []

    def __call__(self, session: Session, stopped: Stopped, now: datetime) -> None:
        assert session.in_transaction()
        assert now.tzinfo is not None
        self.all.append(stopped)


def judging(home: ReturnHouse, told: Told | None = None, database: Database | None = None) -> Judging:
    return Judging(database or home.database, home.config, told or Told())


def issue_of(home: ReturnHouse, readers: Sequence[SubscriberId], *, hard: int = 0, complaints: int = 0) -> IssueId:
    """An issue that was sent now, and of which so much came back."""
    issue = home.send(readers)
    kinds = ["bounce"] * hard + ["complaint"] * complaints
    with home.database.write() as session:
        session.execute(update(IssueRow).where(IssueRow.id == issue).values(frozen_at=home.clock.now()))
        rows = [
            {
                "kind": kind,
                "is_hard": kind == "bounce",
                "reason": "userunknown" if kind == "bounce" else "feedback",
                "status": "",
                "delivery_id": 1000 * issue + number,
                "issue_id": issue,
                "subscriber_id": reader,
                "domain": "",
                "relay": "",
                "is_counted": False,
                "at": home.clock.now(),
            }
            for number, (kind, reader) in enumerate(zip(kinds, readers, strict=False))
        ]
        if rows:
            session.execute(insert(ReturnRow), rows)
    return issue


def finish(home: ReturnHouse, issue: IssueId) -> None:
    with home.database.write() as session:
        values = {"state": IssueState.FINISHED, "finished_at": home.clock.now()}
        session.execute(update(IssueRow).where(IssueRow.id == issue).values(**values))


def note(home: ReturnHouse, issue: IssueId) -> str:
    with home.database.read() as session:
        return session.get_one(IssueRow, issue).note


@pytest.mark.parametrize(
    ("hard", "complaints", "is_paused"),
    [(0, 0, False), (1, 0, False), (2, 0, True), (0, 2, False), (0, 3, True), (3, 2, True)],
)
def test_an_open_issue_above_the_limits_is_paused_and_says_why(
    home: ReturnHouse, hard: int, complaints: int, is_paused: bool
) -> None:
    told, issue = Told(), issue_of(home, home.readers(25), hard=hard, complaints=complaints)
    stopped = judging(home, told).judge(home.clock.now())
    assert issue_state(home.database, issue) is (IssueState.PAUSED if is_paused else IssueState.OPEN)
    assert told.all == stopped
    assert len(stopped) == is_paused
    if is_paused:
        words = note(home, issue)
        assert words.startswith(f"{hard / 25:.2%}".replace("%", " %") + " came back, ")
        assert f"of 25 messages of issue {issue}" in words
        assert "'newsletter issues resume'" in words
        assert len(words) < 500
    assert account(home.database, issue).problems == ()


def test_few_messages_say_nothing_about_rates(home: ReturnHouse) -> None:
    issue_of(home, home.readers(19), hard=19, complaints=0)
    assert judging(home).judge(home.clock.now()) == []


def test_an_issue_that_gets_through_to_nobody_is_paused_until_the_operator_lets_it_go_on(home: ReturnHouse) -> None:
    readers = home.readers(40)
    issue, judge = issue_of(home, readers), judging(home).judge
    for reader in readers[:9]:
        home.bounce(issue, reader, is_hard=False, reason="expired", status="4.4.1")
    now = home.clock.now()
    assert [len(judge(now)) for _ in range(2)] == [1, 0]
    assert "0.00 % came back, 0.00 % complained, and 22 % did not arrive for now, of 40 messages" in note(home, issue)
    Steering(home.database, home.clock).resume(issue)
    home.bounce(issue, readers[9], is_hard=False, reason="expired", status="4.4.1")
    assert judge(now) == []


def test_the_operator_is_told_once_and_his_word_holds_until_it_is_half_as_bad_again(home: ReturnHouse) -> None:
    told, readers = Told(), home.readers(100)
    issue, judge = issue_of(home, readers, hard=6), judging(home, told).judge
    now = home.clock.now()
    assert [len(judge(now)) for _ in range(3)] == [1, 0, 0]
    steering = Steering(home.database, home.clock)
    assert steering.resume(issue).note == "let go on when 6.00 % came back, 0.00 % complained"
    assert judge(now) == []
    add_bounces(home, issue, readers[6:9])
    assert judge(now) == [], "9 % are not more than 6 % and half of that"
    add_bounces(home, issue, readers[9:10])
    assert [len(judge(now)) for _ in range(2)] == [1, 0]
    assert len(told.all) == 2
    steering.resume(issue)
    assert judge(now) == []


def add_bounces(home: ReturnHouse, issue: IssueId, readers: Sequence[SubscriberId]) -> None:
    for reader in readers:
        home.bounce(issue, reader)


def test_what_is_tolerated_of_bounces_says_nothing_about_complaints(home: ReturnHouse) -> None:
    readers = home.readers(100)
    issue, judge = issue_of(home, readers, hard=6), judging(home).judge
    judge(home.clock.now())
    Steering(home.database, home.clock).resume(issue)
    for reader in readers[50:53]:
        home.complain(issue, reader)
    assert len(judge(home.clock.now())) == 1


def test_the_next_issue_is_held_for_what_came_back_of_the_one_before(home: ReturnHouse, clock: ManualClock) -> None:
    told, readers = Told(), home.readers(40)
    first = issue_of(home, readers, complaints=3)
    finish(home, first)
    at(clock, 1)
    small = issue_of(home, readers[:3])
    finish(home, small)
    at(clock, 1)
    second = issue_of(home, [])
    (stopped,) = judging(home, told).judge(clock.now())
    assert (stopped.issue.id, stopped.judged.id, stopped.figures) == (second, first, Figures(taken=40, complaints=3))
    assert f"of 40 messages of issue {first}" in note(home, second)
    Steering(home.database, clock).resume(second)
    finish(home, second)
    at(clock, 1)
    issue_of(home, [])
    assert judging(home).judge(clock.now()) == [], "the same figures do not stop the one after it either"


def test_a_good_issue_in_between_speaks_for_the_next(home: ReturnHouse, clock: ManualClock) -> None:
    readers = home.readers(40)
    for hard in (10, 0):
        finish(home, issue_of(home, readers, hard=hard))
        at(clock, 1)
    issue_of(home, readers)
    assert judging(home).judge(clock.now()) == []


def test_after_two_weeks_both_the_figures_and_the_tolerance_are_forgotten(home: ReturnHouse, clock: ManualClock) -> None:
    readers = home.readers(40)
    first = issue_of(home, readers, hard=10)
    judging(home).judge(clock.now())
    Steering(home.database, clock).resume(first)
    finish(home, first)
    at(clock, 15)
    later = issue_of(home, [])
    assert judging(home).judge(clock.now()) == []
    finish(home, later)
    issue = issue_of(home, readers, hard=3)
    assert [stopped.issue.id for stopped in judging(home).judge(clock.now())] == [issue]


def test_another_newsletter_is_let_be(home: ReturnHouse) -> None:
    readers = home.readers(40)
    finish(home, issue_of(home, readers, hard=10))
    other = issue_of(home, [])
    with home.database.write() as session:
        session.execute(update(IssueRow).where(IssueRow.id == other).values(newsletter="robots"))
    assert judging(home).judge(home.clock.now()) == []


def test_of_two_who_judge_at_once_one_stops_the_issue_and_tells(home: ReturnHouse, database_url: str) -> None:
    told = Told()
    issue_of(home, home.readers(40), hard=10)
    others = [Database(database_url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda database: judging(home, told, database).judge(home.clock.now()), others))
    for database in others:
        database.dispose()
    assert sum(len(stopped) for stopped in found) == len(told.all) == 1


def test_an_issue_is_not_paused_if_the_operator_cannot_be_told(home: ReturnHouse) -> None:
    def tell(_session: Session, _stopped: Stopped, _now: datetime) -> None:
        raise RuntimeError("the queue is closed")

    issue = issue_of(home, home.readers(40), hard=10)
    with pytest.raises(RuntimeError, match="closed"):
        Judging(home.database, CONFIG, tell).judge(home.clock.now())
    assert issue_state(home.database, issue) is IssueState.OPEN


def test_paused_for_rates_by_hand_in_between_nothing_is_forgotten(home: ReturnHouse) -> None:
    issue = issue_of(home, home.readers(100), hard=6)
    judging(home).judge(home.clock.now())
    steering = Steering(home.database, home.clock)
    steering.resume(issue)
    steering.pause(issue)
    assert steering.resume(issue).note == "let go on when 6.00 % came back, 0.00 % complained"
    assert judging(home).judge(home.clock.now()) == []


def test_messages_that_wait_are_counted_by_nobody(home: ReturnHouse) -> None:
    issue = issue_of(home, home.readers(40), hard=10)
    with home.database.write() as session:
        session.execute(update(DeliveryRow).where(DeliveryRow.issue_id == issue).values(state="pending"))
    assert judging(home).judge(home.clock.now()) == []


@pytest.mark.parametrize(
    ("figures", "tolerated", "is_bad"),
    [
        (Figures(taken=950, refused=50), (), False),
        (Figures(taken=949, refused=51), (), True),
        (Figures(taken=1000, complaints=3), (), False),
        (Figures(taken=1000, complaints=4), (), True),
        (Figures(taken=1000, complaints=4), (Level(0.2, 0.0029),), True),
        (Figures(taken=1000, complaints=4), (Level(0.0, 0.0031),), False),
        (Figures(taken=99, complaints=99), (), False),
        (Figures(taken=100, complaints=3), (), True),
        (Figures(taken=100, complaints=2), (), False),  # two mailboxes of one person
        (Figures(taken=400, refused=9600), (), True),  # a list that is old
        (Figures(taken=50, policy=50), (), True),
        (Figures(taken=1000, soft=200), (), False),
        (Figures(taken=1000, soft=201), (), True),
        (Figures(taken=1000, soft=201), (Level(0.0, 0.0),), False),
        (Figures(taken=1000, policy=51), (), True),
        (Figures(taken=500, policy=5000), (), True),
    ],
)
def test_the_limits_are_those_of_the_config(figures: Figures, tolerated: tuple[Level, ...], is_bad: bool) -> None:
    assert is_too_bad(figures, BouncesConfig(), tolerated) == is_bad
