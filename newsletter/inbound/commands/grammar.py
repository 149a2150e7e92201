"""What a reader's own words ask for. Forgiving of case, accents, politeness, lists, quotation marks and typing mistakes.

One command a line, or several with semicolons, commas or "and" between. Prose is no command: what is read ends at the first
line that looks like it. Only an ask that mails stop is looked for in prose as well, sentence by sentence.

No more than :data:`~newsletter.inbound.commands.lines.LONGEST_TEXT` characters are looked at, in time that grows with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice

from newsletter.inbound.commands.folding import Word, fold, words_of
from newsletter.inbound.commands.lines import LONGEST_LINE, lines_of, subject_of, typed
from newsletter.inbound.commands.lists import follow_of, keywords_of, mute_of, topics_of
from newsletter.inbound.commands.model import Command, Plain, Read, Say, SetCadence, Subscribe, Verb
from newsletter.inbound.commands.stopping import asks_to_stop, is_stop
from newsletter.inbound.commands.values import (
    hour_of,
    numbers_in,
    pause_of,
    size_of,
    zone_of,
)
from newsletter.inbound.commands.vocabulary import vocabulary
from subscribers.model import Cadence, Taste

MOST_COMMANDS = 20
#: Words of a line that may have been meant as a command; longer ones are prose.
_MOST_WORDS_MISSED = 4
#: Words of a greeting or a closing.
_MOST_WORDS_POLITE = 5
#: Places in a line where another command may begin.
_MOST_JOINTS = 24
#: Places where a command behind another may end: one of them may stand inside it, as in "24. December".
_MOST_ENDS = 3
#: Words of politeness before a command.
_MOST_WORDS_BEFORE = 8
#: Words behind "subscribe" that say nothing we know, such as the name of a list.
_MOST_WORDS_IGNORED = 3
_MOST_WORDS_BEHIND = 16

_JOINT = re.compile(
    r"[;,\u061b\u060c]|\s(?:&|and|und|et|y|e|then|dann|puis|luego|\u0648)(?=\s)|\s(?=[a-z]{3,8}\s+#?\d)|[.!](?=\s)",
    re.IGNORECASE,
)
#: Commands that stand alone.
_PLAIN = frozenset({Verb.CONFIRM, Verb.REFUSE, Verb.RESUME, Verb.STATUS, Verb.EXPORT, Verb.HELP})
#: Commands whose words may be any: an "and stop" behind one belongs to it.
_FREE = frozenset({Verb.FOLLOW, Verb.UNFOLLOW, Verb.MUTE, Verb.UNMUTE, Verb.KEYWORDS, Verb.TOPICS})


def read_commands(text: str, *, subject: str = "") -> Read:
    """Return what somebody asks for.

    Args:
        text: their own words, without what they quote.
        subject: of the mail. It counts if all of it is commands; behind a "Re:" only as a single word and if no text is there,
            for it may be the title of a paper.
    """
    lines = list(lines_of(text))
    commands = _subject_commands(subject, has_text=bool(lines))
    missed = 0
    for line in lines:
        found, is_whole = _read_line(line)
        commands.extend(found)
        if len(commands) >= MOST_COMMANDS:
            break
        if is_whole or _is_greeting(line):
            continue
        words = words_of(line)
        is_tried = bool(words) and _begins_a_command(words)
        if not words or len(words) > _MOST_WORDS_MISSED or words[0].text in vocabulary().sets["closings"]:
            missed += bool(commands) and is_tried
            break
        if commands and not is_tried:  # a name below them
            break
        missed += 1
    if Plain(Verb.STOP) not in commands and asks_to_stop(typed(text)):
        commands.append(Plain(Verb.STOP))
    # Of the same twice the last counts, as somebody may have changed their mind in between.
    return Read(tuple(reversed(dict.fromkeys(reversed(commands[:MOST_COMMANDS])))), missed)


def looks_like_command(text: str) -> bool:
    """Whether somebody's own words (or a subject) ask for something: their first line is a command, or they ask to stop."""
    first = next((line for line in lines_of(text) if not _is_greeting(line)), "")
    return bool(_read_line(first)[0]) or asks_to_stop(typed(text))


