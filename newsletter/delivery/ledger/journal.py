"""The side journal: results that the database could not take, kept on disk until it does.

One file a process, written ahead of need: its blocks are reserved when it is made, so that it can be written to on a full disk.
A line is a JSON object and its CRC-32. Only numbers and codes go in, no address and no text of a server.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from newsletter.delivery.model import DeliveryId, DeliveryState, Finding, Outcome, Result, SmtpReply
from newsletter.errors import NewsletterError

log = logging.getLogger(__name__)

#: Octets reserved for a process's journal: some thousand results.
RESERVED = 512 * 1024
_SUFFIX = ".journal"


class Journal(Protocol):
    """Keeps results over a crash while the database is in trouble."""

    def prepare(self) -> None:
        """Reserve the room for it, while there is any.

        Raises:
            NewsletterError: there is none, or it cannot be written to.
        """
        ...

    def append(self, results: Sequence[Result]) -> None:
        """Keep ``results`` durably.

        Raises:
            OSError: they could not be kept.
        """
        ...

    def clear(self) -> None:
        """Forget them: they are in the database."""
        ...

    def close(self) -> None:
        """End; what was not forgotten stays for :meth:`left_behind` of another."""
        ...

    def left_behind(self) -> Iterator[Sequence[Finding]]:
        """Yield what each dead process left behind; it is forgotten once the next is asked for."""
        ...


class FileJournal:
    """The journal of this process in a folder shared by all processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self._path: Path | None = None
        self._end = 0

    def prepare(self) -> None:
        try:
            self._reserve()
        except OSError as error:
            raise NewsletterError(
                f"the side journal in {self._folder} cannot be made ({error.strerror}), and nothing is sent without it; "
                "check paths.data, its rights and its disk"
            ) from error

    def _reserve(self) -> int:
        """Return the descriptor of this process's file, made if it is not there yet."""
        if self._file is not None:
            return self._file
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in itertools.count():
            path = self._folder / f"{os.getpid()}-{number}{_SUFFIX}"
            with contextlib.suppress(FileExistsError):
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                fcntl.flock(file, fcntl.LOCK_EX)
                if _is_at(path, file):
                    break
                os.close(file)  # another process took it for a dead one's before it was locked
        self._file, self._path = file, path
        os.posix_fallocate(file, 0, RESERVED)
        os.fsync(file)
        _sync_folder(self._folder)
        return file

    def append(self, results: Sequence[Result]) -> None:
        file = self._reserve()
        lines = b"".join(_to_line(result) for result in results)
        if os.pwrite(file, lines, self._end) < len(lines):
            # Beyond the reserved room on a full disk. The rest of it is no whole line, and is written over by the next.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
        self._end += len(lines)

    def clear(self) -> None:
        if self._file is not None and self._end:
            # Written over rather than cut off: the blocks stay reserved.
            os.pwrite(self._file, b"\0" * self._end, 0)
            os.fsync(self._file)
            self._end = 0

    def close(self) -> None:
        if self._file is None or self._path is None:
            return
        if not self._end:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = self._path = None
        self._end = 0

    def left_behind(self) -> Iterator[Sequence[Finding]]:
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            with _owned(path) as content:
                if content is None:
                    continue
                yield _read(content, path.name)
                path.unlink(missing_ok=True)


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _owned(path: Path) -> Iterator[bytes | None]:
    """Hold a journal that nobody else holds, and give its content; None if a living process does."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield path.read_bytes() if path.exists() else None
    finally:
        os.close(file)


def _to_line(result: Result) -> bytes:
    claim, outcome = result.claim, result.outcome
    record = {
        "delivery": claim.delivery_id,
        "epoch": claim.epoch,
        "state": outcome.state,
        "attempts": outcome.attempts,
        "reason": outcome.reason,
        "not_before": outcome.not_before.isoformat() if outcome.not_before else None,
        "code": outcome.reply.code if outcome.reply else None,
        "status": outcome.reply.status if outcome.reply else "",
        "relay": outcome.relay,
    }
    text = json.dumps(record).encode()
    return b"%b %08x\n" % (text, zlib.crc32(text))


def _read(content: bytes, name: str) -> list[Finding]:
    found = []
    # What follows the last whole line was cut short by the crash: that message is in doubt, as the database says.
    for line in content.rstrip(b"\0").split(b"\n")[:-1]:
        text, _, check = line.lstrip(b"\0").rpartition(b" ")
        try:
            found.append(_to_finding(text, check))
        except (ValueError, KeyError, TypeError) as error:
            log.error("delivery.journal_damaged file=%s error=%s", name, error)  # noqa: TRY400 - one damaged line, the rest counts
    return found


def _to_finding(text: bytes, check: bytes) -> Finding:
    if int(check, 16) != zlib.crc32(text):
        raise ValueError("the check sum does not fit")
    record = json.loads(text)
    code = record["code"]
    outcome = Outcome(
        DeliveryState(record["state"]),
        int(record["attempts"]),
        str(record["reason"]),
        datetime.fromisoformat(record["not_before"]) if record["not_before"] else None,
        None if code is None else SmtpReply(int(code), str(record["status"]), ""),
        # A line that an earlier version left behind has none.
        str(record.get("relay", "")),
    )
    return Finding(DeliveryId(record["delivery"]), int(record["epoch"]), outcome)
