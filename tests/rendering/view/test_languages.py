"""Every mail in every packaged language: it passes the linter, says nothing in English, and runs the right way."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import pytest
from babel.messages.pofile import write_po

from newsletter.rendering.errors import TemplateError
from newsletter.rendering.message.lint import lint
from newsletter.rendering.message.message import ComposedBody
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.rendering.view.letters import KINDS, WELCOME, Letter, sample_values
from newsletter.rendering.words.catalogue import placeholders, read_catalogue, texts_of
from newsletter.rendering.words.sentences import return_words, rhythm
from newsletter.rendering.words.text import width
from subscribers.model import Cadence
from tests.rendering.samples import (
    BASE_URL,
    ISSUE,
    NEWSLETTER,
    PERSONAL,
    RECEIPT,
    SECRET,
    SHORT_PAPER,
    THEMES,
    digest_of,
    paper,
    pool_of,
    sample_pool,
    whole_sections,
)

CODES = ("de", "fr", "es", "ar")
DIGESTS = ("digest", "one paper", "many papers", "all sections")
MAILS = (*DIGESTS, *KINDS)
_PLACEHOLDER = re.compile(r"%\(\w+\)s")
_UNSEEN = re.compile(r"<!--.*?-->|<style\b.*?</style>|<[^>]*>", re.DOTALL)
_SPOKEN = re.compile(r"""(?:alt|aria-label|title)="([^"]*)\"""")


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(None, base_url=BASE_URL, secret=SECRET)


def compose(renderer: Renderer, mail: str, **changes: object) -> ComposedBody:
    """A mail of each kind, its values in the newsletter's language."""
    newsletter = NEWSLETTER.model_copy(update=changes)
    language = renderer.language(newsletter)
    values: Mapping[str, object] = {
        "rhythm": rhythm(Cadence.WEEKLY, language),
        "hour": language.hour(8),
        "zone": language.zone("Europe/Berlin"),
        "valid_for": language.lasting(timedelta(days=7)),
        "signup_url": f"{BASE_URL}/",
        "reason": return_words("mailboxfull", language),
    }
    if mail in KINDS:
        values = sample_values(mail, values, language, name=newsletter.name)
        if mail != WELCOME:
            return renderer.compose_letter(newsletter, "papers", Letter(mail, "notice 17", values))
    if mail == "all sections":
        entries, corrections, whole = whole_sections()
        return renderer.compose(newsletter, "papers", ISSUE, entries, whole, corrections=corrections)
    if mail == "one paper":
        pool = pool_of([SHORT_PAPER], replace(RECEIPT, rank_before=9))
    elif mail == "many papers":
        pool = pool_of([paper(number, abstract="漢字。" * 1000, summary="") for number in range(1, 61)])
    else:
        pool = sample_pool()
    digest = digest_of(pool, ("keyword:planning", "author:Ada Example", "lab:Sample")[: len(pool)])
    if mail != WELCOME:
        return renderer.compose(newsletter, "papers", ISSUE, pool, digest)
    return renderer.compose(newsletter, "papers", ISSUE, pool, digest, template=mail, values=values)


def parts_of(body: ComposedBody) -> tuple[EmailMessage, str, str]:
    """The parsed message, its text and its HTML."""
    message = message_from_bytes(body.splice(PERSONAL), policy=policy.default)
    text = message.get_body(("plain",))
    html = message.get_body(("html",))
    assert text is not None
    assert html is not None
    return message, text.get_content(), html.get_content()


def shown(html: str) -> str:
    """What is read and what is read aloud of a page."""
    return unescape(f"{_UNSEEN.sub(' ', html)} {' '.join(_SPOKEN.findall(html))}")


def sides_of(html: str) -> Counter[str]:
    """How often things are aligned or kept apart on either side, but for columns, in which everything is aligned itself."""
    html = re.sub(r'<div class="mj-outlook-group-fix[^>]*>', "", html)
    return Counter(re.findall(r'(?:\balign="|\b(?:text-align:|padding-|margin-|border-) *)(left|right)', html))


