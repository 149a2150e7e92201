"""A simulated SMTP server: strict about what it is told, and as faulty as the seed wants. Its ledger is what really arrived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Protocol

from newsletter.simulation.network import Link
from newsletter.simulation.world import Process, World


class Misdeed(StrEnum):
    """What a server may do instead of its duty, wherever it makes sense."""

    REFUSE_FOR_NOW = "4yz"
    REFUSE = "5yz"
    OBJECT = "5.7.1"
    RETIRE = "421"
    HANG_UP = "hang up"
    RESET = "reset"
    SILENCE = "silence"
    DAWDLE = "dawdle"
    BABBLE = "babble"
    #: Only at the final dot: what it does comes after it has taken the message.
    TAKE_AND_HANG_UP = "take, hang up"
    TAKE_AND_RESET = "take, reset"
    TAKE_AND_SILENCE = "take, silence"
    TAKE_AND_DAWDLE = "take, dawdle"
    TAKE_AND_BREAK_REPLY = "take, half a reply"
    TAKE_AND_BABBLE = "take, babble"
    #: Only in the middle of a message.
    INTERRUPT = "interrupt"


#: What may happen in each phase; ``idle`` is behind a message that was dealt with.
POSSIBLE: Mapping[str, tuple[Misdeed, ...]] = {
    "connect": (Misdeed.RETIRE, Misdeed.HANG_UP, Misdeed.SILENCE, Misdeed.DAWDLE, Misdeed.REFUSE, Misdeed.BABBLE),
    "ehlo": (Misdeed.RETIRE, Misdeed.HANG_UP, Misdeed.SILENCE, Misdeed.REFUSE_FOR_NOW),
    "mail": (Misdeed.REFUSE_FOR_NOW, Misdeed.OBJECT, Misdeed.RETIRE, Misdeed.HANG_UP, Misdeed.RESET, Misdeed.SILENCE),
    "rcpt": (
        Misdeed.REFUSE_FOR_NOW,
        Misdeed.REFUSE,
        Misdeed.OBJECT,
        Misdeed.RETIRE,
        Misdeed.HANG_UP,
        Misdeed.SILENCE,
        Misdeed.DAWDLE,
    ),
    "data": (Misdeed.REFUSE_FOR_NOW, Misdeed.REFUSE, Misdeed.RETIRE, Misdeed.HANG_UP, Misdeed.SILENCE, Misdeed.BABBLE),
    "body": (Misdeed.INTERRUPT, Misdeed.HANG_UP, Misdeed.RESET, Misdeed.RETIRE),
    "dot": (
        Misdeed.REFUSE_FOR_NOW,
        Misdeed.REFUSE,
        Misdeed.OBJECT,
        Misdeed.RETIRE,
        Misdeed.HANG_UP,
        Misdeed.RESET,
        Misdeed.SILENCE,
        Misdeed.BABBLE,
        Misdeed.TAKE_AND_HANG_UP,
        Misdeed.TAKE_AND_RESET,
        Misdeed.TAKE_AND_SILENCE,
        Misdeed.TAKE_AND_DAWDLE,
        Misdeed.TAKE_AND_BREAK_REPLY,
        Misdeed.TAKE_AND_BABBLE,
    ),
    "idle": (Misdeed.RETIRE, Misdeed.HANG_UP),
}
_REPLIES = {
    Misdeed.REFUSE_FOR_NOW: "451 4.3.0 not now",
    Misdeed.REFUSE: "550 5.1.1 nobody here",
    Misdeed.OBJECT: "550 5.7.1 we do not like you",
}
_MUTTERED: Mapping[Misdeed, tuple[bytes, ...]] = {
    Misdeed.RETIRE: (b"421 4.3.2 closing\r\n",),
    Misdeed.INTERRUPT: (b"451 4.3.0 enough\r\n", b"552 5.3.4 too much\r\n"),
    Misdeed.BABBLE: (b"hello? 250\n",),
    Misdeed.TAKE_AND_BREAK_REPLY: (b"250 2.0",),
    Misdeed.TAKE_AND_BABBLE: (b"\x00\xffpardon?\r\n",),
}
_DAWDLING = frozenset({Misdeed.DAWDLE, Misdeed.TAKE_AND_DAWDLE})
_RESETTING = frozenset({Misdeed.RESET, Misdeed.TAKE_AND_RESET})
_HANGING_UP = frozenset(
    {Misdeed.RETIRE, Misdeed.INTERRUPT, Misdeed.HANG_UP, Misdeed.TAKE_AND_HANG_UP, Misdeed.TAKE_AND_BREAK_REPLY}
)


@dataclass(slots=True)
class Copy:
    """A message that the server took. ``heard_at``: when the sender's code had got all of the accepting reply."""

    recipient: str
    data: bytes
    at: float
    link: Link
    heard_at: float = float("inf")


