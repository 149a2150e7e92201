"""Logos from the operator's files, and pictures by name."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.pictures.shelf import PictureShelf
from tests.pictures.samples import decoded, plain


@pytest.fixture
def shelf(database: Database, clock: ManualClock) -> PictureShelf:
    return PictureShelf(database, clock, max_bytes=100_000)


def test_a_logo_is_made_kept_and_made_again_when_its_file_changes(shelf: PictureShelf, tmp_path: Path) -> None:
    file = tmp_path / "logo.png"
    file.write_bytes(plain(300, 80))
    first = shelf.logo(file)
    assert first is not None
    assert decoded(shelf.content(first.name)).size == (300, 80)
    assert shelf.logo(file) is first
    file.write_bytes(plain(320, 80, "JPEG"))
    second = shelf.logo(file)
    assert second is not None
    assert (second.width, second.media_type) == (320, "image/png")
    # Mails that went out still show it.
    assert shelf.content(first.name)


@pytest.mark.parametrize("content", [None, b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", plain()[:-100], bytes(100_001)])
def test_a_logo_that_cannot_be_used_is_told_once(
    shelf: PictureShelf, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    file = tmp_path / "logo.png"
    if content is not None:
        file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert [shelf.logo(file) for _ in range(3)] == [None] * 3
    [line] = [entry.getMessage() for entry in caplog.records]
    assert line.startswith("pictures.logo_unusable file=")
    file.write_bytes(plain(300, 80))
    assert shelf.logo(file) is not None


def test_a_folder_is_no_logo(shelf: PictureShelf, tmp_path: Path) -> None:
    assert shelf.logo(tmp_path) is None


def test_the_same_logo_is_known_after_a_restart(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    file = tmp_path / "logo.png"
    file.write_bytes(plain(300, 80))
    os.utime(file, (0, 0))
    assert len({PictureShelf(database, clock, max_bytes=100_000).logo(file) for _ in range(2)}) == 1


def test_a_name_that_is_none_is_an_error(shelf: PictureShelf) -> None:
    with pytest.raises(KeyError):
        shelf.content("x" * 32)
