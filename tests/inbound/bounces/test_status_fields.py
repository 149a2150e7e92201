import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.inbound.bounces.status_fields import reports_in_fields
from newsletter.inbound.model import Report
from tests.inbound.bounces.sample import ADA, ALAN


def read(text: str) -> tuple[Report, ...]:
    return reports_in_fields(text.split("\n"))


def test_fields_come_in_any_order() -> None:
    text = f"""\
Reporting-MTA: dns; mx.example.net

Diagnostic-Code: smtp; 550 5.1.1 User unknown
Status: 5.1.1
Last-Attempt-Date: Mon, 2 Nov 2026 08:00:00 +0000
Action: Failed
Final-Recipient: rfc822; {ADA}
"""
    assert read(text) == (Report(ADA, "failed", "5.1.1", "550", "550 5.1.1 User unknown"),)


def test_an_empty_line_within_a_recipients_fields_does_not_end_them() -> None:
    text = f"""\
Arrival-Date: Mon, 2 Nov 2026 08:00:00 +0000
Reporting-MTA: dns; mx.example.net

Diagnostic-Code: smtp; 550-Please turn on authentication.

550-mx.example.net is not permitted to
550 relay through this server.
Status: 5.0.0
Action: failed
Final-Recipient: rfc822; {ADA}
"""
    (report,) = read(text)
    assert report.recipient == ADA
    assert report.diagnostic.endswith("550 relay through this server.")


def test_blocks_are_told_apart_without_an_empty_line() -> None:
    text = f"Final-Recipient: {ADA}\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: {ALAN}\nAction: delayed\nStatus: 4.2.2\n"
    assert [(report.recipient, report.action) for report in read(text)] == [(ADA, "failed"), (ALAN, "delayed")]


def test_fields_may_be_indented_and_spaced_oddly() -> None:
    text = f"  Final-Recipient : RFC822;{ADA}\n  Action :failed\n  Status: 5 . 1 . 1\n"
    assert read(text) == (Report(ADA, "failed", "5.1.1"),)


def test_a_folded_diagnostic_is_one_line() -> None:
    (report,) = read(f"Final-Recipient: rfc822;{ADA}\nAction: failed\nDiagnostic-Code: smtp; 550 5.1.1\n\tUser\n    unknown\n")
    assert report.diagnostic == "550 5.1.1 User unknown"


def test_the_original_recipient_is_whom_the_message_was_sent_to() -> None:
    assert (
        read(f"Original-Recipient: rfc822;{ADA}\nFinal-Recipient: rfc822;a1@mx.example.org\nAction: failed")[0].recipient == ADA
    )
    assert read(f"Original-Recipient: x400;/C=GB/\nFinal-Recipient: rfc822;{ADA}\nAction: failed")[0].recipient == ADA
    plus = "ada+news@example.org"
    assert (
        read(f"Original-Recipient: rfc822;ada+2Bnews@example.org\nFinal-Recipient: rfc822;{plus}\nAction: failed")[0].recipient
        == plus
    )


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [
        ("5.1.1", "5.1.1", ""),
        ("5.2.0 (LMTP transmission failure)", "5.2.0", "LMTP transmission failure"),
        ("4.4.7 delivery time expired", "4.4.7", "delivery time expired"),
        ("smtp;5.1.1", "5.1.1", ""),
        ("unknown", "", ""),
    ],
)
def test_a_status_may_have_a_comment(value: str, status: str, said: str) -> None:
    (report,) = read(f"Final-Recipient: rfc822;{ADA}\nAction: failed\nStatus: {value}")
    assert (report.status, report.diagnostic) == (status, said)


@pytest.mark.parametrize(
    ("value", "action"),
    [
        ("failed", "failed"),
        ("Failure", "failed"),
        ("failed (bad mailbox)", "failed"),
        ("deferred", "delayed"),
        ("Relayed", "relayed"),
    ],
)
def test_actions_are_read_in_their_registered_names(value: str, action: str) -> None:
    assert read(f"Final-Recipient: rfc822;{ADA}\nAction: {value}")[0].action == action


@pytest.mark.parametrize(("status", "action"), [("5.1.1", "failed"), ("4.4.7", "failed"), ("2.0.0", "delivered")])
def test_without_an_action_the_class_of_the_status_tells(status: str, action: str) -> None:
    assert read(f"Final-Recipient: rfc822;{ADA}\nStatus: {status}")[0].action == action


def test_an_exit_code_is_put_into_words() -> None:
    (report,) = read(f"Final-Recipient: rfc822;{ADA}\nAction: failed\nDiagnostic-Code: x-unix; 67")
    assert report.diagnostic == "user unknown (exit code 67)"


def test_fields_of_the_message_alone_are_no_report() -> None:
    assert read("Reporting-MTA: dns; mx.example.net\nArrival-Date: Mon, 2 Nov 2026 08:00:00 +0000\n") == ()
    assert read("") == ()


FIELDS = (
    "Final-Recipient: rfc822; ",
    "Original-Recipient: ",
    "Action: ",
    "Status: ",
    "Diagnostic-Code: smtp; ",
    "Remote-MTA: dns; ",
    "",
    " ",
)


@given(st.lists(st.builds(lambda field, value: field + value, st.sampled_from(FIELDS), st.text(max_size=20)), max_size=40))
def test_any_fields_can_be_read(lines: list[str]) -> None:
    for report in reports_in_fields(lines):
        assert "\n" not in report.diagnostic
        assert report.action in ("", "failed", "delayed", "delivered", "relayed", "expanded")
