"""Parts of a mail, also of broken ones."""

from __future__ import annotations

import base64
import quopri

import pytest

from newsletter.inbound.reading.mail import Mail, read_mail

REPORT = b"""\
From: MAILER-DAEMON@mx.example.org
Content-Type: multipart/report; report-type=delivery-status; boundary="outer"

for old readers
--outer
Content-Type: text/plain; charset=utf-8

could not be delivered
--outer
Content-Type: message/delivery-status

Final-Recipient: rfc822; ada@example.org
--outer
Content-Type: message/rfc822

From: news@example.org
Subject: Weekly
Content-Type: multipart/alternative; boundary="outer-2"

--outer-2
Content-Type: text/plain

papers
--outer-2
Content-Type: text/html

<p>papers</p>
--outer-2--
--outer--
the end
"""


def shape(mail: Mail) -> list[tuple[str, int]]:
    return [(part.content_type, part.depth) for part in mail.parts]


def multipart(*parts: bytes, kind: str = "mixed", end: bytes = b"--b--\n") -> bytes:
    head = f"From: ada@example.org\nContent-Type: multipart/{kind}; boundary=b\n\n".encode()
    return head + b"".join(b"--b\n" + part + b"\n" for part in parts) + end


def test_a_report_is_taken_apart_with_the_message_it_encloses() -> None:
    mail = read_mail(REPORT)
    assert mail.content_type == "multipart/report"
    assert mail.parameters["report-type"] == "delivery-status"
    assert shape(mail) == [
        ("text/plain", 0),
        ("message/delivery-status", 0),
        ("message/rfc822", 0),
        ("text/plain", 1),
        ("text/html", 1),
    ]
    assert mail.parts[1].text == "Final-Recipient: rfc822; ada@example.org"
    assert mail.parts[2].body.startswith(b"From: news@example.org\n")
    assert [header.get("subject") for header in mail.enclosed] == ["Weekly"]
    assert mail.text == "could not be delivered"
    assert not mail.is_damaged


def test_a_mail_cut_in_half_is_read_as_far_as_it_goes() -> None:
    mail = read_mail(REPORT[: REPORT.index(b"<p>papers")])
    assert shape(mail)[-1] == ("text/html", 1)
    assert mail.parts[1].text == "Final-Recipient: rfc822; ada@example.org"
    assert mail.is_damaged


def test_a_boundary_that_the_header_does_not_know_is_found() -> None:
    mail = read_mail(REPORT.replace(b'boundary="outer"', b'boundary="other"', 1))
    assert shape(mail)[:2] == [("text/plain", 0), ("message/delivery-status", 0)]
    assert mail.is_damaged
    assert shape(read_mail(REPORT.replace(b'; boundary="outer"', b"", 1)))[:1] == [("text/plain", 0)]


def test_a_multipart_without_any_boundary_is_plain_text() -> None:
    for kind in (b"multipart/mixed; boundary=x", b"multipart/mixed", b'multipart/mixed; boundary=""'):
        mail = read_mail(b"From: ada@example.org\nContent-Type: " + kind + b"\n\nstop\n-- \nAda")
        assert shape(mail) == [("text/plain", 0)]
        assert mail.text == "stop\n-- \nAda"
        assert mail.is_damaged


def test_parts_after_the_end_of_all_parts_are_read_too() -> None:
    mail = read_mail(multipart(b"\none") + b"\n--b\n\ntwo\n--b--\n")
    assert [part.text for part in mail.parts] == ["one", "two"]


def test_parts_without_header_or_body_are_parts() -> None:
    mail = read_mail(multipart(b"\nonly a body", b"X-Only: header", b""))
    assert [part.text for part in mail.parts] == ["only a body", "", ""]


def test_headers_that_were_sent_alone_count_as_enclosed() -> None:
    inner = b"\n\nTo: ada@example.org"
    for kind in (b"text/rfc822-headers", b"message/global-headers"):
        mail = read_mail(multipart(b"\nhello", b"Content-Type: " + kind + b"\n\n" + inner, kind="report"))
        assert [header.get("to") for header in mail.enclosed] == ["ada@example.org"]
        assert shape(mail) == [("text/plain", 0), (kind.decode(), 0)]


def test_enclosed_messages_come_in_order_of_their_begin() -> None:
    innermost = b"Subject: c\nContent-Type: text/plain\n\nhello"
    middle = b"Subject: b\nContent-Type: message/rfc822\n\n" + innermost
    mail = read_mail(
        multipart(b"Content-Type: message/rfc822\n\n" + middle, b"Content-Type: message/global\n\nSubject: d\n\nx")
    )
    assert [header.get("subject") for header in mail.enclosed] == ["b", "c", "d"]
    assert shape(mail) == [
        ("message/rfc822", 0),
        ("message/rfc822", 1),
        ("text/plain", 2),
        ("message/global", 0),
        ("text/plain", 1),
    ]


