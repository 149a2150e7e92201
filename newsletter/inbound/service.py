"""A mail's way: kept before it is acknowledged, then read, sorted and acted upon, as often as it takes and once in effect."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.inbound.addressing import Addressing
from newsletter.inbound.handling import Addressed, Handled, Handler, Received, ReportHandler
from newsletter.inbound.keeping import Keeping
from newsletter.inbound.model import Arrival, Door, InboundId, InboundState, Kept, MailKind, Stored, Verdict, Via
from newsletter.inbound.reading.mail import read_mail
from newsletter.inbound.sorting.sort import sort
from newsletter.inbound.store import InboundClaim, InboundRecord, InboundStore
from subscribers.model import NoticeKind
from subscribers.ports import Notices

log = logging.getLogger(__name__)

#: How long a mail is worked on before another process takes it over.
LEASE = timedelta(minutes=10)
#: What is known of a mail is kept that long; the mail itself as long as ``inbound.keep`` says.
FIGURES_KEPT = timedelta(days=400)
#: Rows forgotten in one transaction, so that nobody waits long for it.
BATCH = 500
#: Ways on which reports come, not mails.
REPORTS = frozenset({Via.SES, Via.POSTMARK, Via.SENDGRID, Via.MAILGUN})


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
        try:
            handled, kind, detail = self._act(claim.stored)
            return self._settle(claim, handled, kind, detail, goes_on)
        except Exception as error:  # a mail must never keep the next one waiting
            self._fail(claim, error)
            return self._claim() if goes_on() else None

    def _act(self, stored: Stored) -> tuple[Handled, MailKind, str]:
        if stored.arrival.via in REPORTS:
            handled = self._reports.handle(stored, now=self._clock.now())
            return handled, handled.kind or MailKind.OTHER, handled.detail
        received = self._receive(stored)
        verdict = received.verdict
        handled = self._handlers.get(verdict.kind, self._otherwise).handle(received, now=self._clock.now())
        return handled, handled.kind or verdict.kind, handled.detail or verdict.detail

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
        self, claim: InboundClaim, handled: Handled, kind: MailKind, detail: str, goes_on: Callable[[], bool]
    ) -> InboundClaim | None:
        """Write a result and claim the next mail, in one transaction, as each has its price."""
        now = self._clock.now()
        with self._database.write() as session:
            store = InboundStore(session)
            is_ours = store.settle(claim, handled, kind=kind, detail=detail, now=now)
            for notice in handled.notices if is_ours else ():
                if not (claim.was_answered and notice.kind is NoticeKind.ANSWER):
                    self._notices.put(session, notice, now=now)
            following = store.claim(now=now, lease=LEASE) if goes_on() else None
        if is_ours:
            log.info("inbound.handled mail=%d kind=%s outcome=%s", claim.stored.id, kind, handled.outcome)
        else:
            log.warning("inbound.overtaken mail=%d", claim.stored.id)
        return following

    def _fail(self, claim: InboundClaim, error: Exception) -> None:
        with self._database.write() as session:
            state = InboundStore(session).fail(claim, type(error).__name__, now=self._clock.now())
        log.error(
            "inbound.failed mail=%d attempt=%d error=%s at=%s state=%s",
            claim.stored.id, claim.attempts, type(error).__name__, _place(error), state,
        )  # fmt: skip


def _place(error: Exception) -> str:
    """Return the file and line an error comes from. Its words, and a traceback's, may hold what somebody wrote."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
