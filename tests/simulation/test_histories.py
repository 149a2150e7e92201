"""Histories of the real sender in a simulated world."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from newsletter.cli.simulate import simulate
from newsletter.simulation.ground import Ground
from newsletter.simulation.history import play
from newsletter.simulation.runner import play_many

SEEDS = 60


def test_no_promise_is_broken(ground: Ground) -> None:
    broken = [verdict for seed in range(SEEDS) if (verdict := play(seed, ground)).broken]
    assert not broken


@pytest.mark.torture
def test_no_promise_is_broken_on_several_processors() -> None:
    summary = play_many(1_000, 100_000 if os.environ.get("TORTURE") else 40, processes=os.cpu_count() or 1)
    assert not summary.broken


def test_a_seed_replays_its_history_event_by_event_whatever_was_played_before(ground: Ground) -> None:
    first: list[str] = []
    again: list[str] = []
    play(7, ground, on_note=first.append)
    for other in (1, 2, 3):
        play(other, ground)
    play(7, ground, on_note=again.append)
    assert first
    assert first == again


def test_another_process_with_other_hashes_replays_the_same_history(ground: Ground) -> None:
    here: list[str] = []
    play(7, ground, on_note=here.append)
    code = (
        "from newsletter.simulation.ground import Ground; from newsletter.simulation.history import play; "
        "play(7, Ground(), on_note=print)"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": "4711"}, capture_output=True, text=True, check=True
    )
    assert there.stdout.splitlines() == here


def test_histories_are_as_eventful_as_they_should_be(ground: Ground) -> None:
    verdicts = [play(seed, ground) for seed in range(40)]
    assert sum(verdict.copies for verdict in verdicts) > 100
    assert sum(verdict.kills for verdict in verdicts) > 20


def test_the_command_tells_what_was_played_as_json() -> None:
    result = CliRunner().invoke(simulate, ["--seeds", "3", "--from", "1", "--processes", "1", "--json"], standalone_mode=False)
    assert result.return_value == 0, result.output
    told = json.loads(result.stdout)
    assert told["histories"] == 3
    assert told["broken"] == []


def test_the_command_prints_a_history(ground: Ground) -> None:
    events: list[str] = []
    play(1, ground, on_note=events.append)
    result = CliRunner().invoke(simulate, ["--seeds", "1", "--from", "1", "--trace"], standalone_mode=False)
    assert result.return_value == 0
    assert result.output.splitlines() == ["history 1", *events]
