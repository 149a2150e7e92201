"""Notes to the operator: why a slot got no issue, by mail, once."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig, RelayConfig
from newsletter.database import Database
from newsletter.delivery.model import OutgoingMessage
from newsletter.delivery.transport.errors import SmtpError
from newsletter.delivery.transport.smtp import SmtpConnection
from newsletter.notices.operator import operator_mail
from newsletter.schedule.outcome import TOLD, SlotOutcome, SlotState
from newsletter.schedule.store import SlotStore
from newsletter.schedule.words import sentence

log = logging.getLogger(__name__)

#: What was decided longer ago is no news: the operator may have set an address only now.
TOLD_WITHIN = timedelta(days=2)


class Notes:
    """Tells the operator about slots without an issue, one mail a newsletter, at most once a slot.

    A slot is marked as told of before the mail leaves: a crash in between loses a note, and never repeats one.

    Args:
        database: holds the decisions.
        clock: dates the mails.
        newsletters: by slug; a note comes from the newsletter's own address.
        note_to: addresses; none: nobody is told.
        base_url: of the public pages, without a slash at its end.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        newsletters: Mapping[str, NewsletterConfig],
        *,
        note_to: Sequence[str],
        base_url: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._newsletters = newsletters
        self._note_to = note_to
        self._base_url = base_url

    def untold(self) -> list[SlotOutcome]:
        """Return the slots to tell of, by newsletter; none if nobody is to be told."""
        if not self._note_to:
            return []
        with self._database.read() as session:
            found = SlotStore(session).latest(SlotState.SKIPPED, reasons=TOLD, newsletters=self._newsletters, limit=100)
        since = self._clock.now() - TOLD_WITHIN
        left = [outcome for outcome in found if outcome.noted_at is None and outcome.decided_at >= since]
        return sorted(left, key=lambda outcome: (outcome.newsletter, outcome.decided_at, outcome.slot, outcome.cadence))

    def claim(self, outcomes: Sequence[SlotOutcome]) -> list[SlotOutcome]:
        """Mark slots as told of; return those that nobody else had marked."""
        with self._database.write() as session:
            return [outcome for outcome in outcomes if SlotStore(session).claim_note(outcome, now=self._clock.now())]

    def messages(self, outcomes: Sequence[SlotOutcome]) -> list[OutgoingMessage]:
        """Return the mails about slots, which stand together by newsletter."""
        return [
            OutgoingMessage(self._newsletters[slug].envelope_from or self._newsletters[slug].from_address, address, data)
            for slug, group in groupby(outcomes, key=lambda outcome: outcome.newsletter)
            for told in [list(group)]
            for address in self._note_to
            for data in [self._compose(self._newsletters[slug], told, address)]
        ]

    def _compose(self, newsletter: NewsletterConfig, outcomes: Sequence[SlotOutcome], to: str) -> bytes:
        named = "\n".join([to, *(f"{o.newsletter} {o.cadence} {o.slot}" for o in outcomes)])
        lines = [f"{outcome.slot} ({outcome.cadence})\n{sentence(outcome)}\n" for outcome in outcomes]
        lines.append("No reader got a mail. Papers that nobody was sent come with the next issue.")
        lines.append(f"How things stand: {self._base_url}/status\nThe next slots: newsletter schedule show")
        return operator_mail(
            newsletter,
            to=to,
            subject=f"No issue of {newsletter.name}, and why",
            text="\n".join(lines) + "\n",
            message_id=f"<{hashlib.sha256(named.encode()).hexdigest()[:32]}@{newsletter.from_address.rpartition('@')[2]}>",
            date=self._clock.now(),
        )


async def send_notes(notes: Notes, relay: RelayConfig) -> int:
    """Send the notes there are through ``relay``; return how many mails it took.

    Nothing is marked as told of before the relay can be reached, so one that is down keeps no note from being sent later. What
    it then refuses is logged and given up.
    """
    untold = notes.untold()
    if not untold:
        return 0
    try:
        connection = await SmtpConnection.connect(relay)
    except SmtpError as error:
        log.warning("schedule.note_waits slots=%d problem=%s", len(untold), error)
        return 0
    sent = 0
    try:
        for message in notes.messages(notes.claim(untold)):
            try:
                connection.announce(connection.envelope(message))
                await connection.put_body(message)
                await connection.end()
                sent += 1
            except SmtpError as error:
                # Its text may name the address.
                log.error("schedule.note_failed phase=%s error=%s", error.phase, type(error).__name__)  # noqa: TRY400 - a traceback would log the server's words, which may name an address
    finally:
        await connection.close()
    if sent:
        log.info("schedule.noted mails=%d", sent)
    return sent
