"""Whole digests through the whole room: hostile text, the byte budget, the operator's templates, real papers."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.config import NewsletterConfig
from newsletter.digest.model import IssueId, PoolEntry
from newsletter.packaging import default_templates
from newsletter.papers.model import Paper
from newsletter.rendering.errors import MessageRefused, TemplateError
from newsletter.rendering.findings import errors_in
from newsletter.rendering.message.lint import BUDGET_BYTES, lint
from newsletter.rendering.message.message import ComposedBody, message_id
from newsletter.rendering.message.sample import SampleMessage, sample_personal
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.view.letters import KINDS, WELCOME
from newsletter.rendering.view.views import title_of
from newsletter.rendering.words.text import clean
from tests.rendering.pictures import EMBEDDED, MadeUpPictures
from tests.rendering.samples import (
    BASE_URL,
    ISSUE,
    NEWSLETTER,
    PERSONAL,
    SECRET,
    TOKEN,
    digest_of,
    letter_of,
    paper,
    pool_of,
    sample_pool,
    values_of,
)

HEADER_TRICKS = [
    "On Sets =?utf-8?q?=0D=0ABcc=3A_evil=40example.org?= and Maps",
    "=?utf-8?q?=0D=0ABcc:_evil=40example.org?=",
    "=?UTF-8?B?DQpCY2M6IGV2aWxAZXhhbXBsZS5vcmc=?=",
    "=?utf-8?q?=0ABcc:_evil=40example.org?=",
    "=?utf-8?q?=0DBcc:_evil=40example.org?=",
    "=?iso-8859-1?q?a?=\r\n =?utf-8?q?=0D=0ABcc:_x?=",
    "x\r\nBcc: evil@example.org",
    "x\nBcc: evil@example.org",
    "x\rBcc: evil@example.org",
    "x\u2028Bcc: evil@example.org\u2029\x85Bcc: evil@example.org",
    "x\r\n\r\n<script>alert(1)</script>",
    "x\0\r\n Bcc: evil@example.org =?utf-8?q?",
]
BODY_TRICKS = [
    "a < b & c > d \"quoted\" 'single' </title></td></table>",
    "{{ 7*7 }} {% raw %} {# x #} {%- for x in y -%} }} %} {{ view.unsubscribe_url }}",
    "<script>alert(1)</script> <img src=x onerror=alert(1)> javascript:alert(1)",
    "<!-- --> ]]> <![endif]--> <![CDATA[ &lt; &amp;lt; &#60;",
    "zjinja1z <!--zjinja1z--> <mj-raw> <mj-include path='x'/>",
    "شبكة عصبية \u200f و \u202e reversed",
    "lone \ud800 surrogate, nul \0, escape \x1b[31m, bell \a",
    "🦊👩‍🔬🏳️‍🌈 e\u0301\u0302\u0303 Z͑ͫ̓a̴l͜g̛o",
    ".\n.\r\n.. MAIL FROM:<x@example.org>\nFrom here",
    "=?utf-8?q?x?= =20 =\n =3D =",
    "word " * 2000,
    "x" * 10_000,
    "模型" * 1_000,
    "." * 10_000,
    "\u202e" * 10_000,
]


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(None, base_url=BASE_URL, secret=SECRET)


def composed(
    renderer: Renderer, papers: list[Paper] | list[PoolEntry], **settings: object
) -> tuple[ComposedBody, EmailMessage]:
    pool = [
        each if isinstance(each, PoolEntry) else entry for each, entry in zip(papers, pool_of(_papers(papers)), strict=True)
    ]
    newsletter = NEWSLETTER.model_copy(update=settings)
    body = renderer.compose(newsletter, "papers", ISSUE, pool, digest_of(pool))
    data = body.splice(PERSONAL)
    assert errors_in(lint(data, body.expectation(PERSONAL))) == []
    return body, message_from_bytes(data, policy=policy.default)


def _papers(papers: list[Paper] | list[PoolEntry]) -> list[Paper]:
    return [each.paper if isinstance(each, PoolEntry) else each for each in papers]


def parts(message: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a message."""
    text, html = (part.get_content() for part in message.iter_parts())
    return text, html


