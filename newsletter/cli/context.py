"""What every command gets: the configuration and the wired program, made when first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from newsletter.app import App
    from newsletter.config import Config


class Context:
    """Hands out the configuration and the program; closes what it opened."""

    def __init__(self, config_path: Path) -> None:
        self.config_path = config_path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if "app" in self.__dict__:
            self.app.close()

    @cached_property
    def config(self) -> Config:
        """The configuration.

        Raises:
            ConfigError: missing or broken; all problems together.
        """
        from newsletter.config_file import load

        return load(self.config_path)

    @cached_property
    def app(self) -> App:
        """The wired program on a database that is ready to use.

        Raises:
            ConfigError: the configuration cannot be used.
            DatabaseError: out of reach, or a PostgreSQL schema that waits for ``newsletter db upgrade``.
        """
        from newsletter.app import App

        app = App(self.config)
        app.database.ready()
        return app


pass_context = click.make_pass_decorator(Context)
