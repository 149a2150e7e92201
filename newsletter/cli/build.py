"""``newsletter build``: freeze the issue of a slot."""

from __future__ import annotations

from datetime import datetime

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import NOTHING_TO_DO, print_json, print_table
from newsletter.cli.parameters import INSTANT, as_json


@click.command(epilog="Example: newsletter build --cadence weekly --slot 2026-W34")
@click.argument("newsletter", required=False)
@click.option(
    "--cadence",
    type=click.Choice(["daily", "weekdays", "weekly", "monthly"]),
    default="daily",
    show_default=True,
    help="Whose slot.",
)
@click.option("--slot", help="The slot's name (2026-08-21, 2026-W34, 2026-08); default: the newest one that has come.")
@click.option("--at", type=INSTANT, help="Rank as known at this instant; default now.")
@click.option("--dry-run", is_flag=True, help="Show the pool, write nothing.")
@as_json
@pass_context
def build(
    context: Context,
    newsletter: str | None,
    cadence: str,
    slot: str | None,
    at: datetime | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Freeze a ranked pool as the issue of a slot and choose each reader's digest from it.

    A slot has one issue: where it was built already, nothing changes and the exit code is 3. NEWSLETTER defaults to the
    first one in the configuration.
    """
    from newsletter.schedule.slots import latest_slot, slot_named
    from subscribers.model import Cadence

    app = context.app
    slug, settings = app.newsletter(newsletter)
    moment = at or app.clock.now()
    try:
        chosen = slot_named(settings, Cadence(cadence), slot) if slot else latest_slot(settings, Cadence(cadence), moment)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--slot") from error
    nothing = f"no papers listed in the last {settings.pool_days} days; take some in with: newsletter fetch"
    if dry_run:
        ranked = app.builder.rank(settings, at=moment)
        rows = [(entry.rank, entry.receipt.score, entry.receipt.votes, entry.paper.key, entry.paper.title) for entry in ranked]
        if as_json:
            print_json([dict(zip(("rank", "score", "votes", "key", "title"), row, strict=True)) for row in rows])
        elif rows:
            print_table(
                f"{settings.name}, {chosen.key}: pool of {len(rows)}", ("rank", "score", "votes", "paper", "title"), rows
            )
        else:
            click.echo(nothing, err=True)
        return 0 if ranked else NOTHING_TO_DO
    built = app.build(slug, chosen, at=at)
    if built.issue is None:
        click.echo(nothing, err=True)
        return NOTHING_TO_DO
    issue = built.issue
    if as_json:
        print_json({"id": issue.id, "newsletter": slug, "number": issue.number, "slot": issue.slot, "is_new": built.is_new})
    elif built.is_new:
        readers = "1 reader" if issue.audience == 1 else f"{issue.audience} readers"
        click.echo(f"{settings.name} no. {issue.number} for {issue.slot}: {readers}")
        click.echo(f"next: newsletter send {issue.id}")
    else:
        click.echo(f"{issue.slot} was built before: {settings.name} no. {issue.number}, {issue.state}")
    return 0 if built.is_new else NOTHING_TO_DO
