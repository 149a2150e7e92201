"""A real Postfix on loopback takes a send of a thousand into local mailboxes. Collected only where Postfix is installed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.config_file import load
from newsletter.delivery.identity.verp import SignedKind
from newsletter.delivery.ledger.account import Accounts
from newsletter.delivery.model import DeliveryState
from tests.delivery.keys import ed25519_key, pem, rsa_key, verifies
from tests.flow import SETTINGS, account, build, numbered, send, subscribe, take_in, wait_for
from tests.postfix import postfix

READERS = 1_000
DKIM = """
[smtp]
host = "127.0.0.1"
port = {port}
security = "none"
[delivery]
connections = 8
[newsletters.papers.dkim."first.2026"]
key_file = "rsa.pem"
[newsletters.papers.dkim.second]
key_file = "ed25519.pem"
"""


@contextmanager
def signing_program(folder: Path, port: int, clock: ManualClock) -> Iterator[App]:
    (folder / "rsa.pem").write_bytes(pem(rsa_key()))
    (folder / "ed25519.pem").write_bytes(pem(ed25519_key()))
    settings = SETTINGS.format(url=f"sqlite:///{folder}/newsletter.db", base_url="https://papers.example.org")
    path = folder / "config.toml"
    path.write_text(settings + DKIM.format(port=port), encoding="utf-8")
    app = App(load(path, environ={"NEWSLETTER_NEWSLETTERS__PAPERS__ENVELOPE_FROM": "bounces@example.org"}), clock=clock)
    try:
        app.database.upgrade()
        yield app
    finally:
        app.close()


def test_a_thousand_messages_arrive_once_each_and_signed(tmp_path: Path, clock: ManualClock) -> None:
    with postfix() as server, signing_program(tmp_path, server.port, clock) as app:
        mailbox = server.mailbox("all")
        take_in(app, tmp_path, numbered(1, 8))
        readers = {f"reader{number}@example.org" for number in range(READERS)}
        subscribe(app, *sorted(readers))
        issue = build(app).issue
        assert issue is not None
        assert send(app, issue).sent == READERS
        assert account(app, issue).adds_up
        wait_for(lambda: mailbox.is_dir() and len(list(mailbox.iterdir())) >= READERS, seconds=60)
        with app.database.read() as session:
            sent = {row.id for row in Accounts(session).deliveries(issue.id, state=DeliveryState.SENT)}
        messages = [path.read_bytes() for path in mailbox.iterdir()]
        named = []
        for raw in messages:
            message = message_from_bytes(raw)
            bounce = app.bounces.read(message["Return-Path"].strip("<>"))
            assert bounce is not None
            assert bounce.kind is SignedKind.DELIVERY
            named.append(bounce.number)
            assert message["X-Original-To"] == message["To"]
        assert Counter(message_from_bytes(raw)["To"] for raw in messages) == dict.fromkeys(readers, 1)
        assert sorted(named) == sorted(sent)
        # What Postfix put on top is not part of what was signed.
        originals = [raw.replace(b"\n", b"\r\n") for raw in messages]
        assert all(verifies(raw, 0) for raw in originals)
        assert all(verifies(raw, 1) for raw in originals[::20])
