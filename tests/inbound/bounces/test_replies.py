import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.inbound.bounces.replies import MAX_DIAGNOSTIC, completed, one_line, remote_in, reply_code_in, status_in
from newsletter.inbound.model import Report
from tests.inbound.bounces.sample import ADA


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("550 5.1.1 User unknown", "550", "5.1.1"),
        ("550-5.7.1 one\n550 5.7.1 two", "550", "5.7.1"),
        ("host mx.example.org[192.0.2.55] said: 452 4.2.2 Mailbox full", "452", "4.2.2"),
        ("Remote host said: 554 no", "554", ""),
        ("Sorry, no mailbox here by that name. (#5.1.1)", "", "5.1.1"),
        ("250 2.1.0 Ok; 451 4.3.0 temporary", "451", "4.3.0"),
        ("ERROR_CODE :550, ERROR_CODE :5.2.2 full", "550", "5.2.2"),
        ("message of 552 bytes from 192.0.2.5", "", ""),
        ("connect to 5.5.5.5:25 failed", "", ""),
        ("server version 5.1.1.7", "", ""),
        ("reader5.1.1@example.org", "", ""),
        ("", "", ""),
    ],
)
def test_codes_are_found_and_nothing_else_is_taken_for_one(text: str, code: str, status: str) -> None:
    assert (reply_code_in(text), status_in(text)) == (code, status)


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("host MX.example.org[192.0.2.7] said: 550 no", "mx.example.org"),
        ("while talking to mx.example.org.:", "mx.example.org"),
        ("rejected by the recipient domain by mx.example.org. [192.0.2.7]", "mx.example.org"),
        ("Server mx.example.org[192.0.2.7] failed with: 550", "mx.example.org"),
        ("Host unknown", ""),
        ("by the server", ""),
    ],
)
def test_the_server_that_refused_is_found(text: str, remote: str) -> None:
    assert remote_in(text) == remote


def test_the_more_exact_status_counts() -> None:
    assert completed(Report(ADA, status="5.0.0", diagnostic="550 5.1.1 no")).status == "5.1.1"
    assert completed(Report(ADA, status="5.1.0", diagnostic="550 5.2.2 full")).status == "5.2.2"
    assert completed(Report(ADA, status="5.1.1", diagnostic="550 5.2.2 full")).status == "5.1.1"
    assert completed(Report(ADA, status="5.4.0", diagnostic="550 5.0.0 no")).status == "5.4.0"


@given(st.text())
def test_a_diagnostic_is_one_line_and_not_too_long(text: str) -> None:
    line = one_line(text * 100)
    assert len(line) <= MAX_DIAGNOSTIC
    assert len(line.splitlines()) <= 1
    assert completed(Report(ADA, diagnostic=line)).recipient == ADA
