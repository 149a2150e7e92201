"""Those who send: the program itself, Postfix's smtp-source, and the standard library's smtplib."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import shutil
import smtplib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.web.server import event_loop_factory
from sending.processes import CONTEXT
from sending.sink import wait_for_port

if TYPE_CHECKING:
    from newsletter.delivery.sending.sender import SendReport
    from sending.profiling import Profile
    from sending.world import World

#: Readers whose messages a point of a run's course stands for.
COURSE_STEP = 50_000
#: Octets of header that smtp-source puts before what it is asked to send.
SOURCE_HEADER = 110
#: Debian keeps smtp-source and smtp-sink where only root looks.
TOOLS = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/postfix/sbin"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did: from its first claim (or connection) to its last durable result.

    ``cpu_seconds`` and ``peak_megabytes`` are those of the sending processes, the latter of the largest of them. ``course`` are
    the seconds since the beginning at which the 50,000th, 100,000th, … message was done, of the first process.
    """

    messages: int
    seconds: float
    cpu_seconds: float = 0.0
    peak_megabytes: float = 0.0
    course: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


def send(world: World, *, processes: int = 1, profile: Profile | None = None) -> Run:
    """Send the world's issue with the program, as configured, in processes of its own that begin together.

    Raises:
        RuntimeError: a process ended early, or not every reader was sent his message.
    """
    running, pipes = [], []
    for number in range(processes):
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=_sender, args=(world, theirs, profile), daemon=True, name=f"sender-{number}")
        process.start()
        theirs.close()  # so that its end is the pipe's end
        running.append(process)
        pipes.append(ours)
    try:
        for pipe in pipes:
            pipe.recv()  # it is ready
        for pipe in pipes:
            pipe.send("go")
        outcomes: list[_Outcome] = [pipe.recv() for pipe in pipes]
    except EOFError as error:
        raise RuntimeError("a sending process ended early; it says above why") from error
    finally:
        for process, pipe in zip(running, pipes, strict=True):
            pipe.close()
            process.join(10)
            process.kill()
    problems = [outcome.problem for outcome in outcomes if outcome.problem]
    sent = sum(outcome.sent for outcome in outcomes)
    if problems or sent != world.readers:
        raise RuntimeError(f"sent {sent} of {world.readers}: {'; '.join(problems) or 'no problem was reported'}")
    return Run(
        messages=sent,
        seconds=max(outcome.ended for outcome in outcomes) - min(outcome.began for outcome in outcomes),
        cpu_seconds=sum(outcome.cpu_seconds for outcome in outcomes),
        peak_megabytes=max(outcome.peak_megabytes for outcome in outcomes),
        course=tuple(outcomes[0].course),
    )


@dataclass(slots=True)
class _Outcome:
    """What one sending process says of itself; instants are those of the machine's monotonic clock."""

    sent: int = 0
    problem: str = ""
    began: float = 0.0
    ended: float = 0.0
    cpu_seconds: float = 0.0
    peak_megabytes: float = 0.0
    course: list[float] = field(default_factory=list)


def _sender(world: World, pipe: Connection, profile: Profile | None) -> None:
    """Work through the issue as ``newsletter send`` does."""
    from newsletter.delivery.sending.handout import Scope

    app = world.open()
    outcome = _Outcome()

    def progress(report: SendReport) -> None:
        outcome.ended = time.monotonic()
        if report.sent >= (len(outcome.course) + 1) * COURSE_STEP:
            outcome.course.append(time.monotonic() - outcome.began)

    async def run() -> None:
        sender = app.sender(app.config.smtp)
        pipe.send("ready")
        pipe.recv()
        outcome.began = outcome.ended = time.monotonic()
        cpu = time.process_time()
        report = await sender.run(Scope(issue_id=world.issue_id, due_only=False), on_progress=progress)
        outcome.cpu_seconds = time.process_time() - cpu
        outcome.sent, outcome.problem = report.sent, report.problem

    try:
        with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
            if profile is None:
                runner.run(run())
            else:
                profile.around(lambda: runner.run(run()), messages=world.readers)
        outcome.peak_megabytes = peak_megabytes()
        pipe.send(outcome)
    finally:
        app.close()


def peak_megabytes() -> float:
    """Return the most memory this process ever had."""
    # The operating system's own number for a process would begin with that of the one which started it.
    found = re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def has_postfix_tools() -> bool:
    """Whether smtp-source and smtp-sink are on this machine."""
    return all(shutil.which(name, path=TOOLS) for name in ("smtp-source", "smtp-sink"))


def smtp_source(port: int, *, messages: int, size: int, connections: int) -> Run:
    """Send that many messages of ``size`` octets with Postfix's smtp-source, on connections that it keeps."""
    program = shutil.which("smtp-source", path=TOOLS)
    assert program is not None
    addresses = ["-f", "papers@example.org", "-t", "reader@example.org"]
    amount = ["-s", str(connections), "-m", str(messages), "-l", str(size - SOURCE_HEADER)]
    command = [program, "-d", *amount, *addresses, f"127.0.0.1:{port}"]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(command, check=True)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    return Run(messages, seconds, cpu)


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Run Postfix's smtp-sink and yield its port."""
    program = shutil.which("smtp-sink", path=TOOLS)
    assert program is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    # As root it wants to be told whom to run as.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *user, f"127.0.0.1:{port}", "1024"])
    try:
        wait_for_port(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def smtplib_threads(port: int, message: bytes, *, messages: int, threads: int) -> Run:
    """Send that many copies of ``message`` with smtplib: a thread a connection, each kept; nothing is written down."""
    with CONTEXT.Pool(1) as pool:
        return pool.apply(_smtplib, (port, message, messages, threads))


def _smtplib(port: int, message: bytes, messages: int, threads: int) -> Run:
    def work(numbers: Sequence[int]) -> None:
        with smtplib.SMTP("127.0.0.1", port) as connection:
            for number in numbers:
                connection.sendmail("papers@example.org", f"reader-{number}@example.org", message)

    workers = [threading.Thread(target=work, args=(range(first, messages, threads),)) for first in range(threads)]
    began, cpu = time.monotonic(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return Run(messages, time.monotonic() - began, time.process_time() - cpu)
