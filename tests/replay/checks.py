"""What has to be true of days that were played: each check returns the sentences that it is broken by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import select

from newsletter.delivery.ledger.account import Accounts
from newsletter.delivery.model import DeliveryState
from newsletter.digest.model import Section
from newsletter.digest.store import IssueStore
from newsletter.papers.store import PaperStore
from newsletter.schedule.slots import slot_of
from newsletter.schedule.tables import SlotOutcomeRow
from subscribers.model import Cadence
from tests.replay.playing import SLUG, TICK, Mail, Played
from tests.replay.readers import Plan

#: Days in which a paper that was passed over at first may still come.
TIME_TO_COME = timedelta(days=5)
#: Papers in a digest of most readers.
MOST = 10


def slots(played: Played) -> list[str]:
    """Every slot that somebody reads has one issue, or the reason why it has none."""
    newsletter = played.app.config.newsletters[SLUG]
    made = Counter((issue.cadence, issue.slot) for issue in played.listed)
    with played.app.database.read() as session:
        skipped = {
            (Cadence(row.cadence), row.slot)
            for row in session.scalars(select(SlotOutcomeRow).where(SlotOutcomeRow.state == "skipped"))
        }
    wrong = [f"{count} issues for {cadence} {slot}" for (cadence, slot), count in made.items() if count != 1]
    # What came in the last hours may still wait for its sources.
    last = (played.end - timedelta(hours=6)).astimezone(newsletter.tzinfo)
    day = (played.start + timedelta(days=2)).astimezone(newsletter.tzinfo).date()
    while day < last.date():
        for cadence in newsletter.cadences:
            slot = slot_of(newsletter, cadence, day)
            if slot is not None and not made[cadence, slot.key] and (cadence, slot.key) not in skipped:
                wrong.append(f"nothing is known of {cadence} {slot.key}")
        day += timedelta(days=1)
    return wrong


def accounts(played: Played) -> list[str]:
    """Every issue's account adds up, and everything in it that was to be sent was sent, once."""
    wrong = []
    total = 0
    with played.app.database.read() as session:
        for issue in played.listed:
            account = Accounts(session).account(issue.id)
            if not account.adds_up:
                wrong.append(f"the account of {issue.slot} does not add up: {account}")
            total += account.by_state[DeliveryState.SENT]
    if total != len(played.mails):
        wrong.append(f"{total} deliveries count as sent, and {len(played.mails)} mails arrived")
    return wrong


def never_twice(played: Played) -> list[str]:
    """Nobody got a paper twice, and every mail has papers in it."""
    seen: dict[str, set[str]] = defaultdict(set)
    wrong = []
    for mail in played.mails:
        if not mail.papers:
            wrong.append(f"an empty mail to {mail.recipient} at {mail.at}")
        if again := seen[mail.recipient].intersection(mail.papers):
            wrong.append(f"{mail.recipient} got {sorted(again)} again at {mail.at}")
        seen[mail.recipient].update(mail.papers)
    return wrong


def local_hours(played: Played) -> list[str]:
    """Every mail came within its reader's hour; where a night skips that hour, in the one after it."""
    by_address = {plan.address: plan for plan in played.readers}
    wrong = []
    for mail in played.mails:
        plan = by_address[mail.recipient]
        if not _is_in_hour(mail.at, plan):
            wrong.append(f"{mail.recipient} ({plan.choices.local_hour}:00 {plan.choices.zone}) got a mail at {mail.at}")
    return wrong


def one_a_period(played: Played) -> list[str]:
    """No two mails come to a reader at once, but where he changed between cadences that day."""
    last: dict[str, datetime] = {}
    changed = {plan.address: plan.change[0] for plan in played.readers if plan.change is not None}
    wrong = []
    for mail in played.mails:
        before = last.get(mail.recipient)
        change = changed.get(mail.recipient)
        has_changed = change is not None and abs(mail.at - change) <= timedelta(days=2)
        if before is not None and mail.at - before < timedelta(hours=20) and not has_changed:
            wrong.append(f"{mail.recipient} got mails at {before} and {mail.at}")
        last[mail.recipient] = mail.at
    return wrong


