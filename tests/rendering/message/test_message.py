from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import NewsletterConfig
from newsletter.rendering.errors import RenderingError
from newsletter.rendering.message.answering import Answering, answering
from newsletter.rendering.message.assembly import AUTO_GENERATED, Content, assemble
from newsletter.rendering.message.lint import command_url, lint
from newsletter.rendering.message.message import (
    CONFIRM,
    REPLY,
    TO,
    UNSUBSCRIBE,
    ComposedBody,
    Gapped,
    MessageIds,
    Slots,
    date_field,
    is_message_id,
    message_id,
)
from subscribers.tokens import Mac
from tests.rendering.samples import BASE_URL, FRIDAY, PERSONAL, REPLY_TOKEN, SECRET, TOKEN

NONCE = b"n" * 32
GOLDEN = Path(__file__).parents[2] / "golden"


def content(slots: Slots, **changes: Any) -> Content:
    url = f"{BASE_URL}/unsubscribe/{slots.placeholder(UNSUBSCRIBE)}"
    plain = Content(
        from_name="Trending Papers",
        from_address="papers@example.org",
        answering=Answering(),
        list_id="papers.example.org",
        subject="Lantern, and 8 more papers new to you",
        links={UNSUBSCRIBE: url},
        text=f"Hello\n.\nUnsubscribe: {url}\n",
        html=f'<p>Hello</p>\n<a href="{url}">Unsubscribe</a>\n',
    )
    return replace(plain, **changes)


def composed(nonce: bytes = NONCE, **changes: Any) -> ComposedBody:
    slots = Slots(nonce)
    return assemble(content(slots, **changes), slots)


def test_a_spliced_message_has_the_fields_in_order_and_passes_the_linter() -> None:
    data = composed().splice(PERSONAL)
    assert lint(data, composed().expectation(PERSONAL)) == []
    assert data.partition(b"\r\n\r\n")[0].decode().split("\r\n") == [
        'From: "Trending Papers" <papers@example.org>',
        "To: ada@example.org",
        "Subject: Lantern, and 8 more papers new to you",
        "Date: Fri, 21 Aug 2026 05:30:00 +0000",
        f"Message-ID: {PERSONAL.message_id}",
        'List-Id: "Trending Papers" <papers.example.org>',
        f"List-Unsubscribe: <{BASE_URL}/unsubscribe/{TOKEN}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        f' boundary="{Slots(NONCE).boundary()}"',
    ]


def test_the_long_unsubscribe_url_is_whole_in_the_header() -> None:
    slots = Slots(NONCE)
    url = f"{BASE_URL}/{'deep/' * 20}unsubscribe/{slots.placeholder(UNSUBSCRIBE)}"
    body = assemble(content(slots, links={UNSUBSCRIBE: url}, text=url, html=f'<a href="{url}">x</a>'), slots)
    data = body.splice(PERSONAL)
    assert f"\r\nList-Unsubscribe: <{BASE_URL}/{'deep/' * 20}unsubscribe/{TOKEN}>\r\n".encode() in data
    assert lint(data, body.expectation(PERSONAL)) == []


SIGNED = f"papers+{REPLY_TOKEN}@example.org".encode()


def with_inbound(**changes: object) -> ComposedBody:
    """A body of a newsletter that takes answers and commands."""
    slots = Slots(NONCE)
    newsletter = NewsletterConfig.model_validate({"inbound_address": "papers@example.org", **changes})
    return assemble(content(slots, answering=answering(newsletter, slots, is_notice=False)), slots)


def test_who_replies_and_who_leaves_by_mail_writes_to_an_address_of_this_message() -> None:
    body = with_inbound()
    data = body.splice(PERSONAL)
    assert b'\r\nReply-To: "Trending Papers"\r\n <%b>\r\n' % SIGNED in data
    assert b">,\r\n <mailto:%b?subject=unsubscribe>\r\n" % SIGNED in data
    assert b"\r\nList-Help: <mailto:%b?subject=help>\r\n" % SIGNED in data
    assert data.index(b"List-Unsubscribe: <https:") < data.index(b"<mailto:")
    assert lint(data, body.expectation(PERSONAL)) == []
    assert body.is_wire_safe()
    assert ComposedBody.from_bytes(body.to_bytes()) == body


