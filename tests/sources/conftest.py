"""What the tests of sources share: a server to replay answers, and a service that waits without waiting."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from newsletter.clock import ManualClock
from newsletter.config import HttpConfig, SourcesConfig
from newsletter.database import Database
from newsletter.sources.service import FetchService, Source
from tests.sources.replay import ReplayServer, Sleeper, serving


class Build(Protocol):
    """Makes a service of which every source asks the test's server; ``sources`` are sections of the configuration."""

    def __call__(
        self, database: Database, *, contact: str = "", further: Sequence[Source] = (), **sources: Any
    ) -> FetchService: ...


#: Where on the test's server each source asks.
PATHS = {
    "hf_daily_papers": "/daily",
    "arxiv_api": "/query",
    "arxiv_rss": "/atom",
    "biorxiv": "/details/biorxiv",
    "medrxiv": "/details/medrxiv",
    "semantic_scholar": "/bulk",
    "openalex": "/works",
}


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with serving() as server:
        yield server


@pytest.fixture
def sleep(clock: ManualClock) -> Sleeper:
    return Sleeper(clock)


@pytest.fixture
def build(clock: ManualClock, sleep: Sleeper, server: ReplayServer) -> Build:
    def build(database: Database, *, contact: str = "", further: Sequence[Source] = (), **sources: Any) -> FetchService:
        config = {name: {"url": server.url(path), **sources.pop(name, {})} for name, path in PATHS.items()}
        http = HttpConfig(timeout=timedelta(seconds=20), contact=contact)
        given = SourcesConfig.model_validate(config | sources)
        return FetchService(database, clock, http, given, further=further, sleep=sleep, chance=lambda: 0.5)

    return build


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A SQLite database, for tests in which the kind of database plays no part."""
    path = tmp_path / "sources.db"
    shutil.copyfile(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()
