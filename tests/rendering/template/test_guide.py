"""What docs/templates.md says is so: its tables, its messages, its worked example."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from newsletter.rendering.errors import TemplateError
from newsletter.rendering.template.compiled import Templates
from newsletter.rendering.template.folder import TemplateFolder, install_words, make_environment, naming
from newsletter.rendering.template.mjml import check_mjml
from newsletter.rendering.view.letters import LetterView
from newsletter.rendering.view.look import Look
from newsletter.rendering.view.views import CorrectionView, DigestView, PaperView
from newsletter.rendering.words.language import ENGLISH
from tests.cli.shell import Shell

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "templates.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return the text below a heading, up to the next one."""
    return re.split(r"^#+ ", GUIDE.split(f" {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def names_in(table: str) -> list[str]:
    """Return what the first column of a table names, in order."""
    cells = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)]


@pytest.mark.parametrize(
    ("title", "view"),
    [
        ("In an issue: `DigestView`", DigestView),
        ("A paper: `PaperView`", PaperView),
        ("A correction: `CorrectionView`", CorrectionView),
        ("Colours and logo: `Look`", Look),
        ("In a letter: `LetterView`", LetterView),
    ],
)
def test_the_guide_names_every_field_that_a_template_is_given_and_no_other(title: str, view: type) -> None:
    assert dataclasses.is_dataclass(view)
    properties = [name for name, _ in inspect.getmembers(view, lambda member: isinstance(member, property))]
    fields = [field.name for field in dataclasses.fields(view)]
    named = names_in(section(title))
    assert sorted(named) == sorted([*fields, *properties])


BROKEN = [
    "<mj-tex>x</mj-tex>",
    '<mj-text colour="red">x</mj-text>',
    "text",
    '<mj-button title="x">x</mj-button>',
    '<mj-text color="rde">x</mj-text>',
    '<mj-image src="cid:x" width="{{ paper.picture.width }}" />',
    "<mj-text>a & b</mj-text>",
    "<mj-text><p>\n\n\n\n\n\n\n\nx</mj-text>",
    "<mj-table><tr><td>x</td></tr></mj-table>",
    "<mj-text>{{ x | nummer }}</mj-text>",
    "</mj-column><mj-text>x</mj-text><mj-column>",
]


@pytest.mark.parametrize(
    "page",
    [
        *(f"<mjml><mj-body><mj-section><mj-column>{body}</mj-column></mj-section></mj-body></mjml>" for body in BROKEN),
        "<mjml><mj-head><mj-style>{% if x %}a{% endif %}</mj-style></mj-head><mj-body /></mjml>",
        "<mjml><mj-head><mj-style>p { color red }</mj-style></mj-head><mj-body /></mjml>",
    ],
)
def test_the_guide_quotes_what_the_program_says_of_a_common_mistake(page: str) -> None:
    environment = make_environment()
    install_words(environment, ENGLISH)
    problem = check_mjml("digest.mjml", lambda _name: page, environment)[0].problem
    assert f"| `{problem}` |" in GUIDE


def test_the_guide_quotes_what_the_program_says_of_a_field_that_is_not_there() -> None:
    view = object.__new__(DigestView)
    with pytest.raises(TemplateError) as caught, naming("digest.mjml"):
        make_environment().from_string("{{ view.titel }}").render(view=view)
    assert f"| `{caught.value.problem}` |" in GUIDE


def test_the_theme_of_the_guide_is_made_by_its_own_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.toml"
    config.write_text("")
    shell = Shell(config, capsys)
    example = section("A theme of your own: newsprint")
    start, look = re.findall(r"```sh\n(.*?)```", example, re.DOTALL)
    style, masthead = re.findall(r"```html\n(.*?)```", example, re.DOTALL)
    (setting,) = re.findall(r"```toml\n(.*?)```", example, re.DOTALL)
    for line in start.splitlines():
        assert shell(*line.split()[1:]).code == 0
    partials = tmp_path / "templates" / "themes" / "newsprint" / "partials"
    assert sorted(path.name for path in partials.iterdir()) == ["masthead.mjml", "style.mjml"]
    with (partials / "style.mjml").open("a") as file:
        file.write(style)
    (partials / "masthead.mjml").write_text(masthead)
    config.write_text(setting)
    assert "newsletter templates check" in look.splitlines()
    checked = shell("templates", "check")
    assert (checked.code, checked.out[:4]) == (0, "all ")
    page = Templates.of(TemplateFolder(tmp_path / "templates"), "newsprint", "en").template("digest").page
    assert "#ece7db" in page
    assert re.search(r'<p class="folio[^"]*" style="[^"]*border-top: 3px double', page)
