"""Pauses: of a person, until somebody lifts it, and of what they get, until an instant."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from subscribers.admission import LEFT
from subscribers.errors import HasLeftError, NotConfirmedError, NotSubscribedError
from subscribers.model import Subscriber, SubscriberState
from subscribers.store import SubscriberStore


class Pausing:
    """Changes the pauses of one person, whose row is locked. Takes a session, never commits."""

    def __init__(self, session: Session, subscriber: Subscriber, *, now: datetime) -> None:
        self._store = SubscriberStore(session)
        self._subscriber = subscriber
        self._now = now

    def pause(self, newsletter: str | None, until: datetime | None) -> bool:
        """Pause a newsletter or, with None, the person; see :meth:`subscribers.service.SubscriberService.pause`.

        Raises:
            HasLeftError: they have left.
            NotConfirmedError: they are no reader yet.
            NotSubscribedError: they do not get that newsletter.
        """
        state = self._subscriber.state
        if state in LEFT | {SubscriberState.ERASED}:
            raise HasLeftError(state)
        if state is SubscriberState.PENDING:  # to be resumed from there would make them a reader
            raise NotConfirmedError
        if until is None:
            return self._move(SubscriberState.ACTIVE, SubscriberState.PAUSED)
        return self._set_ends(newsletter, until)

    def resume(self, newsletter: str | None) -> bool:
        """Lift the pause of a newsletter or, with None, all pauses of the person.

        Raises:
            NotSubscribedError: they do not get that newsletter.
        """
        return self._set_ends(newsletter, None)

    def _set_ends(self, newsletter: str | None, until: datetime | None) -> bool:
        who = self._subscriber.id
        gets = [found for found in self._store.subscriptions([who]) if newsletter in (None, found.newsletter)]
        if newsletter is not None and not gets:
            raise NotSubscribedError(newsletter)
        others = [found for found in gets if found.paused_until != until]
        for found in others:
            self._store.pause(who, found.newsletter, until, now=self._now)
        is_lifted = newsletter is None and self._move(SubscriberState.PAUSED, SubscriberState.ACTIVE)
        return is_lifted or bool(others)

    def _move(self, before: SubscriberState, after: SubscriberState) -> bool:
        if self._subscriber.state is not before:
            return False
        self._store.set_state(self._subscriber.id, after, now=self._now)
        return True
