import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.inbound.bounces.addresses import addresses_in, first_address, is_daemon, reported_address
from tests.inbound.bounces.sample import ADA, ALAN


@pytest.mark.parametrize(
    "text",
    [
        ADA,
        f"<{ADA}>",
        f"'{ADA}'",
        f'"{ADA}":',
        f"mailto:{ADA}.",
        f"<{ADA}>... User unknown",
        f"rfc822;{ADA}",
        f"宛先{ADA}に届きません",
        f"({ADA}),",
        f"To:{ADA};",
    ],
)
def test_an_address_is_found_in_what_stands_around_it(text: str) -> None:
    assert [named.address for named in addresses_in(text)] == [ADA]


def test_the_place_of_an_address_is_told() -> None:
    text = f"from <{ADA}> to '{ALAN}'."
    assert [text[named.start : named.end] for named in addresses_in(text)] == [ADA, ALAN]


@pytest.mark.parametrize("text", ["", "@", "a@", "@b", "ada at example.org", "****@example.org", "@example.org:ada"])
def test_what_is_no_address_is_not_found(text: str) -> None:
    assert list(addresses_in(text)) == []


def test_odd_local_parts_are_whole() -> None:
    for address in ("bounce+1=example.net@example.com", '"a b"@example.org', "ada..@example.ne.jp", "o'neill@example.org"):
        assert first_address(f"to {address} now") == address


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (f"rfc822; {ADA}", ADA),
        (f"RFC822;<{ADA}>", ADA),
        (f"<{ADA}>", ADA),
        (ADA, ADA),
        (f"rfc822;@relay.example.net:{ADA}", ADA),
        (f"rfc822; {ADA} (Ada Example)", ADA),
        (f"rfc822; Ada Example <{ADA}>", ADA),
        ("utf-8; \u30a2\u30c0@example.org", "\u30a2\u30c0@example.org"),
        ("utf-8; \\x{30A2}\\x{30C0}@example.org", "\u30a2\u30c0@example.org"),
        ("rfc822; ada", "ada"),
        ("x400; /RFC-822=ada(a)example.org/ADMD= /C=WW/", ""),
        ("", ""),
        ("rfc822;", ""),
        ("rfc822; <>", ""),
    ],
)
def test_recipient_fields_are_read(value: str, address: str) -> None:
    assert reported_address(value) == address


def test_the_mail_system_is_known_by_its_names() -> None:
    assert is_daemon("MAILER-DAEMON@mx.example.org")
    assert is_daemon("postmaster@example.org")
    assert is_daemon("Mailer-Daemon")
    assert not is_daemon(ADA)


@given(st.text())
def test_whatever_is_found_stands_there(text: str) -> None:
    for named in addresses_in(text):
        assert text[named.start : named.end] == named.address
        assert named.address.count("@") >= 1


@given(st.text())
def test_any_recipient_field_can_be_read(value: str) -> None:
    assert len(reported_address(value)) <= 320
