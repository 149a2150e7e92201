"""Reading replies: strict, within limits, whatever comes in whatever pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.model import SmtpReply
from newsletter.delivery.transport.replies import MOST_OF_THE_TEXT, ReplyReader, to_reply

texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60)


def read(*pieces: bytes) -> list[SmtpReply]:
    reader = ReplyReader()
    found = []
    for piece in pieces:
        found += [to_reply(lines) for lines in reader.feed(piece)]
    return found


def test_a_multi_line_reply_is_one_reply() -> None:
    assert read(b"250-test.example.org\r\n250-SIZE 1000\r\n250 HELP\r\n") == [
        SmtpReply(250, "", "test.example.org SIZE 1000 HELP")
    ]


def test_the_enhanced_status_is_taken_off_each_line() -> None:
    raw = b"550-5.1.1 The address\r\n550 5.1.1 does not exist\r\n"
    assert read(raw) == [SmtpReply(550, "5.1.1", "The address does not exist")]


@pytest.mark.parametrize(
    ("raw", "status", "text"),
    [
        (b"550 4.1.1 class and code differ\r\n", "", "4.1.1 class and code differ"),
        (b"550 5.7.515\r\n", "5.7.515", ""),
        (b"250\r\n", "", ""),
        (b"250 \r\n", "", ""),
        (b"250 10.0.0.1 greets\r\n", "", "10.0.0.1 greets"),
        (b"451 4.3.0 \x1b[31mred\x00\xff\r\n", "4.3.0", "[31mred �"),
    ],
)
def test_status_and_text_of_odd_replies(raw: bytes, status: str, text: str) -> None:
    [reply] = read(raw)
    assert (reply.status, reply.text) == (status, text)


@pytest.mark.parametrize(
    "raw",
    [
        b"hello\r\n",
        b"250 bare line feed\n",
        b"25 too short\r\n",
        b"2500 too long\r\n",
        b"150 no such class\r\n",
        b"650 nor this\r\n",
        b"250-one code\r\n251 then another\r\n",
        b"250 a\rb\r\n",
        b"\r\n",
        b"250 " + b"x" * 3000 + b"\r\n",
        b"x" * 3000,
        b"250-more\r\n" * 10_000,
    ],
)
def test_what_is_no_reply_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="SMTP reply"):
        read(raw)


@given(st.lists(texts, min_size=1, max_size=5), st.integers(200, 599), st.integers(1, 7))
def test_replies_come_whole_however_they_are_cut(lines: list[str], code: int, step: int) -> None:
    last = len(lines) - 1
    raw = b"".join(f"{code}{' ' if number == last else '-'}{line}\r\n".encode() for number, line in enumerate(lines))
    whole = read(raw)
    assert whole == read(*(raw[start : start + step] for start in range(0, len(raw), step)))
    [reply] = whole
    assert reply.code == code
    assert reply.text.isprintable()
    assert len(reply.text) <= MOST_OF_THE_TEXT


@given(st.binary(max_size=300))
def test_any_bytes_are_replies_or_refused(raw: bytes) -> None:
    try:
        replies = read(raw)
    except ValueError:
        return
    assert all(200 <= reply.code <= 599 for reply in replies)
