"""Three sample readers with different tastes."""

from __future__ import annotations

from dataclasses import dataclass

from subscribers.model import Interests


@dataclass(frozen=True, slots=True)
class SampleReader:
    """Somebody to send the demo's digest to; ``taste`` says in words what ``interests`` asks for."""

    address: str
    taste: str
    interests: Interests


READERS = (
    SampleReader("everything@example.org", "whatever is trending", Interests()),
    SampleReader(
        "language@example.org",
        "memory, reasoning, speech",
        Interests(keywords=("memory", "reasoning", "speech", "language modeling"), muted=("robot",)),
    ),
    SampleReader(
        "robots@example.org",
        "robots, video and 3D",
        Interests(keywords=("robot", "robots", "robotic", "embodied", "video", "3D")),
    ),
)
