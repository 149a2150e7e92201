"""What SQLite and PostgreSQL spell differently, in one place."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import JSON, BindParameter, ColumnElement, FromClause, Text, cast, column, func, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
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


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
