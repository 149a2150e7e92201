"""``newsletter inbound list``, ``show`` and ``replay``: the mails that are kept, and what was made of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import NOTHING_TO_DO, print_json, print_table
from newsletter.cli.parameters import as_json, limit

if TYPE_CHECKING:
    from newsletter.inbound.store import InboundRecord

KINDS = ("bounce", "delayed", "complaint", "auto-reply", "command", "confirm", "unsubscribe", "human", "other")
STATES = ("waiting", "at-work", "handled", "failed")


@click.command("list", epilog="Example: newsletter inbound list --kind human --limit 10")
@click.option("--kind", type=click.Choice(KINDS), help="Only mails of this kind.")
@click.option("--state", type=click.Choice(STATES), help="Only mails in this state.")
@limit
@as_json
@pass_context
def list_(context: Context, kind: str | None, state: str | None, limit: int | None, *, as_json: bool) -> int:
    """List the mails that came in, newest first, and what was done about each."""
    from newsletter.inbound.model import InboundState, MailKind

    found = context.app.inbound.latest(
        kind=MailKind(kind) if kind else None,
        state=InboundState(state) if state else None,
        limit=None if limit is None else limit + 1,
    )
    shown = found[:limit]
    if as_json:
        print_json([record.as_json() for record in shown])
        return 0
    if not shown:
        click.echo("no such mails" if kind or state else "no mail came in yet")
        return NOTHING_TO_DO
    more = "there are more: --limit 0 lists all; " if len(found) > len(shown) else ""
    print_table(
        "Mails that came in",
        ("mail", "received", "via", "kind", "detail", "state", "outcome", "newsletter", "reader"),
        [_row(record) for record in shown],
        f"{more}one of them: newsletter inbound show MAIL",
    )
    return 0


def _row(record: InboundRecord) -> tuple[object, ...]:
    return (
        record.id,
        record.received_at,
        record.via,
        record.kind or None,
        record.detail or None,
        record.state,
        record.outcome or None,
        record.newsletter or None,
        record.subscriber_id,
    )


@click.command(epilog="Example: newsletter inbound show 17 --raw > mail.eml")
@click.argument("mail_id", metavar="MAIL", type=int)
@click.option("--raw", is_flag=True, help="Print the very bytes that came, and nothing else.")
@as_json
@pass_context
def show(context: Context, mail_id: int, *, raw: bool, as_json: bool) -> int:
    """Show what is known of a mail, or the mail itself."""
    if raw and as_json:
        raise click.UsageError("say --raw or --json")
    record = _find(context, mail_id)
    if raw:
        stored = context.app.inbound.stored(mail_id)
        if stored is None:
            raise click.ClickException(f"mail {mail_id} is not kept any more; inbound.keep says how long mails are")
        sys.stdout.buffer.write(stored.arrival.raw)
        sys.stdout.buffer.flush()
        return 0
    if as_json:
        print_json(record.as_json())
        return 0
    rows = [
        (name.removeprefix("is_").replace("_", " "), "yes" if value is True else "no" if value is False else value)
        for name, value in record.as_json().items()
        if name not in ("id", "facts") and value not in ("", None)
    ]
    rows += [(name, value) for name, value in record.facts.items()]
    follow = f"the mail: newsletter inbound show {mail_id} --raw; act on it again: newsletter inbound replay {mail_id}"
    print_table(f"Mail {mail_id}", ("what", "value"), rows, follow if record.is_kept else None)
    return 0


@click.command(epilog="Example: newsletter inbound replay 17 18 && newsletter inbound work")
@click.argument("mail_ids", metavar="MAIL…", nargs=-1, required=True, type=int)
@pass_context
def replay(context: Context, mail_ids: tuple[int, ...]) -> int:
    """Have mails acted on again, as if they had just come; what was done already is not done twice.

    It is done by whoever acts on mails: 'newsletter run', or 'newsletter inbound work' at once. The exit code is 3 if none of
    them is still kept.
    """
    again = context.app.inbound.replay(mail_ids)
    for number in again:
        click.echo(f"mail {number} waits to be acted on")
    for missing in sorted(set(mail_ids).difference(again)):
        click.echo(f"mail {missing} is not kept, or never was", err=True)
    return 0 if again else NOTHING_TO_DO


def _find(context: Context, mail_id: int) -> InboundRecord:
    record = context.app.inbound.record(mail_id)
    if record is None:
        raise click.ClickException(f"there is no mail {mail_id}; see 'newsletter inbound list'")
    return record