def _subject_commands(subject: str, *, has_text: bool) -> list[Command]:
    bare, is_reply = subject_of(subject)
    found, is_whole = _read_line(bare)
    if not is_whole or (is_reply and (has_text or len(words_of(bare)) > 1)):
        return []
    return found


def _is_greeting(line: str) -> bool:
    words = words_of(line)
    return bool(words) and words[0].text in vocabulary().sets["greetings"] and len(words) <= _MOST_WORDS_POLITE


def _begins_a_command(words: Sequence[Word]) -> bool:
    return bool(_leading(words)[0] or vocabulary().mistakes.meant(words[0].text))


def _read_line(line: str) -> tuple[list[Command], bool]:
    """Return the commands in a line, and whether it is nothing but commands."""
    if not line or len(line) > LONGEST_LINE:
        return [], False
    found: list[Command] = []
    start = 0
    current = _one(line)
    if current is not None and not _may_be_more(current):
        return [current], True
    joints = list(islice(_JOINT.finditer(line), _MOST_JOINTS))
    for place, joint in enumerate(joints):
        ends = [*(other.start() for other in joints[place + 1 :]), len(line)]
        command = _next(line, joint.end(), ends)
        before = None if command is None else _one(line[start : joint.start()])
        if command is None or before is None:
            continue
        if isinstance(command, Plain) and joint[0] != ";" and before.verb in _FREE:
            continue
        found.append(before)
        start = joint.end()
    last = _one(line[start:])
    if last is not None:
        found.append(last)
    elif line[start:].strip(" .,;!"):
        return found, False
    return found, bool(found)


def _may_be_more(command: Command) -> bool:
    """Whether what was read as one command may have eaten others: a list, or a word that a name could be."""
    return not isinstance(command, (Plain, SetCadence, Say))


def _next(line: str, start: int, ends: Sequence[int]) -> Command | None:
    """Return the command that begins at ``start`` and goes up to one of the first ``ends``; None if none does."""
    pieces = [piece for end in ends[:_MOST_ENDS] if (piece := line[start:end]).strip()]
    words = _politely(words_of(pieces[0])) if pieces else ()
    if not words or not (words[0].text.isdecimal() or _begins_a_command(words) or is_stop(pieces[0])):
        return None
    return next((command for piece in pieces if (command := _one(piece)) is not None), None)


def _one(segment: str) -> Command | None:
    """Return the one command that a piece of a line is; None if it is none."""
    bare = _trimmed(segment)
    if not bare:
        return None
    if bare == "?":
        return Plain(Verb.HELP)
    cadence = _cadence(bare)
    if cadence is not None:
        return SetCadence(cadence)
    verb, rest = _verb_of(bare)
    command = None if verb is None else _command(verb, rest)
    if command is None and is_stop(bare):
        return Plain(Verb.STOP)
    # Last, as a word for leaving may be one letter away from one for signing up.
    return command or _by_number(bare) or _meant(bare)


def _trimmed(segment: str) -> str:
    """Return a piece of a line without politeness in front of it."""
    bare = segment.strip(" \t,;.!:")
    words = words_of(bare)
    polite = _politely(words)
    return bare[polite[0].start :] if len(polite) < len(words) else bare


def _politely(words: Sequence[Word]) -> Sequence[Word]:
    """Return the words without those in front that change nothing; the last one stays."""
    for place, word in enumerate(words[:_MOST_WORDS_BEFORE]):
        if word.text not in vocabulary().sets["before"] or place + 1 == len(words) or _leading(words[place:])[0]:
            return words[place:]
    return words


def _leading(words: Sequence[Word]) -> tuple[Verb | None, int]:
    """Return the longest phrase of a command that stands at the front, and of how many words it is."""
    for count in range(min(vocabulary().longest, len(words)), 0, -1):
        phrase = " ".join(word.text for word in words[:count])
        if phrase in vocabulary().verbs:
            return vocabulary().verbs[phrase], count
        if phrase in vocabulary().cadences:
            return Verb.CADENCE, count
    return None, 0


