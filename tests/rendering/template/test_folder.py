from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from jinja2.exceptions import SecurityError

from newsletter.packaging import default_templates
from newsletter.rendering.errors import TemplateError, TemplateMissingError
from newsletter.rendering.template.folder import TemplateFolder, make_environment


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
