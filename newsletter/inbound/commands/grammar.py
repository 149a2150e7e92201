"""What a reader's own words ask for. Forgiving of case, accents, politeness, lists, quotation marks and typing mistakes.

One command a line, or several with semicolons, commas or "and" between. Prose is no command: what begins with it is not read
any further, and below the first command, or what was meant as one, only lines count that are nothing but commands. Only an ask
that mails stop is looked for in prose as well, sentence by sentence.

No more than :data:`~newsletter.inbound.commands.lines.LONGEST_TEXT` characters are looked at, in time that grows with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice

from newsletter.inbound.commands.folding import Word, fold, words_of
from newsletter.inbound.commands.lines import LONGEST_LINE, lines_of, subject_of, typed
from newsletter.inbound.commands.lists import follows_of, keywords_of, mute_of, topics_of
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
#: Lines behind one that was not understood in which another command is looked for.
_FAR = 20
#: Letters of a line that may have been broken on the way, so that the next one goes on with its sentence.
_BROKEN = 50
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
#: What ends a sentence.
_ENDS = (".", "!", "?", ":", ";", ")", "\u061f", "\u061b", "\u2026")
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
    lines = _spoken(text)
    commands = _subject_commands(subject, has_text=bool(lines))
    found, missed = _in_lines(lines)
    commands.extend(found)
    if Plain(Verb.STOP) not in commands and asks_to_stop(typed(text)):
        commands.append(Plain(Verb.STOP))
    # Of the same twice the last counts, as somebody may have changed their mind in between.
    return Read(tuple(reversed(dict.fromkeys(reversed(commands[:MOST_COMMANDS])))), missed)


def _in_lines(lines: Sequence[str]) -> tuple[list[Command], int]:
    """Return the commands in the lines of a text, and how many lines were not understood among them."""
    commands: list[Command] = []
    missed = place = 0
    while place < len(lines) and len(commands) < MOST_COMMANDS:
        line = lines[place]
        found, is_whole = _read_line(line)
        if found and (is_whole or not missed):
            commands.extend(found)
        place += 1
        if is_whole:
            continue
        if _is_prose(line):
            if not (commands or missed):
                break
            following = _next_whole(lines, place)
            missed += _begins_a_command(words_of(line)) if following is None else following - place + 1
            if following is None:
                break
            place = following
        elif commands and not _begins_a_command(words_of(line)) and (following := _next_whole(lines, place)) is None:
            break  # a name below them
        else:
            missed += 1
    return commands, missed


def _next_whole(lines: Sequence[str], start: int) -> int | None:
    """Return the place of the next line that is nothing but commands, among those that are near; None if there is none.

    What a line of prose goes on with is none, nor what stands below a closing.
    """
    for place in range(start, min(start + _FAR, len(lines))):
        words = words_of(lines[place])
        found, is_whole = _read_line(lines[place])
        if is_whole and not _runs_on(lines[place - 1], is_leaving=Plain(Verb.STOP) in found):
            return place
        if words and words[0].text in vocabulary().sets["closings"] and len(words) <= _MOST_WORDS_POLITE:
            return None
    return None


def _is_prose(line: str) -> bool:
    words = words_of(line)
    return not words or len(words) > _MOST_WORDS_MISSED or words[0].text in vocabulary().sets["closings"]


def _runs_on(line: str, *, is_leaving: bool) -> bool:
    """Whether a line is prose that the next one, which would be a command, goes on with; to leave is taken with more care."""
    is_long = is_leaving or len(line) >= _BROKEN
    return is_long and len(words_of(line)) > _MOST_WORDS_MISSED and not line.endswith(_ENDS) and not _read_line(line)[1]


def looks_like_command(text: str) -> bool:
    """Whether somebody's own words (or a subject) ask for something: their first line is a command, or they ask to stop."""
    lines = _spoken(text)
    return bool(lines and _read_line(lines[0])[0]) or asks_to_stop(typed(text))


def _spoken(text: str) -> list[str]:
    """Return the lines that do not merely greet."""
    return [line for line in lines_of(text) if not is_greeting(line) or _read_line(line)[1]]


