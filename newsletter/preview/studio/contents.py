"""What a reader would get of an issue, for samples: chosen as it is for mails that are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.audience.digests import choose_for
from newsletter.delivery.audience.history import already_sent, last_mail_at
from newsletter.delivery.audience.telling import due_to
from newsletter.digest.model import Correction, Digest, DigestEntry, DigestId, Issue, IssueId, PoolEntry
from newsletter.digest.pool import Pool
from newsletter.digest.selection import Wish
from newsletter.papers.model import PaperSeq
from newsletter.preview.studio.personas import Persona
from newsletter.preview.studio.worst_cases import WorstCase
from subscribers.model import SubscriberId


@dataclass(frozen=True, slots=True)
class Content:
    """What a digest is made of.

    Attributes:
        pool: the issue's papers, by rank.
        corrections: the issue's.
        digest: which of both a reader gets.
    """

    pool: tuple[PoolEntry, ...]
    corrections: Sequence[Correction]
    digest: Digest


def worst_content(case: WorstCase) -> Content:
    """Return all of a worst case."""
    pool, corrections = tuple(case.pool()), case.corrections()
    told = tuple(correction.position for correction in corrections)
    return Content(pool, corrections, _digest(tuple(DigestEntry(entry.paper.seq) for entry in pool), told))


def content_for(
    database: Database,
    issue: Issue,
    newsletter: NewsletterConfig,
    entries: Sequence[PoolEntry],
    corrections: Sequence[Correction],
    persona: Persona,
    subscriber_id: SubscriberId | None,
    *,
    by_taste: bool,
) -> Content:
    """Choose what somebody gets of an issue, with what was sent in issues frozen before it.

    Args:
        database: knows what was sent, and what was learned from feedback.
        issue: its newsletter, and when it is frozen.
        newsletter: its section of the configuration.
        entries: the issue's pool.
        corrections: the issue's.
        persona: whose choices count.
        subscriber_id: who that is; None for somebody who does not exist: nothing was sent to them.
        by_taste: whether what was learned from feedback counts. It is known as of now only, so not on a day in the past.
    """
    pool = Pool(entries)
    sent: frozenset[PaperSeq] = frozenset()
    told: tuple[int, ...] = ()
    since = None
    with database.read() as session:
        if subscriber_id is not None:
            before = already_sent(session, [subscriber_id], pool.order, frozen_before=issue.frozen_at)
            sent = before.get(subscriber_id, sent)
            since = last_mail_at(session, subscriber_id, issue.newsletter, pool.order, frozen_before=issue.frozen_at)
            told = due_to(session, subscriber_id, issue.newsletter, corrections, frozen_before=issue.frozen_at)
        wish = Wish(persona.interests, persona.size or newsletter.size, sent, since=since)
        model_of = subscriber_id if by_taste and subscriber_id is not None else 0
        [choice] = choose_for(session, pool, [wish], [model_of], late=newsletter.late_bloomers)
    return Content(pool.entries, corrections, _digest(choice, told))


def _digest(entries: tuple[DigestEntry, ...], corrections: tuple[int, ...]) -> Digest:
    return Digest(DigestId(0), IssueId(0), entries, corrections)