def best_of_the_moment(played: Played) -> list[str]:
    """Each mail of a reader of the common digest is full, and of what is new since his last mail it has the best.

    What an earlier mail passed over may stand beside that; only then is something new left out.
    """
    pools = _pools(played)
    issues = {issue.number: issue for issue in played.listed}
    wrong = []
    for plan, mails in _common(played):
        size = plan.choices.size or played.app.config.newsletters[SLUG].size
        had: set[str] = set()
        since = None
        for mail in mails:
            issue = issues[mail.number]
            due = {number: seen_at for number, seen_at in pools[issue.id].items() if number not in had}
            new = [number for number, seen_at in due.items() if since is None or seen_at > since]
            got = [number for number in new if number in mail.papers]
            if got != new[: len(got)]:
                wrong.append(f"{plan.address} got worse new papers than {issue.cadence} {issue.slot} had")
            if len(set(due).intersection(mail.papers)) < min(size, len(due)):
                wrong.append(f"{plan.address} got {len(mail.papers)} papers of {len(due)} in {issue.cadence} {issue.slot}")
            had.update(mail.papers)
            since = issue.frozen_at
    return wrong


def best_in_the_end(played: Played, votes: Mapping[str, int], *, best: int) -> tuple[int, list[str]]:
    """Look for the papers that got the most votes in the end among those that were listed between two mails of a reader.

    What was listed in the last :data:`TIME_TO_COME` is left out: it may come yet.

    Args:
        played: what came of it.
        votes: by arXiv id, the last ever known.
        best: so many between each two mails of a reader of the common digest who gets at least ten papers a mail.

    Returns:
        How many were looked for, and a sentence for each that a reader never got.
    """
    listed = _listed(played)
    issues = {issue.number: issue for issue in played.listed}
    looked_for, wrong = 0, []
    for plan, mails in _common(played):
        sent = {number for mail in mails for number in mail.papers}
        for before, mail in pairwise(mails):
            since, until = (issues[each.number].frozen_at for each in (before, mail))
            if until > played.end - TIME_TO_COME or (plan.choices.size or MOST) < MOST:
                continue
            new = sorted((number for number, at in listed.items() if since < at <= until), key=lambda it: -votes.get(it, 0))
            looked_for += len(new[:best])
            missed = [number for number in new[:best] if number not in sent]
            wrong += [f"{plan.address} never got {number} of {until:%Y-%m-%d}, {votes.get(number)} votes" for number in missed]
    return looked_for, wrong


def _common(played: Played) -> Iterator[tuple[Plan, list[Mail]]]:
    """Yield the readers of the common digest with their mails, oldest first."""
    mails: dict[str, list[Mail]] = defaultdict(list)
    for mail in played.mails:
        mails[mail.recipient].append(mail)
    for plan in played.readers:
        if plan.is_common:
            yield plan, mails[plan.address]


def _listed(played: Played) -> dict[str, datetime]:
    with played.app.database.read() as session:
        papers = PaperStore(session).listed_between(played.start, played.end)
    return {paper.arxiv_id: paper.first_seen_at for paper in papers if paper.arxiv_id}


def _pools(played: Played) -> dict[int, dict[str, datetime]]:
    """Return the papers of each issue's ranking, best first, with the instants they were first seen at."""
    with played.app.database.read() as session:
        return {
            issue.id: {
                entry.paper.arxiv_id or "": entry.paper.first_seen_at
                for entry in IssueStore(session).pool(issue.id, section=Section.TOP)
            }
            for issue in played.listed
        }


def _is_in_hour(instant: datetime, plan: Plan) -> bool:
    zone = ZoneInfo(plan.choices.zone)
    local = instant.astimezone(zone)
    if local.hour == plan.choices.local_hour:
        return True
    wall = local.replace(hour=plan.choices.local_hour, minute=0, second=0, microsecond=0, fold=0)
    is_skipped = wall.astimezone(UTC).astimezone(zone).hour != plan.choices.local_hour
    after_gap = wall.astimezone(UTC)
    return is_skipped and after_gap <= instant < after_gap + timedelta(hours=1) + TICK
