"""Why a server refused, by what it said."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.inbound.bounces.phrases import MAX_TEXT, words_of
from newsletter.inbound.bounces.reasons import reason_of_reply
from newsletter.inbound.model import BounceReason

#: Code, enhanced status, text, reason, hard.
SAID = [
    (550, "5.1.1", "<ada@example.org>: Recipient address rejected: User unknown in virtual mailbox table", "userunknown", True),
    (550, "5.1.1", "The email account that you tried to reach does not exist. Please try double-checking", "userunknown", True),
    (550, "", "No such user here", "userunknown", True),
    (550, "", "Requested action not taken: mailbox unavailable", "userunknown", True),
    (550, "5.4.1", "Recipient address rejected: Access denied. AS(201806281)", "userunknown", True),
    (550, "5.1.1", "Empfänger unbekannt", "userunknown", True),
    (550, "", "Utilisateur inconnu", "userunknown", True),
    (550, "", "Почтовый ящик не существует", "userunknown", True),
    (550, "", "该用户不存在", "userunknown", True),
    (550, "", "Adresse invalide. OFR_416 [416]", "userunknown", True),
    (550, "", "Boite du destinataire. OFR_417 [417]", "mailboxfull", False),
    (450, "4.1.1", "<ada@example.org>: Recipient address rejected: unverified address", "userunknown", False),
    (550, "5.1.2", "Host unknown", "hostunknown", True),
    (450, "4.4.3", "Host not found, try again", "networkerror", False),
    (551, "5.1.6", "recipient no longer on server: ada@example.org", "hasmoved", True),
    (556, "5.1.10", "Domain does not accept mail (null MX)", "notaccept", True),
    (552, "5.2.2", "The email account that you tried to reach is over quota", "mailboxfull", False),
    (552, "5.2.2", "Das Postfach ist voll", "mailboxfull", False),
    (552, "", "受信者のメールボックスがいっぱいです", "mailboxfull", False),
    (550, "5.2.1", "The email account that you tried to reach is disabled", "suspend", False),
    (525, "5.7.13", "User account disabled", "suspend", False),
    (552, "5.3.4", "Message size exceeds fixed limit", "mesgtoobig", False),
    (552, "5.2.3", "Message length exceeds limit set by recipient", "exceedlimit", False),
    (554, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "blocked", False),
    (
        550,
        "5.7.1",
        "Unfortunately, messages from [192.0.2.1] weren't sent. part of their network is on our block list (S3150)",
        "blocked",
        False,
    ),
    (550, "5.7.606", "Access denied, banned sending IP [192.0.2.1]", "blocked", False),
    (550, "5.7.25", "The IP address sending this message does not have a PTR record setup", "requireptr", False),
    (550, "5.7.26", "This mail has been blocked because the sender is unauthenticated.", "authfailure", False),
    (550, "5.7.509", "Access denied, sending domain example.org does not pass DMARC verification", "authfailure", False),
    (
        550,
        "5.7.1",
        "gmail has detected that this message is suspicious due to the very low reputation of the sending domain",
        "badreputation",
        False,
    ),
    (
        451,
        "4.7.650",
        "The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.",
        "badreputation",
        False,
    ),
    (550, "5.7.1", "Our system has detected that this message is likely unsolicited mail.", "spamdetected", False),
    (554, "5.7.1", "Message rejected: virus detected", "virusdetected", False),
    (
        552,
        "5.7.0",
        "This message was blocked because its content presents a potential security issue.",
        "policyviolation",
        False,
    ),
    (550, "5.7.1", "This message is not RFC 5322 compliant. There are multiple Subject headers.", "notcompliantrfc", False),
    (554, "5.7.1", "<ada@example.org>: Relay access denied", "norelaying", False),
    (530, "5.7.0", "Must issue a STARTTLS command first", "securityerror", False),
    (550, "5.1.8", "Sender address rejected: Domain not found", "rejected", False),
    (421, "4.7.0", "mail.example.org Error: too many connections from 192.0.2.1", "toomanyconn", False),
    (
        450,
        "4.2.1",
        "The user you are trying to contact is receiving mail at a rate that prevents additional messages",
        "speeding",
        False,
    ),
    (451, "4.7.1", "Greylisted, please try again in 300 seconds", "speeding", False),
    (452, "4.3.1", "Insufficient system storage", "systemfull", False),
    (554, "5.4.6", "Too many hops", "networkerror", False),
    (550, "5.0.0", "Hmm", "onhold", False),
    (554, "5.7.1", "Virus Detected; Content Rejected", "virusdetected", False),
    (552, "", "Too many recipients", "toomanyconn", False),
    (550, "5.1.0", "192.0.2.1 is not allowed to send from example.com per its SPF record", "authfailure", False),
    (550, "5.7.0", "Please use the smtp server of your ISP.", "blocked", False),
    (421, "", "Service refuse. Veuillez essayer plus tard. LPN006_107", "blocked", False),
    (550, "5.1.1", "Boite du destinataire archivee. OFR_420 [420]", "suspend", False),
    (550, "5.7.9", "Rejected", "securityerror", False),
    (550, "", "No MX found for domain", "notaccept", True),
    (550, "", "This host does not accept mail from your network", "rejected", False),
    (550, "", "This server does not accept connections from dynamic addresses", "blocked", False),
    (550, "", "This host does not accept mail", "notaccept", True),
    (550, "", "See https://www.example.org/errors#spam", "onhold", False),
]


@pytest.mark.parametrize(("code", "status", "text", "reason", "hard"), SAID, ids=[text[:40] for _, _, text, _, _ in SAID])
def test_what_servers_say_is_understood(code: int, status: str, text: str, reason: str, hard: bool) -> None:
    assert reason_of_reply(code, status, text) == (BounceReason(reason), hard)


def test_codes_in_the_middle_of_a_sentence_do_not_break_it() -> None:
    said = "has an SPF record with a 550-5.7.26 hard fail policy (-all) but it fails 550 5.7.26 to pass"
    assert reason_of_reply(550, "", said)[0] is BounceReason.AUTH_FAILURE


def test_the_refused_command_decides_whose_name_is_unknown() -> None:
    assert reason_of_reply(550, "", "5.1.2 Host unknown (in reply to MAIL FROM command)") == (BounceReason.REJECTED, False)
    assert reason_of_reply(550, "", "User unknown (in reply to end of DATA command)") == (BounceReason.FILTERED, False)
    assert reason_of_reply(550, "", "User unknown (in reply to RCPT TO command)") == (BounceReason.USER_UNKNOWN, True)


def test_an_address_is_no_word() -> None:
    assert words_of("550 5.1.1 <mailbox.full@spam.example.org>: E-Mail: OK?").spaced == " email ok "


@given(st.integers(400, 499), st.sampled_from(SAID))
def test_what_is_refused_for_now_is_never_hard(code: int, said: tuple[int, str, str, str, bool]) -> None:
    assert not reason_of_reply(code, "", said[2])[1]


@given(st.integers(400, 599), st.text(max_size=12), st.text(max_size=300))
def test_any_reply_has_a_reason(code: int, status: str, text: str) -> None:
    reason, hard = reason_of_reply(code, status, text)
    assert isinstance(reason, BounceReason)
    assert not (hard and code < 500)


@pytest.mark.parametrize(
    "unit", ["a", " ", "550 ", "5.1.1.", "user ", "user unknown host ", "(", "in reply to ", "after ", "邮", "e\u0301", "a@"]
)
def test_the_length_of_a_text_costs_next_to_nothing(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.process_time()
        reason_of_reply(550, "", text)
        return time.process_time() - began

    reason_of_reply(550, "", unit * MAX_TEXT)
    assert min(seconds(1_000_000) for _ in range(3)) < 0.02
