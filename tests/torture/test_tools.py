"""The scripted server and the checker do what they say: what is proven with them is worth no more than they are."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.smtp_ledger import Copy, check, read_ledger
from tests.smtp_server import Fault, Script, SmtpServer, smtp_process, smtp_server


class Client:
    """Talks SMTP over a plain socket, as it is told and without a thought."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")

    def say(self, text: str) -> None:
        self._socket.sendall(text.encode())

    def hear(self, *codes: str) -> None:
        """Read a reply for each of ``codes``; an empty one is the end of the connection."""
        for code in codes:
            line = self._file.readline().decode()
            while line[3:4] == "-":
                line = self._file.readline().decode()
            assert line[:3] == code, line

    def hear_code(self) -> str:
        """Read a line, and return what it begins with; empty at the end of the connection."""
        return self._file.readline()[:3].decode()

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@contextlib.contextmanager
def client(port: int) -> Iterator[Client]:
    found = Client(port)
    try:
        found.hear("220")
        yield found
    finally:
        found.close()


def envelope(recipient: str) -> str:
    return f"MAIL FROM:<bounces@example.org>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n"


def message(recipient: str, text: str = "Hello") -> str:
    return f"Message-ID: <{recipient}>\r\n\r\n{text}\r\n"


def exchange(port: int, recipient: str, *, last: str = "250", text: str = "Hello") -> None:
    """Send one message, whose final dot is answered with ``last``."""
    with client(port) as one:
        one.say("EHLO test.example.org\r\n")
        one.hear("250")
        one.say(envelope(recipient))
        one.hear("250", "250", "354")
        one.say(message(recipient, text) + ".\r\n")
        one.hear(last)


def test_the_next_envelope_may_ride_behind_the_dot(tmp_path: Path) -> None:
    ledger = tmp_path / "accepted"
    people = [f"reader{number}@example.org" for number in range(5)]
    with smtp_server(Script(ledger=ledger)) as server, client(server.port) as one:
        one.say("EHLO test.example.org\r\n")
        one.hear("250")
        one.say(envelope(people[0]))
        for reader, following in zip(people, [*people[1:], None], strict=True):
            one.hear("250", "250", "354")
            one.say(message(reader, "..\r\n..dots\r\n") + ".\r\n" + (envelope(following) if following else "QUIT\r\n"))
            one.hear("250")
            assert [copy.recipient for copy in read_ledger(ledger)][-1] == reader, "in the ledger before the answer"
        one.hear("221", "")
    assert [accepted.data.decode() for accepted in server.accepted] == [message(each, ".\r\n.dots\r\n") for each in people]
    assert [copy.message_id for copy in read_ledger(ledger)] == [f"<{each}>" for each in people]
    assert check(read_ledger(ledger), people).is_clean


@pytest.mark.parametrize(
    ("extensions", "said"),
    [
        (("PIPELINING",), ["EHLO x\r\nMAIL FROM:<>\r\n"]),
        (("PIPELINING",), ["EHLO x\r\n", envelope("a@example.org") + "text\r\n"]),
        ((), ["EHLO x\r\n", "MAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\n"]),
        ((), ["EHLO x\r\n", "MAIL FROM:<> SIZE=10\r\n"]),
        (("SIZE",), ["EHLO x\r\n", "MAIL FROM:<> RET=HDRS\r\n"]),
        ((), ["EHLO x\nMAIL FROM:<>\r\n"]),
        (("PIPELINING",), ["EHLO x\r\n", envelope("a@example.org"), "text\n.\nmore\r\n.\r\n"]),
    ],
)
def test_what_no_sender_may_do_does_not_pass(extensions: tuple[str, ...], said: list[str]) -> None:
    server = SmtpServer(Script(extensions=extensions))
    server.start()
    with client(server.port) as one:
        for words in said:
            one.say(words)
            time.sleep(0.02)
        while one.hear_code():
            pass
    server.stop()
    assert len(server.breaches) == 1
    assert not server.accepted


def test_faults_by_recipient_domain_and_set(tmp_path: Path) -> None:
    faults = [
        Fault("dot", "a@example.org", "450 4.2.1 one"),
        Fault("dot", "@example.net", "451 4.2.1 domain"),
        Fault("dot", frozenset({"b@example.org", "c@example.org"}), "452 4.2.2 set"),
    ]
    wanted = {"a@example.org": "450", "x@example.net": "451", "c@example.org": "452", "d@example.org": "250"}
    with smtp_server(Script(faults=faults)) as server:
        for recipient, code in wanted.items():
            exchange(server.port, recipient, last=code)
    assert set(server.recipients) == {"d@example.org"}


def test_faults_by_number_and_by_chance_are_the_same_in_every_run() -> None:
    def run(seed: int) -> list[str]:
        faults = [Fault("dot", reply="451 4.3.0 third", skip=2, times=1), Fault("dot", reply="452 4.3.0 dice", chance=0.5)]
        with smtp_server(Script(faults=faults, seed=seed)) as server, client(server.port) as one:
            one.say("EHLO x\r\n")
            one.hear("250")
            said = []
            for number in range(30):
                one.say(envelope(f"reader{number}@example.org"))
                one.hear("250", "250", "354")
                one.say("\r\n.\r\n")
                said.append(one.hear_code())
        return said

    first = run(1)
    assert first == run(1)
    assert first != run(2)
    assert first.count("451") == 1
    assert 5 < first.count("452") < 25