@dataclass(slots=True)
class Manners:
    """How a server behaves. ``rate``: how often it misbehaves in a phase, 0 to 1, with one of ``misdeeds``.

    ``unknown`` recipients are refused for good. ``greylisted`` ones are put off until a virtual second. ``think`` is how long
    an answer takes it at most, ``dawdle`` how long when it dawdles.
    """

    rate: float = 0.0
    misdeeds: frozenset[Misdeed] = frozenset()
    unknown: frozenset[str] = frozenset()
    greylisted: dict[str, float] = field(default_factory=dict)
    can_pipeline: bool = True
    takes_data_without_recipient: bool = False
    think: float = 1e-3
    dawdle: float = 1.2


class Witness(Protocol):
    """Sees what happens at a server."""

    def dot_came(self, recipient: str, data: bytes, process: Process, sent_at: float) -> list[Copy]:
        """See a final dot that a process wrote at an instant; say where to put the copy if the server takes it."""
        ...

    def refused(self, recipient: str) -> None:
        """See a recipient refused for good."""
        ...

    def was_rude(self, what: str) -> None:
        """See a client break the rules of SMTP."""
        ...


class NextHop:
    """A server that takes connections and messages.

    Attributes:
        is_down: connections are refused.
        is_unreachable: they are not answered.
    """

    def __init__(self, world: World, manners: Manners, witness: Witness) -> None:
        """Make a server.

        Args:
            world: its time.
            manners: how it behaves.
            witness: told of all that matters.
        """
        self.world = world
        self.manners = manners
        self.is_down = False
        self.is_unreachable = False
        self.witness = witness
        self._sessions: list[_Session] = []

    def accept(self, link: Link) -> _Session | None:
        if self.is_down:
            return None
        session = _Session(self, link)
        self._sessions.append(session)
        session.answer("connect", "", "220 next.example.org ESMTP")
        return session

    def restart(self) -> None:
        """End every connection at once."""
        sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.reset()

    def misdeed(self, phase: str) -> Misdeed | None:
        """Draw what goes wrong in a phase, if anything."""
        random = self.world.random
        if not self.manners.rate or random.random() >= self.manners.rate:
            return None
        possible = [misdeed for misdeed in POSSIBLE[phase] if misdeed in self.manners.misdeeds]
        return random.choice(possible) if possible else None


