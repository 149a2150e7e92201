"""Signatures that an independent verifier believes, and that break when anything signed is touched."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.config import DkimConfig, NewsletterConfig
from newsletter.delivery.identity.dkim import OVERSIGNED, BodySigner, DkimKeyError, DkimSigner, load_signers, relaxed_body
from newsletter.rendering.message.lint import Expectation
from newsletter.rendering.message.message import DATE, MESSAGE_ID, TO, UNSUBSCRIBE, ComposedBody
from tests.conftest import MONDAY
from tests.delivery.keys import DOMAIN, ed25519_key, ed25519_signer, pem, rsa_key, rsa_signer, verifies

NOTHING = Expectation("", "", "", "", (), ())
VALUES = {
    TO: b"ada@example.org",
    MESSAGE_ID: b"<0123456789abcdef@example.org>",
    DATE: b"Mon, 17 Aug 2026 06:00:00 +0000",
    UNSUBSCRIBE: b"AQAAAAAAAAcXw3-_9tYkqLm2VbN0sRzE",
}
MESSAGE = (
    b'From: "Trending  Papers" <papers@example.org>\r\nTo: \0to\0\r\nSubject: A title\r\n that is \t folded  \r\n'
    b"Date: \0date\0\r\nMessage-ID: \0message-id\0\r\nReply-To: editor@example.org\r\nList-Id: <papers.example.org>\r\n"
    b"List-Unsubscribe: <https://papers.example.org/unsubscribe/\0unsubscribe\0>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
    b"Two  blanks, a tab\tand an end \t\r\n\r\n https://papers.example.org/unsubscribe/\0unsubscribe\0 \r\n\r\n \r\n"
)


def body_of(message: bytes) -> ComposedBody:
    """A body from a message in which ``\\0name\\0`` marks a slot."""
    pieces = message.split(b"\0")
    slots = tuple((place, name.decode()) for place, name in enumerate(pieces) if place % 2)
    return ComposedBody(0, NOTHING, tuple(b"" if place % 2 else piece for place, piece in enumerate(pieces)), slots)


def short_key() -> RSAPrivateKey:
    """Of two primes that everybody knows."""
    p, q, e = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public)
    return numbers.private_key()


def signed(message: bytes = MESSAGE, values: Mapping[str, bytes] = VALUES, *signers: DkimSigner) -> bytes:
    body = body_of(message)
    fields = BodySigner(body, signers or (rsa_signer(), ed25519_signer())).fields(values, at=MONDAY)
    return fields + body.gapped().fill(values)


def test_both_signatures_of_a_message_are_believed() -> None:
    data = signed()
    assert verifies(data, 0)
    assert verifies(data, 1)
    first, second = [line for line in data.split(b"\r\n") if line.startswith(b"DKIM-Signature:")]
    assert b"a=rsa-sha256; c=relaxed/relaxed;" in first
    assert b"a=ed25519-sha256; c=relaxed/relaxed;" in second
    assert all(len(line) <= 78 for line in data.split(b"\r\n\r\n")[0].split(b"\r\n") if not line.startswith(b"List-Unsub"))


def test_equal_messages_have_equal_signatures() -> None:
    assert signed() == signed()
    assert b"t=%d;" % MONDAY.timestamp() in signed()
    later = BodySigner(body_of(MESSAGE), [rsa_signer()]).fields(VALUES, at=MONDAY + timedelta(seconds=1))
    assert later not in signed()


def test_a_message_says_neither_its_length_nor_leaves_a_field_to_be_added() -> None:
    unfolded = b"".join(signed(MESSAGE, VALUES, rsa_signer()).split(b"\r\nFrom:")[0].split()).decode()
    assert ";l=" not in unfolded
    names = unfolded.partition("h=")[2].partition(";")[0].split(":")
    assert {name: names.count(name) for name in OVERSIGNED} == dict.fromkeys(OVERSIGNED, 2) | {"cc": 1}
    assert names.count("list-id") == 1
    assert "form-sub" not in names


BLANKS = st.text(" \t", max_size=3)
# Without controls: the verifier takes vertical tabs and form feeds for blanks, which the standard does not.
WORD = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
LINE = st.builds(lambda *parts: "".join(parts).encode(), BLANKS, WORD, BLANKS, WORD, BLANKS)
SLOT = st.sampled_from([b"\0" + name.encode() + b"\0" for name in VALUES])
NAMES = ["From", "To", "subject", "DATE", "List-Unsubscribe", "List-Id", "Form-Sub", "X-Other", "Reply-To"]


@st.composite
def fields(draw: st.DrawFn) -> bytes:
    lines = draw(
        st.lists(st.one_of(LINE, SLOT, st.builds(lambda a, s, b: a + s + b, LINE, SLOT, LINE)), min_size=1, max_size=3)
    )
    # A line of a folded field has something in it (RFC 5322 section 3.2.2), or else it would be the obsolete syntax.
    value = b"\r\n\t".join([line if line.strip(b" \t") else b"x" for line in lines])
    return draw(st.sampled_from(NAMES)).encode() + b":" + value + b"\r\n"


@settings(deadline=None, max_examples=60)
@given(st.lists(fields(), max_size=8), st.lists(st.one_of(st.just(b""), LINE, SLOT), max_size=8), st.booleans())
def test_odd_fields_and_bodies_are_signed_as_they_will_be_read(head: list[bytes], lines: list[bytes], has_utf8: bool) -> None:
    values = {**VALUES, TO: "adá@example.org".encode()} if has_utf8 else VALUES
    message = b"From: papers@example.org\r\n" + b"".join(head) + b"\r\n" + b"".join(line + b"\r\n" for line in lines)
    data = signed(message, values)
    assert verifies(data, 0)
    assert verifies(data, 1)


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b" \r\n\t\r\n", b""),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # the example of RFC 6376 section 3.4.5
        (b"no end", b"no end\r\n"),
        (b"no end \t", b"no end\r\n"),
        (b"\r\n\r\na\r\n", b"\r\n\r\na\r\n"),
        (b"a\t\t b\rc \r\n", b"a b\rc\r\n"),
    ],
)
def test_a_body_in_relaxed_form_is_as_the_standard_says(body: bytes, canonical: bytes) -> None:
    assert relaxed_body(body) == canonical
    assert relaxed_body(canonical) == canonical


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\nSubject: A", b"\r\nSubject: Another"),
        (b"\r\nTo: ada", b"\r\nTo: eve"),
        (b"\r\nDate: Mon", b"\r\nDate: Tue"),
        (b"\r\nMessage-ID: <0", b"\r\nMessage-ID: <1"),
        (b'From: "Trending', b'From: "Pending'),
        (b"papers@example.org>\r\nTo", b"eve@example.org>\r\nTo"),
        (b"editor@", b"eve@"),
        (b"List-Id: <papers", b"List-Id: <others"),
        (b"List-Unsubscribe: <https://papers", b"List-Unsubscribe: <https://evil"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.1"),
        (b"Content-Type: text/plain", b"Content-Type: text/html"),
        (b"Two  blanks", b"Three  blanks"),
        (b"\r\n\r\nTwo", b"\r\n\r\n\r\nTwo"),
        (b" t=1", b" t=2"),
    ],
)
def test_a_change_of_anything_signed_is_seen(old: bytes, new: bytes) -> None:
    data = signed()
    assert data.count(old) >= 1
    changed = data.replace(old, new)
    assert not verifies(changed, 0)
    assert not verifies(changed, 1)


@pytest.mark.parametrize("field", [f"{name.title()}: eve@example.org" for name in OVERSIGNED])
def test_no_second_field_can_be_slipped_in(field: str) -> None:
    head, _, rest = signed().partition(b"\r\nTo: ")
    for changed in (f"{field}\r\n".encode() + signed(), head + f"\r\n{field}\r\nTo: ".encode() + rest):
        assert not verifies(changed, 0)
        assert not verifies(changed, 1)


def test_a_message_without_its_list_unsubscribe_field_is_not_believed() -> None:
    lines = signed().split(b"\r\n")
    without = b"\r\n".join(line for line in lines if not line.startswith(b"List-Unsubscribe:"))
    assert len(without) < len(signed())
    assert not verifies(without)


def test_what_servers_on_the_way_do_does_no_harm() -> None:
    data = signed().replace(b"Two  blanks", b"Two blanks").replace(b"\r\nMIME-Version: ", b"\r\nmime-version:  ")
    relayed = b"Received: from a by b\r\n" + data + b"\r\n\r\n"
    assert verifies(relayed, 0)
    assert verifies(relayed, 1)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (b"", "not a private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a private key in PEM"),
        (pem(ed25519_key(), b"pass"), "pass phrase"),
        (pem(generate_private_key(SECP256R1())), "neither RSA nor Ed25519"),
        (pem(short_key()), "508 bits are too few"),
    ],
)
def test_a_key_that_cannot_sign_is_named_with_what_to_do(key: bytes, words: str) -> None:
    with pytest.raises(DkimKeyError, match=words):
        DkimSigner(key, selector="s", domain=DOMAIN)


@pytest.mark.parametrize(
    ("selector", "domain"),
    [("s", "exämple.org"), ("s", "org"), ("s", "a.b; x=y"), ("s", "a.b\r\nBcc"), ("", "a.b"), ("s;", "a.b"), ("s\n", "a.b")],
)
def test_names_that_would_say_more_than_a_name_are_refused(selector: str, domain: str) -> None:
    with pytest.raises(DkimKeyError, match="not a name in the DNS"):
        DkimSigner(pem(ed25519_key()), selector=selector, domain=domain)


def newsletter(tmp_path: Path, keys: dict[str, bytes], **config: str) -> NewsletterConfig:
    for name, key in keys.items():
        (tmp_path / name).write_bytes(key)
        (tmp_path / name).chmod(0o600)
    tables = {name: DkimConfig.model_validate({"key_file": tmp_path / name, **config}) for name in keys}
    return NewsletterConfig(from_address="papers@News.example.org", dkim=tables)


def test_the_keys_of_a_newsletter_are_loaded_rsa_first(tmp_path: Path) -> None:
    assert load_signers(NewsletterConfig()) == ()
    keys = {"second": pem(ed25519_key()), "first": pem(rsa_key())}
    signers = load_signers(newsletter(tmp_path, keys))
    assert [(signer.selector, signer.algorithm, signer.domain) for signer in signers] == [
        ("first", "rsa-sha256", "news.example.org"),
        ("second", "ed25519-sha256", "news.example.org"),
    ]
    assert {signer.domain for signer in load_signers(newsletter(tmp_path, keys, domain="Example.org"))} == {"example.org"}


@pytest.mark.parametrize("domain", ["example.net", "ews.example.org", "deep.news.example.org"])
def test_a_signing_domain_that_is_not_the_senders_is_refused(tmp_path: Path, domain: str) -> None:
    with pytest.raises(DkimKeyError, match="counts as unsigned for DMARC"):
        load_signers(newsletter(tmp_path, {"s": pem(ed25519_key())}, domain=domain))


def test_a_key_file_that_is_missing_is_named(tmp_path: Path) -> None:
    missing = NewsletterConfig(dkim={"s": DkimConfig(key_file=tmp_path / "none.pem")})
    with pytest.raises(DkimKeyError, match=r"none\.pem: No such file"):
        load_signers(missing)


def test_a_short_key_and_one_that_others_can_read_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = newsletter(tmp_path, {"short": pem(rsa_key(1024)), "ed": pem(ed25519_key())})
    (tmp_path / "ed").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        load_signers(config)
    said = sorted(" ".join(record.getMessage().split()[:2]) for record in caplog.records)
    assert said == ["dkim.key_is_short selector=short", "dkim.key_readable_by_others selector=ed"]
