"""What MTAs tell the program they start, each in its own words."""

from __future__ import annotations

import pytest

from newsletter.inbound.pipe import plain, recipients_of, sender_of


@pytest.mark.parametrize(
    ("environment", "sender", "recipients"),
    [
        pytest.param({}, None, (), id="a shell"),
        pytest.param(
            {
                "SENDER": "ada@example.org",
                "ORIGINAL_RECIPIENT": "papers+x@example.org",
                "RECIPIENT": "news@host.example.org",
                "LOCAL": "news",
                "DOMAIN": "host.example.org",
            },
            "ada@example.org",
            ("papers+x@example.org", "news@host.example.org"),
            id="postfix",
        ),
        pytest.param(
            {"SENDER": "", "RECIPIENT": "papers+x@example.org", "ORIGINAL_RECIPIENT": "papers+x@example.org"},
            "",
            ("papers+x@example.org",),
            id="postfix, null sender",
        ),
        pytest.param(
            {"SENDER": "<>", "LOCAL_PART": "papers", "LOCAL_PART_SUFFIX": "+x", "DOMAIN": "example.org"},
            "",
            ("papers+x@example.org",),
            id="exim",
        ),
        pytest.param(
            {"SENDER": "MAILER-DAEMON", "LOCAL_PART": "papers", "EXTENSION": "x", "DOMAIN": "example.org"},
            "",
            ("papers+x@example.org",),
            id="procmail",
        ),
        pytest.param({"LOCAL": "papers+x", "DOMAIN": "example.org"}, None, ("papers+x@example.org",), id="no whole one"),
        pytest.param({"RECIPIENT": "papers", "DOMAIN": "example.org"}, None, (), id="not an address"),
    ],
)
def test_the_envelope_is_read_from_the_environment(
    environment: dict[str, str], sender: str | None, recipients: tuple[str, ...]
) -> None:
    assert sender_of(environment) == sender
    assert recipients_of(environment) == recipients


@pytest.mark.parametrize(
    ("given", "bare"),
    [("<ada@example.org>", "ada@example.org"), (" ada@example.org ", "ada@example.org"), ("Mailer-Daemon", "")],
)
def test_a_sender_is_taken_without_what_stands_around_it(given: str, bare: str) -> None:
    assert plain(given) == bare
