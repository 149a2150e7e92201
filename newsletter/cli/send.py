"""``newsletter send``: work through what is to be sent."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.issues import find_issue
from newsletter.cli.output import FAILED, NOTHING_TO_DO, print_json, print_table, progress
from newsletter.cli.parameters import as_json

if TYPE_CHECKING:
    from newsletter.app import App
    from newsletter.delivery.handout import Scope
    from newsletter.delivery.sender import SendReport


@click.command(epilog="Example: newsletter send --due")
@click.argument("issue_id", metavar="[ISSUE]", type=int, required=False)
@click.option("--due", is_flag=True, help="Everything that is due now, of all issues.")
@click.option("--to", "address", metavar="EMAIL", help="Only this reader's message.")
@as_json
@pass_context
def send(context: Context, issue_id: int | None, address: str | None, *, due: bool, as_json: bool) -> int:
    """Send an issue now, whatever its readers' hours, or everything that is due.

    Nobody gets a message twice: what was sent is not touched. While smtp.host is empty, messages go to the built-in inbox.
    Ctrl-C finishes the running messages and leaves the rest for the next time. The exit code is 1 if the run ended early, 3 if
    there was nothing to send.
    """
    from newsletter.delivery.handout import Scope

    if due == (issue_id is not None):
        raise click.UsageError("name an issue, or say --due; see 'newsletter issues list'")
    app = context.app
    issue = None if issue_id is None else find_issue(context, issue_id)
    reader = app.subscribers.find(address).id if address else None
    scope = Scope(issue_id=issue.id if issue else None, subscriber_id=reader, due_only=due)
    report = asyncio.run(_send(app, scope))
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
        print_table("Sent", tuple(counts), [tuple(counts.values())], "next: newsletter issues list")
    elif not report.problem:
        click.echo("nothing to send")
    if report.problem:
        click.secho(f"error: {report.problem}", fg="red", err=True)
        return FAILED
    return 0 if any(counts.values()) else NOTHING_TO_DO


async def _send(app: App, scope: Scope) -> SendReport:
    from newsletter.serving import next_hop

    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    total = await asyncio.to_thread(app.count_unsettled, scope)
    async with next_hop(app) as smtp:
        with progress("sending") as show:
            return await app.sender(smtp).run(
                scope,
                on_progress=lambda so_far: show(so_far.sent + so_far.deferred + so_far.failed + so_far.in_doubt, total),
                stop=stop,
            )
