from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from newsletter.clock import ManualClock
from newsletter.config import FieldConfig, SignUpConfig
from newsletter.database import Database
from subscribers.holdings import Held
from subscribers.model import Cadence, Notice, NoticeKind
from tests.web.house import House, house
from tests.web.serving import PAPERS, ROBOTS

VICTIM = "victim@example.org"


@pytest.fixture
def two(database: Database, clock: ManualClock) -> Iterator[House]:
    """Pages of two newsletters, one with fields of its own."""
    own = {"role": FieldConfig(label="What you do", kind="choice", options=("student", "engineer"), required=True)}
    with house(database, clock, newsletters={"papers": PAPERS, "robots": ROBOTS.model_copy(update={"fields": own})}) as made:
        yield made


def held(home: House, notice: Notice) -> Held:
    """Return what is held about the person a notice goes to."""
    assert notice.subscriber_id is not None
    return home.deps.subscribers.held(notice.subscriber_id)


def waiting(home: House) -> int:
    with home.database.read() as session:
        return int(session.scalar(text("SELECT count(*) FROM sign_up")) or 0)


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))


def test_the_form_brings_a_mail_to_confirm_with_what_was_picked(home: House) -> None:
    form = {
        "address": " New@Example.org ",
        "cadence": "weekly",
        "hour": "7",
        "zone": "Europe/Berlin",
        "topics": ["cs.CL", "cs.LG"],
        "keywords": "diffusion; theorem proving",
        "authors": "",
        "homepage": "",
        "form": home.sealed(),
    }
    answer = home.client.post("/subscribe", data=form)
    assert answer.status_code == 200
    assert "Look into your inbox" in answer.text
    assert "example.org" not in answer.text.lower()
    assert home.calls["wake"] == 1
    (notice,) = home.receive()
    assert (notice.kind, notice.newsletter, notice.client) == (NoticeKind.CONFIRM, "papers", "127.0.0.1")
    wish = held(home, notice).wishes[0]
    assert (wish.choices.cadence, wish.choices.local_hour, wish.choices.zone) == (Cadence.WEEKLY, 7, "Europe/Berlin")
    assert wish.choices.interests.categories == ("cs.CL", "cs.LG")
    assert wish.choices.interests.keywords == ("diffusion", "theorem proving")
    assert held(home, notice).consents[0].wording == PAPERS.wording
    assert PAPERS.wording in home.client.get("/").text


def test_multipart_is_as_good(home: House) -> None:
    fields = {"address": "new@example.org", "form": home.sealed()}
    assert "Look into your inbox" in home.client.post("/subscribe", files={k: (None, v) for k, v in fields.items()}).text
    assert waiting(home) == 1


