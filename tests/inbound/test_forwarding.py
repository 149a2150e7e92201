"""What people write goes on to the operator: whole, in the newsletter's name, and never in a circle."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import NewsletterConfig
from newsletter.delivery.identity.verp import Signed, SignedKind
from newsletter.inbound.forwarding import MAX_ATTACHED, Forwarder
from newsletter.inbound.handling import Addressed, Handled, Received
from newsletter.inbound.model import Arrival, Door, InboundId, MailKind, Stored, Verdict, Via
from newsletter.inbound.origins import Origin
from newsletter.inbound.reading.mail import read_mail
from subscribers.model import NoticeKind, SubscriberId
from tests.conftest import MONDAY
from tests.inbound.house import NEWSLETTERS, SECRET, letter

OPERATOR, SECOND = "operator@example.net", "second@example.net"
TWO = {**NEWSLETTERS, "robots": NewsletterConfig(name="Robots", from_address="robots@example.org")}
#: Fields of a mail to the operator, in their order.
FIELDS = ["From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
ADA = SubscriberId(7)


def received(raw: bytes, *, sender: str | None = "ada@example.org", slug: str = "papers", signed: bool = False) -> Received:
    stored = Stored(InboundId(17), Arrival(raw, Via.LMTP, sender), MONDAY)
    addressed = Addressed(Door.PLAIN, Signed(SignedKind.DELIVERY_REPLY, 3) if signed else None, slug)
    return Received(stored, read_mail(raw), Verdict(MailKind.HUMAN), addressed)


def forwarder(*forward_to: str) -> Forwarder:
    return Forwarder(
        TWO,
        forward_to=forward_to,
        is_own=lambda address: address in ("news@example.org", "papers@example.org"),
        origin=lambda _: Origin(ADA, "papers"),
        secret=SECRET,
        may_forward=lambda _number, _now: True,
        heard_from=lambda _: None,
    )


def handle(raw: bytes, *, sender: str | None = "ada@example.org", slug: str = "papers", signed: bool = False) -> Handled:
    return forwarder(OPERATOR).handle(received(raw, sender=sender, slug=slug, signed=signed), now=MONDAY)


def parsed(handled: Handled) -> EmailMessage:
    (notice,) = handled.notices
    message = message_from_bytes(notice.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def covering(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_a_mail_goes_on_with_a_covering_text_and_the_original() -> None:
    raw = letter("Dear people,\nwhat about papers on bees?\n", subject="Bees")
    handled = handle(raw)
    assert (handled.outcome, handled.newsletter, handled.subscriber_id) == ("human.forwarded", "papers", None)
    (notice,) = handled.notices
    assert (notice.kind, notice.subscriber_id, notice.address, notice.reference) == (NoticeKind.OPERATOR, None, OPERATOR, 17)
    message = parsed(handled)
    assert list(message.keys()) == FIELDS
    assert (message["From"], message["To"], message["Reply-To"]) == ("Papers <news@example.org>", OPERATOR, "ada@example.org")
    assert message["Subject"] == "[Papers] Bees"
    assert message["Auto-Submitted"] != "no"
    text = covering(message)
    for words in ("Somebody wrote to Papers", "Ada Example <ada@example.org>", "not proven", "newsletter inbound show 17"):
        assert words in text
    (original,) = message.iter_attachments()
    assert original.get_content()["Subject"] == "Bees"


def test_what_is_too_much_for_an_hour_is_kept_and_says_so() -> None:
    counted: list[tuple[int, object]] = []

    def may_forward(number: int, now: datetime) -> bool:
        counted.append((number, now))
        return False

    busy = Forwarder(
        TWO,
        forward_to=[OPERATOR],
        is_own=lambda _: False,
        origin=lambda _: Origin(ADA, "papers"),
        secret=SECRET,
        may_forward=may_forward,
        heard_from=lambda _: None,
    )
    handled = busy.handle(received(letter("hello\n"), signed=True), now=MONDAY)
    assert (handled.outcome, handled.subscriber_id, handled.notices) == ("human.not_forwarded.too_many", ADA, ())
    assert counted == [(17, MONDAY)]


def test_each_of_the_recipients_gets_one_with_a_name_that_stays_the_same() -> None:
    mail = received(letter("hello\n"))
    notices = forwarder(OPERATOR, SECOND).handle(mail, now=MONDAY).notices
    again = forwarder(OPERATOR, SECOND).handle(mail, now=MONDAY + timedelta(days=1)).notices
    assert [notice.address for notice in notices] == [OPERATOR, SECOND]
    ids = [message_from_bytes(notice.content)["Message-ID"] for notice in (*notices, *again)]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2


def test_it_comes_in_the_name_of_the_newsletter_it_was_written_to() -> None:
    assert parsed(handle(letter(), slug="robots"))["From"] == "Robots <robots@example.org>"
    assert parsed(handle(letter(), slug=""))["From"] == "Papers <news@example.org>"


def test_a_reader_who_is_certain_is_called_one() -> None:
    handled = handle(letter(), signed=True)
    assert handled.subscriber_id == ADA
    text = covering(parsed(handled))
    assert "A reader wrote to Papers" in text
    assert "not proven" not in text


def test_without_anybody_to_send_it_to_it_is_only_kept() -> None:
    handled = forwarder().handle(received(letter(), signed=True), now=MONDAY)
    assert (handled.outcome, handled.notices, handled.subscriber_id) == ("human.kept", (), ADA)


@pytest.mark.parametrize(
    ("raw", "sender", "why"),
    [
        (letter(), "", "automatic"),
        (letter(more="Auto-Submitted: auto-replied\r\n"), "ada@example.org", "automatic"),
        (letter(more="List-Id: <list.example.net>\r\n"), "ada@example.org", "automatic"),
        (letter(sender="news@example.org"), "ada@example.org", "own"),
        (letter(), "papers@example.org", "own"),
        (letter(sender=f"The operator <{OPERATOR.upper()}>"), "ada@example.org", "own"),
        (letter(more="Sender: news@example.org\r\n"), "ada@example.org", "own"),
        (letter(more="Received: from a by b\r\n" * 51), "ada@example.org", "circle"),
        (letter(more="X-Loop: papers@example.org\r\n"), "ada@example.org", None),
    ],
)
def test_what_is_automatic_or_our_own_or_goes_in_a_circle_ends_here(raw: bytes, sender: str, why: str | None) -> None:
    handled = handle(raw, sender=sender)
    assert handled.notices == ()
    assert handled.outcome.startswith("human.not_forwarded.")
    assert why is None or handled.outcome == f"human.not_forwarded.{why}"


@pytest.mark.parametrize("times", range(3))
def test_what_we_sent_never_comes_back_to_be_sent_again(times: int) -> None:
    mail = handle(letter("hello\n" * (times + 1))).notices[0].content
    assert handle(mail, sender="").notices == ()
    assert handle(mail, sender="operator@example.net").notices == ()


@pytest.mark.parametrize(
    ("sender", "more", "expected"),
    [
        ("ada@example.org", "", "ada@example.org"),
        ("Ada <ada@example.org>, Bob <bob@example.org>", "", None),
        ("Ada <ada@example.org>", "Reply-To: other@example.org\r\n", "other@example.org"),
        ("Ada <ada@example.org>", "Reply-To: a@example.org, b@example.org\r\n", None),
        ('"victim@example.com" <ada@example.org>', "", None),
        ("ada", "", None),
        ("Ada <ada@[127.0.0.1]>", "", None),
        ("=?utf-8?q?ada=40example=2Eorg=0D=0ABcc=3A_evil=40example=2Eorg?=", "", None),
    ],
)
def test_an_answer_goes_to_one_plain_address_or_to_nobody(sender: str, more: str, expected: str | None) -> None:
    assert parsed(handle(letter(sender=sender, more=more)))["Reply-To"] == expected


HOSTILE = [
    "=?utf-8?q?On_Sets=0D=0ABcc:_evil@example.org?=",
    "=?utf-8?b?aGVsbG8NCkJjYzogZXZpbEBleGFtcGxlLm9yZw==?=",
    "a\u2028Bcc: evil@example.org",
    "On Sets =?utf-8?q?=3D=3Futf-8=3Fq=3F=0D=0ABcc=3A_evil=40example.org=3F=3D?=",
    "x" * 5000,
    "\x00\x01",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_nothing_a_writer_says_becomes_a_field(words: str) -> None:
    handled = handle(letter(sender=f"{words} <ada@example.org>", subject=words))
    message = parsed(handled)
    assert [name for name in message if name != "Reply-To"] == [name for name in FIELDS if name != "Reply-To"]
    assert message["Bcc"] is None
    assert message["To"] == OPERATOR
    assert max(map(len, handled.notices[0].content.split(b"\r\n"))) <= 998


@given(st.binary(max_size=300), st.text(max_size=80))
def test_whatever_comes_makes_one_mail_with_our_fields(raw: bytes, name: str) -> None:
    handled = handle(f"From: {name} <ada@example.org>\r\nSubject: {name}\r\n".encode(errors="replace") + raw)
    for notice in handled.notices:
        head = notice.content.partition(b"\r\n\r\n")[0]
        names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith(b" ")]
        assert [found for found in names if found != "Reply-To"] == [found for found in FIELDS if found != "Reply-To"]


def test_a_huge_mail_is_cut_and_the_text_says_so() -> None:
    handled = handle(letter("x" * 76 + "\r\n") + b"y\r\n" * MAX_ATTACHED)
    assert len(handled.notices[0].content) < 2 * MAX_ATTACHED
    assert "cut behind its first 512 kB" in covering(parsed(handled))


def test_a_reader_who_answers_with_no_command_is_heard_from() -> None:
    heard = list[SubscriberId]()
    mail = letter("Yes, I still read this!\n")
    for door in Door:
        listening = Forwarder(
            TWO,
            forward_to=[],
            is_own=lambda _: False,
            origin=lambda _: Origin(ADA, "papers"),
            secret=SECRET,
            may_forward=lambda _number, _now: True,
            heard_from=heard.append,
        )
        came = received(mail, signed=True)
        listening.handle(replace(came, addressed=replace(came.addressed, door=door)), now=MONDAY)
    assert heard == [ADA, ADA]  # by answering, or by answering a mail that asked; not at an address for bounces


def test_the_covering_text_shows_what_was_written() -> None:
    (notice,) = handle(letter("Great newsletter, thanks!\n\n-- \nAda\n")).notices
    assert b"    Great newsletter, thanks!" in notice.content
