"""``newsletter issues``: what went out, and whether the account adds up."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import FAILED, NOTHING_TO_DO, print_json, print_table
from newsletter.cli.parameters import as_json, limit

if TYPE_CHECKING:
    from newsletter.delivery.account import Account
    from newsletter.digest.model import Issue


@click.group()
def issues() -> None:
    """List issues and account for their deliveries.

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
        print_json([_issue_as_json(issue) for issue in found])
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


@issues.command(epilog="Example: newsletter issues show 14")
@click.argument("issue_id", metavar="ISSUE", type=int)
@limit
@as_json
@pass_context
def show(context: Context, issue_id: int, limit: int | None, *, as_json: bool) -> int:
    """Show an issue: its pool and how its deliveries stand."""
    from newsletter.delivery.account import Accounts
    from newsletter.digest.snapshot import receipt_to_json
    from newsletter.digest.store import IssueStore

    issue = find_issue(context, issue_id)
    with context.app.database.read() as session:
        pool = IssueStore(session).pool(issue.id)[:limit]
        account = Accounts(session).account(issue.id)
    if as_json:
        print_json(
            {
                **_issue_as_json(issue),
                "account": _account_as_json(account),
                "pool": [
                    {"rank": entry.rank, "key": entry.paper.key, "title": entry.paper.title, **receipt_to_json(entry.receipt)}
                    for entry in pool
                ],
            }
        )
        return 0
    _print_account(issue, account)
    rows = [(entry.rank, entry.receipt.score, entry.receipt.votes, entry.paper.key, entry.paper.title) for entry in pool]
    print_table(f"Pool, best {len(pool)}", ("rank", "score", "votes", "paper", "title"), rows)
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
    from newsletter.delivery.account import Accounts
    from newsletter.delivery.model import DeliveryState

    issue = find_issue(context, issue_id)
    with context.app.database.read() as session:
        found = Accounts(session).deliveries(issue.id, state=DeliveryState(state) if state else None, limit=limit)
    if as_json:
        print_json([delivery.as_json() for delivery in found])
        return 0
    if not found:
        click.echo(f"no {state or 'deliveries'} in issue {issue.id}")
        return NOTHING_TO_DO
    print_table(
        f"Deliveries of issue {issue.id}",
        ("delivery", "reader", "state", "reason", "tries", "due", "last reply"),
        [
            (row.id, row.subscriber_id, row.state, row.reason or None, row.attempts, row.not_before, row.last_reply or None)
            for row in found
        ],
        "a reader's address: newsletter subscribers show READER",
    )
    return 0


@issues.command(epilog="Example: newsletter issues reconcile 14 || echo 'look at issue 14'")
@click.argument("issue_id", metavar="ISSUE", type=int)
@as_json
@pass_context
def reconcile(context: Context, issue_id: int, *, as_json: bool) -> int:
    """Print the account of an issue.

    The exit code is 1 if it does not add up: sent + deferred + failed + in doubt + skipped + still open must be the audience.
    """
    from newsletter.delivery.account import Accounts

    issue = find_issue(context, issue_id)
    with context.app.database.read() as session:
        account = Accounts(session).account(issue.id)
    if as_json:
        print_json(_account_as_json(account))
    else:
        _print_account(issue, account)
    return 0 if account.adds_up else FAILED


def find_issue(context: Context, issue_id: int) -> Issue:
    """Return an issue, or end the command with a message that says where to look."""
    from newsletter.digest.model import IssueId
    from newsletter.digest.store import IssueStore

    with context.app.database.read() as session:
        issue = IssueStore(session).get(IssueId(issue_id))
    if issue is None:
        raise click.ClickException(f"there is no issue {issue_id}; 'newsletter issues list' shows what there is")
    return issue


def _issue_as_json(issue: Issue) -> dict[str, Any]:
    return asdict(issue)


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
        (state, count, "") for state, count in account.by_state.items() if state != "skipped"
    ]
    rows += [("skipped", count, reason.replace("_", " ")) for reason, count in account.skipped_by_reason.items()]
    rows.append(("audience", account.audience, "adds up" if account.adds_up else "does not add up"))
    print_table(f"{issue.newsletter} no. {issue.number}, {issue.slot}: {issue.state}", ("deliveries", "count", ""), rows)
    for problem in account.problems:
        click.secho(f"problem: {problem}", fg="red")
