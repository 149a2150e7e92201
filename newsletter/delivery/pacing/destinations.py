"""Who receives, in groups of domains, and how many connections each group may keep busy: one that is slow slows only itself."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping

import idna

from newsletter.config import DomainConfig

#: Seconds within which a message should end, unless all take longer.
SLOW_AFTER = 2.0
#: So many times as long as usual is slow, too: a server that is slow to everybody is no reason to wait for anybody.
TIMES_AS_USUAL = 4.0
#: Weight of the latest message in what is usual.
_LATEST = 1 / 8
_NEVER = float("-inf")
#: Groups and domains that are remembered; beyond that those with nothing running are forgotten.
MOST_REMEMBERED = 20_000

#: Domains of one provider that share its servers, and its opinion of us.
WELL_KNOWN: Mapping[str, tuple[str, ...]] = {
    "google": ("gmail.com", "googlemail.com"),
    "microsoft": (
        *("outlook.com", "hotmail.com", "live.com", "msn.com", "passport.com", "windowslive.com"),
        *("outlook.com.br", "outlook.de", "outlook.es", "outlook.fr", "outlook.it", "outlook.jp"),
        *("hotmail.co.jp", "hotmail.co.uk", "hotmail.com.br", "hotmail.de", "hotmail.es", "hotmail.fr", "hotmail.it"),
        *("live.ca", "live.cn", "live.co.uk", "live.com.au", "live.de", "live.fr", "live.it", "live.jp", "live.nl", "live.se"),
    ),
    "yahoo": (
        *("yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "aim.com", "aol.co.uk", "aol.de", "aol.fr"),
        *("yahoo.ca", "yahoo.de", "yahoo.es", "yahoo.fr", "yahoo.in", "yahoo.it", "yahoo.co.id", "yahoo.co.in", "yahoo.co.uk"),
        *("yahoo.com.ar", "yahoo.com.au", "yahoo.com.br", "yahoo.com.mx"),
    ),
    "apple": ("icloud.com", "me.com", "mac.com"),
    "proton": ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
    "fastmail": ("fastmail.com", "fastmail.fm"),
    "gmx": ("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "web.de"),
    "zoho": ("zoho.com", "zohomail.com", "zoho.eu", "zoho.in"),
    "yandex": ("yandex.ru", "yandex.com", "ya.ru"),
    "mailru": ("mail.ru", "inbox.ru", "list.ru", "bk.ru", "internet.ru"),
    "tencent": ("qq.com", "foxmail.com", "vip.qq.com"),
    "netease": ("163.com", "126.com", "yeah.net"),
}


class Destinations:
    """Congestion windows of receiving groups, for the connections of one sending run.

    A group's window is how many messages to it may run at a time. It begins small, grows by one with each message that ended
    quickly (so it doubles with each round, like TCP's slow start), and is halved by one that took long or broke off. A group
    that lets messages wait and answers none counts as slow at once, before any of them has ended; it is then tried with one
    more only now and then. So a tarpit holds few connections, and a group that answers soon has nearly all of them, or all
    while there are no others: an eighth is kept from it else, as any group may turn into a tarpit.

    Instants are seconds of any one clock that does not go back, like the event loop's. A call costs a microsecond or two.
    """

    def __init__(self, groups: Mapping[str, DomainConfig], *, connections: int) -> None:
        """Make windows.

        Args:
            groups: configured groups by name. A domain in two of them belongs to the first. One called like a group of
                :data:`WELL_KNOWN` has its domains as well.
            connections: how many there are in all, at least 1; no window grows beyond.

        Raises:
            ValueError: there is no connection.
        """
        if connections < 1:
            raise ValueError(f"at least one connection is needed, not {connections}")
        self._connections = connections
        self._many = max(1, connections // 4)
        self._most_slow = max(1, connections // 8)
        self._most_of_one = connections - (connections + 4) // 8
        self._caps = {name: min(group.connections or connections, connections) for name, group in groups.items()}
        self._named = {domain: name for name, domains in WELL_KNOWN.items() for domain in domains}
        for name, group in reversed(list(groups.items())):
            self._named.update((_ascii(domain), name) for domain in group.domains)
        self._group_by_domain: dict[str, str] = {}
        self._groups: dict[str, _Group] = {}
        self._usual: float | None = None
        self._slow_after = SLOW_AFTER
        self._learns_slow_at = _NEVER
        self._at = _NEVER
        self._heard_at = _NEVER
        self._latest: _Group | None = None
        self._latest_at = self._other_at = _NEVER

    def group_of(self, address: str) -> str:
        """Return the group of an address: the configured one, a well-known one, or its domain in lower case (A-labels)."""
        domain = address.rpartition("@")[2]
        group = self._group_by_domain.get(domain)
        if group is None:
            if len(self._group_by_domain) >= MOST_REMEMBERED:
                self._group_by_domain.clear()
            plain = _ascii(domain)
            group = self._group_by_domain[domain] = self._named.get(plain, plain)
        return group

    def may_start(self, group: str, at: float | None = None, *, instead: bool = False) -> bool:
        """Whether one more message to ``group`` may run.

        Args:
            group: see :meth:`group_of`.
            at: now; by default the last instant that was named, which comes to the same as long as messages start and end.
            instead: it takes the place of another to the same group that is about to end.
        """
        if at is not None and at > self._at:
            self._at = at
        state = self._groups.get(group)
        if state is None or not state.starts:
            return True
        running = len(state.starts) - instead
        long_ago = self._at - self._slow_after
        if not self._is_slow(state, long_ago):
            others_at = self._other_at if state is self._latest else self._latest_at
            return running < (state.window if others_at < long_ago else min(state.window, self._most_of_one))
        # Tried with one more from time to time, so that one message that hangs is not taken for its whole group for ever.
        # While others are answered they keep their connections; if nobody is, there is nobody to keep them for.
        most = state.cap if self._heard_at < long_ago else min(state.cap, self._most_slow)
        return running < most and state.starts[-1] < long_ago

    def is_slow(self, group: str, at: float) -> bool:
        """Whether ``group`` lets its messages wait, so that it has few connections for now."""
        state = self._groups.get(group)
        return state is not None and bool(state.starts) and self._is_slow(state, at - self._slow_after)

    def started(self, group: str, at: float) -> None:
        """Note that a message to ``group`` runs from ``at`` on."""
        self._at = max(self._at, at)
        state = self._state(group)
        insort(state.starts, at)
        if state is not self._latest:
            self._latest, self._other_at = state, self._latest_at
        self._latest_at = at

    def ended(self, group: str, at: float, *, took: float, was_quick: bool | None) -> None:
        """Note that a message to ``group`` runs no more, and learn from it.

        Args:
            group: as given to :meth:`started`.
            at: now.
            took: seconds since it was started.
            was_quick: True if it was answered, whatever the answer; ``took`` then says whether that was soon. False if it broke
                off, or the receiver asked for less. None if it was not tried, which teaches nothing.
        """
        self._at = max(self._at, at)
        state = self._state(group)
        if state.starts:
            del state.starts[_nearest(state.starts, at - took)]
        if was_quick is None:
            return
        # Compared with what was usual before it; the very first has nothing to be compared with.
        is_slow = took > self._slow_after
        if is_slow or not was_quick:
            state.window = max(1, state.window // 2)
        else:
            state.heard_at = self._heard_at = at
            if state.window < state.cap:
                state.window += 1
        if was_quick:
            self._learn(took, at, is_slow=is_slow)

    def _learn(self, took: float, at: float, *, is_slow: bool) -> None:
        """Take a message into what is usual."""
        if is_slow:
            # What hung together ends together: were each of them to count, a tarpit would become the usual.
            if at < self._learns_slow_at:
                return
            self._learns_slow_at = at + SLOW_AFTER
        self._usual = took if self._usual is None else self._usual + (took - self._usual) * _LATEST
        self._slow_after = max(SLOW_AFTER, TIMES_AS_USUAL * self._usual)

    def _is_slow(self, state: _Group, long_ago: float) -> bool:
        if state.starts[0] >= long_ago:
            return False
        # One message that hangs says little while others to the same group are answered, but many of them would be too much.
        return state.heard_at < long_ago or (len(state.starts) > self._many and state.starts[self._many] < long_ago)

    def _state(self, group: str) -> _Group:
        state = self._groups.get(group)
        if state is None:
            if len(self._groups) >= MOST_REMEMBERED:
                self._groups = {name: known for name, known in self._groups.items() if known.starts}
            cap = self._caps.get(group, self._connections)
            state = self._groups[group] = _Group(cap, min(cap, max(1, min(2, self._connections // 2))))
        return state


class _Group:
    """What is known of a group: ``starts`` of its running messages, ascending; ``heard_at``, when one last ended quickly."""

    __slots__ = ("cap", "heard_at", "starts", "window")

    def __init__(self, cap: int, window: int) -> None:
        self.cap = cap
        self.window = window
        self.starts: list[float] = []
        self.heard_at = _NEVER


def _nearest(ascending: list[float], value: float) -> int:
    # A start that was worked out from a duration may be off by a rounding.
    place = bisect_left(ascending, value)
    if place == len(ascending) or (place and value - ascending[place - 1] < ascending[place] - value):
        return place - 1
    return place


def _ascii(domain: str) -> str:
    lower = domain.lower()
    if lower.isascii():
        return lower
    try:
        return idna.encode(lower, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return lower  # the envelope will refuse it; here it only needs a name
