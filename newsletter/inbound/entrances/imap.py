"""A mailbox on an IMAP server that mail comes to: everything in its folder is stored here, and only then moved on."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from newsletter.config import ImapConfig
from newsletter.inbound.entrances.errors import ImapError, MoveRefusedError, OversizedError, StoppedError
from newsletter.inbound.entrances.mailbox import Mailbox, Waiting
from newsletter.inbound.errors import InboundTooLarge
from newsletter.inbound.model import Arrival, Kept, Via

log = logging.getLogger(__name__)

#: Messages that are stored before they are moved together.
WINDOW = 20
#: A message at which the session broke that often is passed over, so that those behind it get their turn.
TRIES = 3
#: Longest pause between two tries to reach the server.
LONGEST_PAUSE = timedelta(minutes=10)
#: Seconds between two looks, however much the server has to tell.
BREATH = 0.2

#: UIDVALIDITY and UID: a message, as long as the server counts on.
_Key: TypeAlias = tuple[int, int]


class _Fate(StrEnum):
    NEW = "new"
    KNOWN = "known"
    TOO_LARGE = "too large"
    LEFT = "left"


_HERE = frozenset({_Fate.NEW, _Fate.KNOWN})


@dataclass(frozen=True, slots=True)
class Polled:
    """What a look at the folder found.

    Attributes:
        stored: messages that are new here.
        known: those that had come before, and were moved now.
        refused: those that are too large.
        left: those that are still in the folder: the server does not move them, or breaks off at them.
    """

    stored: int = 0
    known: int = 0
    refused: int = 0
    left: int = 0


class ImapPoller:
    """Takes the mail out of a mailbox.

    Each message of the folder is fetched without marking it as read, stored, and only when that is durable moved to the folder
    for processed ones; one that is too large is moved to the folder for refused ones. Nothing is deleted. A crash in between
    leaves a message where it was: it is fetched again and known by its content. Read or unread, flags and numbers do not
    matter; a message that is marked as deleted is left alone.

    Args:
        config: the server and its folders.
        keep: stores a mail durably.
        kept: has what was stored looked at; returns at once.
        max_bytes: largest message that is stored.
        first_pause: between the first two tries to reach the server; it doubles each time.
    """

    def __init__(
        self,
        config: ImapConfig,
        keep: Callable[[Arrival], Kept],
        *,
        kept: Callable[[], None],
        max_bytes: int,
        first_pause: timedelta = timedelta(seconds=5),
    ) -> None:
        self._config, self._keep, self._kept = config, keep, kept
        self._max_bytes, self._first_pause = max_bytes, first_pause
        self._pause, self._trouble, self._is_stuck = first_pause, "", False
        # What is known of messages that are still in the folder.
        self._stored: set[_Key] = set()
        self._oversized: set[_Key] = set()
        self._broken: Counter[_Key] = Counter()

    def once(self) -> Polled:
        """Look into the folder once.

        Raises:
            ImapError: the server cannot be asked, or not to the end. What was stored by then is stored.
            ConfigError: the password's file cannot be read.
        """
        with Mailbox(self._config, self._max_bytes, threading.Event()) as mailbox:
            return self._look(mailbox)

    def run(self, stop: threading.Event) -> None:
        """Look into the folder whenever something comes, until told to stop; that takes a second or two.

        The server says when (IDLE); where it cannot, there is a look every ``look_every``. Whatever goes wrong is logged once,
        and tried again later and later.
        """
        while not stop.is_set():
            pause = self._config.look_every
            try:
                self._serve(stop)
            except StoppedError:
                return
            except Exception as error:  # whatever it is: the mail is still there, and so must be who asks for it
                pause = self._note_trouble(error)
            stop.wait(pause.total_seconds())

    def _serve(self, stop: threading.Event) -> None:
        """Look again and again, as long as the server says when."""
        with Mailbox(self._config, self._max_bytes, stop) as mailbox:
            while True:
                self._look(mailbox)
                if self._trouble:
                    self._trouble, self._pause = "", self._first_pause
                    log.info("inbound.imap_well_again")
                if not mailbox.wait(self._config.idle.total_seconds()) or stop.wait(BREATH):
                    return

    def _note_trouble(self, error: Exception) -> timedelta:
        """Return how long to wait before the next try."""
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        # Texts of errors may hold an address, or what the server said.
        problem = error.problem if isinstance(error, ImapError) else type(error).__name__
        if problem != self._trouble:
            log.warning("inbound.imap_trouble problem=%r hint=newsletter-inbound-poll-says-more", problem)
            self._trouble = problem
        return pause

    def _look(self, mailbox: Mailbox) -> Polled:
        there, validity = mailbox.select()
        if not validity:  # without it numbers may mean other messages than the last time
            self._forget()
        counts: Counter[_Fate] = Counter()
        passed = moved = 0
        while passed < there - moved:
            asked = min(WINDOW, there - moved - passed)
            fates = {
                (validity, each.uid): self._take(mailbox, each, (validity, each.uid))
                for each in mailbox.waiting(passed + 1, passed + asked)
            }
            counts.update(fates.values())
            if _Fate.NEW in fates.values():
                self._kept()
            gone = self._move(mailbox.move_processed, [key for key, fate in fates.items() if fate in _HERE])
            gone += self._move(mailbox.move_refused, [key for key, fate in fates.items() if fate is _Fate.TOO_LARGE])
            counts[_Fate.LEFT] += sum(fate is not _Fate.LEFT for fate in fates.values()) - gone
            gone = gone if mailbox.is_emptied else 0
            moved += gone
            passed += asked - gone
        return Polled(counts[_Fate.NEW], counts[_Fate.KNOWN], counts[_Fate.TOO_LARGE], counts[_Fate.LEFT])

    def _take(self, mailbox: Mailbox, waiting: Waiting, key: _Key) -> _Fate:
        if key in self._stored:
            return _Fate.KNOWN
        if waiting.size > self._max_bytes or key in self._oversized:
            return _Fate.TOO_LARGE
        if self._broken[key] >= TRIES:
            return _Fate.LEFT
        try:
            raw = mailbox.fetch(waiting.uid)
        except OversizedError:
            self._oversized.add(key)
            raise
        except ImapError:
            self._broken[key] += 1
            if self._broken[key] == TRIES:
                log.warning("inbound.imap_passed_over uid=%d", waiting.uid)
            raise
        self._broken.pop(key, None)
        if raw is None:
            return _Fate.LEFT
        if len(raw) > self._max_bytes:
            return _Fate.TOO_LARGE
        try:
            kept = self._keep(Arrival(raw, Via.IMAP))
        except InboundTooLarge:
            return _Fate.TOO_LARGE
        return _Fate.NEW if kept.is_new else _Fate.KNOWN

    def _forget(self) -> None:
        self._stored.clear()
        self._oversized.clear()
        self._broken.clear()

    def _move(self, move: Callable[[list[int]], None], keys: list[_Key]) -> int:
        """Return how many were moved: all, or none."""
        if not keys:
            return 0
        try:
            move([uid for _, uid in keys])
        except MoveRefusedError:
            if not self._is_stuck:
                log.warning("inbound.imap_not_moved messages=%d hint=check-quota-and-folders", len(keys))
            self._is_stuck = True
            # They need not be fetched again, only moved.
            self._stored.update(keys)
            return 0
        self._is_stuck = False
        self._stored.difference_update(keys)
        self._oversized.difference_update(keys)
        return len(keys)
