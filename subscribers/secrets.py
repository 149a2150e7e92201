"""The secret key: made once, readable by its owner only, never overwritten. And the keys of links that follow it."""

from __future__ import annotations

import codecs
import logging
import os
import secrets
from collections.abc import Container
from pathlib import Path

from subscribers.errors import SecretError
from subscribers.tokens import KeyRing

log = logging.getLogger(__name__)

#: Fewer characters than this can be guessed.
MIN_CHARACTERS = 32
#: Number of the secret key among the keys of links; those of the file come after it.
ROOT_KEY = 1


def load_or_create_secret(path: Path) -> bytes:
    """Return the secret in ``path``; the first call makes it.

    The file holds one line: 32 random bytes as 64 hexadecimal digits, or any text of the operator's own of at least 32
    characters. It is written beside its place, flushed to the disk and then linked into it: a crash leaves either no file or a
    whole one, and of two processes that start together one makes the key and both use it.

    Returns:
        The line's bytes, without surrounding blanks.

    Raises:
        SecretError: the file cannot be read or made, or is too short to be a secret.
    """
    try:
        if not path.exists():
            _create(path)
        secret = path.read_bytes().strip()
        _warn_if_open(path)
    except OSError as error:
        raise SecretError(f"secret key {path}: {error.strerror or error}; check the path and its rights") from error
    if len(secret) < MIN_CHARACTERS:
        raise SecretError(
            f"secret key {path}: shorter than {MIN_CHARACTERS} characters; put the file back from your backup (without it "
            "every link already mailed is dead), or delete it if no mail has gone out yet"
        )
    return secret


def load_keys(secret: bytes, link_keys_file: Path | None) -> KeyRing:
    """Return the keys that links are signed with: the secret key, and those in ``link_keys_file`` if there is one.

    The file holds a line ``NUMBER SECRET`` for each further key: 2 to 255, and at least 32 characters. Empty lines and lines
    that begin with ``#`` do not count. The last key signs; links of all the others go on working until their line is taken out.

    Raises:
        SecretError: the file cannot be read, or a line in it is wrong; the message gives its number, never its content.
    """
    keys, current = {ROOT_KEY: secret}, ROOT_KEY
    if link_keys_file is None:
        return KeyRing(keys, current)
    try:
        lines = link_keys_file.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
        _warn_if_open(link_keys_file)
    except OSError as error:
        raise SecretError(f"link keys {link_keys_file}: {error.strerror or error}; check the path and its rights") from error
    for place, line in enumerate(lines, 1):
        number, key = (*line.split(maxsplit=1), b"", b"")[:2]
        if not number or number.startswith(b"#"):
            continue
        if problem := _problem_with(number, key.rstrip(), keys):
            raise SecretError(f"link keys {link_keys_file}, line {place}: {problem}")
        current = int(number)
        keys[current] = key.rstrip()
    return KeyRing(keys, current)


def _problem_with(number: bytes, key: bytes, known: Container[int]) -> str | None:
    if not (number.isdigit() and len(number) <= 3 and ROOT_KEY < int(number) <= 255):
        return "does not begin with a number from 2 to 255 and a blank; write it like: 2 SECRET"
    if int(number) in known:
        return f"key {int(number)} is there already; give each key a number of its own"
    if len(key) < MIN_CHARACTERS:
        return f"the secret is shorter than {MIN_CHARACTERS} characters; make one with: openssl rand -hex 32"
    return None


def _warn_if_open(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        log.warning("secret.readable_by_others file=%s hint=chmod-600", path.name)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_hex(32).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was first; its key is the key
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    log.info("secret.created")
