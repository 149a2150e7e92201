"""``newsletter subscribers``: who gets the newsletter, and what they chose."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from newsletter.cli.choices import choices_of, choices_options, consent_option, newsletter_option
from newsletter.cli.context import Context, pass_context
from newsletter.cli.moving import export, import_
from newsletter.cli.output import NOTHING_TO_DO, in_iso, print_json, print_table
from newsletter.cli.parameters import INSTANT, as_json, limit
from subscribers.model import ConsentMethod, Subscriber, SubscriberState, Subscription


def _number_or_address(_context: click.Context, _parameter: click.Parameter, text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else text


#: A person: an address, or the number that lists and logs show.
who = click.argument("who", metavar="ADDRESS|ID", callback=_number_or_address)


@click.group()
def subscribers() -> None:
    """Add, list, import, export and erase readers."""


@subscribers.command(epilog='Example: newsletter subscribers add you@example.org --topics "cs.CL; agents" --zone Europe/Berlin')
@click.argument("address")
@newsletter_option
@choices_options
@consent_option
@click.option("--asked-again", is_flag=True, help="They left before and asked themselves to come back.")
@as_json
@pass_context
def add(
    context: Context, /, address: str, newsletter: str | None, consent: str, *, asked_again: bool, as_json: bool, **chosen: Any
) -> int:
    """Add a reader who asked for it elsewhere; active at once."""
    slug, choices = choices_of(context, newsletter, **chosen)
    service = context.app.subscribers
    subscribe = service.resubscribe if asked_again else service.add
    added = subscribe(address, slug, choices, method=ConsentMethod.OPERATOR, wording=consent)
    if as_json:
        print_json({**_as_json(added.subscriber), "newsletter": slug, "is_new": added.is_new})
        return 0 if added.is_new else NOTHING_TO_DO
    if not added.is_new:
        click.echo(f"{added.subscriber.address} gets {slug!r} already; nothing was changed")
        return NOTHING_TO_DO
    click.echo(f"added {added.subscriber.address} as subscriber {added.subscriber.id}: {slug}, {choices.cadence}")
    return 0


@subscribers.command("list", epilog="Example: newsletter subscribers list --state active --limit 20")
@click.option("--state", type=click.Choice([choice.value for choice in SubscriberState]), help="Only those who stand there.")
@click.option("--newsletter", metavar="SLUG", help="Only its subscribers.")
@limit
@as_json
@pass_context
def list_(context: Context, state: str | None, newsletter: str | None, limit: int | None, *, as_json: bool) -> int:
    """List readers, first come first."""
    from subscribers.store import SubscriberStore

    if newsletter is not None:
        context.app.newsletter(newsletter)
    with context.app.database.read() as session:
        store = SubscriberStore(session)
        found = store.list(state=SubscriberState(state) if state else None, newsletter=newsletter, limit=limit)
        counts = store.counts(newsletter)
    if as_json:
        print_json([_as_json(person) for person in found])
        return 0
    if not found:
        click.echo("no such readers; add one with: newsletter subscribers add ADDRESS")
        return NOTHING_TO_DO
    total = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    rows = [(str(person.id), person.address, person.state, person.created_at) for person in found]
    print_table(f"Readers: {total}", ("id", "address", "state", "since"), rows, "next: newsletter subscribers show ADDRESS")
    return 0


@subscribers.command(epilog="Example: newsletter subscribers show you@example.org --json")
@who
@as_json
@pass_context
def show(context: Context, who: int | str, *, as_json: bool) -> int:
    """Show everything that is held about a person."""
    from newsletter.delivery.returns.personal import returns_of
    from subscribers.mailboxes import MailboxStore

    app = context.app
    held = app.subscribers.held(who)
    person = held.subscriber
    if as_json:
        print_json(app.held_of(person.id))
        return 0
    with app.database.read() as session:
        mailbox, returned = MailboxStore(session, app.hasher).get(person.id), returns_of(session, person.id)
    click.secho(f"{person.address}  (subscriber {person.id})", bold=True)
    click.echo(f"{person.state} since {in_iso(person.changed_at)}, here since {in_iso(person.created_at)}")
    if held.suppression:
        click.echo(f"suppressed ({held.suppression.reason}) since {in_iso(held.suppression.at)}")
    if mailbox is not None:
        why = " ".join(filter(None, (mailbox.reason, mailbox.status)))
        asked = f"; a last mail asked them on {in_iso(mailbox.probed_at)}" if mailbox.probed_at else ""
        points = f"{mailbox.score:g} of {app.config.bounces.threshold:g} points"
        click.echo(f"mailbox: {points}, last on {in_iso(mailbox.stepped_at)} ({why or 'no reason given'}){asked}")
    if held.change:
        click.echo(f"asked on {in_iso(held.change.asked_at)} for mails to {held.change.address}, and has not confirmed it")
    for wish in held.wishes:
        if wish.confirmed_at is None:
            click.echo(f"asked for {wish.newsletter} on {in_iso(wish.asked_at)}, and has not confirmed it")
    for subscription in held.subscriptions:
        _print_choices(subscription)
    click.echo()
    rows = [(consent.at, consent.newsletter, consent.event, consent.method, consent.detail) for consent in held.consents]
    print_table("Consent", ("at", "newsletter", "event", "by", "detail"), rows)
    if returned:
        columns = ("at", "kind", "reason", "status", "hard", "counted")
        back = [tuple(_or_word(line[column]) for column in columns) for line in returned]
        print_table("Came back", columns, back)
    if held.opinions:
        given = [(opinion.paper_seq, opinion.taste, opinion.at) for opinion in held.opinions]
        print_table("More or less like this", ("paper", "said", "at"), given)
    return 0


@subscribers.command(epilog="Example: newsletter subscribers pause you@example.org --until 2026-09-01T00:00Z")
@who
@click.option("--newsletter", metavar="SLUG", help="Only this one; default all they get.")
@click.option("--until", type=INSTANT, help="End of the pause; default until --resume.")
@click.option("--resume", is_flag=True, help="Lift the pause instead.")
@as_json
@pass_context
def pause(
    context: Context, who: int | str, newsletter: str | None, until: datetime | None, *, resume: bool, as_json: bool
) -> int:
    """Stop writing to a reader for a while."""
    if resume and until:
        raise click.UsageError("--resume lifts a pause and --until sets one; give one of them")
    if newsletter and not until and not resume:
        raise click.UsageError("the pause of a single newsletter needs an end; add --until")
    if until and until <= context.app.clock.now():
        raise click.UsageError("--until lies in the past")
    service = context.app.subscribers
    changed = service.resume(who, newsletter) if resume else service.pause(who, newsletter, until=until)
    if as_json:
        done = {"is_paused": not resume, "until": until, "changed": changed}
        print_json({"id": service.find(who).id, "newsletter": newsletter, **done})
        return 0 if changed else NOTHING_TO_DO
    if not changed:
        click.echo("nothing was paused" if resume else "paused like that already")
        return NOTHING_TO_DO
    click.echo("resumed" if resume else f"paused until {in_iso(until)}" if until else "paused until --resume")
    return 0


@subscribers.command(epilog="Example: newsletter subscribers unsubscribe you@example.org")
@who
@click.option("--newsletter", metavar="SLUG", help="Only this one; default all they get.")
@as_json
@pass_context
def unsubscribe(context: Context, who: int | str, newsletter: str | None, *, as_json: bool) -> int:
    """End a reader's newsletters.

    Nothing more is sent, not even of an issue that is on its way.
    """
    service = context.app.subscribers
    ended = service.unsubscribe(who, newsletter, method=ConsentMethod.OPERATOR)
    if as_json:
        print_json({"id": service.find(who).id, "ended": list(ended)})
        return 0 if ended else NOTHING_TO_DO
    if not ended:
        click.echo("not subscribed; nothing was changed")
        return NOTHING_TO_DO
    click.echo(f"unsubscribed from {', '.join(ended)}")
    return 0


@subscribers.command(epilog="Example: newsletter subscribers erase you@example.org --yes")
@who
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@pass_context
def erase(context: Context, who: int | str, *, yes: bool, as_json: bool) -> int:
    """Forget a person.

    Only a keyed hash of the address stays, so that no import brings them back.
    """
    service = context.app.subscribers
    person = service.find(who)
    if not yes and person.state is not SubscriberState.ERASED:
        click.confirm(f"Erase {person.address} for good?", abort=True, err=True)
    was_there = service.erase(person.id)
    # Also if they were erased before: then the database may have been in use.
    is_clean = context.app.forget_deleted()
    if as_json:
        print_json({"id": person.id, "erased": was_there, "database_files_cleaned": is_clean})
        return 0 if was_there else NOTHING_TO_DO
    click.echo(f"erased subscriber {person.id}" if was_there else f"subscriber {person.id} was erased before")
    if is_clean:
        click.echo("what was deleted is gone from the database's files too")
    else:
        click.echo("the database's files are in use and may still hold deleted text; run this again to clean them", err=True)
    return 0 if was_there else NOTHING_TO_DO


subscribers.add_command(import_)
subscribers.add_command(export)


def _print_choices(subscription: Subscription) -> None:
    from subscribers.fields import fields_to_text
    from subscribers.holdings import subscription_to_json

    line = subscription_to_json(subscription)
    line["interests"] = _in_words(line["interests"])
    line["fields"] = "; ".join(f"{name}: {text}" for name, text in fields_to_text(subscription.fields).items())
    click.echo()
    for name, value in line.items():
        if value not in (None, ""):
            click.echo(f"{name:>12}  {value}")


def _or_word(value: object) -> object:
    return ("yes" if value else "no") if isinstance(value, bool) else value or None


def _as_json(person: Subscriber) -> dict[str, Any]:
    return {
        "id": person.id,
        "address": person.address,
        "state": person.state,
        "created_at": person.created_at,
        "changed_at": person.changed_at,
    }


def _in_words(interests: Any) -> str:
    return "; ".join(f"{kind}: {', '.join(words)}" for kind, words in interests.items())
