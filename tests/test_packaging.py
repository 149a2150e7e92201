"""The wheel: complete, and running the demo from a clean environment outside the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from newsletter.packaging import sample_papers

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], check=True
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_templates_config_and_sample(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {"newsletter/py.typed", "subscribers/py.typed", "newsletter/packaged/templates/digest.mjml"} <= names
        assert archive.read("newsletter/packaged/config.toml") == (ROOT / "config.toml").read_bytes()
        for path in (path for path in (ROOT / "templates").rglob("*") if path.is_file()):
            packed = f"newsletter/packaged/templates/{path.relative_to(ROOT / 'templates').as_posix()}"
            assert archive.read(packed) == path.read_bytes()
    for folder in ("newsletter/demo/sample", "newsletter/migrations"):
        inside = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix != ".pyc" and path.parent.name != "__pycache__"
        }
        assert inside, folder
        assert inside <= names


def test_the_sample_holds_only_what_may_be_passed_on() -> None:
    """``docs/decisions/0005-sample-papers.md`` says what and why."""
    allowed = {
        *("arxiv_id", "title", "authors", "organization", "abstract", "published_at", "listed_at"),
        *("code_url", "project_url", "discussion_url", "signals", "source"),
    }
    for line in sample_papers().read_text(encoding="utf-8").splitlines():
        paper = json.loads(line)
        assert set(paper) <= allowed
        for signal in paper["signals"]:
            assert set(signal) <= {"observed_at", "votes", "comments", "stars"}


def test_the_wheel_holds_nothing_but_the_program(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"newsletter", "subscribers"}


def test_the_wheel_runs_the_demo_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python, newsletter = environment / "bin" / "python", environment / "bin" / "newsletter"
    pip = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    # What it depends on is the very same as here; only the program itself must come from the wheel.
    (site,) = environment.glob("lib/python3*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    clean = {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8"}

    where = subprocess.run(
        [python, "-c", "import newsletter, subscribers; print(newsletter.__file__, subscribers.__file__)"],
        cwd=home, env=clean, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(path.startswith(str(site)) for path in where.stdout.split())

    demo = subprocess.run([newsletter, "demo", "--once"], cwd=home, env=clean, capture_output=True, text=True, check=False)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "adds up" in demo.stdout
    assert "does not add up" not in demo.stdout
    assert "Traceback" not in demo.stderr
