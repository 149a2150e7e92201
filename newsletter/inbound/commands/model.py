"""What a reader can ask for by mail, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from subscribers.model import Cadence, Taste


class Verb(StrEnum):
    """What a command word asks for. ``REFUSE``: "no" to what a mail of ours asks to confirm."""

    SUBSCRIBE = "subscribe"
    CONFIRM = "confirm"
    REFUSE = "refuse"
    CADENCE = "cadence"
    TOPICS = "topics"
    KEYWORDS = "keywords"
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    MUTE = "mute"
    UNMUTE = "unmute"
    MORE = "more"
    LESS = "less"
    PAUSE = "pause"
    RESUME = "resume"
    SIZE = "size"
    HOUR = "hour"
    ZONE = "zone"
    STATUS = "status"
    EXPORT = "export"
    HELP = "help"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Plain:
    """A command that is one word: confirm, refuse, resume, status, export, help, stop."""

    verb: Verb


@dataclass(frozen=True, slots=True)
class SetCadence:
    """How often mails shall come."""

    cadence: Cadence

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb.CADENCE


@dataclass(frozen=True, slots=True)
class Topics:
    """arXiv categories, and words that are none.

    Attributes:
        add, drop: categories as arXiv spells them.
        add_words, drop_words: entries of keywords.
        replaces: ``add`` takes the place of all categories there were, ``drop`` is empty.
    """

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    add_words: tuple[str, ...] = ()
    drop_words: tuple[str, ...] = ()
    replaces: bool = False

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb.TOPICS


@dataclass(frozen=True, slots=True)
class Keywords:
    """Entries of keywords; with ``replaces`` they are all there shall be."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    replaces: bool = False

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb.KEYWORDS


@dataclass(frozen=True, slots=True)
class Follow:
    """An author or a lab to follow, or with ``is_on`` False no more."""

    name: str
    is_lab: bool
    is_on: bool

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb.FOLLOW if self.is_on else Verb.UNFOLLOW


@dataclass(frozen=True, slots=True)
class Mute:
    """Words to mute, or with ``is_on`` False no more."""

    words: tuple[str, ...]
    is_on: bool

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb.MUTE if self.is_on else Verb.UNMUTE


@dataclass(frozen=True, slots=True)
class Say:
    """More or less like some papers, by their numbers in a digest, from 1."""

    taste: Taste
    numbers: tuple[int, ...]

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb(self.taste.value)


@dataclass(frozen=True, slots=True)
class Day:
    """A day as it was written, which may be none there is; ``year`` None: the next one to come."""

    year: int | None
    month: int
    day: int


@dataclass(frozen=True, slots=True)
class Pause:
    """No mails for so many days, or until a day on which they come again; ``days`` counts only without ``until``."""

    days: int = 28
    until: Day | None = None

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb.PAUSE


@dataclass(frozen=True, slots=True)
class SetSize:
    """Papers a digest."""

    size: int

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb.SIZE


@dataclass(frozen=True, slots=True)
class SetHour:
    """Local hour of the mails; ``minutes`` that were asked for besides are not kept."""

    hour: int
    minutes: int = 0

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb.HOUR


@dataclass(frozen=True, slots=True)
class SetZone:
    """Time zone: the IANA name, or what was written if there is none such."""

    zone: str
    is_known: bool

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb.ZONE


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The newsletter is wished for, at a cadence and with topics if such were named."""

    cadence: Cadence | None = None
    topics: Topics | None = None

    @property
    def verb(self) -> Verb:
        """Its name."""
        return Verb.SUBSCRIBE


Command: TypeAlias = (
    Plain | SetCadence | Topics | Keywords | Follow | Mute | Say | Pause | SetSize | SetHour | SetZone | Subscribe
)


@dataclass(frozen=True, slots=True)
class Read:
    """What was read in a mail: commands in their order, each once, and how many lines looked like one and were not."""

    commands: tuple[Command, ...] = ()
    not_understood: int = 0

    def has(self, verb: Verb) -> bool:
        """Whether one of the commands is that single word."""
        return Plain(verb) in self.commands
