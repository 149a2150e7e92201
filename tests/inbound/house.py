"""The room of inbound mail on one database, with handlers that only take notes, and mails to put into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.identity.verp import SignedAddresses
from newsletter.inbound.addressing import Addressing
from newsletter.inbound.handling import Handled, Received
from newsletter.inbound.model import Arrival, MailKind, Stored, Via
from newsletter.inbound.noted import Noted
from newsletter.inbound.origins import Origins
from newsletter.inbound.service import InboundService
from newsletter.notices.queue import NoticeQueue
from subscribers.suppression import Hasher
from tests.flow import build, numbered, send, subscribe, take_in

SECRET = b"s" * 32
SIGNED = SignedAddresses(SECRET)
HASHER = Hasher(SECRET)
COMMANDS, BOUNCES = "papers@example.org", "bounces@example.org"
NEWSLETTERS = {
    "papers": NewsletterConfig(name="Papers", from_address="news@example.org", envelope_from=BOUNCES, inbound_address=COMMANDS)
}


def letter(
    text: str = "stop\n", *, sender: str = "Ada Example <ada@example.org>", subject: str = "hello", more: str = ""
) -> bytes:
    """A mail as a person's program writes it; ``more``: further fields, each with its line end."""
    head = f"From: {sender}\r\nTo: {COMMANDS}\r\nSubject: {subject}\r\nMessage-ID: <1@example.org>\r\n{more}"
    body = text.replace("\n", "\r\n")
    return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}".encode()


def arrival(raw: bytes, *recipients: str, sender: str | None = "ada@example.org", via: Via = Via.LMTP) -> Arrival:
    """A mail as an MTA hands it over."""
    return Arrival(raw, via, sender, recipients or (COMMANDS,))


@dataclass
class Notebook:
    """A handler, of mails and of reports, that writes down what it is given and does as it is told."""

    outcome: Handled = field(default_factory=lambda: Handled("noted.down"))
    before: Callable[[], object] = lambda: None
    received: list[Received] = field(default_factory=list)

    def handle(self, received: Received, *, now: datetime) -> Handled:
        assert now.tzinfo is not None
        self.received.append(received)
        self.before()
        return self.outcome


@dataclass
class ReportBook:
    """Likewise, of what providers report."""

    reports: list[Stored] = field(default_factory=list)

    def handle(self, stored: Stored, *, now: datetime) -> Handled:
        assert now.tzinfo is not None
        self.reports.append(stored)
        return Handled("bounce.counted", kind=MailKind.BOUNCE, detail="postmark")


@dataclass(frozen=True)
class Room:
    """A service and those it calls."""

    service: InboundService
    commands: Notebook
    bounces: Notebook
    humans: Notebook
    reports: ReportBook


def room(database: Database, clock: ManualClock, *, max_bytes: int = 100_000, keep_for: timedelta = timedelta(days=30)) -> Room:
    """The room; ``stop`` is the only command."""
    commands, bounces, humans, reports = Notebook(), Notebook(), Notebook(), ReportBook()
    origins = Origins(database)
    service = InboundService(
        database,
        clock,
        addressing=Addressing(NEWSLETTERS, SIGNED, origins),
        handlers={
            MailKind.COMMAND: commands,
            MailKind.UNSUBSCRIBE: commands,
            MailKind.CONFIRM: commands,
            MailKind.BOUNCE: bounces,
            MailKind.HUMAN: humans,
        },
        otherwise=Noted(origins),
        reports=reports,
        notices=NoticeQueue(),
        hasher=HASHER,
        looks_like_command=lambda text: text.strip().startswith("stop"),
        max_bytes=max_bytes,
        keep_for=keep_for,
    )
    return Room(service, commands, bounces, humans, reports)


def send_an_issue(app: App, folder: Path, *readers: str, commands: str, bounces: str) -> None:
    """Have the newsletter take mail at two addresses, and send its readers an issue."""
    papers = app.config.newsletters["papers"].model_copy(update={"inbound_address": commands, "envelope_from": bounces})
    app.config = app.config.model_copy(update={"newsletters": {**app.config.newsletters, "papers": papers}})
    take_in(app, folder, numbered(1, 8))
    subscribe(app, *readers)
    issue = build(app).issue
    assert issue is not None
    assert send(app, issue).sent == len(readers)
