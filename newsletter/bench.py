"""The editor's bench: the studio on a configuration that may change while it is looked at."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from newsletter.app import App
from newsletter.config import RelayConfig, SmtpConfig
from newsletter.config_file import load
from newsletter.errors import ConfigError, NewsletterError
from newsletter.notices.permission import MayWrite
from newsletter.preview.studio.errands import Errands
from newsletter.preview.studio.looking import Looking
from newsletter.preview.studio.service import Studio
from newsletter.preview.studio.watching import Watch
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.sources.http import Expect, PoliteClient
from subscribers.model import NoticeKind

#: Tables that grow when what mails are made of does, and what grows. Each is found at once, however long the table.
_GROWING = (
    ("paper", "seq"),
    ("fetch_run", "id"),
    ("issue", "id"),
    ("subscription", "id"),
    ("picture", "made_at"),
    ("consent", "id"),
)


class Bench:
    """What the studio's pages need.

    Args:
        app: the program on the configuration as it was at the start.
        config_file: read anew when it changes; None: the configuration stays as it is.
        smtp: where samples go: the configured relay, as it is configured then, or the built-in inbox.
    """

    def __init__(self, app: App, config_file: Path | None, smtp: SmtpConfig) -> None:
        self._app, self._config_file = app, config_file
        self._inbox = None if smtp is app.config.smtp else smtp
        self._read_at = _stamp(config_file)
        self._guard = threading.Lock()
        self.watch = Watch(self._folders, self._files, self._data_version)
        self.looking = Looking(self._studio, generation=self._generation, data=app.config.paths.data)
        self.errands = Errands(
            self.looking,
            relay=self._relay,
            may_write=lambda address: MayWrite(self._app.database, self._app.hasher)(address, NoticeKind.WELCOME),
            fetch=self._fetch_table,
        )

    def _studio(self) -> Studio:
        """Return the studio of the configuration as it is now.

        Raises:
            ConfigError: it cannot be used; it is read again when it is asked for again.
        """
        with self._guard:
            stamp = _stamp(self._config_file)
            if self._config_file is not None and stamp != self._read_at:
                config = load(self._config_file)
                if config.database != self._app.config.database:
                    raise ConfigError(str(self._config_file), ["database.url: is another one now; start the preview again"])
                self._app = App(config, clock=self._app.clock, database=self._app.database)
                self._read_at = stamp
            return self._app.studio()

    def _relay(self) -> RelayConfig:
        """Return where samples go.

        Raises:
            ConfigError: the password cannot be read, or there is no relay any more.
        """
        relay = self._app.relays(self._inbox)[0].config
        if not relay.host:
            raise ConfigError(
                str(self._config_file), ["smtp.host: is empty now; start the preview again for the built-in inbox"]
            )
        return relay

    def _generation(self) -> object:
        # The data is looked at here as well: somebody may reload a page by hand that does not watch.
        return self.watch.generation, self._data_version()

    def _folders(self) -> Sequence[Path]:
        return TemplateFolder(self._app.config.paths.templates).watched()

    def _files(self) -> Sequence[Path]:
        return [] if self._config_file is None else [self._config_file]

    def _data_version(self) -> object:
        """Return what is another after papers, votes, pictures, issues or readers came; None if the data is out of reach."""
        try:
            with self._app.database.read() as session:
                found = [session.scalar(text(f"SELECT max({key}) FROM {table}")) for table, key in _GROWING]  # noqa: S608 - constants
        except (NewsletterError, SQLAlchemyError):
            return None
        return tuple(found)

    def _fetch_table(self) -> bytes:
        http = self._app.config.http.model_copy(update={"retries": 0})  # somebody waits for it
        client = PoliteClient(self._app.database, self._app.clock, http)
        return client.get(self._app.config.preview.caniemail, source="caniemail", expect=Expect.JSON, conditional=False).body


def _stamp(path: Path | None) -> tuple[int, int] | None:
    try:
        status = None if path is None else path.stat()
    except OSError:
        return None
    return None if status is None else (status.st_mtime_ns, status.st_size)
