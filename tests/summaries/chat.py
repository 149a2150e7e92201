"""What a service of chat completions answers, well or badly."""

from __future__ import annotations

import json

from tests.sources.replay import Reply

TITLE = "Small Things, Counted"
ABSTRACT = (
    "Counting small things has become popular. We propose a counter of small things that never forgets one. "
    "Experiments with three kinds of pebbles show that it counts 99% of them, twice as fast as counting by hand."
)
GOOD = "A counter of small things that never forgets one counts 99% of three kinds of pebbles, twice as fast as by hand."
PATH = "/v1/chat/completions"


def completion(content: object) -> Reply:
    """A completion whose text is ``content``."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "model": "small", "choices": [choice]}
    return Reply(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
