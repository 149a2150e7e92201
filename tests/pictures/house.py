"""A server of pictures behind a public address, over real TLS, and papers whose pictures lie there."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from newsletter.clock import ManualClock
from newsletter.config import HttpConfig, PicturesConfig
from newsletter.database import Database
from newsletter.papers.model import Observation, Paper
from newsletter.papers.store import PaperStore
from newsletter.pictures.service import PictureService
from tests.samples import record
from tests.sources.replay import ReplayServer, Sleeper, Wires, serving

HOST, ADDRESS = "pictures.example.org", "8.8.8.8"
#: Names and where they lead: two to the server, the others to where nobody may go.
NAMES = {
    HOST: [ADDRESS],
    "mirror.example.org": [ADDRESS],
    "inner.example.org": ["127.0.0.1"],
    "half.example.org": [ADDRESS, "10.0.0.1"],
}


class PictureHouse:
    """The server, and the service that asks it."""

    def __init__(self, database: Database, clock: ManualClock, server: ReplayServer) -> None:
        self.database, self.clock, self.server = database, clock, server
        self.wires = Wires({(ADDRESS, 443): server.port})

    def service(self, *, timeout: float = 10.0, **config: object) -> PictureService:
        """Return a service; ``config`` are keys of ``[pictures]``."""
        return PictureService(
            self.database,
            self.clock,
            PicturesConfig.model_validate(config),
            HttpConfig(timeout=timedelta(seconds=timeout)),
            sleep=Sleeper(self.clock),
            chance=lambda: 0.5,
            rules=(),
            resolve_host=lambda host, _port: NAMES.get(host, [host]),
            sockets=self.wires,
        )

    def papers(self, *urls: str) -> list[Paper]:
        """Take in a paper for each address of a picture; ``/x`` is one on the server."""
        observations = [
            Observation(record(f"2608.{number:05}", thumbnail_url=f"https://{HOST}{url}" if url.startswith("/") else url))
            for number, url in enumerate(urls)
        ]
        with self.database.write() as session:
            PaperStore(session).ingest(observations, source="test", now=self.clock.now())
            return PaperStore(session).latest(len(urls))[::-1]


@contextmanager
def picture_house(
    database: Database, clock: ManualClock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PictureHouse]:
    """Run the server; ``folder`` keeps the authority that vouches for it, which the system is told to trust."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "mirror.example.org").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
    with serving(context) as server:
        yield PictureHouse(database, clock, server)
