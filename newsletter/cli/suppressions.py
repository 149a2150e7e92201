"""``newsletter suppressions``: addresses that are never written to."""

from __future__ import annotations

from dataclasses import asdict

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import NOTHING_TO_DO, print_json, print_table
from newsletter.cli.parameters import as_json, limit
from subscribers.model import SuppressionReason


@click.group()
def suppressions() -> None:
    """Addresses that are never written to.

    Only keyed hashes are kept: the list can be asked about an address, not read back into addresses.
    """


@suppressions.command("list", epilog="Example: newsletter suppressions list --json")
@limit
@as_json
@pass_context
def list_(context: Context, limit: int | None, *, as_json: bool) -> int:
    """List what is kept of suppressed addresses."""
    found = context.app.subscribers.suppressions(limit=limit)
    if as_json:
        print_json([asdict(suppression) for suppression in found])
        return 0
    if not found:
        click.echo("no address is suppressed")
        return NOTHING_TO_DO
    rows = [(suppression.address_hash[:16], suppression.reason, suppression.at, suppression.detail) for suppression in found]
    print_table("Suppressions", ("hash begins", "reason", "since", "detail"), rows)
    return 0


@suppressions.command(epilog="Example: newsletter suppressions add you@example.org --detail 'asked by telephone'")
@click.argument("address")
@click.option(
    "--reason",
    type=click.Choice([choice.value for choice in SuppressionReason]),
    default=SuppressionReason.OPERATOR.value,
    show_default=True,
    help="Why.",
)
@click.option("--detail", default="", help="A note for yourself; do not name the person.")
@as_json
@pass_context
def add(context: Context, address: str, reason: str, detail: str, *, as_json: bool) -> int:
    """Never write to ADDRESS again, whether it is a reader's or not.

    A reader's subscriptions stay as they are, but nothing is sent, not even of an issue that is on its way.
    """
    changed = context.app.subscribers.suppress(address, SuppressionReason(reason), detail=detail)
    if as_json:
        print_json({"changed": changed, "is_suppressed": True})
        return 0 if changed else NOTHING_TO_DO
    if not changed:
        click.echo("suppressed already; nothing was changed")
        return NOTHING_TO_DO
    click.echo("suppressed")
    return 0


@suppressions.command(epilog="Example: newsletter suppressions remove you@example.org")
@click.argument("address")
@as_json
@pass_context
def remove(context: Context, address: str, *, as_json: bool) -> int:
    """Lift the suppression of ADDRESS."""
    changed = context.app.subscribers.lift(address)
    if as_json:
        print_json({"changed": changed, "is_suppressed": False})
        return 0 if changed else NOTHING_TO_DO
    if not changed:
        click.echo("not suppressed; nothing was changed")
        return NOTHING_TO_DO
    click.echo("lifted")
    return 0
