"""A sample in a real mailbox: marked, once, to one address, over the transport that issues take."""

from __future__ import annotations

import asyncio
from email import message_from_bytes, policy

import pytest

from newsletter.app import App
from newsletter.config import RelayConfig
from newsletter.delivery.model import SmtpReply
from newsletter.delivery.transport.errors import SmtpInDoubt, SmtpRefused, SmtpUnavailable
from newsletter.preview.studio.sending import MARK, marked, send_sample
from newsletter.preview.studio.service import MAIL_KINDS, Wanted
from newsletter.rendering.message.sample import SampleMessage
from tests.smtp_server import Fault, Script, SmtpServer, smtp_server

ADDRESS = "editor@example.org"
SENDER = "papers@example.org"


def sample_of(app: App, **wanted: str) -> SampleMessage:
    sample = app.studio().show(Wanted(**wanted), address=ADDRESS).sample  # type: ignore[arg-type]  # text fields only
    assert sample is not None
    return sample


def sent(server: SmtpServer, sample: SampleMessage) -> SmtpReply:
    relay = RelayConfig(host=server.host, port=server.port, security="none")
    return asyncio.run(send_sample(relay, sample, sender=SENDER, address=ADDRESS))


@pytest.mark.parametrize("case", ["", "hostile", "rtl", "words", "wide", "authors"])
def test_only_the_subject_says_that_it_is_a_test(one_app: App, case: str) -> None:
    sample = sample_of(one_app, case=case)
    data = marked(sample)
    before, after = (message_from_bytes(each, policy=policy.default) for each in (sample.data, data))
    assert after["Subject"] == f"{MARK}{before['Subject']}"
    assert after.keys() == before.keys()
    assert [(name, value) for name, value in after.items() if name != "Subject"] == [
        (name, value) for name, value in before.items() if name != "Subject"
    ]
    assert data.partition(b"\r\n\r\n")[2] == sample.data.partition(b"\r\n\r\n")[2]
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert after.defects == []


def test_every_kind_of_mail_can_be_marked(one_app: App) -> None:
    for kind in MAIL_KINDS:
        message = message_from_bytes(marked(sample_of(one_app, kind=kind)), policy=policy.default)
        assert message["Subject"].startswith(MARK), kind
        assert message["To"] == ADDRESS


def test_the_server_gets_it_once_with_its_envelope(one_app: App) -> None:
    sample = sample_of(one_app)
    with smtp_server() as server:
        reply = sent(server, sample)
    assert (reply.code, reply.text) == (250, "taken")
    (accepted,) = server.accepted
    assert (accepted.recipient, accepted.data) == (ADDRESS, marked(sample))
    assert SENDER in accepted.mail
    assert server.connections == 1
    assert server.commands[-1] == "QUIT"


def test_a_refusal_is_the_servers_own_words(one_app: App) -> None:
    with (
        smtp_server(Script(faults=[Fault("rcpt", reply="550 5.1.1 nobody here")])) as server,
        pytest.raises(SmtpRefused, match=r"550 5\.1\.1 nobody here"),
    ):
        sent(server, sample_of(one_app))
    assert server.accepted == []


def test_a_connection_that_breaks_says_whether_it_may_have_arrived(one_app: App) -> None:
    with smtp_server(Script(faults=[Fault("data", drop=True)])) as server, pytest.raises(SmtpUnavailable):
        sent(server, sample_of(one_app))
    with smtp_server(Script(faults=[Fault("dot", drop=True, store=True)])) as server, pytest.raises(SmtpInDoubt):
        sent(server, sample_of(one_app))
    assert len(server.accepted) == 1
