"""A process that is stopped past its lease finds everything taken over when it goes on, and does no harm."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from newsletter.database import Database
from tests.delivery.house import counts
from tests.smtp_server import Script, smtp_server
from tests.torture.house import PATIENCE, TORTURE, Job, Mailing, at_message, wait_for, wait_until_reached

READERS, CONNECTIONS, BATCH = (4_000, 16, 100) if TORTURE else (160, 4, 20)

pytestmark = pytest.mark.torture


def has_open_transaction(database: Database) -> bool:
    """Whether somebody is within a transaction that writes."""
    if database.is_sqlite:
        with contextlib.closing(sqlite3.connect(database.url.database or "", timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    with database.read() as session:
        return bool(session.scalar(text(query)))


def freeze(process: subprocess.Popen[bytes], database: Database) -> None:
    """Stop ``process`` between two transactions: one that is stopped within holds its locks, which only its end sets free."""
    while True:
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
        if not has_open_transaction(database):
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.001)


@pytest.mark.parametrize("on_doubt", ["resend", "hold"])
def test_a_frozen_process_wakes_up_to_nothing(database: Database, database_url: str, tmp_path: Path, on_doubt: str) -> None:
    mailing = Mailing.to(database, READERS)
    ledger = tmp_path / "accepted"
    reached = threading.Event()
    script = Script(delay=0.02, ledger=ledger, keeps=False, faults=[at_message(READERS // 4, reached.set)])
    with smtp_server(script) as server:
        job = Job(database_url, server.port, tmp_path, on_doubt, CONNECTIONS, BATCH)
        with job.started() as frozen:
            wait_until_reached(reached, frozen)
            freeze(frozen, database)
            assert not mailing.is_finished()
            # Whoever comes next waits a lease, takes over, and sends everything that is left.
            job.finish()
            assert mailing.is_finished()
            frozen.send_signal(signal.SIGCONT)
            assert frozen.wait(PATIENCE) == 0
    verdict = mailing.verdict(ledger)
    assert verdict.is_clean_but_for_doubles, str(verdict)
    states = counts(database, mailing.issue)
    if on_doubt == "resend":
        assert states == {"sent": READERS}
        assert verdict.extra <= CONNECTIONS
    else:
        assert not verdict.doubled, str(verdict)
        assert states.get("doubtful", 0) <= CONNECTIONS
