"""The operator hears of a send that was paused: once, by mail, with what to do."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from sqlalchemy import select

from newsletter.database import Database
from newsletter.delivery.returns.figures import Figures
from newsletter.delivery.returns.judging import Stopped
from newsletter.digest.store import IssueStore
from newsletter.inbound.alarm import Alarm
from newsletter.notices.queue import NoticeQueue
from newsletter.notices.tables import NoticeRow
from tests.conftest import MONDAY
from tests.delivery.house import add_readers, open_issue
from tests.inbound.house import NEWSLETTERS, SECRET


@pytest.fixture
def stopped(database: Database) -> Stopped:
    issue_id = open_issue(database, add_readers(database, 1))
    with database.read() as session:
        issue = next(found for found in IssueStore(session).latest() if found.id == issue_id)
    return Stopped(issue, issue, Figures(), "too many bounces, 7 % of 1,000 messages; see 'newsletter stats --returns'")


def told(database: Database) -> list[NoticeRow]:
    with database.read() as session:
        return list(session.scalars(select(NoticeRow).order_by(NoticeRow.id)))


def test_each_address_is_told_with_the_figures_and_what_to_do(database: Database, stopped: Stopped) -> None:
    to = ("one@example.net", "two@example.net")
    alarm = Alarm(NEWSLETTERS, note_to=to, notices=NoticeQueue(), secret=SECRET)
    with database.write() as session:
        alarm(session, stopped, MONDAY)
    rows = told(database)
    assert [(row.kind, row.subscriber_id, row.address) for row in rows] == [("operator", None, address) for address in to]
    mails = [message_from_bytes(row.content or b"", policy=policy.default) for row in rows]
    assert len({mail["Message-ID"] for mail in mails}) == 2
    text = mails[0].get_content()
    for words in ("is paused", "7 % of 1,000 messages", f"newsletter issues resume {stopped.issue.id}"):
        assert words in text


def test_without_an_address_nobody_is_told(database: Database, stopped: Stopped) -> None:
    with database.write() as session:
        Alarm(NEWSLETTERS, note_to=(), notices=NoticeQueue(), secret=SECRET)(session, stopped, MONDAY)
    assert told(database) == []
