"""What the answer to a mail says, as figures and names: the letter ``answer`` makes words of them.

:meth:`Answer.as_json` is what stands in ``Notice.details``. Every key is always there::

    {
      "done": [                                # in the order they were written; what was to be done, and what came of it
        {"command": "cadence", "result": "done", "values": ["weekly"]},
        {"command": "cadence", "result": "not_offered", "values": ["monthly"]},
        {"command": "less", "result": "done", "values": ["2", "Title of the paper"]},
        {"command": "pause", "result": "done", "values": ["2026-12-24T07:00:00+01:00"]},
      ],
      "asked": [{"command": "topics", "result": "", "values": ["+cs.CL", "-cs.CV"]}],
      "asks_reply": false, "offers_leaving": false, "left": false, "not_understood": 2, "help": true, "status": null,
      "in_reply_to": "<…>"
    }

``asks_reply``
    Nothing was done: who wrote is not certain. ``asked`` is what was read, and a reply to this answer does it.
``offers_leaving``
    One of ``asked`` is to leave: the link to leave stands at the top. Only ever with a subscriber.
``left``
    The newsletter was left: a goodbye, with nothing that advertises.
``not_understood``
    Lines no command was found in.
``help``
    The list of commands belongs below.
``status``
    None, or what the reader has chosen: ``{"is_subscribed": true, "state": "active", "cadence": "daily", "hour": 8,
    "zone": "Europe/Berlin", "size": 10, "categories": [], "keywords": [], "authors": [], "labs": [], "muted": [],
    "paused_until": null}``. ``size`` is that of the newsletter where the reader chose none. ``state`` is one of
    :class:`subscribers.model.SubscriberState`. ``paused_until`` is ISO 8601 with the reader's zone. Where ``is_subscribed`` is
    false, all behind ``state`` is missing, and so is ``state`` where nobody of that address is known.
``in_reply_to``
    Message-ID of the mail that is answered, with its angle brackets; ``""`` if it has none that is fit for a header.

Values, by command:

========== =====================================================================================================================
confirm    none; only ever too late, as the welcome says the rest
forget     none: "no, not me" to a mail that asked to confirm: the sign-up is forgotten
cadence    the one asked for
topics     categories and words as they are now; with ``asks_reply`` each as written, with ``+`` or ``-`` in front
keywords   likewise
follow     the name; ``unfollow``, ``mute`` and ``unmute`` too
more       number in the digest, title; ``less`` too; one entry a paper. With ``asks_reply`` the number only; with
           ``no_such_number`` how many papers that digest has, if it has any
pause      end, ISO 8601 with the reader's zone; with ``asks_reply`` too
resume     none
size       papers a digest, in digits
hour       0 to 23, in digits, in the reader's zone; when it is done also the minutes that were asked for and cut off, if any
zone       its IANA name
export     none: the page of choices has the file; the letter links there
stop       none
========== =====================================================================================================================

Results: see :class:`Result`. ``status`` and ``help`` are no entries of ``done`` or ``asked``, but keys of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from subscribers.model import SubscriberState


class Result(StrEnum):
    """What came of a command.

    ``ASKED``: it waits for a reply. ``DONE``: it is so now, whether or not it was before. ``NOT_OFFERED``: the newsletter has
    no such cadence. ``NO_DIGEST``: nothing was sent yet that numbers could mean. ``NO_SUCH_NUMBER``: that digest has no such
    paper. ``NO_SUCH_ZONE``; ``OUT_OF_RANGE``: an hour, a size or a pause that there cannot be. ``TOO_MANY``: more words, or
    longer ones, than are kept. ``NOT_SUBSCRIBED``: the reader does not get the newsletter. ``TOO_LATE``: what was to be
    confirmed is old or gone. ``REFUSED``: no mail may go to the address.
    """

    ASKED = ""
    DONE = "done"
    NOT_OFFERED = "not_offered"
    NO_DIGEST = "no_digest"
    NO_SUCH_NUMBER = "no_such_number"
    NO_SUCH_ZONE = "no_such_zone"
    OUT_OF_RANGE = "out_of_range"
    TOO_MANY = "too_many"
    NOT_SUBSCRIBED = "not_subscribed"
    TOO_LATE = "too_late"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Line:
    """A command and what came of it; ``values`` by command, see the module."""

    command: str
    result: Result
    values: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"command": self.command, "result": self.result.value, "values": list(self.values)}


@dataclass(frozen=True, slots=True)
class Status:
    """What a reader has chosen; see the module."""

    is_subscribed: bool
    state: SubscriberState | None = None
    choices: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        state = {} if self.state is None else {"state": self.state.value}
        return {"is_subscribed": self.is_subscribed, **state, **(self.choices or {})}


@dataclass(frozen=True, slots=True)
class Answer:
    """All that an answer says; see the module."""

    done: tuple[Line, ...] = ()
    asked: tuple[Line, ...] = ()
    asks_reply: bool = False
    offers_leaving: bool = False
    left: bool = False
    not_understood: int = 0
    help: bool = False
    status: Status | None = None
    in_reply_to: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return what stands in ``Notice.details``."""
        return {
            "done": [line.as_json() for line in self.done],
            "asked": [line.as_json() for line in self.asked],
            "asks_reply": self.asks_reply,
            "offers_leaving": self.offers_leaving,
            "left": self.left,
            "not_understood": self.not_understood,
            "help": self.help,
            "status": None if self.status is None else self.status.as_json(),
            "in_reply_to": self.in_reply_to,
        }
