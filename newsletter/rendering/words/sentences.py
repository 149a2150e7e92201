"""The sentences of a digest: plain, short, numbers with their meaning. All titles and names in them come from outside.

Every function takes the language last. Its fixed words are marked for the catalogues (``make messages``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from functools import lru_cache

from newsletter.digest.model import LATE_PART, CorrectionKind
from newsletter.papers.model import Paper
from newsletter.rendering.words.language import Language
from newsletter.rendering.words.text import clean, short_title, shorten
from newsletter.trending.model import Receipt
from subscribers.interests import parse_phrases
from subscribers.model import Cadence

SUBJECT_LENGTH = 120
#: Fewer votes than this are not worth a forecast.
_LEAST_FORECAST = 10
#: Sources seldom count the votes of a paper that was listed longer ago, so that its forecast is as old as the last count.
_FORECAST_FOR = timedelta(days=4)
_NAMES_KEPT = 1024
_BARS = "▁▂▃▄▅▆▇█"
#: Without these a keyword is one phrase.
_SIGNS = frozenset('"-')


def rhythm(cadence: Cadence, language: Language) -> str:
    """Return how often a newsletter comes, as the rest of a sentence."""
    _ = language.gettext
    words: Mapping[Cadence, str] = {
        Cadence.DAILY: _("every day"),
        Cadence.WEEKDAYS: _("on weekdays"),
        Cadence.WEEKLY: _("every week"),
        Cadence.MONTHLY: _("every month"),
    }
    return words[cadence]


def return_words(reason: str, language: Language) -> str:
    """Return why mails to an address come back, as a sentence; ``""`` where the reason says nothing to its reader.

    Args:
        reason: by the name that bounce parsers share: ``mailboxfull``.
        language: of the words.
    """
    _ = language.gettext
    words = {
        "mailboxfull": _("The mailbox is said to be full."),
        "userunknown": _("There is said to be no such mailbox."),
        "hasmoved": _("There is said to be no such mailbox."),
        "hostunknown": _("The domain of the address is not found."),
        "suspend": _("The mailbox is said to be switched off."),
        "expired": _("The server of the mailbox cannot be reached."),
        "filtered": _("The mailbox does not take them."),
    }
    return words.get(reason, "")


def subject(titles: Sequence[str], language: Language) -> str:
    """Return the subject for papers with these (clean) titles: the first one's short title and how many more there are."""
    if len(titles) == 1:
        return language.isolated(shorten(titles[0], SUBJECT_LENGTH))
    more = len(titles) - 1
    words = language.ngettext(
        "%(title)s, and %(count)s more paper new to you", "%(title)s, and %(count)s more papers new to you", more
    )
    return words % {"title": _called(titles[0], 80, language), "count": language.number(more)}


def preheader(titles: Sequence[str], lead_summary: str, language: Language) -> str:
    """Return the line that mail programs show after the subject: the second and third paper, or what the only one says."""
    names = [_called(title, 60, language) for title in titles[1:3]]
    if not names:
        return language.isolated(shorten(lead_summary, 100)) or language.gettext("One paper new to you.")
    return language.gettext("Also: %(titles)s") % {"titles": language.listed(names)}


def intro(titles: Sequence[str], lead_votes: int | None, matches: Iterable[str], language: Language) -> str:
    """Return the sentences under the masthead: how many papers, which one leads, what the reader's main topic has.

    Args:
        titles: clean, in the order of the digest.
        lead_votes: the lead's figure; None if unknown.
        matches: of the digest's entries (``keyword:planning``).
        language: of the words.
    """
    count = len(titles)
    many = language.spelled(count).capitalize()
    sentences = [
        language.ngettext("%(count)s paper new to you.", "%(count)s papers new to you.", count) % {"count": many},
    ]
    if count > 1 and lead_votes:
        words = language.ngettext("%(title)s leads with %(count)s vote.", "%(title)s leads with %(count)s votes.", lead_votes)
        sentences.append(words % {"title": _called(titles[0], 60, language), "count": language.number(lead_votes)})
    elif count > 1:
        sentences.append(language.gettext("%(title)s leads.") % {"title": _called(titles[0], 60, language)})
    topics: dict[str, int] = {}
    for match in matches:
        kind, _, value = match.partition(":")
        if kind in {"keyword", "category"} and (topic := _wanted(kind, value, language)):
            topics[topic] = topics.get(topic, 0) + 1
    if topics:
        topic, found = max(topics.items(), key=lambda item: item[1])
        words = language.ngettext("Your topic “%(topic)s” has %(count)s.", "Your topic “%(topic)s” has %(count)s.", found)
        sentences.append(words % {"topic": topic, "count": language.spelled(found)})
    return " ".join(sentences)


def author_words(paper: Paper, language: Language) -> str:
    """Return the first three authors and how many more there are; only their number where no name is known."""
    names = [language.isolated(shorten(name, 60)) for name in map(clean, paper.authors[:3]) if name]
    more = max(paper.author_count, len(paper.authors)) - len(names)
    if not names:
        words = language.ngettext("%(count)s author", "%(count)s authors", more)
        return words % {"count": language.number(more)} if more > 0 else ""
    if more > 0:
        words = language.ngettext("%(names)s and %(count)s more", "%(names)s and %(count)s more", more)
        apart = language.pgettext("between names", ", ")
        return words % {"names": apart.join(names), "count": language.number(more)}
    return language.listed(names)


