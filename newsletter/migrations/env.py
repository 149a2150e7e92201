"""Alembic's entry: runs the migrations on the connection that :class:`newsletter.database.Database` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from newsletter.migrations.metadata import metadata
from subscribers.base import UtcDateTime


def _render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    # A migration must run for ever, so it may not name today's classes.
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=_render_item,
)
with context.begin_transaction():
    context.run_migrations()
