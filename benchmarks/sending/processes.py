"""Processes of their own for everything that is measured: none inherits another's memory, threads or event loop."""

from __future__ import annotations

import multiprocessing
import signal
import sys

CONTEXT = multiprocessing.get_context("spawn")


def end_tidily() -> None:
    """Have SIGTERM end this process as Ctrl-C does: what it started ends with it, and its folders go."""
    signal.signal(signal.SIGTERM, lambda _signum, _frame: sys.exit(143))
