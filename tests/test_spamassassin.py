"""Every packaged mail before SpamAssassin, where it is installed: its packaged rules, no network."""

from __future__ import annotations

from email import message_from_bytes

from newsletter.preview.checks.spam import spam_score, spam_scores
from tests.preview.checks.mails import packaged_mails


def received(data: bytes) -> bytes:
    """The message as a server has it that took it from our relay in the second of its date: some rules look at nothing else."""
    date = message_from_bytes(data)["Date"]
    line = f"Received: from relay.example.org (relay.example.org [10.0.0.5]) by mx.example.org with ESMTPS id 1; {date}\r\n"
    return line.encode() + data


def test_spamassassin_scores_every_kind_of_message_below_one() -> None:
    mails = packaged_mails()
    reports = spam_scores([received(mail.data) for mail in mails.values()])
    assert len(reports) == len(mails)
    points = {
        name: {rule.name: rule.points for rule in report.rules if rule.points > 0}
        for name, report in zip(mails, reports, strict=True)
    }
    scores = dict(zip(mails, (report.score for report in reports), strict=True))
    assert {name: (score, points[name]) for name, score in scores.items() if score >= 1.0} == {}


def test_spamassassin_knows_its_own_test_message() -> None:
    gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
    report = spam_score(f"Subject: x\r\nFrom: a@example.org\r\n\r\n{gtube}\r\n".encode())
    assert report is not None
    assert report.score > 900
    assert "GTUBE" in {rule.name for rule in report.rules}
