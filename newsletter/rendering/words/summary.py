"""A summary of a paper: the source's own, else the sentences of the abstract that say what was done and found.

Sentences are known by the words authors announce their work with, English ones only; where there are none, the abstract is cut
at a sentence. The text alone decides, and only its first few thousand characters are looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

from newsletter.rendering.words.text import clean, sentences, shorten, summarize

#: Longer than nearly all abstracts are, in characters and in sentences.
_LOOKED_AT, _MOST_SENTENCES = 8_000, 60
#: How many sentences are weighed against each other, and how many of them are taken.
_CANDIDATES, _TAKEN = 8, 3
#: Summaries kept in memory: the papers of an issue are in many of its digests, and weighing sentences takes long.
_KEPT = 1024
#: What a further sentence must be worth.
_LEAST = 0.3


@lru_cache(_KEPT)
def best_summary(paper_summary: str, abstract: str, limit: int) -> str:
    """Return what tells a reader in a few lines what a paper did and found.

    Args:
        paper_summary: the source's own, clean and readable; "" if there is none.
        abstract: clean and readable.
        limit: characters at most (direction closers not counted).

    Returns:
        The source's summary; else up to three sentences of the abstract in their order, without the words that tie them to the
        one before; else the abstract's beginning. Cut at a word only if no sentence fits.
    """
    if limit < 1:
        return ""
    if paper_summary:
        return summarize(paper_summary, limit)
    if len(abstract) <= limit:
        return abstract
    return clean(_extract(abstract, limit)) or summarize(abstract, limit)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Who speaks, and what speaks behind "this": what follows is about the paper's own work.
_OURS = _words("we our")
_OURS_BEHIND_THIS = _words("paper work study article report survey thesis project")
_ANNOUNCED = _words(
    """propose proposes proposed proposing introduce introduces introduced introducing present presents presented develop
    develops developed describe describes unveil report reports reveal establish devise design designed formulate
    build built construct curate contribute offer offers provides release create"""
)
_DONE = _words(
    """explore explores investigate investigates study studies examine examines analyze analyzes analyse analyses revisit
    revisits address addresses tackle conduct conducted review reviews derive derives evaluate evaluates compare
    compares measure measures consider apply collect collected create created argue ask aim aims seek use train
    trained compute test extend provide used performed compared reviewed evaluated assessed analyzed analysed
    investigated examined explored quantify quantified identified determine determined adopt adopted applied tested
    measured studied obtained aimed sought"""
)
_FOUND = _words(
    """find finds found finding findings show shows showed shown showing demonstrate demonstrates demonstrated demonstrating
    observe observed reveal reveals revealed revealing prove proves proved discover discovered result results
    experiments experimental evaluations empirically outperform outperforms outperformed outperforming surpass
    surpasses surpassing exceed exceeds exceeding achieve achieves achieved achieving attain attains improve improves
    improved improving improvement improvements reduce reduces reduced reducing reduction reductions gain gains boost
    boosts yield yields state-of-the-art sota superior significantly substantially suggest suggests confirm confirms
    conclude indicate indicates"""
)
_BACKGROUND = _words(
    """recent recently existing challenging challenge challenges remain remains despite although though current currently
    prior previous traditional conventional typically often suffer suffers lack lacks lacking difficult fail fails
    struggle struggles widely become becomes becoming increasingly emerged crucial essential unclear unexplored
    underexplored overlook overlooked hinder hinders bottleneck popular rapid rapidly today commonly costly rely
    relies face faces"""
)
_ELSEWHERE = _words("code codes available github https http release released publicly open-source website webpage checkpoints")
_BESIDES = _words("also further additionally moreover furthermore ablation ablations instance example qualitative hope")
#: No account of the work itself: what will come, and where things are.
_PROMISED = _words("will hope available github http https")
_FILLING = _words(
    """about also and are between both but can each from has have how into its more not our over such than that the their them
    these this through using via was well were when where which while with without"""
)
#: Begins a sentence that says nothing without the one before.
_DANGLING = _words(
    """these this that those it its they their them such both however but yet nevertheless nonetheless instead thereby
    otherwise similarly conversely meanwhile then afterwards second secondly third thirdly fourth former latter
    another others one and or so likewise consequently hence thus therefore besides"""
)

_WORD = re.compile(r"[^\W_]+(?:[-'\u2019][^\W_]+)*")
_FIGURE = re.compile(r"\d ?(?:%|[x\u00d7]\b)|\d (?:percent|times|points|fold)\b|\bby \d")
#: What ties a sentence to the one before, or says no more than that a paper is a paper; the rest stands well without it.
_TIE = re.compile(
    r"""(?:(?:furthermore|moreover|additionally|in\ addition|finally|lastly|notably|importantly|specifically|in\ particular
    |concretely|to\ (?:this|that)\ end|in\ response|here|thus|therefore|hence|accordingly|consequently|overall|in\ summary
    |as\ a\ result|in\ this\ (?:\w{1,20}\ )?(?:paper|work|study|report|article|survey|letter)
    |to\ (?:fill|bridge|close)\ (?:the|this|these)\ gaps?
    |to\ (?:address|bridge|fill|close|tackle|overcome|mitigate|solve|resolve|remedy|alleviate|answer|meet|investigate|explore
        |achieve|do)\ (?:this|these|that|those|such|both|so)\b[^,.;:()]{0,80}
    |(?:motivated|inspired|guided|driven)\ by\ (?:this|these|that|those)\b[^,.;:()]{0,60}
    |(?:based|building|drawing)\ (?:up)?on\ (?:this|these|that|those)\b[^,.;:()]{0,60}),
    |(?:in\ this\ (?:paper|work)|here)(?=\ we\ ))\ (?=\S)""",
    re.IGNORECASE | re.VERBOSE,
)
#: Heads the parts of an abstract in medicine; some sources lose what stood between it and the text.
_LABEL = re.compile(
    r"(?:(?i:(?P<background>background|introduction|motivation|context)|(?P<found>results?|findings|conclusions?|interpretation)"
    r"|purpose|objectives?|aims?|methods?|materials and methods|study design|summary|abstract))"
    r"(?: ?[:.\u2013\u2014] ?| (?=[A-Z])|(?=[A-Z][a-z]))(?=\S)"
)
#: Where the paper's own part of a long sentence begins.
_CLAUSE = re.compile(r"[,;:] (?=(?:we|this (?:paper|work)) )")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """One sentence of an abstract.

    Attributes:
        place: from 0.
        text: what is left of it when nothing ties it to the one before.
        words: its words in small letters, in order.
        topics: those that it is about.
        part: "background" or "found" if its part of the abstract is headed so, else "".
    """

    place: int
    text: str
    words: tuple[str, ...]
    topics: frozenset[str]
    part: str

    @property
    def dangles(self) -> bool:
        """Whether it speaks of something that only the sentence before says."""
        first, second = (*self.words, "", "")[:2]
        if first in _DANGLING:
            return not (first == "this" and second in _OURS_BEHIND_THIS) and not (first == "one" and second == "of")
        return first == "for" and second in {"example", "instance"}

    @property
    def is_ours(self) -> bool:
        """Whether it speaks of the paper's own work."""
        return any(word in _OURS for word in self.words) or any(
            before == "this" and word in _OURS_BEHIND_THIS for before, word in pairwise(self.words)
        )

    def says_ours(self, verbs: frozenset[str]) -> bool:
        """Whether one of ``verbs`` is said of the paper's own work."""
        if verbs.isdisjoint(self.words):
            return False
        spoken = -9
        before = ""
        for index, word in enumerate(self.words):
            # "Our proposed method" and "our report" announce nothing.
            if word in verbs and index - spoken <= 3 and before != "our":
                return True
            if word in _OURS or (word in _OURS_BEHIND_THIS and before == "this"):
                spoken = index
            before = word
        return False

    def count(self, cues: frozenset[str], most: int) -> int:
        """Return how many of its words are ``cues``, ``most`` at most."""
        return min(most, sum(map(cues.__contains__, self.words)))