def squeezed(text: str) -> str:
    """``text`` without white space: the text part wraps its lines."""
    return "".join(text.split())


@pytest.mark.parametrize("title", HEADER_TRICKS)
def test_no_title_adds_a_header(renderer: Renderer, title: str) -> None:
    for titles in ([title], [title, title]):
        _, message = composed(renderer, [paper(number, title=each) for number, each in enumerate(titles, start=1)])
        assert message.keys() == [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "List-Id",
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
            "MIME-Version",
            "Content-Type",
        ]
        assert squeezed(message["Subject"]).startswith(squeezed(clean(title))[:4])


@pytest.mark.parametrize(
    "name", ["Papers =?utf-8?q?=0D=0ABcc=3A_evil=40example.org?=", 'Ada "and" Co', "模型" * 40, "Évi, <x@example.org>"]
)
def test_no_newsletter_name_adds_a_header_or_a_sender(renderer: Renderer, name: str) -> None:
    _, message = composed(renderer, sample_pool(), name=name)
    assert [address.addr_spec for address in message["From"].addresses] == ["papers@example.org"]
    assert "Bcc" not in message


@pytest.mark.parametrize("title", [*HEADER_TRICKS, *BODY_TRICKS])
def test_a_hostile_title_comes_out_as_text_in_both_parts(renderer: Renderer, title: str) -> None:
    hostile = paper(1, title=title, abstract=title, summary="", authors=(title, title), organization=title, categories=(title,))
    _, message = composed(renderer, [hostile, paper(2, title=title), *(paper(number) for number in range(3, 8))])
    text, html = parts(message)
    shown = clean(title)
    assert squeezed(shown) in squeezed(text)
    assert shown in unescape(html)
    assert "<script" not in html
    assert "49" not in html.partition("<body")[2].partition("Lead paper")[0]
    assert text.count(f"/unsubscribe/{TOKEN}") == 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters()), st.text(st.characters()), st.text(st.characters()))
def test_whatever_a_paper_says_the_message_passes_the_linter(renderer: Renderer, title: str, words: str, url: str) -> None:
    strange = paper(
        1,
        title=title,
        abstract=words,
        summary=words,
        authors=(words, title),
        organization=words,
        categories=(title,),
        code_url=url,
        project_url=f"https://{url}",
        discussion_url=f"https://example.org/{url}",
    )
    _, message = composed(renderer, [strange, paper(2)])
    assert clean(title) in unescape(parts(message)[1])


def test_a_right_to_left_override_ends_with_its_title(renderer: Renderer) -> None:
    _, message = composed(renderer, [paper(1, title="\u202eevil"), paper(2)])
    text, html = parts(message)
    assert text.count("\u202e") == text.count("\u202c") > 0
    assert html.count("\u202e") == html.count("\u202c") > 0


def test_a_title_of_ten_thousand_characters_is_shown_whole_where_there_is_room(renderer: Renderer) -> None:
    title = "A long title " * 770
    _, message = composed(renderer, [paper(1, title=title), *(paper(number) for number in range(2, 11))])
    assert clean(title) in parts(message)[1]
    assert len(message["Subject"]) <= 120


def test_composing_is_deterministic_and_differs_between_digests(renderer: Renderer) -> None:
    pool = sample_pool()
    first, again = (renderer.compose(NEWSLETTER, "papers", ISSUE, pool, digest_of(pool)) for _ in range(2))
    assert first == again
    assert first == Renderer(None, base_url=BASE_URL, secret=SECRET).compose(NEWSLETTER, "papers", ISSUE, pool, digest_of(pool))
    other = renderer.compose(NEWSLETTER, "papers", replace(ISSUE, id=IssueId(15)), pool, digest_of(pool))
    assert other.splice(PERSONAL) != first.splice(PERSONAL)


