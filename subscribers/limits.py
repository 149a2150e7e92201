"""How much strangers can make us do: budgets for sign-ups (token buckets), and the mails one mailbox gets without answering."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, bindparam, case, delete, literal, select, text, update
from sqlalchemy.orm import Session

from subscribers.address import Address
from subscribers.base import UtcDateTime
from subscribers.dialect import as_list, elements, insert_new
from subscribers.model import SignUpLimits, Verdict
from subscribers.suppression import Hasher
from subscribers.tables import AllowanceRow, MailLimitRow

#: A bucket holds what an hour brings: after that time it is full again, whatever was taken.
REFILL = timedelta(hours=1)
#: Names of the budgets everybody shares: on the page, and by mail, which costs a sender of forged mails next to nothing.
TOTAL, TOTAL_BY_MAIL = "total", "total mail"
_UNKNOWN = "unknown"
#: Begins the name of whoever signs up by mail.
BY_MAIL = "mail "
#: Keeps SQLite's parser from taking ON CONFLICT behind an INSERT … SELECT for a join's condition.
_ALWAYS = text("true")
#: Parts of a token; adding them up must not cost a whole one.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left in a token bucket at an instant (aware UTC)."""

    tokens: float
    at: datetime


def refill(left: Allowance, *, per_hour: int, now: datetime) -> Allowance:
    """Return the bucket as it stands at ``now``: it fills evenly, up to what an hour brings.

    A clock that stepped back brings nothing, and the later instant stays: no span of time is ever counted twice.
    """
    passed = max(now - left.at, timedelta())
    return Allowance(min(float(per_hour), left.tokens + per_hour * (passed / REFILL)), max(now, left.at))


def take(left: Allowance, wanted: int, *, per_hour: int, now: datetime) -> tuple[int, Allowance]:
    """Take up to ``wanted`` whole tokens out of a bucket.

    Returns:
        How many there were to take, and what is left.
    """
    filled = refill(left, per_hour=per_hour, now=now)
    granted = min(wanted, int(filled.tokens + _ROUNDING))
    return granted, Allowance(max(0.0, filled.tokens - granted), filled.at)


def share_out(
    left: Mapping[str, Allowance], drawn: Sequence[tuple[str, str]], *, limits: SignUpLimits, now: datetime
) -> tuple[list[Verdict], dict[str, Allowance]]:
    """Decide which sign-ups are taken: one token each from their network and, if it has one, from their total.

    Args:
        left: bucket by name: of every network, and of the totals.
        drawn: names of the network and of the total of each sign-up, in the order they came.
        limits: how much a bucket holds.
        now: aware UTC.

    Returns:
        What becomes of each, and the buckets afterwards. A sign-up that is not taken costs nobody anything.
    """
    after = dict(left)
    verdicts: list[Verdict] = []
    for network, total in drawn:
        granted, network_left = take(after[network], 1, per_hour=limits.network_per_hour, now=now)
        if not granted:
            verdicts.append(Verdict.NETWORK_BUSY)
            continue
        granted, total_left = take(after[total], 1, per_hour=limits.total_per_hour, now=now)
        if not granted:
            verdicts.append(Verdict.ALL_BUSY)
            continue
        after[network], after[total] = network_left, total_left
        verdicts.append(Verdict.TAKEN)
    return verdicts, after


def network_of(client: str) -> str:
    """Return the network somebody is counted with: IPv4 /24, IPv6 /64; one of its own for all whose address is unknown.

    An IPv4 address written as IPv6 (``::ffff:192.0.2.1``) counts as what it is. A sign-up by mail, ``mail ADDRESS``, is counted
    by the address it is for, as nothing else about it is sure.
    """
    if client.startswith(BY_MAIL):
        return client
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return _UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return f"{ipaddress.IPv6Address(int(address) >> 64 << 64)}/64"
        address = address.ipv4_mapped
    return f"{ipaddress.IPv4Address(int(address) >> 8 << 8)}/24"


def total_of(client: str) -> str:
    """Return the name of the budget that somebody shares with all others."""
    return TOTAL_BY_MAIL if client.startswith(BY_MAIL) else TOTAL


