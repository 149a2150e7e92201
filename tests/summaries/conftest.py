from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from newsletter.config import SummariesConfig
from newsletter.summaries.endpoint import Endpoint
from tests.sources.replay import ReplayServer, serving
from tests.summaries.chat import PATH

KEY = "sk-example-0123456789"
MakeConfig = Callable[..., SummariesConfig]


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with serving() as server:
        yield server


@pytest.fixture
def configured(server: ReplayServer) -> MakeConfig:
    """Make a configuration that leads to the server."""

    def make(**changes: object) -> SummariesConfig:
        return SummariesConfig.model_validate({"url": server.url(PATH), "model": "small", "timeout": "5s", **changes})

    return make


@pytest.fixture
def endpoint(configured: MakeConfig) -> Endpoint:
    return Endpoint(configured(), api_key=SecretStr(KEY), contact="https://papers.example.org")