def test_every_address_gets_the_same_answer(home: House) -> None:
    home.subscribe("known@example.org")
    seal = home.sealed()
    answers = [
        home.client.post("/subscribe", data={"address": address, "form": seal})
        for address in (
            "new@example.org",
            "known@example.org",
            "no address",
            "a@b@c",
            "x" * 5000,
            "jörg@example.org",
            "a\0b@example.org",
        )
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len({frozenset(set(answer.headers.items()) - {("date", answer.headers["date"])}) for answer in answers}) == 1


def test_who_fills_in_the_trap_gets_the_same_answer_and_nothing_happens(home: House) -> None:
    seal = home.sealed()
    caught = home.client.post("/subscribe", data={"address": VICTIM, "form": seal, "homepage": "https://example.org"})
    assert waiting(home) == 0
    assert caught.content == home.client.post("/subscribe", data={"address": VICTIM, "form": seal}).content
    assert waiting(home) == 1


@pytest.mark.parametrize("kind", ["missing", "too quick", "too old", "made up"])
def test_a_form_without_a_good_seal_asks_for_one_more_press_and_keeps_all_values(
    home: House, clock: ManualClock, kind: str
) -> None:
    seal = home.client.get("/").text.split('name="form" value="')[1].split('"')[0]
    if kind == "too old":
        clock.advance(SignUpConfig().form_life * 2)
    seals = {"missing": {}, "too quick": {"form": seal}, "too old": {"form": seal}, "made up": {"form": "f." + "0" * 32}}
    wished = {"address": "new@example.org", "cadence": "monthly", "topics": "cs.CL", "keywords": '<b>"x'}
    page = home.client.post("/subscribe", data={**wished, "keywords": "<b>", **seals[kind]})
    assert page.status_code == 200
    assert "One more press" in page.text
    assert ("faster than people" in page.text) == (kind == "too quick")
    assert waiting(home) == 0
    assert "<b>" not in page.text
    kept = hidden(page.text)
    assert kept["cadence"] == "monthly"
    assert 'value="new@example.org"' in page.text
    clock.advance(SignUpConfig().form_age)
    again = home.client.post("/subscribe", data={**kept, "keywords": "<b>", "address": "new@example.org"})
    assert "Look into your inbox" in again.text
    (notice,) = home.receive()
    wish = held(home, notice).wishes[0]
    assert wish.choices.cadence is Cadence.MONTHLY
    assert wish.choices.interests.keywords == ("<b>",)


def test_problems_are_named_beside_their_fields_and_nothing_is_lost(home: House) -> None:
    form = {
        "address": "",
        "cadence": "hourly",
        "hour": "99",
        "zone": "Berlin",
        "keywords": "kept; " + "x" * 99,
        "topics": "cs.CV",
    }
    page = home.client.post("/subscribe", data={**form, "form": home.sealed()})
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    for name in ("address", "cadence", "hour", "zone", "keywords"):
        assert f'href="#{name}"' in page.text
        assert f'id="{name}-problem"' in page.text
        assert re.search(rf'id="{name}"[^>]* aria-describedby="{name}-problem', page.text)
    assert 'value="kept; xxx' in page.text
    assert 'value="cs.CV" checked' in page.text
    assert waiting(home) == 0


def test_a_budget_that_is_used_up_answers_the_same_for_every_address(database: Database, clock: ManualClock) -> None:
    with house(database, clock, signup=SignUpConfig(network_per_hour=2)) as home:
        seal = home.sealed()
        home.subscribe("known@example.org")
        for _ in range(2):
            assert home.client.post("/subscribe", data={"address": VICTIM, "form": seal}).status_code == 200
        refused = [
            home.client.post("/subscribe", data={"address": address, "form": seal})
            for address in (VICTIM, "known@example.org", "no address")
        ]
        assert {answer.status_code for answer in refused} == {429}
        assert {answer.headers["retry-after"] for answer in refused} == {"1800"}
        assert len({answer.content for answer in refused}) == 1
        as_json = home.client.post("/subscribe", json={"address": VICTIM})
        assert (as_json.status_code, as_json.headers["retry-after"]) == (429, "1800")
        assert set(as_json.json()) == {"message"}
        assert waiting(home) == 2


def test_json_needs_no_form_before_it(home: House) -> None:
    wish = {
        "address": "new@example.org",
        "newsletter": "papers",
        "cadence": "weekdays",
        "hour": 5,
        "zone": "Asia/Tokyo",
        "topics": ["cs.RO"],
        "keywords": ["one; two", "three"],
        "authors": ["Ada Example"],
        "fields": {},
    }
    answer = home.client.post("/subscribe", json=wish)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    (notice,) = home.receive()
    choices = held(home, notice).wishes[0].choices
    assert choices.interests.keywords == ("one; two", "three")
    assert choices.local_hour == 5


def test_the_address_may_be_called_email_as_forms_elsewhere_do(home: House) -> None:
    assert home.client.post("/subscribe", json={"email": "a@example.org"}).status_code == 200
    page = home.client.post("/subscribe", data={"email": "b@example.org"}).text
    assert 'value="b@example.org"' in page
    home.clock.advance(timedelta(seconds=5))
    assert home.client.post("/subscribe", data={**hidden(page), "address": "b@example.org"}).status_code == 200
    people = [held(home, notice).subscriber.address for notice in home.receive()]
    assert people == ["a@example.org", "b@example.org"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, {"address"}),
        ({"address": ""}, {"address"}),
        ({"address": "a@example.org", "hour": "x", "colour": 1}, {"hour", "colour"}),
        ({"address": "a@example.org", "newsletter": "none"}, {"newsletter"}),
        ({"address": "a@example.org", "fields": {"colour": "blue"}}, {"colour"}),
        ({"address": "a@example.org", "\ud800": 1}, {"?"}),
        (["a@example.org"], {"body"}),
    ],
)
def test_json_that_is_wrong_says_what_is(home: House, body: Any, names: set[str]) -> None:
    content = json.dumps(body)  # as ASCII: httpx cannot write what browsers and programs can
    answer = home.client.post("/subscribe", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == names
    assert waiting(home) == 0


def test_other_types_are_refused(home: House) -> None:
    for kind in ("text/plain", "application/xml", "", "application/json5"):
        answer = home.client.post("/subscribe", content=b'{"address": "a@example.org"}', headers={"content-type": kind})
        assert answer.status_code == 415
    broken = home.client.post("/subscribe", content=b"x", headers={"content-type": "multipart/form-data; boundary=y"})
    assert broken.status_code == 400
    many = home.client.post("/subscribe", data={"x": ["1"] * 400})
    assert many.status_code == 400


def test_one_of_two_newsletters_is_preselected_and_has_its_own_fields(two: House) -> None:
    page = two.client.get("/?newsletter=robots").text
    assert 'value="robots" checked' in page
    assert "What you do" in page
    assert two.client.get("/?newsletter=<none>").status_code == 200
    seal = two.sealed()
    lacks = two.client.post("/subscribe", data={"address": "a@example.org", "newsletter": "robots", "form": seal})
    assert lacks.status_code == 422
    assert "What you do must be filled in" in lacks.text
    for newsletter, role in (("robots", "student"), ("papers", "")):
        form = {"address": f"{newsletter}@example.org", "newsletter": newsletter, "field-role": role, "form": seal}
        assert two.client.post("/subscribe", data=form).status_code == 200
    kinds = {notice.newsletter: notice for notice in two.receive()}
    assert set(kinds) == {"robots", "papers"}
    wish = held(two, kinds["robots"]).wishes[0]
    assert wish.choices.fields == (("role", "student"),)
    assert wish.choices.zone == "Europe/Berlin"


def test_a_form_for_no_such_newsletter_is_a_problem_with_words(two: House) -> None:
    answer = two.client.post("/subscribe", data={"address": "a@example.org", "newsletter": "none", "form": two.sealed()})
    assert answer.status_code == 422
    assert "Choose one of the newsletters" in answer.text


def test_the_snippet_for_other_sites_leads_to_one_more_press(two: House, clock: ManualClock) -> None:
    page = two.client.get("/embed?newsletter=robots").text
    assert "&lt;form action=&#34;https://papers.example.org/subscribe&#34;" in page
    assert "&lt;script" not in page
    answer = two.client.post("/subscribe", data={"address": "a@example.org", "newsletter": "papers"})
    assert "One more press" in answer.text
    clock.advance(SignUpConfig().form_age)
    done = two.client.post("/subscribe", data={**hidden(answer.text), "address": "a@example.org"})
    assert "Look into your inbox" in done.text


def test_the_page_loads_one_small_script_and_nothing_from_elsewhere(home: House) -> None:
    page = home.client.get("/")
    assert re.findall(r"<script[^>]*>", page.text) == ['<script src="/static/signup.js" defer>']
    script = home.client.get("/static/signup.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "fetch" not in script.text
    sizes = [len(home.client.get(path).content) for path in ("/", "/static/site.css", "/static/signup.js", "/static/icon.svg")]
    assert sum(sizes) < 60_000


def test_get_and_head_of_the_form_change_nothing(home: House) -> None:
    for path in ("/", "/embed", "/?newsletter=papers&address=a@example.org"):
        assert home.client.get(path).status_code == 200
        assert home.client.head(path).status_code == 200
    answer: httpx.Response = home.client.get("/subscribe")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert waiting(home) == 0
