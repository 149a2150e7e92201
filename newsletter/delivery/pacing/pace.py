"""How fast may be sent: token buckets and a day's counts in the table ``pace``, shared by all senders of one database."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from newsletter.config import DeliveryConfig, RelayConfig
from newsletter.database import lock
from newsletter.delivery.tables import PaceRow
from subscribers.dialect import insert_new

#: Name of the limit of everything that is sent.
ALL = "all"
#: Clocks of several machines may differ by so much: an earlier instant is then no sign that a clock was set back.
SKEW = timedelta(minutes=1)
#: Seconds after which a bucket that did not give all that was wanted is asked again, or up to a second if a token takes longer.
ASK_EVERY = 0.25
#: Seconds between two looks at a purse in which nothing is missing.
IDLE = 0.02
#: Seconds after which a name whose day was used up is asked for again, as the day may have ended.
ASK_AGAIN_AFTER = 60.0
#: Most that is drawn at a time where only the day is limited.
MOST_AT_ONCE = 500
#: Parts of a token; adding them up must not cost a whole one.
_ROUNDING = 1e-9
_HELD = select(PaceRow.name, PaceRow.tokens, PaceRow.refilled_at, PaceRow.day, PaceRow.used).where(
    PaceRow.name.in_(bindparam("wanted", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Limit:
    """Most messages a second and a day (UTC) under ``name``; 0 means no such limit."""

    name: str
    per_second: float = 0.0
    per_day: int = 0

    @property
    def capacity(self) -> float:
        """Tokens a full bucket holds: one second's worth beside the one that a message needs.

        So nothing spills over while it is asked once a second, even where a token takes longer.
        """
        return 1.0 + self.per_second


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left: ``tokens`` at ``refilled_at`` (aware UTC), and ``used`` messages on the UTC date ``day``."""

    tokens: float
    refilled_at: datetime
    day: date
    used: int


def limits_of(config: DeliveryConfig, relays: Mapping[str, RelayConfig], *, today: date) -> dict[str, Limit]:
    """Return what limits sending on a day, by name: ``all``, ``relay:NAME``, ``domain:GROUP``; only what is limited.

    Args:
        config: rates, groups and the warm-up plan. On a day of the plan the lower of its allowance and ``per_day`` counts,
            before its first day and after its last one ``per_day`` alone.
        relays: by name, the one of ``[smtp]`` too.
        today: UTC date.
    """
    limits = [Limit(ALL, config.per_second, _allowance(config, today))]
    limits += [Limit(f"relay:{name}", relay.per_second, relay.per_day) for name, relay in relays.items()]
    limits += [Limit(f"domain:{name}", group.per_second, group.per_day) for name, group in config.domains.items()]
    return {limit.name: limit for limit in limits if limit.per_second or limit.per_day}


def full(limit: Limit, *, now: datetime) -> Bucket:
    """Return the bucket of a limit that nothing was drawn from yet; ``now`` is aware."""
    return Bucket(limit.capacity, now, now.astimezone(UTC).date(), 0)


def refill(bucket: Bucket, limit: Limit, *, now: datetime) -> Bucket:
    """Return a bucket as it stands at ``now`` (aware).

    A clock that went back brings nothing, neither tokens nor a new day. If it went back by more than :data:`SKEW`, filling
    begins anew from there, and if by more than a day, so does counting: the later instant was wrong, and waiting for it would
    stop all sending.
    """
    tokens, at = bucket.tokens, bucket.refilled_at
    if now > at:
        tokens, at = tokens + (now - at).total_seconds() * limit.per_second, now
    elif at - now > SKEW:
        at = now
    today = now.astimezone(UTC).date()
    day, used = bucket.day, bucket.used
    if today > day:
        day, used = today, 0
    elif day - today > timedelta(days=1):
        day = today
    return Bucket(min(limit.capacity, tokens), at, day, used)


def take(bucket: Bucket, limit: Limit, wanted: int, *, now: datetime) -> tuple[int, Bucket]:
    """Take up to ``wanted`` whole tokens.

    Returns:
        How many there were to take, and what is left.
    """
    filled = refill(bucket, limit, now=now)
    granted = wanted
    if limit.per_second:
        granted = min(granted, int(filled.tokens + _ROUNDING))
    if limit.per_day:
        granted = min(granted, limit.per_day - filled.used)
    granted = max(0, granted)
    left = max(0.0, filled.tokens - granted) if limit.per_second else filled.tokens
    return granted, replace(filled, tokens=left, used=filled.used + granted)


