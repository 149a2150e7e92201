"""``newsletter inbound list``, ``show`` and ``replay``: the mails that are kept, and what was made of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import NOTHING_TO_DO, print_json, print_table
from newsletter.cli.parameters import as_json, limit

if TYPE_CHECKING:
    from newsletter.inbound.model import Stored
    from newsletter.inbound.store import InboundRecord

KINDS = ("bounce", "delayed", "complaint", "auto-reply", "command", "confirm", "unsubscribe", "human", "other")
STATES = ("waiting", "at-work", "handled", "failed")
#: Characters of a field of a mail that are shown.
_SHOWN = 300


@click.command("list", epilog="Example: newsletter inbound list --kind human --limit 10")
@click.option("--kind", type=click.Choice(KINDS), help="Only mails of this kind.")
@click.option("--state", type=click.Choice(STATES), help="Only mails in this state.")
@click.option("--reader", metavar="EMAIL", help="Only mails that are certainly theirs, or about a mail to them.")
@limit
@as_json
@pass_context
def list_(
    context: Context, kind: str | None, state: str | None, reader: str | None, limit: int | None, *, as_json: bool
) -> int:
    """List the mails that came in, newest first, and what was done about each.

    "what" is the commands in it, or why a message came back.
    """
    from newsletter.inbound.model import InboundState, MailKind

    whose = None if reader is None else context.app.subscribers.find(reader).id
    enough = None if limit is None else limit + 1
    found = context.app.inbound.latest(
        kind=MailKind(kind) if kind else None,
        state=InboundState(state) if state else None,
        limit=enough if whose is None else None,
    )
    if whose is not None:
        found = [record for record in found if record.subscriber_id == whose][:enough]
    shown = found[:limit]
    if as_json:
        print_json([_as_json(record) for record in shown])
        return 0
    if not shown:
        click.echo("no such mails" if kind or state or reader else "no mail came in yet")
        return NOTHING_TO_DO
    more = "there are more: --limit 0 lists all; " if len(found) > len(shown) else ""
    print_table(
        "Mails that came in",
        ("mail", "received", "via", "kind", "what", "state", "outcome", "newsletter", "reader"),
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
        _said(record.facts.get("commands") or record.facts.get("reason") or record.detail) or None,
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
    stored = context.app.inbound.stored(mail_id)
    if raw:
        if stored is None:
            raise click.ClickException(f"mail {mail_id} is not kept any more; inbound.keep says how long mails are")
        sys.stdout.buffer.write(stored.arrival.raw)
        sys.stdout.buffer.flush()
        return 0
    if as_json:
        print_json(_as_json(record) | _fields_of(stored))
        return 0
    fields = _fields_of(stored)
    if fields["envelope_from"] == "":
        fields["envelope_from"] = "<>"
    known = fields | {name: value for name, value in _as_json(record).items() if name not in ("id", "facts")} | record.facts
    rows = [(name.removeprefix("is_").replace("_", " "), _said(value)) for name, value in known.items()]
    rows = [(name, value) for name, value in rows if value not in ("", None)]
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


def _as_json(record: InboundRecord) -> dict[str, object]:
    """Return what is known of a mail; when it is due only as long as it is."""
    is_settled = record.state in ("handled", "failed")
    return record.as_json() | ({"not_before": None} if is_settled else {})


def _fields_of(stored: Stored | None) -> dict[str, str | None]:
    """Return who wrote a mail to whom about what, decoded and on one line each; None: it is not said, or not kept any more."""
    from newsletter.inbound.model import REPORTS
    from newsletter.inbound.reading.mail import read_mail

    names = ("from", "to", "subject")
    if stored is None or stored.arrival.via in REPORTS:
        return dict.fromkeys(("envelope_from", *names))
    header, sender = read_mail(stored.arrival.raw).header, stored.arrival.envelope_from
    return {
        "envelope_from": None if sender is None else _on_one_line(sender),
        **{name: _on_one_line(header.get(name)) or None for name in names},
    }


def _on_one_line(text: str) -> str:
    """Return what others wrote without line breaks, control characters and those that turn the direction of writing."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _said(value: Any) -> Any:
    """Return a value as people say it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_said(inner)}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _find(context: Context, mail_id: int) -> InboundRecord:
    record = context.app.inbound.record(mail_id)
    if record is None:
        raise click.ClickException(f"there is no mail {mail_id}; see 'newsletter inbound list'")
    return record