def test_faults_by_time() -> None:
    faults = [Fault("dot", reply="451 4.3.0 early", until=0.5), Fault("dot", reply="452 4.3.0 much later", since=3600)]
    with smtp_server(Script(faults=faults)) as server:
        exchange(server.port, "a@example.org", last="451")
        time.sleep(0.55)
        exchange(server.port, "a@example.org")


@pytest.mark.parametrize(("slow", "least"), [({"delay": 0.3}, 0.3), ({"pace": 40.0}, 0.3), ({"delay": 0.1, "pace": 80.0}, 0.2)])
def test_slow_answers_come_all_the_same(slow: dict[str, Any], least: float) -> None:
    with smtp_server(Script(faults=[Fault("dot", **slow)])) as server:
        began = time.monotonic()
        exchange(server.port, "a@example.org")
        assert time.monotonic() - began >= least
    assert server.recipients.total() == 1


def test_after_the_dot_with_and_without_the_answer() -> None:
    faults = [
        Fault("dot", "stored@example.org", drop=True, store=True),
        Fault("dot", "dropped@example.org", drop=True),
        Fault("dot", "told@example.org", reply="250 2.0.0 taken", store=True, drop=True),
    ]
    with smtp_server(Script(faults=faults)) as server:
        exchange(server.port, "stored@example.org", last="")
        exchange(server.port, "dropped@example.org", last="")
        exchange(server.port, "told@example.org")
    assert set(server.recipients) == {"stored@example.org", "told@example.org"}


def test_a_server_in_a_process_of_its_own_is_quick(tmp_path: Path) -> None:
    ledger = tmp_path / "accepted"
    script = {"ledger": str(ledger), "faults": [{"phase": "dot", "recipient": ["no@example.org"], "reply": "550 5.1.1 no"}]}
    count, text = 2_000, "x" * 70 + "\r\n"
    with smtp_process(tmp_path, script) as port:
        exchange(port, "no@example.org", last="550")
        with client(port) as one:
            one.say("EHLO x\r\n")
            one.hear("250")
            one.say(envelope("reader0@example.org"))
            body = text * 30
            began = time.monotonic()
            for number in range(1, count + 1):
                one.hear("250", "250", "354")
                one.say(message(f"reader{number - 1}@example.org", body) + ".\r\n" + envelope(f"reader{number}@example.org"))
                one.hear("250")
            rate = count / (time.monotonic() - began)
    assert len({copy.recipient for copy in read_ledger(ledger)}) == count
    print(f"{rate:,.0f} messages a second over one connection")


A, B = Copy("a@example.org", "1", "<a>"), Copy("b@example.org", "2", "<b>")
PEOPLE = ["a@example.org", "b@example.org"]


@pytest.mark.parametrize(
    ("copies", "said", "wrong"),
    [
        ([A, B], {"a@example.org": "sent", "b@example.org": "sent"}, {}),
        ([A], None, {"lost": ["b@example.org"]}),
        ([A], {"a@example.org": "sent", "b@example.org": "doubtful"}, {}),
        ([A, A, B], None, {"doubled": ["a@example.org"]}),
        ([A, B, Copy("c@example.org", "3", "<c>")], None, {"unexpected": ["c@example.org"]}),
        ([A, A._replace(digest="9"), B], None, {"doubled": ["a@example.org"], "altered": ["a@example.org"]}),
        ([A, B._replace(message_id="<a>")], None, {"altered": PEOPLE}),
        ([A], {"a@example.org": "sent", "b@example.org": "sent"}, {"lost": 1, "misreported": 1}),
        ([A, B], {"a@example.org": "sent", "b@example.org": "failed"}, {"misreported": 1}),
        ([A, B], {"a@example.org": "sent"}, {"misreported": 1}),
    ],
)
def test_the_checker_finds_what_is_wrong(copies: list[Copy], said: dict[str, str] | None, wrong: dict[str, Any]) -> None:
    verdict = check(copies, PEOPLE, said)
    for name in ("lost", "doubled", "unexpected", "altered", "misreported"):
        found, expected = getattr(verdict, name), wrong.get(name, [])
        assert (len(found) if isinstance(expected, int) else list(found)) == expected
    assert verdict.is_clean is not bool(wrong)


def test_the_checker_speaks_by_its_exit_code(tmp_path: Path) -> None:
    ledger, expected = tmp_path / "accepted", tmp_path / "expected"
    expected.write_text("a@example.org\nb@example.org\n")
    command = [sys.executable, "-m", "tests.smtp_ledger", str(ledger), "--expected", str(expected)]
    ledger.write_text("a@example.org\t1\t<a>\nb@example.org\t2\t<b>\nc@exam")
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 0
    ledger.write_text("a@example.org\t1\t<a>\n")
    found = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert found.returncode == 1
    assert "lost        1  b@example.org" in found.stdout
