"""A template in parts, each with what its text depends on, so that it need not be rendered anew for every digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import jinja2

from newsletter.rendering.template.folder import naming
from newsletter.rendering.view.views import CorrectionView, DigestView, PaperView

#: What a part may need of the view besides what all digests of an issue share: fields of it, and how many papers it has.
SUBJECT, PREHEADER, INTRO, LEAD, SHAPE = "subject", "preheader", "intro", "lead", "shape"
OF_DIGEST = frozenset({SUBJECT, PREHEADER, INTRO, LEAD})
#: Fields that are figures of papers, and follow from its shape.
OF_SHAPE = frozenset({"count", "more_online", "more_corrections"})
#: Fields that all digests of an issue share.
OF_ISSUE = frozenset(
    {
        *("name", "tagline", "number", "date", "rhythm", "postal_address", "unsubscribe_url", "preferences_url"),
        *("online_url", "ranking_url", "commands", "language", "direction", "start", "end", "look"),
    },
)
#: Fields of the view that are papers in a row, or corrections of papers.
CARDS, RISING, LATE, CORRECTIONS = "cards", "rising", "late", "corrections"
ROWS = frozenset({CARDS, RISING, LATE, CORRECTIONS})

#: Names that templates know the view and the values of a letter by.
VIEW, VALUES = "view", "values"


class IndivisibleError(Exception):
    """A template cannot be cut: some of its text may depend on anything. The message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Text that is the same wherever that is the same which it depends on.

    Attributes:
        needs: of the view, besides what all digests of an issue share.
        is_of_paper, is_of_place: whether it depends on the paper of its loop, beyond its place; and on that place.
    """

    name: str
    needs: tuple[str, ...]
    is_of_paper: bool
    is_of_place: bool


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """``parts`` once for each paper in the field ``over`` of the view, which they call ``target``."""

    over: str
    target: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """``yes`` where ``test`` has any text, else ``no``; the test needs no more than the shape of a digest."""

    test: Part
    yes: tuple[Step, ...]
    no: tuple[Step, ...]


Step = Part | Loop | Branch


class Parts:
    """A template in parts.

    Attributes:
        steps: what its text is made of, in order.
        loops: those among them, and within.
    """

    def __init__(self, name: str, template: jinja2.Template, steps: tuple[Step, ...]) -> None:
        self._name = name
        self._template = template
        self.steps = steps
        self.loops = tuple(_loops(steps))

    @property
    def is_html(self) -> bool:
        """Whether it is no plain text."""
        return not self._name.endswith(".txt")

    def render(self, part: Part, view: DigestView, papers: Mapping[str, PaperView | CorrectionView]) -> str:
        """Return the text of ``part``; ``papers`` has the one of its loop, by the loop's name for it.

        Raises:
            TemplateError: it cannot be rendered.
        """
        with naming(self._name):
            context = self._template.new_context({VIEW: view, VALUES: {}, **papers})
            return "".join(self._template.blocks[part.name](context))


def _loops(steps: Iterable[Step]) -> Iterator[Loop]:
    for step in steps:
        if isinstance(step, Loop):
            yield step
        elif isinstance(step, Branch):
            yield from _loops((*step.yes, *step.no))