def test_parts_of_a_digest_are_messages() -> None:
    mail = read_mail(multipart(b"\nSubject: one\n\nhello", b"\nSubject: two\n\nhello", kind="digest"))
    assert [header.get("subject") for header in mail.enclosed] == ["one", "two"]


@pytest.mark.parametrize("name", ["base64", "quoted-printable"])
def test_an_enclosed_message_may_be_encoded(name: str) -> None:
    inner = b"Subject: Weekly\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\none\r\n--i--\r\n"
    encoded = base64.encodebytes(inner) if name == "base64" else quopri.encodestring(inner)
    head = f"Content-Type: message/rfc822\nContent-Transfer-Encoding: {name}\n\n".encode()
    mail = read_mail(multipart(head + encoded))
    assert mail.enclosed[0].get("subject") == "Weekly"
    assert mail.parts[1].text == "one"


def test_a_multipart_that_is_encoded_as_a_whole_is_read() -> None:
    body = base64.encodebytes(b"--i\n\none\n--i--\n")
    mail = read_mail(b"Content-Type: multipart/mixed; boundary=i\nContent-Transfer-Encoding: base64\n\n" + body)
    assert [part.text for part in mail.parts] == ["one"]


@pytest.mark.parametrize(
    ("encoding", "body", "read"),
    [
        ("quoted-printable", b"Gr=C3=BC=\n=C3=9Fe", "Grüße"),
        ("quoted-printable", b"a=  \nb =ZZ 1=2 =", "ab =ZZ 1=2 "),
        ("QUOTED-PRINTABLE", b"a=0D=0Ab", "a\nb"),
        ("base64", b"R3LDvMOfZSBhbiBhbGxlIQ==", "Grüße an alle!"),
        ("base64", b"R3LDvM\nOfZSBhbi\n BhbGxl!!IQ", "Grüße an alle!"),
        ("base64", b"R3LDvMOfZ", "Grüß"),
        ("base64", b"this was never base64, as one sees\n", "this was never base64, as one sees\n"),
        ("7bit", b"a=20b", "a=20b"),
        ("x-unknown", b"abc", "abc"),
        ("base64", b"", ""),
    ],
)
def test_transfer_encodings_are_undone_as_far_as_they_go(encoding: str, body: bytes, read: str) -> None:
    head = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n".encode()
    assert read_mail(head + body).text == read


def test_attachments_of_other_kinds_are_left_as_they_are() -> None:
    mail = read_mail(multipart(b"\nhello", b"Content-Type: application/ms-tnef; name=winmail.dat\n\nx\x9f\x3e\x22"))
    assert shape(mail) == [("text/plain", 0), ("application/ms-tnef", 0)]
    assert mail.parts[1].body == b"x\x9f\x3e\x22"
    assert mail.text == "hello"


def test_of_alternatives_the_plain_one_is_read_if_anything_is_written_in_it() -> None:
    html = b"Content-Type: text/html\n\n<p>rich</p>"
    assert read_mail(multipart(b"\nplain", html, kind="alternative")).text == "plain"
    assert read_mail(multipart(b"\n \n", html, kind="alternative")).text == "rich"
    # Two texts that are no alternatives are both meant.
    assert read_mail(multipart(html, b"\nfooter of a list")).text == "rich\nfooter of a list"


def test_attached_texts_are_read_only_where_there_is_no_other() -> None:
    attached = b"Content-Disposition: attachment; filename=log.txt\n\nlog"
    assert read_mail(multipart(b"\nhello", attached)).text == "hello"
    assert read_mail(multipart(attached)).text == "log"


def test_nothing_at_all_is_a_mail_without_anything() -> None:
    mail = read_mail(b"")
    assert mail.header.fields == ()
    assert (mail.text, mail.enclosed) == ("", ())
    assert shape(mail) == [("text/plain", 0)]


def test_levels_and_parts_beyond_the_limits_are_left_out() -> None:
    deep = read_mail(b"Content-Type: message/rfc822\n\n" * 100 + b"Subject: in\n\nhello")
    assert deep.is_damaged
    assert max(part.depth for part in deep.parts) == 50
    many = read_mail(multipart(*[b"\nx"] * 1_500))
    assert len(many.parts) == 1_000
    assert many.is_damaged
