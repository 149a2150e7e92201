"""``newsletter fetch``: take papers and votes in."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import FAILED, print_json, print_table
from newsletter.cli.parameters import INSTANT, as_json

if TYPE_CHECKING:
    from newsletter.sources.base import Period


@click.command(epilog="Example: newsletter fetch hf_daily_papers --date 2026-08-21")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--date", "period", metavar="D", help="A day, week, month (2026-08-21, 2026-W34, 2026-08) or 'trending'.")
@click.option(
    "--from-file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A recorded answer of Hugging Face or arXiv, an Atom or RSS feed, JSON Lines, or the text of a Daily Papers page, "
    "instead of the network. May be given more than once.",
)
@click.option("--observed-at", type=INSTANT, help="With --from-file: when the answer was recorded; default now.")
@as_json
@pass_context
def fetch(
    context: Context,
    sources: tuple[str, ...],
    period: str | None,
    files: tuple[Path, ...],
    observed_at: datetime | None,
    *,
    as_json: bool,
) -> int:
    """Take papers and signals in from all enabled sources, or the named ones.

    A source that cannot be read does not keep the others from being read; what was taken in before stays. The exit code is
    1 if any of them failed.
    """
    fetching = context.app.fetching
    outcomes = (
        [fetching.take_file(path, observed_at=observed_at) for path in files]
        if files
        else context.app.fetch(sources, period=_parse(context, period))
    )
    if as_json:
        print_json([asdict(outcome) for outcome in outcomes])
    else:
        rows = [
            (
                outcome.source,
                outcome.outcome,
                outcome.new,
                outcome.changed,
                outcome.seen - outcome.new - outcome.changed,
                sum(outcome.refused.values()),
            )
            for outcome in outcomes
        ]
        print_table("Taken in", ("source", "run", "new", "changed", "known", "refused"), rows, "next: newsletter papers list")
    for outcome in outcomes:
        for reason, count in outcome.refused.items():
            click.echo(f"{outcome.source}: {count} refused: {reason}", err=True)
        if outcome.problem:
            click.secho(f"error: {outcome.problem}", fg="red", err=True)
    return 0 if all(outcome.is_ok for outcome in outcomes) else FAILED


def _parse(context: Context, text: str | None) -> Period | None:
    from newsletter.sources.base import Period

    if text is None:
        return None
    try:
        return Period.parse(text, today=context.app.clock.now().date())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--date") from error
