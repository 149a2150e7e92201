"""Every packaged mail before those who show it or judge it: clients, an HTML parser, axe."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe

from newsletter.preview.checks.abilities import CLIENTS, FAMILIES, Abilities, FeatureUse, check_abilities
from newsletter.preview.checks.cascade import Viewport
from newsletter.preview.checks.contrast import shown_texts
from newsletter.preview.checks.fallbacks import FALLBACKS
from newsletter.preview.checks.features import FEATURES
from newsletter.preview.checks.page import Page
from newsletter.preview.checks.report import Fit, examine
from newsletter.rendering.findings import Severity
from newsletter.rendering.view.look import contrast
from tests.browser import LOOKS, Chromium, Visit
from tests.preview.checks.mails import packaged_mails
from tests.rendering.samples import THEMES

#: Features of caniemail's table that no message can use by its HTML: another MIME part, a DNS record, what is in a picture.
NOT_IN_HTML = {"amp", "bimi", "image-hdr"}
#: Rules of axe about a page as a whole: a mail is shown within the page of a client, which has the landmarks.
PAGE_RULES = ("landmark-one-main", "region")


@pytest.fixture(scope="module")
def abilities(shared_data: Path) -> Abilities:
    """caniemail's data, as recorded."""
    return Abilities.load(shared_data / "email_html" / "caniemail.json")


def uses(abilities: Abilities) -> dict[str, FeatureUse]:
    """What the packaged mails use that is unsupported in one of the great clients, with one of its uses."""
    found: dict[str, FeatureUse] = {}
    for mail in packaged_mails().values():
        table = check_abilities(mail.html, mail.files, abilities)
        found |= {use.slug: use for use in table.uses if use.unsupported_in()}
    return found


@pytest.mark.shared_data
def test_nothing_is_used_that_a_great_client_lacks_without_its_fallback(abilities: Abilities) -> None:
    names = {client.key: client.name for client in CLIENTS if client.family in FAMILIES}
    lacking = {
        slug: ([names[key] for key in use.unsupported_in()], use.places)
        for slug, use in uses(abilities).items()
        if slug not in FALLBACKS
    }
    assert lacking == {}


@pytest.mark.shared_data
def test_no_fallback_is_listed_for_what_no_mail_uses(abilities: Abilities) -> None:
    assert FALLBACKS.keys() - uses(abilities).keys() == set()


@pytest.mark.shared_data
def test_every_feature_of_the_table_is_one_that_we_can_recognise(abilities: Abilities) -> None:
    assert abilities.slugs() - FEATURES.keys() == NOT_IN_HTML
    assert FEATURES.keys() - abilities.slugs() == set()


@pytest.mark.shared_data
def test_every_use_has_its_place(abilities: Abilities) -> None:
    for name, mail in packaged_mails().items():
        table = check_abilities(mail.html, mail.files, abilities)
        without = {use.slug for use in table.uses if not use.places}
        assert without <= {"html-comments", "html-doctype"}, name
        assert [unlisted.name for unlisted in table.not_in_table if not unlisted.places] == [], name


def test_no_packaged_mail_has_a_finding_that_matters() -> None:
    for name, mail in packaged_mails().items():
        report = examine(mail, abilities=None, spam=None)
        assert [noted for noted in report.findings if noted.severity is Severity.ERROR] == [], name
        assert report.size.fit is Fit.FITS, name


def test_an_independent_parser_reads_every_packaged_mail_without_an_error() -> None:
    for name, mail in packaged_mails().items():
        parser = html5lib.HTMLParser(strict=False)
        parser.parse(mail.html)
        assert [(place, code, details) for place, code, details in parser.errors] == [], name


@pytest.mark.browser
@pytest.mark.torture
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_in_any_packaged_mail(
    chromium: Chromium, theme: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    mails = {name: mail for name, mail in packaged_mails().items() if name.startswith(theme)}
    options = {"rules": {rule: {"enabled": False} for rule in PAGE_RULES}}

    def look(visit: Visit) -> None:
        # Pictures are on the operator's pages, which are not here.
        visit.page.route("**/*", lambda route: route.abort())
        for name, mail in mails.items():
            visit.page.set_content(mail.html)
            found = Axe().run(visit.page, options=options).response["violations"]
            assert [(each["id"], [node["html"][:300] for node in each["nodes"]]) for each in found] == [], name
            assert visit.overflow() == 0, name

    chromium.visit(look, width=width, scheme=scheme)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_our_own_check_of_contrast_finds_what_axe_finds(chromium: Chromium, scheme: Literal["light", "dark"]) -> None:
    """The quiet ink of both schemes made fainter, in a mail with texts on several grounds."""
    html = packaged_mails()["quiet one-paper"].html.replace("#6a675f", "#b0aca4").replace("#a09b8f", "#55524c")

    def look(visit: Visit) -> set[str]:
        visit.page.route("**/*", lambda route: route.abort())
        visit.page.set_content(html)
        found = Axe().run(visit.page, options={"runOnly": ["color-contrast"]}).response["violations"]
        nodes = [node["html"] for each in found for node in each["nodes"]]
        return {element.attributes.get("class", "") for node in nodes for element in Page.of(node).elements()[:1]}

    # axe looks at no text that is only points and strokes, and at no alternative text.
    ours = {
        text.parent.attributes.get("class", "")
        for text, shown in shown_texts(Page.of(html), Viewport(scheme))
        if text.parent.name != "img" and any(map(str.isalnum, text.text)) and contrast(shown.colour, shown.ground) < shown.least
    }
    theirs = chromium.visit(look, scheme=scheme)
    assert len(theirs) > 3
    assert ours == theirs
