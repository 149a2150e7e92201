"""How long the commands take and how much memory an idle ``newsletter run`` holds.

Prints medians over several whole processes beside the cost of starting Python alone, so that a slow machine shows as such.

    python benchmarks/commands.py [--runs 5]
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

NEWSLETTER = [sys.executable, "-m", "newsletter"]
OFFLINE_CONFIG = """\
[web]
port = 0
[sources.hf_daily_papers]
enabled = false
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5, help="processes per figure")
    runs = parser.parse_args().runs
    python = _median_seconds([sys.executable, "-c", "pass"], runs)
    rows = [("python -c pass", python, "")]
    for name, arguments, goal in (("newsletter --help", ["--help"], 0.3), ("newsletter demo --once", ["demo", "--once"], 15.0)):
        seconds = _median_seconds([*NEWSLETTER, *arguments], runs)
        rows.append((name, seconds, f"goal {goal:g} s: {'met' if seconds < goal else 'missed'}"))
    print(f"{'command':<28}{'median s':>10}{'x python':>10}")
    for name, seconds, verdict in rows:
        print(f"{name:<28}{seconds:>10.3f}{seconds / python:>10.1f}  {verdict}")
    memory = _idle_megabytes()
    print(f"{'newsletter run, idle':<28}{memory:>7.0f} MB             goal 150 MB: {'met' if memory < 150 else 'missed'}")


def _median_seconds(command: Sequence[str], runs: int) -> float:
    def once() -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - start

    once()
    return statistics.median(once() for _ in range(runs))


def _idle_megabytes() -> float:
    """Return the resident memory (RSS) of ``newsletter run`` five seconds after it said that it is ready."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text(OFFLINE_CONFIG, encoding="utf-8")
        process = subprocess.Popen(
            [*NEWSLETTER, "--config", str(config), "run"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(5)
            return float(psutil.Process(process.pid).memory_info().rss) / 1e6
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


if __name__ == "__main__":
    main()
