"""The commands that list, check and copy templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell

SETTINGS = """\
[newsletters.papers]
[newsletters.robots]
name = "Robot Papers"
list_id = "robots.example.org"
"""


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / "config.toml").write_text(SETTINGS)
    return Shell(tmp_path / "config.toml", capsys)


def test_every_template_is_listed_with_its_file_and_whose_it_is(shell: Shell, tmp_path: Path) -> None:
    own = tmp_path / "templates" / "partials" / "cards.mjml"
    own.parent.mkdir(parents=True)
    own.write_text("<!-- Cards of ours: small. -->\n")
    listed = {row["name"]: row for row in shell("templates", "list", "--json").json}
    assert {"digest.mjml", "digest.txt", "confirm.mjml", "web/signup.html", "partials/style.mjml"} <= listed.keys()
    assert listed["partials/cards.mjml"] == {
        "name": "partials/cards.mjml",
        "path": str(own),
        "source": "yours",
        "theme": None,
        "what": "Cards of ours",
    }
    style = listed["partials/style.mjml"]
    assert (style["source"], style["theme"]) == ("package", "quiet")
    assert style["path"].endswith("themes/quiet/partials/style.mjml")
    assert all(row["what"] for row in listed.values())
    assert not any(name.startswith("themes/") for name in listed)
    # The rich theme has cards of its own, which go over the operator's common ones.
    rich = {row["name"]: row for row in shell("templates", "list", "--theme", "rich", "--json").json}
    assert (rich["partials/cards.mjml"]["source"], rich["partials/cards.mjml"]["theme"]) == ("package", "rich")
    shown = shell("templates", "list")
    assert (shown.code, "1 of them yours" in shown.out) == (0, True)
    refused = shell("templates", "list", "--theme", "none")
    assert (refused.code, "there is no such theme; there are compact, quiet, rich" in refused.err) == (1, True)


def test_packaged_templates_are_fine_and_a_broken_one_is_named_with_its_path_and_line(shell: Shell, tmp_path: Path) -> None:
    fine = shell("templates", "check")
    assert fine.code == 0
    assert fine.out.startswith("all ")
    assert fine.out.endswith(" templates are fine\n")
    assert shell("templates", "check", "--json").json == []
    own = tmp_path / "templates" / "partials"
    own.mkdir(parents=True)
    (own / "letter-foot.txt").write_text("bye\n{{ view.nmae }}\n")
    (own / "title.mjml").write_text("{{ paper.title }}\n{{ paper.titel }} & more\n")
    broken = shell("templates", "check")
    assert broken.code == 1
    assert f"{own / 'title.mjml'}:2: a bare '&' in the text; write &amp; for the sign\n" in broken.out
    assert f"{own / 'letter-foot.txt'}:2: LetterView has no attribute 'nmae'" in broken.out
    (own / "title.mjml").write_text("{{ paper.title }}\n{{ paper.titel }}\n")
    problems = shell("templates", "check", "--json").json
    assert {"template": "partials/title.mjml", "path": str(own / "title.mjml"), "line": 2} in [
        {key: value for key, value in row.items() if key != "problem"} for row in problems
    ]


def test_a_digest_without_the_way_out_is_a_problem_and_one_that_cannot_be_cut_a_note(shell: Shell, tmp_path: Path) -> None:
    own = tmp_path / "templates"
    own.mkdir()
    (own / "digest.txt").write_text("{{ view.name }}\n")
    refused = shell("templates", "check")
    assert (refused.code, refused.out) == (
        1,
        f"{own / 'digest.txt'}: does not show {{{{ view.unsubscribe_url }}}}, which every such mail must have\n",
    )
    (own / "digest.txt").write_text("{{ view.unsubscribe_url }} {% for paper in view.cards %}{{ loop.index }}{% endfor %}\n")
    noted = shell("templates", "check")
    assert noted.code == 0
    assert noted.out.startswith("note: every digest is rendered whole, which takes longer: digest.txt ")


@pytest.mark.parametrize(
    ("html", "says"),
    [
        ("<script>x()</script>", "<script> has no place in a mail; the linter would refuse every such mail (forbidden-"),
        ("<form>x</form>", "<form> has no place in a mail; the linter would refuse every such mail (forbidden-element)"),
        ('<iframe title="x"></iframe>', "<iframe> has no place in a mail"),
        ('<a href="ftp://example.org/{{ view.date }}{{ view.tagline }}">x</a>', "<a href> does not lead to an https, http"),
        ('<a href="javascript:x()">x</a>', "address, 'javascript:x()'; the linter would refuse every such mail (link)"),
        ('<a href="http://[">x</a>', "<a href> does not lead to an https, http or mailto address, 'http://['"),
        ('<b onclick="x()">x</b>', "the attribute onclick runs a script"),
        ('<img alt="" src="https://elsewhere.example.org/a.png?b=1&amp;c=2" />', "a picture comes from a server that"),
        ('<div style="background: url(https://example.org/a.png)">x</div>', "a style loads something from elsewhere"),
    ],
)  # fmt: skip
def test_what_the_linter_would_refuse_is_a_problem_with_its_line(shell: Shell, tmp_path: Path, html: str, says: str) -> None:
    own = tmp_path / "templates" / "partials" / "footer-words.mjml"
    assert shell("templates", "copy", "partials/footer-words.mjml").code == 0
    before = f"{own.read_text()}<!-- no <script>, <form>\nor <iframe> here -->\n"
    own.write_text(before + html)
    line = before.count("\n") + 1
    refused = shell("templates", "check")
    assert refused.code == 1
    (problem,) = refused.out.splitlines()
    assert problem.startswith(f"{own}:{line}: "), problem
    assert says in problem


def test_pictures_of_the_public_pages_may_be_shown(shell: Shell, tmp_path: Path) -> None:
    assert shell("templates", "copy", "partials/footer-words.mjml").code == 0
    own = tmp_path / "templates" / "partials" / "footer-words.mjml"
    own.write_text(own.read_text() + '<img alt="" src="http://127.0.0.1:8080/x.png" />')
    assert shell("templates", "check").code == 0


def test_a_theme_or_language_that_is_not_there_is_a_problem(shell: Shell, tmp_path: Path) -> None:
    with (tmp_path / "config.toml").open("a") as config:
        config.write('[newsletters.robots.look]\ntheme = "none"\n')
    refused = shell("templates", "check")
    assert refused.code == 1
    assert "themes/none: there is no such theme; there are compact, quiet, rich" in refused.out


def test_a_copied_template_is_the_packaged_one_and_is_never_replaced_unasked(shell: Shell, tmp_path: Path) -> None:
    own = tmp_path / "templates" / "partials" / "footer.mjml"
    copied = shell("templates", "copy", "partials/footer.mjml")
    assert (copied.code, copied.out.splitlines()[0]) == (0, f"wrote  {own}")
    text = own.read_text()
    assert shell("templates", "check").code == 0
    own.write_text("mine")
    kept = shell("templates", "copy", "partials/footer.mjml")
    assert (kept.code, kept.out, own.read_text()) == (3, f"kept   {own}\n", "mine")
    assert shell("templates", "copy", "partials/footer.mjml", "--force").code == 0
    assert own.read_text() == text


def test_a_new_theme_starts_from_a_packaged_one(shell: Shell, tmp_path: Path) -> None:
    themes = tmp_path / "templates" / "themes"
    copied = shell("templates", "copy", "--theme", "rich", "--into-theme", "mine")
    assert copied.code == 0
    assert {"style.mjml", "cards.mjml"} <= {path.name for path in (themes / "mine" / "partials").iterdir()}
    assert 'theme = "mine"' in copied.out
    assert shell("templates", "copy", "--theme", "rich", "partials/authors.mjml", "--into-theme", "mine").code == 0
    assert (themes / "mine" / "partials" / "authors.mjml").is_file()
    with (tmp_path / "config.toml").open("a") as config:
        config.write('[newsletters.robots.look]\ntheme = "mine"\n')
    assert shell("templates", "check").code == 0
    # Without a theme to copy into, a file keeps its place.
    assert shell("templates", "copy", "--theme", "quiet").code == 0
    assert (themes / "quiet" / "partials" / "style.mjml").is_file()


def test_copying_says_what_is_not_there_and_refuses_names_that_are_paths(shell: Shell, tmp_path: Path) -> None:
    missing = shell("templates", "copy", "partials/fotter.mjml", "partials/cards.mjml")
    assert (missing.code, "did you mean partials/footer.mjml?" in missing.err) == (1, True)
    assert not (tmp_path / "templates").exists()
    assert shell("templates", "copy", "../config.toml").code == 1
    assert shell("templates", "copy").code == 2
    assert shell("templates", "copy", "--theme", "../x").code == 2
    assert shell("templates", "copy", "digest.mjml", "--into-theme", "../x").code == 2
    assert shell("templates", "copy", "--theme", "none").code == 1
