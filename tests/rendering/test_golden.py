"""Whole messages, kept and reviewed like code. ``UPDATE_GOLDEN=1 pytest tests/rendering/test_golden.py`` writes them anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest

from newsletter.digest.model import PoolEntry
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.view.letters import KINDS, WELCOME
from subscribers.model import Cadence
from tests.rendering.samples import (
    BASE_URL,
    ISSUE,
    NEWSLETTER,
    PERSONAL,
    SECRET,
    SHORT_PAPER,
    digest_of,
    letter_of,
    paper,
    pool_of,
    sample_pool,
    values_of,
)

GOLDEN = Path(__file__).parent.parent / "golden"


def digest_of_seven() -> bytes:
    return _message(sample_pool(), ("", "keyword:forgetting", "keyword:maps"))


def digest_of_one() -> bytes:
    return _message(pool_of([replace(SHORT_PAPER, summary="")]), cadence=Cadence.WEEKLY)


def digest_of_hostile_titles() -> bytes:
    titles = [
        "On Sets =?utf-8?q?=0D=0ABcc=3A_evil=40example.org?= and Maps",
        "<script>alert(1)</script> & {{ 7*7 }} {% raw %}",
        "Line\r\nBcc: evil@example.org\0",
        "Turned \u202eback",
        "Long " * 60,
        ".\r\n.\r\nMAIL FROM:<evil@example.org>",
    ]
    return _message(pool_of([paper(number, title=title) for number, title in enumerate(titles, start=1)]))


def _message(pool: list[PoolEntry], matches: tuple[str, ...] = (), cadence: Cadence = Cadence.DAILY) -> bytes:
    renderer = Renderer(None, base_url=BASE_URL, secret=SECRET)
    newsletter = NEWSLETTER.model_copy(update={"reply_to": "editor@example.org"})
    issue = replace(ISSUE, cadence=cadence)
    return renderer.compose(newsletter, "papers", issue, pool, digest_of(pool, matches)).splice(PERSONAL)


def welcome() -> bytes:
    pool = sample_pool()
    renderer = Renderer(None, base_url=BASE_URL, secret=SECRET)
    values = values_of(WELCOME)
    body = renderer.compose(NEWSLETTER, "papers", ISSUE, pool, digest_of(pool), template=WELCOME, values=values)
    return body.splice(PERSONAL)


def letter(template: str) -> bytes:
    renderer = Renderer(None, base_url=BASE_URL, secret=SECRET)
    return renderer.compose_letter(NEWSLETTER, "papers", letter_of(template)).splice(PERSONAL)


MESSAGES: dict[str, Callable[[], bytes]] = {
    "digest": digest_of_seven,
    "digest-one-paper": digest_of_one,
    "digest-hostile-titles": digest_of_hostile_titles,
    WELCOME: welcome,
    **{template: partial(letter, template) for template in KINDS if template != WELCOME},
}


def _parts(data: bytes) -> list[tuple[str, list[str]]]:
    """Every header field and every part of a message, each as lines, with a name for the report of a difference."""
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    found = [(name, [str(value)]) for name, value in message.items()]
    for part in message.iter_parts():
        content = part.get_content()
        assert isinstance(content, str)
        found.append((part.get_content_type(), content.replace("><", ">\n<").splitlines()))
    return found


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_as_it_was_when_it_was_last_looked_at(name: str) -> None:
    data = MESSAGES[name]()
    path = GOLDEN / f"{name}.eml"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(data)
    kept = _parts(path.read_bytes())
    made = _parts(data)
    assert [part for part, _ in made] == [part for part, _ in kept]
    for (part, now), (_, before) in zip(made, kept, strict=True):
        assert now == before, f"{part} of {path.name} changed; if it should, run with UPDATE_GOLDEN=1 and review the difference"
