"""The secret key: made once, whole, private, and never overwritten."""

from __future__ import annotations

import logging
import stat
import threading
from pathlib import Path

import pytest

from subscribers.errors import SecretError
from subscribers.secrets import load_keys, load_or_create_secret
from subscribers.tokens import KeyRing, TokenPurpose

ROOT, SECOND, THIRD = b"r" * 40, b"s" * 32, b"t #1 " * 8


def key_file(folder: Path, content: bytes) -> Path:
    path = folder / "link.keys"
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def opens(ring: KeyRing, token: str) -> bool:
    claim = ring.subscriber_of(token, TokenPurpose.FEEDBACK)
    return claim is not None and ring.verify(claim, 0)


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


def test_without_a_file_of_keys_the_secret_signs() -> None:
    assert load_keys(ROOT, None).make(TokenPurpose.FEEDBACK, 7, 0) == KeyRing.of(ROOT).make(TokenPurpose.FEEDBACK, 7, 0)


def test_the_last_key_of_the_file_signs_and_all_are_accepted(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf# since May\r\n\n7 " + SECOND + b"\n  \n2\t " + THIRD.strip() + b"  \n"
    ring = load_keys(ROOT, key_file(tmp_path, content))
    alone = KeyRing({1: ROOT, 7: SECOND, 2: THIRD.strip()}, 2)
    token = ring.make(TokenPurpose.FEEDBACK, 7, 0)
    assert token == alone.make(TokenPurpose.FEEDBACK, 7, 0)
    for current in (1, 7, 2):
        made = KeyRing({1: ROOT, 7: SECOND, 2: THIRD.strip()}, current).make(TokenPurpose.FEEDBACK, 7, 0)
        assert opens(ring, made)
    assert not opens(load_keys(ROOT, key_file(tmp_path, b"7 " + SECOND)), token)


def test_a_file_without_keys_leaves_the_secret_signing(tmp_path: Path) -> None:
    ring = load_keys(ROOT, key_file(tmp_path, b"# none yet\n"))
    assert ring.make(TokenPurpose.FEEDBACK, 7, 0) == KeyRing.of(ROOT).make(TokenPurpose.FEEDBACK, 7, 0)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (SECOND, "does not begin with a number from 2 to 255"),
        (b"1 " + SECOND, "does not begin with a number from 2 to 255"),
        (b"256 " + SECOND, "does not begin with a number from 2 to 255"),
        (b"-2 " + SECOND, "does not begin with a number from 2 to 255"),
        (b"\xb2 " + SECOND, "does not begin with a number from 2 to 255"),
        (b"9" * 5000 + b" " + SECOND, "does not begin with a number from 2 to 255"),
        (b"5 " + SECOND, "key 5 is there already"),
        (b"05 " + SECOND, "key 5 is there already"),
        (b"6", "shorter than 32 characters; make one with"),
        (b"6 " + SECOND[1:] + b"  ", "shorter than 32 characters"),
    ],
)
def test_a_wrong_line_is_named_by_its_number_and_not_shown(tmp_path: Path, wrong: bytes, problem: str) -> None:
    path = key_file(tmp_path, b"# two lines\n5 " + THIRD + b"\n" + wrong + b"\n")
    with pytest.raises(SecretError, match=f"line 3: .*{problem}") as refused:
        load_keys(ROOT, path)
    assert "sss" not in str(refused.value)


def test_a_file_of_keys_that_is_missing_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="check the path"):
        load_keys(ROOT, tmp_path / "nothing")


def test_a_file_of_keys_others_can_read_is_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = key_file(tmp_path, b"2 " + SECOND)
    path.chmod(0o640)
    with caplog.at_level(logging.WARNING):
        load_keys(ROOT, path)
    assert "secret.readable_by_others file=link.keys" in caplog.text
    assert "sss" not in caplog.text
