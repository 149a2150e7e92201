"""Option types and options that several commands share."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click


class Instant(click.ParamType[datetime]):
    """An ISO 8601 instant with its zone, as an aware UTC ``datetime``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not an ISO 8601 time; write it like 2026-08-21T08:00Z", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no zone; add Z for UTC, or an offset like +02:00", param, ctx)
        return moment.astimezone(UTC)


INSTANT = Instant()


class EndOfDay(click.ParamType[datetime]):
    """A date, as the instant (UTC) at which that day is over."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            day = date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write it like 2026-08-21", param, ctx)
        return datetime.combine(day, time(), tzinfo=UTC) + timedelta(days=1)


END_OF_DAY = EndOfDay()

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

limit = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    callback=lambda _ctx, _param, value: value or None,
    help="Rows at most; 0 for all.",
)
