"""Mails to the operator: whatever a stranger wrote stays within them, and they survive the way."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import NewsletterConfig
from newsletter.delivery.transport.envelope import check_message
from newsletter.notices.operator import operator_mail

NOW = datetime(2026, 8, 21, 5, 30, tzinfo=UTC)
NEWSLETTER = NewsletterConfig(name='Trending "Papers"')
MAIL = b"From: Ada Example <ada@example.org>\r\nSubject: A question\r\n\r\nWhy?\r\n.\r\nFrom here on\r\n"
FIELDS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]


def made(**changes: Any) -> bytes:
    plain: dict[str, Any] = {
        "to": "operator@example.org",
        "subject": "A mail for you",
        "text": "Somebody wrote.\n",
        "message_id": "<1@example.org>",
        "date": NOW,
    }
    return operator_mail(NEWSLETTER, **(plain | changes))


def parsed(data: bytes) -> EmailMessage:
    return message_from_bytes(data, policy=policy.default)


def test_a_plain_mail_says_what_it_was_given() -> None:
    data = made(reply_to="ada@example.org", text="Tëxt\nin two lines\n")
    message = parsed(data)
    assert message.keys() == [*FIELDS[:2], "Reply-To", *FIELDS[2:], "Content-Transfer-Encoding"]
    assert [address.addr_spec for address in message["From"].addresses] == ["papers@example.org"]
    assert message["From"].addresses[0].display_name == 'Trending "Papers"'
    assert (message["To"], message["Reply-To"]) == ("operator@example.org", "ada@example.org")
    assert message["Date"].datetime == NOW
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == ["Tëxt", "in two lines"]
    assert made() == made()


def test_a_mail_is_attached_as_a_message_where_it_survives() -> None:
    for mail in (MAIL, MAIL.replace(b"\r\n", b"\n")):
        text, attached = parsed(made(attached=mail)).iter_parts()
        assert text.get_content().splitlines() == ["Somebody wrote."]
        assert attached.get_content_type() == "message/rfc822"
        assert attached.get_content()["Subject"] == "A question"
        assert MAIL in made(attached=mail)


@pytest.mark.parametrize(
    "mail",
    [
        b"\xff\xfe\0",
        MAIL.replace(b"Why", b"Wh\xfc"),
        MAIL + b"x" * 2000,
        MAIL.replace(b"\r\n", b"\r"),
        MAIL + b"\n",
        MAIL + b"\0\r\n",
    ],
)
def test_a_mail_that_would_not_survive_is_attached_as_a_file_to_the_byte(mail: bytes) -> None:
    _, attached = parsed(made(attached=mail)).iter_parts()
    assert attached.get_content_type() == "application/octet-stream"
    assert attached.get_filename() == "mail.eml"
    assert attached.get_content() == mail


@given(
    st.text(st.characters(exclude_categories=[])) | st.just("=?utf-8?q?=0D=0ABcc:_eve@example.org?="),
    st.text(st.characters(exclude_categories=[])),
    st.none() | st.binary(max_size=2000) | st.just(made(attached=MAIL)),
    st.text(max_size=30) | st.just("eve@example.org\r\nBcc: ada@example.org"),
)
def test_whatever_strangers_write_no_field_comes_of_it_and_it_goes_over_the_wire(
    subject: str, text: str, attached: bytes | None, reply_to: str
) -> None:
    data = made(subject=subject, text=text, attached=attached, reply_to=reply_to)
    check_message(data, can_8bit=False)
    message = parsed(data)
    names = [name for name in message.keys() if name != "Reply-To"]  # noqa: SIM118 - a message's keys repeat
    assert names == (FIELDS if attached is not None else [*FIELDS, "Content-Transfer-Encoding"])
    assert message["To"] == "operator@example.org"
    if attached is not None:
        assert len(list(message.iter_parts())) == 2


@pytest.mark.parametrize(
    "to", ["", "operator", "a@example.org, b@example.org", "a@example.org\r\nBcc: b@example.org", "ä@example.org"]
)
def test_what_is_not_one_plain_address_is_not_written_to(to: str) -> None:
    with pytest.raises(ValueError, match="address"):
        made(to=to)


@pytest.mark.parametrize("reply_to", ["", "no address", "a@example.org, b@example.org", "ä@example.org", "a@example.org\nX: y"])
def test_what_is_not_one_plain_address_gets_no_answer(reply_to: str) -> None:
    assert "Reply-To" not in parsed(made(reply_to=reply_to))
