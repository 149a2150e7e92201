"""Every letter through the whole room: its fields, its links, its words, and what it must never say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.rendering.errors import MessageRefused
from newsletter.rendering.message.lint import lint
from newsletter.rendering.message.message import CONFIRM, PREFERENCES, UNSUBSCRIBE, ComposedBody
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.view.letters import KINDS, WELCOME, Letter
from tests.rendering.samples import (
    BASE_URL,
    FORM_SUB,
    ISSUE,
    NEWSLETTER,
    PERSONAL,
    REPLY_TOKEN,
    SECRET,
    TOKEN,
    digest_of,
    letter_of,
    sample_pool,
    values_of,
)

LETTERS = [name for name in KINDS if name != WELCOME]
ALWAYS = ["From", "To", "Subject", "Date", "Message-ID"]
LAST = ["MIME-Version", "Content-Type"]
TO_SUBSCRIBED = ["List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted"]
OWN_FIELDS = {
    "confirm": ["List-Id", "Auto-Submitted", "Form-Sub"],
    "known": TO_SUBSCRIBED,
    "welcome": TO_SUBSCRIBED,
    "welcome-early": TO_SUBSCRIBED,
    "confirm-address": ["Auto-Submitted"],
    "address-changed": ["Auto-Submitted"],
    "goodbye": ["List-Id", "Auto-Submitted"],
    "answer": TO_SUBSCRIBED,
    "probe": TO_SUBSCRIBED,
}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(None, base_url=BASE_URL, secret=SECRET)


def body_of(renderer: Renderer, template: str, **changes: object) -> ComposedBody:
    newsletter = NEWSLETTER.model_copy(update=changes)
    if template != WELCOME:
        return renderer.compose_letter(newsletter, "papers", letter_of(template))
    pool = sample_pool()
    values = values_of(template)
    return renderer.compose(newsletter, "papers", ISSUE, pool, digest_of(pool), template=template, values=values)


def message_of(body: ComposedBody) -> tuple[EmailMessage, str, str]:
    """The parsed message, its text and its HTML."""
    message = message_from_bytes(body.splice(PERSONAL), policy=policy.default)
    text, html = (part.get_content() for part in message.iter_parts())
    return message, text, html


@pytest.mark.parametrize("template", KINDS)
def test_a_letter_has_exactly_its_fields_and_the_linter_finds_nothing(renderer: Renderer, template: str) -> None:
    body = body_of(renderer, template)
    assert lint(body.splice(PERSONAL), body.expectation(PERSONAL)) == []
    message, _, _ = message_of(body)
    assert message.keys() == [*ALWAYS, *OWN_FIELDS[template], *LAST]
    assert message["Auto-Submitted"] == ("auto-replied" if template == "answer" else "auto-generated")
    assert message["Form-Sub"] == (FORM_SUB if template == "confirm" else None)
    assert NEWSLETTER.name in message["Subject"]


@pytest.mark.parametrize("template", KINDS)
def test_each_link_is_whole_on_a_line_of_its_own_in_the_text_and_can_be_clicked_in_the_html(
    renderer: Renderer, template: str
) -> None:
    _, text, html = message_of(body_of(renderer, template))
    pages = {CONFIRM: "confirm", PREFERENCES: "preferences", UNSUBSCRIBE: "unsubscribe"}
    for slot, page in pages.items():
        url = f"{BASE_URL}/{page}/{TOKEN}"
        wanted = slot in KINDS[template].links
        assert (url in text.splitlines()) is wanted
        assert (f'href="{url}"' in html) is wanted


@pytest.mark.parametrize("template", KINDS)
def test_the_text_of_a_letter_is_whole_and_keeps_to_72_columns(renderer: Renderer, template: str) -> None:
    _, text, html = message_of(body_of(renderer, template))
    assert all(len(line) <= 72 or "https://" in line for line in text.splitlines())
    assert "\n\n\n" not in text.replace("\r", "")
    assert "!" not in text
    for value in values_of(template).values():
        for words in _words_of(value):
            assert words in " ".join(text.split())
            assert escape(words) in " ".join(html.split())
    assert NEWSLETTER.postal_address in text
    assert NEWSLETTER.postal_address in html
    assert "{{" not in text.replace(" {{ braces }} ", "")


def _words_of(value: object) -> Iterator[str]:
    """All words within the value of a letter."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _words_of(each)


