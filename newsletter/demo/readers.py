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
        "language models, agents",
        Interests(keywords=("language model", "language models", "LLM", "LLMs", "agent", "agents"), muted=("benchmark",)),
    ),
    SampleReader(
        "robots@example.org",
        "robots, video and 3D",
        Interests(keywords=("robot", "robots", "robotic", "embodied", "video", "3D")),
    ),
)
