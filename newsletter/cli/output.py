"""How commands speak: calm tables on a terminal, plain columns elsewhere, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import click

NOTHING_TO_DO = 3
FAILED = 1


def print_json(value: Any) -> None:
    """Print ``value`` as JSON; instants as ISO 8601 with zone."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_encode))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], next_line: str | None = None) -> None:
    """Print a title line, a table, and one line that says what to do next.

    Columns whose values are all numbers are right-aligned. None is shown as "-".
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], int | float) or row[place] is None for row in rows)
        # What names a row is never broken: it is there to be copied.
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(escape(_in_words(value)) for value in row))
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(escape(_in_words(title)), style="bold", soft_wrap=True)
    console.print(table)
    if next_line:
        console.print(escape(next_line), style="dim")


class Progress(Protocol):
    """Told how far a long work has come."""

    def __call__(self, done: int, total: int) -> None:
        """``done`` of ``total`` units are behind us."""
        ...


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Show a progress bar on a terminal, and a plain line every tenth elsewhere; both on standard error."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        with Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        ) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    shown = -1

    def line(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 * done // total if total else 10
        if tenth > shown:
            shown = tenth
            click.echo(f"{label}: {done} of {total}", err=True)

    yield line


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"not JSON: {value!r}")


def in_iso(moment: datetime) -> str:
    """Return an aware instant to the minute as ISO 8601 in UTC: ``2026-08-21T08:30Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def _in_words(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return in_iso(value)
    if isinstance(value, float):
        return f"{value:.1f}"
    # Outside text reaches the terminal here: escape sequences must not.
    return "".join(c if c.isprintable() else " " for c in str(value))
