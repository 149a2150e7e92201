"""Renders what a reader would get, without writing anything: the pool as it ranks at an instant, less what he was sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.audience.history import already_sent
from newsletter.digest.builder import IssueBuilder
from newsletter.digest.model import Digest, DigestEntry, DigestId, Issue, IssueId, IssueState, PoolEntry
from newsletter.digest.selection import Pool, choose
from newsletter.digest.store import IssueStore
from newsletter.preview.model import ReaderChoice, RenderedPreview
from newsletter.rendering.renderer import Renderer
from subscribers.model import Cadence, Interests, SubscriberState
from subscribers.store import SubscriberStore

COMMON = "common"
MOST_READERS = 200


class PreviewService:
    """Previews of one newsletter's next issue.

    Args:
        at: says as of when papers rank and what was sent counts; aware UTC.
    """

    def __init__(
        self,
        database: Database,
        renderer: Renderer,
        builder: IssueBuilder,
        slug: str,
        newsletter: NewsletterConfig,
        *,
        at: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._renderer = renderer
        self._builder = builder
        self._slug = slug
        self._newsletter = newsletter
        self._at = at

    def readers(self) -> Sequence[ReaderChoice]:
        """Return the common digest and the first readers of this newsletter."""
        with self._database.read() as session:
            found = SubscriberStore(session).list(state=SubscriberState.ACTIVE, newsletter=self._slug, limit=MOST_READERS)
        return [
            ReaderChoice(COMMON, "Common digest", "no interests, nothing sent before"),
            *(ReaderChoice(str(reader.id), reader.address) for reader in found),
        ]

    def render(self, reader: str) -> RenderedPreview | None:
        """Return the digest of a reader (``common``, or a subscriber's number).

        Raises:
            KeyError: no such reader.
            NewsletterError: the digest cannot be rendered.
        """
        at = self._at()
        pool = [
            PoolEntry(entry.rank, entry.paper, entry.receipt)
            for entry in self._builder.pool(self._slug, self._newsletter, cadence=Cadence.DAILY, at=at)
        ]
        entries, label = self._choose(reader, pool)
        if not entries:
            return None
        issue = self._next_issue(at)
        digest = Digest(DigestId(0), issue.id, entries)
        rendered = self._renderer.preview(self._newsletter, issue, pool, digest)
        return RenderedPreview(
            subject=rendered.subject,
            preheader=rendered.preheader,
            html=rendered.html,
            text=rendered.text,
            html_bytes=rendered.html_bytes,
            papers=len(entries),
            issue_label=f"No. {issue.number} as of {at:%Y-%m-%d %H:%M %Z}",
            reader_label=label,
        )

    def _choose(self, reader: str, entries: Sequence[PoolEntry]) -> tuple[tuple[DigestEntry, ...], str]:
        pool = Pool(entries)
        if reader == COMMON:
            return choose(pool, Interests(), size=self._newsletter.size, excluded=frozenset()), "Common digest"
        if not reader.isdecimal():
            raise KeyError(reader)
        with self._database.read() as session:
            store = SubscriberStore(session)
            subscriber = store.get(int(reader))
            subscription = store.subscription(int(reader), self._slug)
            if subscriber is None or subscription is None:
                raise KeyError(reader)
            sent = already_sent(session, [subscriber.id], pool.order).get(subscriber.id, frozenset())
        size = subscription.size or self._newsletter.size
        return choose(pool, subscription.interests, size=size, excluded=sent), subscriber.address

    def _next_issue(self, at: datetime) -> Issue:
        with self._database.read() as session:
            latest = IssueStore(session).latest(newsletter=self._slug, limit=1)
        return Issue(
            id=IssueId(0),
            newsletter=self._slug,
            number=latest[0].number + 1 if latest else 1,
            cadence=Cadence.DAILY,
            slot=f"{at:%Y-%m-%d}",
            state=IssueState.BUILDING,
            frozen_at=at,
            finished_at=None,
            audience=None,
        )