def sample_of(renderer: Renderer, pool: list[PoolEntry], **settings: object) -> SampleMessage:
    newsletter = NEWSLETTER.model_copy(update=settings)
    return renderer.sample(newsletter, "papers", ISSUE, pool, digest_of(pool), address="ada@example.org")


def test_a_sample_is_the_message_with_links_that_open_nothing(renderer: Renderer) -> None:
    pool = sample_pool()
    sample = sample_of(renderer, pool)
    body, message = composed(renderer, pool)
    personal = sample_personal("ada@example.org", "", ISSUE.frozen_at)
    expected = body.splice(replace(personal, message_id=message_id(SECRET, 0, 0, "example.org")))
    assert sample.data == expected
    assert sample == sample_of(Renderer(None, base_url=BASE_URL, secret=SECRET), pool)
    assert sample.findings == ()
    assert lint(sample.data, sample.expectation) == []
    assert sample.subject == message["Subject"]
    assert sample.preheader in sample.html
    text, html = parts(message_from_bytes(sample.data, policy=policy.default))
    assert sample.text.rstrip() == text.rstrip().replace("\r\n", "\n")
    assert sample.html.rstrip() == html.rstrip().replace("\r\n", "\n")
    assert sample.html_bytes == body.html_bytes
    assert sample.detail_level == 0
    assert {"digest.mjml", "digest.txt", "partials/footer.mjml", "partials/paper.txt"} <= set(sample.files)


def test_a_sample_shows_what_the_linter_would_refuse(own: Path) -> None:
    (own / "digest.txt").write_text("no way out")
    pool = sample_pool()
    sample = sample_of(Renderer(own, base_url=BASE_URL, secret=SECRET), pool)
    assert [finding.rule for finding in sample.findings] == ["unsubscribe-link"]
    assert sample.text == "no way out"


@pytest.mark.parametrize("template", [name for name in KINDS if name != WELCOME])
def test_there_is_a_sample_of_every_letter(renderer: Renderer, template: str) -> None:
    letter = letter_of(template)
    sample, again = (renderer.sample_letter(NEWSLETTER, "papers", letter, address="ada@example.org") for _ in range(2))
    assert sample == again
    assert sample.findings == ()
    assert sample.subject == renderer.compose_letter(NEWSLETTER, "papers", letter).subject
    assert f"{template}.mjml" in sample.files


def test_there_is_a_sample_of_the_welcome(renderer: Renderer) -> None:
    pool = sample_pool()
    about, values = (NEWSLETTER, "papers", ISSUE, pool, digest_of(pool)), values_of(WELCOME)
    sample = renderer.sample(*about, address="ada@example.org", template=WELCOME, values=values)
    assert sample.findings == ()
    assert sample.subject == "Welcome to Trending Papers"
    assert "08:00" in sample.text


def test_a_sample_for_what_is_no_address_is_not_made(renderer: Renderer) -> None:
    with pytest.raises(ValueError, match="not one plain address"):
        renderer.sample_letter(NEWSLETTER, "papers", letter_of("confirm"), address="a\r\nBcc: b@example.org")


def test_the_text_part_keeps_to_72_columns_and_has_the_way_out_near_the_top(renderer: Renderer) -> None:
    text, _ = parts(composed(renderer, sample_pool())[1])
    lines = text.splitlines()
    assert all(len(line) <= 72 or "https://" in line for line in lines)
    assert any(TOKEN in line for line in lines[:8])
    assert not any(first == second == "" for first, second in pairwise(lines))


def test_every_word_of_style_is_from_this_machine(renderer: Renderer) -> None:
    _, html = parts(composed(renderer, sample_pool())[1])
    assert "prefers-color-scheme: dark" in html
    assert "<img" not in html
    assert "http" not in html.partition("<body")[0].replace("http://www.w3.org/1999/xhtml", "").replace("http-equiv", "")


# Pictures in the mails themselves.


