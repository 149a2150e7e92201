"""The transport against real sockets: what it says, what it secures, and what it knows when things go wrong."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.config import SmtpConfig
from newsletter.delivery.model import OutgoingMessage, Phase, SmtpReply
from newsletter.delivery.transport.errors import SmtpError, SmtpInDoubt, SmtpRefused, SmtpUnavailable
from newsletter.delivery.transport.smtp import SmtpConnection
from tests.delivery.house import smtp_config
from tests.smtp_server import Fault, Script, SmtpServer, smtp_server

DATA = b"Subject: hello\r\n\r\n.dots\r\n..\r\n.\r\nend\r\n"


async def at_once() -> None:
    """Let the dot follow the body."""


async def after_a_while() -> None:
    """Let the dot wait until what the server did is seen, however the sockets are scheduled."""
    for _ in range(200):
        await asyncio.sleep(0.001)


def message(recipient: str, data: bytes = DATA) -> OutgoingMessage:
    return OutgoingMessage("bounces@example.org", recipient, data)


async def send(connection: SmtpConnection, outgoing: OutgoingMessage, before_dot: Callable[[], Awaitable[None]]) -> SmtpReply:
    connection.announce(connection.envelope(outgoing))
    await connection.put_body(outgoing)
    await before_dot()
    connection.check_silence()
    return await connection.end()


async def exchange(
    config: SmtpConfig, *recipients: str, data: bytes = DATA, before_dot: Callable[[], Awaitable[None]] = at_once
) -> list[SmtpReply | SmtpError]:
    """Send one message to each over one connection, as long as it holds; say how each went."""
    connection = await SmtpConnection.connect(config)
    found: list[SmtpReply | SmtpError] = []
    for recipient in recipients or ("ada@example.org",):
        try:
            found.append(await send(connection, message(recipient, data), before_dot))
        except SmtpError as error:
            found.append(error)
    await connection.close()
    return found


def run(server: SmtpServer, *recipients: str, **options: Any) -> list[SmtpReply | SmtpError]:
    return asyncio.run(exchange(smtp_config(server.port), *recipients, **options))


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Somebody who vouches for certificates."""
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> Path:
    """The authority's own certificate, to be trusted."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("extensions", [("PIPELINING", "SIZE 1000"), ("SIZE 1000",), ()])
def test_messages_arrive_whole_over_one_connection(extensions: tuple[str, ...]) -> None:
    recipients = [f"reader{number}@example.org" for number in range(5)]
    with smtp_server(Script(extensions=extensions)) as server:
        replies = run(server, *recipients)
    assert replies == [SmtpReply(250, "2.0.0", "taken")] * 5
    assert [(one.recipient, one.data) for one in server.accepted] == [(each, DATA) for each in recipients]
    assert server.connections == 1
    assert server.commands[-1] == "QUIT"
    assert (f"SIZE={len(DATA)}" in server.accepted[0].mail) is bool("SIZE 1000" in extensions)


def test_an_old_server_is_greeted_with_helo() -> None:
    with smtp_server(Script(only_helo=True)) as server:
        run(server)
    assert server.commands[:2] == ["EHLO test.example.org", "HELO test.example.org"]
    assert len(server.accepted) == 1


lines = st.lists(st.binary(max_size=40).map(lambda line: line.translate(None, b"\r\n\0")).filter(bytes.isascii), min_size=1)


@settings(max_examples=25, deadline=None)
@given(lines)
def test_any_lines_arrive_as_they_were(texts: list[bytes]) -> None:
    data = b"".join(text + b"\r\n" for text in texts)
    with smtp_server() as server:
        run(server, data=data)
    assert server.accepted[0].data == data


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("reply", ["450 4.2.1 later", "550 5.1.1 never"])
def test_after_a_refusal_the_connection_is_used_on(phase: str, extensions: tuple[str, ...], reply: str) -> None:
    with smtp_server(Script(extensions=extensions, faults=[Fault(phase, reply=reply, times=1)])) as server:
        refused, taken = run(server, "a@example.org", "b@example.org")
    assert isinstance(refused, SmtpRefused)
    assert (refused.phase, refused.reply.code) == (Phase(phase), int(reply[:3]))
    assert isinstance(taken, SmtpReply)
    assert [one.recipient for one in server.accepted] == ["b@example.org"]
    assert server.connections == 1


def test_data_that_is_let_through_without_a_recipient_is_ended_at_once() -> None:
    faults = [Fault("rcpt", reply="550 5.1.1 no", times=1), Fault("data", reply="354 go on anyway", times=1)]
    with smtp_server(Script(faults=faults)) as server:
        refused, taken = run(server, "a@example.org", "b@example.org")
    assert isinstance(refused, SmtpRefused)
    assert refused.phase is Phase.RCPT
    assert isinstance(taken, SmtpReply)
    assert "." in server.commands
    assert [one.recipient for one in server.accepted] == ["b@example.org"]


def test_data_that_is_let_through_without_a_sender_is_dropped() -> None:
    faults = [
        Fault("mail", reply="550 5.1.8 no", times=1),
        Fault("rcpt", reply="250 2.1.5 ok all the same"),
        Fault("data", reply="354 go on anyway"),
    ]
    with smtp_server(Script(faults=faults)) as server:
        refused, gone = run(server, "a@example.org", "b@example.org")
    assert isinstance(refused, SmtpRefused)
    assert isinstance(gone, SmtpUnavailable)
    assert server.accepted == []


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "body"])
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("reply", [None, "421 4.3.2 closing", "hello", "250-never ending"])
def test_what_breaks_before_the_dot_was_certainly_not_accepted(
    phase: str, extensions: tuple[str, ...], reply: str | None
) -> None:
    with smtp_server(Script(extensions=extensions, faults=[Fault(phase, reply=reply, drop=True)])) as server:
        [broken] = run(server, before_dot=after_a_while)
    assert isinstance(broken, SmtpUnavailable)
    assert broken.phase is Phase(phase)
    assert server.accepted == []


@pytest.mark.parametrize("reply", [None, "hello", "354 what", "250-never ending", "250 bare line feed\n"])
def test_what_breaks_after_the_dot_is_in_doubt(reply: str | None) -> None:
    with smtp_server(Script(faults=[Fault("dot", reply=reply, drop=True)])) as server:
        [doubt] = run(server)
    assert isinstance(doubt, SmtpInDoubt)


def test_an_acceptance_is_taken_even_if_the_connection_ends_with_it() -> None:
    with smtp_server(Script(faults=[Fault("dot", reply="250 2.0.0 taken", drop=True)])) as server:
        [taken] = run(server)
    assert isinstance(taken, SmtpReply)


def test_closing_after_the_dot_is_a_refusal() -> None:
    with smtp_server(Script(faults=[Fault("dot", reply="421 4.3.2 closing", drop=True)])) as server:
        refused, gone = run(server, "a@example.org", "b@example.org")
    assert isinstance(refused, SmtpRefused)
    assert refused.phase is Phase.DOT
    assert isinstance(gone, SmtpUnavailable)


@pytest.mark.parametrize("phase", ["rcpt", "dot"])
def test_a_server_that_never_answers_is_given_up(phase: str) -> None:
    with smtp_server(Script(faults=[Fault(phase, hang=True)])) as server:
        config = smtp_config(server.port, reply_timeout="0.2s", final_timeout="0.2s")
        [late] = asyncio.run(exchange(config))
    assert isinstance(late, SmtpInDoubt if phase == "dot" else SmtpUnavailable)


def test_an_early_answer_is_not_taken_for_the_answer_to_the_dot() -> None:
    with smtp_server(Script(faults=[Fault("body", reply="552 5.3.4 too much")])) as server:
        [refused] = run(server, before_dot=after_a_while)
    assert isinstance(refused, SmtpRefused)
    assert refused.phase is Phase.BODY
    assert server.accepted == []


def test_who_gives_up_before_the_dot_leaves_nothing_behind() -> None:
    async def give_up(config: SmtpConfig) -> None:
        connection = await SmtpConnection.connect(config)
        connection.announce(connection.envelope(message("a@example.org")))
        await connection.put_body(message("a@example.org"))
        connection.abort()
        assert not connection.is_usable
        with pytest.raises(SmtpUnavailable):
            connection.announce(connection.envelope(message("b@example.org")))

    with smtp_server() as server:
        asyncio.run(give_up(smtp_config(server.port)))
    assert server.accepted == []
    assert "." not in server.commands


def test_a_body_without_an_announcement_is_misuse() -> None:
    async def forget(config: SmtpConfig) -> None:
        connection = await SmtpConnection.connect(config)
        with pytest.raises(ValueError, match="announce"):
            await connection.put_body(message("a@example.org"))
        await connection.close()

    with smtp_server() as server:
        asyncio.run(forget(smtp_config(server.port)))


async def ride(config: SmtpConfig) -> tuple[SmtpReply | SmtpError, bool, SmtpReply | SmtpError | None]:
    """Let a second message ride with the dot of a first: how that went, whether the second was announced, how it went."""
    connection = await SmtpConnection.connect(config)
    first, second = message("a@example.org"), message("b@example.org")
    connection.announce(connection.envelope(first))
    await connection.put_body(first)
    connection.check_silence()
    last: SmtpReply | SmtpError | None = None
    try:
        ended: SmtpReply | SmtpError = await connection.end(connection.envelope(second))
    except SmtpError as error:
        ended = error
    is_waiting = connection.is_waiting
    if is_waiting:
        assert not connection.is_usable, "one message at a time"
        try:
            await connection.put_body(second)
            last = await connection.end()
        except SmtpError as error:
            last = error
    await connection.close()
    return ended, is_waiting, last


def test_the_next_envelope_rides_with_the_dot() -> None:
    with smtp_server() as server:
        first, was_announced, second = asyncio.run(ride(smtp_config(server.port)))
    assert (first, was_announced, second) == (SmtpReply(250, "2.0.0", "taken"), True, SmtpReply(250, "2.0.0", "taken"))
    assert [one.data for one in server.accepted] == [DATA, DATA]
    assert server.connections == 1


@pytest.mark.parametrize(("phase", "recipient"), [("dot", "a@example.org"), ("rcpt", "b@example.org")])
def test_a_refusal_concerns_only_the_one_of_two_that_it_answers(phase: str, recipient: str) -> None:
    with smtp_server(Script(faults=[Fault(phase, recipient, "550 5.1.1 no")])) as server:
        first, was_announced, second = asyncio.run(ride(smtp_config(server.port)))
    refused, taken = (first, second) if phase == "dot" else (second, first)
    assert was_announced
    assert isinstance(refused, SmtpRefused)
    assert refused.phase is Phase(phase)
    assert isinstance(taken, SmtpReply)
    assert server.recipients.total() == 1


def test_what_rode_with_a_dot_that_was_answered_421_was_not_announced() -> None:
    with smtp_server(Script(faults=[Fault("dot", reply="421 4.3.2 closing", drop=True)])) as server:
        first, was_announced, second = asyncio.run(ride(smtp_config(server.port)))
    assert isinstance(first, SmtpRefused)
    assert (was_announced, second, server.accepted) == (False, None, [])


def test_what_rode_with_a_dot_that_was_never_answered_is_not_in_doubt() -> None:
    with smtp_server(Script(faults=[Fault("dot", drop=True, store=True)])) as server:
        first, was_announced, second = asyncio.run(ride(smtp_config(server.port)))
    assert isinstance(first, SmtpInDoubt)
    assert (was_announced, second) == (False, None)
    assert server.recipients == {"a@example.org": 1}


def test_a_connection_that_ends_behind_the_answer_keeps_the_first_and_certainly_has_not_the_second() -> None:
    with smtp_server(Script(faults=[Fault("mail", skip=1, drop=True)])) as server:
        first, _, second = asyncio.run(ride(smtp_config(server.port)))
    assert isinstance(first, SmtpReply)
    assert second is None or isinstance(second, SmtpUnavailable)
    assert server.recipients == {"a@example.org": 1}


@pytest.mark.parametrize(("extensions", "can_ride"), [(("PIPELINING",), True), (("8BITMIME",), False)])
def test_an_envelope_rides_only_where_pipelining_is_offered(extensions: tuple[str, ...], *, can_ride: bool) -> None:
    async def ask(config: SmtpConfig) -> bool:
        connection = await SmtpConnection.connect(config)
        await connection.close()
        return connection.can_ride

    with smtp_server(Script(extensions=extensions)) as server:
        assert asyncio.run(ask(smtp_config(server.port))) is can_ride


def test_a_message_that_dawdles_along_is_given_up_by_its_total_time() -> None:
    faults = [Fault(phase, delay=0.15) for phase in ("mail", "rcpt", "data", "dot")]
    with smtp_server(Script(faults=faults)) as server:
        config = smtp_config(server.port, reply_timeout="0.3s", final_timeout="0.3s", message_timeout="0.35s")
        [late] = asyncio.run(exchange(config))
    assert isinstance(late, SmtpUnavailable)
    assert "in time" in str(late)


def test_starttls_and_login_come_before_the_first_message(certificate: Path, server_tls: ssl.SSLContext) -> None:
    with smtp_server(Script(tls=server_tls, logins={"ada": "opensesame"})) as server:
        config = smtp_config(server.port, security="starttls", ca_file=certificate, username="ada", password="opensesame")
        [taken] = asyncio.run(exchange(config))
    assert isinstance(taken, SmtpReply)
    assert server.was_secure == [True]
    assert [command.split()[0] for command in server.commands][:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]


def test_implicit_tls_and_the_older_login(certificate: Path, server_tls: ssl.SSLContext) -> None:
    with smtp_server(Script(tls=server_tls, implicit_tls=True, logins={"login": "opensesame"})) as server:
        config = smtp_config(server.port, security="tls", ca_file=certificate, username="login", password="opensesame")
        [taken] = asyncio.run(exchange(config))
    assert isinstance(taken, SmtpReply)
    assert "AUTH LOGIN" in server.commands


def refusal(config: SmtpConfig) -> SmtpUnavailable:
    with pytest.raises(SmtpUnavailable) as refused:
        asyncio.run(exchange(config))
    return refused.value


def test_a_wrong_password_says_what_to_check(certificate: Path, server_tls: ssl.SSLContext) -> None:
    with smtp_server(Script(tls=server_tls, logins={"ada": "opensesame"})) as server:
        config = smtp_config(server.port, security="starttls", ca_file=certificate, username="ada", password="wrong")
        error = refusal(config)
    assert error.phase is Phase.AUTH
    assert "check the username and the password" in str(error)
    assert "wrong\n" not in str(error)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_nobody_vouches_for_is_refused(server_tls: ssl.SSLContext, security: str) -> None:
    with smtp_server(Script(tls=server_tls, implicit_tls=security == "tls")) as server:
        error = refusal(smtp_config(server.port, security=security))
    assert "check smtp.host against the certificate" in str(error)
    assert server.accepted == []


def test_a_certificate_for_another_host_is_refused(certificate: Path, server_tls: ssl.SSLContext) -> None:
    with smtp_server(Script(tls=server_tls)) as server:
        error = refusal(smtp_config(server.port, host="localhost", security="starttls", ca_file=certificate))
    assert "no secure connection" in str(error)


@pytest.mark.parametrize("script", [Script(), Script(faults=[Fault("starttls", reply="454 4.7.0 not now")])])
def test_there_is_no_fall_back_to_clear_text(script: Script, server_tls: ssl.SSLContext) -> None:
    script.tls = server_tls if script.faults else None
    with smtp_server(script) as server:
        error = refusal(smtp_config(server.port, security="starttls"))
    assert error.phase is Phase.STARTTLS
    assert not any(command.startswith("MAIL") for command in server.commands)


def test_clear_text_behind_starttls_is_noticed(server_tls: ssl.SSLContext) -> None:
    injected = Fault("starttls", reply="220 2.0.0 go ahead\r\n250 injected")
    with smtp_server(Script(tls=server_tls, faults=[injected])) as server:
        assert "clear text" in str(refusal(smtp_config(server.port, security="starttls")))


def test_a_login_the_server_does_not_offer_is_an_error(certificate: Path, server_tls: ssl.SSLContext) -> None:
    with smtp_server(Script(tls=server_tls)) as server:
        config = smtp_config(server.port, security="starttls", ca_file=certificate, username="ada", password="x")
        assert "offers neither" in str(refusal(config))


@pytest.mark.parametrize(
    ("fault", "phase"),
    [
        (Fault("connect", reply="554 5.7.1 go away"), Phase.CONNECT),
        (Fault("connect", drop=True), Phase.CONNECT),
        (Fault("ehlo", reply="421 4.3.2 busy", drop=True), Phase.HELLO),
        (Fault("ehlo", reply="nonsense"), Phase.HELLO),
    ],
)
def test_a_server_that_does_not_greet_is_unavailable(fault: Fault, phase: Phase) -> None:
    with smtp_server(Script(faults=[fault])) as server:
        assert refusal(smtp_config(server.port)).phase is phase


def test_nobody_listening_says_what_to_check() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert "check smtp.host" in str(refusal(smtp_config(free.getsockname()[1])))


def test_a_missing_ca_file_is_named(tmp_path: Path) -> None:
    assert "check smtp.ca_file" in str(refusal(smtp_config(9, security="tls", ca_file=tmp_path / "none.pem")))


def test_a_helo_name_cannot_smuggle_a_command() -> None:
    with smtp_server() as server:
        assert "not a host name" in str(refusal(smtp_config(server.port, helo_name="a\r\nMAIL FROM:<>")))
    assert server.commands == []


class Keeper:
    """aiosmtpd's handler that keeps envelopes."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.kept.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 kept"


@contextmanager
def aiosmtpd_server(keeper: Keeper) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(keeper, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def test_another_server_reads_the_same_messages() -> None:
    keeper = Keeper()
    recipients = [f"reader{number}@example.org" for number in range(5)]
    with aiosmtpd_server(keeper) as port:
        replies = asyncio.run(exchange(smtp_config(port), *recipients))
    assert replies == [SmtpReply(250, "2.0.0", "kept")] * 5
    assert keeper.kept == [("bounces@example.org", [recipient], DATA) for recipient in recipients]
