"""Nothing in an address or a message can say more to the server than it should."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.model import OutgoingMessage
from newsletter.delivery.transport.envelope import Envelope, check_message
from newsletter.delivery.transport.errors import MessageUnsendable, SmtpRefused

SENDER = "bounces@example.org"
DATA = b"A: b\r\n\r\nText\r\n"


UTF8 = {"SMTPUTF8": "", "8BITMIME": ""}


def envelope(
    recipient: str,
    offered: Mapping[str, str] | None = None,
    *,
    sender: str = SENDER,
    data: bytes = DATA,
    envelope_id: str = "",
) -> Envelope:
    return Envelope.of(OutgoingMessage(sender, recipient, data, envelope_id), extensions=offered or {})


def test_an_envelope_says_what_the_server_offers_to_hear() -> None:
    plain = envelope("ada@example.org")
    assert plain == Envelope(b"MAIL FROM:<bounces@example.org>", b"RCPT TO:<ada@example.org>")
    assert envelope("ada@example.org", {"SIZE": "1000"}).mail == b"MAIL FROM:<bounces@example.org> SIZE=14"
    assert envelope("ada@example.org", sender="").mail == b"MAIL FROM:<>"


def test_a_domain_goes_as_a_label() -> None:
    assert envelope("ada@bücher.example.org").rcpt == b"RCPT TO:<ada@xn--bcher-kva.example.org>"
    assert envelope("ada@example.org", sender="b@bücher.example.org").mail == b"MAIL FROM:<b@xn--bcher-kva.example.org>"


def test_a_local_part_beyond_ascii_goes_only_where_it_is_understood() -> None:
    for offered in ((), ("SMTPUTF8",), ("8BITMIME",)):
        with pytest.raises(SmtpRefused, match="SMTPUTF8") as refused:
            envelope("adá@example.org", dict.fromkeys(offered, ""))
        assert refused.value.reply.status == "5.6.7"
    made = envelope("adá@bücher.example.org", UTF8)
    assert made.mail == b"MAIL FROM:<bounces@example.org> SMTPUTF8"
    assert made.rcpt == "RCPT TO:<adá@xn--bcher-kva.example.org>".encode()


def test_eight_bits_are_announced_where_they_are_taken() -> None:
    data = "To: adá@example.org\r\n\r\n".encode()
    made = envelope("adá@example.org", UTF8, data=data)
    assert made.mail == b"MAIL FROM:<bounces@example.org> BODY=8BITMIME SMTPUTF8"
    assert envelope("ada@example.org", UTF8).mail == b"MAIL FROM:<bounces@example.org>"


def test_a_report_is_asked_for_of_what_fails_or_is_late() -> None:
    made = envelope("ada+a=b@example.org", {"DSN": ""}, envelope_id="d12")
    assert made.mail == b"MAIL FROM:<bounces@example.org> RET=HDRS ENVID=d12"
    assert made.rcpt == b"RCPT TO:<ada+a=b@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;ada+2Ba+3Db@example.org"
    utf8 = envelope("adá+b=c@example.org", {**UTF8, "DSN": ""}, envelope_id="d12")
    assert utf8.mail == b"MAIL FROM:<bounces@example.org> SMTPUTF8 RET=HDRS ENVID=d12"
    assert utf8.rcpt.endswith(" NOTIFY=FAILURE,DELAY ORCPT=utf-8;adá\\x{2B}b\\x{3D}c@example.org".encode())


def test_no_report_is_asked_for_where_none_is_offered_or_wanted() -> None:
    assert (
        envelope("ada@example.org", envelope_id="d12")
        == envelope("ada@example.org", {"DSN": ""})
        == envelope("ada@example.org")
    )


@pytest.mark.parametrize("envelope_id", ["d 1", "d\r\n", "d+1", "d=1", "é", "d" * 101])
def test_an_envelope_id_that_would_need_to_be_written_differently_is_refused(envelope_id: str) -> None:
    with pytest.raises(MessageUnsendable, match="envelope id"):
        envelope("ada@example.org", {"DSN": ""}, envelope_id=envelope_id)


def test_a_message_that_is_too_large_is_refused_before_it_is_offered() -> None:
    with pytest.raises(SmtpRefused, match="takes 13") as refused:
        envelope("ada@example.org", {"SIZE": "13"})
    assert refused.value.reply.status == "5.3.4"
    assert envelope("ada@example.org", {"SIZE": "0"}).mail.endswith(b"SIZE=14"), "0 means no limit is known"


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
        made = envelope(f"{local}@{domain}", {**UTF8, "DSN": ""}, envelope_id="d1")
    except SmtpRefused:
        return
    path, _, parameters = made.rcpt.removeprefix(b"RCPT TO:<").partition(b">")
    inner = path + parameters.removeprefix(b" NOTIFY=FAILURE,DELAY ORCPT=").partition(b";")[2].replace(b"\\", b"")
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