def images_of(data: bytes) -> list[tuple[str, str]]:
    """Name and type of the pictures that come with a message."""
    parts = message_from_bytes(data, policy=policy.default).walk()
    return [(str(part["Content-ID"]), part.get_content_type()) for part in parts if part.get_content_maintype() == "image"]


def showing_logo(newsletter: NewsletterConfig) -> NewsletterConfig:
    return newsletter.model_copy(update={"look": EMBEDDED.model_copy(update={"logo": Path("logo.png")})})


@pytest.mark.parametrize("template", ["confirm", "known", "address-changed"])
def test_a_letter_brings_the_logo_that_it_shows(template: str) -> None:
    made = Renderer(None, base_url=BASE_URL, secret=SECRET, pictures=MadeUpPictures([]))
    letter = letter_of(template)
    sample = made.sample_letter(showing_logo(NEWSLETTER), "papers", letter, address="ada@example.org")
    assert sample.findings == ()
    ((name, media_type),) = images_of(sample.data)
    assert name.endswith("@example.org>")
    assert media_type == "image/png"
    assert f'src="cid:{name[1:-1]}"' in sample.html
    plain = made.sample_letter(NEWSLETTER, "papers", letter, address="ada@example.org")
    assert b"multipart/related" not in plain.data


def test_a_logo_that_cannot_be_had_leaves_the_name_in_its_place() -> None:
    made = Renderer(None, base_url=BASE_URL, secret=SECRET, pictures=MadeUpPictures([]))
    look = EMBEDDED.model_copy(update={"logo": Path("none.png")})
    newsletter = NEWSLETTER.model_copy(update={"look": look})
    sample = made.sample_letter(newsletter, "papers", letter_of("confirm"), address="ada@example.org")
    assert images_of(sample.data) == []
    assert NEWSLETTER.name in sample.html.partition("<body")[2]


def test_the_welcome_brings_the_pictures_of_its_papers() -> None:
    made = Renderer(None, base_url=BASE_URL, secret=SECRET, pictures=MadeUpPictures([1]))
    pool = sample_pool()
    about = (showing_logo(NEWSLETTER), "papers", ISSUE, pool, digest_of(pool))
    body = made.compose(*about, template=WELCOME, values=values_of(WELCOME))
    data = body.splice(PERSONAL)
    assert lint(data, body.expectation(PERSONAL)) == []
    assert [media_type for _, media_type in images_of(data)] == ["image/png", "image/jpeg"]
    assert made.compose(*about, template=WELCOME, values=values_of(WELCOME)) == body


def test_a_picture_that_a_template_makes_up_stops_the_message(own: Path) -> None:
    (own / "partials" / "authors.mjml").write_text('<p><img src="cid:{{ paper.lab }}" alt="" /></p>')
    pool = sample_pool()
    with pytest.raises(MessageRefused) as caught:
        Renderer(own, base_url=BASE_URL, secret=SECRET).compose(NEWSLETTER, "papers", ISSUE, pool, digest_of(pool))
    assert {finding.rule for finding in caught.value.findings} == {"missing-picture"}


# The operator's own templates.


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    (folder / "partials").mkdir(parents=True)
    return folder


def rendered(folder: Path) -> tuple[str, str]:
    pool = sample_pool()
    sample = sample_of(Renderer(folder, base_url=BASE_URL, secret=SECRET), pool)
    return sample.text, sample.html


def test_one_partial_of_the_operators_own_is_enough(own: Path) -> None:
    (own / "partials" / "authors.mjml").write_text("<p>our own line for {{ paper.authors }}</p>")
    text, html = rendered(own)
    assert html.count("our own line for") == 5
    assert "First Author" in text


