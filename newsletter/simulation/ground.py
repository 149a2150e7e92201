"""The database of a simulated history: a real SQLite in memory with faults at its door, and an eye on every committed row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import event, insert

from newsletter.database import Database
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import IssueState
from newsletter.digest.tables import DigestRow, IssueRow
from newsletter.simulation.promises import Change, Fate, Promises
from newsletter.simulation.world import BEGIN, Killed, Process, World
from subscribers.model import Cadence, SubscriberState
from subscribers.tables import SubscriberRow, SubscriptionRow

NEWSLETTER = "papers"
#: Readers and issues that a template holds; a history uses the first few.
MOST_READERS, MOST_ISSUES = 24, 2


class Trouble(StrEnum):
    """What may be wrong with a database for a while."""

    LOCKED = "database is locked"
    READ_ONLY = "attempt to write a readonly database"
    FULL = "database or disk is full"
    GONE = "unable to open database file"


class Door:
    """Everything that goes in and out of the database passes here.

    Attributes:
        troubles: what is wrong at the moment, for one process or for all (None).
        failing: how often a commit fails, nothing written.
        unclear: how often it fails, everything written.
        rewrite: changes statements, to see whether the promises notice.
    """

    def __init__(self, world: World, promises: Promises) -> None:
        self.troubles: dict[Process | None, Trouble] = {}
        self.failing = 0.0
        self.unclear = 0.0
        self.rewrite: Callable[[str], str] = str
        self.changes: list[Change] = []
        self.issues: list[tuple[int, str]] = []
        self._world = world
        self._promises = promises

    def statement(self, sql: str) -> str:
        """Let a statement in, or not; return it as it is to be run."""
        process = self._world.current
        if process is None:
            return sql
        _step(process)
        trouble = self._trouble(process) if self.troubles else None
        if (
            trouble is Trouble.GONE
            or (trouble is Trouble.LOCKED and sql.startswith("BEGIN IMMEDIATE"))
            or (trouble is Trouble.READ_ONLY and _is_change(sql))
        ):
            raise sqlite3.OperationalError(trouble)
        return self.rewrite(sql)

    def commit(self, really: Callable[[], object], undo: Callable[[], object]) -> None:
        """Commit, or fail to, or fail to say so."""
        process = self._world.current
        if process is not None:
            try:
                _step(process)
                self._may_fail(process)
            except sqlite3.OperationalError:
                # Whoever asked for the commit need not ask for a rollback, too.
                undo()
                self.undone()
                raise
        really()
        changes, issues = self.changes, self.issues
        self.changes, self.issues = [], []
        self._promises.committed(changes, issues)
        if process is not None:
            _step(process)
            if changes and self.unclear and self._world.random.random() < self.unclear:
                self._world.note("a commit fails after it was durable")
                self._promises.in_trouble(process, self._world.now, self._world.now)
                raise sqlite3.OperationalError("disk I/O error")

    def undone(self) -> None:
        """Hear that a transaction was rolled back."""
        self.changes.clear()
        self.issues.clear()

    def _may_fail(self, process: Process) -> None:
        if not (self.changes or self.issues):
            return
        if self._trouble(process) is Trouble.FULL:
            raise sqlite3.OperationalError(Trouble.FULL)
        if self.failing and self._world.random.random() < self.failing:
            self._world.note("a commit fails")
            self._promises.in_trouble(process, self._world.now, self._world.now)
            raise sqlite3.OperationalError("disk I/O error")

    def _trouble(self, process: Process) -> Trouble | None:
        return self.troubles.get(process) or self.troubles.get(None)


def _step(process: Process) -> None:
    """Take a step at the door. A dead process is told of a fault: the pool would close the connection for anything worse."""
    try:
        process.step()
    except Killed:
        raise sqlite3.OperationalError("the process is dead") from None


@lru_cache(maxsize=256)
def _is_change(sql: str) -> bool:
    return sql.lstrip()[:6].upper() in {"UPDATE", "INSERT", "DELETE"}


class _Cursor(sqlite3.Cursor):
    if TYPE_CHECKING:
        connection: _Connection

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        connection = self.connection
        door = connection.door
        if door is None:
            return super().execute(sql, parameters)
        if connection.in_transaction or not _is_change(sql):
            return super().execute(door.statement(sql), parameters)
        # A change alone is a transaction of its own, and what may happen to a commit may happen to it.
        super().execute(door.statement("BEGIN IMMEDIATE"))
        try:
            super().execute(door.statement(sql), parameters)
        except sqlite3.Error:
            connection.rollback()
            raise
        connection.commit()
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        door = self.connection.door
        return super().executemany(sql if door is None else door.statement(sql), parameters)


class _Connection(sqlite3.Connection):
    """The one connection to the database in memory. It outlives whoever used it."""

    door: Door | None = None

    def cursor(self, _factory: Any = None) -> sqlite3.Cursor:  # type: ignore[override]  # the kind of cursor is ours to choose
        return super().cursor(_Cursor)

    def commit(self) -> None:
        if self.door is None:
            super().commit()
        else:
            self.door.commit(super().commit, super().rollback)

    def rollback(self) -> None:
        super().rollback()
        if self.door is not None:
            self.door.undone()

    def close(self) -> None:
        self.rollback()


class Ground:
    """A database in memory that is furnished anew for each history. Make one per thread of histories; it is not cheap."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", factory=_Connection, check_same_thread=False)
        self.database = Database("sqlite://")
        event.listen(self.database.engine, "do_connect", lambda *_args: self._connection)
        self.database.upgrade()
        self._furnish()
        for statement in _TRIGGERS:
            self._connection.execute(statement)
        self._connection.commit()
        self._template = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.backup(self._template)

    def prepare(self, world: World, promises: Promises, *, readers: int, issues: int) -> Door:
        """Set the database up for a history: ``issues`` open ones, each for the first ``readers`` readers."""
        connection = self._connection
        connection.door = None
        connection.rollback()
        self._template.backup(connection)
        door = Door(world, promises)
        connection.create_function("saw_delivery", 7, lambda *values: door.changes.append(Change(*values)))
        connection.create_function("saw_issue", 2, lambda *values: door.issues.append(values))
        connection.execute("DELETE FROM delivery WHERE subscriber_id > ? OR issue_id > ?", (readers, issues))
        connection.execute("UPDATE issue SET audience = ?, state = iif(id <= ?, 'open', 'finished')", (readers, issues))
        door.undone()
        for row in connection.execute("SELECT id, issue_id, subscriber_id FROM delivery ORDER BY id").fetchall():
            promises.expect(Fate(row[0], row[1], address(row[2]), DeliveryState.PENDING))
        connection.door = door
        return door

    def has_work(self, now: datetime) -> bool:
        """Whether a run would find something to do: what a worker looks for, asked so that it costs next to nothing."""
        return self._connection.execute(_HAS_WORK, (f"{now:%Y-%m-%d %H:%M:%S.%f}",)).fetchone() is not None

    def close(self) -> None:
        """Let the memory go."""
        self.database.dispose()
        sqlite3.Connection.close(self._connection)
        self._template.close()

    def _furnish(self) -> None:
        readers = range(1, MOST_READERS + 1)
        at = {"created_at": BEGIN, "changed_at": BEGIN}
        with self.database.write() as session:
            session.execute(
                insert(SubscriberRow),
                [
                    {"id": n, "address": address(n), "address_key": address(n), "state": SubscriberState.ACTIVE, **at}
                    for n in readers
                ],
            )
            choices = {"newsletter": NEWSLETTER, "cadence": Cadence.DAILY, "local_hour": 7, "zone": "UTC", "interests": {}}
            session.execute(insert(SubscriptionRow), [{"subscriber_id": n, **choices, **at} for n in readers])
            for number in range(1, MOST_ISSUES + 1):
                issue = {"newsletter": NEWSLETTER, "number": number, "cadence": Cadence.DAILY, "slot": f"2026-08-{number:02}"}
                session.execute(
                    insert(IssueRow), [{"id": number, **issue, "state": IssueState.OPEN, "frozen_at": BEGIN, "audience": 0}]
                )
                session.execute(insert(DigestRow), [{"id": number, "issue_id": number, "key": "k", "entries": [[number, ""]]}])
                session.execute(
                    insert(DeliveryRow),
                    [
                        {
                            "issue_id": number,
                            "subscriber_id": n,
                            "digest_id": number,
                            "state": DeliveryState.PENDING,
                            "not_before": BEGIN,
                            "changed_at": BEGIN,
                        }
                        for n in readers
                    ],
                )


