"""How commands speak: calm tables on a terminal, plain columns elsewhere, JSON for scripts."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from rich.table import Table

NOTHING_TO_DO = 3
FAILED = 1
#: Seconds between two drawings of a progress bar.
DRAW_EVERY = 0.1


def print_json(value: Any) -> None:
    """Print ``value`` as JSON; instants as ISO 8601 with zone, spans in seconds."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_encode))


def make_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table; columns whose values are all numbers are right-aligned, and None is shown as "-"."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], int | float) or row[place] is None for row in rows)
        # What names a row is never broken: it is there to be copied.
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(escape(_in_words(value)) for value in row))
    return table


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], next_line: str | None = None) -> None:
    """Print a title line, a table as of :func:`make_table`, and one line that says what to do next."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(escape(_in_words(title)), style="bold", soft_wrap=True)
    console.print(make_table(columns, rows))
    if next_line:
        console.print(escape(next_line), style="dim", soft_wrap=True)


class Progress(Protocol):
    """Told how far a long work has come."""

    def __call__(self, done: int, total: int) -> None:
        """``done`` of ``total`` units are behind us."""
        ...


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Show a progress bar with rate and time left on a terminal, and a plain line every tenth elsewhere; on standard error."""
    if not sys.stderr.isatty():
        yield _lines(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else _rate(speed), style="progress.data.speed")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    last: tuple[int, int] | None = None
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=None)
        drawn_at = -1.0

        def draw(done: int, total: int) -> None:
            nonlocal last, drawn_at
            last, now = (done, total), time.monotonic()
            # Told of every message, drawn a few times a second.
            if now - drawn_at >= DRAW_EVERY:
                drawn_at = now
                bar.update(task, completed=done, total=total)

        try:
            yield draw
        finally:
            if last is not None:
                bar.update(task, completed=last[0], total=last[1])


def _lines(label: str) -> Progress:
    shown, begun_at = -1, time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 * done // total if total else 10
        if tenth > shown:
            shown = tenth
            passed = time.monotonic() - begun_at
            rate = ""
            if 0 < done < total and passed >= 1:
                rate = f" ({_rate(done / passed)}, {duration(timedelta(seconds=(total - done) * passed / done))} left)"
            click.echo(f"{label}: {done} of {total}{rate}", err=True)

    return line


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s" if per_second >= 1 else f"{60 * per_second:,.0f}/min"


def duration(span: timedelta) -> str:
    """Return a span in words, no more exact than one wants to know it: ``0.4 s``, ``40 s``, ``3 min 20 s``, ``2 h 5 min``."""
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    for (size, name), (next_size, next_name) in itertools.pairwise(units):
        if whole >= size:
            rest = whole % size // next_size
            return f"{whole // size} {name}" + (f" {rest} {next_name}" if rest else "")
    return f"{whole} s"


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
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