def english_of(code: str) -> set[str]:
    """What a mail must not say in another language: the longer pieces of its messages in English."""
    pieces: set[str] = set()
    for message in read_catalogue(code, TemplateFolder().read(f"locale/{code}.po")):
        for text in texts_of(message)[0] if message.id else ():
            pieces |= {piece.strip() for piece in _PLACEHOLDER.split(text)}
    return {piece for piece in pieces if len(piece) > 12}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("mail", MAILS)
def test_a_mail_in_another_language_passes_the_linter_and_says_nothing_in_english(
    renderer: Renderer, mail: str, code: str
) -> None:
    body = compose(renderer, mail, language=code, inbound_address="papers@example.org")
    assert lint(body.splice(PERSONAL), body.expectation(PERSONAL)) == []
    message, text, html = parts_of(body)
    for said in (str(message["Subject"]), " ".join(text.split()), " ".join(shown(html).split())):
        assert [piece for piece in english_of(code) if piece in said] == []
    assert all(width(line) <= 72 or "https://" in line for line in text.splitlines())


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("mail", ["digest", "one paper", "all sections", *KINDS])
def test_arabic_runs_from_right_to_left(renderer: Renderer, mail: str, theme: str) -> None:
    look = NEWSLETTER.look.model_copy(update={"theme": theme})
    _, text, html = parts_of(compose(renderer, mail, language="ar", look=look))
    assert '<html lang="ar" dir="rtl"' in html
    assert re.search(r'role="article"[^>]* lang="ar" dir="rtl"', html)
    assert "direction:ltr" not in html.replace(" ", "")
    english = sides_of(parts_of(compose(renderer, mail, look=look))[2])
    assert sides_of(html) == Counter({"left": english["right"], "right": english["left"]})
    assert english["left"]
    assert re.search("[\u0600-\u06ff]", text)


@pytest.mark.parametrize("code", ["en", *CODES])
@pytest.mark.parametrize("theme", THEMES)
def test_the_language_and_its_direction_are_said(renderer: Renderer, theme: str, code: str) -> None:
    look = NEWSLETTER.look.model_copy(update={"theme": theme})
    _, _, html = parts_of(compose(renderer, "confirm", language=code, look=look))
    direction = "rtl" if code == "ar" else "ltr"
    assert f'<html lang="{code}" dir="{direction}"' in html


@pytest.mark.parametrize(
    ("code", "day"),
    [
        ("en", "Friday 21 August 2026"),
        ("de", "Freitag, 21. August 2026"),
        ("fr", "vendredi 21 août 2026"),
        ("es", "viernes, 21 de agosto de 2026"),
        ("ar", "الجمعة، 21 أغسطس 2026"),
    ],
)
def test_the_masthead_dates_the_issue_in_its_language(renderer: Renderer, code: str, day: str) -> None:
    _, text, html = parts_of(compose(renderer, "digest", language=code))
    assert day in text
    assert day in html


@pytest.mark.parametrize("theme", THEMES)
def test_no_word_of_a_template_is_beside_the_catalogues(tmp_path: Path, theme: str) -> None:
    """All messages are marked and all that comes from outside is figures: no letter may be left."""
    marked = read_catalogue("de", TemplateFolder().read("locale/de.po"))
    for message in marked:
        if message.id:
            gaps = "".join(f" %({name})s" for name in sorted(placeholders(texts_of(message)[0])))
            message.string = f"⟦{gaps}⟧" if isinstance(message.id, str) else (f"⟦{gaps}⟧",) * 2
    written = io.BytesIO()
    write_po(written, marked)
    (tmp_path / "locale").mkdir()
    (tmp_path / "locale" / "de.po").write_bytes(written.getvalue())
    renderer = Renderer(tmp_path, base_url=BASE_URL, secret=SECRET)
    figures = {
        "title": "11: 22",
        "summary": "33",
        "authors": ("4", "5"),
        "organization": "6",
        "categories": ("7",),
        "keywords": (),
    }
    newsletter = NEWSLETTER.model_copy(
        update={
            "name": "8",
            "tagline": "9",
            "postal_address": "10",
            "language": "de",
            "look": NEWSLETTER.look.model_copy(update={"theme": theme}),
        }
    )
    pool = pool_of([paper(number, **figures) for number in range(1, 8)], replace(RECEIPT, rank_before=9))
    digest = digest_of(pool, ("keyword:1", "author:2", "lab:3"))
    bodies = [renderer.compose(newsletter, "papers", ISSUE, pool, digest)]
    for template, kind in KINDS.items():
        rows = {"points": ("12",), "asked": ("12",), "help": (("12", "12"),), "status": (("12", "12"),)}
        values = {name: f"{BASE_URL}/" if name == "signup_url" else rows.get(name, "12") for name in kind.values}
        if template == WELCOME:
            bodies.append(renderer.compose(newsletter, "papers", ISSUE, pool, digest, template=template, values=values))
        else:
            bodies.append(renderer.compose_letter(newsletter, "papers", Letter(template, "notice 17", values)))
    for body in bodies:
        _, text, html = parts_of(body)
        for said in (text, shown(html)):
            words = re.findall(r"[^\W\d_]{2,}", re.sub(r"https?://\S+|\S+@\S+|Freitag|August| und ", " ", said))
            assert words == []


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("theme", THEMES)
def test_digests_in_another_language_are_put_together_from_pieces_too(renderer: Renderer, theme: str, code: str) -> None:
    look = NEWSLETTER.look.model_copy(update={"theme": theme})
    newsletter = NEWSLETTER.model_copy(update={"language": code, "look": look})
    renderer.kit(newsletter, "papers", ISSUE, sample_pool())