def test_an_operators_own_address_for_answers_stays_and_leaving_by_mail_works_all_the_same() -> None:
    body = with_inbound(reply_to="editor@example.org")
    data = body.splice(PERSONAL)
    assert b"\r\nReply-To: editor@example.org\r\n" in data
    assert b">,\r\n <mailto:%b?subject=unsubscribe>\r\n" % SIGNED in data
    assert lint(data, body.expectation(PERSONAL)) == []


def test_a_body_with_a_signed_address_needs_its_token() -> None:
    tokens = {name: token for name, token in PERSONAL.tokens.items() if name != REPLY}
    with pytest.raises(ValueError, match="no value for the slot 'reply'"):
        with_inbound().splice(replace(PERSONAL, tokens=tokens))


def test_what_would_end_a_mailto_address_is_escaped() -> None:
    assert command_url("a&b=c?d+e@example.org", "help") == "mailto:a%26b%3Dc%3Fd+e@example.org?subject=help"


def test_only_plain_message_ids_of_others_are_believed() -> None:
    assert is_message_id("<CAF=abc+1.2@mail.example.org>")
    for wrong in ("", "x", "<a@b", "<a b@c>", "<a@b>\r\nBcc: x@y", "<a@b> <c@d>", f"<{'a' * 400}@b>", "<a@@b>", "<ä@b>"):
        assert not is_message_id(wrong)


def test_the_same_arguments_give_the_same_bytes_also_from_a_stored_body() -> None:
    body = composed()
    again = ComposedBody.from_bytes(body.to_bytes())
    assert again == body == composed()
    assert again.splice(PERSONAL) == body.splice(PERSONAL)
    assert body.to_bytes() == composed().to_bytes()


@given(st.text(st.characters(exclude_categories=["Cs"])), st.from_regex(r"[A-Za-z0-9_-]{32}", fullmatch=True))
def test_splicing_equals_composing_with_the_value_in_place(text: str, token: str) -> None:
    slots = Slots(NONCE)
    url = f"{BASE_URL}/unsubscribe/{slots.placeholder(UNSUBSCRIBE)}"
    body = assemble(content(slots, text=f"{text}\n{url} {text}\n"), slots)
    data = body.splice(replace(PERSONAL, tokens={UNSUBSCRIBE: token}))
    parts = list(message_from_bytes(data, policy=policy.default).iter_parts())
    lines = f"{text}\n{BASE_URL}/unsubscribe/{token} {text}\n".replace("\r\n", "\n").replace("\r", "\n")
    payload = parts[0].get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().replace("\r\n", "\n").rstrip("\n") == lines.rstrip("\n")
    assert all(len(line) <= 78 for line in data.split(b"\r\n") if not line.startswith(b"List-Unsubscribe:"))


def test_a_text_that_guesses_a_placeholder_without_the_nonce_stays_text() -> None:
    guess = Slots(b"another nonce....").placeholder(UNSUBSCRIBE)
    slots = Slots(NONCE)
    url = f"{BASE_URL}/unsubscribe/{slots.placeholder(UNSUBSCRIBE)}"
    body = assemble(content(slots, text=f"{guess} {url}"), slots)
    assert guess.encode() in body.splice(PERSONAL)


@pytest.mark.parametrize(
    "recipient",
    [
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org, eve@example.org",
        "Ada <ada@example.org>",
        "ada",
        "ada@exämple.org",
        "ada @example.org",
        "",
        "ad\u2028a@example.org",
        "ad\u00a0a@example.org",
        "ad\u202ea@example.org",
        "ad\ud800a@example.org",
        "ada@" + "a." * 200 + "org",
    ],
)
def test_a_recipient_that_is_not_one_plain_address_is_refused(recipient: str) -> None:
    with pytest.raises(ValueError, match="one plain address"):
        composed().splice(replace(PERSONAL, recipient=recipient))


