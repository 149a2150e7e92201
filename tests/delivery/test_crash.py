"""Promise 1: ``kill -9`` at any instant loses nobody, and at most one message per connection is in doubt."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import pytest
from sqlalchemy import update

from newsletter.database import Database
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.sending.presence import Presence
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import IssueState
from tests.conftest import ROOT
from tests.delivery.house import account, add_readers, address, counts, deliveries, issue_state, open_issue
from tests.delivery.ledger.test_writer import refusing
from tests.smtp_server import Fault, Script, SmtpServer, smtp_server

CONNECTIONS = 4
READERS = 150
KILLS = 3


def start(url: str, server: SmtpServer, on_doubt: str, journal: Path) -> subprocess.Popen[bytes]:
    # On SQLite a restart must not wait for the lease of the dead: it is long. On PostgreSQL it runs out soon.
    lease = "15m" if url.startswith("sqlite") else "1s"
    command = [sys.executable, "-m", "tests.delivery.sending_process", url, str(server.port), on_doubt, lease, str(journal)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def killer(process: subprocess.Popen[bytes]) -> Callable[[], None]:
    return lambda: os.kill(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("on_doubt", ["resend", "hold"])
def test_kill_9_at_any_instant_loses_nobody(database: Database, database_url: str, on_doubt: str, tmp_path: Path) -> None:
    dice = random.Random(f"{database.is_sqlite} {on_doubt}")  # noqa: S311 - instants to kill at, the same in every run
    readers = add_readers(database, READERS)
    issue = open_issue(database, readers)
    with database.write() as session:
        session.execute(update(DeliveryRow).values(not_before=datetime(2020, 1, 1, tzinfo=UTC)))
    script = Script(delay=0.002)
    with smtp_server(script) as server:
        left_behind = 0
        for _ in range(KILLS):
            # A message may stand aside while later ones go, so what is still to come has to be looked up.
            waiting = [row.subscriber_id for row in deliveries(database, issue) if row.state in {"pending", "claimed"}]
            victim = waiting[dice.randrange(READERS // (KILLS + 2))]
            process = start(database_url, server, on_doubt, tmp_path)
            phase, is_stored = dice.choice([("rcpt", False), ("body", False), ("dot", False), ("dot", True)])
            script.faults[:] = [Fault(phase, address(victim), store=is_stored, times=1, act=killer(process))]
            assert process.wait(60) == -signal.SIGKILL
            in_flight = counts(database, issue).get(DeliveryState.DOT_SENT, 0)
            assert in_flight <= left_behind + CONNECTIONS
            # On PostgreSQL those of the last crash may still wait for their leases to end.
            left_behind = 0 if database.is_sqlite else in_flight
            assert account(database, issue).adds_up
        script.faults.clear()
        assert start(database_url, server, on_doubt, tmp_path).wait(60) == 0
    assert issue_state(database, issue) is IssueState.FINISHED
    assert account(database, issue).adds_up
    states = counts(database, issue)
    doubles = server.recipients.total() - len(server.recipients)
    assert set(server.recipients) <= {address(reader) for reader in readers}
    bodies = {(message.recipient, message.data) for message in server.accepted}
    assert len(bodies) == len(server.recipients), "a repeat is byte-identical"
    if on_doubt == "resend":
        assert states == {"sent": READERS}
        assert len(server.recipients) == READERS
        assert doubles <= CONNECTIONS * KILLS
    else:
        assert doubles == 0
        assert states["sent"] + states.get("doubtful", 0) == READERS
        assert states.get("doubtful", 0) <= CONNECTIONS * KILLS
        assert READERS - len(server.recipients) <= states.get("doubtful", 0), "who got nothing is on the list"


def test_what_was_accepted_while_the_database_was_gone_survives_a_crash_in_the_journal(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """Gone after a 250, and the process killed before it came back: the next start knows, and nobody is doubled."""
    readers = add_readers(database, 12)
    issue = open_issue(database, readers)
    with database.write() as session:
        session.execute(update(DeliveryRow).values(not_before=datetime(2020, 1, 1, tzinfo=UTC)))
    trouble = refusing(database, DeliveryState.SENT)
    script = Script(faults=[Fault("dot", address(readers[5]), act=trouble.__enter__, times=1, usual=True)])
    journal = tmp_path / "journal"
    with smtp_server(script) as server:
        process = start(database_url, server, "hold", journal)
        try:
            end = monotonic() + 30
            # From the first on nothing more leaves: results come before intents.
            while not (kept := sum(path.read_bytes().count(b"\n") for path in journal.glob("*.journal"))) or (
                kept < counts(database, issue)[DeliveryState.DOT_SENT]
            ):
                assert monotonic() < end
                assert process.poll() is None
                sleep(0.01)
        finally:
            process.kill()
            process.wait(30)
            trouble.__exit__(None, None, None)
        unknown = counts(database, issue)[DeliveryState.DOT_SENT]
        assert unknown >= 1, "the database does not know what was accepted"
        assert start(database_url, server, "hold", journal).wait(60) == 0
    assert counts(database, issue) == {"sent": 12}, "the journal settled what would be in doubt"
    assert server.recipients == {address(reader): 1 for reader in readers}
    assert list(journal.iterdir()) == []


def test_a_sender_knows_whether_it_is_the_only_one(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    with Presence(database) as first:
        assert first.is_alone
        first.admit_others()
        with Presence(database) as second:
            assert not second.is_alone
    with Presence(database) as third:
        assert third.is_alone


def test_no_sender_on_postgresql_takes_itself_for_the_only_one() -> None:
    with Presence(Database("postgresql://nobody@127.0.0.1:1/none")) as presence:
        assert not presence.is_alone
        presence.admit_others()
