from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from newsletter.clock import ManualClock
from newsletter.config import SignUpConfig
from newsletter.database import Database
from newsletter.web.middleware import HEADERS
from newsletter.web.openapi import URL
from subscribers.model import NoticeKind
from tests.web.house import House, house

Operation = APIOperation[Any, Any, Any, Any]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
#: Low enough that what is made up comes to 429 as well.
BUDGET = SignUpConfig(network_per_hour=40)
PAGES = {
    *("/", "/embed", "/subscribe", "/confirm/{token}", "/unsubscribe/{token}", "/preferences/{token}", "/feedback/{token}"),
    *("/issues", "/issues/{newsletter}/{number}", "/ranking"),
}


def tokens(house: House) -> list[str]:
    """One token of each kind of link, all of them good."""
    reader = house.subscribe()
    seal = house.sealed()
    house.client.post("/subscribe", data={"address": "new@example.org", "form": seal})
    house.deps.confirmations.ask_address(reader.id, "elsewhere@example.org")
    paths = [house.path(page, reader) for page in ("unsubscribe", "preferences", "feedback")]
    paths += [house.confirm_path(notice) for notice in (*house.receive(), *house.notices.put_in) if notice.reference]
    assert {notice.kind for notice in house.notices.put_in} >= {NoticeKind.CONFIRM, NoticeKind.CONFIRM_ADDRESS}
    return sorted({path.rpartition("/")[2] for path in paths})


def exercise(house: House, operation: Operation, known: list[str], *, examples: int) -> None:
    """Send what fits the description of an operation and what does not; every answer must be one it names."""
    modes = [schemathesis.GenerationMode.POSITIVE]
    if operation.body or operation.query:
        modes.append(schemathesis.GenerationMode.NEGATIVE)
    cases = st.one_of(*(operation.as_strategy(mode) for mode in modes))

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, st.one_of(st.none(), st.sampled_from(known)))
    def send(case: schemathesis.Case[Any], token: str | None) -> None:
        if token is not None and "token" in case.path_parameters:
            case.path_parameters["token"] = token
        case.call_and_validate(base_url=house.address, checks=CHECKS)

    send()


def test_no_request_gets_an_answer_that_is_not_described(database: Database, clock: ManualClock) -> None:
    with house(database, clock, signup=BUDGET) as here:
        known = tokens(here)
        schema = schemathesis.openapi.from_url(here.address + URL)
        operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
        assert {operation.path for operation in operations} >= PAGES
        for operation in operations:
            exercise(here, operation, known, examples=25)


def test_every_described_page_is_closed_to_frames_scripts_caches_and_cookies(database: Database, clock: ManualClock) -> None:
    with house(database, clock) as here:
        known = tokens(here)
        for path, operations in here.client.get(URL).json()["paths"].items():
            for method, token in product(operations, [*known, "none"]):
                answer = here.client.request(method, path.replace("{token}", token), data={} if method == "post" else None)
                assert HEADERS.keys() <= {name.title() for name in answer.headers}, path
                policy = answer.headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
                assert "*" not in policy
                assert "set-cookie" not in answer.headers
                if "{token}" in path:
                    assert answer.headers["cache-control"] == "no-store"
                    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.fixture
def description(database: Database, clock: ManualClock) -> dict[str, Any]:
    with house(database, clock) as here:
        answer = here.client.get(URL)
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


def test_the_description_names_the_pages_and_where_they_are(description: dict[str, Any]) -> None:
    assert description["info"]["title"] == "Trending Papers"
    assert description["servers"] == [{"url": "https://papers.example.org"}]
    assert set(description["paths"]) >= PAGES
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            assert method in {"get", "post"}, path
            assert operation["summary"], path
            assert all(answer["description"] for answer in operation["responses"].values()), path


def test_the_description_tells_nothing_of_the_machine_or_its_readers(database: Database, clock: ManualClock) -> None:
    with house(database, clock) as here:
        here.subscribe("reader@example.org")
        text = here.client.get(URL).text
        assert here.client.get(URL, headers={"host": "evil.example.org", "x-forwarded-prefix": "/evil"}).text == text
        assert "127.0.0.1" not in text
        assert "reader@" not in text
