"""The metadata of the whole program: importing the rooms' tables registers them."""

from __future__ import annotations

import newsletter.delivery.tables
import newsletter.digest.tables
import newsletter.inbound.tables
import newsletter.notices.tables
import newsletter.papers.tables
import newsletter.pictures.tables
import newsletter.schedule.tables
import newsletter.sources.tables
import newsletter.summaries.tables
import newsletter.taste.tables
import subscribers.tables
from subscribers.base import Base

__all__ = ["metadata"]

_ROOMS = (
    newsletter.delivery.tables,
    newsletter.digest.tables,
    newsletter.inbound.tables,
    newsletter.notices.tables,
    newsletter.papers.tables,
    newsletter.pictures.tables,
    newsletter.schedule.tables,
    newsletter.sources.tables,
    newsletter.summaries.tables,
    newsletter.taste.tables,
    subscribers.tables,
)
metadata = Base.metadata
