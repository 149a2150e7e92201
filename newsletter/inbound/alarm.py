"""The operator is told when a send was paused for what comes back of it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from newsletter.config import NewsletterConfig
from newsletter.delivery.returns.judging import Stopped
from newsletter.notices.operator import operator_mail
from subscribers.model import Notice, NoticeKind
from subscribers.ports import Notices


class Alarm:
    """Queues a mail to each address, in the transaction that pauses the issue: so of each pause there is one.

    Args:
        newsletters: by slug; the mail comes in the name of the issue's.
        note_to: addresses; none: nobody is told.
        notices: takes the mails.
        secret: behind the Message-IDs.
    """

    def __init__(
        self, newsletters: Mapping[str, NewsletterConfig], *, note_to: Sequence[str], notices: Notices, secret: bytes
    ) -> None:
        self._newsletters = newsletters
        self._note_to = note_to
        self._notices = notices
        # Derived, so that this key is never the same bytes as one for another use of the secret.
        self._key = hmac.digest(secret, b"newsletter.inbound.alarm", "sha256")

    def __call__(self, session: Session, stopped: Stopped, now: datetime) -> None:
        """Have the operator told that an issue was paused."""
        issue = stopped.issue
        newsletter = self._newsletters.get(issue.newsletter) or next(iter(self._newsletters.values()))
        text = (
            f"Issue {issue.id} of {newsletter.name} (number {issue.number}) is paused: nothing more of it is sent.\n\n"
            f"{stopped.note}.\n\n"
            f"See where it stands: newsletter issues show {issue.id}\n"
            f"Let it go on: newsletter issues resume {issue.id}\n"
            f"End it: newsletter issues cancel {issue.id}\n"
        )
        for to in self._note_to:
            named = hmac.digest(self._key, f"{issue.id} {now.isoformat()} {to}".encode(), hashlib.sha256).hex()[:32]
            content = operator_mail(
                newsletter,
                to=to,
                subject=f"{newsletter.name}: issue {issue.number} is paused, too much comes back",
                text=text,
                message_id=f"<{named}@{newsletter.from_address.rpartition('@')[2]}>",
                date=now,
            )
            told = Notice(NoticeKind.OPERATOR, None, to, issue.newsletter, reference=issue.id, content=content)
            self._notices.put(session, told, now=now)
