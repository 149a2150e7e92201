"""A scripted SMTP server for tests: keeps a ledger of what it accepted, and misbehaves by recipient, phase, chance and time.

It speaks just enough SMTP to be a next hop, on a free port of 127.0.0.1: in a thread of its own (:func:`smtp_server`) or in a
process of its own (:func:`smtp_process`, ``python -m tests.smtp_server``), which outlives whoever sends to it. It is strict
where a sender could get away with a mistake: what the sender may not do is kept in ``breaches``, answered with 5yz and ends
the connection.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import random
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tests.smtp_ledger import ledger_line, message_id_of

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Accepted:
    """A message that was answered with 250, or stored and then not answered. ``mail`` and ``rcpt`` are as they were said."""

    mail: str
    recipient: str
    data: bytes
    rcpt: str = ""


@dataclass
class Fault:
    """Misbehaviour at a phase (``connect ehlo starttls auth mail rcpt data body dot``), for some recipients or for all.

    When it happens: ``recipient`` is an address, ``@domain`` for all in a domain, a set of addresses, or None for everybody.
    It lets the first ``skip`` occasions pass, and happens ``times`` times; -1 is for ever. ``chance`` is its probability on
    each occasion, ``since`` and ``until`` the seconds since the server's start between which it happens.

    What happens: ``act`` is called first. ``store``: at ``dot``, the message counts as accepted all the same. ``delay``: so
    many seconds of silence. ``pace``: what is answered goes out at so many bytes a second. ``hang``: no answer at all, for
    ever; in the body nothing more is read either. ``reply`` is sent instead of the usual answer. ``drop`` ends the connection:
    before the answer, or after ``reply``. The usual answer follows where ``usual`` says so, and where there is only ``delay``
    or ``pace``; where nothing at all is answered the connection stays silent.
    """

    phase: str
    recipient: str | frozenset[str] | None = None
    reply: str | None = None
    drop: bool = False
    store: bool = False
    hang: bool = False
    times: int = -1
    act: Callable[[], None] | None = None
    skip: int = 0
    chance: float = 1.0
    since: float = 0.0
    until: float = float("inf")
    delay: float = 0.0
    pace: float = 0.0
    usual: bool = False

    def concerns(self, recipient: str) -> bool:
        """Whether it is meant for ``recipient``."""
        wanted = self.recipient
        if wanted is None or wanted == recipient:
            return True
        if isinstance(wanted, frozenset):
            return recipient in wanted
        return wanted.startswith("@") and recipient.endswith(wanted)

    @property
    def leaves_the_answer(self) -> bool:
        """Whether the usual answer follows."""
        acts = self.hang or self.drop or self.store or self.reply is not None
        return self.usual or (bool(self.delay or self.pace) and not acts)


@dataclass
class Script:
    """What the server offers and how it misbehaves."""

    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")
    faults: list[Fault] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    logins: dict[str, str] = field(default_factory=dict)
    ledger: Path | None = None
    """Each accepted message is appended here before the answer, see :mod:`tests.smtp_ledger`: readable by other processes."""
    only_helo: bool = False
    delay: float = 0.0
    """Seconds between storing a message and its 250."""
    keeps: bool = True
    """Whether ``accepted`` and ``commands`` are kept in memory."""
    seed: int = 0
    """Of the dice that ``Fault.chance`` throws."""
    port: int = 0
    """Where to listen; 0 takes a free one."""

    @classmethod
    def from_json(cls, text: str) -> Script:
        """Read a script: the fields above by name; ``tls`` is the path of a PEM file with key and certificate."""
        values = json.loads(text)
        values["faults"] = [_fault_from(fault) for fault in values.pop("faults", ())]
        if "extensions" in values:
            values["extensions"] = tuple(values["extensions"])
        if "ledger" in values:
            values["ledger"] = Path(values["ledger"])
        if "tls" in values:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(values["tls"])
            values["tls"] = context
        return cls(**values)


def _fault_from(values: dict[str, Any]) -> Fault:
    recipient = values.get("recipient")
    return Fault(**{**values, "recipient": frozenset(recipient) if isinstance(recipient, list) else recipient})


class SmtpServer:
    """The server in a thread of its own.

    ``accepted`` is its ledger; ``commands`` what was said to it, in order, with a ``.`` for the end of each message;
    ``connections`` how many came; ``breaches`` what no sender may do.
    """

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.accepted: list[Accepted] = []
        self.commands: list[str] = []
        self.connections = 0
        self.was_secure: list[bool] = []
        self.breaches: list[str] = []
        self.sessions: set[_Session] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self.host, self.port = "127.0.0.1", self.script.port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._dice = random.Random(self.script.seed)  # noqa: S311 - faults to be repeated
        self._started_at = 0.0
        self._ledger = -1

    @property
    def recipients(self) -> Counter[str]:
        """How many messages each recipient has."""
        return Counter(message.recipient for message in self.accepted)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.listen(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def listen(self) -> None:
        """Begin to listen, in the running loop."""
        loop = asyncio.get_running_loop()
        if self.script.ledger is not None:
            self._ledger = os.open(self.script.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._started_at = time.monotonic()
        tls = self.script.tls if self.script.implicit_tls else None
        self._server = await loop.create_server(lambda: _Session(self, loop), self.host, self.port, ssl=tls, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def end(self) -> None:
        """Drop all connections and listen no more."""
        assert self._server is not None
        self._server.close()
        for session in list(self.sessions):
            session.end()
        await self._all_gone.wait()
        if self._ledger >= 0:
            os.close(self._ledger)

    def came(self, session: _Session) -> None:
        """Count a connection in."""
        self.connections += 1
        self.sessions.add(session)
        self._all_gone.clear()

    def went(self, session: _Session) -> None:
        """Count a connection out."""
        self.sessions.discard(session)
        if not self.sessions:
            self._all_gone.set()

    def fault(self, phase: str, recipient: str) -> Fault | None:
        """Take the first fault that is due at this occasion."""
        for fault in self.script.faults:
            if fault.phase != phase or not fault.times or not fault.concerns(recipient):
                continue
            if not fault.since <= time.monotonic() - self._started_at < fault.until:
                continue
            if fault.chance < 1 and self._dice.random() >= fault.chance:
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            return fault
        return None

    def store(self, message: Accepted) -> None:
        """Take a message into the ledger."""
        if self.script.keeps:
            self.accepted.append(message)
        if self._ledger >= 0:
            digest = hashlib.sha256(message.data).hexdigest()
            os.write(self._ledger, ledger_line(message.recipient, digest, message_id_of(message.data)))


#: Commands behind which a sender must wait for the answer, whatever is offered (RFC 2920 section 3.1, RFC 3207, RFC 4954).
_LAST_OF_A_GROUP = frozenset({"EHLO", "HELO", "DATA", "AUTH", "STARTTLS", "QUIT"})
_OWNERS = {"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8"} | dict.fromkeys(
    ("RET", "ENVID", "NOTIFY", "ORCPT"), "DSN"
)
_PATH = re.compile(r"(?:FROM|TO):<([^<>]*)>(.*)", re.IGNORECASE)


class _Session(asyncio.Protocol):
    """One connection: takes lines and messages from the buffer one after the other, as long as no answer is held back."""

    def __init__(self, server: SmtpServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server, self.script, self.loop = server, server.script, loop
        self.transport: asyncio.Transport
        self.mail = self.recipient = self.rcpt = ""
        self.is_secure = self.script.implicit_tls
        self._buffer = bytearray()
        self._scanned = 0
        self._is_held = False
        self._takes: Callable[[], bool] = self._take_command
        self._refused_in_body = False
        self._login: list[str] | None = None
        self._tls: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked: uvloop's transports are not of this class.
        self.transport = cast("asyncio.Transport", transport)
        self.server.came(self)
        self._answer("connect", "220 test.example.org ESMTP")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._is_held = True
        self.server.went(self)

    def end(self) -> None:
        if self._tls is not None:
            self._tls.cancel()
        self.transport.abort()
        # Within a TLS handshake nobody says that the connection is lost.
        self.loop.call_later(0.05, self.server.went, self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._work()

    def _work(self) -> None:
        while not self._is_held and self._takes():
            pass

    # What comes in

    def _take_command(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        line = self._buffer[:end].decode(errors="surrogateescape")
        del self._buffer[: end + 2]
        if self.script.keeps:
            self.server.commands.append(line)
        if self._login is not None:
            self._continue_login(line)
            return True
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        if "\n" in line or "\r" in line:
            self._breach("a bare CR or LF in a command")
        elif self._buffer and (verb in _LAST_OF_A_GROUP or "PIPELINING" not in self.script.extensions):
            self._breach(f"something came behind {verb}")
        else:
            getattr(self, f"_do_{verb.lower()}", self._unknown)(rest)
        return True

    def _take_message(self) -> bool:
        if self._buffer.startswith(b".\r\n"):
            end, after = 0, 3
        else:
            found = self._buffer.find(b"\r\n.\r\n", max(self._scanned - 4, 0))
            if found < 0:
                self._scanned = len(self._buffer)
                return False
            end, after = found + 2, found + 5
        data = bytes(self._buffer[:end])
        del self._buffer[:after]
        self._scanned = 0
        self._takes = self._take_command
        if self.script.keeps:
            self.server.commands.append(".")
            self.server.was_secure.append(self.is_secure)
        if self._refused_in_body:
            return True
        if self._buffer and "PIPELINING" not in self.script.extensions:
            self._breach("something came behind the final dot")
        elif not data.count(b"\r\n") == data.count(b"\r") == data.count(b"\n"):
            self._breach("a bare CR or LF in a message")
        elif not self.recipient:
            self._say("554 5.5.1 no valid recipients")
        else:
            stuffed = data.replace(b"\r\n..", b"\r\n.")
            self._take(Accepted(self.mail, self.recipient, stuffed.removeprefix(b"."), self.rcpt))
        return True

    def _take(self, message: Accepted) -> None:
        fault = self._fault("dot", message)
        if fault is None or fault.leaves_the_answer:
            self.server.store(message)
            self._say(
                "250 2.0.0 taken", delay=self.script.delay + (fault.delay if fault else 0), pace=fault.pace if fault else 0
            )

    # What goes out

    def _say(self, *lines: str, delay: float = 0.0, pace: float = 0.0, drop: bool = False) -> None:
        """Answer; ``drop`` ends the connection after it."""
        answer = "".join(
            f"{line[:3]}{' ' if number == len(lines) else '-'}{line[4:]}\r\n" for number, line in enumerate(lines, 1)
        ).encode()
        self._send(answer, delay=delay, pace=pace, drop=drop)

    def _send(self, answer: bytes, *, delay: float, pace: float, drop: bool) -> None:
        if delay:
            self._hold(delay, lambda: self._send(answer, delay=0, pace=pace, drop=drop))
        elif pace and len(answer) > 1:
            self.transport.write(answer[:1])
            self._hold(1 / pace, lambda: self._send(answer[1:], delay=0, pace=pace, drop=drop))
        else:
            self.transport.write(answer)
            if drop:
                self._is_held = True
                self.transport.close()

    def _hold(self, seconds: float, then: Callable[[], None]) -> None:
        """Take nothing in until ``then`` was done, ``seconds`` from now."""
        self._is_held = True

        def go_on() -> None:
            if self.transport.is_closing():
                return
            self._is_held = False
            then()
            self._work()

        self.loop.call_later(seconds, go_on)

    def _breach(self, what: str) -> None:
        self.server.breaches.append(what)
        self._say(f"554 5.5.0 {what}", drop=True)

    def _answer(self, phase: str, *usual: str) -> bool:
        """Give the usual answer to a phase, or what the script says instead; return whether it was the usual one."""
        fault = self._fault(phase)
        if fault is not None and not fault.leaves_the_answer:
            return False
        self._say(*usual, delay=fault.delay if fault else 0, pace=fault.pace if fault else 0)
        return True

    def _fault(self, phase: str, message: Accepted | None = None) -> Fault | None:
        """Do what the script says for this occasion, if anything; the usual answer is left to the caller."""
        if not self.script.faults:
            return None
        fault = self.server.fault(phase, self.recipient)
        if fault is None:
            return None
        if fault.act:
            fault.act()
        if fault.store and message is not None and not fault.usual:
            self.server.store(message)
        self._misbehave(fault)
        return fault

    def _misbehave(self, fault: Fault) -> None:
        """Answer what ``fault`` says, or not at all."""
        if fault.hang:
            self._is_held = True
            if fault.phase == "body":
                self.transport.pause_reading()
        elif fault.reply is not None:
            # As it is: the script may want it to be no proper reply.
            self._send(fault.reply.encode() + b"\r\n", delay=fault.delay, pace=fault.pace, drop=fault.drop)
        elif fault.drop and fault.delay:
            self._hold(fault.delay, self.transport.abort)
        elif fault.drop:
            self._is_held = True
            self.transport.abort()
        elif not fault.leaves_the_answer:
            # Silent from here on: who answers one thing and not another has his answers taken for those to other commands.
            self._is_held = True

    # The commands

    def _unknown(self, _: str) -> None:
        self._say("502 5.5.1 unknown command")

    def _do_ehlo(self, _: str) -> None:
        if self.script.only_helo:
            self._say("500 5.5.1 EHLO? never heard of it")
            return
        offered = list(self.script.extensions)
        if self.script.tls and not self.is_secure:
            offered.append("STARTTLS")
        if self.script.logins and self.is_secure:
            offered.append("AUTH LOGIN" if "login" in self.script.logins else "AUTH PLAIN LOGIN")
        self._answer("ehlo", "250 test.example.org", *(f"250 {extension}" for extension in offered))

    def _do_helo(self, _: str) -> None:
        self._say("250 test.example.org")

    def _do_starttls(self, _: str) -> None:
        assert self.script.tls is not None
        # Nothing of the handshake may be taken for a command.
        self.transport.pause_reading()
        if self._answer("starttls", "220 2.0.0 go ahead"):
            self._is_held = True
            self._tls = self.loop.create_task(self._secure(self.script.tls))
        else:
            self.transport.resume_reading()

    async def _secure(self, context: ssl.SSLContext) -> None:
        try:
            secured = await self.loop.start_tls(self.transport, self, context, server_side=True)
        except (OSError, asyncio.CancelledError):
            self.transport.abort()
            self.server.went(self)
            return
        assert secured is not None
        self.transport = secured
        self.is_secure = True
        self._is_held = False
        self._work()

    def _do_auth(self, words: str) -> None:
        if not self.is_secure:
            self._breach("a password in clear text")
            return
        if self.server.script.faults and self._fault("auth") is not None:
            return
        mechanism, _, token = words.partition(" ")
        if mechanism == "PLAIN":
            _, user, password = base64.b64decode(token).decode().split("\0")
            self._welcome(user, password)
        else:
            self._login = []
            self._say("334 VXNlcm5hbWU6")

    def _continue_login(self, line: str) -> None:
        assert self._login is not None
        self._login.append(base64.b64decode(line).decode())
        if len(self._login) == 1:
            self._say("334 UGFzc3dvcmQ6")
            return
        user, password = self._login
        self._login = None
        self._welcome(user, password)

    def _welcome(self, user: str, password: str) -> None:
        good = self.script.logins.get(user) == password
        self._say("235 2.7.0 welcome" if good else "535 5.7.8 wrong user or password")

    def _do_mail(self, words: str) -> None:
        self.mail = self.recipient = self.rcpt = ""
        if self._understands(words) and self._answer("mail", "250 2.1.0 ok"):
            self.mail = words

    def _do_rcpt(self, words: str) -> None:
        if not self._understands(words):
            return
        path = _PATH.match(words)
        self.recipient = path.group(1) if path else ""
        fault = self._fault("rcpt")
        if fault is not None and not fault.leaves_the_answer:
            self.recipient = ""
        elif self.mail:
            self.rcpt = words
            self._say("250 2.1.5 ok", delay=fault.delay if fault else 0, pace=fault.pace if fault else 0)
        else:
            self.recipient = ""
            self._say("503 5.5.1 MAIL first")

    def _understands(self, words: str) -> bool:
        """Whether all parameters belong to what was offered; answers if not (RFC 5321 section 4.1.1.11)."""
        path = _PATH.match(words)
        if path is None:
            self._say("501 5.5.4 no path")
            return False
        offered = {extension.partition(" ")[0] for extension in self.script.extensions}
        for parameter in path.group(2).split():
            name = parameter.partition("=")[0].upper()
            if _OWNERS.get(name) not in offered:
                self._breach(f"the parameter {name}, which was not offered")
                return False
        return True

    def _do_data(self, _: str) -> None:
        fault = self._fault("data")
        if fault is not None and not fault.leaves_the_answer:
            # Let through by the script: a message follows, whatever becomes of it.
            self._refused_in_body = False
            self._takes = self._take_message if (fault.reply or "").startswith("354") else self._take_command
            return
        if not self.recipient:
            self._say("554 5.5.1 no valid recipients")
            return
        self._takes = self._take_message
        self._say("354 go on", delay=fault.delay if fault else 0, pace=fault.pace if fault else 0)
        in_body = self._fault("body")
        self._refused_in_body = in_body is not None and not in_body.leaves_the_answer

    def _do_rset(self, _: str) -> None:
        self.mail = self.recipient = self.rcpt = ""
        self._say("250 2.0.0 forgotten")

    def _do_noop(self, _: str) -> None:
        self._say("250 2.0.0 ok")

    def _do_quit(self, _: str) -> None:
        self._say("221 2.0.0 bye", drop=True)


@contextlib.contextmanager
def smtp_server(script: Script | None = None) -> Iterator[SmtpServer]:
    """Run a server as long as the block lasts. A sender that did what none may do fails the block."""
    server = SmtpServer(script)
    server.start()
    try:
        yield server
    finally:
        server.stop()
    assert not server.breaches, server.breaches


@contextlib.contextmanager
def smtp_process(folder: Path, script: dict[str, Any] | None = None) -> Iterator[int]:
    """Run a server in a process of its own as long as the block lasts, and yield its port.

    Args:
        folder: where its files go.
        script: the fields of :class:`Script` as JSON values, see :meth:`Script.from_json`.
    """
    port_file = folder / f"port-{time.monotonic_ns()}"
    arguments = ["--port-file", str(port_file), "--script", json.dumps(script or {})]
    process = subprocess.Popen([sys.executable, "-m", "tests.smtp_server", *arguments], cwd=ROOT)
    try:
        end = time.monotonic() + 30
        while not port_file.exists():
            assert process.poll() is None, "the server could not start"
            assert time.monotonic() < end, "the server did not start in time"
            time.sleep(0.01)
        yield int(port_file.read_text())
    finally:
        process.terminate()
        code = process.wait(30)
    assert code == 0, "a sender did what none may do"


async def _serve(script: Script, port_file: Path) -> int:
    """Listen until SIGTERM, and say by the exit code whether the senders kept the rules."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = SmtpServer(script)
    await server.listen()
    half = port_file.with_suffix(".new")
    half.write_text(str(server.port))
    half.rename(port_file)
    await stop.wait()
    await server.end()
    for breach in server.breaches:
        print("breach:", breach, file=sys.stderr)
    return 1 if server.breaches else 0


def main() -> int:
    """Run as ``python -m tests.smtp_server --port-file FILE [--script JSON]``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True, help="the port is written here once it listens")
    parser.add_argument("--script", default="{}", help="the script's fields as JSON")
    arguments = parser.parse_args()
    script = Script.from_json(arguments.script)
    script.keeps = False
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(_serve(script, arguments.port_file))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(script, arguments.port_file))


if __name__ == "__main__":
    sys.exit(main())
