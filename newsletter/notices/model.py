"""What is known of a notice while it is being sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from newsletter.digest.model import DigestId
from subscribers.model import NoticeKind, Subscriber

NoticeId = NewType("NoticeId", int)


class DropReason(StrEnum):
    """Why a notice is not sent after all. ``MOOT``: what it was about was answered, taken back, or is too long ago."""

    MOOT = "moot"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class NoticeClaim:
    """A notice that this process may send, as long as ``epoch`` is still the row's.

    Attributes:
        subscriber: whom it is about, as they stand now; None for somebody who is no subscriber.
        address: where it goes.
        newsletter, reference, client, details: as in :class:`subscribers.model.Notice`.
        digest_id: the papers that were chosen for a welcome; None before that, and for other kinds.
        attempts: tries that count against it so far.
        epoch: fencing number of the claim.
        dated_at: when it was queued; its Date header, so that a repeat is byte-identical.
        doubted: an earlier message of it may have arrived.
        content: the message as it may have left before, with ``envelope_from``, or as whoever asked for it made it; None if it
            is to be made.
    """

    notice_id: NoticeId
    kind: NoticeKind
    subscriber: Subscriber | None
    address: str
    newsletter: str
    reference: int
    client: str
    digest_id: DigestId | None
    attempts: int
    epoch: int
    dated_at: datetime
    doubted: bool = False
    content: bytes | None = None
    envelope_from: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What the log calls it."""
        return f"notice={self.notice_id}"


@dataclass(frozen=True, slots=True)
class NoticeReport:
    """What a run did, counted once durable.

    ``problem`` says why the run ended before all was tried, and what to do; empty if it did not.
    """

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    in_doubt: int = 0
    skipped: int = 0
    problem: str = ""
