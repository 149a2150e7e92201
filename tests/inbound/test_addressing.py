"""Which of our addresses a mail came to: a signed one is certain, any other says little."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import NewsletterConfig
from newsletter.delivery.identity.verp import Signed, SignedAddresses, SignedKind
from newsletter.inbound.addressing import Addressing
from newsletter.inbound.handling import Addressed
from newsletter.inbound.model import Arrival, Door, Via
from newsletter.inbound.origins import Origin
from newsletter.inbound.reading.mail import read_mail
from subscribers.model import NoticeKind, SubscriberId

SIGNED = SignedAddresses(b"s" * 32)
OTHERS = SignedAddresses(b"o" * 32)
NEWSLETTERS = {
    "papers": NewsletterConfig(
        from_address="news@example.org", envelope_from="Bounces@example.org", inbound_address="papers@example.org"
    ),
    "robots": NewsletterConfig(
        from_address="robots@example.org", envelope_from="bounces@example.org", inbound_address="robots+in@example.org"
    ),
    "plain": NewsletterConfig(from_address="plain@example.org"),
}
CONFIRM_NOTICE = 5


def origin(signed: Signed) -> Origin | None:
    if signed.number == 404:
        return None
    if signed.kind in (SignedKind.NOTICE, SignedKind.NOTICE_REPLY):
        notice = NoticeKind.CONFIRM if signed.number == CONFIRM_NOTICE else NoticeKind.WELCOME
        return Origin(SubscriberId(1), "robots", notice)
    return Origin(SubscriberId(1), "robots")


ADDRESSING = Addressing(NEWSLETTERS, SIGNED, origin)


def look(*recipients: str, header: str = "") -> Addressed:
    mail = read_mail(f"{header}\n\nhello\n".encode())
    return ADDRESSING.look(Arrival(b"", Via.LMTP, "", recipients), mail.header)


def signed(plain: str, kind: SignedKind, number: int = 7) -> str:
    return SIGNED.make(plain, kind, number)


@pytest.mark.parametrize(
    ("recipient", "door", "newsletter"),
    [
        ("papers@example.org", Door.PLAIN, "papers"),
        ("Papers+anything@EXAMPLE.org", Door.PLAIN, "papers"),
        ("papers+Unsubscribe@example.org", Door.UNSUBSCRIBE, "papers"),
        ("robots+in@example.org", Door.PLAIN, "robots"),
        ("robots+in+unsubscribe@example.org", Door.UNSUBSCRIBE, "robots"),
        ("robots@example.org", Door.UNKNOWN, ""),
        ("bounces@example.org", Door.BOUNCES, "papers"),
        ("bounces+whatever@example.org", Door.BOUNCES, "papers"),
        ("plain@example.org", Door.BOUNCES, "plain"),
        ("news@example.org", Door.UNKNOWN, ""),
        ("papers@example.net", Door.UNKNOWN, ""),
        ("apapers@example.org", Door.UNKNOWN, ""),
        ("papers", Door.UNKNOWN, ""),
        ("@example.org", Door.UNKNOWN, ""),
        ("", Door.UNKNOWN, ""),
    ],
)
def test_an_address_without_a_signature_says_which_door(recipient: str, door: Door, newsletter: str) -> None:
    assert look(recipient) == Addressed(door, None, newsletter)
    assert ADDRESSING.accepts(recipient) == (door is not Door.UNKNOWN)


@pytest.mark.parametrize(
    ("plain", "kind", "number", "door"),
    [
        ("bounces@example.org", SignedKind.DELIVERY, 7, Door.BOUNCES),
        ("bounces@example.org", SignedKind.NOTICE, CONFIRM_NOTICE, Door.BOUNCES),
        ("papers@example.org", SignedKind.DELIVERY_REPLY, 7, Door.REPLY),
        ("papers@example.org", SignedKind.NOTICE_REPLY, 7, Door.REPLY),
        ("papers@example.org", SignedKind.NOTICE_REPLY, CONFIRM_NOTICE, Door.CONFIRM),
        ("robots+in@example.org", SignedKind.DELIVERY_REPLY, 7, Door.REPLY),
    ],
)
def test_a_signed_address_says_what_it_was_signed_for(plain: str, kind: SignedKind, number: int, door: Door) -> None:
    address = signed(plain, kind, number)
    expected = Addressed(door, Signed(kind, number), "robots")
    assert look(address) == expected
    assert look(address.upper()) == expected
    assert look(header=f"To: Papers <{address}>") == expected


def test_the_newsletter_of_a_message_that_is_gone_is_that_of_the_address() -> None:
    address = signed("papers@example.org", SignedKind.NOTICE_REPLY, 404)
    assert look(address) == Addressed(Door.REPLY, Signed(SignedKind.NOTICE_REPLY, 404), "papers")


def test_a_signature_counts_only_at_an_address_of_ours() -> None:
    token = SIGNED.token(SignedKind.DELIVERY_REPLY, 7)
    assert look(f"ada+{token}@example.org").door is Door.UNKNOWN
    assert look(f"papers+{token}@example.com").door is Door.UNKNOWN


def test_a_signature_of_somebody_else_is_only_a_word_behind_a_plus() -> None:
    forged = OTHERS.make("papers@example.org", SignedKind.DELIVERY_REPLY, 7)
    assert look(forged) == Addressed(Door.PLAIN, None, "papers")
    assert look(OTHERS.make("bounces@example.org", SignedKind.DELIVERY, 7)) == Addressed(Door.BOUNCES, None, "papers")


def test_a_signed_address_wins_wherever_it_stands_and_the_envelope_before_the_header() -> None:
    one, two = (signed("papers@example.org", SignedKind.DELIVERY_REPLY, number) for number in (1, 2))
    assert look("papers@example.org", header=f"Cc: {one}").signed == Signed(SignedKind.DELIVERY_REPLY, 1)
    assert look("bounces@example.org", two, header=f"To: {one}").signed == Signed(SignedKind.DELIVERY_REPLY, 2)


def test_of_plain_ones_the_envelope_counts_then_what_servers_wrote_then_what_the_sender_did() -> None:
    header = "Delivered-To: mailbox@example.net\nX-Original-To: papers@example.org\nTo: bounces@example.org"
    assert look("bounces@example.org", header=header).door is Door.BOUNCES
    assert look("mailbox@example.net", header=header).door is Door.PLAIN
    assert look(header=header).door is Door.PLAIN
    assert look(header="To: bounces@example.org, papers@example.org").door is Door.BOUNCES
    assert look(header="Resent-To: papers@example.org").door is Door.PLAIN
    assert look(header="Subject: papers@example.org").door is Door.UNKNOWN


@pytest.mark.parametrize(
    "value",
    [
        '"papers@example.org" <ada@example.net>, Papers <papers@example.org>',
        "papers@example.org(comment),<>,@,@@@@",
        "Group: papers@example.org;",
    ],
)
def test_addresses_are_found_however_a_header_writes_them(value: str) -> None:
    assert look(header=f"To: {value}").door is Door.PLAIN


def test_what_comes_from_ourselves_is_known() -> None:
    assert ADDRESSING.is_own("NEWS@example.org")
    assert ADDRESSING.is_own(signed("bounces@example.org", SignedKind.DELIVERY))
    assert not ADDRESSING.is_own("ada@example.org")


@given(st.text(alphabet="papers+@bounce.xmlrg<>,\x00 ", max_size=200))
def test_whatever_stands_there_nothing_is_certain_without_a_signature(text: str) -> None:
    assert look(text, header=f"To: {text.replace(chr(0), '')}").signed is None


def test_a_header_full_of_addresses_takes_no_time() -> None:
    header = "".join(f"To: {'papers@example.org,' * 3000}\n" for _ in range(17)) + "Cc: " + "+" * 60_000
    mail = read_mail(f"{header}\n\n".encode())
    began = time.perf_counter()
    ADDRESSING.look(Arrival(b"", Via.LMTP), mail.header)
    assert time.perf_counter() - began < 0.1
