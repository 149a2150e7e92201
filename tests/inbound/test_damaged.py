"""Damaged mails in the whole program: each is kept or refused at the door, settled, counted, and in no other's way."""

from __future__ import annotations

import copy
import gzip
import io
import tracemalloc
import zipfile
from base64 import encodebytes
from binascii import b2a_uu
from collections.abc import Iterator
from pathlib import Path
from time import thread_time

import pytest
from sqlalchemy import select

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.delivery.identity.verp import SignedKind
from newsletter.delivery.tables import DeliveryRow
from newsletter.inbound.errors import InboundTooLarge
from newsletter.inbound.model import Arrival, InboundState, MailKind, Via
from newsletter.inbound.store import InboundRecord
from newsletter.notices.tables import NoticeRow
from subscribers.model import Notice, NoticeKind, SubscriberId, SubscriberState
from tests.flow import program
from tests.inbound.house import letter, send_an_issue

ADA, BOB = "ada@example.org", "bob@example.org"
COMMANDS, BOUNCES = "papers@example.net", "bounces@example.net"
MORE = """\
[inbound]
forward_to = ["editor@example.com"]
"""
#: Of ``inbound.max_bytes``, as it is unless it is set.
LIMIT = 1_000_000
#: Seconds of the processor in which any mail is dealt with, with its transactions.
MOST_SECONDS = 1.0
#: More than reading a mail of the largest size may need, and far less than what a bomb grows to.
MOST_MEMORY = 60_000_000

BOUNCE = b"""\
Return-Path: <>\r
From: Mail Delivery System <MAILER-DAEMON@mx.example.org>\r
Subject: Undelivered Mail Returned to Sender\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
Your message could not be delivered.\r
<bob@example.org>: host mx.example.org said: 550 5.1.1 user unknown\r
\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.org\r
\r
Final-Recipient: rfc822; bob@example.org\r
Action: failed\r
Status: 5.1.1\r
Diagnostic-Code: smtp; 550 5.1.1 user unknown\r
\r
--b--\r
"""
COMPLAINT = b"""\
From: feedback@example.org\r
Subject: complaint about message from 192.0.2.1\r
Content-Type: multipart/report; report-type=feedback-report; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
This is an email abuse report.\r
\r
--b\r
Content-Type: message/feedback-report\r
\r
Feedback-Type: abuse\r
User-Agent: Example/1.0\r
Version: 1\r
\r
--b\r
Content-Type: message/rfc822\r
\r
From: papers@example.net\r
Subject: 5 papers\r
\r
The best of the week.\r
--b--\r
"""
COMMAND = letter("weekly\n\nOn Monday Papers wrote:\n> 1. Paper 1\n> 2. Paper 2\n", sender=ADA, subject="Re: Papers")
CONFIRM = letter("yes\n", sender=BOB, subject="Re: Please confirm", more="In-Reply-To: <1@example.net>\r\n")
HUMAN = letter("Dear people,\n\nI read your digest on the train, and it made my day.\n", sender=ADA)
#: By the kind they are.
SAMPLES = {"bounce": BOUNCE, "complaint": COMPLAINT, "command": COMMAND, "confirm": CONFIRM, "human": HUMAN}


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    """The program with two readers who got an issue."""
    with program(tmp_path, database_url, clock, extra=MORE) as made:
        send_an_issue(made, tmp_path, ADA, BOB, commands=COMMANDS, bounces=BOUNCES)
        with made.database.write() as session:
            made.notice_queue.put(session, Notice(NoticeKind.CONFIRM, reader_id(made, BOB), BOB, "papers"), now=clock.now())
        yield made


def reader_id(app: App, address: str) -> SubscriberId:
    return app.subscribers.find(address).id


def arrival(app: App, name: str, raw: bytes) -> Arrival:
    """A mail as it comes to where the sample of that name belongs: an address signed for a mail to its reader."""
    reader = BOB if name in {"bounce", "complaint", "confirm"} else ADA
    row = NoticeRow if name == "confirm" else DeliveryRow
    with app.database.read() as session:
        number = session.scalars(select(row.id).where(row.subscriber_id == reader_id(app, reader)).order_by(row.id)).first()
    assert number is not None
    if name in {"bounce", "complaint"}:
        return Arrival(raw, Via.LMTP, "", (app.bounces.make(BOUNCES, SignedKind.DELIVERY, number),))
    kind = SignedKind.NOTICE_REPLY if name == "confirm" else SignedKind.DELIVERY_REPLY
    return Arrival(raw, Via.LMTP, reader, (app.bounces.make(COMMANDS, kind, number),))


