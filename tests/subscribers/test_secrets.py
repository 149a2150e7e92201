"""The secret key: made once, whole, private, and never overwritten."""

from __future__ import annotations

import logging
import stat
import threading
from pathlib import Path

import pytest

from subscribers.errors import SecretError
from subscribers.secrets import load_or_create_secret


def test_the_first_start_makes_a_private_key(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret.key"
    secret = load_or_create_secret(path)
    assert len(secret) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret.key"]


def test_later_starts_read_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    assert load_or_create_secret(path) == load_or_create_secret(path)


def test_an_own_key_is_read_without_blanks_around_it(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_text("  correct horse battery staple, and then some \n")
    path.chmod(0o600)
    assert load_or_create_secret(path) == b"correct horse battery staple, and then some"


@pytest.mark.parametrize("content", ["", "\n", "too short"])
def test_a_broken_key_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(content)
    with pytest.raises(SecretError, match="shorter than 32 characters; put the file back"):
        load_or_create_secret(path)
    assert path.read_text() == content


def test_a_folder_that_cannot_be_used_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SecretError, match="check the path"):
        load_or_create_secret(tmp_path / "file" / "secret.key")


def test_processes_that_start_together_use_one_key(tmp_path: Path) -> None:
    path, found, gate = tmp_path / "secret.key", list[bytes](), threading.Barrier(8)

    def start() -> None:
        gate.wait()
        found.append(load_or_create_secret(path))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_key_others_can_read_is_warned_about_without_showing_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "secret.key"
    path.write_text("x" * 40)
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        load_or_create_secret(path)
    assert "secret.readable_by_others" in caplog.text
    assert "xxxx" not in caplog.text
