"""``newsletter send``: work through what is to be sent, or rehearse it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.issues import find_issue
from newsletter.cli.output import FAILED, NOTHING_TO_DO, print_json, print_table, progress
from newsletter.cli.parameters import as_json
from newsletter.cli.stopping import stop_on_signals

if TYPE_CHECKING:
    from newsletter.app import App
    from newsletter.delivery.sending.handout import Scope
    from newsletter.delivery.sending.sender import SendReport
    from newsletter.digest.model import Issue


@click.command(epilog="Example: newsletter send --due")
@click.argument("issue_id", metavar="[ISSUE]", type=int, required=False)
@click.option("--due", is_flag=True, help="Everything that is due now, of all issues.")
@click.option("--to", "address", metavar="EMAIL", help="Only this reader's message.")
@click.option(
    "--rehearse", "is_rehearsal", is_flag=True, help="Send nothing: see that all of it can be sent, and how long it takes."
)
@as_json
@pass_context
def send(context: Context, issue_id: int | None, address: str | None, *, due: bool, is_rehearsal: bool, as_json: bool) -> int:
    """Send an issue now, whatever its readers' hours, or everything that is due.

    Nobody gets a message twice: what was sent is not touched. While smtp.host is empty, messages go to the built-in inbox.
    Ctrl-C finishes the running messages and leaves the rest for the next time. The exit code is 1 if the run ended early, 3 if
    there was nothing to send.

    --rehearse makes every message and hands it over on this machine to a server that keeps nothing, from a copy of the
    database that is removed at the end. It tells the duration, the earliest end under the limits of the configuration, and
    what could not be sent; the exit code is 1 if a message cannot be made.
    """
    from newsletter.delivery.sending.handout import Scope
    from newsletter.rendering.template.usable import check_usable
    from newsletter.serving import run_in_loop

    if due == (issue_id is not None):
        raise click.UsageError("name an issue, or say --due; see 'newsletter issues list'")
    check_usable(context.config, context.config_path)
    app = context.app
    issue = None if issue_id is None else find_issue(context, issue_id)
    reader = app.subscribers.find(address).id if address else None
    scope = Scope(issue_id=issue.id if issue else None, subscriber_id=reader, due_only=due)
    nothing = "nothing to send" if issue is None else _why_nothing(issue)
    if is_rehearsal:
        from newsletter.cli.rehearsal import rehearse_and_print

        return rehearse_and_print(app, scope, nothing=nothing, as_json=as_json)
    report = run_in_loop(_send(app, scope))
    counts = {
        "sent": report.sent,
        "deferred": report.deferred,
        "failed": report.failed,
        "in doubt": report.in_doubt,
        "skipped": report.skipped,
    }
    if as_json:
        numbers = {name.replace(" ", "_"): count for name, count in counts.items()}
        print_json({**numbers, "finished": list(report.finished), "problem": report.problem})
    elif any(counts.values()):
        follow = f"show {issue.id}" if issue else "list"
        print_table("Sent", tuple(counts), [tuple(counts.values())], f"next: newsletter issues {follow}")
    elif not report.problem:
        click.echo(nothing)
    if report.problem:
        click.secho(f"error: {report.problem}", fg="red", err=True)
        return FAILED
    return 0 if any(counts.values()) else NOTHING_TO_DO


def _why_nothing(issue: Issue) -> str:
    note = f" ({issue.note})" if issue.note else ""
    reasons = {
        "building": "its readers are still being listed; go on with: newsletter build",
        "paused": f"it is paused{note}; let it go on with: newsletter issues resume {issue.id}",
        "cancelled": "it is cancelled",
        "finished": "it is finished",
    }
    return f"nothing to send of issue {issue.id}" + (f": {reasons[issue.state]}" if issue.state in reasons else "")


async def _send(app: App, scope: Scope) -> SendReport:
    from newsletter.serving import next_hop

    stop = stop_on_signals()
    expected = 1 if scope.subscriber_id else await asyncio.to_thread(app.count_unsettled, scope)
    async with next_hop(app) as smtp:
        with progress("sending") as show:
            return await app.sender(smtp).run(scope, on_progress=lambda so_far: show(*_headway(so_far, expected)), stop=stop)


def _headway(so_far: SendReport, expected: int) -> tuple[int, int]:
    tried = so_far.sent + so_far.deferred + so_far.failed + so_far.in_doubt + so_far.skipped
    # What was deferred may be tried again in the same run, and others may become due.
    return tried, max(tried, expected)
