"""Who wrote a mail, and when our mail server's word makes that certain."""

from __future__ import annotations

import time
from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.inbound.commands.writer import Writer, writer_of
from newsletter.inbound.reading.header import Header
from tests.conftest import MONDAY
from tests.inbound.commands.house import COMMANDS, OURS


def writer(*fields: tuple[str, str], to: str = COMMANDS, trusted: tuple[str, ...] = (OURS,)) -> Writer | None:
    header = Header((*fields, ("to", to), ("date", format_datetime(MONDAY))))
    return writer_of(header, trusted=trusted, ours=[COMMANDS], received_at=MONDAY)


def is_vouched(*results: str, sender: str = "Ada <ada@mail.example.net>", to: str = COMMANDS) -> bool:
    fields = [("authentication-results", result) for result in results]
    found = writer(*fields, ("from", sender), to=to)
    assert found is not None
    return found.is_vouched


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("ada@example.net", "ada@example.net"),
        ("Ada Example <ada@example.net>", "ada@example.net"),
        ('"Example, Ada" <Ada@Example.NET>', "Ada@example.net"),
        ("ada@example.net <ada@example.net>", "ada@example.net"),
        ("<ada@example.net> (Ada)", "ada@example.net"),
        ("", None),
        ("Ada", None),
        ("a@example.net, b@example.net", None),
        ("b@example.net <a@example.net>", None),
        ("<b@example.net> <a@example.net>", None),
        ("a@b@example.net", None),
        ("@example.net", None),
        ("ada@localhost", None),
        ("x" * 5000 + "@example.net", None),
    ],
)
def test_from_holds_one_address_or_nobody_wrote_it(field: str, address: str | None) -> None:
    found = writer(("from", field))
    assert (None if found is None else found.address.value) == address


def test_two_from_fields_name_nobody() -> None:
    assert writer(("from", "ada@example.net"), ("from", "ada@example.net")) is None


@pytest.mark.parametrize(
    "result",
    [
        f"{OURS}; dkim=pass header.d=mail.example.net",
        f"{OURS}; dkim=pass header.d=example.net header.s=one",
        f"{OURS} 1; spf=fail smtp.mailfrom=x.example; DKIM=pass (2048-bit key; (unprotected)) header.i=@Example.NET",
        f"{OURS.upper()};\r\n dmarc=pass (p=none dis=none) header.from=mail.example.net",
        f'{OURS}; dkim=fail reason="bad; really" header.d=example.net; dkim=pass header.d=example.net',
    ],
)
def test_a_pass_for_the_domain_or_its_parent_makes_certain(result: str) -> None:
    assert is_vouched(result)


@pytest.mark.parametrize(
    "result",
    [
        "",
        OURS,
        f"{OURS}; none",
        "mx.example.com; dkim=pass header.d=example.net",
        f"x{OURS}; dkim=pass header.d=example.net",
        f"{OURS}; dkim=fail header.d=example.net",
        f"{OURS}; dkim=passed header.d=example.net",
        f"{OURS}; dkim=pass header.d=example.com",
        f"{OURS}; dkim=pass header.d=net",
        f"{OURS}; dkim=pass header.d=ample.net",
        f"{OURS}; dkim=pass header.d=x.mail.example.net",
        f"{OURS}; dkim=pass",
        f"{OURS}; dmarc=pass",
        f"{OURS}; spf=pass smtp.mailfrom=ada@mail.example.net",
        f"{OURS}; dmarc=pass header.from=example.com",
        f"{OURS}; spf=pass (dkim=pass header.d=example.net) smtp.mailfrom=x",
        f'{OURS}; spf=pass smtp.mailfrom="a; dkim=pass header.d=example.net; b"@example.com',
        f"{OURS}; spf=pass (; dkim=pass header.d=example.net",
        f"{OURS}; dkim=pass) header.d=example.net",
    ],
)
def test_anything_else_does_not(result: str) -> None:
    assert not is_vouched(result)


def test_only_the_topmost_field_of_our_server_counts() -> None:
    good, bad = f"{OURS}; dkim=pass header.d=example.net", f"{OURS}; dkim=fail header.d=example.net"
    assert is_vouched("mx.example.com; dkim=fail header.d=example.net", good)
    assert not is_vouched(bad, good)


def test_a_signed_mail_to_somebody_else_says_nothing() -> None:
    good = f"{OURS}; dkim=pass header.d=example.net"
    assert not is_vouched(good, to="friend@example.com")
    assert is_vouched(good, to="friend@example.com, Papers <PAPERS+0@example.org>")


GOOD = (("authentication-results", f"{OURS}; dkim=pass header.d=example.net"), ("from", "ada@example.net"))


def is_certain(*fields: tuple[str, str]) -> bool:
    found = writer_of(Header((*GOOD, *fields)), trusted=(OURS,), ours=[COMMANDS], received_at=MONDAY)
    assert found is not None
    return found.is_vouched


def test_fields_put_in_front_of_a_signed_mail_make_nothing_certain() -> None:
    date = ("date", format_datetime(MONDAY))
    assert is_certain(("to", COMMANDS), date)
    assert not is_certain(("cc", COMMANDS), ("to", "offers@example.com"), date)
    assert not is_certain(("to", COMMANDS), ("to", "offers@example.com"), date)
    assert not is_certain(("to", COMMANDS), ("cc", "friend@example.com"), date)
    assert not is_certain(("to", COMMANDS), date, date)


@pytest.mark.parametrize(
    ("date", "certain"),
    [
        (format_datetime(MONDAY - timedelta(days=2)), True),
        (format_datetime(MONDAY + timedelta(days=2)), True),
        (format_datetime(MONDAY - timedelta(days=4)), False),
        (format_datetime(MONDAY + timedelta(days=4)), False),
        ("yesterday", False),
        ("", False),
        ("Mon, 17 Aug 99999999999999999999 08:00:00 +0000", False),
        ("Mon, 17 Aug 2026 08:00:00 +99999999999999", False),
        ("Mon, 01 Jan 0001 00:00:00 +2300", False),
    ],
)
def test_only_a_mail_of_these_days_is_certain(date: str, certain: bool) -> None:
    assert is_certain(("to", COMMANDS), ("date", date)) is certain


def test_without_a_server_of_ours_nobody_is_certain() -> None:
    fields = (("authentication-results", "; dkim=pass header.d=example.net"), ("from", "ada@example.net"))
    found = writer(*fields, trusted=())
    assert found is not None
    assert not found.is_vouched


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=100))
def test_no_field_is_too_much(result: str, sender: str, to: str) -> None:
    fields = [("authentication-results", f"{OURS};{result}"), ("from", sender)]
    writer(*fields, to=to)
    writer(fields[0], ("from", "ada@example.net"), to=COMMANDS)


@pytest.mark.parametrize("unit", ["a", "(", '"', "a@b ", ";", "dkim=pass ", "header.d=", "\\"])
def test_huge_fields_are_read_in_no_time(unit: str) -> None:
    long = unit * (64_000 // len(unit))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        writer(("authentication-results", f"{OURS};{long}"), ("from", long), to=long)
        writer(("authentication-results", f"{OURS};{long}"), ("from", "ada@example.net"), to=COMMANDS)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1
