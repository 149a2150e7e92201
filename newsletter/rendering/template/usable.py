"""Checks that the theme, the language and the logo that a configuration names are there and can be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from newsletter.config import Config
from newsletter.errors import ConfigError
from newsletter.pictures.making import PictureError
from newsletter.pictures.shelf import read_logo
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.rendering.words.language import SOURCE


def check_usable(config: Config, path: Path) -> None:
    """Read what every newsletter's look and language name.

    Args:
        config: with absolute paths.
        path: of its file, for the error.

    Raises:
        ConfigError: something is missing or cannot be used; all problems are named together.
    """
    problems = list(_problems(config))
    if problems:
        raise ConfigError(str(path), problems)


def _problems(config: Config) -> Iterator[str]:
    folder = TemplateFolder(config.paths.templates)
    themes, languages = folder.themes(), [SOURCE, *folder.catalogues()]
    for name, newsletter in config.newsletters.items():
        key, look = f"newsletters.{name}", newsletter.look
        if look.theme not in themes:
            yield f"{key}.look.theme: there is no theme {look.theme!r}; there are {', '.join(themes)}"
        if newsletter.language not in languages:
            there = ", ".join(languages)
            yield f"{key}.language: there is no catalogue of {newsletter.language!r}; there are {there}"
        if look.logo is not None:
            try:
                read_logo(look.logo, max_bytes=config.pictures.max_bytes)
            except OSError as error:
                yield f"{key}.look.logo: {look.logo} cannot be read ({error.strerror}); check the path and its rights"
            except PictureError as error:
                yield f"{key}.look.logo: {look.logo}: {error}"