def _verb_of(bare: str) -> tuple[Verb | None, str]:
    """Return what a piece begins with, and what stands behind that."""
    words = words_of(bare)
    if not words or words[0].start > 1:
        return None, ""
    verb, count = _leading(words)
    return verb, "" if verb is None else _behind(bare, words[count - 1])


def _behind(bare: str, word: Word) -> str:
    return bare[word.end :].lstrip(" :=").rstrip(" .!")


def _meant(bare: str) -> Command | None:
    """Return the command whose first word is written with a mistake, if only one can be meant."""
    words, known = words_of(bare), vocabulary()
    if not words or words[0].start > 1:
        return None
    near = known.mistakes.meant(words[0].text)
    cadences = {known.cadences[word] for word in near if word in known.cadences}
    verbs = {known.verbs[word] for word in near if word in known.verbs}
    if len(cadences) + len(verbs) != 1:
        return None
    if cadences:
        return SetCadence(cadences.pop()) if _all_behind(words[1:]) else None
    return _command(verbs.pop(), _behind(bare, words[0]))


def _cadence(bare: str) -> Cadence | None:
    """Return the cadence if nothing else is said."""
    words = words_of(bare)
    verb, count = _leading(words)
    if verb is not Verb.CADENCE or not _all_behind(words[count:]):
        return None
    return vocabulary().cadences[" ".join(word.text for word in words[:count])]


def _all_behind(words: Iterable[Word]) -> bool:
    return all(word.text in vocabulary().sets["behind"] for word in words)


def _command(verb: Verb, rest: str) -> Command | None:
    reader = _READERS.get(verb)
    if reader is not None:
        return reader(rest)
    return Plain(verb) if verb in _PLAIN and _all_behind(words_of(rest)) else None


def _say(rest: str, taste: Taste) -> Say | None:
    numbers = numbers_in(rest)
    return None if numbers is None else Say(taste, numbers)


def _subscribe(rest: str) -> Subscribe | None:
    """Return the wish, with the cadence and the topics that stand behind it in whatever order."""
    words, known = words_of(rest), vocabulary()
    cadence, topics = None, None
    place = ignored = 0
    while place < len(words):
        if ignored > _MOST_WORDS_IGNORED or place > _MOST_WORDS_BEHIND:
            return None
        verb, count = _leading(words[place : place + known.longest])
        if verb is Verb.CADENCE and cadence is None:
            cadence = known.cadences[" ".join(word.text for word in words[place : place + count])]
            place += count
            continue
        if verb is Verb.TOPICS:
            topics = topics_of(rest[words[place + count - 1].end :].lstrip(" :="))
            break
        bare = topics_of(rest[words[place].start :])
        if bare is not None and bare.add and not bare.add_words:
            topics = bare
            break
        ignored += words[place].text not in known.sets["behind"]
        place += 1
    return Subscribe(cadence, topics)


def _by_number(bare: str) -> Command | None:
    """Return the command that a number in front means: ``5 papers``, ``7 am``."""
    words = words_of(bare)
    if not 1 < len(words) <= 3 or not words[0].text.isdecimal():
        return None
    if words[1].text in vocabulary().sets["papers"]:
        return size_of(bare)
    return hour_of(bare) if fold(bare).endswith(("am", "pm", "uhr")) else None


#: What reads that which stands behind a command word.
_READERS: dict[Verb, Callable[[str], Command | None]] = {
    Verb.SUBSCRIBE: _subscribe,
    Verb.TOPICS: topics_of,
    Verb.KEYWORDS: keywords_of,
    Verb.FOLLOW: partial(follow_of, is_on=True),
    Verb.UNFOLLOW: partial(follow_of, is_on=False),
    Verb.MUTE: partial(mute_of, is_on=True),
    Verb.UNMUTE: partial(mute_of, is_on=False),
    Verb.MORE: partial(_say, taste=Taste.MORE),
    Verb.LESS: partial(_say, taste=Taste.LESS),
    Verb.PAUSE: pause_of,
    Verb.SIZE: size_of,
    Verb.HOUR: hour_of,
    Verb.ZONE: zone_of,
}
