from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from jinja2.exceptions import SecurityError

from newsletter.packaging import default_templates
from newsletter.rendering.errors import TemplateError, TemplateMissingError
from newsletter.rendering.template.folder import TemplateFolder, make_environment, naming


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """An operator's folder with one file, and a package's with two."""
    own, packaged = tmp_path / "own", tmp_path / "packaged"
    (own / "partials").mkdir(parents=True)
    (packaged / "partials").mkdir(parents=True)
    (own / "partials" / "a.txt").write_text("own")
    (packaged / "partials" / "a.txt").write_text("packaged")
    (packaged / "b.txt").write_text('b {% include "partials/a.txt" %}')
    return own, packaged


def test_an_operators_file_goes_before_the_packaged_one_of_its_name(folders: tuple[Path, Path]) -> None:
    own, packaged = folders
    folder = TemplateFolder(own, packaged=packaged)
    assert folder.read("partials/a.txt") == "own"
    assert folder.read("b.txt").startswith("b ")
    assert make_environment(folder.jinja_loader()).get_template("b.txt").render() == "b own"


def test_a_missing_operators_folder_leaves_the_packaged_templates(folders: tuple[Path, Path]) -> None:
    _, packaged = folders
    assert TemplateFolder(packaged.parent / "nowhere", packaged=packaged).read("partials/a.txt") == "packaged"
    assert TemplateFolder(None, packaged=packaged).read("partials/a.txt") == "packaged"


def test_the_program_brings_its_templates_along() -> None:
    assert (default_templates() / "digest.mjml").is_file()
    assert (default_templates() / "digest.txt").is_file()


@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt",
        "partials/../../secret.txt",
        "/etc/passwd",
        ".hidden.txt",
        "partials",
        "",
        "a\0.txt",
        "%2e%2e/secret.txt",
        "a b.txt",
        "partials//a.txt",
        "..\\secret.txt",
    ],
)
def test_a_name_is_not_a_path(folders: tuple[Path, Path], name: str) -> None:
    own, packaged = folders
    (own.parent / "secret.txt").write_text("secret")
    (own / ".hidden.txt").write_text("secret")
    with pytest.raises(TemplateMissingError):
        TemplateFolder(own, packaged=packaged).read(name)


def test_a_link_out_of_the_folder_is_refused(folders: tuple[Path, Path]) -> None:
    own, packaged = folders
    (own.parent / "secret.txt").write_text("secret")
    (own / "b.txt").symlink_to(own.parent / "secret.txt")
    with pytest.raises(TemplateError, match="link that leads out"):
        TemplateFolder(own, packaged=packaged).read("b.txt")


def test_a_file_that_is_not_utf_8_is_named(folders: tuple[Path, Path]) -> None:
    own, packaged = folders
    (own / "b.txt").write_bytes(b"caf\xe9")
    with pytest.raises(TemplateError, match=r"b\.txt: is not UTF-8"):
        TemplateFolder(own, packaged=packaged).read("b.txt")


