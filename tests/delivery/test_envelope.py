"""Nothing in an address or a message can say more to the server than it should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.envelope import Envelope, check_message
from newsletter.delivery.errors import MessageUnsendable, SmtpRefused

SENDER = "bounces@example.org"


def envelope(recipient: str, *, sender: str = SENDER, size: int = 100, **extensions: str) -> Envelope:
    return Envelope.of(sender, recipient, size=size, extensions=extensions)


def test_an_envelope_says_what_the_server_offers_to_hear() -> None:
    plain = envelope("ada@example.org")
    assert plain == Envelope(b"MAIL FROM:<bounces@example.org>", b"RCPT TO:<ada@example.org>")
    assert envelope("ada@example.org", SIZE="1000").mail == b"MAIL FROM:<bounces@example.org> SIZE=100"
    assert envelope("ada@example.org", sender="").mail == b"MAIL FROM:<>"


def test_a_domain_goes_as_a_label() -> None:
    assert envelope("ada@bücher.example.org").rcpt == b"RCPT TO:<ada@xn--bcher-kva.example.org>"


def test_a_local_part_beyond_ascii_goes_only_where_it_is_understood() -> None:
    with pytest.raises(SmtpRefused, match="SMTPUTF8") as refused:
        envelope("adá@example.org")
    assert refused.value.reply.status == "5.6.7"
    offered = envelope("adá@example.org", SMTPUTF8="")
    assert offered.mail.endswith(b" SMTPUTF8")
    assert offered.rcpt == "RCPT TO:<adá@example.org>".encode()


def test_a_message_that_is_too_large_is_refused_before_it_is_offered() -> None:
    with pytest.raises(SmtpRefused, match="takes 50") as refused:
        envelope("ada@example.org", SIZE="50")
    assert refused.value.reply.status == "5.3.4"
    assert envelope("ada@example.org", SIZE="0").mail.endswith(b"SIZE=100"), "0 means no limit is known"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example.org>\r\nRCPT TO:<eve@example.org",
        "ada\n@example.org",
        "a da@example.org",
        "<ada@example.org>",
        '"ada"@example.org',
        "ada@[127.0.0.1]",
        "@relay.example.org:ada@example.org",
        "ada@exa mple.org",
        "ada@example..org",
        "ada@-example.org",
        "ada\u2028@example.org",
        "ada\x85@example.org",
        "a" * 65 + "@example.org",
        "ada@" + "a." * 130 + "org",
        "ada\udcff@example.org",
        "ada@xn\u00ad.\u200b.org",
    ],
)
def test_an_address_that_is_none_is_refused_with_a_reason(address: str) -> None:
    with pytest.raises(SmtpRefused, match="not sent: the address"):
        envelope(address)
    if address:
        with pytest.raises(MessageUnsendable, match="envelope_from"):
            envelope("ada@example.org", sender=address)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_breaks_out_of_a_command(local: str, domain: str) -> None:
    try:
        made = envelope(f"{local}@{domain}", SMTPUTF8="")
    except SmtpRefused:
        return
    inner = made.rcpt.removeprefix(b"RCPT TO:<").removesuffix(b">")
    assert not set(inner) & set(b'<>\r\n \0",;:()[]\\')


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"A: b\r\n\r\na lone CR\r here\r\n", "bare CR"),
        (b"A: b\r\n\r\na lone LF\n here\r\n", "bare CR or LF"),
        (b"A: b\r\n\r\nhidden end\n.\r\n", "bare CR or LF"),
        (b"A: b\r\n\r\nhidden end\r\n.\nMAIL\r\n", "bare CR or LF"),
        (b"A: b\r\n\r\nswapped\n\r\r\n", "bare CR or LF"),
        (b"A: b\r\n\r\nno end", "does not end in CRLF"),
        (b"", "does not end in CRLF"),
        (b"A: b\r\n\r\n\0\r\n", "NUL"),
        (b"A: " + b"b" * 999 + b"\r\n", "998"),
        ("A: é\r\n".encode(), "8BITMIME"),
    ],
)
def test_bytes_that_would_not_survive_the_wire_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(MessageUnsendable, match=words):
        check_message(data, can_8bit=False)


def test_bytes_that_survive_the_wire_pass() -> None:
    check_message(b"A: b\r\n\r\n.\r\n..\r\n" + b"x" * 998 + b"\r\n", can_8bit=False)
    check_message("A: é\r\n".encode(), can_8bit=True)
