"""Processes of their own for everything that is measured: none inherits another's memory, threads or event loop."""

from __future__ import annotations

import multiprocessing

CONTEXT = multiprocessing.get_context("spawn")
