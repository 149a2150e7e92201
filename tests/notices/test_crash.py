"""``kill -9`` at any instant loses no notice, and puts at most one message per connection in doubt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from newsletter.clock import SystemClock
from newsletter.database import Database
from newsletter.delivery.model import DeliveryState
from newsletter.notices.tables import NoticeRow
from tests.conftest import ROOT
from tests.delivery.house import address
from tests.notices.house import ask_to_confirm, states
from tests.smtp_server import Fault, Script, SmtpServer, smtp_server

NOTICES = 30
LINES = 2


def start(url: str, server: SmtpServer, on_doubt: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.notices.sending_process", url, str(server.port), on_doubt]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize(("on_doubt", "is_stored"), [("resend", True), ("hold", False)])
def test_kill_9_loses_no_notice(database: Database, database_url: str, on_doubt: str, is_stored: bool) -> None:
    people = [ask_to_confirm(database, at=SystemClock().now())[0] for _ in range(NOTICES)]
    with database.write() as session:
        session.execute(update(NoticeRow).values(not_before=datetime(2020, 1, 1, tzinfo=UTC)))
    script = Script(delay=0.002)
    with smtp_server(script) as server:
        process = start(database_url, server, on_doubt)
        victim = address(people[NOTICES // 2])
        script.faults[:] = [Fault("dot", victim, store=is_stored, times=1, act=lambda: os.kill(process.pid, signal.SIGKILL))]
        assert process.wait(60) == -signal.SIGKILL
        assert states(database).get(DeliveryState.DOT_SENT, 0) <= LINES
        with database.write() as session:
            # As if the two minutes of a claim had gone by: on PostgreSQL nobody knows that the process is dead.
            held = update(NoticeRow).where(NoticeRow.state == DeliveryState.CLAIMED)
            session.execute(held.values(lease_until=SystemClock().now() - timedelta(seconds=1)))
        assert start(database_url, server, on_doubt).wait(60) == 0
    settled = states(database)
    bodies = {(message.recipient, message.data) for message in server.accepted}
    assert len(bodies) == len(server.recipients), "a repeat is byte-identical"
    if on_doubt == "resend":
        assert settled == {DeliveryState.SENT: NOTICES}
        assert set(server.recipients) == {address(person) for person in people}
    else:
        assert server.recipients.total() == len(server.recipients)
        assert settled[DeliveryState.SENT] + settled.get(DeliveryState.DOUBTFUL, 0) == NOTICES
        assert NOTICES - len(server.recipients) <= settled.get(DeliveryState.DOUBTFUL, 0) <= LINES
