"""The house rules that a machine can check: directions of imports, types, style, and what no file may hold."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
#: Modules that cost start-up time; ``newsletter --help`` must do without them.
HEAVY = ("alembic", "apscheduler", "css_inline", "fastapi", "feedparser", "httpx", "mjml", "pydantic", "sqlalchemy", "uvicorn")


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **environ})


def assert_passes(*command: str) -> None:
    done = run(*command)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


@cache
def text_files() -> tuple[tuple[Path, str], ...]:
    """Every text file that is in version control or would be."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z").stdout
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        try:
            found.append((path, path.read_text(encoding="utf-8")))
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
    return tuple(found)


def lines_with(pattern: str) -> list[str]:
    expression = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path, text in text_files()
        for number, line in enumerate(text.splitlines(), 1)
        if expression.search(line)
    ]


def test_imports_point_downwards() -> None:
    assert_passes(str(BIN / "lint-imports"), "--no-cache")


def test_types_are_sound() -> None:
    assert_passes(sys.executable, "-m", "mypy")


def test_ruff_finds_nothing() -> None:
    assert_passes(sys.executable, "-m", "ruff", "check", ".")


def test_formatting_is_ruffs() -> None:
    assert_passes(sys.executable, "-m", "ruff", "format", "--check", ".")


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    assert not lines_with(r"(?<![\w.])/(?:home|root|Users|work|farm)/\w")


def test_nothing_is_left_for_later() -> None:
    assert not lines_with(r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b")


def test_no_file_names_a_package_registry() -> None:
    assert not lines_with(r"p[y]pi\.org|pythonh[o]sted|registry\.npm[j]s|d[e]b\.debian\.org")


def test_lock_files_name_no_registry() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text, name
        assert not re.search(r"^\s*--(?!hash=)", text, re.MULTILINE), name


def test_lock_files_hold_every_requirement() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    extras = dict(project["optional-dependencies"])
    # Pictures of mails need a whole browser; the tests have one.
    studio = extras.pop("studio")
    wanted = {
        "requirements.lock": [*project["dependencies"], *chain(*extras.values()), *groups["build"]],
        "requirements-dev.lock": [
            *project["dependencies"],
            *studio,
            *(item for item in groups["dev"] if isinstance(item, str)),
        ],
    }
    for name, requirements in wanted.items():
        pinned = re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        missing = {re.split(r"[^\w.-]", item)[0].lower().replace("_", "-") for item in requirements} - set(pinned)
        assert not missing, f"{name}: run 'make lock'"


def test_every_room_says_what_it_is_for() -> None:
    folders = [path for package in ("newsletter", "subscribers") for path in (ROOT / package).rglob("__init__.py")]
    assert folders
    for path in folders:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or path.parent.name == "versions", path


def test_help_imports_nothing_heavy() -> None:
    code = f"import sys, newsletter.cli; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    "module", ["def test_sample():\n    pytest.skip('x')\n", "pytest.skip('x', allow_module_level=True)\n"]
)
@pytest.mark.parametrize(("ci", "is_failure"), [("1", True), ("", False)])
def test_a_skip_fails_the_suite_on_ci_and_nowhere_else(tmp_path: Path, module: str, ci: str, *, is_failure: bool) -> None:
    (tmp_path / "test_sample.py").write_text(f"import pytest\n\n{module}", encoding="utf-8")
    done = run(sys.executable, "-m", "pytest", "-p", "tests.conftest", "--rootdir", str(tmp_path), str(tmp_path), CI=ci)
    assert ("was skipped" in done.stdout and done.returncode in {1, 2}) is is_failure, done.stdout + done.stderr
