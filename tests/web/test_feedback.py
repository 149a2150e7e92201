from __future__ import annotations

import pytest

from subscribers.model import Taste
from tests.web.house import House


def pressed(page: str) -> list[str]:
    """Return which buttons are shown as pressed."""
    return [value for value in ("more", "less") if f'value="{value}" aria-pressed="true"' in page]


def test_looking_says_nothing_and_a_button_does(home: House) -> None:
    reader, seq = home.subscribe(), home.add_paper()
    path = f"{home.path('feedback', reader)}?paper={seq}&like=more"
    page = home.client.get(path)
    assert page.status_code == 200
    assert "Sample 2608.00001" in page.text
    assert "Nothing is stored until you press" in page.text
    assert pressed(page.text) == []
    assert home.client.head(path).status_code == 200
    assert home.deps.links.opinion(reader.id, seq) is None
    stored = home.client.post(path, data={"like": "more"})
    assert 'role="status"' in stored.text
    assert pressed(stored.text) == ["more"]
    assert home.deps.links.opinion(reader.id, seq) is Taste.MORE
    assert pressed(home.client.get(path).text) == ["more"]


def test_an_opinion_can_be_turned_and_taken_back(home: House) -> None:
    reader, seq = home.subscribe(), home.add_paper()
    path = f"{home.path('feedback', reader)}?paper={seq}"
    for like, taste in (("more", Taste.MORE), ("less", Taste.LESS), ("less", Taste.LESS), ("none", None)):
        assert pressed(home.client.post(path, data={"like": like}).text) == ([like] if taste else [])
        assert home.deps.links.opinion(reader.id, seq) is taste


@pytest.mark.parametrize("number", ["0", "-1", "x", "", "1e9", "٣", "9" * 19, "999999999999999999"])
def test_a_paper_that_is_not_there_is_not_found(home: House, number: str) -> None:
    path = home.path("feedback", home.subscribe())
    for answer in (
        home.client.get(path, params={"paper": number}),
        home.client.post(path, params={"paper": number}, data={"like": "more"}),
    ):
        assert answer.status_code == 404


def test_what_is_no_opinion_is_refused(home: House) -> None:
    reader, seq = home.subscribe(), home.add_paper()
    path = f"{home.path('feedback', reader)}?paper={seq}"
    for form in ({}, {"like": "love"}):
        assert home.client.post(path, data={"x": "1", **form}).status_code == 400
    assert home.deps.links.opinion(reader.id, seq) is None


def test_the_token_opens_nothing_else(home: House) -> None:
    token = home.path("feedback", home.subscribe()).rpartition("/")[2]
    for page in ("preferences", "confirm", "unsubscribe"):
        assert home.client.get(f"/{page}/{token}").status_code == 404
