"""No mail takes long, and none stops the reader."""

import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.inbound.bounces.failures import read_bounce
from newsletter.inbound.reading.mail import Mail, read_mail
from tests.inbound.bounces.dialects import DIALECTS

TEXT = "From: MAILER-DAEMON@mx.example.net\nTo: news@example.com\nSubject: failure notice\n"
REPORT = (
    f"{TEXT}Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
    "--b\n\nIt failed.\n\n--b\nContent-Type: message/delivery-status\n\n"
)
UNITS = (
    "a", "@", "a@", "a@b.c ", "<a@b.c>:\n", "<a@b.c>, ", "550 ", "5.1.1 ", "550 5.1.1 <a@b.c>\n", "-", "- ", ">", "<", "(",
    "x: ", ": ", "host a.b ", "by a ", "rcpt to:<a@b.c>\n", "reason: ", "mailto:", "contact a@b.c ", "\n", "\t", "é", "配信",
    "Final-Recipient: rfc822; a@b.c\n", "Final-Recipient: rfc822; a@b.c\nAction: failed\n\n", "Action: failed\n",
    "Diagnostic-Code: ", "Status: 5.1.1 (", "550-\n", "\\x{41}", '{"notificationType": [', "[",
)  # fmt: skip
MEGABYTE = 1_000_000


def seconds(mails: Sequence[Mail]) -> list[float]:
    """How long each takes this process: the best of several runs in turns, as processors are shared with others."""
    best = [float("inf")] * len(mails)
    for _ in range(5):
        for number, mail in enumerate(mails):
            start = time.process_time()
            read_bounce(mail)
            best[number] = min(best[number], time.process_time() - start)
    return best


def hostile(head: str, unit: str, size: int) -> Mail:
    mail = read_mail(f"{head}\n{unit * (size // len(unit))}".encode())
    assert mail.text is not None
    for part in mail.parts:
        assert part.text is not None
    return mail


@pytest.mark.parametrize("head", [TEXT, REPORT, "X-Failed-Recipients:"], ids=["text", "report", "header"])
def test_time_grows_no_faster_than_a_mail(head: str) -> None:
    for unit in UNITS:
        written = unit.replace("\n", " ") if head.startswith("X-") else unit
        half, whole = seconds([hostile(head, written, size) for size in (MEGABYTE // 2, MEGABYTE)])
        assert whole < 0.1
        # Below this the clock's own steps decide.
        assert whole < 0.01 or whole / half < 2.5, unit


@given(st.binary(max_size=2000))
def test_any_bytes_can_be_read(raw: bytes) -> None:
    read_bounce(read_mail(raw))
    read_bounce(read_mail(REPORT.encode() + raw), envelope_from="")


@given(st.randoms(use_true_random=False))
def test_any_damage_to_a_bounce_can_be_read(randomness: random.Random) -> None:
    raw = bytearray(randomness.choice(DIALECTS).raw())
    for _ in range(randomness.randint(1, 8)):
        start = randomness.randrange(len(raw))
        end = start + randomness.randint(0, 40)
        raw[start:end] = randomness.choice((b"", b"\n", b"@", b"<", b"\xff\xfe", b"--b\n", bytes(raw[:50])))
        raw = raw or bytearray(b"\n")
    read_bounce(read_mail(bytes(raw)))
