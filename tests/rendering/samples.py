"""Made-up papers, issues and digests to render."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from newsletter.config import NewsletterConfig
from newsletter.digest.model import (
    LATE_PART,
    Correction,
    CorrectionKind,
    Digest,
    DigestEntry,
    DigestId,
    Issue,
    IssueId,
    IssueState,
    PoolEntry,
    Section,
)
from newsletter.papers.model import Paper, PaperSeq
from newsletter.pictures.model import PaperPictures, Picture
from newsletter.rendering.message.message import CONFIRM, FEEDBACK, PREFERENCES, REPLY, UNSUBSCRIBE, Personal, message_id
from newsletter.rendering.view.letters import Letter, sample_values
from newsletter.rendering.view.look import look_of
from newsletter.rendering.view.views import ReaderLinks, Setting
from newsletter.rendering.words.language import ENGLISH, Language
from newsletter.trending.model import Receipt, ReceiptPart
from subscribers.model import Cadence

FRIDAY = datetime(2026, 8, 21, 5, 30, tzinfo=UTC)
BASE_URL = "https://papers.example.org"
SECRET = b"a secret of the tests, 32 bytes."
TOKEN = "AQAAAAAAAAcXw3-_9tYkqLm2VbN0sRzE"
NEWSLETTER = NewsletterConfig(zone="Europe/Berlin", postal_address="Example Lab, 1 Sample Street, 10115 Berlin")
REPLY_TOKEN = "1300000007000000000000000a0b0c0d"
TOKENS = {**dict.fromkeys((UNSUBSCRIBE, CONFIRM, PREFERENCES, FEEDBACK), TOKEN), REPLY: REPLY_TOKEN}
PERSONAL = Personal("ada@example.org", message_id(SECRET, 14, 7, "example.org"), FRIDAY, TOKENS)
THEMES = ("quiet", "rich", "compact")
FORM_SUB = "v=1; ip=192.0.2.1"
SETTING = Setting(
    language=ENGLISH,
    look=look_of(NEWSLETTER.look),
    links=ReaderLinks(*(f"{BASE_URL}/{page}/x" for page in ("unsubscribe", "preferences", "feedback"))),
    online_url=f"{BASE_URL}/issues/papers/14",
    ranking_url=f"{BASE_URL}/ranking",
)
ISSUE = Issue(
    id=IssueId(14),
    newsletter="papers",
    number=14,
    cadence=Cadence.DAILY,
    slot="2026-08-21",
    state=IssueState.OPEN,
    frozen_at=FRIDAY,
    finished_at=None,
    audience=None,
)

SHORT_PAPER = Paper(
    seq=PaperSeq(1),
    key="arxiv:2608.00001",
    title="Lantern: A Small Sample Model That Plans by Looking Back",
    abstract="We describe a sample. It looks back before it plans. On three made-up tasks it needs half the steps.",
    arxiv_id="2608.00001",
    version=1,
    doi=None,
    authors=("First Author", "Second Author", "Third Author"),
    author_count=3,
    summary="A small model reads its own earlier steps before each plan and needs half as many of them.",
    categories=("cs.LG", "cs.AI"),
    keywords=("planning",),
    organization="Sample Institute",
    published_at=FRIDAY,
    listed_at=FRIDAY,
    code_url="https://code.example.org/lantern",
    project_url="https://lantern.example.org/",
    discussion_url="https://talk.example.org/2608.00001",
    thumbnail_url="",
    withdrawn_at=None,
    first_seen_at=FRIDAY,
)

RECEIPT = Receipt(
    at=FRIDAY,
    score=12.5,
    parts=(ReceiptPart("votes", 10.0, "92 votes in 20 hours"), ReceiptPart("stars", 2.5, "152 stars")),
    votes=92,
    votes_gained=58,
    comments=4,
    stars=152,
    history=(3, 9, 20, 34, 51, 70, 84, 92),
)

#: Titles of made-up papers, in the order of the sample digest.
TITLES = (
    SHORT_PAPER.title,
    "Tide: Slow Weights Help When Data Drift",
    "What Do Sample Models Forget First?",
    "Counting to n < 3 & Back: On {{ braces }} and <b>tags</b>",
    "Überprüfbare Karten: Maps of Small Worlds",
    "שלום: A Title That Begins from the Right",
    "模型 Notes on Reading in Two Scripts",
)


def paper(number: int, **changes: object) -> Paper:
    """A made-up paper; ``number`` is its place in the ingest order."""
    plain = replace(SHORT_PAPER, seq=PaperSeq(number), key=f"arxiv:2608.{number:05d}", arxiv_id=f"2608.{number:05d}")
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test names real fields


def pool_of(papers: Sequence[Paper], receipt: Receipt = RECEIPT) -> list[PoolEntry]:
    """A pool that ranks ``papers`` as they come, each with fewer votes than the one before."""
    entries = []
    for rank, each in enumerate(papers, start=1):
        votes = None if receipt.votes is None else max(0, receipt.votes - 10 * (rank - 1))
        gained = None if receipt.votes_gained is None else max(0, receipt.votes_gained - 7 * (rank - 1))
        entries.append(PoolEntry(rank, each, replace(receipt, votes=votes, votes_gained=gained)))
    return entries


def digest_of(pool: Sequence[PoolEntry], matches: Sequence[str] = ()) -> Digest:
    """A digest of the whole pool in its order; ``matches`` are those of its first entries."""
    padded = [*matches, *[""] * (len(pool) - len(matches))]
    entries = tuple(DigestEntry(entry.paper.seq, match) for entry, match in zip(pool, padded, strict=True))
    return Digest(DigestId(3), ISSUE.id, entries)


def sample_pool() -> list[PoolEntry]:
    """Seven papers of different kinds: with everything, with little, with hostile and foreign text."""
    papers = [paper(number, title=title) for number, title in enumerate(TITLES, start=1)]
    papers[1] = replace(papers[1], authors=("One Person",), author_count=1, code_url="", project_url="")
    papers[2] = replace(papers[2], authors=(), author_count=5, organization="", summary="", categories=())
    return pool_of(papers)


def late_entry(rank: int, title: str, **changes: object) -> PoolEntry:
    """A late bloomer, of the number of its rank: listed three weeks ago, 85 votes in the last two days."""
    figures = (("gained", 85.0), ("hours", 47.6), ("expected", 4.2))
    receipt = replace(
        RECEIPT, votes=131, votes_gained=None, stars=None, comments=None, parts=(ReceiptPart(LATE_PART, 0.0, figures=figures),)
    )
    listed_at = FRIDAY - timedelta(days=22)
    return PoolEntry(rank, paper(rank, title=title, listed_at=listed_at, **changes), receipt, Section.LATE)


def correction(
    position: int, title_before: str = "", *, seq: int = 90, changed_hours_ago: int = 9, **changes: object
) -> Correction:
    """A correction of a paper of that number: of its title where one before it is given, else that it is withdrawn."""
    kind = CorrectionKind.RETITLED if title_before else CorrectionKind.WITHDRAWN
    made = paper(seq, **changes)
    if not title_before:
        made = replace(made, withdrawn_at=FRIDAY - timedelta(days=2))
    return Correction(position, kind, made, title_before or made.title, FRIDAY - timedelta(hours=changed_hours_ago))


def whole_sections() -> tuple[list[PoolEntry], list[Correction], Digest]:
    """A pool with late bloomers, corrections, and the digest of all of them."""
    pool = [*sample_pool(), late_entry(8, "Ferry: Sample Agents That Cross Between Small Worlds"), late_entry(9, TITLES[3])]
    pool[0] = replace(pool[0], receipt=replace(pool[0].receipt, forecast=118.4))
    corrections = [
        correction(0, title="On Sample Proofs That Do Not Hold"),
        correction(1, "Harbor, a Benchmark", seq=91, title="Harbour: A Sample Benchmark of Calm Waters"),
        correction(2, TITLES[3], seq=92, title=TITLES[5]),
    ]
    digest = digest_of(pool, ("", "keyword:forgetting", "taste:maps"))
    return pool, corrections, replace(digest, corrections=(0, 1, 2))


class KeptPictures:
    """Pictures kept in memory: papers 1 to 4 of the sample digest have some, and any file is a logo."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._of = {
            PaperSeq(number): PaperPictures(self._made(number, 66, 28), self._made(number, 18, 14)) for number in range(1, 5)
        }
        self._logo = self._made(9, 24, 8)

    def of(self, seqs: Collection[PaperSeq]) -> Mapping[PaperSeq, PaperPictures]:
        return {seq: self._of[seq] for seq in seqs if seq in self._of}

    def logo(self, path: Path) -> Picture:  # noqa: ARG002 - any file is this one
        return self._logo

    def content(self, name: str) -> bytes:
        return self._contents[name]

    def _made(self, hue: int, width: int, height: int) -> Picture:
        """Draw a small picture and say that it is sixteen times as large, so that golden messages stay short."""
        drawn = io.BytesIO()
        Image.new("RGB", (width, height), (40 * hue % 256, 90, 120)).save(drawn, "PNG")
        name = f"sample-picture-{hue:02d}-{width:02d}".ljust(32, "x")
        self._contents[name] = drawn.getvalue()
        return Picture(name, "image/png", width * 16, height * 16)


PICTURES = KeptPictures()


def in_theme(newsletter: NewsletterConfig, theme: str) -> NewsletterConfig:
    """The newsletter in another theme."""
    return newsletter.model_copy(update={"look": newsletter.look.model_copy(update={"theme": theme})})


def values_of(template: str, language: Language = ENGLISH) -> dict[str, object]:
    """What the template of a letter is given."""
    values = {
        "rhythm": "every day",
        "hour": "08:00",
        "zone": "Europe/Berlin",
        "valid_for": "7 days",
        "signup_url": f"{BASE_URL}/",
        "reason": "The mailbox is said to be full.",
    }
    return sample_values(template, values, language, name=NEWSLETTER.name)


def letter_of(template: str) -> Letter:
    """A letter of that template."""
    return Letter(template, "notice 17", values_of(template), FORM_SUB if template == "confirm" else "")
