"""The ground that histories of this room are played on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newsletter.simulation.ground import Ground


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """One database in memory; each history furnishes it anew."""
    ground = Ground()
    yield ground
    ground.close()
