"""Whatever comes in is read, and in time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.inbound.reading.html import text_of
from newsletter.inbound.reading.mail import Mail, read_mail
from newsletter.inbound.reading.quoting import own_words
from tests.inbound.reading.hostile_mails import HOSTILE, Make, assert_quick, seconds

#: Pieces of which hostile mails are put together: what the parts of this room look for.
PIECES = (
    *(
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b";",
        b"=",
        b'"',
        b"--",
        b"--b",
        b"--b--",
        b">",
        b"<",
        b"&",
        b"=?",
        b"?=",
        b"\xff",
        b"\0",
    ),
    *(
        b"\n--b\n",
        b"\n\n",
        b"From: ada@example.org\n",
        b"Subject: ",
        b"=?utf-8?q?=41?=",
        b"=?iso-2022-jp?b?GyRC",
        b"=3D",
        b"YWJj",
    ),
    *(b"Content-Type: multipart/mixed; boundary=b\n", b"Content-Type: message/rfc822\n\n", b"Content-Type: text/html\n"),
    *(b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: quoted-printable\n", b"; charset=utf-7"),
    *(b"; name*0*=utf-8''a", b'; boundary="b\\', b"<blockquote>", b"</blockquote>", b"<!--", b"-->", b"<pre>", b"<script>"),
    *(b"&#", b"&amp;", b"On 1 Ada wrote:\n", b"-- \n", b"a" * 70),
)


def read_all(raw: bytes) -> Mail:
    mail = read_mail(raw)
    assert isinstance(own_words(mail), str)
    assert isinstance(mail.text, str)
    assert all(isinstance(part.text, str) and part.content_type.count("/") == 1 for part in mail.parts)
    assert all("\n" not in value for _, value in mail.header.fields)
    return mail


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_made_to_take_long_is_read_in_time(make: Make) -> None:
    def work(raw: bytes) -> None:
        mail = read_mail(raw)
        assert mail.text or own_words(mail) is not None

    assert_quick(work, make)


def test_a_mail_of_the_usual_size_takes_far_less_than_a_millisecond() -> None:
    field = b"Received: from mx.example.org by mx.example.net with ESMTPS; Mon, 5 Jan 2026 10:00:00 +0000\n"
    raw = field * 20 + b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\n" + b"Some words of a mail.\n" * 150
    assert 5_000 < len(raw) < 6_000
    assert seconds(read_mail, raw, runs=20) < 0.0005


@settings(deadline=None)
@given(st.binary(max_size=2_000))
def test_any_bytes_are_read(raw: bytes) -> None:
    read_all(raw)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))
def test_anything_made_of_what_is_looked_for_is_read(raw: bytes) -> None:
    read_all(raw)


@settings(deadline=None)
@given(st.text(max_size=2_000), st.sampled_from(["<p>", "<blockquote>", "<!--", "<pre>", "&", "<"]))
def test_any_text_is_read_as_html(text: str, piece: str) -> None:
    assert isinstance(text_of(text.replace("a", piece)), str)


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"one", b"two words", b"- x", b"--c"]), min_size=1, max_size=5))
def test_parts_come_back_as_they_were_put_in(bodies: list[bytes]) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"".join(b"--b\n\n" + body + b"\n" for body in bodies) + b"--b--\n"
    mail = read_mail(raw)
    assert [part.body for part in mail.parts] == bodies
    assert not mail.is_damaged


@pytest.mark.shared_data
def test_real_messages_are_read_whole_and_mangled(shared_data: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - which bytes are changed is no secret
    paths = sorted((shared_data / "bounces").glob("*/*.eml"))
    assert len(paths) > 400
    for path in paths:
        raw = path.read_bytes()
        read_all(raw)
        changed = bytearray(raw)
        for _ in range(20):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        start, end = sorted(chance.randrange(len(raw)) for _ in range(2))
        for mangled in (raw[: len(raw) // 2], raw[start:], raw[:start] + raw[end:], bytes(changed), raw.replace(b"\n", b"\r")):
            read_all(mangled)
