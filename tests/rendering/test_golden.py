"""Whole messages, kept and reviewed like code. ``UPDATE_GOLDEN=1 pytest tests/rendering/test_golden.py`` writes them anew.

``tests/golden/THEME/KIND.eml``: every kind of mail in every packaged theme.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest

from newsletter.config import NewsletterConfig
from newsletter.digest.model import PoolEntry
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.view.letters import KINDS, WELCOME
from subscribers.model import Cadence
from tests.rendering.samples import (
    BASE_URL,
    ISSUE,
    NEWSLETTER,
    PERSONAL,
    PICTURES,
    SECRET,
    SHORT_PAPER,
    THEMES,
    digest_of,
    in_theme,
    letter_of,
    paper,
    pool_of,
    sample_pool,
    values_of,
    whole_sections,
)

GOLDEN = Path(__file__).parent.parent / "golden"
RENDERER = Renderer(None, base_url=BASE_URL, secret=SECRET, pictures=PICTURES)


def digest_of_seven(newsletter: NewsletterConfig) -> bytes:
    return _message(newsletter, sample_pool(), ("", "keyword:forgetting", "keyword:maps"))


def digest_with_its_pictures(newsletter: NewsletterConfig) -> bytes:
    look = newsletter.look.model_copy(update={"pictures": "embedded"})
    return _message(newsletter.model_copy(update={"look": look}), sample_pool())


def digest_of_one(newsletter: NewsletterConfig) -> bytes:
    return _message(newsletter, pool_of([replace(SHORT_PAPER, summary="")]), cadence=Cadence.WEEKLY)


def digest_of_all_sections(newsletter: NewsletterConfig) -> bytes:
    pool, corrections, digest = whole_sections()
    return RENDERER.compose(newsletter, "papers", ISSUE, pool, digest, corrections=corrections).splice(PERSONAL)


def digest_of_hostile_titles(newsletter: NewsletterConfig) -> bytes:
    titles = [
        "On Sets =?utf-8?q?=0D=0ABcc=3A_evil=40example.org?= and Maps",
        "<script>alert(1)</script> & {{ 7*7 }} {% raw %}",
        "Line\r\nBcc: evil@example.org\0",
        "Turned \u202eback",
        "Long " * 60,
        ".\r\n.\r\nMAIL FROM:<evil@example.org>",
    ]
    return _message(newsletter, pool_of([paper(number, title=title) for number, title in enumerate(titles, start=1)]))


def _message(
    newsletter: NewsletterConfig, pool: list[PoolEntry], matches: tuple[str, ...] = (), cadence: Cadence = Cadence.DAILY
) -> bytes:
    answering = newsletter.model_copy(update={"reply_to": "editor@example.org"})
    issue = replace(ISSUE, cadence=cadence)
    return RENDERER.compose(answering, "papers", issue, pool, digest_of(pool, matches)).splice(PERSONAL)


def welcome(newsletter: NewsletterConfig) -> bytes:
    pool = sample_pool()
    values = values_of(WELCOME)
    body = RENDERER.compose(newsletter, "papers", ISSUE, pool, digest_of(pool), template=WELCOME, values=values)
    return body.splice(PERSONAL)


def letter(template: str, newsletter: NewsletterConfig) -> bytes:
    return RENDERER.compose_letter(newsletter, "papers", letter_of(template)).splice(PERSONAL)


def digest_that_takes_commands(newsletter: NewsletterConfig) -> bytes:
    pool = sample_pool()[:2]
    answering = newsletter.model_copy(update={"inbound_address": "papers@example.org"})
    return RENDERER.compose(answering, "papers", ISSUE, pool, digest_of(pool)).splice(PERSONAL)


def confirm_by_a_reply(newsletter: NewsletterConfig) -> bytes:
    return letter("confirm", newsletter.model_copy(update={"inbound_address": "papers@example.org"}))


MESSAGES: dict[str, Callable[[NewsletterConfig], bytes]] = {
    "digest": digest_of_seven,
    "digest-embedded-pictures": digest_with_its_pictures,
    "digest-all-sections": digest_of_all_sections,
    "digest-one-paper": digest_of_one,
    "digest-hostile-titles": digest_of_hostile_titles,
    "digest-takes-commands": digest_that_takes_commands,
    "confirm-by-a-reply": confirm_by_a_reply,
    WELCOME: welcome,
    **{template: partial(letter, template) for template in KINDS if template != WELCOME},
}


def _parts(data: bytes) -> Iterator[tuple[str, list[str]]]:
    """Yield every header field and every part of a message, each as lines, with a name for the report of a difference."""
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        yield from ((f"{part.get_content_type()} {name}", [str(value)]) for name, value in part.items())
        if not part.is_multipart():
            content = part.get_content()
            yield part.get_content_type(), content.replace("><", ">\n<").splitlines() if isinstance(content, str) else [content]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_as_it_was_when_it_was_last_looked_at(name: str, theme: str) -> None:
    data = MESSAGES[name](in_theme(NEWSLETTER, theme))
    path = GOLDEN / theme / f"{name}.eml"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    kept = list(_parts(path.read_bytes()))
    made = list(_parts(data))
    assert [part for part, _ in made] == [part for part, _ in kept]
    for (part, now), (_, before) in zip(made, kept, strict=True):
        assert now == before, f"{part} of {path.name} changed; if it should, run with UPDATE_GOLDEN=1 and review the difference"
