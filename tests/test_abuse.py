"""What nobody must be able to do by mail, tried on the whole program: loops, floods, forged bounces and complaints."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.identity.verp import SignedKind
from newsletter.delivery.ledger.account import Accounts
from newsletter.inbound.model import Arrival, Via
from newsletter.preview.inbox.store import CaughtMessage
from newsletter.serving import next_hop
from subscribers.errors import UnknownSubscriberError
from subscribers.model import SubscriberState
from tests.flow import build, mails, numbered, program, send, subscribe, take_in

VICTIM = "victim@example.org"
_FIELDS = {
    "bounce": (
        "Reporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient: rfc822; {failed}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n"
    ),
    "complaint": "Feedback-Type: abuse\r\nVersion: 1\r\nUser-Agent: example/1\r\nOriginal-Rcpt-To: {failed}\r\n",
}


def settings(name: str) -> str:
    """Settings of an instance that takes mail at its own domain."""
    return (
        "[bounces]\nthreshold = 1.0\nprobe = false\n"
        f'[newsletters.{name}]\nname = "{name}"\nlist_id = "{name}.example.net"\n'
        f'from_address = "papers@{name}.example.net"\ninbound_address = "papers@{name}.example.net"\n'
        f'envelope_from = "bounces@{name}.example.net"\n'
    )


@pytest.fixture
def instance(database: Database, clock: ManualClock, tmp_path: Path) -> Iterator[Callable[[str], App]]:
    """Makes an instance; the first one on ``database``, others on a file of their own."""
    with ExitStack() as stack:
        made: list[App] = []

        def make(name: str) -> App:
            folder = tmp_path / name
            folder.mkdir()
            url = f"sqlite:///{folder}/newsletter.db" if made else database.url.render_as_string(hide_password=False)
            app = stack.enter_context(program(folder, url, clock, extra=settings(name)))
            app.database.upgrade()
            made.append(app)
            return app

        yield make


def letter(sender: str, to: str, text: str, *, subject: str = "") -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message.set_content(text)
    return message.as_bytes()


def report(to: str, failed: str, *, kind: str = "bounce") -> bytes:
    """A report as a stranger can write one: everything right but the address it comes to."""
    fields = _FIELDS[kind].format(failed=failed)
    form = "delivery-status" if kind == "bounce" else "feedback-report"
    part = f"Content-Type: message/{form}\r\n\r\n{fields}"
    return (
        f"From: MAILER-DAEMON@mx.example.org\r\nTo: {to}\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type={form}; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain\r\n\r\nIt came back.\r\n--b\r\n{part}\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nReturn-Path: <{to}>\r\nTo: {failed}\r\n\r\n--b--\r\n"
    ).encode()


def bring(app: App, raw: bytes, to: str, *, sender: str = "") -> None:
    app.inbound.keep(Arrival(raw, Via.LMTP, sender, (to,)))


def let_run(app: App) -> list[tuple[CaughtMessage, bytes]]:
    """Do all that runs by itself; return the mails that left meanwhile, oldest first."""

    async def post() -> None:
        async with next_hop(app) as smtp:
            await app.notice_sender(smtp).run(asyncio.Event())

    before = {caught.number for caught in app.inbox.messages(limit=10_000)}
    app.inbound.work()
    while app.desk.process():
        pass
    asyncio.run(post())
    left = [caught for caught in reversed(app.inbox.messages(limit=10_000)) if caught.number not in before]
    return [(caught, app.inbox.content(caught.number) or b"") for caught in left]


def state(app: App, address: str) -> SubscriberState | None:
    try:
        return app.subscribers.find(address).state
    except UnknownSubscriberError:
        return None


def test_two_instances_subscribed_to_each_other_fall_silent(instance: Callable[[str], App], tmp_path: Path) -> None:
    apps = {name: instance(name) for name in ("north", "south")}
    for name, app in apps.items():
        other = "south" if name == "north" else "north"
        take_in(app, tmp_path / name, numbered(1, 8))
        subscribe(app, f"papers@{other}.example.net", newsletter=name)
        # Somebody wrote in the other's name, too.
        stranger = f"papers@{other}.example.net"
        bring(app, letter(stranger, f"papers@{name}.example.net", "help\r\n"), f"papers@{name}.example.net", sender=stranger)
        issue = build(app, newsletter=name).issue
        assert issue is not None
        assert send(app, issue).sent == 1
    on_the_way = []
    for app in apps.values():
        on_the_way += [(caught, app.inbox.content(caught.number) or b"") for caught in app.inbox.messages(limit=100)]
    rounds = 0
    while on_the_way:
        rounds += 1
        assert rounds <= 2, "they go on answering each other"
        for caught, raw in on_the_way:
            for recipient in caught.rcpt_tos:
                bring(apps[recipient.partition("@")[2].split(".")[0]], raw, recipient, sender=caught.mail_from)
        on_the_way = [mail for app in apps.values() for mail in let_run(app)]


def test_a_thousand_forged_sign_ups_for_one_victim_give_one_mail(instance: Callable[[str], App]) -> None:
    app = instance("north")
    for number in range(1000):
        raw = letter(VICTIM, "papers@north.example.net", f"subscribe daily\r\n{number}\r\n")
        bring(app, raw, "papers@north.example.net", sender=VICTIM if number % 2 else f"stranger{number}@example.org")
    left = let_run(app)
    assert len([caught for caught, _ in left if VICTIM in caught.rcpt_tos]) <= 1
    assert len(left) <= 1
    assert state(app, VICTIM) in {None, SubscriberState.PENDING}


def test_forged_bounces_and_complaints_change_nothing_and_a_genuine_complaint_ends_it(
    instance: Callable[[str], App], tmp_path: Path
) -> None:
    app = instance("north")
    take_in(app, tmp_path, numbered(1, 8))
    subscribe(app, VICTIM, newsletter="north")
    issue = build(app, newsletter="north").issue
    assert issue is not None
    assert send(app, issue).sent == 1
    with app.database.read() as session:
        (delivery,) = Accounts(session).deliveries(issue.id)
    genuine = app.bounces.make("bounces@north.example.net", SignedKind.DELIVERY, delivery.id)
    token = genuine.partition("+")[2].partition("@")[0]
    forged = [
        "bounces@north.example.net",
        genuine.replace(token, "0" * 32),
        genuine.replace(token, token[:-1] + ("0" if token[-1] != "0" else "1")),
        app.bounces.make("bounces@north.example.net", SignedKind.DELIVERY, delivery.id + 1),
    ]
    for day in range(30):
        for address in forged:
            for kind in ("bounce", "complaint"):
                bring(app, report(address, VICTIM, kind=kind).replace(b"It came", b"On day %d it came" % day), address)
    let_run(app)
    assert state(app, VICTIM) is SubscriberState.ACTIVE
    assert not app.subscribers.is_suppressed(VICTIM)
    bring(app, report(genuine, VICTIM, kind="complaint"), genuine)
    let_run(app)
    assert state(app, VICTIM) is SubscriberState.COMPLAINED
    assert app.subscribers.is_suppressed(VICTIM)
    assert len(mails(app)) == 1


def test_a_reply_token_is_no_bounce_address(instance: Callable[[str], App], tmp_path: Path) -> None:
    app = instance("north")
    take_in(app, tmp_path, numbered(1, 8))
    subscribe(app, VICTIM, newsletter="north")
    issue = build(app, newsletter="north").issue
    assert issue is not None
    send(app, issue)
    with app.database.read() as session:
        (delivery,) = Accounts(session).deliveries(issue.id)
    address = app.bounces.make("papers@north.example.net", SignedKind.DELIVERY_REPLY, delivery.id)
    bring(app, report(address, VICTIM), address)
    app.clock.advance(timedelta(days=1))  # type: ignore[attr-defined] # the fixture's clock is a manual one
    let_run(app)
    assert state(app, VICTIM) is SubscriberState.ACTIVE
