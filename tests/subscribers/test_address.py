"""One strict door: what passes is one plain mailbox, and everything else is refused with a reason (standards T5)."""

from __future__ import annotations

import sys
import unicodedata
from contextlib import suppress

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from subscribers.address import Address, parse_address
from subscribers.errors import AddressError

TAKEN = {
    "ann@example.org": ("ann@example.org", "ann@example.org"),
    "Ann.Lee@Example.ORG": ("Ann.Lee@example.org", "ann.lee@example.org"),
    "ann+tag@example.org": ("ann+tag@example.org", "ann+tag@example.org"),
    "o'neil@example.org": ("o'neil@example.org", "o'neil@example.org"),
    "a_b-c=d/e@mail.example.org": ("a_b-c=d/e@mail.example.org", "a_b-c=d/e@mail.example.org"),
    "INFO@example.org": ("INFO@example.org", "info@example.org"),
    "x@a-b.c-d.example": ("x@a-b.c-d.example", "x@a-b.c-d.example"),
    "1@2.example.org": ("1@2.example.org", "1@2.example.org"),
    "x@bücher.example": ("x@bücher.example", "x@xn--bcher-kva.example"),
    "x@xn--bcher-kva.example": ("x@bücher.example", "x@xn--bcher-kva.example"),
    "x@XN--BCHER-KVA.EXAMPLE": ("x@bücher.example", "x@xn--bcher-kva.example"),
    "x@BÜCHER.example": ("x@bücher.example", "x@xn--bcher-kva.example"),
    "x@bu\u0308cher.example": ("x@bücher.example", "x@xn--bcher-kva.example"),
    "jose\u0301@example.org": ("josé@example.org", "josé@example.org"),
    "JOSÉ@example.org": ("JOSÉ@example.org", "josé@example.org"),
    "straße@example.org": ("straße@example.org", "straße@example.org"),
    "用户@例子.example": ("用户@例子.example", "用户@xn--fsqu00a.example"),
    "a" * 64 + "@example.org": ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
}

REFUSED = [
    "", " ", "ann", "@", "ann@", "@example.org", "ann@@example.org", "ann@x@example.org",
    "ann@example.org@evil.example",
    # several at once, display names, comments, groups
    "a@example.org,b@example.org", "a@example.org, b@example.org", "a@example.org;b@example.org",
    "a@example.org b@example.org", "a,b@example.org", "<a@example.org>", "Ann <a@example.org>", '"Ann" <a@example.org>',
    "a@example.org>", "<a@example.org", "a(comment)@example.org", "(c)a@example.org", "a@(c)example.org",
    "a@example.org(c)", "group:a@example.org;", "mailto:a@example.org",
    # line breaks, blanks, controls, invisible characters
    "a@example.org\n", "a@example.org\r\n", "\na@example.org", "a\r\n@example.org", "a@exa\nmple.org",
    "a@example.org\r\nBcc: b@example.org", "a@example.org\r\nRCPT TO:<b@example.org>", "a@example.org\0",
    "a\0@example.org", "a@example.org\0.evil.example", "a\t@example.org", "a\x0b@example.org", "a\x0c@example.org",
    "a\x1b@example.org", "a\x7f@example.org", "a\x85@example.org", "a\xa0@example.org", "a\u2028@example.org",
    "a\u2029@example.org", "a\u3000@example.org", "a\u200b@example.org", "a\u200d@example.org", "a\u202e@example.org",
    "a\u2066@example.org", "a\ufeff@example.org", "\ufeffa@example.org", "a\xad@example.org", "a\ue000@example.org",
    " a@example.org", "a@example.org ", "a @example.org", "a@ example.org", "a@example .org",
    # quoted local parts, backslashes
    '"a"@example.org', '"a b"@example.org', '"a@b"@example.org', '""@example.org', '"a\\"b"@example.org',
    'a"b@example.org', "a\\b@example.org", "a\\@b@example.org", '"a\r\nb"@example.org', '"a;b"@example.org',
    '"<x>"@example.org',
    # routes
    "a%b@example.org", "a%evil.example@example.org", "evil.example!a@example.org", "a!b@example.org",
    "@evil.example:a@example.org", "@a.example,@b.example:c@example.org", "<@evil.example:a@example.org>",
    "a:b@example.org",
    # literals and things that are no public name
    "a@[127.0.0.1]", "a@[IPv6:::1]", "a@127.0.0.1", "a@[example.org]", "a@localhost", "a@mail", "a@x.local",
    "a@x.localhost", "a@x.test", "a@x.invalid", "a@x.onion", "a@x.arpa", "a@X.LOCAL", "a@example.1", "a@2130706433",
    # dots and hyphens
    ".a@example.org", "a.@example.org", "a..b@example.org", "a@.example.org", "a@example.org.", "a@example..org",
    "a@-example.org", "a@example-.org", "a@exa--mple.-org", "a@.", "a@-", "-a@example.org", "--help@example.org",
    "-oQ/tmp@example.org",
    # too long
    "a" * 65 + "@example.org", "ü" * 33 + "@example.org", "a@" + "b" * 64 + ".example", "a@" + "b." * 124 + "example",
    "a" * 10_000, "a@" + "ü" * 60 + ".example", "@" * 5000, "a" * 64 + "@" + ".".join(["b" * 60] * 4) + ".example",
    # characters that stand for others, half characters, encoded words
    "a@\uff45xample.org", "\uff41@example.org", "a\uff20example.org", "a@example。org", "a@example\uff0eorg",
    "a@ex\u2100mple.org", "\u212aelvin@example.org", "\u017fam@example.org", "\ufb01n@example.org",
    "a@e\u2044xample.org", "a@exam\uff50le.org", "\u2460@example.org", "a@\u2167.example", "a\ud800@example.org",
    "\udcff@example.org", "a@example.org\ud83d", "=?utf-8?q?=0D=0ABcc=3A_b=40example.org?=@example.org",
    "=?utf-8?b?YQ==?=@example.org", "a=?b@example.org",
    # bad internationalised names
    "a@xn--.example", "a@xn--a.example", "a@xn--zzzzzz.example", "a@xn--\x80.example", "a@\u0301x.example",
    "a@ab--cd.example", "a@xn--bcher-kva.bücher.example", "a@א1.1example", "a@example.xn--",
    # wrong characters
    "a@exa_mple.org", "a@exa$mple.org", "a@example.org/", "a@example.org?", "a@example.org#",
    "a@example.org?bcc=b@example.org", "a@example,org", "a@example;org", "a@exam<ple.org", "a@example.org:25",
    "a@*.example.org", "http://a@example.org", "a@b'c.example", "a{{@x}}@example.org", "a[b]@example.org",
    "a]b@example.org", "a@example.org|b", "a@example.org&b", "a@example.org=b", "a@example.org+b", "a@example.org'--",
    "a@example.org`id`", "a@$(id).example.org", "a@{x}.example", "a@example.org/../x", "a@example.org\\",
    "a@\\example.org", "a@exam~ple.org", "a@example.org*", "a@example.org^", "=?utf-8?q?a=40b?= <a@example.org>",
    "a@example.org,", ",a@example.org", "a@example.org;", ";a@example.org", "a@'example.org'", "a@example.org:587",
    "undisclosed-recipients:;", "a b c", "\\@example.org", "a@example.org\t", "a@\u0660.example.1",
    "a@ex\u0430mple.\u0661", "a@example.org%0ABcc", "a%0d%0a@example.org", "a@exa%mple.org",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TAKEN.items(), ids=ascii)