def settled(app: App, *arrivals: Arrival) -> list[InboundRecord]:
    """Take mails in with a good one behind them, and return what came of them; each was settled, and so was the good one."""
    before = len(app.inbound.latest())
    kept = [app.inbound.keep(each) for each in arrivals]
    status = letter("status\n", sender=ADA, subject="Re: Papers", more=f"X-Mails-Before: {before}\r\n")
    good = app.inbound.keep(arrival(app, "command", status)).id
    count = sum(each.is_new for each in kept) + 1
    begun = thread_time()
    assert app.inbound.work() == count
    assert thread_time() - begun < MOST_SECONDS * count
    records = {record.id: record for record in app.inbound.latest()}
    assert len(records) == before + count
    assert records[good].outcome == "command.answered"
    found = [records[each.id] for each in kept]
    for record, each in zip(found, arrivals, strict=True):
        assert (record.state, record.attempts) == (InboundState.HANDLED, 1)
        assert record.outcome
        assert record.kind in set(MailKind)
        stored = app.inbound.stored(record.id)
        assert stored is not None
        assert stored.arrival.raw == each.raw
    return found


def test_mails_that_end_anywhere_are_settled(app: App) -> None:
    for name, raw in SAMPLES.items():
        settled(app, *(arrival(app, name, raw[:end]) for end in range(0, len(raw), 50)))
    assert app.subscribers.find(ADA).state is SubscriberState.ACTIVE


