"""What looks like a command where nobody is there who knows the grammar."""

from __future__ import annotations

import pytest

from newsletter.inbound.sorting.intent import looks_like_command


@pytest.mark.parametrize(
    "text",
    [
        "subscribe",
        "Subscribe weekly cs.CL",
        "STOP!!!",
        "please unsubscribe me from this list",
        "Stop sending me this",
        "remove me",
        "daily",
        "Weekly, please",
        "topics +cs.CL -cs.CV",
        "topics: cs.CL, stat.ML",
        "follow Ada Example",
        "mute diffusion",
        "more 3",
        "less 1, 4 and 7",
        "less like 2",
        "pause 2w",
        "pause until 2026-12-24",
        "resume",
        "status",
        "export",
        "help",
        "Hi,\n\nstop please\n\nAda",
        '"weekly"',
    ],
)
def test_commands_are_known(text: str) -> None:
    assert looks_like_command(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I stopped reading the paper because it was long.",
        "Stop by our booth at the conference",
        "Help! I cannot read number 3 of your list, it is all grey",
        "Status of my paper? I sent it to you last week.",
        "more of the same would be nice",
        "Topics I like are in here, but the order is odd to me.",
        "follow the link in your mail and you will see",
        "Hello,\nthank you for the list.\nstop",
        "weekly or daily, I do not care as long as it is good",
        "x" * 5_000,
        "less " + "1" * 80 + "x",
        "stop " + "me " * 30 + "x",
        "topics " + "ab " * 30 + "!",
    ],
)
def test_prose_is_none(text: str) -> None:
    assert not looks_like_command(text)