@pytest.mark.parametrize("template", LETTERS)
def test_nothing_in_a_letter_comes_from_another_machine(renderer: Renderer, template: str) -> None:
    _, _, html = message_of(body_of(renderer, template))
    assert "<img" not in html
    assert set(filter(None, html.split('href="')[1:])) == {
        part for part in html.split('href="')[1:] if part.startswith((BASE_URL, "mailto:"))
    }
    assert "prefers-color-scheme: dark" in html


def test_the_old_address_is_told_whom_to_write_to(renderer: Renderer) -> None:
    _, text, html = message_of(body_of(renderer, "address-changed"))
    assert "papers@example.org" in text.splitlines()
    _, text, html = message_of(body_of(renderer, "address-changed", reply_to="editor@example.org"))
    assert "editor@example.org" in text.splitlines()
    assert 'href="mailto:editor@example.org"' in html


def test_the_welcome_shows_the_papers_and_the_rhythm_of_its_reader(renderer: Renderer) -> None:
    pool = sample_pool()
    values = {"rhythm": "every week", "hour": "18:00", "zone": "Asia/Tokyo"}
    body = renderer.compose(NEWSLETTER, "papers", ISSUE, pool, digest_of(pool), template=WELCOME, values=values)
    message, text, html = message_of(body)
    assert message["Subject"] == "Welcome to Trending Papers"
    for part in (" ".join(text.split()), html):
        assert "every week at 18:00 (Asia/Tokyo)" in part
        assert "every day" not in part
        assert "Lantern: A Small Sample Model" in part
    plain = renderer.compose(NEWSLETTER, "papers", ISSUE, pool, digest_of(pool)).splice(PERSONAL)
    assert message.get_boundary() != message_from_bytes(plain).get_boundary()


@pytest.mark.parametrize("name", ["{0.__class__}", "{name}", "<b>&", "{{ 7*7 }}", "=?utf-8?q?=0D=0ABcc=3A_x?=", "%s"])
@pytest.mark.parametrize("template", KINDS)
def test_a_strange_name_of_a_newsletter_is_shown_as_written(renderer: Renderer, template: str, name: str) -> None:
    message, text, html = message_of(body_of(renderer, template, name=name))
    assert name in message["Subject"]
    assert name.upper() in text
    assert "<b>&" not in html
    assert message.keys() == [*ALWAYS, *OWN_FIELDS[template], *LAST]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), st.text(st.characters(exclude_categories=["C", "Z"])))
def test_whatever_a_value_says_the_letter_passes_the_linter(renderer: Renderer, rhythm: str, valid_for: str) -> None:
    letter = Letter("confirm", "notice 17", {"rhythm": rhythm, "valid_for": valid_for})
    body = renderer.compose_letter(NEWSLETTER, "papers", letter)
    assert lint(body.splice(PERSONAL), body.expectation(PERSONAL)) == []


@pytest.mark.parametrize("template", LETTERS)
def test_equal_letters_give_equal_bytes_and_another_key_another_boundary(renderer: Renderer, template: str) -> None:
    letter = letter_of(template)
    first, again = (
        Renderer(None, base_url=BASE_URL, secret=SECRET).compose_letter(NEWSLETTER, "papers", letter) for _ in range(2)
    )
    assert first == again == ComposedBody.from_bytes(first.to_bytes())
    other = renderer.compose_letter(NEWSLETTER, "papers", Letter(template, "notice 18", letter.values, letter.form_sub))
    assert other.splice(PERSONAL) != first.splice(PERSONAL)


INBOUND = "papers@example.org"
SIGNED = f"papers+{REPLY_TOKEN}@example.org"


@pytest.mark.parametrize("template", KINDS)
@pytest.mark.parametrize("reply_to", ["", "editor@example.org"])
def test_who_replies_to_a_letter_is_understood_wherever_answers_to_issues_go(
    renderer: Renderer, template: str, reply_to: str
) -> None:
    body = body_of(renderer, template, inbound_address=INBOUND, reply_to=reply_to)
    assert lint(body.splice(PERSONAL), body.expectation(PERSONAL)) == []
    message, _, _ = message_of(body)
    assert message["Reply-To"] == f"Trending Papers <{SIGNED}>"
    if UNSUBSCRIBE in KINDS[template].links:
        assert message["List-Unsubscribe"].endswith(f", <mailto:{SIGNED}?subject=unsubscribe>")
        assert message["List-Help"] == f"<mailto:{SIGNED}?subject=help>"


