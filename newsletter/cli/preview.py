"""``newsletter preview``: look at every mail before it leaves."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click
from click.core import ParameterSource

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import NOTHING_TO_DO, print_json, print_table, progress
from newsletter.cli.parameters import as_json
from newsletter.cli.stopping import stop_on_signals

if TYPE_CHECKING:
    from newsletter.app import App
    from newsletter.preview.studio.difference import Difference
    from newsletter.preview.studio.output import Review
    from newsletter.preview.studio.service import Wanted

NOTHING_NEW = "nothing new for this reader; take papers in with: newsletter fetch"

as_reader = click.option("--as", "address", metavar="EMAIL", help="What this reader gets.")
as_persona = click.option(
    "--persona",
    metavar="KEY",
    help="What somebody gets who chose like this: common (the default), language, robots, lab, science, weekly or all.",
)
of_newsletter = click.option("--newsletter", metavar="NAME", help="Of this newsletter; default: the first.")
on_day = click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="The issue as it would have been built on this day, at build_at in the newsletter's zone; default: as of now.",
)


@click.group(invoke_without_command=True, epilog="Example: newsletter preview --persona robots --output review")
@as_reader
@as_persona
@of_newsletter
@on_day
@click.option("--theme", metavar="NAME", help="In this theme; default: the newsletter's own.")
@click.option("--language", metavar="CODE", help="With its fixed words in this language; default: the newsletter's own.")
@click.option(
    "--kind",
    metavar="KIND",
    help="Kind of mail: digest (default), welcome, welcome-early, confirm, known, confirm-address, address-changed, goodbye, "
    "answer or probe.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="Port on this machine; 0: any free one."
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the mail, pictures of it and all findings into this folder instead, with an index.html to look at.",
)
@click.option("--all", "is_all", is_flag=True, help="With --output: every kind of mail, and every worst case.")
@click.option(
    "--send-to", metavar="EMAIL", help="Send it to this one address instead, marked as a test; it counts in no issue."
)
@pass_context
def preview(
    context: Context,
    address: str | None,
    persona: str | None,
    newsletter: str | None,
    day: datetime | None,
    theme: str | None,
    language: str | None,
    kind: str | None,
    port: int,
    output: Path | None,
    send_to: str | None,
    *,
    is_all: bool,
) -> int:
    """Show every mail as its readers would see it, on a page on this machine that follows each change of a template.

    Nothing is stored, and nothing is sent but a test: by --send-to, or by the page's button. The exit code of --output and
    --send-to is 3 if there is nothing to send.
    """
    called = click.get_current_context()
    if called.invoked_subcommand is not None:
        _refuse_given(called)
        return 0
    if output is not None and send_to is not None:
        raise click.UsageError("--output writes and --send-to sends; say one of them")
    if is_all and (output is None or kind is not None):
        raise click.UsageError("--all writes every kind of mail; it needs --output, and no --kind")
    app = context.app
    wanted = _wanted(app, address, persona, newsletter, day, theme=theme or "", language=language or "", kind=kind or "")
    if output is not None:
        return _write(app, wanted, output, is_all=is_all)
    if send_to is not None:
        return _send(app, wanted, send_to)
    asked = {
        "newsletter": newsletter,
        "reader": wanted.reader if address or persona else None,
        "date": None if wanted.day is None else wanted.day.isoformat(),
        "kind": kind,
        "theme": theme,
        "language": language,
    }
    _open(app, context.config_path, port, urlencode({name: value for name, value in asked.items() if value}))
    return 0


@preview.command(
    "diff",
    short_help="Compare the next issue with the last one.",
    epilog="Example: newsletter preview diff --as reader@example.org",
)
@as_reader
@as_persona
@of_newsletter
@on_day
@as_json
@pass_context
def diff(
    context: Context,
    address: str | None,
    persona: str | None,
    newsletter: str | None,
    day: datetime | None,
    *,
    as_json: bool,
) -> int:
    """Compare the next issue with the last one that went out: its papers, subject and size.

    Both are shown by today's templates. The exit code is 3 if there is nothing to send, or no issue went out yet.
    """
    from newsletter.preview.studio.difference import difference

    app = context.app
    studio, wanted = app.studio(), _wanted(app, address, persona, newsletter, day)
    now, before = studio.show(wanted), studio.last(wanted)
    if before is None or now.sample is None:
        click.echo(NOTHING_NEW if now.sample is None else "no issue at this reader's cadence went out yet", err=as_json)
        return NOTHING_TO_DO
    compared = difference(before, now)
    if as_json:
        print_json(compared.to_json())
    else:
        _print(compared)
    return 0


def _refuse_given(context: click.Context) -> None:
    """Refuse options before a subcommand, which it would not see.

    Raises:
        UsageError: there are some.
    """
    given = [
        param.opts[0]
        for param in context.command.params
        if param.name and context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"write {', '.join(given)} behind {context.invoked_subcommand}, if it has that", context)


def _wanted(
    app: App,
    address: str | None,
    persona: str | None,
    newsletter: str | None,
    day: datetime | None,
    *,
    kind: str = "",
    theme: str = "",
    language: str = "",
) -> Wanted:
    """Return which mail is meant.

    Raises:
        UsageError: there is no such mail.
        UnknownSubscriberError: nobody has that address.
    """
    from newsletter.preview.studio.service import UnknownChoiceError, Wanted

    if address is not None and persona is not None:
        raise click.UsageError("--as is a reader and --persona is nobody; say one of them")
    wanted = Wanted(newsletter or "", day=None if day is None else day.date(), theme=theme, language=language)
    if kind:
        wanted = replace(wanted, kind=kind)
    if address is not None:
        reader = app.subscribers.find(address)
        wanted = replace(wanted, reader=str(reader.id))
    elif persona is not None:
        wanted = replace(wanted, reader=persona)
    try:
        app.studio().check(wanted)
    except UnknownChoiceError as error:
        is_reader = address is not None and error.what == "reader"
        raise click.UsageError("--as: this reader does not get the newsletter" if is_reader else str(error)) from error
    return wanted


def _open(app: App, config_path: Path, port: int, query: str) -> None:
    from newsletter.serving import run_in_loop, serve

    async def body() -> None:
        stop = stop_on_signals()
        async with serve(app, host="127.0.0.1", port=port, with_studio=True, config_file=config_path) as serving:
            click.echo(f"preview  {serving.addresses['preview']}{'?' if query else ''}{query}")
            click.echo("Ctrl-C ends it")
            await stop.wait()

    run_in_loop(body())


def _send(app: App, wanted: Wanted, address: str) -> int:
    from newsletter.bench import Bench
    from newsletter.serving import next_hop, run_in_loop

    if app.studio().show(wanted).sample is None:
        click.echo(NOTHING_NEW)
        return NOTHING_TO_DO

    async def body() -> str:
        async with next_hop(app) as smtp:
            return await Bench(app, None, smtp).errands.send(wanted, address)

    click.echo(run_in_loop(body()))
    if not app.config.smtp.host:
        click.echo("as smtp.host is empty, it is in the built-in inbox; to look at it: newsletter preview, and open /inbox")
    return 0


def _write(app: App, wanted: Wanted, folder: Path, *, is_all: bool) -> int:
    from newsletter.preview.checks.abilities import Abilities
    from newsletter.preview.errors import AbilitiesError, NoBrowserError
    from newsletter.preview.studio.looking import Looking
    from newsletter.preview.studio.output import everything, write_review
    from newsletter.preview.studio.shots import camera
    from newsletter.rendering.template.folder import TemplateFolder

    looking = Looking(app.studio, generation=lambda: 0, data=app.config.paths.data)
    if not is_all and looking.show(wanted).sample is None:
        click.echo(NOTHING_NEW)
        return NOTHING_TO_DO
    missing: list[str] = []
    with ExitStack() as stack:
        abilities = lens = None
        try:
            abilities = Abilities.load(looking.table_file)
        except AbilitiesError as error:
            missing.append(f"no table of mail programs: {error}")
        try:
            lens = stack.enter_context(camera())
        except NoBrowserError as error:
            missing.append(str(error))
        show = stack.enter_context(progress("writing"))
        review = write_review(
            looking,
            everything(wanted) if is_all else [wanted],
            folder,
            templates=TemplateFolder(app.config.paths.templates),
            camera=lens,
            abilities=abilities,
            on_progress=show,
        )
    if all(mail.report.spam is None for mail in review.mails):
        missing.append("no SpamAssassin: install it (Debian, Ubuntu: apt-get install spamassassin) to have its score")
    _report(review, missing)
    return 0


def _report(review: Review, missing: list[str]) -> None:
    print_table(
        "Written, and nothing sent",
        ("mail", "subject", "kB of HTML", "errors", "warnings"),
        [
            (mail.name, mail.sample.subject, mail.sample.html_bytes / 1000, mail.count("error"), mail.count("warning"))
            for mail in review.mails
        ],
    )
    if review.nothing:
        click.echo(f"nothing to send: {', '.join(review.nothing)}")
    for line in missing:
        click.echo(line)
    click.echo(f"next: open {review.index}")


def _print(compared: Difference) -> None:
    names = compared.issue_labels
    print_table(
        f"{names[1]}, beside {names[0]}",
        ("change", "before", "now", "paper"),
        [(paper.change.value, paper.before, paper.now, paper.title) for paper in compared.papers],
    )
    for name, subject, size in zip(("before", "now"), compared.subjects, compared.html_bytes, strict=True):
        click.echo(f"{name:<8}{subject or '-'}{'' if size is None else f' ({size / 1000:.1f} kB of HTML)'}")
