"""A filled database to send from: an issue really built from the bundled sample, and any number of readers."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Table, func, insert, select, text

from newsletter.app import App
from newsletter.clock import ShiftedClock
from newsletter.config_file import load
from newsletter.delivery.sending.handout import Scope
from newsletter.demo.service import TODAY
from newsletter.digest.model import IssueId
from newsletter.packaging import sample_papers
from newsletter.schedule.slots import latest_slot
from newsletter.serving import next_hop
from sending.postgres import postgres_copy
from subscribers.model import Cadence
from subscribers.tables import SubscriberRow, SubscriptionRow

SETTINGS = """\
[database]
url = "{url}"
[security]
secret_key_file = "secret.key"
[web]
base_url = "https://papers.example.org"
[delivery]
connections = {connections}
[newsletters.papers]
postal_address = "Example Lab, 1 Sample Street, 10115 Berlin"
size = {papers}
pool_size = 50
"""
RELAY = """\
[{name}]
host = "127.0.0.1"
port = {port}
security = "none"
"""
RELAYS = ("smtp", "relays.second")
DKIM = """\
[newsletters.papers.dkim.s2026]
key_file = "dkim.pem"
"""
NO_ISSUE = IssueId(0)
#: Readers inserted in one transaction.
CHUNK = 20_000
#: Of a digest's ten places, those that may go to a reader's own wishes.
OWN_PLACES = 6


@dataclass(frozen=True, slots=True)
class World:
    """A folder with the program's files, and the issue whose deliveries wait in its database, one for every reader.

    ``papers`` are in each digest. ``build_seconds`` is how long the issue took, from ranking its papers to the last reader's
    delivery. ``message`` is what one reader gets; that of another differs in some octets.
    """

    folder: Path
    url: str
    readers: int
    papers: int
    issue_id: IssueId = NO_ISSUE
    build_seconds: float = 0.0
    message: bytes = b""

    def configure(self, ports: Sequence[int], *, connections: int, is_signed: bool = False) -> None:
        """Write ``config.toml``: where mail goes, and how.

        Args:
            ports: of the relay on 127.0.0.1, or of two that share the messages; none keeps all mail in the built-in inbox.
            connections: of each sending process.
            is_signed: whether messages get a DKIM signature, with an RSA key of 2048 bits.
        """
        settings = SETTINGS.format(url=self.url, connections=connections, papers=self.papers)
        settings += "".join(RELAY.format(name=name, port=port) for name, port in zip(RELAYS, ports, strict=False))
        if is_signed:
            settings += DKIM
            _write_secret(self.folder / "dkim.pem", _dkim_key())
        (self.folder / "config.toml").write_text(settings, encoding="utf-8")

    @contextmanager
    def copy(self) -> Iterator[World]:
        """Yield the same world in another place, with nothing sent; it is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="sending-") as name:
            folder = Path(name)
            _write_secret(folder / "secret.key", (self.folder / "secret.key").read_bytes())
            if self.url.startswith("sqlite"):
                shutil.copyfile(self.folder / "newsletter.db", folder / "newsletter.db")
                yield replace(self, folder=folder, url=f"sqlite:///{folder}/newsletter.db")
                return
            with postgres_copy(self.url) as url:
                yield replace(self, folder=folder, url=url)

    def first_message(self) -> bytes:
        """Send one reader's message into the built-in inbox, and return what lies there."""
        self.configure([], connections=1)
        app = self.open()

        async def run() -> None:
            async with next_hop(app) as smtp:
                reader = app.readers("papers", Cadence.DAILY, limit=1)[0].subscriber_id
                await app.sender(smtp).run(Scope(issue_id=self.issue_id, subscriber_id=reader, due_only=False))

        try:
            asyncio.run(run())
            content = app.inbox.content(app.inbox.messages()[0].number)
        finally:
            app.close()
        assert content is not None
        return content

    def open(self) -> App:
        """The program on this world, at an hour when all of the issue may be sent."""
        return App(load(self.folder / "config.toml", environ={}), clock=ShiftedClock(TODAY + timedelta(hours=1)))