def put_back(bucket: Bucket, limit: Limit, unspent: int, *, now: datetime) -> Bucket:
    """Return a bucket with tokens that were taken from it and not needed; it holds no more than when it is full."""
    filled = refill(bucket, limit, now=now)
    # What was drawn yesterday does not count today, so there is nothing to take off.
    used = max(0, filled.used - unspent) if filled.day == bucket.day else filled.used
    return replace(filled, tokens=min(limit.capacity, filled.tokens + unspent), used=used)


class PaceStore:
    """The buckets of all senders. Any number of processes may draw at once: each waits for the others' transactions.

    A sender that dies takes what it drew with it: at most about a second's worth is then not sent. Takes a session that writes,
    never commits. ``now`` should come from clocks that agree within :data:`SKEW`; where they do not, senders whose clock is
    behind get less.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def draw(self, limits: Mapping[str, Limit], wanted: Mapping[str, int], *, now: datetime) -> dict[str, int]:
        """Take tokens.

        Args:
            limits: by name, see :func:`limits_of`.
            wanted: how many, by name; names without a limit are left out.
            now: aware UTC.

        Returns:
            How many were granted, by name, 0 to as many as wanted. A name whose day is used up is left out: only another day
            helps.
        """
        granted = {}
        buckets = self._hold(limits, wanted)
        for name, bucket in buckets.items():
            limit = limits[name]
            count, after = take(bucket or full(limit, now=now), limit, wanted[name], now=now)
            buckets[name] = after
            if count or not limit.per_day or after.used < limit.per_day:
                granted[name] = count
        self._keep(buckets)
        return granted

    def give_back(self, limits: Mapping[str, Limit], unspent: Mapping[str, int], *, now: datetime) -> None:
        """Put back tokens that were drawn and not needed, by name; ``now`` is aware UTC.

        What was drawn before midnight (UTC) and comes back after others drew on the new day is taken off the new day's count.
        """
        buckets = self._hold(limits, {name: count for name, count in unspent.items() if count})
        kept = {
            name: put_back(bucket, limits[name], unspent[name], now=now)
            for name, bucket in buckets.items()
            if bucket is not None
        }
        self._keep(kept)

    def used_today(self, now: datetime) -> dict[str, int]:
        """Return how many messages were granted on the day (UTC) of ``now`` (aware), by the name of their limit."""
        # A day that a clock ahead of ours has begun already counts for ours, as it does in a draw.
        today = now.astimezone(UTC).date().isoformat()
        rows = self._session.execute(select(PaceRow.name, PaceRow.used).where(PaceRow.day >= today).order_by(PaceRow.name))
        return {name: used for name, used in rows if used}

    def _hold(self, limits: Mapping[str, Limit], names: Mapping[str, int]) -> dict[str, Bucket | None]:
        """Read buckets, None where there is none yet; until the transaction ends nobody else does."""
        lock(self._session, "pace")
        wanted = sorted(name for name in names if name in limits)
        rows = self._session.connection().execute(_HELD, {"wanted": wanted})
        found = {row.name: Bucket(row.tokens, row.refilled_at, date.fromisoformat(row.day), row.used) for row in rows}
        return {name: found.get(name) for name in wanted}

    def _keep(self, buckets: Mapping[str, Bucket | None]) -> None:
        rows = [
            {
                "name": name,
                "tokens": bucket.tokens,
                "refilled_at": bucket.refilled_at,
                "day": bucket.day.isoformat(),
                "used": bucket.used,
            }
            for name, bucket in buckets.items()
            if bucket is not None
        ]
        if rows:
            insert = insert_new(self._session, PaceRow)
            kept = {name: insert.excluded[name] for name in ("tokens", "refilled_at", "day", "used")}
            self._session.connection().execute(insert.on_conflict_do_update(index_elements=["name"], set_=kept), rows)


class Purse:
    """The tokens one sending run has drawn and not spent. No database, no clock, no threads.

    A run spends from it before each message; when that fails it draws what :meth:`wanted` says from the :class:`PaceStore`,
    fills it in, and asks :meth:`next_look` when to draw again. At its end it gives back what :meth:`empty` returns.
    """

    def __init__(self, limits: Mapping[str, Limit]) -> None:
        """Make an empty purse for ``limits``, see :func:`limits_of`."""
        self._limits = dict(limits)
        self._tokens = dict.fromkeys(limits, 0)
        self._by_relay: dict[str, tuple[str, ...]] = {}
        self._by_group = {name.removeprefix("domain:"): name for name in limits if name.startswith("domain:")}
        self._asked: set[str] = set()
        self._drawn: dict[str, int] = {}
        self._ready_at: dict[str, float] = {}
        self._used_up_at: dict[str, float] = {}

    @property
    def limits(self) -> Mapping[str, Limit]:
        """The limits it is for, by name."""
        return self._limits

    @property
    def used_up(self) -> frozenset[str]:
        """Names whose day was found used up in the last minute: what needs them may as well be left to another day."""
        return frozenset(self._used_up_at)

    @property
    def is_unlimited(self) -> bool:
        """Whether nothing is limited: :meth:`spend` then always succeeds and need not be called."""
        return not self._limits

    def spend(self, relay: str, group: str) -> bool:
        """Take the tokens of one message: one of each limit it falls under, or none at all.

        Args:
            relay: name of the relay it goes to.
            group: receiving group, see ``Destinations.group_of``.

        Returns:
            False if one is missing, which is then asked for.
        """
        names = self._concerned(relay, group)
        tokens = self._tokens
        for name in names:
            if not tokens[name]:
                self._ask(names)
                return False
        for name in names:
            tokens[name] -= 1
        return True

    def refund(self, relay: str, group: str) -> None:
        """Take back the tokens of a message that was not sent after all."""
        for name in self._concerned(relay, group):
            self._tokens[name] += 1

    def blocked(self, relay: str, group: str) -> str:
        """Return the name of the limit that stops a message, one whose day is used up first; empty if none does."""
        dry = [name for name in self._concerned(relay, group) if not self._tokens[name]]
        return next((name for name in dry if name in self._used_up_at), dry[0] if dry else "")

    def wanted(self, backlog: Mapping[str, int] | None = None) -> dict[str, int]:
        """Return what to draw next, by name: of what was missing, about one second's worth.

        Args:
            backlog: how many messages wait, by name; no more is drawn than that. At least one token of each is.
        """
        known = backlog or {}
        self._drawn = {}
        for name in sorted(self._asked):
            worth = _worth(self._limits[name])
            self._drawn[name] = max(1, min(worth, known.get(name, worth)))
        return dict(self._drawn)

    def fill(self, granted: Mapping[str, int], at: float) -> None:
        """Put in what was drawn.

        Args:
            granted: answer of :meth:`PaceStore.draw` to what :meth:`wanted` returned last.
            at: now, in seconds of any clock that does not go back.
        """
        self._forget_used_up(at)
        for name, wanted in self._drawn.items():
            if name not in granted:
                self._used_up_at[name] = at
                self._asked.discard(name)
                continue
            count = granted[name]
            self._tokens[name] += count
            if count:
                self._asked.discard(name)
            rate = self._limits[name].per_second
            self._ready_at[name] = at + (max(ASK_EVERY, min(1 / rate, 1.0)) if rate and count < wanted else 0.0)
        self._drawn = {}

    def next_look(self, at: float) -> float:
        """Return the seconds until it is time to look at :meth:`wanted` again.

        Infinite if nothing more can be sent today, as the day is used up for all or on every relay; a group whose day is used
        up stops only itself. A name that is used up is asked for again after a minute, as midnight may have passed.
        """
        self._forget_used_up(at)
        if self._asked:
            return max(0.0, min(self._ready_at.get(name, at) for name in self._asked) - at)
        relays = {name for name in self._limits if name.startswith("relay:")} | {f"relay:{relay}" for relay in self._by_relay}
        is_over = ALL in self._used_up_at or (relays and all(name in self._used_up_at for name in relays))
        return math.inf if is_over else IDLE

    def empty(self) -> dict[str, int]:
        """Take out all that is left, by name, for :meth:`PaceStore.give_back`."""
        left = {name: count for name, count in self._tokens.items() if count}
        self._tokens = dict.fromkeys(self._tokens, 0)
        return left

    def _concerned(self, relay: str, group: str) -> tuple[str, ...]:
        names = self._by_relay.get(relay)
        if names is None:
            names = self._by_relay[relay] = tuple(name for name in (ALL, f"relay:{relay}") if name in self._limits)
        of_group = self._by_group.get(group)
        return names if of_group is None else (*names, of_group)

    def _ask(self, names: tuple[str, ...]) -> None:
        dry = [name for name in names if not self._tokens[name]]
        # The others' tokens would only lie here while somebody else could use them.
        if not any(name in self._used_up_at for name in dry):
            self._asked.update(dry)

    def _forget_used_up(self, at: float) -> None:
        for name in [name for name, since in self._used_up_at.items() if at - since >= ASK_AGAIN_AFTER]:
            del self._used_up_at[name]


def _allowance(config: DeliveryConfig, today: date) -> int:
    if config.warm_up_from is None:
        return config.per_day
    place = (today - config.warm_up_from).days
    if not 0 <= place < len(config.warm_up):
        return config.per_day
    return min(config.warm_up[place], config.per_day or config.warm_up[place])


def _worth(limit: Limit) -> int:
    if limit.per_second:
        return math.ceil(limit.per_second)
    return max(1, min(MOST_AT_ONCE, limit.per_day // 100))
