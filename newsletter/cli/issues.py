"""``newsletter issues``: what went out, whether the account adds up, and the hand on the tap."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import FAILED, NOTHING_TO_DO, print_json, print_table
from newsletter.cli.parameters import as_json, limit
from newsletter.cli.standing import DOMAIN_COLUMNS, domain_as_json, domain_rows, domains_of, headway, title_of, watch, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.delivery.ledger.account import Account
    from newsletter.delivery.ledger.steering import Steering
    from newsletter.digest.model import Issue

#: Domains listed for people; JSON has as many as --limit says.
DOMAINS_LISTED = 20


@click.group()
def issues() -> None:
    """List issues, account for their deliveries, hold and end them.

    An issue is named by the number in the first column of 'issues list'.
    """


@issues.command("list", epilog="Example: newsletter issues list --limit 5")
@limit
@as_json
@pass_context
def list_(context: Context, limit: int | None, *, as_json: bool) -> int:
    """List issues, newest first."""
    from newsletter.digest.store import IssueStore

    with context.app.database.read() as session:
        found = IssueStore(session).latest(limit=limit)
    if as_json:
        print_json([asdict(issue) for issue in found])
    elif found:
        rows = [
            (issue.id, issue.newsletter, issue.number, issue.cadence, issue.slot, issue.state, issue.audience, issue.frozen_at)
            for issue in found
        ]
        columns = ("issue", "newsletter", "no.", "cadence", "slot", "state", "audience", "frozen")
        print_table("Issues", columns, rows, "next: newsletter issues show ISSUE")
    else:
        click.echo("no issues yet; make one with: newsletter build")
        return NOTHING_TO_DO
    return 0


@issues.command(epilog="Example: newsletter issues show 14 --watch")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--watch", "watches", is_flag=True, help="Stay and look again every second until it is finished; Ctrl-C ends it.")
@limit
@as_json
@pass_context
def show(context: Context, issue_id: int, limit: int | None, *, watches: bool, as_json: bool) -> int:
    """Show an issue, its pool and its deliveries.

    The rate is that of the last 30 seconds, over all processes that send.
    """
    from newsletter.delivery.ledger.account import Accounts
    from newsletter.delivery.oversight.progress import recent_rate, standing
    from newsletter.digest.snapshot import receipt_to_json
    from newsletter.digest.store import IssueStore

    if watches and as_json:
        raise click.UsageError("--watch is for people; with --json ask again as often as you like")
    issue, app = find_issue(context, issue_id), context.app
    if watches:
        watch(app, issue)
        return 0
    with app.database.read() as session:
        pool = IssueStore(session).pool(issue.id)[:limit]
        account = Accounts(session).account(issue.id)
        now = standing(session, issue.id)
        rate = recent_rate(session, issue.id, now, at=app.clock.now())
    domains = domains_of(app, issue)
    if as_json:
        print_json(
            {
                **asdict(issue),
                "account": _account_as_json(account),
                "rate_per_second": rate.per_second,
                "seconds_left": rate.left,
                "next_try_at": now.next_try_at,
                "domains": [domain_as_json(line) for line in domains[:limit]],
                "pool": [
                    {"rank": entry.rank, "key": entry.paper.key, "title": entry.paper.title, **receipt_to_json(entry.receipt)}
                    for entry in pool
                ],
            }
        )
        return 0
    rows = [(entry.rank, entry.receipt.score, entry.receipt.votes, entry.paper.key, entry.paper.title) for entry in pool]
    print_table(f"Pool, best {len(pool)}", ("rank", "score", "votes", "paper", "title"), rows)
    if domains:
        print_table("Receiving domains", DOMAIN_COLUMNS, domain_rows(domains, DOMAINS_LISTED))
    _print_account(issue, account)
    if line := headway(now, rate):
        click.echo(line)
    _print_next(issue, account)
    return 0


@issues.command(epilog="Example: newsletter issues deliveries 14 --state failed --json")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option(
    "--state",
    type=click.Choice(["pending", "claimed", "dot_sent", "sent", "deferred", "failed", "doubtful", "skipped"]),
    help="Only deliveries in this state.",
)
@limit
@as_json
@pass_context
def deliveries(context: Context, issue_id: int, state: str | None, limit: int | None, *, as_json: bool) -> int:
    """List an issue's deliveries: reader, state, tries, last reply."""
    from newsletter.delivery.ledger.account import Accounts
    from newsletter.delivery.model import DeliveryState

    issue = find_issue(context, issue_id)
    one_more = None if limit is None else limit + 1
    with context.app.database.read() as session:
        found = Accounts(session).deliveries(issue.id, state=DeliveryState(state) if state else None, limit=one_more)
    shown = found[:limit]
    if as_json:
        print_json([delivery.as_json() for delivery in shown])
        return 0
    if not found:
        click.echo(f"no {'deliveries' if state is None else f'{words(state)} deliveries'} in issue {issue.id}")
        return NOTHING_TO_DO
    more = "there are more: --limit 0 lists all; " if len(found) > len(shown) else ""
    print_table(
        f"Deliveries of issue {issue.id}",
        ("delivery", "reader", "state", "reason", "tries", "due", "last reply"),
        [
            (
                row.id,
                row.subscriber_id,
                words(row.state),
                words(row.reason) or None,
                row.attempts,
                row.not_before if row.state in {"pending", "deferred"} else None,
                row.last_reply or None,
            )
            for row in shown
        ],
        f"{more}a reader's address: newsletter subscribers show READER",
    )
    return 0


