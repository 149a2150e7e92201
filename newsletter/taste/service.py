"""Learns readers' tastes from what they said, and tells them what was learned."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.config import TasteConfig
from newsletter.database import Database
from newsletter.papers.model import Paper, PaperSeq
from newsletter.papers.store import PaperStore
from newsletter.taste.learning import Floats, Lessons
from newsletter.taste.model import Said, Told
from newsletter.taste.store import TasteStore, Voice, forget_taste
from newsletter.taste.wishes import as_papers
from newsletter.taste.words import telling_words
from newsletter.trending.vectors import Vectors
from subscribers.model import Interests, Opinion, SubscriberId, Taste
from subscribers.opinions import OpinionStore
from subscribers.store import SubscriberStore

log = logging.getLogger(__name__)

#: Papers taken in last, that what readers said is compared with.
BACKGROUND = 400
#: Newest opinions of a reader that count.
MOST_OPINIONS = 500
#: Age at which a model is made anew though nothing was said: opinions fade, and so do the papers they are compared with.
LASTS = timedelta(days=30)
#: Readers looked up at a time, which reads all opinions once, and readers learned about in one transaction.
_LOOKED_UP, _PAGE = 20_000, 200


@dataclass(frozen=True, slots=True)
class _Reader:
    """What a reader said, oldest first, the papers that are known of it, and what the reader asked for."""

    opinions: tuple[Opinion, ...]
    papers: Mapping[PaperSeq, Paper]
    interests: tuple[Interests, ...]

    @property
    def latest(self) -> list[tuple[Paper, Opinion]]:
        """What counts: of each paper what was said last; two of them may have turned out to be one."""
        found: dict[PaperSeq, tuple[Paper, Opinion]] = {}
        for opinion in self.opinions:
            paper = self.papers.get(PaperSeq(opinion.paper_seq))
            if paper is not None:
                found[paper.seq] = paper, opinion
        return list(found.values())


class TasteService:
    """Models of taste: made of opinions, and of what readers asked for, each wish counting like one "more".

    Everything is learned on this machine, from the words of papers alone. Nobody's opinions change what others get.
    """

    def __init__(self, database: Database, clock: Clock, config: TasteConfig) -> None:
        self._database = database
        self._clock = clock
        self._config = config
        self._vectors = Vectors()

    def learn(self) -> int:
        """Make the models anew whose readers said something since, and delete those of readers who took all back.

        Call it before readers are chosen for. Safe to call twice and in several processes at once: pages of readers are read,
        learned about, and written in transactions of their own; a crash between two leaves models that the next call makes.

        Returns:
            How many models were made.
        """
        now = self._clock.now()
        lessons: Lessons | None = None
        made = after = 0
        while True:
            with self._database.read() as session:
                voices = TasteStore(session).to_learn(after=after, limit=_LOOKED_UP, before=now - LASTS)
                if voices and lessons is None:
                    lessons = self._lessons(session)
            if not voices or lessons is None:
                break
            for first in range(0, len(voices), _PAGE):
                made += self._learn_of(voices[first : first + _PAGE], lessons, now)
            after = voices[-1].subscriber_id
        with self._database.read() as session:
            has_orphans = TasteStore(session).has_orphans()
        if has_orphans:
            with self._database.write() as session:
                TasteStore(session).drop_orphans()
        if made:
            log.info("taste.learned readers=%d", made)
        return made

    def _learn_of(self, voices: Sequence[Voice], lessons: Lessons, now: datetime) -> int:
        with self._database.read() as session:
            readers = _load(session, [voice.subscriber_id for voice in voices])
        learned = [(voice, self._weights(lessons, readers[voice.subscriber_id], now)) for voice in voices]
        with self._database.write() as session:
            return TasteStore(session).put(learned, now=now)

    def told(self, subscriber_id: SubscriberId) -> Told:
        """Return what a reader's feedback says, as it stands now; changes nothing."""
        with self._database.read() as session:
            reader = _load(session, [subscriber_id])[subscriber_id]
            lessons = self._lessons(session) if reader.opinions else None
        if lessons is None:
            return Told()
        weights = self._weights(lessons, reader, self._clock.now())
        said: dict[Taste, list[Paper]] = {Taste.MORE: [], Taste.LESS: []}
        for paper, opinion in reader.latest:
            said[opinion.taste].append(paper)
        return Told(
            more=telling_words(weights, said[Taste.MORE], self._vectors, sign=1),
            less=telling_words(weights, said[Taste.LESS], self._vectors, sign=-1),
            said=tuple(
                Said(opinion.paper_seq, reader.papers.get(PaperSeq(opinion.paper_seq)), opinion.taste, opinion.at)
                for opinion in reversed(reader.opinions)
            ),
        )

    def held(self, subscriber_id: SubscriberId) -> dict[str, object] | None:
        """Return what is held of a reader's taste as plain JSON values, for the person's own download; None for nothing.

        Keys: ``opinions``, how many the model was made of; ``newest_at`` and ``learned_at``; ``more`` and ``less``, words.
        """
        with self._database.read() as session:
            learned = TasteStore(session).learned(subscriber_id)
        if learned is None:
            return None
        told = self.told(subscriber_id)
        return {
            "opinions": learned.opinions,
            "newest_at": learned.newest_at.isoformat(),
            "learned_at": learned.learned_at.isoformat(),
            "more": list(told.more),
            "less": list(told.less),
        }

    def forget(self, subscriber_id: SubscriberId) -> None:
        """Forget what was learned about a reader. To keep it so, forget what the reader said first."""
        with self._database.write() as session:
            forget_taste(session, subscriber_id)

    def _lessons(self, session: Session) -> Lessons:
        return Lessons(self._vectors.matrix(PaperStore(session).latest(BACKGROUND)))

    def _weights(self, lessons: Lessons, reader: _Reader, now: datetime) -> Floats:
        return model_of(
            reader.latest, reader.interests, lessons=lessons, vectors=self._vectors, now=now, half_life=self._config.half_life
        )