def test_a_plain_address_is_taken(text: str, expected: tuple[str, str]) -> None:
    assert parse_address(text) == Address(*expected)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text)[:60])
def test_everything_else_is_refused_with_words(text: str) -> None:
    with pytest.raises(AddressError, match=r"not an e-mail address: .{5,}; write it like name@example\.org") as refused:
        parse_address(text)
    assert str(refused.value).isprintable()


def test_there_are_200_vectors() -> None:
    assert len(REFUSED) + len(TAKEN) >= 200
    assert len(set(REFUSED)) == len(REFUSED)


@given(st.text())
def test_any_text_is_an_address_or_an_address_error(text: str) -> None:
    with suppress(AddressError):
        parse_address(text)


ODD = st.sampled_from("aZ09.-_+'@ÜßıİςΣאא。\uff0e,;<>\"%!:\\()[]\u0301\u200d \r\n\0=?")


@given(st.text(ODD | st.characters(), max_size=12), st.text(ODD, max_size=12), st.sampled_from(["", ".org", ".example", ".рф"]))
def test_what_is_taken_is_one_mailbox_that_reads_as_written(local: str, domain: str, ending: str) -> None:
    text = f"{local}@{domain}{ending}"
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert address.value.count("@") == 1
    assert not set(address.value) & set(' \r\n\t\0,;<>"%!:\\()[]')
    assert address.value.isprintable()
    assert address.value.partition("@")[0] == unicodedata.normalize("NFC", local)
    assert address.key.rpartition("@")[2].isascii()
    assert parse_address(address.value) == address
    assert parse_address(address.key).key == address.key


WORD = st.text("abcXYZ019_+'-.", min_size=1, max_size=70)
LABEL = st.text("abcXYZ019-", min_size=1, max_size=66)


@given(
    WORD,
    st.lists(LABEL, min_size=1, max_size=4),
    st.sampled_from(["org", "ORG", "example", "test", "Local", "c", "1", "invalid"]),
)
def test_the_quick_way_agrees_with_the_library(local: str, labels: list[str], last: str) -> None:
    text = f"{local}@{'.'.join(labels)}.{last}"
    try:
        address = parse_address(text)
    except AddressError:
        return
    found = validate_email(text, check_deliverability=False, strict=True)
    assert address.value.rpartition("@")[2] == found.domain
    assert address.value.casefold() == found.normalized.casefold()


def test_no_foreign_letter_becomes_an_ascii_one() -> None:
    """UTF-8 case tricks (GHSA-xv97-c62v-4587): a look-alike must never have the key of the mailbox it looks like."""
    taken = 0
    for point in range(0x80, sys.maxunicode + 1):
        if unicodedata.category(chr(point))[0] not in "LN":
            continue
        if 0x3400 <= point <= 0xD7A3 or point > 0x1FFFF:  # ideographs have no case
            continue
        try:
            key = parse_address(f"{chr(point)}@example.org").key
        except AddressError:
            continue
        taken += 1
        assert not key.isascii(), hex(point)
    assert taken > 5000