@issues.command(epilog="Example: newsletter issues reconcile 14 || echo 'look at issue 14'")
@click.argument("issue_id", metavar="ISSUE", type=int)
@as_json
@pass_context
def reconcile(context: Context, issue_id: int, *, as_json: bool) -> int:
    """Print the account of an issue, and what to do.

    The exit code is 1 if it does not add up: sent + deferred + failed + in doubt + skipped + still open must be the audience.
    """
    from newsletter.delivery.ledger.account import Accounts

    issue = find_issue(context, issue_id)
    with context.app.database.read() as session:
        account = Accounts(session).account(issue.id)
    if as_json:
        print_json({**_account_as_json(account), "next": [command for _, command in _next_steps(issue, account)]})
    else:
        _print_account(issue, account)
        _print_next(issue, account)
    return 0 if account.adds_up else FAILED


@issues.command(epilog="Example: newsletter issues pause 14 --note 'wrong title, mail me before you resume it'")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--note", default="", metavar="TEXT", help="Why, for whoever looks at it.")
@as_json
@pass_context
def pause(context: Context, issue_id: int, note: str, *, as_json: bool) -> int:
    """Hold an issue: nothing more of it is sent until it is resumed.

    Senders at work notice at once, on any machine; messages that are just being handed over end first. The exit code is 3 if it
    was paused already.
    """
    return _steer(context, issue_id, "paused", lambda steering, issue: steering.pause(issue.id, note=note), as_json=as_json)


@issues.command(epilog="Example: newsletter issues resume 14")
@click.argument("issue_id", metavar="ISSUE", type=int)
@as_json
@pass_context
def resume(context: Context, issue_id: int, *, as_json: bool) -> int:
    """Let a paused issue go on.

    What is due goes out with the next 'send' or by itself where 'run' or 'worker' is at work. The exit code is 3 if it was not
    paused.
    """
    return _steer(context, issue_id, "open", lambda steering, issue: steering.resume(issue.id), as_json=as_json)


@issues.command(epilog="Example: newsletter issues cancel 14 --yes")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@pass_context
def cancel(context: Context, issue_id: int, *, yes: bool, as_json: bool) -> int:
    """End an issue for good.

    Readers who have no mail of it yet get none; its papers can reach them with a later issue. The exit code is 3 if it was
    cancelled already.
    """
    from newsletter.delivery.oversight.progress import standing

    issue = find_issue(context, issue_id)
    if not yes and issue.state in {"open", "paused"}:
        with context.app.database.read() as session:
            now = standing(session, issue.id)
        click.confirm(
            f"Cancel issue {issue.id} for good? {now.open + now.deferred} readers will not get it", abort=True, err=True
        )
    return _steer(context, issue_id, "cancelled", lambda steering, issue: steering.cancel(issue.id), as_json=as_json)