def model_of(
    said: Sequence[tuple[Paper, Opinion]],
    interests: Sequence[Interests],
    *,
    lessons: Lessons,
    vectors: Vectors,
    now: datetime,
    half_life: timedelta,
) -> Floats:
    """Return a reader's model.

    Args:
        said: opinions with their papers, oldest first; the newest :data:`MOST_OPINIONS` count.
        interests: what the reader asked for, of each newsletter.
        lessons: of papers as they are.
        vectors: that ``lessons`` were made with.
        now: aware UTC.
        half_life: age at which an opinion counts half.
    """
    latest, wishes = said[-MOST_OPINIONS:], as_papers(interests)
    having = (vectors.matrix([paper for paper, _ in latest]) > 0).astype(np.float32)
    asked = [lessons.answering(wish) for wish in vectors.matrix(wishes)]
    signs = [1 if opinion.taste is Taste.MORE else -1 for _, opinion in latest] + [1] * len(wishes)
    ages = np.array([(now - opinion.at) / half_life for _, opinion in latest])
    strengths = np.concatenate([np.exp2(-np.maximum(ages, 0)), np.ones(len(wishes))])
    return lessons.learn(np.vstack([having, *asked]), np.array(signs, dtype=np.int8), strengths.astype(np.float32))


def _load(session: Session, subscriber_ids: Sequence[SubscriberId]) -> dict[SubscriberId, _Reader]:
    said = OpinionStore(session).of_all(subscriber_ids)
    papers = PaperStore(session).by_seq(opinion.paper_seq for opinions in said.values() for opinion in opinions)
    interests = defaultdict[SubscriberId, list[Interests]](list)
    for subscription in SubscriberStore(session).subscriptions(subscriber_ids):
        interests[subscription.subscriber_id].append(subscription.interests)
    return {
        number: _Reader(
            tuple(sorted(said[number], key=lambda opinion: (opinion.at, opinion.paper_seq))), papers, tuple(interests[number])
        )
        for number in subscriber_ids
    }
