"""The catalogues that ship: complete, nothing left over, every value kept; and the check that says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CATALOGUES = ROOT / "templates" / "locale"


def messages(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "docs/messages.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_every_packaged_catalogue_says_all_there_is_to_say() -> None:
    checked = messages("--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert [line.partition(".")[0] for line in checked.stdout.splitlines()] == ["ar", "de", "es", "fr"]


@pytest.mark.parametrize("path", sorted(CATALOGUES.glob("*.po")), ids=lambda path: path.stem)
def test_the_head_of_a_catalogue_names_nobody(path: Path) -> None:
    head = path.read_text(encoding="utf-8").partition("\n\n")[0]
    assert "@" not in head
    assert "Translator" not in head


def said_in(text: str) -> list[str]:
    """What a catalogue says, without where."""
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_making_the_catalogues_again_loses_no_word(tmp_path: Path) -> None:
    for path in CATALOGUES.glob("*.po"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for _ in range(2):
        made = messages("--folder", str(tmp_path))
        assert made.stdout == "".join(f"{code}.po: 0 to translate\n" for code in ("ar", "de", "es", "fr")), made.stderr
    for path in CATALOGUES.glob("*.po"):
        assert sorted(said_in((tmp_path / path.name).read_text())) == sorted(said_in(path.read_text()))


def test_what_is_wrong_with_a_catalogue_is_said_and_mended_without_losing_a_word(tmp_path: Path) -> None:
    whole = (CATALOGUES / "de.po").read_text(encoding="utf-8")
    entry = 'msgid "The latest issue"\nmsgstr "Die neueste Ausgabe"\n'
    assert entry in whole
    copy = tmp_path / "de.po"
    copy.write_text(whole.replace(entry, 'msgid "The oldest issue"\nmsgstr "Die älteste Ausgabe"\n'), encoding="utf-8")
    checked = messages("--check", "--folder", str(tmp_path))
    assert checked.returncode == 1
    assert "de.po: lacks 'The latest issue'; call make messages" in checked.stdout
    assert "de.po: has 'The oldest issue', which nothing says; call make messages" in checked.stdout
    assert messages("--folder", str(tmp_path)).stdout == "de.po: 1 to translate\n"
    mended = copy.read_text(encoding="utf-8")
    assert 'msgid "The latest issue"\nmsgstr ""\n' in mended
    assert "oldest" not in mended
    assert 'msgstr "Willkommen"' in mended
    assert "de.po: line" in messages("--check", "--folder", str(tmp_path)).stdout


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ('msgstr "Willkommen bei %(name)s"', 'msgstr "Willkommen"', "has lost %(name)s in 'Willkommen'"),
        ('msgstr "Willkommen bei %(name)s"', 'msgstr "Willkommen bei %(nmae)s"', "has %(nmae)s, which it is not given"),
        ('msgstr "Willkommen bei %(name)s"', 'msgstr "<b>%(name)s</b>"', "holds markup"),
        ('#, python-format\nmsgid "Welcome to', '#, python-format, fuzzy\nmsgid "Welcome to', "is marked as fuzzy"),
        ('msgid "Welcome"\nmsgstr "Willkommen"', 'msgid "Welcome"\nmsgstr "Willkommen', "neither a comment"),
    ],
)
def test_a_catalogue_with_a_mistake_is_not_complete(tmp_path: Path, was: str, becomes: str, problem: str) -> None:
    whole = (CATALOGUES / "de.po").read_text(encoding="utf-8")
    assert was in whole
    (tmp_path / "de.po").write_text(whole.replace(was, becomes), encoding="utf-8")
    checked = messages("--check", "--folder", str(tmp_path))
    assert checked.returncode == 1
    assert problem in checked.stdout
