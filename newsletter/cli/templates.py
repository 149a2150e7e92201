"""``newsletter templates``: see, check and take over what mails are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.cli.context import Context, pass_context
from newsletter.cli.output import FAILED, NOTHING_TO_DO, print_json, print_table
from newsletter.cli.parameters import as_json

if TYPE_CHECKING:
    from newsletter.rendering.errors import TemplateError
    from newsletter.rendering.template.folder import TemplateFolder


@click.group()
def templates() -> None:
    """See, check and take over what mails are made of; docs/templates.md says how to change them."""


@templates.command("list", epilog="Example: newsletter templates list --theme quiet")
@click.option("--theme", metavar="THEME", help="As this theme has them; default: the theme of the first newsletter.")
@as_json
@pass_context
def list_templates(context: Context, theme: str | None, *, as_json: bool) -> None:
    """List every template: which file it comes from, whose that is, and what it is."""
    from newsletter.rendering.template.inventory import inventory

    first = next(iter(context.config.newsletters.values()))
    theme = first.look.theme if theme is None else theme
    listed = inventory(context.config.paths.templates, theme)
    if as_json:
        print_json(
            [
                {
                    "name": each.name,
                    "path": str(each.path),
                    "source": "yours" if each.is_own else "package",
                    "theme": each.theme or None,
                    "what": each.what,
                }
                for each in listed
            ]
        )
        return
    own = sum(each.is_own for each in listed)
    print_table(
        f"{len(listed)} templates of the theme {theme}, {own} of them yours",
        ("template", "from", "what it is"),
        [(each.name, _source(is_own=each.is_own, theme=each.theme), each.what) for each in listed],
        f"yours are in {context.config.paths.templates}; to change one: newsletter templates copy NAME",
    )


@templates.command(epilog="Example: newsletter templates check")
@as_json
@pass_context
def check(context: Context, *, as_json: bool) -> int:
    """Compile and try every mail of every newsletter.

    All that is wrong is named with file and line, and the exit code is 1 then.
    """
    from newsletter.rendering.template.checking import check_templates
    from newsletter.rendering.template.folder import TemplateFolder

    folder = TemplateFolder(context.config.paths.templates)
    problems: dict[tuple[str, int | None, str], TemplateError] = {}
    files: set[str] = set()
    looks = {(each.look.theme, each.language): each for each in context.config.newsletters.values()}
    for (theme, _), newsletter in looks.items():
        checked = check_templates(folder, newsletter, base_url=context.config.web.base_url)
        places = [(_path_of(folder, theme, problem.template), problem) for problem in checked.problems]
        problems |= {(path, problem.line, problem.problem): problem for path, problem in places}
        files.update(_path_of(folder, theme, name) for name in checked.names)
        if not as_json:
            for reason in checked.whole:
                click.echo(f"note: every digest is rendered whole, which takes longer: {reason}")
    if as_json:
        print_json(
            [
                {"path": path, "line": line, "template": error.template, "problem": problem}
                for (path, line, problem), error in problems.items()
            ]
        )
    elif problems:
        for path, line, problem in problems:
            click.echo(f"{path}{'' if line is None else f':{line}'}: {problem}")
        click.echo(f"{len(problems)} problem{'s' if len(problems) != 1 else ''}; no mail of theirs can leave", err=True)
    else:
        click.echo(f"all {len(files)} templates are fine")
    return FAILED if problems else 0


@templates.command(epilog="Example: newsletter templates copy --theme quiet --into-theme mine")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--theme", metavar="THEME", default="", help="As this packaged theme has them; without NAME: all files of its own."
)
@click.option("--into-theme", metavar="MINE", default="", help="Make them files of this theme of yours, new or not.")
@click.option("--force", is_flag=True, help="Replace files of yours that are there already.")
@pass_context
def copy(context: Context, names: tuple[str, ...], theme: str, into_theme: str, *, force: bool) -> int:
    """Copy packaged templates into your own folder, to change them there.

    What is in your folder goes before the packaged file of its name. Copy only what you want to change: the rest goes on
    getting better with every release. Without --into-theme a file keeps its place: "newsletter templates copy
    partials/footer.mjml" is for all themes that have no footer of their own.
    """
    from newsletter.rendering.template.folder import is_theme_name
    from newsletter.rendering.template.inventory import copy_templates

    if not names and not theme:
        raise click.UsageError("name the templates to copy, or a --theme; 'newsletter templates list' shows all")
    for option, value in (("--theme", theme), ("--into-theme", into_theme)):
        if value and not is_theme_name(value):
            raise click.UsageError(f"{option} {value!r}: use small letters, digits, - and _, at most 32")
    copied = copy_templates(context.config.paths.templates, names, theme=theme, into_theme=into_theme, overwrite=force)
    for each in copied:
        click.echo(f"{'wrote ' if each.is_new else 'kept  '} {each.path}")
    if not any(each.is_new for each in copied):
        click.echo("all of them are there already; --force replaces them", err=True)
        return NOTHING_TO_DO
    if into_theme:
        click.echo(f'next: set theme = "{into_theme}" in [newsletters.NAME.look], then: newsletter preview')
    else:
        click.echo("next: change them, then: newsletter templates check")
    return 0


def _source(*, is_own: bool, theme: str) -> str:
    return f"{'yours' if is_own else 'package'}{f', theme {theme}' if theme else ''}"


def _path_of(folder: TemplateFolder, theme: str, name: str) -> str:
    """Return the path of a template; its name where it has no file."""
    from newsletter.rendering.errors import TemplateError

    try:
        return str(folder.themed(theme).locate(name))
    except TemplateError:
        return name