class _Session:
    """One connection, as the server sees it."""

    def __init__(self, server: NextHop, link: Link) -> None:
        self.server = server
        self.link = link
        self._world = server.world
        self._buffer = b""
        self._is_in_body = False
        #: It answers one command after the other, and reads nothing before its answer is out.
        self._is_busy = False
        self._is_deaf = False
        self._is_gone = False
        self._has_mail = False
        self._recipient = self._asked_for = ""
        self._data = b""
        self._sent_at = 0.0
        self._copies: list[Copy] = []

    def receive(self, data: bytes, sent_at: float) -> None:
        if self._is_deaf:
            return
        self._sent_at = sent_at
        self._buffer += data
        if not self.server.manners.can_pipeline and self._is_busy and not self._is_in_body:
            self.server.witness.was_rude(
                f"{data[:40]!r} came before the answer to the last command, and PIPELINING is not offered"
            )
        self._go_on()

    def hung_up(self) -> None:
        self._is_deaf = True

    def reset(self) -> None:
        """Drop the connection, and what is not done yet with it."""
        self._is_deaf = self._is_gone = True
        self.link.break_off()

    def answer(self, phase: str, recipient: str, usual: str, *, then: Callable[[], object] | None = None) -> None:
        """Answer in a phase after some thought: as ``usual``, doing ``then`` before, or by a misdeed."""
        self._is_busy = True
        self._asked_for = recipient
        misdeed = self.server.misdeed(phase)
        if misdeed is not None:
            self._world.note("server at %s for %s: %s", phase, recipient or "nobody", misdeed)
            self._misbehave(phase, misdeed, usual, then)
            return

        def reply() -> None:
            if then is not None:
                then()
            self._say(usual)

        self._world.after(self._world.random.random() * self.server.manners.think, reply)

    def _misbehave(self, phase: str, misdeed: Misdeed, usual: str, then: Callable[[], object] | None = None) -> None:
        if phase == "body":
            self._is_deaf = True
        recipient = self._asked_for
        about = self._take() if misdeed.startswith("take") else None
        longest = self.server.manners.dawdle if misdeed in _DAWDLING else self.server.manners.think
        self._world.after(self._world.random.random() * longest, lambda: self._act(misdeed, usual, then, about, recipient))

    def _act(self, misdeed: Misdeed, usual: str, then: Callable[[], object] | None, about: Copy | None, recipient: str) -> None:
        if misdeed in _REPLIES:
            if misdeed is Misdeed.REFUSE:
                self.server.witness.refused(recipient)
            self._say(_REPLIES[misdeed])
        elif misdeed in _DAWDLING:
            if then is not None:
                then()
            self._say(usual, about=about)
        elif misdeed in _RESETTING:
            self.reset()
        else:
            self._mutter(self._world.random.choice(_MUTTERED.get(misdeed, (b"",))))
            if misdeed is Misdeed.RETIRE:
                # It has answered: a message that it was about to take is refused.
                self._is_gone = True
            if misdeed in _HANGING_UP:
                self._hang_up()

    def _say(self, reply: str, *, about: Copy | None = None) -> None:
        if self._is_deaf and about is None:
            return
        self._is_busy = False
        self.link.down(reply.encode() + b"\r\n", on_read=None if about is None else partial(self._was_heard, about))
        self._go_on()

    def _was_heard(self, copy: Copy) -> None:
        copy.heard_at = self._world.now

    def _mutter(self, data: bytes) -> None:
        """Say something, or nothing, and then no more."""
        self._is_deaf = True
        if data:
            self.link.down(data)

    def _hang_up(self) -> None:
        self._is_deaf = True
        self.link.hang_up()

    def _go_on(self) -> None:
        while not self._is_busy and not self._is_deaf:
            if self._is_in_body:
                if not self._read_body():
                    return
                continue
            line, found, rest = self._buffer.partition(b"\r\n")
            if not found:
                return
            self._buffer = rest
            self._command(line)

    def _command(self, line: bytes) -> None:
        verb, _, words = line.decode("ascii", "replace").partition(" ")
        if not self.server.manners.can_pipeline and self._buffer:
            self.server.witness.was_rude(f"{self._buffer[:40]!r} came together with {line!r}, and PIPELINING is not offered")
        if verb == "EHLO":
            extensions = ["8BITMIME", "ENHANCEDSTATUSCODES"] + ["PIPELINING"] * self.server.manners.can_pipeline
            lines = ["next.example.org", *extensions]
            greeting = "\r\n".join(f"250{'-' if number < len(lines) else ' '}{word}" for number, word in enumerate(lines, 1))
            self.answer("ehlo", "", greeting)
        elif verb == "MAIL":
            self._forget()
            self.answer("mail", "", "250 2.1.0 ok", then=self._start)
        elif verb == "RCPT":
            self._hear_recipient(words.removeprefix("TO:<").partition(">")[0])
        elif verb == "DATA":
            self._hear_data()
        elif verb == "RSET":
            self._forget()
            self._say("250 2.0.0 forgotten")
        elif verb == "QUIT":
            self._mutter(b"221 2.0.0 bye\r\n")
            self._hang_up()
        else:
            self.server.witness.was_rude(f"{line[:60]!r} is no command")
            self._say("500 5.5.2 pardon?")

    def _hear_recipient(self, recipient: str) -> None:
        manners = self.server.manners
        if not self._has_mail:
            self._say("503 5.5.1 MAIL first")
        elif recipient in manners.unknown:
            self.server.witness.refused(recipient)
            self._say("550 5.1.1 nobody here by that name")
        elif manners.greylisted.get(recipient, 0.0) > self._world.now:
            self._say("451 4.7.1 greylisted, come back later")
        else:
            self.answer("rcpt", recipient, "250 2.1.5 ok", then=lambda: setattr(self, "_recipient", recipient))

    def _hear_data(self) -> None:
        if not self._recipient and not self.server.manners.takes_data_without_recipient:
            self._say("554 5.5.1 no valid recipients")
            return
        self.answer("data", self._recipient, "354 go on", then=lambda: setattr(self, "_is_in_body", True))

    def _read_body(self) -> bool:
        if self._buffer.startswith(b".\r\n"):
            data, rest = b"", self._buffer[3:]
        else:
            head, found, rest = self._buffer.partition(b"\r\n.\r\n")
            if not found:
                if self._buffer and self._recipient and (misdeed := self.server.misdeed("body")) is not None:
                    self._world.note("server in the body for %s: %s", self._recipient, misdeed)
                    self._misbehave("body", misdeed, "")
                return False
            data = head + b"\r\n"
        self._buffer, self._is_in_body = rest, False
        if not self._recipient:
            self._say("554 5.5.1 no valid recipients")
            return True
        self._data = data[1:] if data.startswith(b".") else data
        self._data = self._data.replace(b"\r\n..", b"\r\n.")
        self._copies = self.server.witness.dot_came(self._recipient, self._data, self.link.loop.process, self._sent_at)
        self._answer_dot()
        return True

    def _answer_dot(self) -> None:
        recipient = self._asked_for = self._recipient
        self._is_busy = True
        misdeed = self.server.misdeed("dot")
        if misdeed is not None:
            self._world.note("server at dot for %s: %s", recipient, misdeed)
            self._misbehave("dot", misdeed, "250 2.0.0 taken")
            self._forget()
            return

        def take() -> None:
            # A sender that is gone by now does not matter: the message is complete, and ours.
            if self._is_gone:
                return
            copy = self._take()
            self._forget()
            misdeed = self.server.misdeed("idle")
            self._say("250 2.0.0 taken", about=copy)
            if misdeed is not None and not self._is_busy:
                self._world.note("server when idle: %s", misdeed)
                self._misbehave("idle", misdeed, "")

        self._world.after(self._world.random.random() * self.server.manners.think, take)

    def _take(self) -> Copy:
        copy = Copy(self._recipient, self._data, self._world.now, self.link)
        self._copies.append(copy)
        self._world.note("server took a copy for %s", self._recipient)
        return copy

    def _start(self) -> None:
        self._has_mail = True

    def _forget(self) -> None:
        self._has_mail = False
        self._recipient = ""
