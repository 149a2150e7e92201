"""``newsletter init``: a folder to start from."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.cli.context import Context, pass_context


@click.command(epilog="Example: newsletter init my-papers && cd my-papers && newsletter run")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@pass_context
def init(context: Context, folder: Path) -> None:  # noqa: ARG001 - every command gets the context
    """Write config.toml, a templates folder and .gitignore into FOLDER (default: here).

    Files that are there already are left as they are.
    """
    from newsletter.packaging import default_config

    folder.mkdir(parents=True, exist_ok=True)
    templates = folder / "templates"
    templates.mkdir(exist_ok=True)
    written = {
        folder / "config.toml": default_config().read_text(encoding="utf-8"),
        folder / ".gitignore": "data/\n",
        templates / "README.md": TEMPLATES_README,
    }
    for path, text in written.items():
        if path.exists():
            click.echo(f"kept   {path}")
        else:
            path.write_text(text, encoding="utf-8")
            click.echo(f"wrote  {path}")
    click.echo(f"next: edit {folder / 'config.toml'}, then: newsletter --config {folder / 'config.toml'} run")


TEMPLATES_README = """\
# Your templates

Empty, and that is fine: the mails are made of the packaged templates. A file here takes the place of the packaged one of
the same name, so copy the one you want to change, and let the rest get better with every release:

    newsletter templates list                                 every template, and whose it is
    newsletter templates copy partials/footer-words.mjml      take one over
    newsletter templates copy --theme quiet --into-theme mine start a theme of your own, themes/mine/
    newsletter templates check                                before it goes out
    newsletter preview                                        look at it

- digest, welcome: an issue, and the same below a greeting. The others are letters to one person; the comment at the head of
  each .mjml says what it is given.
- partials/: what they share. themes/NAME/: what goes over all of these where a newsletter has that theme.
- locale/xx.po: the fixed words in another language. web/: the pages.

Colours, logo, theme and language are set in config.toml: [newsletters.NAME.look].

Every mail but a letter to somebody who is not subscribed needs its link to leave, {{ view.unsubscribe_url }}, or it is refused;
a digest should lead to the choices as well: {{ view.preferences_url }}.

docs/templates.md, which comes with the program, says all of it: what a template is given, and a theme made in half an hour.
"""
