"""Export: everything a list needs to move house, and nothing a spreadsheet would compute (standards T18)."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.model import Cadence, Choices, ConsentMethod, Interests, SubscriberId, SubscriberState
from subscribers.service import SubscriberService
from subscribers.suppression import Hasher
from subscribers.transfer.exporting import Entry, entries, write_csv, write_json_lines
from subscribers.transfer.import_lines import Defaults
from subscribers.transfer.importing import AddressImport

FORMULAS = [
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", '=HYPERLINK("http://example.org")', "'=1", "''", "'quoted'", "a;b",
    '"a"', "=", "+", "-", "@", "a,b", "a=b", "=\u20ac", '=1;"', "' x",
]  # fmt: skip


def add(service: SubscriberService, address: str, choices: Choices, newsletter: str = "papers") -> None:
    service.add(address, newsletter, choices, method=ConsentMethod.OPERATOR, wording="Yes")


def as_csv(found: list[Entry]) -> str:
    file = io.StringIO(newline="")
    assert write_csv(found, file) == len(found)
    return file.getvalue()


@pytest.fixture
def filled(service: SubscriberService, clock: ManualClock) -> SubscriberService:
    # Authors are any text; keywords and muted words are read again as phrases, "a,b" among them.
    phrases = tuple(text for text in FORMULAS if not text.startswith("-") and any(map(str.isalnum, text)))
    likes = Interests(("cs.CL", "hep-th"), phrases, ("Ada; Countess", "Böll", *FORMULAS), ("=LAB()",), ("+x",))
    add(service, "+Ann@example.org", Choices(Cadence.WEEKLY, 0, "Asia/Tokyo", likes, 7))
    add(service, "+Ann@example.org", Choices(), "other")
    add(service, "=bob@bücher.example", Choices())
    add(service, "'eve@example.org", Choices())
    add(service, "gone@example.org", Choices())
    add(service, "erased@example.org", Choices())
    service.pause("+ann@example.org", "other", until=clock.now() + timedelta(days=9))
    service.pause("'eve@example.org")
    service.unsubscribe("gone@example.org", method=ConsentMethod.WEB)
    service.erase("erased@example.org")
    return service


def test_no_cell_starts_a_formula(filled: SubscriberService, database: Database) -> None:
    content = as_csv(list(entries(database)))
    for row in csv.reader(io.StringIO(content, newline="")):
        for cell in row:
            assert cell[:1] not in set("=+-@\t\r")
    assert all(line.startswith('"') for line in content.splitlines())


def test_an_exported_list_can_be_imported_elsewhere(filled: SubscriberService, database: Database, clock: ManualClock) -> None:
    before = list(entries(database))
    content = as_csv(before)
    for entry in before:
        filled.erase(entry.subscriber.id)
    defaults = Defaults("papers", Choices(local_hour=3), {"papers": tuple(Cadence), "other": tuple(Cadence)})
    elsewhere = AddressImport(database, clock, Hasher(b"the secret of another installation"))
    result = elsewhere.run(io.BytesIO(content.encode()), defaults, wording="Yes", source="list.csv")
    assert (result.added, result.known, result.refused) == (4, 0, 1)
    expected = sorted(essence(entry) for entry in before if entry.subscription)
    assert sorted(map(essence, entries(database))) == expected


def essence(entry: Entry) -> str:
    found = entry.subscription
    assert found is not None
    person = entry.subscriber
    return f"{person.address} {person.state} {replace(found, subscriber_id=SubscriberId(0))}"


def test_everybody_comes_once_in_pages_of_any_size(filled: SubscriberService, database: Database) -> None:
    every = list(entries(database))
    assert [entry.subscriber.address for entry in every] == [
        "+Ann@example.org", "+Ann@example.org", "=bob@bücher.example", "'eve@example.org", "gone@example.org",
    ]  # fmt: skip
    for page in (1, 2, 3):
        assert list(entries(database, page=page)) == every


def test_an_export_can_be_narrowed(filled: SubscriberService, database: Database) -> None:
    assert [entry.subscription and entry.subscription.newsletter for entry in entries(database, newsletter="other")] == [
        "other"
    ]
    assert [entry.subscriber.address for entry in entries(database, state=SubscriberState.UNSUBSCRIBED)] == ["gone@example.org"]
    assert list(entries(database, state=SubscriberState.ERASED)) == []


def test_json_lines_hold_the_choices_as_they_are(filled: SubscriberService, database: Database) -> None:
    file = io.StringIO()
    assert write_json_lines(entries(database), file) == 5
    first, *_, last = (json.loads(line) for line in file.getvalue().splitlines())
    assert first["address"] == "+Ann@example.org"
    assert {line["newsletter"] for line in map(json.loads, file.getvalue().splitlines()) if "newsletter" in line} == {
        "papers",
        "other",
    }
    assert json.loads(file.getvalue().splitlines()[1])["interests"]["authors"][2:] == FORMULAS
    assert last == {"address": "gone@example.org", "state": "unsubscribed", "created_at": last["created_at"]}
