from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.preview.frames import mail_frame
from newsletter.preview.inbox.reading import MAX_HEADER_CHARS, printable, read_head, read_message
from tests.preview.mails import HOSTILE_MAIL, PIXEL, plain_mail

ODD = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
        b"--b--\r\n",
        b"Subject: =?utf-8?b?",
        b"=?x?q?",
        b"?=",
        b"\r\n\r\n",
    ]
)


def test_headers_come_decoded_in_the_order_sent() -> None:
    mail = read_head(b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n from afar\r\nX-Two: 2\r\nx-two: 3\r\n\r\nbody")
    assert mail.headers == (("Subject", "Grüße from afar"), ("X-Two", "2"), ("x-two", "3"))
    assert mail.first("SUBJECT") == "Grüße from afar"
    assert mail.first("missing") == ""


def test_headers_in_bare_utf8_are_read_as_such() -> None:
    assert read_head("Subject: Grüße\r\n\r\n".encode()).first("subject") == "Grüße"


def test_both_parts_are_found() -> None:
    mail = read_message(plain_mail())
    assert mail.text.startswith("1. Lanterns")
    assert "<h1>Lanterns</h1>" in mail.html
    assert mail.others == ()


def test_inline_images_are_shown_in_their_place_and_attachments_named() -> None:
    content = (
        b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<img src='cid:one'>\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-ID: <one>\r\n\r\n" + PIXEL + b"\r\n--b\r\n"
        b"Content-Type: application/pdf; name=paper.pdf\r\n\r\nx\r\n--b--\r\n"
    )
    mail = read_message(content)
    assert mail.others == ("application/pdf paper.pdf",)
    assert b"<img src='data:image/png;base64," in mail_frame(mail.html, images=mail.images).body


def test_an_encoded_header_cannot_begin_another_line() -> None:
    subject = read_head(HOSTILE_MAIL).first("Subject")
    assert "\n" not in subject.replace("\N{REPLACEMENT CHARACTER}", "")
    assert "\r" not in subject


def test_what_shows_nothing_or_turns_the_line_becomes_visible() -> None:
    assert printable("a\x00b\u202ec\ud800\r\n\td") == "a\ufffdb\ufffdc\ufffd\n\td"


@pytest.mark.parametrize("charset", ["unicode_escape", "rot13", "idna", "nonsense", "utf-16", "hex"])
def test_a_character_set_that_is_none_does_no_harm(charset: str) -> None:
    content = f"Subject: =?{charset}?q?ab?=\r\nContent-Type: text/plain; charset={charset}\r\n\r\nab".encode()
    mail = read_message(content)
    assert mail.first("subject")
    assert mail.text


def test_parts_nested_without_end_are_survived() -> None:
    content = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000))
    assert read_message(b"Subject: deep\r\n" + content).first("Subject") == "deep"


def test_a_huge_header_is_cut() -> None:
    assert len(read_head(b"Subject: " + b"x" * 1_000_000 + b"\r\n\r\n").first("Subject")) <= MAX_HEADER_CHARS


@given(st.lists(st.one_of(st.binary(max_size=60), ODD), max_size=12))
def test_whatever_the_bytes_are_something_printable_comes_out(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    mail = read_message(content)
    shown = [mail.text, *mail.others, *(part for header in mail.headers for part in header)]
    assert all(printable(text) == text for text in shown)
    assert read_head(content).headers[:1] == mail.headers[:1]
    assert mail_frame(mail.html, scheme="dark", images=mail.images).body
