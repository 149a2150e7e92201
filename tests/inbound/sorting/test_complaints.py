"""Complaints: of the standard's form, and of the forms of providers."""

from __future__ import annotations

import json

import pytest

from newsletter.inbound.model import BounceReason, MailKind
from newsletter.inbound.reading.mail import Mail
from newsletter.inbound.sorting.complaints import HARMLESS, complaint_of
from newsletter.inbound.sorting.sort import sort
from tests.inbound.sorting.letters import ENCLOSED, letter, report

WORDS = ("text/plain", "This is an email abuse report for an email message received from 192.0.2.1.")


def feedback(fields: str, *, enclosed: str = ENCLOSED) -> Mail:
    return report(WORDS, ("message/feedback-report", fields), ("message/rfc822", enclosed), **{"from": "fbl@example.net"})


def recipients(mail: Mail) -> list[str]:
    verdict = sort(mail)
    assert verdict.kind is MailKind.COMPLAINT
    assert all(failure.reason is BounceReason.FEEDBACK and not failure.hard for failure in verdict.failures)
    return [failure.report.recipient for failure in verdict.failures]


def test_a_report_names_each_who_complained() -> None:
    fields = "Feedback-Type: abuse\nVersion: 1\nOriginal-Rcpt-To: <ada@example.net>\nOriginal-Rcpt-To: rfc822;bob@example.net\n"
    assert recipients(feedback(fields)) == ["ada@example.net", "bob@example.net"]
    assert sort(feedback(fields)).detail == "abuse"


def test_without_a_named_recipient_it_is_whom_the_message_was_sent_to() -> None:
    assert recipients(feedback("Feedback-Type: abuse\nVersion: 1\n")) == ["ada@example.net"]
    assert recipients(feedback("Feedback-Type: abuse\n", enclosed="From: news@example.org\n\nredacted")) == [""]


def test_what_it_says_of_itself_is_printed() -> None:
    verdict = sort(feedback("Feedback-Type: abuse\nOriginal-Rcpt-To: ada@example.net\n"))
    assert verdict.as_json() == {
        "kind": "complaint",
        "hard": False,
        "reason": "feedback",
        "status": None,
        "recipients": ["ada@example.net"],
    }


@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        ("abuse", True),
        ("fraud", True),
        ("opt-out", True),
        ("other", True),
        ("miscategorized", True),
        ("not-spam", False),
        ("auth-failure", False),
        ("virus", False),
    ],
)
def test_the_type_of_a_report_tells_whether_mails_end(kind: str, *, ends: bool) -> None:
    verdict = sort(feedback(f"Feedback-Type: {kind.upper()} \nVersion: 1\n"))
    assert verdict.kind is MailKind.COMPLAINT
    assert verdict.detail == kind
    assert (verdict.detail not in HARMLESS) is ends


def test_a_report_without_a_type_is_one_of_abuse() -> None:
    assert sort(report(WORDS)).detail == "abuse"
    assert sort(feedback("Version: 1\n")).detail == "abuse"


def test_a_report_goes_before_the_bounce_that_it_encloses() -> None:
    bounce = "From: MAILER-DAEMON@example.org\nSubject: Undelivered Mail\n\n<ada@example.net>: 550 5.1.1 user unknown"
    assert sort(feedback("Feedback-Type: abuse\n", enclosed=bounce)).kind is MailKind.COMPLAINT


def test_hotmail_encloses_the_message_and_names_who_complained_in_its_header() -> None:
    enclosed = f"X-HmXmrOriginalRecipient: <eve@example.net>\n{ENCLOSED}"
    mail = report(
        ("message/rfc822", enclosed),
        kind="x",
        **{"from": "staff@example.com"},
        subject="complaint about message from 192.0.2.1",
    )
    assert recipients(mail) == ["eve@example.net"]
    sent_back = letter("Trending papers", x_hmxmroriginalrecipient="eve@example.net", subject="Trending papers")
    assert recipients(sent_back) == ["eve@example.net"]


@pytest.mark.parametrize(
    "fields",
    [
        {"from": "fbl@example.com", "subject": "Email Feedback Report for IP 192.0.2.1"},
        {"from": "noreply@example.com", "subject": "Spam complaint from a user"},
        {"from": "abuse@example.com", "subject": "[Abuse report] unwanted mail"},
    ],
)
def test_an_enclosed_message_under_words_of_a_complaint_is_one(fields: dict[str, str]) -> None:
    text = f"--b\n\nA user does not want this.\n--b\nContent-Type: message/rfc822\n\n{ENCLOSED}--b--\n"
    assert recipients(letter(text, content_type="multipart/mixed; boundary=b", **fields)) == ["ada@example.net"]


def test_other_forms_of_reporters_are_known() -> None:
    assert sort(letter("hello", subject="[SpamCop (192.0.2.1) id:7261534]Trending papers")).kind is MailKind.COMPLAINT
    assert sort(letter("hello", x_xarf="PLAIN")).kind is MailKind.COMPLAINT
    pasted = "Feedback-Type: fraud\nUser-Agent: Example/1.0\nVersion: 1\nOriginal-Rcpt-To: ada@example.net\n"
    assert recipients(letter(pasted)) == ["ada@example.net"]
    assert sort(letter(pasted)).detail == "fraud"


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_notice_of_amazon_ses_is_one(*, is_wrapped: bool) -> None:
    notice = json.dumps(
        {
            "notificationType": "Complaint",
            "complaint": {"complainedRecipients": [{"emailAddress": "ada@example.net"}], "complaintFeedbackType": "abuse"},
            "mail": {"destination": ["ada@example.net"]},
        }
    )
    text = json.dumps({"Type": "Notification", "Message": notice}) if is_wrapped else notice
    folded = text[:60] + "!\n " + text[60:]
    for body in (text, folded):
        assert recipients(letter(body, **{"from": "no-reply@sns.example.com"})) == ["ada@example.net"]
    assert complaint_of(letter(text.replace('Complaint"', 'Delivery"').replace("Complaint\\", "Delivery\\"))) is None


def test_a_person_who_speaks_of_a_complaint_makes_none() -> None:
    quoted = "I got this from you, what is it?\n\n> Feedback-Type: abuse\n> Version: 1\n"
    assert sort(letter(quoted, subject="Re: abuse report")).kind is MailKind.HUMAN
    text = f"--b\n\nWhy do I get this?\n--b\nContent-Type: message/rfc822\n\n{ENCLOSED}--b--\n"
    for subject in ("Fwd: Trending papers", "a question", "Re: complaint about your mail"):
        mail = letter(text, content_type="multipart/mixed; boundary=b", subject=subject)
        assert sort(mail).kind is MailKind.HUMAN
