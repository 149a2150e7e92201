"""Whatever comes in is sorted, and in time."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.inbound.model import Door, MailKind
from newsletter.inbound.reading.mail import read_mail
from newsletter.inbound.sorting.sort import sort
from tests.inbound.reading.hostile_mails import HOSTILE, Make, assert_quick

FIELDS = (
    *("From: ada@example.net", "From: MAILER-DAEMON", "Subject: unsubscribe", "Subject: Re: x", "Auto-Submitted: auto-replied"),
    *("Return-Path: <>", "Precedence: bulk", "X-Spam-Flag: YES", "Content-Type: message/rfc822", "Content-Type: text/html"),
    *("Content-Type: multipart/report; report-type=feedback-report; boundary=b", "X-HmXmrOriginalRecipient: a", "X-XARF: 1"),
    *("Content-Type: multipart/report; report-type=delivery-status; boundary=b", "X-Failed-Recipients: ada@example.net"),
)
LINES = (
    *(
        "",
        "--b",
        "--b--",
        "stop",
        "yes",
        "> stop",
        "Feedback-Type: abuse",
        "Version: 1",
        "Original-Rcpt-To: @@<",
        "550 5.1.1 unknown",
    ),
    *("Content-Type: message/feedback-report", "Content-Type: message/delivery-status", "Content-Type: message/rfc822"),
    *(
        "Final-Recipient: rfc822;",
        "Action: failed",
        "<ada@example.net>:",
        '{"notificationType":"Complaint","complainedRecipients":[',
    ),
    *("On 1 Ada wrote:", "verify that you are a human", "This is an automatic reply"),
)


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_made_to_take_long_is_sorted_in_time(make: Make) -> None:
    assert_quick(lambda raw: sort(read_mail(raw)), make)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(FIELDS), max_size=6),
    st.lists(st.sampled_from(LINES), max_size=20),
    st.sampled_from(list(Door)),
    st.sampled_from([None, "", "ada@example.net"]),
)
def test_anything_is_sorted(fields: list[str], lines: list[str], door: Door, envelope_from: str | None) -> None:
    mail = read_mail("\n".join([*fields, "", *lines]).encode())
    verdict = sort(mail, door=door, envelope_from=envelope_from)
    assert set(verdict.as_json()) == {"kind", "hard", "reason", "status", "recipients"}
    has_failures = verdict.kind in (MailKind.BOUNCE, MailKind.DELAYED, MailKind.COMPLAINT, MailKind.AUTO_REPLY)
    assert bool(verdict.failures) is has_failures


@settings(deadline=None)
@given(st.binary(max_size=1_000))
def test_any_bytes_are_sorted(raw: bytes) -> None:
    assert isinstance(sort(read_mail(raw)).kind, MailKind)


@pytest.mark.shared_data
def test_real_messages_are_sorted_as_they_are_known_to_be(shared_data: Path) -> None:
    folder = shared_data / "bounces"
    with (folder / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = Counter((row["kind"], sort(read_mail((folder / row["file"]).read_bytes())).kind) for row in rows)
    bounces = sum(count for (kind, _), count in found.items() if kind == "bounce")
    returned = found["bounce", MailKind.BOUNCE] + found["bounce", MailKind.DELAYED]
    assert returned / bounces >= 0.97
    assert found["bounce", MailKind.COMMAND] == found["bounce", MailKind.CONFIRM] == found["bounce", MailKind.UNSUBSCRIBE] == 0
    assert found["complaint", MailKind.COMPLAINT] >= 16
    assert found["complaint", MailKind.BOUNCE] == found["auto-reply", MailKind.BOUNCE] == 0
    assert found["auto-reply", MailKind.AUTO_REPLY] == 3
    assert found["temporary-or-ignorable", MailKind.DELAYED] + found["temporary-or-ignorable", MailKind.OTHER] == 4
