"""Which kind of mail it is, and that none is taken for another."""

from __future__ import annotations

import pytest

from newsletter.inbound.model import BounceReason, Door, MailKind
from newsletter.inbound.sorting.sort import sort
from tests.inbound.sorting.letters import ENCLOSED, letter, report, sorted_

STATUS = """\
Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; ada@example.net
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ada@example.net>: user unknown
"""
QMAIL = """\
Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@example.net>:
550 5.1.1 no such user here

--- Below this line is a copy of the message.

Subject: weekly
"""
DAEMON = {"from": "MAILER-DAEMON@mx.example.net", "subject": "failure notice", "return_path": "<>"}


def dsn(status: str = STATUS, **fields: str) -> MailKind:
    mail = report(
        ("text/plain", "Your message could not be delivered."),
        ("message/delivery-status", status),
        ("message/rfc822", ENCLOSED),
        kind="delivery-status",
        **({"from": "MAILER-DAEMON@mx.example.net", "subject": "Undelivered Mail Returned to Sender"} | fields),
    )
    return sort(mail).kind


def test_bounces_and_notices_of_delay_are_told_apart() -> None:
    assert dsn() is MailKind.BOUNCE
    assert dsn(STATUS.replace("failed", "delayed").replace("5.1.1", "4.4.1")) is MailKind.DELAYED
    verdict = sorted_(QMAIL, DAEMON)
    assert verdict.kind is MailKind.BOUNCE
    assert verdict.as_json()["recipients"] == ["ada@example.net"]


@pytest.mark.parametrize("door", list(Door))
def test_a_bounce_is_one_at_every_door_and_never_a_command(door: Door) -> None:
    verdict = sorted_(QMAIL, DAEMON | {"subject": "stop"}, door=door, envelope_from="")
    assert verdict.kind is MailKind.BOUNCE


def test_a_report_that_all_went_well_is_nothing_to_act_upon() -> None:
    assert (
        dsn(STATUS.replace("failed", "delivered").replace("5.1.1", "2.0.0").replace("550 5.1.1", "250 2.0.0")) is MailKind.OTHER
    )
    receipt = report(
        ("text/plain", "Your message was displayed."),
        ("message/disposition-notification", "Disposition: manual-action/MDN-sent-manually; displayed"),
        kind="disposition-notification",
        subject="Read: Trending papers",
    )
    assert (sort(receipt).kind, sort(receipt).detail) == (MailKind.OTHER, "receipt")
    domain = sorted_("attached", subject="Report Domain: example.org Submitter: example.net Report-ID: 7")
    assert (domain.kind, domain.detail) == (MailKind.OTHER, "report")


@pytest.mark.parametrize(
    "text",
    [
        "Why did I get this?\n\n" + "".join(f"> {line}\n" for line in QMAIL.split("\n")),
        "My old address says user unknown now, mailbox full and all that. What can I do?",
        "I stopped reading your paper on delivery failures. 550 5.1.1 is what I remember of it.",
    ],
)
def test_a_person_who_speaks_of_a_bounce_is_a_person(text: str) -> None:
    assert sorted_(text, subject="Re: Trending papers", in_reply_to="<1@example.org>").kind is MailKind.HUMAN


@pytest.mark.parametrize(
    "fields",
    [
        {"auto_submitted": "auto-replied"},
        {"auto_submitted": "auto-generated", "in_reply_to": "<1@example.org>"},
        {"x_autoreply": "yes"},
        {"x_autorespond": "Trending papers"},
        {"precedence": "auto_reply"},
        {"x_ms_exchange_inbox_rules_loop": "ada@example.net"},
        {"subject": "Automatic reply: Trending papers"},
        {"subject": "Out of Office: Trending papers"},
        {"subject": "Automatische Antwort: Trending papers"},
        {"subject": "Abwesenheitsnotiz"},
        {"subject": "Réponse automatique : Trending papers"},
        {"subject": "Respuesta automática: Trending papers"},
        {"subject": "Risposta automatica: Trending papers"},
        {"subject": "Automatisch antwoord: Trending papers"},
        {"subject": "Автоматический ответ: Trending papers"},
        {"subject": "自動応答: Trending papers"},
        {"subject": "自动回复: Trending papers"},
        {"subject": "=?utf-8?B?7J6Q64+ZIO2ajOyLoA==?=: Trending papers"},
        {"subject": "[External] [Bulk] Automatic reply: Trending papers"},
        {"subject": "Re: Trending papers (auto-reply)"},
        {"return_path": "<>", "subject": "Re: Trending papers"},
    ],
    ids=str,
)
def test_answers_of_machines_are_told_by_header_or_subject(fields: dict[str, str]) -> None:
    verdict = sorted_("I am away until Monday.", fields)
    assert verdict.kind is MailKind.AUTO_REPLY
    assert [(each.report.recipient, each.reason, each.hard) for each in verdict.failures] == [
        ("ada@example.net", BounceReason.VACATION, False)
    ]


