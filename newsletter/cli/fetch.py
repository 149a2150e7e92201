"""``newsletter fetch``: take papers and votes in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import FAILED, print_json, print_table


@click.command(epilog="Example: newsletter fetch hf_daily_papers --date 2026-08-21")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="One day, for sources that keep a list per day.")
@click.option(
    "--from-file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A recorded API answer, JSON Lines, Atom, RSS or a text page, instead of the network. May be given more than once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@pass_context
def fetch(context: Context, sources: tuple[str, ...], date: datetime | None, files: tuple[Path, ...], *, as_json: bool) -> int:
    """Take papers and signals in from all enabled sources, or the named ones.

    A source that cannot be read does not keep the others from being read; what was taken in before stays. The exit code is
    1 if any of them failed.
    """
    fetching = context.app.fetching
    if files:
        outcomes = [fetching.take_file(path) for path in files]
    else:
        outcomes = fetching.run(sources, date=date.date() if date else None)
    if as_json:
        print_json([outcome.as_json() for outcome in outcomes])
    else:
        print_table(
            "Taken in",
            ("source", "new", "changed", "known", "refused", "problem"),
            [
                (
                    outcome.source,
                    outcome.report.new,
                    outcome.report.changed,
                    outcome.report.known,
                    ", ".join(f"{count} {reason}" for reason, count in outcome.report.refused.items()) or 0,
                    outcome.problem or "",
                )
                for outcome in outcomes
            ],
            "next: newsletter papers list",
        )
    return FAILED if any(outcome.problem for outcome in outcomes) else 0
