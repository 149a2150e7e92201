"""Programs to look at in the studio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from tests.flow import numbered, program, take_in


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    """A program without papers, on both databases."""
    with program(tmp_path, database_url, clock) as made:
        yield made


@pytest.fixture
def one_app(tmp_path: Path, sqlite_template: Path, clock: ManualClock) -> Iterator[App]:
    """A program with twelve papers, where the kind of database makes no difference."""
    copyfile(sqlite_template, tmp_path / "newsletter.db")
    with program(tmp_path, f"sqlite:///{tmp_path}/newsletter.db", clock) as made:
        take_in(made, tmp_path, numbered(1, 12))
        yield made
