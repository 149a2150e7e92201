"""Fields of a header: found, unfolded and decoded."""

from __future__ import annotations

import pytest

from newsletter.inbound.reading.header import MAX_FIELD_BYTES, MAX_FIELDS, read_fields
from newsletter.inbound.reading.mail import read_mail


def test_fields_come_in_their_order_with_small_names() -> None:
    header = read_mail(b"Received: one\nRECEIVED: two\nSubject : Hello\n\nbody").header
    assert header.fields == (("received", "one"), ("received", "two"), ("subject", "Hello"))
    assert header.all("received") == ("one", "two")
    assert header.get("received") == "one"
    assert header.get("cc") == ""


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b"\r\r\n"], ids=["lf", "crlf", "cr", "crcrlf"])
def test_any_line_end_will_do(end: bytes) -> None:
    lines = (b"From: ada@example.org", b"Subject: one", b"\ttwo", b" three", b"", b"first", b"second")
    mail = read_mail(end.join(lines))
    assert mail.header.get("subject") == "one two three"
    assert mail.text == "first\nsecond"


def test_the_line_of_a_mailbox_file_before_the_header_is_no_field() -> None:
    mail = read_mail(b"From ada@example.org Mon Jan  5 10:00:00 2026\nFrom: ada@example.org\n\nhello")
    assert mail.header.fields == (("from", "ada@example.org"),)
    assert not mail.is_damaged


def test_empty_lines_before_the_header_are_passed_over() -> None:
    assert read_mail(b"\n\r\nFrom: ada@example.org\n\nhello").header.get("from") == "ada@example.org"


def test_a_line_that_is_no_field_is_passed_over_if_a_field_follows() -> None:
    mail = read_mail(b"Received: from somewhere\nby elsewhere\nFrom: ada@example.org\n\nhello")
    assert mail.header.get("from") == "ada@example.org"
    assert mail.text == "hello"
    assert mail.is_damaged


def test_a_body_that_no_empty_line_parts_from_the_header_is_still_the_body() -> None:
    mail = read_mail(b"From: ada@example.org\nstop please\n\nAda")
    assert mail.header.fields == (("from", "ada@example.org"),)
    assert mail.text == "stop please\n\nAda"
    assert mail.is_damaged


def test_bytes_beyond_ascii_are_read_as_what_they_most_likely_are() -> None:
    raw = "Subject: Grüße\n".encode() + "X-Old: Grüße\n".encode("latin-1") + "X-Jp: 配信\n".encode("iso2022_jp") + b"\n"
    header = read_mail(raw).header
    assert [value for _, value in header.fields] == ["Grüße", "Grüße", "配信"]


def test_what_is_beyond_the_limits_is_left_out_and_the_body_is_still_found() -> None:
    mail = read_mail(b"A: b\n" * (MAX_FIELDS + 5) + b"\nhello")
    assert len(mail.header.fields) == MAX_FIELDS
    assert mail.text == "hello"
    assert mail.is_damaged
    long = read_mail(b"Subject: " + b"a" * (MAX_FIELD_BYTES + 9) + b"\nFrom: ada@example.org\n\n")
    assert len(long.header.get("subject")) == MAX_FIELD_BYTES - 1
    assert long.header.get("from") == "ada@example.org"
    assert long.is_damaged


def test_fields_of_a_report_are_read_as_a_header_is() -> None:
    header = read_fields(b"\r\nFeedback-Type: abuse\r\nOriginal-Rcpt-To: <ada@example.org>\r\n\r\nmore: text")
    assert header.fields == (("feedback-type", "abuse"), ("original-rcpt-to", "<ada@example.org>"))
