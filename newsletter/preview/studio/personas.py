"""Readers who do not exist: choices to look at a newsletter with."""

from __future__ import annotations

from dataclasses import dataclass

from subscribers.model import Cadence, Interests

_NONE = Interests()


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody's choices, without anybody.

    ``key`` goes into the page's URL; ``size`` is papers per digest, None the newsletter's own.
    """

    key: str
    label: str
    interests: Interests = _NONE
    size: int | None = None
    cadence: Cadence = Cadence.DAILY


#: The first one is what everybody gets who chose nothing.
PERSONAS = (
    Persona("common", "No interests"),
    Persona("language", "Language models", Interests(categories=("cs.CL",), keywords=("language model", "LLM", "reasoning"))),
    Persona("robots", "Robots and vision", Interests(categories=("cs.RO", "cs.CV"), keywords=("robot", "embodied", "video"))),
    Persona("lab", "Follows one lab", Interests(labs=("Google",))),
    Persona("science", "Science, no agents", Interests(keywords=("science", "protein", "climate"), muted=("agent",))),
    Persona("weekly", "Weekly, five papers", size=5, cadence=Cadence.WEEKLY),
    Persona("all", "Monthly, sixty papers", size=60, cadence=Cadence.MONTHLY),
)


def persona_of(key: str) -> Persona | None:
    """Return the persona with ``key``; None if there is none."""
    return next((persona for persona in PERSONAS if persona.key == key), None)
