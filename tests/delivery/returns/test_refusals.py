from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.returns.refusals import Refusals
from newsletter.digest.tables import IssueRow
from newsletter.notices.tables import NoticeRow
from subscribers.model import NoticeKind
from tests.delivery.returns.house import ReturnHouse, at, make_desk


def reason_of(code: int, status: str, text: str) -> tuple[str, bool]:
    assert text
    if status.startswith(("5.7", "4.7")):
        return "blocked", False
    return ("mailboxfull", False) if status.endswith(".2.2") else ("userunknown", code >= 500)


def refusals(home: ReturnHouse, database: Database | None = None) -> Refusals:
    desk = home.desk if database is None else make_desk(database, home.config, home.notices)
    return Refusals(database or home.database, desk, reason_of, home.config.act_within, batch=5)


@pytest.mark.parametrize(
    ("code", "status", "reason", "score"),
    [
        (550, "5.1.1", Reason.REFUSED, 1.0),
        (552, "5.2.2", Reason.REFUSED, 0.5),
        (452, "4.2.2", Reason.OUT_OF_TRIES, 0.5),
        (450, "4.2.2", Reason.TOO_OLD, 0.5),
        (554, "5.7.1", Reason.REFUSED, 0.0),
        (451, "4.7.1", Reason.OUT_OF_TRIES, 0.0),
        (550, "5.7.26", Reason.POLICY, 0.0),
        (421, "4.4.2", Reason.UNREACHABLE, 0.0),
    ],
)
def test_a_refusal_feeds_the_same_score_where_it_is_about_the_mailbox(
    home: ReturnHouse, code: int, status: str, reason: Reason, score: float
) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    home.refuse(issue, reader, code=code, status=status, reason=reason)
    is_about_the_message = reason in {Reason.REFUSED, Reason.OUT_OF_TRIES, Reason.TOO_OLD}
    assert refusals(home).sweep(home.clock.now()) == is_about_the_message
    assert home.score(reader) == score
    assert [(row.kind, row.relay) for row in home.rows()] == [("refusal", "smtp")] * is_about_the_message


def test_a_sweep_looks_at_what_is_new_only_and_counts_nothing_twice(home: ReturnHouse, clock: ManualClock) -> None:
    readers = home.readers(3)
    issue = home.send(readers)
    home.refuse(issue, readers[0], code=550, status="5.1.1")
    sweep = refusals(home).sweep
    assert [sweep(clock.now()), sweep(at(clock, 1))] == [1, 0]
    home.refuse(issue, readers[2], code=550, status="5.1.1")
    assert [sweep(clock.now()), sweep(at(clock, 1))] == [1, 0]
    assert [home.score(reader) for reader in readers] == [1.0, 0.0, 1.0]


def test_more_than_a_page_is_swept_at_once_and_two_sweepers_share(home: ReturnHouse, database_url: str) -> None:
    readers = home.readers(12)
    issue = home.send(readers)
    for reader in readers:
        home.refuse(issue, reader, code=550, status="5.1.1")
    others = [Database(database_url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda database: refusals(home, database).sweep(home.clock.now()), others))
    for database in others:
        database.dispose()
    assert len(home.rows()) == len(readers)
    assert all(row.is_counted for row in home.rows())


def test_old_refusals_and_those_of_issues_that_ended_long_ago_are_left_alone(home: ReturnHouse, clock: ManualClock) -> None:
    (reader,) = home.readers(1)
    issue = home.send([reader])
    home.refuse(issue, reader, code=550, status="5.1.1")
    with home.database.write() as session:
        session.execute(update(IssueRow).where(IssueRow.id == issue).values(finished_at=clock.now()))
    assert refusals(home).sweep(at(clock, 11)) == 0
    assert home.rows() == []


def test_notices_that_were_refused_count_too(home: ReturnHouse) -> None:
    (reader,) = home.readers(1)
    refused = home.notice(reader, NoticeKind.WELCOME, DeliveryState.FAILED)
    nobody = home.notice(None, NoticeKind.ANSWER, DeliveryState.FAILED)
    with home.database.write() as session:
        said = {"reply_code": 550, "reply_status": "5.1.1", "reply_text": "no such user", "reason": Reason.REFUSED}
        session.execute(update(NoticeRow).where(NoticeRow.id.in_([refused.number, nobody.number])).values(**said))
    assert refusals(home).sweep(home.clock.now()) == 1
    assert refusals(home).sweep(home.clock.now()) == 0
    assert home.score(reader) == 1.0
    assert [row.notice_id for row in home.rows()] == [refused.number]