def mailbox_of(address: Address) -> str:
    """Return one key for all ways to write one mailbox that are cheap to invent; for limits only, never to write to.

    What follows a plus sign in the local part goes, and for Gmail the dots, which it does not look at.
    """
    local, _, domain = address.key.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in {"gmail.com", "googlemail.com"}:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


class LimitStore:
    """The tables of budgets and of unanswered mails. Networks and mailboxes are kept as keyed hashes.

    Takes a session, never commits.
    """

    def __init__(self, session: Session, hasher: Hasher) -> None:
        self._session = session
        self._hash = hasher

    def network_name(self, client: str) -> str:
        """Return the name a client's network is kept under."""
        return self._hash(f"network {network_of(client)}")

    def admit(self, clients: Sequence[str], *, limits: SignUpLimits, now: datetime) -> list[Verdict]:
        """Decide which sign-ups are taken, and take them off the budgets: two statements, however many there are.

        Several processes may do so at once: each holds the buckets it needs, taken in one order, until its transaction ends.

        Args:
            clients: address of each sender, in the order they came.
            limits: how much a bucket holds.
            now: aware UTC.
        """
        if not clients:
            return []
        names = {client: (self.network_name(client), total_of(client)) for client in set(clients)}
        left = self._hold({name for drawn in names.values() for name in drawn}, limits, now)
        verdicts, after = share_out(left, [names[client] for client in clients], limits=limits, now=now)
        self._keep({name: allowance for name, allowance in after.items() if allowance != left[name]})
        return verdicts

    def may_mail(self, address: Address, *, limits: SignUpLimits, now: datetime) -> bool:
        """Count a mail to a mailbox if one may go there now; False if none may. Two who ask at once get one yes."""
        first = insert_new(self._session, MailLimitRow).values(
            address_hash=self._mailbox_hash(address), unanswered=1, mailed_at=now
        )
        counted = first.on_conflict_do_update(
            index_elements=[MailLimitRow.address_hash],
            set_={"unanswered": MailLimitRow.unanswered + 1, "mailed_at": now},
            where=(MailLimitRow.unanswered < limits.unanswered) & (MailLimitRow.mailed_at <= now - limits.mail_every),
        )
        return self._session.scalar(counted.returning(MailLimitRow.address_hash)) is not None

    def is_unanswered(self, address: Address) -> bool:
        """Whether a mail went to that mailbox that nobody answered yet."""
        return self._session.get(MailLimitRow, self._mailbox_hash(address)) is not None

    def answered(self, address: Address) -> None:
        """Somebody at that mailbox did what a mail asked for: it may be written to again at once."""
        self._session.execute(delete(MailLimitRow).where(MailLimitRow.address_hash == self._mailbox_hash(address)))

    def _mailbox_hash(self, address: Address) -> str:
        return self._hash(f"mailbox {mailbox_of(address)}")

    def _hold(self, names: Iterable[str], limits: SignUpLimits, now: datetime) -> dict[str, Allowance]:
        """Return the buckets, new ones full, and hold off others: in one order, so that nobody waits in a ring."""
        asked, name = elements(self._session, as_list(names), String(80))
        size = case((name.in_((TOTAL, TOTAL_BY_MAIL)), float(limits.total_per_hour)), else_=float(limits.network_per_hour))
        full = select(name, size, literal(now, UtcDateTime)).select_from(asked).where(_ALWAYS).order_by(name)
        row = insert_new(self._session, AllowanceRow).from_select(["name", "tokens", "at"], full)
        held = row.on_conflict_do_update(index_elements=[AllowanceRow.name], set_={"at": AllowanceRow.at})
        found = self._session.execute(held.returning(AllowanceRow.name, AllowanceRow.tokens, AllowanceRow.at))
        return {name: Allowance(tokens, at) for name, tokens, at in found}

    def _keep(self, allowances: Mapping[str, Allowance]) -> None:
        if not allowances:
            return
        change = update(AllowanceRow).where(AllowanceRow.name == bindparam("bucket"))
        self._session.connection().execute(
            change.values(tokens=bindparam("left"), at=bindparam("then")),
            [{"bucket": name, "left": allowance.tokens, "then": allowance.at} for name, allowance in allowances.items()],
        )
