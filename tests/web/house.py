"""The pages on the real services and a real database, served on a real socket: what tests from outside start from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.papers.model import Observation
from newsletter.papers.store import PaperStore
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.web.app import create_app
from newsletter.web.model import WebDeps
from subscribers.keys import LinkKeys
from subscribers.model import Choices, ConsentMethod, Notice, NoticeKind, Subscriber
from subscribers.tokens import KeyRing
from tests.samples import record
from tests.subscribers.fakes import NoNotices
from tests.web.serving import SECRET, make_pages, serving, web_deps


@dataclass
class House:
    """The services, what the pages need of them, and short ways to what tests do often."""

    database: Database
    clock: ManualClock
    keys: LinkKeys
    notices: NoNotices
    deps: WebDeps
    #: How often the pages woke whoever looks at sign-ups, and had the database's files cleared.
    calls: dict[str, int]
    #: Where it is served, and a visitor who follows no redirect.
    address: str
    client: httpx.Client

    def receive(self) -> list[Notice]:
        """Have the sign-ups that wait looked at; return the notices put in by that."""
        before = len(self.notices.put_in)
        while self.deps.desk.process():
            pass
        return self.notices.put_in[before:]

    def subscribe(
        self, address: str = "reader@example.org", newsletter: str = "papers", choices: Choices | None = None
    ) -> Subscriber:
        """Add a reader whose consent was given elsewhere."""
        added = self.deps.subscribers.add(
            address, newsletter, choices or Choices(), method=ConsentMethod.OPERATOR, wording="in writing"
        )
        return added.subscriber

    def confirm_path(self, notice: Notice) -> str:
        """Return the path of the link in a notice to confirm."""
        assert notice.subscriber_id is not None
        subscriber = self.deps.subscribers.find(notice.subscriber_id)
        make = self.keys.make_address if notice.kind is NoticeKind.CONFIRM_ADDRESS else self.keys.make_confirm
        return f"/confirm/{make(subscriber, notice.reference)}"

    def path(self, page: str, subscriber: Subscriber, newsletter: str = "papers") -> str:
        """Return the path of a reader's link: ``unsubscribe``, ``preferences`` or ``feedback``."""
        token = {
            "unsubscribe": lambda: self.keys.make_unsubscribe(subscriber, newsletter),
            "preferences": lambda: self.keys.make_preferences(subscriber),
            "feedback": lambda: self.keys.make_feedback(subscriber),
        }[page]()
        return f"/{page}/{token}"

    def sealed(self) -> str:
        """Return the seal of a form that was handed out long enough ago."""
        page = self.client.get("/").text
        seal = page.split('name="form" value="')[1].split('"')[0]
        self.clock.advance(timedelta(seconds=5))
        return seal

    def add_paper(self) -> int:
        """Take a paper in, and return its number."""
        with self.database.write() as session:
            PaperStore(session).ingest([Observation(record("2608.00001"))], source="test", now=self.clock.now())
            return PaperStore(session).latest(1)[0].seq


@contextmanager
def house(database: Database, clock: ManualClock, *, folder: TemplateFolder | None = None, **overrides: Any) -> Iterator[House]:
    """The pages on ``database``, served until the end of the context; ``overrides`` are fields of :class:`WebDeps`."""
    keys, notices, calls = LinkKeys(KeyRing.of(SECRET)), NoNotices(), {"wake": 0, "forget": 0}

    def count(name: str) -> None:
        calls[name] += 1

    counted = {"forget_deleted": lambda: count("forget"), "wake": lambda: count("wake")}
    deps = web_deps(database, clock, keys, notices, **{**counted, **overrides})
    app = create_app(deps, make_pages(deps.base_url, folder))
    with serving(app) as address, httpx.Client(base_url=address) as client:
        yield House(database, clock, keys, notices, deps, calls, address, client)
