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

A file here takes the place of the packaged one with the same name. What is not here is taken from the package, so start with
the one file you want to change.

- digest.mjml and digest.txt: an issue. welcome: the same papers below a greeting, for whoever just confirmed.
- confirm, known, welcome-early, confirm-address, address-changed: letters to one person. The comment at the head of each .mjml
  says what it is given.
- partials/: what they share. web/: the pages.

Every mail but a letter to somebody who is not subscribed needs its link to leave, or it is refused; a digest should lead to the
choices as well: {{ view.preferences_url }}.
"""