def address(reader: int) -> str:
    """Return the address of a simulated reader; every third is at another provider."""
    return f"reader{reader}@{'example.net' if reader % 3 == 0 else 'example.org'}"


_HAS_WORK = """
SELECT 1 FROM issue WHERE state IN ('open', 'cancelled') AND (
  EXISTS (SELECT 1 FROM delivery WHERE issue_id = issue.id AND state IN ('claimed', 'dot_sent'))
  OR EXISTS (SELECT 1 FROM delivery WHERE issue_id = issue.id AND state IN ('pending', 'deferred') AND not_before <= ?)
  OR state = 'open' AND NOT EXISTS (
    SELECT 1 FROM delivery WHERE issue_id = issue.id AND state IN ('pending', 'claimed', 'dot_sent', 'deferred')
  )
)
"""
#: SQLite calls our functions for every changed row, also for those of a transaction that fails in the end.
_TRIGGERS = (
    """CREATE TRIGGER watch_delivery AFTER UPDATE ON delivery BEGIN
      SELECT saw_delivery(new.id, old.state, new.state, old.epoch, new.epoch, new.worker_id, new.reason);
    END""",
    """CREATE TRIGGER watch_issue AFTER UPDATE OF state ON issue WHEN new.state <> old.state BEGIN
      SELECT saw_issue(new.id, new.state);
    END""",
)