@pytest.mark.parametrize("template", ["confirm", "confirm-address"])
def test_what_can_be_confirmed_by_a_reply_says_so_and_only_there(renderer: Renderer, template: str) -> None:
    said = "Or just reply to this mail"
    for part in message_of(body_of(renderer, template, inbound_address=INBOUND))[1:]:
        assert said in part
    for part in message_of(body_of(renderer, template))[1:]:
        assert said not in part


def test_an_answer_names_the_mail_it_answers(renderer: Renderer) -> None:
    letter = replace(letter_of("answer"), in_reply_to="<1@example.net>")
    body = renderer.compose_letter(NEWSLETTER, "papers", letter)
    assert lint(body.splice(PERSONAL), body.expectation(PERSONAL)) == []
    message, _, _ = message_of(body)
    assert message["In-Reply-To"] == message["References"] == "<1@example.net>"


def test_an_answer_to_somebody_who_is_no_reader_has_no_link_of_a_reader(renderer: Renderer) -> None:
    body = renderer.compose_letter(NEWSLETTER, "papers", replace(letter_of("answer"), is_to_reader=False))
    message, text, html = message_of(body)
    assert lint(body.splice(PERSONAL), body.expectation(PERSONAL)) == []
    assert "List-Unsubscribe" not in message
    assert TOKEN not in text
    assert TOKEN not in html


def test_a_letter_nobody_knows_or_with_other_values_is_refused(renderer: Renderer) -> None:
    with pytest.raises(ValueError, match="no letter has the template 'farewell'"):
        renderer.compose_letter(NEWSLETTER, "papers", Letter("farewell", "notice 17", {}))
    for values in ({"rhythm": "every day"}, {**values_of("confirm"), "words": "of the one who signed up"}):
        with pytest.raises(ValueError, match=r"confirm is given \['rhythm', 'valid_for'\]"):
            renderer.compose_letter(NEWSLETTER, "papers", Letter("confirm", "notice 17", values))


def test_only_the_welcome_stands_around_a_digest(renderer: Renderer) -> None:
    pool = sample_pool()
    with pytest.raises(ValueError, match="only welcome stands around a digest"):
        renderer.compose(NEWSLETTER, "papers", ISSUE, pool, digest_of(pool), template="confirm", values=values_of("confirm"))


@pytest.mark.parametrize("form_sub", ["ip=192.0.2.1", "v=1; ", "v=1; ip=1\r\nBcc: eve@example.org", "v=1; ip=é", "v=1;  ip=1"])
def test_a_form_sub_of_another_form_is_refused(renderer: Renderer, form_sub: str) -> None:
    with pytest.raises(ValueError, match="Form-Sub"):
        renderer.compose_letter(NEWSLETTER, "papers", Letter("confirm", "notice 17", values_of("confirm"), form_sub))


@pytest.mark.parametrize(
    ("template", "rule"), [("confirm", "confirm-link"), ("known", "preferences-link"), ("welcome-early", "unsubscribe-link")]
)
def test_an_operators_letter_without_its_link_is_refused(tmp_path: Path, template: str, rule: str) -> None:
    (tmp_path / f"{template}.txt").write_text("no link at all")
    with pytest.raises(MessageRefused, match=f"letter {template}") as caught:
        Renderer(tmp_path, base_url=BASE_URL, secret=SECRET).compose_letter(NEWSLETTER, "papers", letter_of(template))
    assert rule in {finding.rule for finding in caught.value.findings}


def test_a_masthead_of_the_operators_own_stands_above_the_letters_too(tmp_path: Path) -> None:
    (tmp_path / "partials").mkdir()
    (tmp_path / "partials" / "masthead.mjml").write_text(
        "<mj-section><mj-column><mj-text>Our own {{ view.number }}{{ view.date }}{{ view.intro }} of {{ view.name }}"
        "</mj-text></mj-column></mj-section>"
    )
    renderer = Renderer(tmp_path, base_url=BASE_URL, secret=SECRET)
    for template in LETTERS:
        assert "Our own  of Trending Papers" in message_of(body_of(renderer, template))[2]
