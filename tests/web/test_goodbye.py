"""Who says goodbye when: the button on the page does, a mail program's click never."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.model import NoticeKind
from tests.web.house import House, house
from tests.web.serving import PAPERS, ROBOTS

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BUTTON = {**ONE_CLICK, "page": "1"}


@pytest.fixture
def polite(database: Database, clock: ManualClock) -> Iterator[House]:
    newsletters = {"papers": PAPERS.model_copy(update={"goodbye": True}), "robots": ROBOTS}
    with house(database, clock, newsletters=newsletters) as home:
        yield home


def test_the_button_on_the_page_sends_what_says_goodbye(polite: House) -> None:
    path = polite.path("unsubscribe", polite.subscribe())
    page = polite.client.get(path).text
    for name, value in BUTTON.items():
        assert f'name="{name}" value="{value}"' in page
    answers = [polite.client.post(path, data=BUTTON) for _ in range(2)]
    assert all("You are off the list" in answer.text for answer in answers)
    assert polite.notices.kinds == [NoticeKind.GOODBYE]
    assert polite.notices.put_in[0].address == "reader@example.org"
    assert polite.calls["wake"]


def test_the_click_of_a_mail_program_says_no_goodbye(polite: House) -> None:
    path = polite.path("unsubscribe", polite.subscribe())
    assert polite.client.post(path, data=ONE_CLICK).status_code == 200
    assert polite.client.post(path, data=BUTTON).status_code == 200
    assert polite.notices.kinds == []


def test_a_newsletter_says_goodbye_only_if_it_is_set_to(polite: House, home: House) -> None:
    reader = polite.subscribe(newsletter="robots")
    assert polite.client.post(polite.path("unsubscribe", reader, "robots"), data=BUTTON).status_code == 200
    assert polite.notices.kinds == []
    reader = home.subscribe("other@example.org")
    assert home.client.post(home.path("unsubscribe", reader), data=BUTTON).status_code == 200
    assert home.notices.kinds == []


def test_the_page_of_choices_says_goodbye_too(polite: House) -> None:
    reader = polite.subscribe()
    form = {"newsletter": "papers", "act": "leave"}
    answer = polite.client.post(polite.path("preferences", reader), data=form)
    assert "You are off the list" in answer.text
    assert polite.notices.kinds == [NoticeKind.GOODBYE]


@pytest.mark.parametrize("token", ["x", "k" * 32, "%00"])
def test_a_link_that_is_none_gets_the_usual_answer(polite: House, token: str) -> None:
    assert polite.client.post(f"/unsubscribe/{token}", data=BUTTON).status_code == 404