def test_a_template_that_changes_is_compiled_again_and_only_then(own: Path) -> None:
    shutil.copytree(default_templates(), own, dirs_exist_ok=True)
    renderer = Renderer(own, base_url=BASE_URL, secret=SECRET)
    first = renderer.template(NEWSLETTER)
    assert renderer.template(NEWSLETTER) is first
    assert "partials/paper.txt" in first.files
    (own / "partials" / "paper.txt").write_text("changed {{ paper.title }}\n")
    second = renderer.template(NEWSLETTER)
    assert second.version != first.version
    (own / "partials" / "paper.txt").unlink()
    assert renderer.template(NEWSLETTER).version == first.version


@pytest.mark.parametrize(
    ("file", "source", "problem"),
    [
        ("digest.mjml", "<mjml><mj-body><mj-txt>x</mj-txt></mj-body></mjml>", r"digest\.mjml:1: <mj-txt> is no MJML element"),
        ("digest.mjml", "<mjml><mj-body><mj-raw>{{ view.nothing }}</mj-raw></mj-body></mjml>", r"digest\.mjml:1: .*nothing"),
        ("digest.txt", "\n{% if %}", r"digest\.txt:2: "),
        ("partials/paper.txt", "\n\n{{ paper.title", r"partials/paper\.txt:3: "),
        ("digest.txt", "\n{{ view.name | shout }}", r"digest\.txt:2: No filter named 'shout'"),
        ("partials/footer.mjml", "\n{{ view.name | shout }}", r"partials/footer\.mjml:2: .*no filter 'shout'"),
        ("digest.txt", "{{ view.name + 1 }}", r"digest\.txt:1: can only concatenate str"),
        ("digest.txt", "{{ ''.__class__.__mro__ }}", r"digest\.txt:1: access to attribute '__class__'"),
        ("digest.txt", "{% include view.name %}", r"digest\.txt: includes a template whose name is only known later"),
        ("digest.txt", '{% include "partials/none.txt" %}', r"partials/none\.txt: no such template"),
    ],
)  # fmt: skip
def test_a_broken_template_is_named(own: Path, file: str, source: str, problem: str) -> None:
    (own / file).write_text(source)
    with pytest.raises(TemplateError, match=problem):
        rendered(own)


@pytest.mark.parametrize(
    ("file", "source", "rule"),
    [
        ("digest.txt", "no way out", "unsubscribe-link"),
        ("partials/footer.mjml", "", "unsubscribe-link"),
        ("partials/authors.mjml", "<p><script>x</script></p>", "forbidden-element"),
        ("partials/authors.mjml", '<p><img src="https://elsewhere.example/pixel.gif" alt="" /></p>', "outside-picture"),
        ("partials/authors.mjml", "<p>" + "x " * 60_000 + "</p>", "too-big"),
    ],
)
def test_a_template_that_makes_an_unlawful_message_is_refused(own: Path, file: str, source: str, rule: str) -> None:
    (own / file).write_text(source)
    pool = sample_pool()
    with pytest.raises(MessageRefused) as caught:
        Renderer(own, base_url=BASE_URL, secret=SECRET).compose(NEWSLETTER, "papers", ISSUE, pool, digest_of(pool))
    assert rule in {finding.rule for finding in caught.value.findings}


# Real papers.


@pytest.mark.shared_data
def test_every_real_day_becomes_a_message_under_the_budget(renderer: Renderer, shared_data: Path) -> None:
    days = sorted((shared_data / "daily_papers").glob("20*.json"))[::5]
    assert len(days) > 30
    for day in days:
        papers = [
            paper(
                number,
                title=item["paper"]["title"],
                abstract=item["paper"]["summary"],
                summary=item["paper"].get("ai_summary") or "",
                authors=tuple(author["name"] for author in item["paper"]["authors"]),
                code_url=item["paper"].get("githubRepo") or "",
                project_url=item["paper"].get("projectPage") or "",
            )
            for number, item in enumerate(json.loads(day.read_text(encoding="utf-8")), start=1)
        ]
        body, message = composed(renderer, papers)
        assert body.html_bytes <= BUDGET_BYTES
        html = unescape(parts(message)[1])
        assert all(title_of(each) in html for each in papers)
