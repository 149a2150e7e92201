"""``newsletter schedule``: what comes next, and what holds it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import NOTHING_TO_DO, print_json, print_table
from newsletter.cli.parameters import as_json

if TYPE_CHECKING:
    from newsletter.schedule.agenda import ComingSlot

#: Slots without an issue that people are reminded of.
GAPS_SHOWN = 3


@click.group()
def schedule() -> None:
    """See the slots to come, and the readers they are for."""


@schedule.command(epilog="Example: newsletter schedule show --limit 3 --json")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Slots at most; there is no end of them."
)
@as_json
@pass_context
def show(context: Context, limit: int, *, as_json: bool) -> int:
    """Show the next slots of all newsletters and cadences, the waiting ones first.

    A slot's issue is made at its hour in the newsletter's zone, and its mails are due at each reader's own hour: the columns
    name the first and the last, in UTC. Below stand the last slots that got no issue, and why. The exit code is 3 if no
    newsletter has a cadence.
    """
    from newsletter.schedule.agenda import Agenda
    from newsletter.schedule.past import Past
    from newsletter.schedule.words import sentence

    app = context.app
    coming = Agenda(app.database, app.clock, app.config.newsletters).coming(limit)
    if as_json:
        print_json([_coming_as_json(slot) for slot in coming])
        return 0 if coming else NOTHING_TO_DO
    if not coming:
        click.echo("no newsletter has a cadence; name some in newsletters.NAME.cadences")
        return NOTHING_TO_DO
    several = len(app.config.newsletters) > 1
    zones = {each.zone.key for each in coming}
    # One zone is named once: a table of one newsletter fits into 80 columns.
    made_by = f"made: {zones.pop()}, " if len(zones) == 1 else ""
    rows = [
        (
            *((each.newsletter,) if several else ()),
            each.slot.cadence,
            each.slot.key,
            f"{each.slot.build_at.astimezone(each.zone):%a %d %b %H:%M}" + ("" if made_by else f" {each.zone.key}"),
            each.readers,
            _due(each.first_due_at),
            _due(each.last_due_at),
        )
        for each in coming
    ]
    columns = (*(("newsletter",) if several else ()), "cadence", "slot", "made", "mails", "first due", "last due")
    print_table(f"Next slots ({made_by}due: UTC)", columns, rows, "what went out: newsletter stats")
    for each in coming:
        if each.waiting is not None:
            click.secho(f"{each.newsletter}, {each.slot.cadence} {each.slot.key}: {sentence(each.waiting)}", fg="yellow")
    with app.database.read() as session:
        gaps = Past.gaps(session, GAPS_SHOWN)
    for gap in gaps:
        outcome = gap.outcome
        click.echo(f"no issue for {outcome.newsletter}, {outcome.cadence} {outcome.slot}: {sentence(outcome)}")
    return 0


def _coming_as_json(each: ComingSlot) -> dict[str, Any]:
    from newsletter.schedule.words import sentence

    return {
        "newsletter": each.newsletter,
        "cadence": each.slot.cadence,
        "slot": each.slot.key,
        "build_at": each.slot.build_at,
        "build_at_local": _local(each),
        "zone": each.zone.key,
        "readers": each.readers,
        "first_due_at": each.first_due_at,
        "last_due_at": each.last_due_at,
        "is_waiting": each.waiting is not None,
        "waiting_for": None if each.waiting is None else sentence(each.waiting),
    }


def _due(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%d %b %H:%M}"


def _local(each: ComingSlot) -> str:
    return each.slot.build_at.astimezone(each.zone).isoformat(timespec="minutes")
