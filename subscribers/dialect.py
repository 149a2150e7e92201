"""What SQLite and PostgreSQL spell differently, in one place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    cast,
    column,
    func,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.type_api import TypeEngine

from subscribers.base import Base


def insert_new(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT to which ``on_conflict_do_nothing`` can be said."""
    return sqlite.insert(table) if _is_sqlite(session) else postgresql.insert(table)


def as_list(values: Iterable[Any]) -> BindParameter[str]:
    """Return ``values`` as one parameter for :func:`elements`: no limit on their number, one statement text for all sizes."""
    return literal(json.dumps(list(values)), Text)


def elements(session: Session, values: ColumnElement[str], kind: TypeEngine[Any]) -> tuple[FromClause, ColumnElement[Any]]:
    """Return a table made of a list of ``kind``, and its column; the loop over the list runs inside the database."""
    if _is_sqlite(session):
        table = func.json_each(values).table_valued(column("value", kind))
        return table, table.c.value
    table = func.json_array_elements_text(cast(values, JSON)).table_valued("value")
    return table, cast(table.c.value, kind)


def pairs(session: Session, values: ColumnElement[str]) -> tuple[FromClause, ColumnElement[str], ColumnElement[str]]:
    """Return a table made of a list of pairs of text, and its two columns."""
    if _is_sqlite(session):
        table = func.json_each(values).table_valued("value")
        first, second = (func.json_extract(table.c.value, f"$[{place}]", type_=Text()) for place in (0, 1))
        return table, first, second
    table = func.json_array_elements(cast(values, JSON)).table_valued(column("value", JSON))
    return table, table.c.value.op("->>")(0), table.c.value.op("->>")(1)


def keys_of(session: Session, stored: InstrumentedAttribute[dict[str, Any]]) -> Select[tuple[str]]:
    """Return a query of the names that are used in a column of JSON objects, each once."""
    if _is_sqlite(session):
        each = func.json_each(stored).table_valued("key", joins_implicitly=True)
        return select(each.c.key).select_from(stored.class_).join(each, true()).distinct()
    return select(func.json_object_keys(stored)).distinct()


def fill(session: Session, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Put many rows into ``table``, a value for each of its columns, by the quickest way there is.

    Values are text and whole numbers, or what the driver takes by itself.
    """
    if not rows:
        return
    connection = session.connection()
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(found.name) for found in table.columns)
    if _is_sqlite(session):
        places = ", ".join("?" * len(table.columns))
        connection.exec_driver_sql(
            f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({places})",  # noqa: S608 - names of our own
            list(rows),
        )
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {quote(table.name)} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def reserve_ids(session: Session, table: type[Base], count: int) -> Sequence[int]:
    """Return ``count`` numbers, ascending, for rows of ``table`` to come. Nobody else is given them."""
    name = table.__tablename__
    if _is_sqlite(session):
        # The table counts by itself (AUTOINCREMENT), and the transaction holds the one write lock.
        counted = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        last = session.scalar(counted, {"name": name}) or 0
        return range(last + 1, last + 1 + count)
    # The sequence is looked up once, not for every number.
    numbers = text(
        "SELECT nextval(found.sequence) FROM generate_series(1, :count), "
        "(SELECT CAST(pg_get_serial_sequence(:name, 'id') AS regclass) AS sequence OFFSET 0) found"
    )
    return session.scalars(numbers, {"name": name, "count": count}).all()


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
