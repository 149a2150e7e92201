"""Several workers on one machine: what dies comes back, what is told to end ends, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from newsletter.supervisor import Supervisor, SupervisorError

PATIENCE = 60.0

#: Keeps the child below running; first argument: how many, the rest: what the child does, by number of its start.
SUPERVISOR = """
import asyncio, logging, sys
from newsletter.supervisor import Supervisor, SupervisorError
logging.basicConfig(level="INFO", format="%(message)s")
command = [sys.executable, "-c", sys.argv[2], *sys.argv[3:]]
try:
    asyncio.run(Supervisor(
        command, int(sys.argv[1]), drain=1, first_wait=0.05, longest_wait=0.2, start_within=0.5, steady_after=2
    ).run())
except SupervisorError as error:
    sys.exit(str(error))
"""
#: Writes its number into the folder, then waits for its end.
WAITS = """
import asyncio, os, pathlib, signal, sys
from newsletter.supervisor import when_supervisor_ends
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    when_supervisor_ends(stop.set)
    (pathlib.Path(sys.argv[1]) / str(os.getpid())).touch()
    await stop.wait()
    (pathlib.Path(sys.argv[1]) / str(os.getpid())).unlink()
asyncio.run(main())
"""
#: Does not hear, and does not listen.
DEAF = "import os, pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
DEAF += "(pathlib.Path(sys.argv[1]) / str(os.getpid())).touch(); time.sleep(3600)"
#: Fails at once, as a program does whose configuration is wrong.
FAILS = "import sys; sys.exit('nothing works')"
#: The first one lives, all others fail at once.
FAILS_LATER = """
import pathlib, sys, time
first = pathlib.Path(sys.argv[1]) / "first"
if first.exists():
    sys.exit("nothing works any more")
first.touch()
time.sleep(1)
sys.exit(1)
"""


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process, killed at the end with all its children if it still runs."""
    process = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children():
                child.kill()
            process.kill()
        process.communicate()


def supervising(folder: Path, child: str, count: int = 1) -> tuple[str, ...]:
    folder.mkdir()
    return ("-c", SUPERVISOR, str(count), child, str(folder))


def eventually(happened: Callable[[], object]) -> None:
    """Wait until something is so; fail when patience ends."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def pids(folder: Path) -> set[int]:
    return {int(path.name) for path in folder.iterdir()}


def test_all_of_them_run_and_end_when_told(tmp_path: Path) -> None:
    folder = tmp_path / "running"
    with started(*supervising(folder, WAITS, 3)) as process:
        eventually(lambda: len(pids(folder)) == 3)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert pids(folder) == set()


def test_one_that_was_killed_is_started_again(tmp_path: Path) -> None:
    folder = tmp_path / "running"
    with started(*supervising(folder, WAITS, 2)) as process:
        eventually(lambda: len(pids(folder)) == 2)
        killed, other = pids(folder)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: len(pids(folder)) == 3)
        assert other in pids(folder)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0, said
    assert pids(folder) == {killed}  # it had no time to take its name away
    assert "code=-9" in said


def test_none_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "running"
    with started(*supervising(folder, WAITS, 2)) as process:
        eventually(lambda: len(pids(folder)) == 2)
        process.kill()
        eventually(lambda: not pids(folder))


def test_one_that_does_not_end_is_killed_in_time(tmp_path: Path) -> None:
    folder = tmp_path / "running"
    with started(*supervising(folder, DEAF)) as process:
        eventually(lambda: len(pids(folder)) == 1)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0
    assert "supervisor.killed" in said
    assert not any(psutil.pid_exists(pid) for pid in pids(folder))


def test_a_command_that_cannot_start_is_given_up_with_its_own_words(tmp_path: Path) -> None:
    with started(*supervising(tmp_path / "running", FAILS)) as process:
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
    assert said.count("nothing works") == 3
    assert "cannot start; see above what they said" in said


def test_a_program_that_is_not_there_is_given_up() -> None:
    supervisor = Supervisor(("no-such-program",), 2, drain=1, first_wait=0.01)
    with pytest.raises(SupervisorError, match="cannot start"):
        asyncio.run(supervisor.run())


def test_a_command_that_could_start_once_is_never_given_up_and_waits_longer_each_time(tmp_path: Path) -> None:
    with started(*supervising(tmp_path / "running", FAILS_LATER)) as process:
        assert process.stderr is not None
        waits: list[str] = []
        while len(waits) < 5:
            waits += re.findall(r"again_in=([\d.]+)s", process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert waits == ["0.05", "0.10", "0.20", "0.20", "0.20"]
