"""Readers, papers about a few topics, and the service that learns what readers like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from newsletter.clock import ManualClock
from newsletter.config import TasteConfig
from newsletter.database import Database
from newsletter.papers.model import Observation
from newsletter.papers.store import PaperStore
from newsletter.taste.service import TasteService
from newsletter.taste.store import TasteStore, forget_taste
from newsletter.trending.vectors import Vectors
from subscribers.keys import LinkKeys
from subscribers.links import Links
from subscribers.model import Choices, ConsentMethod, Interests, SubscriberId, Taste
from subscribers.service import SubscriberService
from subscribers.tokens import KeyRing
from tests.samples import record
from tests.subscribers.fakes import NoNotices

SECRET = b"0123456789abcdef0123456789abcdef"
TOPICS = {
    "robots": "Robots grasp cups. The gripper of the arm learns manipulation from teleoperation on a kitchen table.",
    "speech": "Speech is heard. A vocoder turns phonemes into audio, and listeners rate the voice of each speaker.",
    "proofs": "Theorems are proved. Lemmas in Lean are found by search, and a kernel checks each formal step.",
    "images": "Pictures are painted. A denoiser makes pixels sharp, and a painter edits the photograph by brush.",
}
#: Papers of each topic; the first of "robots" has number 1, the first of "speech" number 11.
EACH = 10


@dataclass
class Study:
    """The service on a database that holds :data:`TOPICS`, and short ways to what tests do often."""

    database: Database
    clock: ManualClock
    service: TasteService
    subscribers: SubscriberService
    links: Links
    #: Numbers of the papers, by topic.
    papers: dict[str, list[int]]

    def reader(self, address: str = "reader@example.org", interests: Interests | None = None) -> SubscriberId:
        """Add a reader."""
        choices = Choices(interests=interests or Interests())
        return self.subscribers.add(
            address, "papers", choices, method=ConsentMethod.OPERATOR, wording="in writing"
        ).subscriber.id

    def say(self, who: SubscriberId, topic: str, taste: Taste, count: int = 3) -> None:
        """Have a reader say something of the first papers of a topic."""
        for seq in self.papers[topic][:count]:
            self.links.say(who, seq, taste)

    def likes(self, who: SubscriberId) -> dict[str, float] | None:
        """Return what the stored model says of the last paper of each topic, None if there is no model."""
        with self.database.read() as session:
            found, weights = TasteStore(session).weights([who])
            last = PaperStore(session).by_seq(seqs[-1] for seqs in self.papers.values())
        if not len(found):
            return None
        says: Sequence[float] = (Vectors().matrix(list(last.values())) @ weights[0]).tolist()
        return dict(zip(self.papers, says, strict=True))


@pytest.fixture
def study(database: Database, clock: ManualClock) -> Study:
    papers: dict[str, list[int]] = {topic: [] for topic in TOPICS}
    records = [
        (topic, record(f"2608.{number * 100 + place:05d}", title=f"{topic.title()} {place}", abstract=abstract))
        for number, (topic, abstract) in enumerate(TOPICS.items())
        for place in range(EACH)
    ]
    with database.write() as session:
        store = PaperStore(session)
        store.ingest([Observation(made) for _, made in records], source="test", now=clock.now())
        for topic, made in records:
            found = store.get(f"arxiv:{made.arxiv_id}")
            assert found is not None
            papers[topic].append(found.seq)
    notices = NoNotices()
    return Study(
        database,
        clock,
        TasteService(database, clock, TasteConfig()),
        SubscriberService(database, clock, SECRET, notices=notices, on_erase=[forget_taste]),
        Links(database, clock, LinkKeys(KeyRing.of(SECRET)), notices),
        papers,
    )
