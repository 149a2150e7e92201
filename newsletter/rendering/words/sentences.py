"""The sentences of a digest: plain, short, numbers with their meaning. All titles and names in them come from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from newsletter.papers.model import Paper
from newsletter.rendering.words.text import clean, isolate, short_title, shorten
from newsletter.trending.model import Receipt
from newsletter.trending.score import age_words
from subscribers.model import Cadence

SUBJECT_LENGTH = 120
_NAMES_KEPT = 1024
#: How often a newsletter comes, as the rest of a sentence.
RHYTHM: Mapping[Cadence, str] = {
    Cadence.DAILY: "every day",
    Cadence.WEEKDAYS: "on weekdays",
    Cadence.WEEKLY: "every week",
    Cadence.MONTHLY: "every month",
}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
# English whatever the machine's locale is, as all words of the mail are.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_BARS = "▁▂▃▄▅▆▇█"


def subject(titles: Sequence[str]) -> str:
    """Return the subject for papers with these (clean) titles: the first one's short title and how many more there are."""
    if len(titles) == 1:
        return isolate(shorten(titles[0], SUBJECT_LENGTH))
    more = len(titles) - 1
    return f"{_called(titles[0], 80)}, and {more} more {_papers(more)} new to you"


def preheader(titles: Sequence[str], lead_summary: str) -> str:
    """Return the line that mail programs show after the subject: the second and third paper, or what the only one says."""
    names = [_called(title, 60) for title in titles[1:3]]
    if not names:
        return isolate(shorten(lead_summary, 100)) or "One paper new to you."
    return f"Also: {' and '.join(names)}"


def intro(titles: Sequence[str], lead_votes: str, matches: Iterable[str]) -> str:
    """Return the sentences under the masthead: how many papers, which one leads, what the reader's main topic has.

    Args:
        titles: clean, in the order of the digest.
        lead_votes: the lead's figure as shown; ``""`` if unknown.
        matches: of the digest's entries (``keyword:planning``).
    """
    count = len(titles)
    many = _NUMBERS[count].capitalize() if count < len(_NUMBERS) else str(count)
    sentences = [f"{many} {_papers(count)} new to you."]
    if count > 1:
        votes = f" with {lead_votes} {'vote' if lead_votes == '1' else 'votes'}" if lead_votes not in {"", "0"} else ""
        sentences.append(f"{_called(titles[0], 60)} leads{votes}.")
    topics: dict[str, int] = {}
    for match in matches:
        kind, _, value = match.partition(":")
        if kind in {"keyword", "category"} and clean(value):
            topic = isolate(shorten(clean(value), 60))
            topics[topic] = topics.get(topic, 0) + 1
    if topics:
        topic, found = max(topics.items(), key=lambda item: item[1])
        sentences.append(f"Your topic “{topic}” has {_NUMBERS[found] if found < len(_NUMBERS) else found}.")
    return " ".join(sentences)


def date_words(local: datetime) -> str:
    """Return a local date as ``Friday 21 August 2026``."""
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"


def author_words(paper: Paper) -> str:
    """Return the first three authors and how many more there are; only their number where no name is known."""
    names = [isolate(shorten(name, 60)) for name in map(clean, paper.authors[:3]) if name]
    more = max(paper.author_count, len(paper.authors)) - len(names)
    if not names:
        return f"{more:,} {'author' if more == 1 else 'authors'}" if more > 0 else ""
    if more > 0:
        return f"{', '.join(names)} and {more:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def trend_bar(history: Sequence[int]) -> str:
    """Return a row of block characters, one per figure, the highest a full block; ``""`` for fewer than two figures."""
    top = max(history, default=0)
    if len(history) < 2 or top <= 0:
        return ""
    return "".join(_BARS[round(max(0, figure) / top * (len(_BARS) - 1))] for figure in history)


def receipt_words(receipt: Receipt, *, listed_at: datetime) -> list[str]:
    """Return why a paper is here, to be read beside its votes: how fast they came, stars, comments.

    Where none of that is known: the weightiest parts of its score.
    """
    words = []
    gained = receipt.votes_gained or 0
    if gained > 0:
        all_new = gained == receipt.votes and gained > 1
        words.append("all since yesterday" if all_new else f"+{gained:,} {_votes(gained)} since yesterday")
    elif receipt.votes:
        age = max(0.0, (receipt.at - listed_at) / timedelta(hours=1))
        words.append(f"listed {age_words(age)} ago")
    if receipt.stars:
        words.append(f"{receipt.stars:,} {'star' if receipt.stars == 1 else 'stars'} on its code")
    if receipt.comments:
        words.append(f"{receipt.comments:,} {'comment' if receipt.comments == 1 else 'comments'}")
    if words:
        return words
    weightiest = sorted(receipt.parts, key=lambda part: -part.points)[:2]
    return [shorten(clean(part.words), 80) for part in weightiest if clean(part.words)]


def match_words(match: str) -> str:
    """Return why a paper is here for this reader, from a match like ``keyword:planning``; ``""`` for none."""
    kind, _, value = match.partition(":")
    wanted = isolate(shorten(clean(value), 60))
    if not wanted:
        return ""
    return {"author": f"by {wanted}, whom you follow", "lab": f"from {wanted}, which you follow"}.get(
        kind, f"matches your topic “{wanted}”"
    )


@lru_cache(_NAMES_KEPT)
def _called(title: str, limit: int) -> str:
    """Return what a paper is called within a sentence; the few of an issue are asked for in each of its digests."""
    return isolate(short_title(title, limit))


def _papers(count: int) -> str:
    return "paper" if count == 1 else "papers"


def _votes(count: int) -> str:
    return "vote" if count == 1 else "votes"
