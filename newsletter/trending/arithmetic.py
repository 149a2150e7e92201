"""The arithmetic of a score's parts: what each is worth, and how that is worked out, in one line. Pure.

A part keeps the figures that its points come from, weights included, so that a receipt can be checked years later, whatever the
configuration is then. The score is the sum of the parts; ``docs/ranking.md`` tells what each is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from newsletter.trending.model import ReceiptPart


def points(name: str, figures: Mapping[str, Sequence[float]]) -> list[float]:
    """Return what the part of a name is worth for each of several papers.

    Args:
        name: of the part.
        figures: by name, each with an entry for every paper.

    Raises:
        KeyError: no part has this name, or a figure is missing.
    """
    form = _FORMS[name]
    return list(map(form.points, *(figures[figure] for figure in form.figures)))


def forecast(figures: Mapping[str, float]) -> float:
    """Return how many votes a paper is on course for, from the figures of its part ``forecast``."""
    return _course(*(figures[figure] for figure in _FORMS["forecast"].figures[1:]))


def said(part: ReceiptPart) -> str:
    """Say how a part's points are worked out: ``1 x log2(1 + 57)``.

    A part of another version, or of another room, says its words, else its figures by name.
    """
    form, figures = _FORMS.get(part.name), dict(part.figures)
    if form is None or set(form.figures) != figures.keys():
        return part.words or ", ".join(f"{name} {_plain(value)}" for name, value in part.figures)
    plain = {name: _plain(value) for name, value in figures.items()}
    if part.name == "forecast":
        plain["whole"] = _plain(forecast(figures))
    return form.words.format(**plain)


@dataclass(frozen=True, slots=True)
class _Form:
    """How one part is worked out: the names of its figures, what they are worth in their order, and how that is said."""

    figures: tuple[str, ...]
    points: Callable[..., float]
    words: str


def _course(votes: float, left: float, gained: float, grown: float, prior_votes: float, expected: float) -> float:
    # Equation of the module ``forecast``.
    return votes + left * (prior_votes + gained) / (prior_votes / expected + grown)


def _doublings(amount: str) -> _Form:
    """Return the form of a part that is worth its weight for every doubling of an amount."""
    return _Form(
        ("weight", amount), lambda weight, count: weight * math.log2(1 + count), f"{{weight}} x log2(1 + {{{amount}}})"
    )


def _plain(value: float) -> str:
    """Return a figure with three digits, or with all before the point: ``0.0123``, ``4.57``, ``118``, ``12,345``."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:.{min(max(digits, 0), 6)}f}"


_FORMS: Mapping[str, _Form] = {
    "forecast": _Form(
        ("weight", "votes", "left", "gained", "grown", "prior_votes", "expected"),
        lambda weight, *course: weight * math.log2(1 + _course(*course)),
        "{weight} x log2(1 + {whole}), with {whole} = "
        "{votes} + {left} x ({prior_votes} + {gained}) / ({prior_votes} / {expected} + {grown})",
    ),
    "prior": _Form(
        ("weight", "expected", "voters"),
        lambda weight, expected, voters: weight * math.log2(1 + expected * voters),
        "{weight} x log2(1 + {expected} x {voters})",
    ),
    "velocity": _doublings("gained"),
    "attention": _doublings("votes"),
    "discussion": _doublings("comments"),
    "stars": _doublings("gained"),
    "agreement": _doublings("further"),
    "freshness": _Form(
        ("weight", "hours", "fresh_hours"),
        lambda weight, hours, fresh_hours: -weight * math.log2(1 + (hours / fresh_hours) ** 3),
        "-{weight} x log2(1 + ({hours} / {fresh_hours})^3)",
    ),
    "diversity": _Form(
        ("strength", "told", "similarity", "rank"),
        lambda strength, told, similarity, rank: -strength * told,  # noqa: ARG005 - a form is given all figures of its part; these two are only read by people
        "-{strength} x {told}, told before; most like rank {rank} (similarity {similarity})",
    ),
}
