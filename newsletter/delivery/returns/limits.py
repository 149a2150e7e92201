"""What the large providers put up with, and when a send must stop for what comes back of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from newsletter.config import BouncesConfig
from newsletter.delivery.ledger.tolerance import Level
from newsletter.delivery.returns.figures import Figures

#: For so long what comes back of an issue speaks about those to come, and what an operator tolerated is remembered.
LOOK_BACK = timedelta(days=14)
#: One or two complaints are people, not a rate: nobody stops a newsletter with two mailboxes.
LEAST_COMPLAINTS = 3
#: How much worse it must have got until an operator who let it go on is asked again.
WORSE = 1.5


@dataclass(frozen=True, slots=True)
class Limit:
    """What a provider says of a rate: what to stay below, and where mail or an account is stopped. Shares, 0 to 1."""

    provider: str
    aim: float
    stop: float


#: Of complaints, the strictest first. Gmail and Yahoo: their sender guidelines; SES: its reputation metrics.
COMPLAINT_LIMITS = (Limit("Gmail, Yahoo", 0.001, 0.003), Limit("Amazon SES", 0.001, 0.005))
#: Of hard bounces.
BOUNCE_LIMITS = (Limit("Amazon SES", 0.05, 0.10),)


def level_of(figures: Figures) -> Level:
    """Return how bad it is."""
    return Level(figures.return_rate or 0.0, figures.complaint_rate or 0.0)


def is_enough(figures: Figures, config: BouncesConfig) -> bool:
    """Whether enough messages of an issue were taken or refused that its rates say something."""
    return figures.taken + figures.refused + figures.policy >= config.judge_from


def is_soft_too_high(figures: Figures, config: BouncesConfig) -> bool:
    """Whether so many messages bounced for the time being that it is our way out that fails, not the readers' mailboxes."""
    return (figures.soft_rate or 0.0) > config.most_soft


def is_too_bad(figures: Figures, config: BouncesConfig, tolerated: Iterable[Level]) -> bool:
    """Whether an issue with these figures must stop.

    That is above ``bounces.most_bounces``, ``bounces.most_complaints`` or ``bounces.most_soft``, once ``bounces.judge_from``
    messages were taken or refused. What providers hold against us counts here, as it does against no reader.
    Where an operator let it go on knowing the figures, only when that very rate is half as high again; of what bounces for the
    time being nothing is asked twice.

    Args:
        figures: of an issue.
        config: the limits.
        tolerated: at what an operator let issues of the newsletter go on lately.
    """
    if not is_enough(figures, config):
        return False
    level, known = level_of(figures), tuple(tolerated)
    return (
        level.bounces > _most(config.most_bounces, [each.bounces for each in known])
        or (
            figures.complaints >= LEAST_COMPLAINTS
            and level.complaints > _most(config.most_complaints, [each.complaints for each in known])
        )
        or (is_soft_too_high(figures, config) and not known)
    )


def _most(limit: float, tolerated: Iterable[float]) -> float:
    # Below the limit nobody was asked, so nothing was tolerated.
    return max([limit, *(WORSE * rate for rate in tolerated if rate > limit)])
