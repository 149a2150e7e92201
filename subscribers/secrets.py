"""The secret key: made once, readable by its owner only, never overwritten."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

from subscribers.errors import SecretError

log = logging.getLogger(__name__)

#: Fewer characters than this can be guessed.
MIN_CHARACTERS = 32


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
        if path.stat().st_mode & 0o077:
            log.warning("secret.readable_by_others hint=chmod-600")
    except OSError as error:
        raise SecretError(f"secret key {path}: {error.strerror or error}; check the path and its rights") from error
    if len(secret) < MIN_CHARACTERS:
        raise SecretError(
            f"secret key {path}: shorter than {MIN_CHARACTERS} characters; put the file back from your backup (without it "
            "every link already mailed is dead), or delete it if no mail has gone out yet"
        )
    return secret


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
