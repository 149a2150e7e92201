"""``newsletter stats``: what the last issues came to, and why slots have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import NOTHING_TO_DO, print_json, print_table
from newsletter.cli.parameters import as_json, limit

if TYPE_CHECKING:
    from newsletter.schedule.past import PastGap, PastIssue


#: What only an issue has.
_OF_ISSUES = (
    *("number", "issue", "state", "papers", "audience"),
    *("sent", "deferred", "failed", "in_doubt", "skipped", "open", "more", "less"),
)
#: What the table adds up as "unsent", so that it fits into 80 columns.
_UNSENT = ("deferred", "failed", "in_doubt", "skipped")


@click.command(epilog="Example: newsletter stats --limit 14")
@limit
@as_json
@pass_context
def stats(context: Context, limit: int | None, *, as_json: bool) -> int:
    """Show what became of the last slots, newest first.

    Of each issue: its pool, its readers, what was sent to them, and how often they asked for more or less like a paper it
    brought them; that is told as a sum, and of issues with five readers or more. "unsent" is what was deferred, failed, is in
    doubt or was skipped; --json tells them apart. Of each slot without an issue: why. The exit code is 3 if there is nothing
    yet.
    """
    from newsletter.schedule.past import Past

    found = Past(context.app.database).latest(limit)
    lines = [_line(each) for each in found]
    if as_json:
        print_json(lines)
        return 0 if lines else NOTHING_TO_DO
    if not lines:
        click.echo("no issues yet; make one with: newsletter build")
        return NOTHING_TO_DO
    several = len({*context.app.config.newsletters, *(line["newsletter"] for line in lines)}) > 1
    columns = {
        "no.": "number",
        **({"newsletter": "newsletter"} if several else {}),
        "cadence": "cadence",
        "slot": "slot",
        "papers": "papers",
        "readers": "audience",
        "sent": "sent",
        "unsent": "unsent",
        "more": "more",
        "less": "less",
    }
    issues = [{**line, "unsent": sum(line[key] for key in _UNSENT)} for line in lines if line["number"] is not None]
    if issues:
        print_table("Issues", tuple(columns), [tuple(line[key] for key in columns.values()) for line in issues])
    for line in lines:
        if line["number"] is None:
            click.echo(f"no issue for {line['newsletter']}, {line['cadence']} {line['slot']}: {line['why']}")
    return 0


def _line(each: PastIssue | PastGap) -> dict[str, Any]:
    """Return a line under the same names for an issue and for a slot without one."""
    from newsletter.schedule.past import PastGap, by_state
    from newsletter.schedule.words import sentence

    if isinstance(each, PastGap):
        outcome = each.outcome
        return {
            **dict.fromkeys(_OF_ISSUES),
            "newsletter": outcome.newsletter,
            "cadence": outcome.cadence,
            "slot": outcome.slot,
            "at": each.at,
            "reason": outcome.reason,
            "why": sentence(outcome),
        }
    issue, said = each.issue, each.feedback
    return {
        "newsletter": issue.newsletter,
        "cadence": issue.cadence,
        "slot": issue.slot,
        "at": each.at,
        "number": issue.number,
        "issue": issue.id,
        "state": issue.state,
        "papers": each.papers,
        "audience": each.account.audience,
        **dict(by_state(each.account)),
        "more": None if said is None else said.more,
        "less": None if said is None else said.less,
        "reason": None,
        "why": None,
    }