@pytest.fixture
def themed(folders: tuple[Path, Path]) -> tuple[Path, Path]:
    """The same folders with a packaged theme, files of the operator's over it, and a theme that only the operator has."""
    own, packaged = folders
    files = {
        packaged / "themes" / "plain" / "partials" / "a.txt": "packaged plain",
        packaged / "themes" / "plain" / "partials" / "c.txt": "packaged plain c",
        own / "themes" / "plain" / "partials" / "c.txt": "own plain c",
        own / "themes" / "mine" / "partials" / "a.txt": "own mine",
        packaged / "locale" / "de.po": "",
        own / "locale" / "eo.po": "",
        own / "locale" / ".hidden.po": "",
        packaged / "partials" / "d.txt": "packaged d",
        packaged / "page.mjml": '<mj-include path="partials/a.txt" />',
        packaged / "notes.md": "no template",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return own, packaged


def test_a_themes_files_go_over_the_common_ones_and_the_operators_over_the_packaged_ones(themed: tuple[Path, Path]) -> None:
    own, packaged = themed
    folder = TemplateFolder(own, packaged=packaged)
    plain, mine = folder.themed("plain"), folder.themed("mine")
    assert [each.read("partials/a.txt") for each in (folder, plain, mine)] == ["own", "packaged plain", "own mine"]
    assert plain.read("partials/c.txt") == "own plain c"
    assert {each.read("partials/d.txt") for each in (folder, plain, mine)} == {"packaged d"}
    with pytest.raises(TemplateMissingError):
        mine.read("partials/c.txt")


def test_what_is_included_is_looked_up_in_the_theme_too(themed: tuple[Path, Path]) -> None:
    own, packaged = themed
    for theme, included in (("plain", "packaged plain"), ("mine", "own mine")):
        folder = TemplateFolder(own, packaged=packaged, theme=theme)
        assert make_environment(folder.jinja_loader()).get_template("b.txt").render() == f"b {included}"


def test_themes_catalogues_and_folders_to_watch_are_those_of_both(themed: tuple[Path, Path]) -> None:
    own, packaged = themed
    (own / "themes" / "Not A Theme").mkdir()
    (own / "themes" / "file").write_text("")
    folder = TemplateFolder(own, packaged=packaged)
    assert folder.themes() == ["mine", "plain"]
    assert folder.catalogues() == ["de", "eo"]
    assert folder.watched() == [own, packaged]
    assert TemplateFolder(own / "nowhere", packaged=packaged).watched() == [packaged]
    assert TemplateFolder(own / "nowhere", packaged=packaged).themes() == ["plain"]


def test_names_are_those_of_all_templates_once_and_say_whose_they_are(themed: tuple[Path, Path]) -> None:
    own, packaged = themed
    folder = TemplateFolder(own, packaged=packaged, theme="plain")
    assert folder.names() == ["b.txt", "page.mjml", "partials/a.txt", "partials/c.txt", "partials/d.txt"]
    assert [name for name in folder.names() if folder.is_own(name)] == ["partials/c.txt"]
    assert TemplateFolder(own, packaged=packaged).is_own("partials/a.txt")


@pytest.mark.parametrize("theme", ["../plain", "..", "/etc", "a/b", "Plain", "a b", ".hidden", "x" * 33, "a\n"])
def test_a_themes_name_is_not_a_path(themed: tuple[Path, Path], theme: str) -> None:
    own, packaged = themed
    with pytest.raises(TemplateError, match="is no theme's name"):
        TemplateFolder(own, packaged=packaged, theme=theme)


def test_a_theme_that_is_a_link_out_of_the_folder_is_refused_and_one_within_it_is_not(themed: tuple[Path, Path]) -> None:
    own, packaged = themed
    outside = own.parent / "outside" / "partials"
    outside.mkdir(parents=True)
    (outside / "a.txt").write_text("secret")
    (own / "themes" / "linked").symlink_to(outside.parent)
    (own / "themes" / "same").symlink_to(own / "themes" / "mine")
    folder = TemplateFolder(own, packaged=packaged)
    with pytest.raises(TemplateError, match="link that leads out"):
        folder.themed("linked").read("partials/a.txt")
    assert folder.themed("same").read("partials/a.txt") == "own mine"


def test_a_theme_that_appears_over_a_file_is_noticed(themed: tuple[Path, Path]) -> None:
    own, packaged = themed
    folder = TemplateFolder(own, packaged=packaged, theme="plain")
    stamps = folder.stamp(["partials/a.txt"])
    (own / "themes" / "plain" / "partials" / "a.txt").write_text("new")
    assert not folder.has_still(["partials/a.txt"], stamps)
    assert folder.read("partials/a.txt") == "new"


def test_what_fails_in_a_text_template_is_named_with_the_file_and_line_it_stands_on(folders: tuple[Path, Path]) -> None:
    own, packaged = folders
    (packaged / "b.txt").write_text('b\n{% include "partials/a.txt" %}\n{{ nothing }}')
    template = make_environment(TemplateFolder(own, packaged=packaged).jinja_loader()).get_template("b.txt")
    with pytest.raises(TemplateError, match=r"b\.txt:3: 'nothing' is undefined"), naming("other.txt"):
        template.render()
    (own / "partials" / "a.txt").write_text("\n\n{{ 1 // 0 }}")
    with pytest.raises(TemplateError, match=r"partials/a\.txt:3: "), naming("other.txt"):
        template.render()


def test_what_fails_outside_of_templates_is_named_by_the_name_given() -> None:
    with pytest.raises(TemplateError, match=r"a\.txt: x; docs/templates\.md"), naming("a.txt"):
        raise ValueError("x")


def test_an_error_that_nobody_names_says_its_template_and_line_in_a_note(folders: tuple[Path, Path]) -> None:
    own, packaged = folders
    (packaged / "b.txt").write_text("b\n{{ nothing }}")
    template = make_environment(TemplateFolder(own, packaged=packaged).jinja_loader()).get_template("b.txt")
    with pytest.raises(jinja2.UndefinedError) as caught:
        template.render()
    assert caught.value.__notes__ == ["in the template b.txt, line 2"]


def test_the_version_says_when_a_template_changed(folders: tuple[Path, Path]) -> None:
    own, packaged = folders
    folder = TemplateFolder(own, packaged=packaged)
    names = ["b.txt", "partials/a.txt"]
    before, stamp = folder.version(names), folder.stamp(names)
    assert folder.version(reversed(names)) == before
    assert len(before) == 64
    assert folder.has_still(names, stamp)
    (own / "b.txt").write_text("changed")
    assert not folder.has_still(names, stamp)
    assert folder.version(names) != before
    assert folder.stamp(names) != stamp


def test_a_changed_template_is_read_again(folders: tuple[Path, Path]) -> None:
    own, packaged = folders
    environment = make_environment(TemplateFolder(own, packaged=packaged).jinja_loader())
    assert environment.get_template("partials/a.txt").render() == "own"
    (own / "partials" / "a.txt").unlink()
    assert environment.get_template("partials/a.txt").render() == "packaged"


def test_values_are_escaped_but_in_text_templates() -> None:
    loader = jinja2.DictLoader({"a.mjml": "{{ x }}", "a.html": "{{ x }}", "a.txt": "{{ x }}"})
    environment = make_environment(loader)
    assert environment.get_template("a.mjml").render(x="<b>") == "&lt;b&gt;"
    assert environment.get_template("a.html").render(x="<b>") == "&lt;b&gt;"
    assert environment.from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    assert environment.get_template("a.txt").render(x="<b>") == "<b>"


def test_a_name_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        make_environment().from_string("{{ nothing }}").render()


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ x.append(1) }}",
        "{{ ().__class__.__bases__[0].__subclasses__() }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ (x | attr('__class__')).__mro__ }}",
    ],
)
def test_a_template_cannot_reach_out_of_its_sandbox(source: str) -> None:
    with pytest.raises((SecurityError, jinja2.UndefinedError)):
        make_environment().from_string(source).render(x=[1])