def test_answers_of_machines_are_told_by_what_they_say() -> None:
    for text in (
        "This is an automated reply. I will be back.",
        "Ich bin derzeit nicht im Büro.",
        "Je suis actuellement en congé.",
    ):
        assert sorted_(text, subject="Re: Trending papers").kind is MailKind.AUTO_REPLY
    # He who begins with a command is a person.
    assert sorted_("pause 2w\n\nI am out of the office until Monday.").kind is MailKind.COMMAND


def test_a_person_who_speaks_of_holidays_or_proof_is_a_person() -> None:
    for text in (
        "I had to click and confirm twice, and to put you on my whitelist.",
        "Is this written by a machine? You should verify that 3 is not a robot paper.",
        "I read it on holiday, and I am out of words.",
    ):
        assert sorted_(text, subject="Re: Trending papers").kind is MailKind.HUMAN


def test_a_machine_confirms_nothing() -> None:
    for fields in (
        {"auto_submitted": "auto-replied"},
        {"precedence": "bulk"},
        {"x_loop": "x"},
        {"from": "noreply@example.net"},
    ):
        kind = sorted_("yes", fields, door=Door.CONFIRM).kind
        assert kind in (MailKind.AUTO_REPLY, MailKind.OTHER)
    assert sorted_("yes", door=Door.CONFIRM, envelope_from="").kind is MailKind.OTHER
    assert sorted_("This is an automatic reply.", door=Door.CONFIRM).kind is MailKind.AUTO_REPLY


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Please click the link to verify that you are a human. You only need to do this once.", {}),
        (
            "Your message is being held until you confirm your identity as a sender: click here.",
            {"subject": "Sender verification"},
        ),
        ("Bitte bestätigen Sie, dass Sie ein Mensch sind. Until you confirm, it waits.", {}),
        (
            "I get too much spam. Please click here; you only have to do this once.",
            {"subject": "Re: Papers (verification required)"},
        ),
        (
            "Your message was waitlisted. Please add yourself to my Guest List: click here.",
            {"subject": "Papers (Action Required)"},
        ),
        ("confirm", {"x_tmda_fingerprint": "abc"}),
    ],
)
def test_who_wants_proof_is_a_challenge(text: str, fields: dict[str, str]) -> None:
    for door in (Door.UNKNOWN, Door.CONFIRM):
        verdict = sorted_(text, fields, door=door)
        assert (verdict.kind, verdict.detail) == (MailKind.OTHER, "challenge")


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"list_id": "<other.example.net>"}, "list"),
        ({"precedence": "bulk"}, "list"),
        ({"x_spam_flag": "YES"}, "spam"),
        ({"x_spam_status": "Yes, score=9.1 required=5.0"}, "spam"),
        ({"x_spam_level": "*******"}, "spam"),
        ({"x_ses_spam_verdict": "FAIL"}, "spam"),
        ({"x_ms_exchange_organization_scl": "9"}, "spam"),
        ({"auto_submitted": "auto-generated"}, "automatic"),
        ({"from": "noreply@example.net"}, "automatic"),
    ],
    ids=str,
)
def test_lists_spam_and_machines_are_nothing_to_act_upon(fields: dict[str, str], detail: str) -> None:
    for text in ("hello", "stop"):
        verdict = sorted_(text, fields)
        assert (verdict.kind, verdict.detail) == (MailKind.OTHER, detail)
        assert verdict.as_json()["reason"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"x_spam_flag": "NO"},
        {"x_spam_status": "No, score=1.0", "x_spam_level": "*****"},
        {"x_spam_level": "**"},
        {"x_ms_exchange_organization_scl": "1"},
        {"x_rspamd_action": "no action"},
    ],
    ids=str,
)
def test_what_no_filter_called_spam_is_none(fields: dict[str, str]) -> None:
    assert sorted_("stop", fields).kind is MailKind.COMMAND


