"""A database that goes away, refuses to write or has no room: sending halts and goes on alone; nobody is lost or doubled."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from newsletter.database import Database
from tests.delivery.house import counts
from tests.smtp_server import Script, SmtpServer, smtp_server
from tests.torture.conftest import Postgres
from tests.torture.house import PATIENCE, TORTURE, Job, Mailing, at_message, wait_for, wait_until_reached

READERS, CONNECTIONS, BATCH, ROUNDS = (4_000, 16, 100, 8) if TORTURE else (160, 4, 20, 2)
#: How long the trouble lasts once nothing gets through any more, in seconds.
LASTS = 5.0 if TORTURE else 0.7

pytestmark = pytest.mark.torture


@contextmanager
def sending(url: str, mailing: Mailing, ledger: Path) -> Iterator[tuple[SmtpServer, subprocess.Popen[bytes]]]:
    """A process that sends, and that must have sent to everybody once when the block ends, without ever being restarted."""
    script = Script(delay=0.002, ledger=ledger, keeps=False)
    with (
        smtp_server(script) as server,
        Job(url, server.port, ledger.parent, connections=CONNECTIONS, batch=BATCH).started() as process,
    ):
        yield server, process
        assert process.wait(PATIENCE) == 0
    verdict = mailing.verdict(ledger)
    assert verdict.is_clean, str(verdict)
    assert counts(mailing.database, mailing.issue) == {"sent": len(mailing.addresses)}
    assert mailing.is_finished()


def in_rounds(
    server: SmtpServer, process: subprocess.Popen[bytes], break_it: Callable[[], None], mend_it: Callable[[], None]
) -> None:
    """Break the database in the middle of things, ``ROUNDS`` times, and mend it after a while."""
    for _ in range(ROUNDS):
        reached = threading.Event()
        server.script.faults[:] = [at_message(READERS // ROUNDS // 3, reached.set)]
        wait_until_reached(reached, process)
        break_it()
        try:
            threading.Event().wait(LASTS)
        finally:
            mend_it()


def test_a_postgresql_server_that_crashes_and_comes_back(postgres: Postgres, tmp_path: Path) -> None:
    database = Database(postgres.url)
    mailing = Mailing.to(database, READERS)
    with sending(postgres.url, mailing, tmp_path / "accepted") as (server, process):
        in_rounds(server, process, postgres.crash, postgres.start)
    database.dispose()


def test_a_postgresql_database_that_can_only_be_read(postgres_server: str, database_url: str, tmp_path: Path) -> None:
    """As after a switch to a standby: every connection breaks, and new ones may not write for a while."""
    if database_url.startswith("sqlite"):
        return  # has its own below
    database = Database(database_url)
    mailing = Mailing.to(database, READERS)
    name = sql.Identifier(make_url(database_url).database or "")

    def set_read_only(is_read_only: bool) -> None:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            value = sql.SQL("on" if is_read_only else "off")
            connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format(name, value))
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(query, [make_url(database_url).database])

    with sending(database_url, mailing, tmp_path / "accepted") as (server, process):
        in_rounds(server, process, lambda: set_read_only(True), lambda: set_read_only(False))
    database.dispose()


@pytest.fixture
def sqlite_file(sqlite_template: Path, tmp_path: Path) -> Path:
    """A migrated, empty SQLite database."""
    path = tmp_path / "newsletter.db"
    path.write_bytes(sqlite_template.read_bytes())
    return path


def test_an_sqlite_file_that_somebody_else_keeps_locked(sqlite_file: Path, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{sqlite_file}")
    mailing = Mailing.to(database, READERS)
    # In the long version longer than the database waits for a lock by itself.
    lasts = 35.0 if TORTURE else LASTS
    with sending(f"sqlite:///{sqlite_file}", mailing, tmp_path / "accepted") as (server, process):
        reached = threading.Event()
        server.script.faults[:] = [at_message(READERS // 3, reached.set)]
        wait_until_reached(reached, process)
        with contextlib.closing(sqlite3.connect(sqlite_file, timeout=30, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            threading.Event().wait(lasts)
            other.execute("ROLLBACK")
    database.dispose()


def test_a_disk_that_is_full_for_a_while(sqlite_file: Path, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{sqlite_file}")
    mailing = Mailing.to(database, READERS)
    with sending(f"sqlite:///{sqlite_file}", mailing, tmp_path / "accepted") as (server, process):

        def let_files_grow_to(limit: int) -> None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        # The database's files are larger than this already, so nothing of them can be written.
        in_rounds(server, process, lambda: let_files_grow_to(4096), lambda: let_files_grow_to(resource.RLIM_INFINITY))
    database.dispose()


def test_a_crash_on_a_full_disk_doubles_no_more_than_any_other(sqlite_file: Path, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{sqlite_file}")
    mailing = Mailing.to(database, READERS)
    ledger = tmp_path / "accepted"
    script = Script(delay=0.002, ledger=ledger, keeps=False)
    with smtp_server(script) as server:
        job = Job(f"sqlite:///{sqlite_file}", server.port, tmp_path, connections=CONNECTIONS, batch=BATCH)
        with job.started() as process:
            reached = threading.Event()
            script.faults[:] = [at_message(READERS // 3, reached.set)]
            wait_until_reached(reached, process)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
            threading.Event().wait(LASTS)
            process.kill()
            process.wait(PATIENCE)
        wait_for(lambda: not server.sessions)
        assert sum(mailing.in_doubt.values()) <= CONNECTIONS
        job.finish()
    verdict = mailing.verdict(ledger)
    assert verdict.is_clean_but_for_doubles, str(verdict)
    assert verdict.extra <= CONNECTIONS
    assert counts(database, mailing.issue) == {"sent": READERS}
    database.dispose()