def _extract(abstract: str, limit: int) -> str:
    """Return the best sentences that fit; "" if none is about the paper's own work."""
    read = _read(abstract)
    main = _main(read)
    if main is None:
        return ""
    if len(main.text) > limit:
        return shorten(_core(main.text), limit)
    worth = _worth(read, main)
    others = sorted((each for each in read if each is not main), key=lambda each: -worth[each.place])[:_CANDIDATES]
    best, most = [main], _value([main], worth)
    for size in range(1, _TAKEN):
        for further in combinations(others, size):
            chosen = sorted((main, *further), key=lambda each: each.place)
            if sum(len(each.text) + 1 for each in chosen) <= limit + 1 and _follows(chosen, main):
                value = _value(chosen, worth)
                if value > most:
                    best, most = chosen, value
    return " ".join(each.text for each in best)


def _main(read: Sequence[_Sentence]) -> _Sentence | None:
    """Return the sentence that says what the paper is, or does: the first by the clearest words there are."""
    told = [each for each in read if not (each.text.startswith("(") or each.text.endswith("?") or each.count(_PROMISED, 1))]
    told = [each for each in told if each.part != "background"]
    clear: tuple[Callable[[_Sentence], bool], ...] = (
        lambda each: each.says_ours(_ANNOUNCED),
        lambda each: each.says_ours(_DONE | _FOUND),
        lambda each: each.is_ours,
    )
    return next((each for says in clear for each in told if says(each)), None)