def test_what_is_left_of_a_mail_to_no_signed_address_changes_nobody(app: App) -> None:
    for raw in SAMPLES.values():
        halves = [raw[: len(raw) // 2], raw[len(raw) // 2 :], raw[len(raw) // 3 : -len(raw) // 3]]
        settled(app, *(Arrival(half, Via.PIPE, None, (to,)) for half in halves for to in (BOUNCES, COMMANDS)))
    assert [app.subscribers.find(reader).state for reader in (ADA, BOB)] == [SubscriberState.ACTIVE] * 2


def test_line_ends_of_other_systems_are_lived_with(app: App) -> None:
    for name, raw in SAMPLES.items():
        ends = (b"\r\n", b"\n", b"\r")
        whole, unix, _ = settled(app, *(arrival(app, name, raw.replace(b"\r\n", end)) for end in ends))
        assert unix.kind == whole.kind == name


def test_bytes_that_belong_into_no_mail_are_lived_with(app: App) -> None:
    changes = [
        (b" ", b"\x00"),
        (b"e", b"e\x00"),
        (b"e", b"\xe9"),
        (b"e", b"\xed\xa0\x80"),
        (b"e", b"\x1b$B"),
        (b"e", b"\x08\x7f"),
        (b"\r\n\r\n", b"\r\n"),
        (b"--b", b"--c"),
    ]
    for name, raw in SAMPLES.items():
        settled(app, *(arrival(app, name, raw.replace(old, new)) for old, new in changes))


def test_a_header_and_a_body_of_eight_bits_are_read(app: App) -> None:
    raw = "From: Zoë Exämple <ada@example.org>\r\nSubject: Grüße\r\n\r\nSchöne Grüße, und danke für alles!\r\n"
    found = settled(app, *(arrival(app, "human", raw.encode(encoding)) for encoding in ("latin-1", "utf-8")))
    assert [record.outcome for record in found] == ["human.forwarded"] * 2


def test_utf_16_is_read_where_it_is_said_and_settled_where_it_is_not(app: App) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        head = f"From: {ADA}\r\nSubject: Re: Papers\r\nContent-Type: text/plain; charset={encoding}\r\n"
        body = "weekly\r\n".encode(encoding)
        encoded, _, whole = settled(
            app,
            arrival(app, "command", f"{head}Content-Transfer-Encoding: base64\r\n\r\n".encode() + encodebytes(body)),
            arrival(app, "command", f"{head}\r\n".encode() + body),
            arrival(app, "command", (head + "\r\nweekly\r\n").encode(encoding)),
        )
        assert encoded.outcome == "command.done"
        assert whole.kind != "command"


def test_forwards_within_forwards_end_somewhere(app: App) -> None:
    for name, raw in SAMPLES.items():
        settled(app, arrival(app, name, forwarded(raw, 200)))
    assert app.subscribers.find(BOB).state is SubscriberState.ACTIVE


def forwarded(raw: bytes, times: int) -> bytes:
    """A mail in a mail in a mail: by turns as it is, and as an attachment."""
    for depth in range(times):
        head = f"From: {ADA}\r\nSubject: Fwd: {depth}\r\nContent-Type: ".encode()
        if depth % 2:
            raw = head + b"message/rfc822\r\n\r\n" + raw
        else:
            part = b"--%d\r\nContent-Type: message/rfc822\r\n\r\n%b\r\n--%d--\r\n" % (depth, raw, depth)
            raw = head + b"multipart/mixed; boundary=%d\r\n\r\n" % depth + part
    return raw


def test_twenty_megabytes_are_refused_at_the_door_and_a_mail_of_the_largest_size_is_quick(app: App) -> None:
    with pytest.raises(InboundTooLarge, match=r"20000000 bytes, and inbound\.max_bytes allows 1000000"):
        app.inbound.keep(arrival(app, "human", b"x" * 20_000_000))
    assert app.inbound.latest() == []
    line = b"I read your digest on the train, and it made my day.\r\n"
    long = HUMAN + line * ((LIMIT - len(HUMAN)) // len(line))
    report = BOUNCE.replace(b"--b--", b"--b\r\nContent-Type: message/rfc822\r\n\r\n")
    (long_letter,) = settled(app, arrival(app, "human", long))
    (long_report,) = settled(app, arrival(app, "bounce", report + line * ((LIMIT - len(report)) // len(line))))
    assert (long_letter.kind, long_report.outcome) == ("human", "bounce.counted")


def bomb() -> bytes:
    """A zip file of some kilobytes whose members, which all lie in the same place, have gigabytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", b"\x00" * 10_000_000)
        for number in range(1, 400):
            member = copy.copy(archive.filelist[0])
            member.filename = str(number)
            archive.filelist.append(member)
    return out.getvalue()


def attached(content: bytes, kind: str, name: str, *, more: str = "") -> bytes:
    """A letter with an attachment."""
    head = f'From: {ADA}\r\nSubject: see there\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    text = "--b\r\nContent-Type: text/plain\r\n\r\nDear people,\r\n\r\nthis is what I mean.\r\n"
    part = (
        f'--b\r\nContent-Type: {kind}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n{more}'
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    )
    return (head + text + part).encode() + encodebytes(content) + b"--b--\r\n"


def test_what_is_packed_is_never_unpacked(app: App) -> None:
    packed = bomb()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert sum(member.file_size for member in archive.infolist()) > 3_000_000_000
    zeros = gzip.compress(b"\x00" * 10_000_000) * 50
    mails = [
        arrival(app, "human", attached(packed, "application/zip", "papers.zip")),
        arrival(app, "human", attached(zeros, "application/gzip", "papers.gz")),
        arrival(app, "human", attached(zeros, "text/plain", "papers.txt", more="Content-Encoding: gzip\r\n")),
        arrival(app, "bounce", attached(zeros, "message/delivery-status", "report", more="Content-Encoding: gzip\r\n")),
    ]
    tracemalloc.start()
    try:
        settled(app, *mails)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY


NOTHING_TO_TELL = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "NULs": b"\x00" * 5_000,
    "all bytes": bytes(range(256)) * 40,
    "a file": b"PK\x03\x04" + b"\xff" * 10_000,
}


def test_of_what_is_no_mail_nothing_is_told(app: App) -> None:
    found = settled(app, *(Arrival(raw, Via.PIPE) for raw in NOTHING_TO_TELL.values()))
    assert {name: record.kind for name, record in zip(NOTHING_TO_TELL, found, strict=True)} == dict.fromkeys(
        NOTHING_TO_TELL, "other"
    )


def _uuencoded(content: bytes) -> bytes:
    lines = [b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45)]
    return b"begin 644 papers.zip\n" + b"".join(lines) + b"`\nend\n"


def test_old_ways_to_attach_things_are_settled(app: App) -> None:
    head = f"From: {ADA}\r\nSubject: see there\r\n".encode()
    tnef = b"\x78\x9f\x3e\x22\x01\x00\x01\x06\x90\x08\x00\x04\x00\x00\x00" + bytes(range(256)) * 20
    found = settled(
        app,
        arrival(app, "human", head + b"\r\nDear people,\r\n\r\nthis is what I mean.\r\n\r\n" + _uuencoded(bomb())),
        arrival(app, "human", head + b"Content-Transfer-Encoding: x-uuencode\r\n\r\n" + _uuencoded(b"Dear people,\n")),
        arrival(app, "human", head + b"Content-Transfer-Encoding: uuencode\r\n\r\nbegin 644 x\nM\xff\n"),
        arrival(app, "human", attached(tnef, "application/ms-tnef", "winmail.dat")),
        arrival(app, "human", head + b"Content-Type: application/ms-tnef\r\n\r\n" + tnef),
        arrival(app, "human", head + b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDB"),
    )
    assert [found[0].kind, found[3].kind] == ["human", "human"]


def test_a_header_alone_is_settled_and_so_is_a_body_alone(app: App) -> None:
    found = settled(
        app,
        arrival(app, "human", f"From: {ADA}\r\nSubject: hello\r\n".encode()),
        arrival(app, "human", f"From: {ADA}".encode()),
        arrival(app, "human", b"Subject\r\n: hello\r\n\r\n"),
        arrival(app, "human", b" From: nobody\r\n\tat all\r\n"),
        arrival(app, "human", b"\r\n\r\nDear people,\r\n\r\nI have no header.\r\n"),
        arrival(app, "bounce", BOUNCE.split(b"\r\n\r\n", 1)[0] + b"\r\n"),
        arrival(app, "bounce", BOUNCE.split(b"\r\n\r\n", 1)[1]),
        Arrival(b"", Via.LMTP, "\x00\ud800" * 600, ("\x00@\udfff", "papers@example.net" + "+" * 5_000)),
    )
    assert len(found) == 8


def test_a_damaged_report_of_a_provider_counts_as_other(app: App) -> None:
    deep = b"[" * 50_000
    bodies = [b"", b"\x00", b"{", b"null", b"[]", b"\xff\xfe{\x00}\x00", b'{"Message": "{"}', b'{"event": 1e999}', deep, BOUNCE]
    for via in (Via.SES, Via.POSTMARK, Via.SENDGRID, Via.MAILGUN):
        found = settled(app, *(Arrival(body + b" " * len(via), via) for body in bodies))
        assert {record.kind for record in found} == {"other"}
