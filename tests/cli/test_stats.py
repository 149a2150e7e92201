"""What ``stats`` says of what came back, to people and to scripts. Its other half is tested beside ``schedule show``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.app import App
from newsletter.cli.stats import bar, scale
from newsletter.clock import ManualClock
from newsletter.config_file import load
from newsletter.delivery.returns.limits import BOUNCE_LIMITS, COMPLAINT_LIMITS, Limit
from subscribers.mailboxes import MailboxStore
from tests.cli.shell import Shell
from tests.delivery.house import address, open_issue, set_domain
from tests.delivery.returns.house import ReturnHouse

DRAWN = (BOUNCE_LIMITS[0], COMPLAINT_LIMITS[0])


@pytest.fixture
def shell(tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]) -> Shell:
    text = f'[database]\nurl = "{database_url}"\n[newsletters.papers]\nsize = 5\n'
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    return Shell(tmp_path / "config.toml", capsys)


@pytest.fixture
def app(shell: Shell, tmp_path: Path, clock: ManualClock) -> Iterator[App]:
    assert shell("stats", "--returns").code == 3
    made = App(load(tmp_path / "config.toml"), clock=clock)
    yield made
    made.close()


@pytest.fixture
def home(app: App, clock: ManualClock) -> ReturnHouse:
    return ReturnHouse(app.database, clock)


def test_where_an_issue_waits_the_next_step_is_to_send_it(shell: Shell, home: ReturnHouse) -> None:
    assert "newsletter build" in shell("stats", "--returns").out
    open_issue(home.database, home.readers(2), slot="2026-08-21")
    waits = shell("stats", "--returns")
    assert (waits.code, waits.out) == (3, "nothing was sent yet; send what is due with: newsletter send --due\n")


def test_a_reader_is_shown_with_what_came_back_and_what_is_held_against_the_mailbox(
    shell: Shell, home: ReturnHouse, clock: ManualClock
) -> None:
    (reader,) = home.readers(1)
    assert "mailbox:" not in shell("subscribers", "show", str(reader)).out
    home.bounce(home.send([reader]), reader, reason="userunknown")
    shown = shell("subscribers", "show", str(reader)).out
    assert "mailbox: 1 of 3 points, last on " in shown
    assert "(userunknown" in shown
    assert "a last mail asked" not in shown
    table = shown[shown.index("Came back") :].splitlines()
    assert table[4].split()[1:3] == ["bounce", "userunknown"]
    with home.database.write() as session:
        store = MailboxStore(session, home.hasher)
        mailbox = store.get(reader)
        assert mailbox is not None
        store.keep(reader, replace(mailbox, probed_at=clock.now()))
    assert "; a last mail asked them on " in shell("subscribers", "show", str(reader)).out


def test_what_came_back_of_an_issue_is_told_with_its_rates(shell: Shell, home: ReturnHouse) -> None:
    readers = home.readers(40)
    quiet, issue = home.send(readers), home.send(readers)
    assert "What came back" not in shell("stats").out
    home.bounce(issue, readers[0])
    home.bounce(issue, readers[1], is_hard=False)
    home.bounce(issue, readers[2], reason="spamdetected")
    home.complain(issue, readers[3])
    lines = {line["issue"]: line for line in shell("stats", "--json", "--limit", "0").json}
    told = {
        "refused": 0,
        "hard_bounces": 1,
        "soft_bounces": 1,
        "policy": 1,
        "complaints": 1,
        "bounce_rate": 0.025,
        "complaint_rate": 0.025,
    }
    assert {key: lines[issue][key] for key in told} == told
    assert {key: lines[quiet][key] for key in told} == dict.fromkeys(told, 0)
    shown = shell("stats").out
    table = shown[shown.index("What came back") :].splitlines()
    assert table[2].split() == ["no.", "slot", "refused", "hard", "soft", "policy", "bounced", "complaints", "of", "sent"]
    assert len([line for line in table if "2.50 %" in line]) == 1, "only of the issue that something came back of"
    assert max(map(len, shown.splitlines())) <= 80


def test_returns_are_told_by_relay_and_domain_beside_the_limits_and_name_nobody(shell: Shell, home: ReturnHouse) -> None:
    readers = home.readers(30)
    set_domain(home.database, readers[:20], "large.example")
    set_domain(home.database, readers[20:22], "ada.example")
    issue = home.send(readers, relay="main")
    home.bounce(issue, readers[0])
    home.bounce(issue, readers[21])
    home.complain(issue, readers[1])
    found = shell("stats", "--returns", "--json").json
    assert [(line["name"], line["sent"], line["hard_bounces"]) for line in found["by_domain"]] == [
        ("large.example", 20, 1),
        ("example.org", 8, 0),
        ("", 2, 1),
    ]
    assert [(line["name"], line["complaint_rate"]) for line in found["by_relay"]] == [("main", 1 / 30)]
    assert found["limits"]["complaints"][0] == {"provider": "Gmail, Yahoo", "aim": 0.001, "stop": 0.003}
    assert shell("stats", "--returns", "--json", "--limit", "0").json == found
    shown = shell("stats", "--returns").out
    for words in ("Bounces by domain", "Complaints by relay", "others", "large.example", "Amazon SES: keep bounces below 5 %"):
        assert words in shown
    assert "ada.example" not in shown
    assert address(readers[1]) not in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("drawn", DRAWN)
def test_the_limits_stand_above_their_marks(drawn: Limit) -> None:
    empty = bar(0.0, drawn)
    above = scale(drawn)
    assert [found.start() for found in re.finditer("│", empty)] == [found.start() for found in re.finditer(r"[\d.]+%", above)]


@given(st.sampled_from(DRAWN), st.floats(0, 1), st.floats(0, 1))
def test_a_bar_grows_with_the_rate_and_passes_a_mark_only_above_its_limit(drawn: Limit, one: float, two: float) -> None:
    small, large = sorted((one, two))
    assert len(bar(large, drawn)) == len(bar(small, drawn)) == 16
    assert filled(bar(small, drawn)) <= filled(bar(large, drawn))
    assert filled(bar(large, drawn)) >= (large > 0)
    assert ("┿" not in bar(large, drawn)) or large > 0.9 * drawn.aim


def filled(drawn: str) -> int:
    return len(re.findall("[━┿]", drawn))
