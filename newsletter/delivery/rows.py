"""Statements on many rows at once, on either database: missing ones inserted, known ones changed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.database import KeptConnection
from subscribers.base import Base
from subscribers.dialect import insert_new


def is_one_of(column: InstrumentedAttribute[str], values: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition ``column IN values``, for few and fixed ones: unlike ``in_`` it is compiled once for all times."""
    return or_(*(column == value for value in values))


def insert_missing(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those ``rows`` that break no UNIQUE key of ``table``; leave out the others silently."""
    if rows:
        session.connection().execute(insert_new(session, table).on_conflict_do_nothing(), rows)


#: SQL type of an instant in :func:`change_rows`.
INSTANT = "TIMESTAMP WITH TIME ZONE"
#: Rows in one statement at most; databases take some thousand parameters.
MOST_ROWS = 256


def change_rows(
    where: Session | KeptConnection,
    sql: str,
    types: Sequence[str],
    rows: Sequence[tuple[object, ...]],
    values: Mapping[str, object],
) -> int:
    """Run a change that reads ``rows`` as a table; the way for statements that are run thousands of times a second.

    It goes to the driver without detours, which is what makes it several times cheaper. It returns no rows, as each one read
    would be another chance for other threads to keep this one waiting.

    Args:
        where: a session in a transaction; or a connection, then each :data:`MOST_ROWS` rows are a transaction of their own.
        sql: with ``(VALUES :rows) AS name``, whose columns are ``column1`` … on both databases, and a ``:name`` for each of
            ``values``, each once, in their order, and before ``:rows``.
        types: SQL type of each column of ``rows``.
        rows: any number. They come padded with repeats of the last, so that few different statements are to be prepared: the
            statement must not mind.
        values: for the names.

    Returns:
        How many rows of the table were changed.

    Raises:
        DBAPIError: as from any other statement.
    """
    changed = 0
    for part in _parts(rows):
        if isinstance(where, KeptConnection):
            changed += where.run_alone(*_written(sql, values, types, part, is_sqlite=where.is_sqlite))
        else:
            with _run(where, sql, values, types, part) as cursor:
                changed += cursor.rowcount
    return changed


def read_rows(
    session: Session,
    sql: str,
    values: Mapping[str, object],
    types: Sequence[str] = (),
    rows: Sequence[tuple[object, ...]] = (),
    *,
    locked: str = "",
) -> list[tuple[Any, ...]]:
    """Run a query as :func:`change_rows` runs a change, and return what it finds.

    Args:
        session: in a transaction.
        sql: as there; it may do without ``:rows``, and then is run once, else not at all if there are none.
        values: for the names.
        types: of the columns of ``rows``.
        rows: as there.
        locked: table whose rows are held to the end of the transaction, those that others hold passed over; on SQLite a
            transaction that writes holds all of them anyway.

    Returns:
        Rows as the driver gives them: instants are for :func:`to_instant`.
    """
    if locked and session.get_bind().dialect.name == "postgresql":
        sql += f" FOR UPDATE OF {locked} SKIP LOCKED"
    found: list[tuple[Any, ...]] = []
    for part in _parts(rows) if types else [[]]:
        with _run(session, sql, values, types, part) as cursor:
            found += cursor.fetchall()
    return found


def to_instant(value: str | datetime) -> datetime:
    """Return an instant from what a driver gives: SQLite keeps text without a zone, in UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _parts(rows: Sequence[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    for start in range(0, len(rows), MOST_ROWS):
        part = list(rows[start : start + MOST_ROWS])
        yield part + part[-1:] * ((1 << (len(part) - 1).bit_length()) - len(part))


@contextmanager
def _run(
    session: Session,
    sql: str,
    values: Mapping[str, object],
    types: Sequence[str],
    rows: Sequence[tuple[object, ...]],
) -> Iterator[Any]:
    """Run a statement on the driver's own cursor, with what SQLAlchemy makes of its errors."""
    connection = session.connection()
    driver: Any = connection.dialect.dbapi
    statement, parameters = _written(sql, values, types, rows, is_sqlite=connection.dialect.name == "sqlite")
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement, parameters)
        yield cursor
    except driver.Error as error:
        # Values left out: they are rows of the ledger.
        raise DBAPIError.instance(statement, None, error, driver.Error, hide_parameters=True) from error
    finally:
        cursor.close()


def _written(
    sql: str, values: Mapping[str, object], types: Sequence[str], rows: Sequence[tuple[object, ...]], *, is_sqlite: bool
) -> tuple[str, list[object]]:
    """Return a statement in the driver's words, and its parameters."""
    parameters = [*values.values(), *itertools.chain.from_iterable(rows)]
    if is_sqlite:
        parameters = [_as_text(value) if type(value) is datetime else value for value in parameters]
    return _statement(sql, tuple(types), tuple(values), len(rows), is_sqlite), parameters


@lru_cache(maxsize=64)
def _statement(sql: str, types: tuple[str, ...], names: tuple[str, ...], size: int, is_sqlite: bool) -> str:
    mark = "?" if is_sqlite else "%s"
    # PostgreSQL takes the types of the columns from the first row; SQLite gives instants the type of the column they go to.
    first = ", ".join(mark if is_sqlite else f"CAST({mark} AS {kind})" for kind in types)
    other = ", ".join(mark for _ in types)
    for name in names:
        sql = sql.replace(f":{name}", mark, 1)
    return sql.replace(":rows", ", ".join([f"({first})"] + [f"({other})"] * (size - 1)))


def _as_text(moment: datetime) -> str:
    """Return an instant as SQLAlchemy writes it into SQLite."""
    return moment.astimezone(UTC).isoformat(" ", "microseconds")[:26]