def test_an_operators_own_catalogue_goes_over_the_packaged_one(tmp_path: Path) -> None:
    (tmp_path / "locale").mkdir()
    own = tmp_path / "locale" / "de.po"
    packaged = TemplateFolder().read("locale/de.po")
    own.write_text(packaged.replace('msgstr "Bitte bestätigen"', 'msgstr "Bitte kurz bestätigen"'), encoding="utf-8")
    renderer = Renderer(tmp_path, base_url=BASE_URL, secret=SECRET)
    _, text, html = parts_of(compose(renderer, "confirm", language="de"))
    assert "Bitte kurz bestätigen" in text
    assert "Bitte kurz bestätigen" in html
    own.write_text(packaged.replace('msgstr "Bitte bestätigen"', 'msgstr "Noch einmal bestätigen"'), encoding="utf-8")
    assert "Noch einmal bestätigen" in parts_of(compose(renderer, "confirm", language="de"))[1]


def test_a_language_of_the_operators_own_needs_only_its_catalogue(tmp_path: Path) -> None:
    (tmp_path / "locale").mkdir()
    (tmp_path / "locale" / "pt_BR.po").write_text('msgid "Please confirm"\nmsgstr "Confirme, por favor"\n', encoding="utf-8")
    renderer = Renderer(tmp_path, base_url=BASE_URL, secret=SECRET)
    _, text, html = parts_of(compose(renderer, "confirm", language="pt_BR"))
    assert '<html lang="pt-BR" dir="ltr"' in html
    assert "Confirme, por favor" in text
    assert "do nothing: you are on no list" in text, "what is not translated stays English"


def test_a_catalogue_that_is_not_there_is_named_with_those_that_are(renderer: Renderer) -> None:
    with pytest.raises(TemplateError, match=r"locale/it\.po: there is no such catalogue; there are en, ar, de, es, fr"):
        compose(renderer, "confirm", language="it")


def test_a_broken_catalogue_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "locale").mkdir()
    (tmp_path / "locale" / "de.po").write_text('msgid "Welcome"\nmsgstr "Willkommen\n', encoding="utf-8")
    with pytest.raises(TemplateError, match=r"locale/de\.po: line 2: neither a comment"):
        compose(Renderer(tmp_path, base_url=BASE_URL, secret=SECRET), "confirm", language="de")


def test_a_catalogue_cannot_smuggle_a_value_into_the_page(tmp_path: Path) -> None:
    (tmp_path / "locale").mkdir()
    (tmp_path / "locale" / "de.po").write_text('msgid "Welcome to %(name)s"\nmsgstr "Zu %(name)s"\n', encoding="utf-8")
    renderer = Renderer(tmp_path, base_url=BASE_URL, secret=SECRET)
    message, _, html = parts_of(compose(renderer, "welcome-early", language="de", name="<b>&{{ 7*7 }}%s"))
    assert message["Subject"] == "Zu <b>&{{ 7*7 }}%s"
    assert "<b>&{{" not in html