def test_letters_beyond_ascii_before_the_at_stand_in_the_to_field_and_nowhere_else() -> None:
    personal = replace(PERSONAL, recipient="adá.łove@example.org")
    data = composed().splice(personal)
    assert "\r\nTo: adá.łove@example.org\r\n".encode() in data
    assert data.replace("adá.łove".encode(), b"ada") == composed().splice(PERSONAL)
    assert lint(data, composed().expectation(personal)) == []
    assert {finding.rule for finding in lint(data, composed().expectation(PERSONAL))} >= {"eight-bit", "recipient"}
    elsewhere = data.replace(b"Subject: ", "Subject: adá ".encode())
    assert {finding.rule for finding in lint(elsewhere, composed().expectation(personal))} >= {"eight-bit"}
    for other in ("eve@example.org", "adà.łove@example.org"):
        changed = data.replace("adá.łove@example.org".encode(), other.encode())
        assert "recipient" in {finding.rule for finding in lint(changed, composed().expectation(personal))}


@pytest.mark.parametrize("names", [(), ("a",), ("a", "b", "a")])
def test_gaps_are_filled_in_order(names: tuple[str, ...]) -> None:
    gapped = Gapped([b"x"] * (len(names) + 1), names)
    values = {"a": b"1", "b": b"2"}
    assert gapped.fill(values) == b"x" + b"".join(values[name] + b"x" for name in names)
    assert gapped.fill(values) == gapped.fill(values)
    with pytest.raises(ValueError, match="one text more"):
        Gapped([], names)


def test_slots_side_by_side_are_filled_each() -> None:
    body = replace(composed(), pieces=(b"<", b"", b"", b">\r\n"), slots=((1, UNSUBSCRIBE), (2, UNSUBSCRIBE)))
    assert body.splice(PERSONAL) == f"<{TOKEN}{TOKEN}>\r\n".encode()


def test_a_body_of_ours_goes_over_the_wire_as_it_is() -> None:
    assert composed(text="A line\n.with a dot\n.\n").is_wire_safe()
    assert ComposedBody.from_bytes((GOLDEN / "composed-body-1.bin").read_bytes()).is_wire_safe()


@pytest.mark.parametrize(
    ("pieces", "is_safe"),
    [
        ((b"A: b\r\n\r\n" + b"x" * 998 + b"\r\n",), True),
        ((b"A: b\r\n\r\n" + b"x" * 999 + b"\r\n",), False),
        ((b"A: b\r\n\r\n" + b"x" * 966, b"", b"\r\n"), True),
        ((b"A: b\r\n\r\n" + b"x" * 967, b"", b"\r\n"), False),
        ((b"A: b\r\n\r\n.\r\n",), False),
        ((b".: b\r\n",), False),
        ((b"A: b\r\n\r\nno end",), False),
        ((b"A: b\r\n\r\nlone\r\r\n",), False),
        ((b"A: b\r\n\r\nlone\n\r\n",), False),
        ((b"A: b\r\n\r\n\0\r\n",), False),
        (("A: é\r\n".encode(),), False),
        ((b"A: \r", b"", b"\n\r\n"), False),
    ],
)
def test_a_body_that_must_be_looked_at_again_is_known(pieces: tuple[bytes, ...], is_safe: bool) -> None:
    slots = tuple((place, UNSUBSCRIBE) for place in range(1, len(pieces), 2))
    assert replace(composed(), pieces=pieces, slots=slots).is_wire_safe() is is_safe


def test_an_address_at_the_start_of_a_line_may_begin_with_a_dot() -> None:
    body = replace(composed(), pieces=(b"To:\r\n", b"", b"\r\n"), slots=((1, TO),))
    assert not body.is_wire_safe()


@given(st.binary(max_size=100), st.binary(max_size=200))
def test_codes_are_those_of_the_standard_library(key: bytes, message: bytes) -> None:
    assert Mac(key).of(message) == hmac.digest(key, message, "sha256")


@pytest.mark.parametrize("token", ["", "short", "x" * 33, "x" * 31 + "\n", "x" * 31 + ".", "x" * 31 + "="])
def test_a_token_of_another_form_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="token is not 32 characters"):
        composed().splice(replace(PERSONAL, tokens={UNSUBSCRIBE: token}))


def test_a_missing_token_and_a_broken_message_id_are_refused() -> None:
    with pytest.raises(ValueError, match="no value for the slot 'unsubscribe'"):
        composed().splice(replace(PERSONAL, tokens={}))
    with pytest.raises(ValueError, match="not a message id"):
        composed().splice(replace(PERSONAL, message_id="<a@b>\r\nBcc: x"))