def trend_bar(history: Sequence[int]) -> str:
    """Return a row of block characters, one per figure, the highest a full block; ``""`` where all would be the same."""
    top = max(history, default=0)
    if top <= 0:
        return ""
    bars = [_BARS[round(max(0, figure) / top * (len(_BARS) - 1))] for figure in history]
    return "".join(bars) if len(set(bars)) > 1 else ""


def trend_words(history: Sequence[int], language: Language) -> str:
    """Return in words what the trend bar shows; ``""`` where there is nothing to show."""
    if not history:
        return ""
    first, last = language.number(history[0]), language.number(history[-1])
    return language.gettext("votes from %(first)s to %(last)s") % {"first": first, "last": last}


def receipt_words(receipt: Receipt, rank: int, paper: Paper, language: Language) -> list[str]:
    """Return why a paper is here, to be read beside its votes: how fast they came, how many will, its rise, stars, comments.

    Of a late bloomer: how fast they came long after it was listed, and when that was.

    Args:
        receipt: of its score.
        rank: its place in the pool, from 1.
        paper: which one.
        language: of the words.
    """
    words: list[str] = []
    listed = language.gettext("listed %(ago)s") % {"ago": language.ago(receipt.at - paper.listed_at)}
    if (late := next((dict(part.figures) for part in receipt.parts if part.name == LATE_PART), None)) is not None:
        return [_late_words(late, language), listed]
    gained = receipt.votes_gained or 0
    if gained > 1 and gained == receipt.votes:
        words.append(language.gettext("all since yesterday"))
    elif gained > 0:
        said = language.ngettext("+%(count)s vote since yesterday", "+%(count)s votes since yesterday", gained)
        words.append(said % {"count": language.number(gained)})
    else:
        words.append(listed)
    if receipt.at - paper.listed_at < _FORECAST_FOR and (coming := _coming(receipt)):
        said = language.ngettext("on course for about %(count)s vote", "on course for about %(count)s votes", coming)
        words.append(said % {"count": language.number(coming)})
    if receipt.rank_before is not None and receipt.rank_before > rank:
        places = {"before": language.number(receipt.rank_before), "now": language.number(rank)}
        words.append(language.gettext("rank %(before)s → %(now)s") % places)
    if receipt.stars:
        said = language.ngettext("%(count)s star on its code", "%(count)s stars on its code", receipt.stars)
        words.append(said % {"count": language.number(receipt.stars)})
    if receipt.comments:
        said = language.ngettext("%(count)s comment", "%(count)s comments", receipt.comments)
        words.append(said % {"count": language.number(receipt.comments)})
    return words


def _late_words(figures: Mapping[str, float], language: Language) -> str:
    gained, days = round(figures["gained"]), max(1, round(figures["hours"] / 24))
    words = language.ngettext("+%(count)s vote in %(time)s", "+%(count)s votes in %(time)s", gained)
    return words % {"count": language.number(gained), "time": language.lasting(timedelta(days=days))}


def _coming(receipt: Receipt) -> int:
    """Return how many votes a paper is on course for, roughly; 0 where that is not well above what it has."""
    forecast, votes = receipt.forecast or 0.0, receipt.votes or 0
    # A figure that is not sure to a tenth is not said to a twentieth.
    step = 5 if forecast < 100 else 10 if forecast < 1000 else 100
    coming = step * round(forecast / step)
    return coming if coming >= max(_LEAST_FORECAST, 1.25 * votes) else 0


def match_words(match: str, language: Language) -> str:
    """Return why a paper is here for this reader, from a match like ``keyword:planning``; ``""`` for none."""
    kind, _, value = match.partition(":")
    wanted = _wanted(kind, value, language)
    if not wanted:
        return ""
    if kind == "author":
        words = language.gettext("by %(name)s, whom you follow")
    elif kind == "lab":
        words = language.gettext("from %(name)s, which you follow")
    elif kind == "taste":
        words = language.gettext("like what you marked: “%(name)s”")
    else:
        words = language.gettext("matches your topic “%(name)s”")
    return words % {"name": wanted}


def _wanted(kind: str, value: str, language: Language) -> str:
    """Return what a match answers, as it is shown: of a keyword the phrases it asks for, without its signs."""
    text = clean(value)
    if kind == "keyword" and not _SIGNS.isdisjoint(text):
        # What an earlier version took and this one cannot read is shown as it was written.
        with suppress(ValueError):
            text = " + ".join(parse_phrases(text).wanted)
    return language.isolated(shorten(text, 60))


def correction_words(kind: CorrectionKind, title_before: str, on: date, language: Language) -> str:
    """Return what happened to a paper, to be read below its title.

    Args:
        kind: of the correction.
        title_before: clean.
        on: the day it was withdrawn.
        language: of the words.
    """
    if kind is CorrectionKind.WITHDRAWN:
        return language.gettext("Withdrawn on %(date)s.") % {"date": language.date(on)}
    return language.gettext("Its title was “%(title)s”.") % {"title": language.isolated(title_before)}


@lru_cache(_NAMES_KEPT)
def _called(title: str, limit: int, language: Language) -> str:
    """Return what a paper is called within a sentence; the few of an issue are asked for in each of its digests."""
    return language.isolated(short_title(title, limit))
