from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from newsletter.preview.checks.model import Area, MailSample
from newsletter.preview.checks.report import Fit, examine
from newsletter.preview.checks.spam import SpamReport, SpamRule, read_reports, spam_score, spam_scores
from newsletter.preview.checks.spoken import reading_order
from newsletter.preview.checks.variants import without_pictures, without_style_blocks
from newsletter.preview.checks.word import word_engine
from newsletter.rendering.findings import Finding, Severity

MAIL = MailSample(
    subject="Two papers",
    preheader="And another",
    html=(
        '<html lang="en" dir="ltr"><title>x</title><h1 class="name" style="color:#aaa">Name</h1>'
        '<a href="https://example.org/">more</a>'
    ),
    text="Name\n",
    data=b"Subject: Two papers\r\n\r\n",
    html_bytes=50_000,
    lint=(Finding("big", "a big one", Severity.WARNING),),
    files={"partials/name.mjml": '<h1 class="name">{{ view.name }}</h1>'},
)
SPAM = SpamReport(1.5, (SpamRule("RULE", 1.5, "A rule"),))


def test_a_report_gathers_what_the_checks_say_errors_first() -> None:
    report = examine(MAIL, abilities=None, spam=SPAM)
    assert [(noted.area, noted.rule, noted.place) for noted in report.findings] == [
        (Area.CONTRAST, "contrast", "partials/name.mjml:1"),
        (Area.LINTER, "big", ""),
        (Area.ACCESSIBILITY, "link-vague", '<a href="https://example.org/"> (HTML line 1)'),
    ]
    assert report.spam is SPAM


def test_a_report_is_plain_values() -> None:
    plain = json.loads(json.dumps(examine(MAIL, abilities=None, spam=SPAM).to_json()))
    assert plain.keys() == {"size", "findings", "compatibility", "spam"}
    assert plain["size"] == {"html_bytes": 50_000, "budget_bytes": 90_000, "clip_bytes": 102_000, "fit": "fits"}
    assert plain["findings"][1] == {
        "rule": "big",
        "problem": "a big one",
        "severity": "warning",
        "area": "linter",
        "place": "",
    }
    assert plain["spam"] == {"score": 1.5, "rules": [{"name": "RULE", "points": 1.5, "description": "A rule"}]}


@pytest.mark.parametrize(("size", "fit"), [(90_000, Fit.FITS), (90_001, Fit.BIG), (102_000, Fit.BIG), (102_001, Fit.CLIPPED)])
def test_the_gauge_knows_our_limit_and_the_providers(size: int, fit: Fit) -> None:
    assert examine(replace(MAIL, html_bytes=size), abilities=None, spam=None).size.fit is fit


def test_a_style_block_that_gmail_leaves_out_is_found() -> None:
    mail = replace(MAIL, html=f"<style>{'p{}' * 6_000}</style>")
    rules = [noted.rule for noted in examine(mail, abilities=None, spam=None).findings]
    assert "style-block-size" in rules


@pytest.mark.parametrize(
    "part",
    [
        *(
            "<!--",
            "<a ",
            '<a x="',
            "<a><b></c>",
            "<div>",
            "<style>",
            "<style>a{",
            "<style>(",
            "</p>",
            "<!--[if mso]>",
            "<table>",
        ),
        *("&#x", "<h1>x"),
    ],
)
def test_hostile_html_takes_no_longer_than_its_length(part: str) -> None:
    html = part * (50_000 // len(part))
    mail = replace(MAIL, html=html, text=html, files={"digest.mjml": html})
    began = time.monotonic()
    examine(mail, abilities=None, spam=None).to_json()
    for change in (without_pictures, without_style_blocks, word_engine, reading_order):
        change(html)
    # About a second; something quadratic takes minutes.
    assert time.monotonic() - began < 30


def test_what_a_message_says_of_itself_is_no_answer() -> None:
    output = (
        "Subject: x\nother 3\n 9.9 OTHER\nother end\nanswer 1.2\n\n pts rule\n----\n"
        " 1.2 SOME_RULE    BODY: Words\n            go on\n-0.0 OTHER\nanswer end\n"
    )
    rules = (SpamRule("SOME_RULE", 1.2, "BODY: Words go on"), SpamRule("OTHER", 0.0, ""))
    assert read_reports(output, "answer") == [SpamReport(1.2, rules)]
    assert read_reports(output, "another") == []


def test_no_messages_have_no_scores() -> None:
    assert spam_scores([]) == []


def test_without_spamassassin_there_is_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert spam_score(b"Subject: x\r\n\r\nx\r\n") is None
