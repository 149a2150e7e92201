"""Pictures within a message: how they are put in, and what the linter says of messages that have them."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from newsletter.pictures.model import MOST_BYTES
from newsletter.rendering.findings import errors_in
from newsletter.rendering.message.enclosed import Enclosure, shown_in
from newsletter.rendering.message.lint import lint
from newsletter.rendering.message.message import UNSUBSCRIBE, ComposedBody
from tests.rendering.message.test_message import composed
from tests.rendering.pictures import JPEG, PNG
from tests.rendering.samples import BASE_URL, PERSONAL, TOKEN

ONE = Enclosure("one@example.org", "image/jpeg", "one.jpg", JPEG + bytes(range(256)) * 9)
TWO = Enclosure("two@example.org", "image/png", "two.png", PNG + b"x" * 58)


def with_pictures(*pictures: Enclosure, html: str = "") -> ComposedBody:
    shown = html or "".join(f'<img src="cid:{picture.cid}" alt="">' for picture in pictures)
    # The link of the sample is written by itself: its slot is in the text.
    return composed(html=f'{shown}<a href="{BASE_URL}/unsubscribe/{TOKEN}">x</a>', pictures=pictures)


def rules(data: bytes, body: ComposedBody) -> set[str]:
    return {finding.rule for finding in errors_in(lint(data, body.expectation(PERSONAL)))}


def test_pictures_follow_the_html_that_shows_them() -> None:
    body = with_pictures(ONE, TWO)
    data = body.splice(PERSONAL)
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/jpeg",
        "image/png",
    ]
    _, related = message.iter_parts()
    assert related.get_param("type") == "text/html"
    _, *pictures = related.iter_parts()
    for part, picture in zip(pictures, (ONE, TWO), strict=True):
        assert part["Content-ID"] == f"<{picture.cid}>"
        assert (part.get_content_disposition(), part.get_filename()) == ("inline", picture.file_name)
        assert part.get_content() == picture.content
    assert lint(data, body.expectation(PERSONAL)) == []
    assert max(map(len, data.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76


def test_a_message_with_pictures_is_kept_and_read_again_whole() -> None:
    body = with_pictures(ONE, TWO)
    again = ComposedBody.from_bytes(body.to_bytes())
    assert again == body
    assert again.splice(PERSONAL) == body.splice(PERSONAL)
    assert body.is_wire_safe()
    assert {name for _, name in body.slots} >= {UNSUBSCRIBE}
    assert body.html_bytes < 500


def test_a_picture_that_is_shown_twice_comes_once() -> None:
    html = f'<img src="cid:{ONE.cid}" alt=""><img src="cid:{TWO.cid}" alt=""><img src="cid:{ONE.cid}" alt="">'
    body = with_pictures(ONE, TWO, html=html)
    assert shown_in(html) == (ONE.cid, TWO.cid)
    assert rules(body.splice(PERSONAL), body) == set()


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>src=&#34;cid:a@b&#34; cid:a@b</p>", ()),
        ('<img alt="src=&#39;cid:a@b&#39;" src="https://papers.example.org/x.jpg">', ()),
        ("<img src='cid:a@b'><IMG SRC = \"cid:c@d\">", ("a@b", "c@d")),
        ("src=cid:a@b", ()),
    ],
)
def test_only_what_a_template_shows_is_a_picture_and_no_words(html: str, shown: tuple[str, ...]) -> None:
    assert shown_in(html) == shown


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"<two@example.org>", b"<three@example.org>", "missing-picture"),
        (b"<two@example.org>", b"<one@example.org>", "unused-picture"),
        (b"Content-ID: <two@example.org>\r\n", b"", "picture-header"),
        (b"inline;", b"attachment;", "picture-header"),
        (b"Content-Type: image/png", b"Content-Type: image/jpeg", "picture-type"),
        (b"Content-Type: image/png", b"Content-Type: image/gif", "picture-type"),
        (b"Content-Type: image/png", b"Content-Type: image/svg+xml", "picture-type"),
        (b"Content-Type: image/png", b"Content-Type: text/html", "picture-type"),
        (b"\r\niVBORw0K", b"\r\niVBORw0!", "picture-encoding"),
        (b"\r\niVBORw0K", b"\r\nx\r\niVBORw0K", "picture-encoding"),
        (b"Content-ID: <two", b"X-Odd: x\r\nContent-ID: <two", "picture-header"),
        (b'multipart/related; type="text/html"', b'multipart/related; type="text/plain"', "structure"),
        (b"multipart/related;", b"multipart/mixed;", "structure"),
    ],
)
def test_a_broken_rule_of_pictures_is_found(old: bytes, new: bytes, rule: str) -> None:
    body = with_pictures(ONE, TWO)
    data = body.splice(PERSONAL)
    assert old in data
    assert rule in rules(data.replace(old, new, 1), body)


def test_a_picture_that_is_too_big_is_found() -> None:
    for size, found in ((MOST_BYTES, set()), (MOST_BYTES + 1, {"picture-too-big"})):
        body = with_pictures(Enclosure("one@example.org", "image/jpeg", "one.jpg", JPEG.ljust(size, b"x")))
        assert rules(body.splice(PERSONAL), body) == found


def test_a_picture_that_does_not_come_along_or_is_not_shown_is_found() -> None:
    missing = composed(html=f'<img src="cid:{ONE.cid}" alt=""><a href="{BASE_URL}/unsubscribe/{TOKEN}">x</a>')
    assert rules(missing.splice(PERSONAL), missing) == {"missing-picture"}
    unused = with_pictures(ONE, html="<p>x</p>")
    assert rules(unused.splice(PERSONAL), unused) == {"unused-picture"}
