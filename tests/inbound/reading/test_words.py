"""Encoded words, charsets, and the parameters of a type."""

from __future__ import annotations

import pytest

from newsletter.inbound.reading.charsets import decode
from newsletter.inbound.reading.parameters import MAX_PARAMETERS, content_type
from newsletter.inbound.reading.words import decode_words


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?ISO-8859-1?q?Gr=FC=DFe_an_alle?= Ada", "Grüße an alle Ada"),
        ("=?UTF-8?B?R3LDvMOfZQ==?= =?UTF-8?B?IGFu?=", "Grüße an"),
        ("=?utf-8*de?Q?Ja?=", "Ja"),
        ("Re: =?iso-2022-jp?B?GyRCRyc/LhsoQg==?=", "Re: 認信"),
        ("=?utf-8?Q?a b?=", "a b"),
    ],
)
def test_encoded_words_are_read(value: str, read: str) -> None:
    assert decode_words(value, 10)[0] == read


def test_a_letter_that_is_cut_between_two_words_is_whole_again() -> None:
    assert decode_words("=?utf-8?B?w5w=?= =?utf-8?Q?bermorgen_=C3?=\t=?UTF-8?Q?=9F?=", 10) == ("Übermorgen ß", 3)


@pytest.mark.parametrize("broken", ["=?utf-8?B?w?=", "=?utf-8?X?abc?=", "=?utf-8?Q?abc", "=??Q?abc?=", "=?utf-8?B?ÄÖ?="])
def test_a_broken_word_breaks_nothing(broken: str) -> None:
    read, _ = decode_words(f"before {broken} after", 10)
    assert read.startswith("before ")
    assert read.endswith(" after")


def test_base64_without_its_end_is_read_as_far_as_it_goes() -> None:
    assert decode_words("=?utf-8?B?R3LDvMOfZ?=", 10)[0] == "Grüße"[:4]


def test_a_line_end_that_hides_in_a_word_makes_no_second_field() -> None:
    assert decode_words("=?utf-8?Q?a=0D=0ABcc:_ada@example.org?=", 10)[0] == "a Bcc: ada@example.org"


def test_words_beyond_the_limit_stay_as_they_are() -> None:
    assert decode_words("=?utf-8?Q?a?= =?utf-8?Q?b?=", 1) == ("a =?utf-8?Q?b?=", 1)


@pytest.mark.parametrize(
    ("raw", "charset", "read"),
    [
        (b"Gr\xfc\xdfe", "iso-8859-1", "Grüße"),
        (b"\x93quoted\x94", "ISO-8859-1", "“quoted”"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode(), "no-such-charset", "Grüße"),
        (b"Gr\xfc\xdfe", "unknown-8bit", "Grüße"),
        ("退订".encode("gb18030"), "GB2312", "退订"),
        ("配信停止".encode("cp932"), "Shift_JIS", "配信停止"),
        ("配信停止".encode("iso2022_jp"), "ISO-2022-JP", "配信停止"),
        ("配信停止".encode("iso2022_jp"), "", "配信停止"),
        ("수신".encode("cp949"), "ks_c_5601-1987", "수신"),
        ("Grüße".encode("utf-7"), "utf-7", "Grüße"),
        ("Grüße".encode("utf-16"), "utf-16", "Grüße"),
        (b"\xff\xfea", "utf-16", "\ufffd"),
        (b"ok \xff", "utf-8", "ok \ufffd"),
        (b"abc", "punycode", "abc"),
        (b"789c", "hex", "789c"),
        (b"\xc3\xbc", "zlib", "ü"),
    ],
)
def test_bytes_are_read_in_their_charset_or_the_likeliest(raw: bytes, charset: str, read: str) -> None:
    assert decode(raw, charset) == read


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("text/plain", "text/plain", {}),
        ('Multipart/Report; Boundary="a;b=c"', "multipart/report", {"boundary": "a;b=c"}),
        (' "text/html" ; charset="utf-8', "text/html", {"charset": "utf-8"}),
        ('text/plain; name="a\\"b"', "text/plain", {"name": 'a"b'}),
        ("text/plain charset=utf-8", "text/plain", {}),
        ("text/plain; charset=utf-8; charset=latin-1", "text/plain", {"charset": "utf-8"}),
        ("text/plain; name*=utf-8''Gr%C3%BC%C3%9Fe", "text/plain", {"name": "Grüße"}),
        ("text/plain; name*1*=%9Fe; name*0*=utf-8'de'Gr%C3%BC%C3", "text/plain", {"name": "Grüße"}),
        ('text/plain; name*0="one "; name*1=two', "text/plain", {"name": "one two"}),
        ("text", "", {}),
        ("", "", {}),
    ],
)  # fmt: skip
def test_a_type_and_its_parameters_are_read(value: str, kind: str, expected: dict[str, str]) -> None:
    assert content_type(value) == (kind, expected)


def test_more_parameters_than_the_limit_are_left_out() -> None:
    _, parameters = content_type("text/plain" + "".join(f"; p{number}=1" for number in range(MAX_PARAMETERS + 50)))
    assert len(parameters) == MAX_PARAMETERS
