"""Mail that no machine may answer."""

from __future__ import annotations

import pytest

from newsletter.inbound.sorting.automatic import is_automatic
from tests.inbound.sorting.letters import letter


@pytest.mark.parametrize(
    "fields",
    [
        {"auto_submitted": "auto-replied"},
        {"auto_submitted": "auto-generated; type=x"},
        {"auto_submitted": "Auto-Notified (by a rule)"},
        {"precedence": "bulk"},
        {"precedence": "LIST"},
        {"precedence": "junk"},
        {"list_id": "<papers.example.org>"},
        {"list_unsubscribe": "<mailto:leave@example.org>"},
        {"x_loop": "ada@example.net"},
        {"from": "MAILER-DAEMON@example.net"},
        {"from": "Postmaster <postmaster@example.net>"},
        {"from": "no-reply@example.net"},
        {"from": "do.not.reply+7@example.net"},
        {"sender": "owner-papers@example.net"},
        {"sender": "papers-request@example.net"},
        {"return_path": "<papers-bounces@example.net>"},
        {"return_path": "<>"},
        {"return_path": "< >"},
    ],
    ids=str,
)
def test_machines_and_lists_are_known(fields: dict[str, str]) -> None:
    assert is_automatic(letter("hello", **fields))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"auto_submitted": "no"},
        {"precedence": "normal"},
        {"return_path": "<ada@example.net>"},
        {"from": "The Reply Owner <reply@example.net>"},
        {"from": "requests@example.net"},
        {"x_auto_response_suppress": "OOF"},
    ],
    ids=str,
)
def test_people_are_none(fields: dict[str, str]) -> None:
    assert not is_automatic(letter("hello", **fields))


def test_the_sender_of_the_transaction_goes_before_what_a_header_says() -> None:
    assert is_automatic(letter("hello"), "")
    assert is_automatic(letter("hello"), "<>")
    assert is_automatic(letter("hello"), "papers-bounces@example.net")
    assert not is_automatic(letter("hello", return_path="<>"), "ada@example.net")
