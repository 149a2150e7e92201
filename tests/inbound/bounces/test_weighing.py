"""What a bounce says of one recipient, weighed with the mail it says so in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bounces import Sample as Recorded
from benchmarks.bounces import classify, counted, load
from newsletter.inbound.bounces.failures import read_bounce
from newsletter.inbound.bounces.weighing import weigh
from newsletter.inbound.model import BounceReason, Failure, Report
from newsletter.inbound.reading.mail import read_mail
from tests.inbound.bounces.dialects_reasons import REASONS, Reason
from tests.inbound.bounces.sample import ADA, Sample


def weighed(report: Report, text: str = "", *, subject: str = "Returned mail") -> Failure:
    mail = f"From: mailer-daemon@mx.example.net\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
    (failure,) = weigh([report], read_mail(mail.encode()))
    return failure


def said(text: str, *, status: str = "", code: str = "") -> Report:
    return Report(ADA, action="failed", status=status, reply_code=code, diagnostic=text)


def test_what_the_server_said_goes_before_what_the_bouncing_one_made_of_it() -> None:
    failure = weighed(
        said("550 5.7.1 IP address blacklisted by recipient", status="5.1.1"), f"550 5.1.1 <{ADA}>... User unknown"
    )
    assert (failure.reason, failure.hard) == (BounceReason.BLOCKED, False)


def test_a_status_alone_is_enough() -> None:
    assert weighed(Report(ADA, status="5.1.1")).hard
    assert weighed(Report(ADA, status="5.2.2")).reason is BounceReason.MAILBOX_FULL
    assert weighed(Report(ADA, status="4.4.7")).reason is BounceReason.EXPIRED


def test_a_silent_report_is_read_in_the_words_beside_it() -> None:
    text = f"Your message could not be delivered to\n\n  {ADA}\n\nThe user's mailfolder is full.\n"
    assert weighed(Report(ADA), text).reason is BounceReason.MAILBOX_FULL
    assert weighed(Report(""), "You are not a member of this mailing list.").reason is BounceReason.REJECTED
    assert weighed(Report(ADA), subject="Loop Alert: Duplicated Message-ID").reason is BounceReason.SYSTEM_ERROR


def test_the_returned_message_is_no_part_of_it() -> None:
    text = "Sorry.\n\n--- Original message ---\nReceived: from mx.example.net\nSubject: Why the mailbox is full of spam\n"
    assert weighed(Report(ADA), text).reason is BounceReason.UNDEFINED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"<{ADA}>: host mx.example.org[192.0.2.1] said: 550 User\n    unknown (in reply to RCPT TO command)", "userunknown"),
        (f"<{ADA}>: host mx.example.org[192.0.2.1] said: 550 User\n    unknown (in reply to end of DATA command)", "filtered"),
        (f"  {ADA}\n    SMTP error from remote mail server after RCPT TO:<{ADA}>:\n    550 User unknown", "userunknown"),
        (f"  {ADA}\n    SMTP error from remote mail server after end of data:\n    550 User unknown", "filtered"),
        (f"<{ADA}>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 User unknown", "userunknown"),
        (
            f"There was an error delivering your mail to <{ADA}>.\n\nmx did not like our RCPT TO:\n550 User unknown",
            "userunknown",
        ),
        (f"... while talking to mx.example.org.:\n>>> RCPT To:<{ADA}>\n<<< 550 User unknown", "userunknown"),
        ("... while talking to mx.example.org.:\n>>> DATA\n<<< 550 User unknown\n554 5.0.0 Service unavailable", "filtered"),
        (">>> DATA\n<<< 550 User unknown\n550 5.1.1 x... User unknown\n<<< 503 Need RCPT (recipient)", "userunknown"),
        ("... while talking to mx.example.org.:\n<<< 550 User unknown", "blocked"),
        (f"Could not deliver to {ADA}: 550 User unknown", "filtered"),
    ],
)
def test_who_is_unknown_depends_on_the_command_that_was_refused(text: str, reason: str) -> None:
    failure = weighed(said("550 User unknown", code="550"), text)
    assert failure.reason == reason
    assert failure.hard is (reason == "userunknown")


def test_sendmail_names_the_recipient_when_it_refuses_him() -> None:
    assert weighed(said(f"smtp; 550 <{ADA}>... User unknown", status="5.0.0")).hard
    assert not weighed(said("smtp; 550 : User unknown", status="5.0.0")).hard


def test_a_delayed_notice_is_never_hard_and_says_why_if_it_knows() -> None:
    late = Report(ADA, action="delayed", status="4.0.0")
    assert weighed(late, "Will keep trying until message is 5 days old").reason is BounceReason.EXPIRED
    full = Report(ADA, action="delayed", status="4.2.2", diagnostic="452 4.2.2 Mailbox full")
    assert weighed(full).reason is BounceReason.MAILBOX_FULL
    assert not weighed(Report(ADA, action="delayed", status="5.1.1", diagnostic="550 5.1.1 User unknown")).hard


@pytest.mark.parametrize(
    ("text", "reason", "hard"),
    [
        ("5.1.0 - Unknown address error 550-'5.2.2 <ada@example.org>... Mailbox Full' (attempts: 0)", "mailboxfull", False),
        ("5.1.0 - Unknown address error 550-'5.7.1 <ada@example.org>... Access denied'", "securityerror", False),
        ("5.1.0 - Unknown address error 550-'5.1.1 <ada@example.org>... User unknown'", "userunknown", True),
        ("rejected by the recipient domain. The error that the other server returned was: 550 550 No such user (state 14).",
         "userunknown", True),
        ("rejected by the recipient domain. The error that the other server returned was: 550 550 No such user (state 17).",
         "filtered", False),
        ("192.0.2.1 does not like recipient. Remote host said: 550 User unknown Giving up on 192.0.2.1.", "userunknown", True),
        ("Connected to 192.0.2.1 but sender was rejected. Remote host said: 550 Hmm.", "rejected", False),
        ("mx.example.org [192.0.2.1]: >>> RCPT TO:<ada@example.org> <<< 550 User unknown.", "userunknown", True),
        ("mx.example.org [192.0.2.1]: >>> DATA <<< 550 User unknown.", "filtered", False),
        ("550: <ada@example.org>: User unknown", "userunknown", True),
        ("550 Sender verify failed: mx.example.com said: 550 5.1.1 User unknown", "rejected", False),
        ("Your message was rejected by the recipient's server: 550 5.1.0 no SPF record", "authfailure", False),
        ("SMTP error from remote mail server after MAIL FROM:<news@example.com>: host 192.0.2.1 [192.0.2.1]: 550 Bad SPF",
         "authfailure", False),
        ("550 5.1.1 <ada@example.org>... User unknown", "userunknown", True),
    ],
)  # fmt: skip
def test_the_reply_that_is_cited_counts_and_not_the_words_around_it(text: str, reason: str, hard: bool) -> None:
    failure = weighed(said(text))
    assert (failure.reason, failure.hard) == (reason, hard)


def test_a_server_that_calls_the_mailbox_disabled_is_believed() -> None:
    text = f"The user(s) account is disabled.\n\n<{ADA}>: 550 user unknown (in reply to RCPT TO command)"
    refusal = said("550 user unknown (in reply to RCPT TO command)", code="550")
    assert weighed(refusal, text).reason is BounceReason.SUSPEND
    assert weighed(said("550 5.1.1 user unknown", status="5.1.1"), text).hard


def test_what_follows_the_reply_may_name_the_command() -> None:
    text = f"{ADA}\n\n-------server message\n550 No such user\n\n-------SMTP command\n%s\n"
    assert weighed(said("550 No such user", code="550"), text % "DATA").reason is BounceReason.FILTERED
    assert weighed(said("550 No such user", code="550"), text % f"RCPT TO:<{ADA}>").hard


def test_an_address_that_a_server_refuses_itself_is_unknown_without_a_reply() -> None:
    mail = (
        f"From: mailer-daemon@mx.example.net\nX-Failed-Recipients: {ADA}\nSubject: Returned mail\n\n{ADA}\n  user not found\n"
    )
    (failure,) = weigh([said("user not found")], read_mail(mail.encode()))
    assert failure.hard
    assert weighed(said("user not found")).reason is BounceReason.FILTERED
    assert weighed(Report(ADA), f"Unknown user: {ADA}\n\nOriginal message follows.").hard


def test_whose_domain_does_not_exist_decides() -> None:
    assert weighed(said("553 example.org does not exist", code="553")).hard
    ours = weighed(said("553 news.example.com does not exist", code="553"))
    assert (ours.reason, ours.hard) == (BounceReason.REJECTED, False)


@pytest.mark.parametrize("sample", REASONS, ids=[sample.name for sample in REASONS])
def test_dialects_say_why(sample: Reason) -> None:
    mail = Sample(sample.name, sample.text, subject=sample.subject).raw()
    bounce = read_bounce(read_mail(mail))
    assert bounce is not None
    assert [(failure.report.recipient, failure.reason.value, failure.hard) for failure in bounce.failures] == [
        (ADA, sample.reason, sample.is_hard)
    ]


def test_exit_codes_of_mailers_are_known() -> None:
    assert weighed(said("x-unix; 67")).reason is BounceReason.USER_UNKNOWN


def test_what_sending_services_file_a_bounce_under_is_heard() -> None:
    notice = {"notificationType": "Bounce", "bounce": {"bounceType": "Transient", "bounceSubType": "MailboxFull"}}
    broken = json.dumps(notice).replace("bounceSub", "bounceSub!\n ")
    assert weighed(said("550 5.1.1 something", code="550"), broken).reason is BounceReason.MAILBOX_FULL
    report = (
        "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
        f"Final-Recipient: rfc822; {ADA}\nX-PowerMTA-BounceCategory: inactive-mailbox\n\n--b--\n"
    )
    (failure,) = weigh([said("550 no", code="550")], read_mail(report.encode()))
    assert failure.reason is BounceReason.SUSPEND


@given(st.builds(Report, *[st.text(max_size=60)] * 6), st.text(max_size=400))
def test_any_report_is_weighed(report: Report, text: str) -> None:
    failure = weighed(report, text)
    assert failure.report == report
    assert not (failure.hard and report.reply_code.startswith("4"))


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> list[Recorded]:
    return load(shared_data / "bounces")


@pytest.mark.shared_data
@pytest.mark.parametrize(("part", "recall", "precision", "reason"), [("dev", 0.97, 0.99, 0.96), ("test", 0.95, 0.97, 0.94)])
def test_recorded_bounces_are_weighed_rightly(
    recorded: list[Recorded], part: str, recall: float, precision: float, reason: float
) -> None:
    figures = counted((sample, classify(sample.raw)) for sample in recorded if sample.part == part)
    shares = {name: share.right / share.total for name, share in figures.shares.items()}
    assert figures.mistaken == []
    assert shares["hard recall, recipients"] >= recall
    assert shares["hard precision, recipients"] >= precision
    assert shares["reason, recipients"] >= reason
