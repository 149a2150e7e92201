"""Where a sending process spends its time: by thread, and by function in each thread."""

from __future__ import annotations

import cProfile
import io
import os
import pstats
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Profile:
    """How to look: each thread's CPU, which costs next to nothing, or ``functions`` as well, which slows all down."""

    functions: bool
    lines: int = 30

    def around(self, work: Callable[[], object], *, messages: int) -> None:
        """Do ``work`` and print what it spent."""
        profiles: dict[str, cProfile.Profile] = {}
        if self.functions:
            threading.setprofile(_profile_into(profiles))
        with _ThreadClock() as clock:
            if self.functions:
                profiles["MainThread"] = profile = cProfile.Profile()
                profile.runcall(work)
            else:
                work()
        threading.setprofile(None)
        print(f"CPU of {messages:,} messages, us each:")
        for name, seconds in sorted(clock.spent.items(), key=lambda item: -item[1]):
            print(f"  {name:<28}{seconds / messages * 1e6:8.1f}")
        for name, profile in profiles.items():
            text = io.StringIO()
            pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(self.lines)
            print(f"== {name}\n{text.getvalue()}")


class _ThreadClock:
    """Looks at the CPU of this process's threads, as those that end cannot be asked any more."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look_on, name="watch", daemon=True)

    def __enter__(self) -> _ThreadClock:
        self._before = self._now()
        self._watch.start()
        return self

    def __exit__(self, *_args: object) -> None:
        self._done.set()
        self._watch.join()

    def _look_on(self) -> None:
        sys.setprofile(None)
        while True:
            done = self._done.wait(0.02)
            for name, seconds in self._now().items():
                self.spent[name] = seconds - self._before.get(name, 0.0)
            if done:
                return

    def _now(self) -> dict[str, float]:
        names = {thread.native_id: thread.name for thread in threading.enumerate()}
        found: dict[str, float] = {}
        for task in Path("/proc/self/task").iterdir():
            try:
                fields = (task / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended
            name = names.get(int(task.name), f"thread {task.name}")
            found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / TICKS
        return found


def _profile_into(profiles: dict[str, cProfile.Profile]) -> Callable[[FrameType, str, Any], None]:
    def begin(_frame: FrameType, _event: str, _arg: Any) -> None:
        name = threading.current_thread().name
        if name != "watch":
            profiles[name] = profile = cProfile.Profile()
            profile.enable()

    return begin
