"""What the tests of sources share: a server to replay answers, and a service that waits without waiting."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from tests.sources.replay import ReplayServer, Sleeper, serving


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with serving() as server:
        yield server


@pytest.fixture
def sleep(clock: ManualClock) -> Sleeper:
    return Sleeper(clock)


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A SQLite database, for tests in which the kind of database plays no part."""
    path = tmp_path / "sources.db"
    shutil.copyfile(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()