def test_an_answer_to_a_signed_address_is_heeded_whatever_a_filter_says() -> None:
    spam = {"x_spam_flag": "YES"}
    assert sorted_("less 2", spam, door=Door.REPLY).kind is MailKind.COMMAND
    assert sorted_("yes", spam, door=Door.CONFIRM).kind is MailKind.CONFIRM
    assert sorted_("", spam, door=Door.UNSUBSCRIBE).kind is MailKind.UNSUBSCRIBE
    assert sorted_("less 2", spam, door=Door.PLAIN).kind is MailKind.OTHER


@pytest.mark.parametrize(
    ("door", "fields"),
    [
        (Door.UNSUBSCRIBE, {"subject": ""}),
        (Door.UNSUBSCRIBE, {"subject": "whatever", "auto_submitted": "auto-generated"}),
        (Door.REPLY, {"subject": "unsubscribe"}),
        (Door.REPLY, {"subject": "unsubscribe", "auto_submitted": "auto-replied", "x_apple_unsubscribe": "true"}),
        (Door.PLAIN, {"subject": "Unsubscribe."}),
        (Door.UNKNOWN, {"subject": "unsubscribe 4f3a9b"}),
        (Door.UNKNOWN, {"subject": "Abmelden"}),
        (Door.UNKNOWN, {"subject": "退订"}),
    ],
)
def test_a_program_that_unsubscribes_its_user_is_heeded(door: Door, fields: dict[str, str]) -> None:
    assert sorted_("This message was sent on behalf of a user.", fields, door=door).kind is MailKind.UNSUBSCRIBE


def test_what_answers_from_an_address_is_not_asked_for_by_its_owner() -> None:
    assert sorted_("away", door=Door.UNSUBSCRIBE, auto_submitted="auto-replied").kind is MailKind.AUTO_REPLY
    assert sorted_("", door=Door.UNSUBSCRIBE, envelope_from="").kind is MailKind.OTHER
    assert sorted_("hello", subject="Re: unsubscribe").kind is MailKind.HUMAN


def test_any_answer_of_a_person_confirms_where_confirming_was_asked_for() -> None:
    for text in ("yes", "", "Ja, gerne!", "> quoted", "no"):
        assert sorted_(text, door=Door.CONFIRM, subject="Re: Please confirm").kind is MailKind.CONFIRM
    # Without knowing the door the words have to say it.
    assert sorted_("Yes.", subject="Re: Please confirm your subscription").kind is MailKind.CONFIRM
    assert sorted_("Who are you?", subject="Re: Please confirm your subscription").kind is MailKind.HUMAN


@pytest.mark.parametrize("door", [Door.PLAIN, Door.REPLY, Door.UNKNOWN])
def test_commands_are_told_from_letters(door: Door) -> None:
    assert sorted_("weekly\n\nOn 5 Jan 2026 News wrote:\n> papers\n", door=door, subject="Re: Papers").kind is MailKind.COMMAND
    assert sorted_("", door=door, subject="weekly").kind is MailKind.COMMAND
    assert sorted_("I like it.", door=door, subject="Re: weekly").kind is MailKind.HUMAN
    assert sorted_("I like it.", door=door, subject="help", in_reply_to="<1@example.org>").kind is MailKind.HUMAN
    assert sorted_("Dear editors, I found a mistake in number 3.", door=door).kind is MailKind.HUMAN


def test_mail_to_an_address_for_bounces_is_never_a_command() -> None:
    for text in ("stop", "less 2", "hello"):
        assert sorted_(text, door=Door.BOUNCES).kind is MailKind.HUMAN
    assert sorted_("", door=Door.BOUNCES, subject="unsubscribe").kind is MailKind.HUMAN


def test_what_is_a_command_is_asked_of_him_who_knows() -> None:
    asked: list[str] = []

    def never(text: str) -> bool:
        asked.append(text)
        return False

    mail = letter("stop\n\n> less 2\n", subject="weekly")
    assert sort(mail, looks_like_command=never).kind is MailKind.HUMAN
    assert asked == ["stop", "weekly"]
    assert sort(letter("Grüße", subject="x"), looks_like_command=lambda text: text == "Grüße").kind is MailKind.COMMAND


def test_what_has_no_sender_cannot_be_acted_upon() -> None:
    for mail in (
        letter("stop", **{"from": ""}),
        letter("stop", **{"from": "nobody"}),
        letter("", **{"from": "", "subject": ""}),
    ):
        verdict = sort(mail)
        assert (verdict.kind, verdict.detail) == (MailKind.OTHER, "unreadable")