def _subject_commands(subject: str, *, has_text: bool) -> list[Command]:
    bare, is_reply = subject_of(subject)
    found, is_whole = _read_line(bare)
    if not is_whole or (is_reply and (has_text or len(words_of(bare)) > 1)):
        return []
    return found


def is_greeting(line: str) -> bool:
    """Whether a line greets and says nothing."""
    words = words_of(line)
    return bool(words) and words[0].text in vocabulary().sets["greetings"] and len(words) <= _MOST_WORDS_POLITE


def _begins_a_command(words: Sequence[Word]) -> bool:
    return bool(words) and bool(_leading(words)[0] or vocabulary().mistakes.meant(words[0].text))


def _read_line(line: str) -> tuple[list[Command], bool]:
    """Return the commands in a line, and whether it is nothing but commands."""
    if not line or len(line) > LONGEST_LINE:
        return [], False
    line = _without_reason(line)
    found: list[Command] = []
    start = 0
    current = _one(line)
    if current and not _may_be_more(current[0]):
        return [*current], True
    joints = list(islice(_JOINT.finditer(line), _MOST_JOINTS))
    for place, joint in enumerate(joints):
        ends = [*(other.start() for other in joints[place + 1 :]), len(line)]
        command = _next(line, joint.end(), ends)
        before = _one(line[start : joint.start()]) if command else ()
        if not before:
            continue
        if isinstance(command[0], Plain) and joint[0] != ";" and before[0].verb in _FREE:
            continue
        found.extend(before)
        start = joint.end()
    last = _one(line[start:])
    if last:
        found.extend(last)
    elif line[start:].strip(" .,;!"):
        return found, False
    return found, bool(found)


def _without_reason(line: str) -> str:
    """Return a line without the reason at its end: ``less 2 because it is about robots``."""
    for word in words_of(line):
        if word.text in vocabulary().sets["reasons"] and word.start and '"' not in line[: word.start]:
            return line[: word.start].rstrip(" ,;-")
    return line


def _may_be_more(command: Command) -> bool:
    """Whether what was read as one command may have eaten others: a list, or a word that a name could be."""
    return not isinstance(command, (Plain, SetCadence, Say))


def _next(line: str, start: int, ends: Sequence[int]) -> tuple[Command, ...]:
    """Return the command that begins at ``start`` and goes up to one of the first ``ends``; none if none does."""
    pieces = [piece for end in ends[:_MOST_ENDS] if (piece := line[start:end]).strip()]
    words = _politely(words_of(pieces[0])) if pieces else ()
    if not words or not (words[0].text[0].isdecimal() or _begins_a_command(words) or is_stop(pieces[0])):
        return ()
    return next((command for piece in pieces if (command := _one(piece))), ())


def _one(segment: str) -> tuple[Command, ...]:
    """Return the one command that a piece of a line is, with several names one for each; none if it is none."""
    bare = _trimmed(segment)
    verb, rest = _verb_of(bare)
    follows = follows_of(rest, is_on=verb is Verb.FOLLOW) if verb in {Verb.FOLLOW, Verb.UNFOLLOW} else None
    if follows is not None:
        return follows
    command = _single(bare) if bare else None
    return () if command is None else (command,)


def _single(bare: str) -> Command | None:
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
    if not 1 <= len(words) <= 3 or not words[0].text[0].isdecimal():
        return None
    if len(words) > 1 and words[1].text in vocabulary().sets["papers"]:
        return size_of(bare)
    return hour_of(bare) if fold(bare).endswith(("am", "pm", "uhr")) else None


#: What reads that which stands behind a command word.
_READERS: dict[Verb, Callable[[str], Command | None]] = {
    Verb.SUBSCRIBE: _subscribe,
    Verb.TOPICS: topics_of,
    Verb.KEYWORDS: keywords_of,
    Verb.MUTE: partial(mute_of, is_on=True),
    Verb.UNMUTE: partial(mute_of, is_on=False),
    Verb.MORE: partial(_say, taste=Taste.MORE),
    Verb.LESS: partial(_say, taste=Taste.LESS),
    Verb.PAUSE: pause_of,
    Verb.SIZE: size_of,
    Verb.HOUR: hour_of,
    Verb.ZONE: zone_of,
}
