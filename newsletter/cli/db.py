"""``newsletter db``: look after the database."""

from __future__ import annotations

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import NOTHING_TO_DO


@click.group()
def db() -> None:
    """Look after the database."""


@db.command(epilog="Example: newsletter db upgrade")
@pass_context
def upgrade(context: Context) -> int:
    """Bring the database to this version's schema. SQLite is upgraded by itself on start; PostgreSQL waits for this."""
    from newsletter.database import Database

    database = Database(context.config.database.url)
    try:
        if database.is_current():
            click.echo("the database is at this version already")
            return NOTHING_TO_DO
        database.upgrade()
    finally:
        database.dispose()
    click.echo("the database is at this version now")
    return 0