def test_tokens_of_slots_the_body_does_not_have_are_ignored() -> None:
    more = replace(PERSONAL, tokens={UNSUBSCRIBE: TOKEN, "preferences": TOKEN})
    assert composed().splice(more) == composed().splice(PERSONAL)


def test_a_body_may_have_further_slots_by_name() -> None:
    slots = Slots(NONCE)
    link = f"{BASE_URL}/preferences/{slots.placeholder('preferences')}"
    body = assemble(content(slots, text=f"{link} {content(slots).links[UNSUBSCRIBE]}"), slots)
    other = "B" * 32
    assert f"/preferences/{other}".encode() in body.splice(replace(PERSONAL, tokens={UNSUBSCRIBE: TOKEN, "preferences": other}))


@pytest.mark.parametrize("damage", [b"", b"something else", composed().to_bytes()[:-20], composed().to_bytes()[:30]])
def test_damaged_stored_bytes_are_named_as_such(damage: bytes) -> None:
    with pytest.raises(RenderingError, match="stored message body"):
        ComposedBody.from_bytes(damage)


def test_a_body_that_the_last_version_stored_is_cut_into_the_same_messages() -> None:
    """``composed-body-1.bin`` was stored before there were letters; its messages had one link of the reader's."""
    body = ComposedBody.from_bytes((GOLDEN / "composed-body-1.bin").read_bytes())
    personal = replace(PERSONAL, tokens={UNSUBSCRIBE: TOKEN, "preferences": TOKEN, "feedback": TOKEN})
    data = body.splice(personal)
    assert lint(data, body.expectation(personal)) == []
    message = message_from_bytes(data, policy=policy.default)
    assert message["List-Unsubscribe"] == f"<{BASE_URL}/unsubscribe/{TOKEN}>"
    assert message["Reply-To"] == "editor@example.org"
    assert message["Subject"] == "Lantern, and 1 more paper new to you"
    assert ComposedBody.from_bytes(body.to_bytes()) == body


def test_a_body_of_a_version_to_come_is_named_as_such() -> None:
    with pytest.raises(RenderingError, match="newer version"):
        ComposedBody.from_bytes(composed().to_bytes().replace(b"composed-body 2", b"composed-body 3", 1))


def test_a_message_without_a_way_out_is_no_list_mail() -> None:
    slots = Slots(NONCE)
    url = f"{BASE_URL}/confirm/{slots.placeholder(CONFIRM)}"
    own = {"list_id": "", "auto_submitted": AUTO_GENERATED, "form_sub": "v=1; ip=::1"}
    body = assemble(content(slots, links={CONFIRM: url}, text=url, html=f'<a href="{url}">x</a>', **own), slots)
    data = body.splice(replace(PERSONAL, tokens={CONFIRM: TOKEN}))
    assert lint(data, body.expectation(PERSONAL)) == []
    names = [line.partition(":")[0] for line in data.partition(b"\r\n\r\n")[0].decode().splitlines() if ":" in line]
    assert names[:5] == ["From", "To", "Subject", "Date", "Message-ID"]
    assert names[5:] == ["Auto-Submitted", "Form-Sub", "MIME-Version", "Content-Type"]
    assert b"\r\nForm-Sub: v=1; ip=::1\r\n" in data


def test_message_ids_are_stable_distinct_and_need_the_secret() -> None:
    one = message_id(SECRET, 14, 7, "example.org")
    assert one == message_id(SECRET, 14, 7, "example.org")
    others = {
        message_id(SECRET, 14, 8, "example.org"),
        message_id(SECRET, 15, 7, "example.org"),
        message_id(b"x", 14, 7, "example.org"),
    }
    assert len(others | {one}) == 4
    assert "7" not in one.partition("@")[2]
    assert one.endswith("@example.org>")


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone(timedelta(hours=5, minutes=45)))))  # noqa: DTZ001 - hypothesis wants them naive
def test_dates_read_back_as_the_same_instant(moment: datetime) -> None:
    assert parsedate_to_datetime(date_field(moment)) == moment.replace(microsecond=0)


def test_a_naive_date_and_a_short_nonce_are_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        date_field(FRIDAY.replace(tzinfo=None))
    with pytest.raises(ValueError, match="nonce"):
        Slots(b"short")
    with pytest.raises(ValueError, match="message id"):
        MessageIds(SECRET, "example.org>\r\nBcc: x")
