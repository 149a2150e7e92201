"""The demo: the whole flow on bundled real papers, with a clock that starts on the sample's last day.

The sample has no pictures: the demo draws them, and has them made and kept as fetched ones are.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from newsletter.app import App
from newsletter.clock import ShiftedClock
from newsletter.config import Config
from newsletter.config_file import load
from newsletter.delivery.ledger.account import Account, Accounts
from newsletter.delivery.sending.handout import Scope
from newsletter.demo.drawing import draw_figure
from newsletter.demo.readers import READERS, SampleReader
from newsletter.digest.model import Issue
from newsletter.digest.store import IssueStore
from newsletter.errors import NewsletterError
from newsletter.packaging import sample_papers
from newsletter.pictures.making import make_pictures
from newsletter.pictures.store import PictureStore
from newsletter.preview.inbox.reading import read_head
from newsletter.schedule.slots import latest_slot
from newsletter.serving import Serving, serve
from newsletter.sources.service import SourceOutcome
from subscribers.model import Cadence, Choices, ConsentMethod

#: The sample's last measurements were taken at 08:19 UTC of this day.
TODAY = datetime(2026, 8, 21, 8, 30, tzinfo=UTC)
#: Papers of a digest that get a picture: more than any theme shows.
PICTURES_EACH = 8
#: Stands where a picture's address would.
DRAWN_HERE = "drawn by the demo"

CONFIG = """\
[web]
port = {port}
base_url = "http://127.0.0.1:{port}"

[newsletters.papers]
postal_address = "Example Lab, 1 Sample Street, 10115 Berlin"
"""


@dataclass(frozen=True, slots=True)
class Received:
    """What one sample reader got: papers in his digest, and the subject of the mail that lies in the inbox."""

    reader: SampleReader
    papers: int
    subject: str


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What happened, for the terminal. ``drawn`` pictures were drawn by the demo itself."""

    taken_in: SourceOutcome
    drawn: int
    issue: Issue
    account: Account
    received: tuple[Received, ...]


async def run_demo(
    folder: Path, *, port: int, on_report: Callable[[DemoReport, Serving], object], stop: asyncio.Event | None
) -> None:
    """Take the sample in, build today's issue, send it over SMTP into the built-in inbox, and serve it.

    Args:
        folder: for the database and the caught mails; nothing is written anywhere else.
        port: for the pages; a free one is taken if it is not free.
        on_report: told what happened and which addresses to open.
        stop: serve until this is set; None: end after the report.

    Raises:
        NewsletterError: a part of it did not work.
    """
    port = _free_port(port)
    app = App(_config(folder, port), clock=ShiftedClock(TODAY))
    try:
        app.database.ready()
        async with serve(app, port=port, with_studio=True) as serving:
            taken_in = await asyncio.to_thread(app.fetching.take_file, sample_papers())
            issue = await asyncio.to_thread(_build, app)
            drawn = await asyncio.to_thread(_draw, app, issue)
            sent = await app.sender(serving.smtp).run(Scope(issue_id=issue.id, due_only=False))
            if sent.problem:
                raise NewsletterError(sent.problem)
            on_report(await asyncio.to_thread(_report, app, taken_in, drawn, issue), serving)
            if stop is not None:
                await stop.wait()
    finally:
        app.close()


def _config(folder: Path, port: int) -> Config:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(port=port), encoding="utf-8")
    # Whatever the environment says, the demo sends nowhere but into its own inbox.
    return load(path, environ={})


def _build(app: App) -> Issue:
    slug, newsletter = app.newsletter(None)
    for reader in READERS:
        app.subscribers.add(
            reader.address,
            slug,
            Choices(cadence=Cadence.DAILY, interests=reader.interests),
            method=ConsentMethod.DEMO,
            wording="A sample reader of the demo; nobody stands behind the address.",
        )
    built = app.build(slug, latest_slot(newsletter, Cadence.DAILY, app.clock.now()))
    if built.issue is None:
        raise NewsletterError("the bundled sample holds no papers; install the program again")
    return built.issue


def _draw(app: App, issue: Issue) -> int:
    """Draw pictures for the papers that stand first in the issue and in each reader's digest; return for how many."""
    with app.database.read() as session:
        issues = IssueStore(session)
        papers = {entry.paper.seq: entry.paper for entry in issues.pool(issue.id)}
        shown = dict.fromkeys(list(papers)[:PICTURES_EACH])
        for delivery in Accounts(session).deliveries(issue.id):
            digest = issues.digest(delivery.digest_id) if delivery.digest_id else None
            shown |= dict.fromkeys(entry.paper_seq for entry in digest.entries[:PICTURES_EACH]) if digest else {}
    for seq in shown:
        made = make_pictures(draw_figure(papers[seq].key))
        with app.database.write() as session:
            PictureStore(session).keep(seq, DRAWN_HERE, made, now=app.clock.now())
    return len(shown)


def _report(app: App, taken_in: SourceOutcome, drawn: int, issue: Issue) -> DemoReport:
    caught = {message.rcpt_tos[0]: read_head(app.inbox.head(message.number) or b"") for message in app.inbox.messages()}
    with app.database.read() as session:
        issue = IssueStore(session).get(issue.id) or issue
        account = Accounts(session).account(issue.id)
        papers = {}
        for delivery in Accounts(session).deliveries(issue.id):
            digest = IssueStore(session).digest(delivery.digest_id) if delivery.digest_id else None
            papers[app.subscribers.find(delivery.subscriber_id).address] = len(digest.entries) if digest else 0
    received = tuple(
        Received(reader, papers.get(reader.address, 0), caught[reader.address].first("Subject"))
        for reader in READERS
        if reader.address in caught
    )
    return DemoReport(taken_in, drawn, issue, account, received)


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise NewsletterError("no free port on 127.0.0.1; end another program and try again")