def build_world(folder: Path, readers: int, *, papers: int, url: str | None = None, is_personal: bool = False) -> World:
    """Fill a database and build its issue.

    Args:
        folder: for the files.
        readers: how many; each gets a message.
        papers: in each digest, of a pool of fifty.
        url: an empty PostgreSQL database; None makes a SQLite file in ``folder``.
        is_personal: give every reader wishes that nobody else has, and so papers that nobody else gets.
    """
    folder.mkdir()
    _write_secret(folder / "secret.key", b"of no worth to anybody: for measurements only\n")
    world = World(folder, url or f"sqlite:///{folder}/newsletter.db", readers, papers)
    world.configure([], connections=1)
    app = world.open()
    try:
        app.database.upgrade()
        app.fetching.take_file(sample_papers())
        add_readers(app, readers, _wishes(app) if is_personal else itertools.repeat({}))
        slug, newsletter = app.newsletter(None)
        started = time.perf_counter()
        issue = app.build(slug, latest_slot(newsletter, Cadence.DAILY, app.clock.now())).issue
        seconds = time.perf_counter() - started
        assert issue is not None
        assert app.count_unsettled(Scope(issue_id=issue.id, due_only=False)) == readers
        _settle(app)
    finally:
        app.close()
    world = replace(world, issue_id=issue.id, build_seconds=seconds)
    with world.copy() as copied:
        return replace(world, message=copied.first_message())


def add_readers(app: App, count: int, wishes: Iterator[dict[str, Any]]) -> None:
    """Add that many readers of the daily issue, each with the next of ``wishes``."""
    now = app.clock.now()
    person = {"state": "active", "token_epoch": 0, "created_at": now, "changed_at": now}
    wanted = {"newsletter": "papers", "cadence": "daily", "local_hour": 8, "zone": "UTC", "fields": {}}
    choices = {**wanted, "created_at": now, "changed_at": now}
    people_table, choices_table = cast("Table", SubscriberRow.__table__), cast("Table", SubscriptionRow.__table__)
    for start in range(0, count, CHUNK):
        addresses = [f"reader-{number}@example.org" for number in range(start, min(start + CHUNK, count))]
        with app.database.write() as session:
            last = session.scalar(select(func.max(SubscriberRow.id))) or 0
            connection = session.connection()
            connection.execute(
                insert(people_table), [{"address": address, "address_key": address, **person} for address in addresses]
            )
            ids = list(session.scalars(select(SubscriberRow.id).where(SubscriberRow.id > last).order_by(SubscriberRow.id)))
            connection.execute(
                insert(choices_table), [{"subscriber_id": number, "interests": next(wishes), **choices} for number in ids]
            )


def _wishes(app: App) -> Iterator[dict[str, Any]]:
    """Yield wishes for six papers each, no two for the same six: by authors who wrote one of the pool's papers only."""
    _, newsletter = app.newsletter(None)
    papers = [entry.paper for entry in app.builder.rank(newsletter, at=app.clock.now())]
    counts = Counter(author.casefold() for paper in papers for author in paper.authors)
    authors = [next((author for author in paper.authors if counts[author.casefold()] == 1), None) for paper in papers]
    known = [author for author in authors if author is not None]
    chance = random.Random(8058)  # noqa: S311 - repeatable, not a secret
    given: set[frozenset[str]] = set()
    while True:
        wanted = frozenset(chance.sample(known, OWN_PLACES))
        if wanted not in given:
            given.add(wanted)
            yield {"authors": sorted(wanted)}


def _settle(app: App) -> None:
    """Bring the database to rest: all of it in its file, ready to be copied; or looked over by the planner."""
    if app.database.is_sqlite:
        app.database.forget_deleted()
        return
    with app.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


@cache
def _dkim_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
