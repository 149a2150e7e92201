"""``newsletter inbound``: mail that comes in, from an MTA's pipe, a mailbox or a listener, and what was made of it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.inbound_classify import classify
from newsletter.cli.inbound_list import list_, replay, show
from newsletter.cli.output import NOTHING_TO_DO
from newsletter.cli.run import run_roles
from newsletter.errors import ConfigError, NewsletterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from newsletter.inbound.model import Arrival

#: Exit codes that an MTA understands (sysexits.h): refused for good; come again later.
EX_UNAVAILABLE, EX_TEMPFAIL = 69, 75
#: Mails that one pipe acts on: its own, and what others left. An MTA waits for it.
AT_ONCE = 20
_CHUNK = 64 * 1024
_STDIN = Path("-")


class _MisusedByMta(click.UsageError):
    """Wrong use of a command that an MTA calls."""

    exit_code = EX_TEMPFAIL


class _ForMta(click.Command):
    """A command whose wrong use ends with the code at which an MTA keeps the mail: mistakes get mended, mails do not."""

    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:
        with _kept_by_mta():
            return super().make_context(*arguments, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        with _kept_by_mta():
            return super().invoke(ctx)


@contextmanager
def _kept_by_mta() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        raise _MisusedByMta(error.format_message(), error.ctx) from error


@click.group()
def inbound() -> None:
    """Take in what comes back: commands, bounces, complaints; see what was made of it.

    docs/inbound.md says how to connect your MTA, your mailbox or your provider. A mail is named by the number in the first
    column of 'inbound list'.
    """


inbound.add_command(classify)
inbound.add_command(list_)
inbound.add_command(show)
inbound.add_command(replay)


@inbound.command(
    cls=_ForMta, epilog="Example: newsletter --config /etc/newsletter/config.toml inbound take - < mail.eml; echo $?"
)
@click.argument(
    "files", metavar="[FILE…|-]", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--sender", metavar="EMAIL", help="The envelope sender; '' for the null sender.")
@click.option("--recipient", "recipients", metavar="EMAIL", multiple=True, help="An envelope recipient; may be repeated.")
@click.option(
    "--keep-only", is_flag=True, help="Store it and end, which is quicker; 'newsletter run' or 'inbound serve' acts on it."
)
@pass_context
def take(context: Context, files: tuple[Path, ...], sender: str | None, recipients: tuple[str, ...], *, keep_only: bool) -> int:
    """Take mails in, each from a FILE or from standard input, and act on what waits.

    Made for pipes: sender and recipient of a mail from standard input are taken from the environment where the MTA sets them
    (SENDER, RECIPIENT, ORIGINAL_RECIPIENT, or LOCAL, EXTENSION and DOMAIN). The exit code is 0 once all are stored, 75 if that
    failed for now or the command is wrong, so that the MTA keeps the mail and tries again, and 69 for a mail larger than
    inbound.max_bytes, which it gives back. The very same mail is stored only once, so a mail that is taken again does no harm.
    """
    if not files and sys.stdin.isatty():
        raise click.UsageError("name a FILE, or have the mail come from standard input")
    try:
        code = _keep_all(context, files or (_STDIN,), sender, recipients)
    except Exception as error:  # whatever it is: any other code, and the MTA would give the mail back
        said = str(error) if isinstance(error, NewsletterError) else type(error).__name__
        click.secho(f"error: {said}; the mail was not stored, it is to be sent again", fg="red", err=True)
        return EX_TEMPFAIL
    if not keep_only:
        _act(context)
    return code


def _keep_all(context: Context, files: Iterable[Path], sender: str | None, recipients: tuple[str, ...]) -> int:
    """Store mails, without the rest of the program: an MTA starts this for each one."""
    from newsletter.clock import SystemClock
    from newsletter.database import Database
    from newsletter.inbound.errors import InboundTooLarge
    from newsletter.inbound.keeping import Keeping

    max_bytes = context.config.inbound.max_bytes
    database = Database(context.config.database.url)
    code = 0
    try:
        database.ready()
        keeping = Keeping(database, SystemClock(), max_bytes=max_bytes)
        for path in files:
            try:
                kept = keeping.keep(_arrival(path, sender, recipients, max_bytes=max_bytes))
            except InboundTooLarge as error:
                click.secho(f"error: {path}: {error}", fg="red", err=True)
                code = EX_UNAVAILABLE
            else:
                click.echo(f"mail {kept.id} {'is kept' if kept.is_new else 'was kept before'}")
    finally:
        database.dispose()
    return code


def _arrival(path: Path, sender: str | None, recipients: tuple[str, ...], *, max_bytes: int) -> Arrival:
    from newsletter.inbound.errors import InboundTooLarge
    from newsletter.inbound.model import Arrival, Via
    from newsletter.inbound.pipe import plain, recipients_of, sender_of

    told = os.environ if path == _STDIN else {}
    with click.open_file(str(path), "rb") as stream:
        raw, size = _read(stream, max_bytes)
    if size > max_bytes:
        raise InboundTooLarge(size, max_bytes)
    envelope_from = sender_of(told) if sender is None else plain(sender)
    return Arrival(raw, Via.PIPE, envelope_from, recipients or recipients_of(told))


def _read(stream: IO[bytes], max_bytes: int) -> tuple[bytes, int]:
    """Return what ``stream`` holds, at most one byte more than is taken, and its size; all is read, as the MTA writes it."""
    raw = stream.read(max_bytes + 1)
    size = len(raw)
    while size > max_bytes and (more := stream.read(_CHUNK)):
        size += len(more)
    return raw, size


def _act(context: Context) -> None:
    try:
        context.app.inbound.work(AT_ONCE)
    except Exception as error:  # it is stored, and that is what the exit code says
        click.secho(f"error: {type(error).__name__} while acting on it; the next look tries again", fg="red", err=True)


@inbound.command(epilog="Example: newsletter inbound poll --once")
@click.option("--once", is_flag=True, help="Look once, act on what came, and end.")
@pass_context
def poll(context: Context, *, once: bool) -> int | None:
    """Ask the mailbox of [inbound.imap] for new mails and act on what came, until SIGTERM or Ctrl-C.

    Each mail is stored here before it is moved to the mailbox's folder of processed mails. The exit code of --once is 3 if
    there was nothing new. 'newsletter run' does the same beside all else.
    """
    from newsletter.daemon import Role
    from newsletter.serving import Way

    app = context.app
    if not app.config.inbound.imap.host:
        raise ConfigError("inbound.imap.host", ["it is empty; name the server of the mailbox that mails come to"])
    if not once:
        run_roles(context, (Role.INBOUND,), ways=(Way.MAILBOX,))
        return None
    polled = app.mailbox().once()
    count = app.inbound.work()
    click.echo(f"{polled.stored} new, {polled.known} known, {polled.refused} too large, {polled.left} left; {count} acted on")
    return 0 if polled.stored or polled.known or polled.refused or count else NOTHING_TO_DO


@inbound.command(epilog="Example: newsletter --config /etc/newsletter/config.toml inbound serve")
@pass_context
def serve(context: Context) -> None:
    """Listen for your MTA, ask the mailbox, and act on what came, until SIGTERM or Ctrl-C.

    What is set in [inbound.listen] and [inbound.imap]; without either it acts on what pipes and webhooks stored. 'newsletter
    run' does the same beside all else.
    """
    from newsletter.daemon import Role

    run_roles(context, (Role.INBOUND,))


@inbound.command(epilog="Example: newsletter inbound work --limit 100")
@click.option("--limit", type=click.IntRange(min=1), help="Mails at most; default: all that are due.")
@pass_context
def work(context: Context, limit: int | None) -> int:
    """Act on the mails that wait, once. The exit code is 3 if there are none."""
    count = context.app.inbound.work(limit)
    click.echo(f"{count} mails acted on; see 'newsletter inbound list'" if count else "no mail waits")
    return 0 if count else NOTHING_TO_DO
