"""What one source measured for one paper, packed into one value. Pure.

A snapshot is 16 bytes, little-endian: its instant in seconds since 1970 (unsigned, up to the year 2106), then votes, comments
and stars (signed, -1: not measured). Snapshots ascend by their instants, and no two share one. One row for all of them instead
of one for each, because a ranking reads all of thousands of papers, and every row costs room and time of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from newsletter.papers.model import Signal

SNAPSHOT = struct.Struct("<Iiii")
#: The same for numpy, which is not loaded here as most commands do without.
DTYPE = [("at", "<u4"), ("votes", "<i4"), ("comments", "<i4"), ("stars", "<i4")]
NOT_MEASURED = -1


class Series(NamedTuple):
    """All that a source measured for a paper."""

    paper_seq: int
    source: str
    snapshots: bytes


def united(known: bytes, given: Iterable[Signal]) -> bytes:
    """Return the series ``known`` with the snapshots ``given`` (cleaned) in their places.

    Of two at the same second the known one stays, and of two given ones the first: the same again changes nothing.
    """
    fresh: dict[int, bytes] = {}
    for signal in given:
        at = int(signal.observed_at.timestamp())
        figures = (NOT_MEASURED if value is None else value for value in (signal.votes, signal.comments, signal.stars))
        fresh.setdefault(at, SNAPSHOT.pack(at, *figures))
    last = SNAPSHOT.unpack_from(known, len(known) - SNAPSHOT.size)[0] if known else -1
    if any(at <= last for at in fresh):
        fresh |= {
            SNAPSHOT.unpack_from(known, start)[0]: known[start : start + SNAPSHOT.size]
            for start in range(0, len(known), SNAPSHOT.size)
        }
        known = b""
    return known + b"".join(fresh[at] for at in sorted(fresh))


def unpacked(series: bytes, *, source: str, until: datetime | None = None) -> list[Signal]:
    """Return a series' snapshots, ascending by their instants, up to and at ``until`` (aware); None returns all."""
    end = None if until is None else until.timestamp()
    return [
        Signal(
            source,
            datetime.fromtimestamp(at, UTC),
            *(None if value == NOT_MEASURED else value for value in figures),
        )
        for at, *figures in SNAPSHOT.iter_unpack(series)
        if end is None or at <= end
    ]