def _read(abstract: str) -> list[_Sentence]:
    found = sentences(abstract[:_LOOKED_AT])
    if len(abstract) > _LOOKED_AT:
        found = found[:-1]  # cut in its middle
    read = []
    part = ""
    for place, whole in enumerate(found[:_MOST_SENTENCES]):
        text = whole
        if label := _LABEL.match(text):
            text, part = text[label.end() :], label.lastgroup or ""
        if tie := _TIE.match(text):
            text = text[tie.end() :]
        text = text if text is whole else _capitalized(text)
        words = tuple(_WORD.findall(text.lower()))
        topics = frozenset(word for word in words if len(word) > 2 and word not in _FILLING)
        read.append(_Sentence(place, text, words, topics, part))
    return read


def _core(text: str) -> str:
    """Return what stands behind a long "while others do this, " at the beginning of a sentence."""
    begins = _CLAUSE.search(text)
    return _capitalized(text[begins.end() :]) if begins else text


def _capitalized(text: str) -> str:
    """Return ``text`` with a capital first, unless its first word is a name such as vLLM."""
    return text[0].upper() + text[1:] if text.split(" ", 1)[0].islower() else text


def _worth(read: Sequence[_Sentence], main: _Sentence) -> list[float]:
    """Return how much each sentence tells of what was done and found; that of background is below zero."""
    spread = Counter(topic for each in read for topic in each.topics)
    names = [word for word in _WORD.findall(main.text) if word[1:] != word[1:].lower()]
    worth = []
    for each in read:
        points = 0.8 * sum(spread[topic] - 1 for topic in each.topics) / max(1, len(each.topics))
        if each is main:
            points += 1.2
        elif each.says_ours(_ANNOUNCED) or each.says_ours(_DONE):
            points += 0.3
        points += 0.3 * each.count(_FOUND, 2) + 0.2 * (_FIGURE.search(each.text) is not None)
        points += 0.2 * any(name in each.text for name in names)
        points -= 0.25 * each.count(_BACKGROUND, 3) + 0.3 * each.count(_BESIDES, 1) + 0.9 * each.count(_ELSEWHERE, 2)
        points -= 0.7 * (each.place < main.place)
        points += 0.3 * (each.part == "found") - 0.8 * (each.part == "background" or each.text.endswith("?"))
        points -= 0.5 * (len(each.text) < 50)
        worth.append(points)
    return worth


def _follows(chosen: Sequence[_Sentence], main: _Sentence) -> bool:
    """Whether each sentence can be understood: it stands by itself, or the one before is there too."""
    places = {each.place for each in chosen}
    return all(not each.dangles or each is main or each.place - 1 in places for each in chosen)


def _value(chosen: Sequence[_Sentence], worth: Sequence[float]) -> float:
    """Return what sentences are worth together: what is said twice counts once."""
    value = sum(worth[each.place] - _LEAST for each in chosen)
    for one, other in combinations(chosen, 2):
        shared = len(one.topics & other.topics)
        value -= shared / max(1, min(len(one.topics), len(other.topics)))
    return value
