"""Whether somebody asks that mails stop. In whatever words: who is not heard here presses the button for spam instead."""

from __future__ import annotations

import re

from newsletter.inbound.commands.folding import fold, words_of
from newsletter.inbound.commands.model import Verb
from newsletter.inbound.commands.vocabulary import vocabulary

#: Sentences of a mail that are looked at.
_MOST_SENTENCES = 16
#: A sentence of more words, or letters, is about something else.
_MOST_WORDS, _MOST_LETTERS = 24, 400
_ADDRESS = re.compile(r"\S{1,100}@\S{1,255}")
#: Number of a paper.
_NUMBER = re.compile(r"\d{1,2}")
_WORDS = re.compile(r"[^\W\d_]+")
#: Ends of what is said at once. A line ends it only where an empty one follows, or a mark stands before.
_SENTENCE = re.compile(r"[.!?,;:\u2026\u061f\u060c]+|\n[ \t]*\n|--")
_ASKS = re.compile(r"[?\u061f]")


def asks_to_stop(text: str) -> bool:
    """Whether one of the first sentences is :func:`is_stop`; lines that were broken on the way are joined before."""
    start = 0
    for count, end in enumerate(_SENTENCE.finditer(text)):
        if count == _MOST_SENTENCES:
            return False
        sentence = text[start : end.start()]
        if is_stop(sentence) and not (_ASKS.search(end[0]) and _is_idle(sentence)):
            return True
        start = end.end()
    return is_stop(text[start:])


def _is_idle(question: str) -> bool:
    """Whether a question asks nothing of us: ``will it ever stop``."""
    return vocabulary().sets["to_us"].isdisjoint(_WORDS.findall(fold(question)))


def is_stop(sentence: str) -> bool:
    """Whether a sentence asks that mails stop and says nothing else: ``STOP sending me this``, ``please take me off``.

    It does if it has one of the words for it and all others are such as stand around them. A word of denial is not among
    these, so ``do not stop`` is none, and neither is ``I stopped reading the paper``. ``stop 3`` is about a paper.
    """
    if len(sentence) > _MOST_LETTERS or _names_papers(sentence):
        return False
    words = _WORDS.findall(fold(_ADDRESS.sub(" ", sentence)))
    if not words or len(words) > _MOST_WORDS:
        return False
    known = vocabulary()
    if len(words) == 1 and words[0] in known.sets["alone"]:
        return True
    said = set(words)
    cores, rest = known.sets["cores"], said - known.sets["filling"]
    for every, either in known.together:
        if every <= said and (not either or said & either) and rest <= every | either:
            return True
    others = rest - cores
    if said & cores:
        return not others
    # One word that nobody knows may be the one with a typing mistake.
    return len(others) == 1 and bool(known.stop_mistakes.meant(others.pop()))


def _names_papers(sentence: str) -> bool:
    """Whether a sentence ends with numbers of papers that less is wanted of: ``not interested in 3``."""
    known = vocabulary()
    words = [word.text for word in words_of(sentence)]
    idle = known.sets["among_numbers"] | known.sets["behind"]
    end = len(words)
    while end and (words[end - 1] in idle or _NUMBER.fullmatch(words[end - 1])):
        end -= 1
    if not any(_NUMBER.fullmatch(word) for word in words[end:]):
        return False
    starts = range(max(0, end - known.longest), end)
    return any(known.verbs.get(" ".join(words[start:end])) is Verb.LESS for start in starts)
