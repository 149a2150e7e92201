"""``newsletter subscribers import`` and ``export``: whole lists in and out."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from newsletter.cli.choices import choices_options, consent_option, defaults_of, newsletter_option
from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import FAILED, NOTHING_TO_DO, print_json, progress
from newsletter.cli.parameters import as_json
from subscribers.model import SubscriberState
from subscribers.transfer.cells import guard

if TYPE_CHECKING:
    from subscribers.transfer.import_lines import Refusal

#: Refused lines shown where no report was asked for.
SHOWN = 10


@click.command("import", epilog="Example: newsletter subscribers import readers.csv --report refused.csv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@newsletter_option
@choices_options
@consent_option
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write every refused line here, as CSV.")
@click.option("--restart", is_flag=True, help="Begin anew, even if an earlier run was cut short.")
@as_json
@pass_context
def import_(
    context: Context,
    /,
    file: Path,
    newsletter: str | None,
    consent: str,
    report: Path | None,
    *,
    restart: bool,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Take readers in from a file of addresses.

    FILE is CSV with a column 'address' or 'email', or has one address a line.

    Columns 'newsletter', 'cadence', 'hour', 'zone', 'size', 'topics', 'categories', 'keywords', 'authors', 'labs', 'muted' and
    'field:NAME' override the options; semicolons stand between several topics, names or words. Nobody who left, bounced,
    complained or was erased is brought back.

    An import that was cut short goes on where it stopped if the same command is run again; its report too.
    """
    defaults = defaults_of(context, newsletter, **chosen)
    total = file.stat().st_size
    with ExitStack() as stack:
        raw = stack.enter_context(file.open("rb"))
        refusals = stack.enter_context(_Report(report)) if report else _Shown()
        advance = stack.enter_context(progress("bytes read"))
        result = context.app.importer.run(
            raw,
            defaults,
            wording=consent,
            source=file.name,
            restart=restart,
            on_start=refusals.begin,
            on_progress=lambda offset: advance(offset, total),
            on_refused=refusals.take,
        )
    refusals.end()
    if as_json:
        print_json(asdict(result))
    else:
        click.echo(f"{result.added} added, {result.known} known already, {result.refused} refused")
    if result.added:
        return 0
    return FAILED if result.refused and not result.known else NOTHING_TO_DO


@click.command(epilog="Example: newsletter subscribers export --output readers.csv")
@click.option("--newsletter", metavar="SLUG", help="Only its subscribers.")
@click.option("--state", type=click.Choice([choice.value for choice in SubscriberState]), help="Only those who stand there.")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl", "json"]), default="csv", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default standard output.")
@pass_context
def export(
    context: Context, newsletter: str | None, state: str | None, form: str, output: Path | None, *, as_json: bool
) -> int:
    """Write readers and their choices.

    One line for each newsletter a reader gets; 'import' reads the CSV back. The CSV has a column 'field:NAME' for each field of
    your own, and cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    from subscribers.transfer.exporting import entries, stored_fields, write_csv, write_json, write_json_lines

    if newsletter is not None:
        context.app.newsletter(newsletter)
    configured = [
        name for slug, found in context.app.config.newsletters.items() if newsletter in (None, slug) for name in found.fields
    ]
    names = dict.fromkeys([*configured, *stored_fields(context.app.database, newsletter=newsletter)])
    found = entries(context.app.database, newsletter=newsletter, state=SubscriberState(state) if state else None)
    writers: dict[str, Callable[[TextIO], int]] = {
        "csv": lambda file: write_csv(found, file, fields=tuple(names)),
        "jsonl": lambda file: write_json_lines(found, file),
        "json": lambda file: write_json(found, file),
    }
    write = writers["json" if as_json else form]
    if output is None:
        write(sys.stdout)
        return 0
    with _private(output, "w") as file:
        count = write(file)
    click.echo(f"{count} lines written to {output}", err=True)
    return 0


class _Shown:
    """Keeps the first refused lines, to be shown at the end."""

    def __init__(self) -> None:
        self._first: list[Refusal] = []
        self._count = 0

    def begin(self, line: int) -> None:
        """Say where the import begins."""
        _say_where(line)

    def take(self, refusals: Sequence[Refusal]) -> None:
        """Keep what is among the first."""
        self._first += refusals[: SHOWN - len(self._first)]
        self._count += len(refusals)

    def end(self) -> None:
        """Show them."""
        for refusal in self._first:
            click.echo(f"line {refusal.line}: {_printable(refusal.text)[:80]}: {refusal.reason}", err=True)
        if self._count > len(self._first):
            more = self._count - len(self._first)
            click.echo(f"and {more} more refused lines; --report FILE writes all of them", err=True)


class _Report:
    """A file of refused lines, which an import that goes on finds again and goes on with."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = ExitStack()
        self._file: TextIO | None = None

    def __enter__(self) -> _Report:
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    def begin(self, line: int) -> None:
        """Open the report; lines from ``line`` on come once more, so an earlier run's word on them is dropped."""
        _say_where(line)
        if line == 1:
            self._file = self._files.enter_context(_private(self._path, "w"))
            csv.writer(self._file, quoting=csv.QUOTE_ALL).writerow(("line", "address", "reason"))
            return
        rows = _rows_before(self._path, line)
        # Beside it first: a report that was begun is never without the lines that the import has counted.
        beside = self._path.with_name(f"{self._path.name}.part")
        with _private(beside, "w") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("line", "address", "reason"), *rows])
        beside.replace(self._path)
        self._file = self._files.enter_context(_private(self._path, "a"))

    def take(self, refusals: Sequence[Refusal]) -> None:
        """Write ``refusals`` to the disk: they are there before the import counts them."""
        if self._file is None:
            raise ValueError("a report takes lines once it was begun")
        writer = csv.writer(self._file, quoting=csv.QUOTE_ALL)
        writer.writerows((refusal.line, guard(refusal.text), refusal.reason) for refusal in refusals)
        self._file.flush()
        os.fsync(self._file.fileno())

    def end(self) -> None:
        """Nothing more to say: it is all in the file."""


def _rows_before(report: Path, line: int) -> list[list[str]]:
    """Return the whole rows of an earlier report on lines before ``line``."""
    if not report.exists():
        return []
    with report.open(encoding="utf-8", errors="replace", newline="") as file:
        content = file.read()
    rows = list(csv.reader(io.StringIO(content, newline="")))
    if not content.endswith("\r\n"):
        rows = rows[:-1]  # the run was cut short in the middle of it
    return [row for row in rows if len(row) == 3 and row[0].isdecimal() and int(row[0]) < line]


def _say_where(line: int) -> None:
    if line > 1:
        click.echo(f"going on at line {line}, where the import was cut short; --restart begins anew", err=True)


def _private(path: Path, mode: Literal["w", "a"]) -> TextIO:
    """Open a file for addresses: readable by nobody else."""
    path.touch(mode=0o600)
    return path.open(mode, encoding="utf-8", errors="replace", newline="")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
