from __future__ import annotations

import quopri
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.rendering.message.encode import fold, phrase, quoted_printable, unstructured
from newsletter.rendering.words.text import clean

TOKEN = "kB3-xY_0kB3-xY_0kB3-xY_0kB3-xY_0"


def parsed(field: str) -> EmailMessage:
    return message_from_bytes(f"{field}MIME-Version: 1.0\r\n\r\n".encode("ascii"), policy=policy.default)


@given(st.text(min_size=1).map(clean).filter(bool))
@example("=?utf-8?q?=0D=0ABcc=3A_evil=40example.org?=")
@example("On Sets =?utf-8?q?=0D=0ABcc=3A_evil=40example.org?= and Maps")
@example("x" * 500)
@example("模型" * 300)
@example("e\u0301" * 200)
@example('a, b; c <d@example.org> (e) "f" \\ =?g?=')
def test_any_subject_is_shown_as_it_was_written(text: str) -> None:
    field = unstructured("Subject", text)
    message = parsed(field)
    assert message["Subject"] == text
    assert message.keys() == ["Subject", "MIME-Version"]
    assert all(len(line) <= 78 for line in field.split("\r\n"))


@given(st.text(min_size=1, max_size=80).map(clean).filter(bool))
@example('Ada "Quotes" \\ Example')
@example("Papers =?utf-8?q?=0D=0ABcc=3A_evil=40example.org?=")
@example("Évi, Comma <evil@example.org>")
def test_any_display_name_is_shown_as_it_was_written(name: str) -> None:
    field = fold("From", [*phrase(name), "<papers@example.org>"])
    message = parsed(field)
    assert message.keys() == ["From", "MIME-Version"]
    (address,) = message["From"].addresses
    assert address.addr_spec == "papers@example.org"
    # The standard library puts a blank between encoded words of a phrase; RFC 2047 section 6.2 has none.
    assert address.display_name.replace(" ", "") == name.replace(" ", "")
    assert all(len(line) <= 78 for line in field.split("\r\n"))


def test_plain_text_stays_readable_in_the_source() -> None:
    assert unstructured("Subject", "Zetta, and 8 more papers new to you") == "Subject: Zetta, and 8 more papers new to you\r\n"
    assert phrase("Trending Papers") == ['"Trending Papers"']


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\r\nBcc: x@example.org", "a\0b", "a\u2028b", "a\u2029b", "a\x85b", "\ud800"])
def test_a_control_character_is_refused_in_a_header(bad: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        unstructured("Subject", bad)
    with pytest.raises(ValueError, match="control character"):
        phrase(bad)


def test_a_url_is_never_broken_or_encoded() -> None:
    url = f"<https://{'papers.' * 20}example.org/unsubscribe/{TOKEN}>"
    assert fold("List-Unsubscribe", [url + ",", "<mailto:x@example.org>"]) == (
        f"List-Unsubscribe: {url},\r\n <mailto:x@example.org>\r\n"
    )


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example(".leading\n.\n..\n...\nFrom here\n")
@example("trailing blank \ntrailing tab\t\n")
@example("." * 500)
@example("From " * 100)
@example("=" * 100)
@example("é" * 100)
@example("x" * 75 + ".y")
@example("x" * 75 + "=y")
def test_quoted_printable_decodes_to_the_same_text(text: str) -> None:
    encoded = quoted_printable(text)
    lines = encoded.split("\r\n")
    assert encoded.isascii()
    assert encoded.endswith("\r\n")
    assert "\r" not in encoded.replace("\r\n", "")
    assert "\n" not in encoded.replace("\r\n", "")
    assert all(len(line) <= 76 and not line.startswith((".", "From ")) and line[-1:] not in {" ", "\t"} for line in lines)
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    assert quopri.decodestring(encoded.encode()).decode().replace("\r\n", "\n") in {wanted, wanted + "\n"}


@given(st.text(st.sampled_from("ab.=é F"), max_size=200), st.text(st.sampled_from("ab.=é F"), max_size=200), st.integers(1, 4))
def test_a_slot_is_never_broken_so_that_another_token_of_its_length_fits(before: str, after: str, times: int) -> None:
    text = (before + TOKEN) * times + after
    encoded = quoted_printable(text, unbroken=[TOKEN])
    assert encoded.count(TOKEN) == times
    other = "A" * len(TOKEN)
    filled = encoded.replace(TOKEN, other)
    assert quopri.decodestring(filled.encode()).decode().rstrip("\r\n") == text.replace(TOKEN, other)
    assert all(len(line) <= 76 for line in filled.split("\r\n"))


@given(
    st.lists(
        st.text(st.one_of(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), st.sampled_from("\n =.From")))
    )
)
def test_encodings_side_by_side_are_one_of_the_texts_side_by_side(texts: list[str]) -> None:
    pieces = [quoted_printable(text, goes_on=True) for text in texts]
    encoded = "".join(pieces)
    assert quopri.decodestring(encoded.encode("ascii")).decode().replace("\r\n", "\n") == "".join(texts)
    assert all(not piece or piece.endswith("\r\n") for piece in pieces)
    assert all(len(line) <= 76 and not line.startswith((".", "From ")) for line in encoded.split("\r\n"))
