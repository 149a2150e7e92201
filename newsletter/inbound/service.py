"""A mail's way: kept before it is acknowledged, then read, sorted and acted upon, as often as it takes and once in effect."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.inbound.addressing import Addressing
from newsletter.inbound.handling import Addressed, Handled, Handler, Received, ReportHandler
from newsletter.inbound.keeping import Keeping
from newsletter.inbound.model import REPORTS, Arrival, Door, InboundId, InboundState, Kept, MailKind, Stored, Verdict
from newsletter.inbound.personal import PersonStore
from newsletter.inbound.reading.header import read_fields
from newsletter.inbound.reading.mail import read_mail
from newsletter.inbound.sorting.sort import sort
from newsletter.inbound.store import InboundClaim, InboundRecord, InboundStore
from newsletter.inbound.webhooks.handler import MAX_EVENTS, events_of
from newsletter.inbound.webhooks.model import addresses_in
from newsletter.notices.store import OF_MAIL
from subscribers.address import parse_address
from subscribers.errors import AddressError
from subscribers.model import Notice, NoticeKind
from subscribers.ports import Notices
from subscribers.suppression import Hasher

log = logging.getLogger(__name__)

#: How long a mail is worked on before another process takes it over.
LEASE = timedelta(minutes=10)
#: What is known of a mail is kept that long; the mail itself as long as ``inbound.keep`` says.
FIGURES_KEPT = timedelta(days=400)
#: Rows forgotten in one transaction, so that nobody waits long for it.
BATCH = 500
#: Addresses of one mail by which it is found when their people are erased; who names more has no letter to write.
MAX_PEOPLE = 100
_WRITERS = ("from", "sender", "reply-to")


class InboundService:
    """Keeps mails, and works on what waits. Any number of processes may do either at the same time.

    Args:
        database: holds the mails.
        clock: dates everything.
        addressing: tells which of our addresses a mail came to.
        handlers: by kind of mail.
        otherwise: of all other kinds.
        reports: of what providers report.
        notices: takes the mails that leave.
        hasher: makes the hashes that the mails of an erased person are found by.
        looks_like_command: whether a first line is a command, as the commands' own room knows.
        max_bytes: largest mail taken.
        keep_for: how long mails themselves are kept.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        addressing: Addressing,
        handlers: Mapping[MailKind, Handler],
        otherwise: Handler,
        reports: ReportHandler,
        notices: Notices,
        hasher: Hasher,
        looks_like_command: Callable[[str], bool],
        max_bytes: int,
        keep_for: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._addressing = addressing
        self._handlers = handlers
        self._otherwise = otherwise
        self._reports = reports
        self._notices = notices
        self._hasher = hasher
        self._looks_like_command = looks_like_command
        self._keeping = Keeping(database, clock, max_bytes=max_bytes)
        self._keep_for = keep_for

    def keep(self, arrival: Arrival) -> Kept:
        """Store a mail durably; see :meth:`Keeping.keep`.

        Raises:
            InboundTooLarge: it has more than ``inbound.max_bytes``.
        """
        return self._keeping.keep(arrival)

    def work(self, limit: int | None = None, *, is_stopped: Callable[[], bool] = lambda: False) -> int:
        """Act on what waits, the oldest first; return how many mails were taken in hand.

        Each mail's failure is its own: it is tried again later, and given up in the end. A handler may be called again for a
        mail, after a crash or an error; the mails that leave because of it are queued with its result, or not at all.

        Args:
            limit: mails at most; None: until nothing is due.
            is_stopped: asked before each mail.
        """
        count = 0

        def goes_on() -> bool:
            return (limit is None or count < limit) and not is_stopped()

        claim = self._claim() if goes_on() else None
        while claim is not None:
            count += 1
            claim = self._work_on(claim, goes_on)
        return count

    def has_work(self) -> bool:
        """Whether any mail is due; quick, and asks for no lock."""
        with self._database.read() as session:
            return InboundStore(session).has_work(now=self._clock.now())

    def replay(self, ids: Iterable[int]) -> list[InboundId]:
        """Have mails handled again that are still kept; return those, ascending."""
        with self._database.write() as session:
            return InboundStore(session).replay(ids, now=self._clock.now())

    def latest(
        self, *, kind: MailKind | None = None, state: InboundState | None = None, limit: int | None = None
    ) -> list[InboundRecord]:
        """Return what is known of mails, newest first, at most ``limit``."""
        with self._database.read() as session:
            return InboundStore(session).latest(kind=kind, state=state, limit=limit)

    def record(self, number: int) -> InboundRecord | None:
        """Return what is known of a mail; None if there is none of that number."""
        with self._database.read() as session:
            return InboundStore(session).record(number)

    def stored(self, number: int) -> Stored | None:
        """Return a mail itself; None if there is none of that number, or it is not kept any more."""
        with self._database.read() as session:
            return InboundStore(session).stored(number)

    def clear_away(self) -> int:
        """Forget mails that are old enough, and in the end that they came; return how many were forgotten."""
        now = self._clock.now()
        blanked = self._in_batches(lambda store: store.blank_old(now - self._keep_for, limit=BATCH))
        dropped = self._in_batches(lambda store: store.drop_old(now - FIGURES_KEPT, limit=BATCH))
        with self._database.write() as session:
            PersonStore(session, self._hasher).drop_marks()
        if blanked or dropped:
            log.info("inbound.cleared mails=%d figures=%d", blanked, dropped)
        return blanked

    def _in_batches(self, step: Callable[[InboundStore], int]) -> int:
        count = 0
        while True:
            with self._database.write() as session:
                done = step(InboundStore(session))
            count += done
            if done < BATCH:
                return count

    def _claim(self) -> InboundClaim | None:
        with self._database.write() as session:
            return InboundStore(session).claim(now=self._clock.now(), lease=LEASE)

    def _work_on(self, claim: InboundClaim, goes_on: Callable[[], bool]) -> InboundClaim | None:
        """Act on a mail; return the next one."""
        people: frozenset[str] = frozenset()
        try:
            people = _people_of(claim.stored)
            handled, verdict = self._act(claim.stored)
            people |= _keys(failure.report.recipient for failure in verdict.failures[:MAX_PEOPLE])
            return self._settle(claim, handled, verdict, people, goes_on)
        except Exception as error:  # a mail must never keep the next one waiting
            self._fail(claim, people, error)
            return self._claim() if goes_on() else None

    def _act(self, stored: Stored) -> tuple[Handled, Verdict]:
        if stored.arrival.via in REPORTS:
            return self._reports.handle(stored, now=self._clock.now()), Verdict(MailKind.OTHER)
        received = self._receive(stored)
        handler = self._handlers.get(received.verdict.kind, self._otherwise)
        return handler.handle(received, now=self._clock.now()), received.verdict

    def _receive(self, stored: Stored) -> Received:
        arrival = stored.arrival
        try:
            mail = read_mail(arrival.raw)
            addressed = self._addressing.look(arrival, mail.header)
            verdict = sort(
                mail,
                envelope_from=arrival.envelope_from,
                door=addressed.door,
                looks_like_command=self._looks_like_command,
            )
        except SQLAlchemyError:
            raise
        except Exception as error:
            # None is expected, whatever a mail holds. Should there be one, trying again would not help: it counts as other.
            log.error("inbound.unreadable mail=%d error=%s at=%s", stored.id, type(error).__name__, _place(error))  # noqa: TRY400 - a traceback would log what somebody wrote
            return Received(stored, read_mail(b""), Verdict(MailKind.OTHER, "unreadable"), Addressed(Door.UNKNOWN))
        return Received(stored, mail, verdict, addressed)

    def _settle(
        self,
        claim: InboundClaim,
        handled: Handled,
        verdict: Verdict,
        people: frozenset[str],
        goes_on: Callable[[], bool],
    ) -> InboundClaim | None:
        """Write a result and claim the next mail, in one transaction, as each has its price.

        Nothing leaves because of a mail whose person was erased meanwhile.
        """
        now = self._clock.now()
        kind, detail = handled.kind or verdict.kind, handled.detail or verdict.detail
        with self._database.write() as session:
            store = InboundStore(session)
            is_forgotten = PersonStore(session, self._hasher).note(claim.stored.id, people)
            is_ours = store.settle(claim, handled, kind=kind, detail=detail, now=now, is_forgotten=is_forgotten)
            for notice in handled.notices if is_ours and not is_forgotten else ():
                if not (claim.was_answered and notice.kind is NoticeKind.ANSWER):
                    self._notices.put(session, _marked(notice, claim.stored.id), now=now)
            following = store.claim(now=now, lease=LEASE) if goes_on() else None
        if is_ours:
            log.info("inbound.handled mail=%d kind=%s outcome=%s", claim.stored.id, kind, handled.outcome)
        else:
            log.warning("inbound.overtaken mail=%d", claim.stored.id)
        return following

    def _fail(self, claim: InboundClaim, people: frozenset[str], error: Exception) -> None:
        with self._database.write() as session:
            is_forgotten = PersonStore(session, self._hasher).note(claim.stored.id, people)
            problem, now = type(error).__name__, self._clock.now()
            state = InboundStore(session).fail(claim, problem, now=now, is_forgotten=is_forgotten)
        log.error(
            "inbound.failed mail=%d attempt=%d error=%s at=%s state=%s",
            claim.stored.id, claim.attempts, type(error).__name__, _place(error), state,
        )  # fmt: skip


def _people_of(stored: Stored) -> frozenset[str]:
    """Return the keys of the addresses that a mail is from, or that a provider's report is about."""
    arrival = stored.arrival
    if arrival.via in REPORTS:
        return _keys(event.address for event in events_of(arrival.via, arrival.raw)[:MAX_EVENTS])
    header = read_fields(arrival.raw)
    named = addresses_in(arrival.envelope_from or "", *(value for name in _WRITERS for value in header.all(name)))
    return _keys(named[:MAX_PEOPLE])


def _keys(texts: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for text in texts:
        try:
            found.add(parse_address(text).key)
        except AddressError:
            continue
    return frozenset(found)


def _marked(notice: Notice, number: InboundId) -> Notice:
    """Return a notice that, if it passes a mail on, is found by the number of that mail."""
    is_passed_on = notice.kind is NoticeKind.OPERATOR
    return replace(notice, details={**notice.details, OF_MAIL: number}) if is_passed_on else notice


def _place(error: Exception) -> str:
    """Return the file and line an error comes from. Its words, and a traceback's, may hold what somebody wrote."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
