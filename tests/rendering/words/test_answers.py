"""What an answer says: every command and result in words, in every language, and nothing that a stranger could use it for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.papers.categories import NAMES as CATEGORIES
from newsletter.rendering.template.compiled import Templates
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.rendering.words.answers import ANSWER_VALUES, answer_values, spelled
from newsletter.rendering.words.commands import help_rows, sample_commands
from newsletter.rendering.words.language import ENGLISH, Language
from newsletter.rendering.words.sentences import return_words
from subscribers.model import Cadence

SIGNUP = "https://papers.example.org/"
LANGUAGES = {code: Templates.of(TemplateFolder(), "quiet", code).language for code in ("en", "ar", "de", "es", "fr")}
#: Every command with values as they are when it was done.
DONE = {
    "subscribe": (),
    "confirm": (),
    "forget": (),
    "cadence": ("weekdays",),
    "topics": ("cs.CL", "state space"),
    "keywords": (),
    "follow": ("Ada Example",),
    "unfollow": ("Ada Example",),
    "mute": ("survey",),
    "unmute": ("survey",),
    "more": ("3", "A Title"),
    "less": ("2", "A Title"),
    "pause": ("2026-12-24T07:00:00+01:00",),
    "resume": (),
    "size": ("1",),
    "hour": ("7",),
    "zone": ("Europe/Berlin",),
    "export": (),
    "stop": (),
}
REFUSALS = (
    *("not_offered", "no_digest", "no_such_number", "no_such_zone", "out_of_range"),
    *("too_many", "not_subscribed", "too_late", "busy", "refused"),
)
STATUS = {
    "is_subscribed": True,
    "state": "active",
    "cadence": "daily",
    "hour": 8,
    "zone": "Europe/Berlin",
    "size": 10,
    "categories": ["cs.CL"],
    "keywords": ["state space"],
    "authors": ["Ada Example"],
    "labs": [],
    "muted": [],
    "paused_until": None,
}


def line(command: str, result: str = "done", *values: str) -> dict[str, Any]:
    return {"command": command, "result": result, "values": list(values)}


def said(details: Mapping[str, Any], language: Language = ENGLISH, *, is_reader: bool = True) -> dict[str, Any]:
    return answer_values(
        details, language, name="Papers", cadences=[Cadence.DAILY, Cadence.WEEKLY], signup_url=SIGNUP, is_reader=is_reader
    )


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("command", DONE)
def test_all_that_can_be_done_is_told_in_a_sentence_of_its_own(command: str, code: str) -> None:
    values = said({"done": [line(command, "done", *DONE[command])]}, LANGUAGES[code])
    assert values.keys() == ANSWER_VALUES
    [point] = values["points"]
    assert point
    assert values["gist"] == point
    others = {said({"done": [line(other, "done", *given)]}, LANGUAGES[code])["points"] for other, given in DONE.items()}
    assert len(others) == len(DONE)


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("result", REFUSALS)
def test_what_was_not_done_is_named_with_its_reason(result: str, code: str) -> None:
    for command in ("cadence", "hour", "size", "pause", "less"):
        values = said({"done": [line(command, result, "2031-01-01T00:00:00+00:00")]}, LANGUAGES[code])
        [point] = values["points"]
        assert "2031-01-01" in point
        assert "%(" not in point


@pytest.mark.parametrize(
    ("details", "heading"),
    [
        ({"done": [line("resume")]}, "Done"),
        ({"done": [line("resume"), line("less", "no_such_number", "9")]}, "Done, but not all of it"),
        ({"done": [line("less", "no_digest", "9")]}, "That did not work"),
        ({"done": [line("subscribe")]}, "Almost done"),
        ({"status": STATUS}, "What you have chosen"),
        ({"help": True}, "What you can write"),
        ({"not_understood": 2, "help": True}, "That was not understood"),
        ({"asked": [line("stop", "")], "asks_reply": True}, "Was this you?"),
        ({"done": [line("stop")], "left": True}, "You are off the list"),
    ],
)
def test_the_heading_says_how_it_went(details: Mapping[str, Any], heading: str) -> None:
    assert said(details)["heading"] == heading


def test_what_was_done_is_told_in_the_words_of_the_newsletter() -> None:
    details = {"done": [line("pause", "done", *DONE["pause"]), line("less", "done", "2", "A Title"), line("hour", "done", "7")]}
    assert said(details)["points"] == (
        "Paused until Thursday 24 December 2026.",
        "Less like number 2: A Title",
        "From now on it comes at 07:00.",
    )
    assert said({"done": [line("cadence", "not_offered", "monthly")]})["points"] == (
        "“monthly”: it does not come that way. You can have: daily, weekly.",
    )


def test_what_cannot_be_had_names_what_can() -> None:
    assert said({"done": [line("less", "no_such_number", "12", "10")]})["points"] == (
        "“less 12”: that mail has 10 papers, from 1 to 10.",
    )
    assert said({"done": [line("pause", "out_of_range")]})["points"] == (
        "“pause”: there is no such pause. The longest lasts 366 days.",
    )
    assert said({"done": [line("hour", "done", "7", "30")]})["points"] == (
        "From now on it comes at 07:00: only whole hours can be had.",
    )
    values = said({"done": [line("less", "not_subscribed", "2")]}, is_reader=False)
    assert (values["heading"], values["closing"], values["signup_url"]) == (
        "That did not work",
        "You can sign up on the page:",
        SIGNUP,
    )
    values = said({"done": [line("confirm", "too_late")]}, is_reader=False)
    assert (values["closing"], values["signup_url"]) == ("", "")


@pytest.mark.parametrize("code", LANGUAGES)
def test_how_many_papers_there_are_is_said_in_every_language(code: str) -> None:
    for count in ("1", "2", "5", "12", "100"):
        [point] = said({"done": [line("less", "no_such_number", "120", count)]}, LANGUAGES[code])["points"]
        assert "less 120" in point
        assert "%(" not in point


def test_a_status_is_a_row_for_each_choice() -> None:
    assert said({"status": STATUS})["status"] == (
        ("How often", "every day"),
        ("When", "at 08:00 (Europe/Berlin)"),
        ("Papers in a mail", "10"),
        ("Topics", "cs.CL, state space"),
        ("You follow", "Ada Example"),
    )
    paused = said({"status": {**STATUS, "state": "paused", "muted": ["survey"], "paused_until": "2026-12-24T07:00:00+01:00"}})
    assert paused["status"][5:] == (
        ("Left out", "survey"),
        ("Paused until", "Thursday 24 December 2026"),
        ("Mails", "held back for now"),
    )
    stopped = said({"status": {**STATUS, "state": "bounced"}})
    assert stopped["status"][5:] == (("Mails", "stopped, as they came back; write “resume” and they come again"),)


@pytest.mark.parametrize("status", [{"is_subscribed": False}, {"is_subscribed": False, "state": "unsubscribed"}])
def test_who_gets_nothing_is_told_so_and_where_to_sign_up(status: Mapping[str, Any]) -> None:
    values = said({"status": status}, is_reader=False)
    assert values["points"] == ("You do not get Papers at present.",)
    assert (values["status"], values["signup_url"]) == ((), SIGNUP)


def test_a_goodbye_tells_nothing_twice_and_advertises_nothing() -> None:
    values = said({"done": [line("stop"), line("resume")], "left": True}, is_reader=False)
    assert values["points"] == ("Mails come again.",)
    assert values["help"] == ()
    assert values["opening"].startswith("As you asked, Papers does not come")


def test_leaving_by_one_click_is_offered_to_readers_only() -> None:
    details = {"asked": [line("stop", "")], "asks_reply": True, "offers_leaving": True}
    assert said(details)["offers_leaving"]
    assert not said(details, is_reader=False)["offers_leaving"]


def test_a_stranger_is_told_of_the_commands_that_mean_something_to_them() -> None:
    values = said({"help": True, "not_understood": 1}, is_reader=False)
    assert [command for command, _ in values["help"]] == ["subscribe daily", "help"]
    assert (values["missed"], values["signup_url"]) == ("One line of your mail was not understood.", SIGNUP)


@pytest.mark.parametrize(
    ("command", "values", "shown"),
    [
        ("topics", ("+cs.CL", "-cs.CV", "+astro-ph.CO"), "topics +cs.CL -cs.CV +astro-ph.CO"),
        ("follow", ("Ada Example",), "follow Ada Example"),
        ("cadence", ("weekly",), "weekly"),
        ("less", ("2",), "less 2"),
        ("pause", ("2026-12-24T07:00:00+01:00",), "pause 2026-12-24"),
        ("zone", ("Europe/Berlin",), "zone Europe/Berlin"),
        ("stop", (), "stop"),
        ("follow", ("evil.example/buy",), "follow …"),
        ("mute", ("visit http://evil.example now",), "mute …"),
        ("topics", ("+evil.com", "-eve@example.org"), "topics … …"),
        ("keywords", ("call 0190 123456",), "keywords …"),
        ("follow", ("you won a prize write to me",), "follow …"),
        ("cadence", ("evil.com",), "…"),
    ],
)
def test_words_of_somebody_uncertain_are_repeated_only_where_they_can_do_no_harm(
    command: str, values: tuple[str, ...], shown: str
) -> None:
    assert spelled(line(command, "", *values), ENGLISH) == shown


@given(st.text())
def test_no_link_of_a_stranger_is_ever_repeated(word: str) -> None:
    shown = spelled(line("follow", "", word), ENGLISH).removeprefix("follow ")
    assert shown == "…" or shown.lstrip("+-") in CATEGORIES or not set(shown) & set(".:@?&#%<>\r\n")


@pytest.mark.parametrize("code", LANGUAGES)
@example(values=["9" * 40])
@given(values=st.lists(st.text(), max_size=3))
def test_whatever_the_values_are_there_are_words_or_none(code: str, values: list[str]) -> None:
    for command in (*DONE, "unheard of"):
        for result in ("done", *REFUSALS, "unheard of"):
            for point in said({"done": [line(command, result, *values)]}, LANGUAGES[code])["points"]:
                assert "\n" not in point


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_command_is_explained_and_the_commands_are_the_same_in_all_languages(code: str) -> None:
    cadences = [Cadence.WEEKDAYS, Cadence.MONTHLY]
    rows = help_rows(cadences, LANGUAGES[code], is_reader=True)
    assert rows[0][0] == "weekdays · monthly"
    words = " ".join(command for command, _ in rows)
    for command in ("topics", "follow", "mute", "more", "less", "pause", "resume", "size", "hour", "zone", "status", "stop"):
        assert command in words
    assert all(meaning for _, meaning in rows)
    assert "weekdays, less 2" in sample_commands(cadences, LANGUAGES[code])
    assert "weekly, less 2" in sample_commands(list(Cadence), LANGUAGES[code])


def test_only_a_reason_that_says_something_to_its_reader_is_given() -> None:
    assert return_words("mailboxfull", ENGLISH) == "The mailbox is said to be full."
    assert return_words("spamdetected", ENGLISH) == ""
    assert return_words("", ENGLISH) == ""