@issues.command(epilog="Example: newsletter issues resend 14 --failed")
@click.argument("issue_id", metavar="ISSUE", type=int)
@click.option("--failed", is_flag=True, help="Those that failed, instead of those in doubt.")
@as_json
@pass_context
def resend(context: Context, issue_id: int, *, failed: bool, as_json: bool) -> int:
    """Have what is in doubt, or failed, sent again.

    The deliveries are due at once, and 'send', 'run' or 'worker' sends them. A message in doubt may have arrived: its reader
    may then get it a second time, byte for byte the same. One that failed did not arrive, but is left out if its reader was
    given one of its papers since in another mail. The exit code is 3 if there was nothing to put back.
    """
    from newsletter.delivery.ledger.steering import Steering
    from newsletter.delivery.model import DeliveryState
    from newsletter.delivery.oversight.progress import standing

    issue, app = find_issue(context, issue_id), context.app
    count = Steering(app.database, app.clock).resend(issue.id, failed=failed)
    with app.database.read() as session:
        left = standing(session, issue.id).by_state[DeliveryState.FAILED] if failed else 0
    if as_json:
        print_json({"issue": issue.id, "put_back": count, "left": left})
        return 0 if count else NOTHING_TO_DO
    if left:
        click.echo(f"{left} stay failed: their readers were given some of these papers since in another mail")
    if not count:
        click.echo(f"nothing of issue {issue.id} {'failed and can be sent again' if failed else 'is in doubt'}")
        return NOTHING_TO_DO
    click.echo(f"{count} deliveries of issue {issue.id} are due again")
    click.secho(f"next: newsletter {'issues resume' if issue.state == 'paused' else 'send'} {issue.id}", dim=True)
    return 0


def find_issue(context: Context, issue_id: int) -> Issue:
    """Return an issue, or end the command with a message that says where to look."""
    from newsletter.digest.model import IssueId
    from newsletter.digest.store import IssueStore

    with context.app.database.read() as session:
        issue = IssueStore(session).get(IssueId(issue_id))
    if issue is None:
        raise click.ClickException(f"there is no issue {issue_id}; 'newsletter issues list' shows what there is")
    return issue


def _steer(context: Context, issue_id: int, wanted: str, steer: Callable[[Steering, Issue], Issue], *, as_json: bool) -> int:
    from newsletter.delivery.ledger.steering import Steering

    before = find_issue(context, issue_id)
    after = steer(Steering(context.app.database, context.app.clock), before)
    changed = before.state != after.state
    if as_json:
        print_json(asdict(after))
    elif changed:
        click.echo(f"issue {after.id} is {after.state}")
    else:
        click.echo(f"issue {after.id} was {wanted} already")
    return 0 if changed else NOTHING_TO_DO


def _account_as_json(account: Account) -> dict[str, Any]:
    return {
        "audience": account.audience,
        "states": {str(state): count for state, count in account.by_state.items()},
        "skipped": dict(account.skipped_by_reason),
        "adds_up": account.adds_up,
        "problems": list(account.problems),
    }


def _print_account(issue: Issue, account: Account) -> None:
    rows: list[tuple[str, int | None, str]] = [
        (words(state), count, "") for state, count in account.by_state.items() if state != "skipped"
    ]
    rows += [("skipped", count, words(reason)) for reason, count in account.skipped_by_reason.items()]
    rows.append(("audience", account.audience, "adds up" if account.adds_up else "does not add up"))
    print_table(title_of(issue), ("deliveries", "count", ""), rows)
    if issue.note:
        click.secho(f"note: {issue.note}", fg="yellow")
    for problem in account.problems:
        click.secho(f"problem: {problem}", fg="red")


def _print_next(issue: Issue, account: Account) -> None:
    for purpose, command in _next_steps(issue, account):
        click.secho(f"{purpose}: {command}", dim=True)


def _next_steps(issue: Issue, account: Account) -> list[tuple[str, str]]:
    """What can be done about an issue: what for, and the command."""
    from newsletter.delivery.model import DeliveryState

    count = account.by_state
    unsettled = account.open + count[DeliveryState.DEFERRED]
    steps = []
    if issue.state == "building":
        steps.append(("to go on with listing its readers", "newsletter build"))
    if issue.state == "paused":
        steps.append(("to let it go on", f"newsletter issues resume {issue.id}"))
    if issue.state == "open" and unsettled:
        steps.append(("to send what waits", f"newsletter send {issue.id}"))
    if issue.state == "finished" and unsettled:
        steps.append(("to open it again for what waits", f"newsletter issues resume {issue.id}"))
    if count[DeliveryState.DOUBTFUL]:
        steps.append(("what may have arrived", f"newsletter issues deliveries {issue.id} --state doubtful"))
        if issue.state != "cancelled":
            steps.append(("to send it again all the same", f"newsletter issues resend {issue.id}"))
    if count[DeliveryState.FAILED]:
        steps.append(("what failed, and why", f"newsletter issues deliveries {issue.id} --state failed"))
        if issue.state != "cancelled":
            steps.append(("to try it again", f"newsletter issues resend {issue.id} --failed"))
    return steps
