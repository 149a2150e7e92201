"""The root of this package's errors. Every error says what to do; only ``cli`` and ``web`` turn them into text."""

from __future__ import annotations


class NewsletterError(Exception):
    """Something an operator can act on: the message names the problem and the next step."""


class ConfigError(NewsletterError):
    """``config.toml`` or the environment holds something that cannot be used.

    Attributes:
        problems: one line each, ``section.key: what is wrong; what to do``.
    """

    def __init__(self, path: str, problems: list[str]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{path}: {count}\n{lines}")
        self.problems = problems


class DatabaseError(NewsletterError):
    """The database cannot be used as it is: out of reach, or not at this program's schema."""
