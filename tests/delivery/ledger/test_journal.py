"""The side journal: what is known survives a crash and a full disk, and is told once."""

from __future__ import annotations

import errno
import resource
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.ledger.journal import RESERVED, FileJournal
from newsletter.delivery.model import DeliveryId, DeliveryState, Finding, Outcome, Reason, Result, SmtpReply
from newsletter.errors import NewsletterError
from tests.conftest import MONDAY, ROOT
from tests.delivery.house import claim

SENT = Outcome(DeliveryState.SENT, 1, reply=SmtpReply(250, "2.0.0", ""))


def result(number: int, outcome: Outcome = SENT) -> Result:
    return Result(claim(number, epoch=number + 1), outcome)


def left_in(folder: Path) -> list[list[Finding]]:
    return [list(found) for found in FileJournal(folder).left_behind()]


outcomes = st.builds(
    Outcome,
    state=st.sampled_from([DeliveryState.SENT, DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.DOUBTFUL]),
    attempts=st.integers(0, 100),
    reason=st.sampled_from(["", *Reason]),
    not_before=st.sampled_from([None, MONDAY]),
    reply=st.none() | st.builds(SmtpReply, st.integers(200, 599), st.sampled_from(["", "4.7.28"]), st.just("")),
    relay=st.sampled_from(["", "smtp", "backup"]),
)


@given(st.lists(st.lists(outcomes, min_size=1, max_size=5), max_size=4))
def test_what_was_kept_is_found_as_it_was(tmp_path_factory: pytest.TempPathFactory, groups: list[list[Outcome]]) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = FileJournal(folder)
    kept = [[result(number, outcome) for number, outcome in enumerate(group)] for group in groups]
    for group in kept:
        journal.append(group)
    journal.close()
    expected = [one.finding for group in kept for one in group]
    assert left_in(folder) == ([expected] if expected else [])
    assert left_in(folder) == [], "it is told once"


def test_a_line_of_before_relays_were_written_down_is_read(tmp_path: Path) -> None:
    line = (
        b'{"delivery": 7, "epoch": 3, "state": "sent", "attempts": 1, "reason": "", "not_before": null, "code": 250, '
        b'"status": "2.0.0"}'
    )
    (tmp_path / "1-0.journal").write_bytes(b"%b %08x\n" % (line, zlib.crc32(line)))
    assert left_in(tmp_path) == [[Finding(DeliveryId(7), 3, SENT)]]


def test_what_was_forgotten_is_not_found(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    journal.append([result(1), result(2), result(3)])
    journal.clear()
    journal.append([result(4)])
    journal.close()
    assert left_in(tmp_path) == [[result(4).finding]]


def test_a_journal_with_nothing_in_it_leaves_no_file(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")
    journal.prepare()
    journal.append([result(1)])
    journal.clear()
    journal.close()
    assert list((tmp_path / "journal").iterdir()) == []


def test_a_living_process_s_journal_is_left_alone(tmp_path: Path) -> None:
    living, other = FileJournal(tmp_path), FileJournal(tmp_path)
    living.append([result(1)])
    other.append([result(2)])
    assert left_in(tmp_path) == []
    other.close()
    assert left_in(tmp_path) == [[result(2).finding]]
    living.clear()
    living.close()


def test_a_server_s_words_and_an_address_never_go_in(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    journal.append([result(1, Outcome(DeliveryState.FAILED, 1, reply=SmtpReply(550, "5.1.1", "no reader1@example.org here")))])
    [path] = tmp_path.iterdir()
    assert b"@" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    journal.close()


@pytest.mark.parametrize("cut", [1, 9, 40])
def test_a_last_line_that_was_cut_short_costs_only_itself(tmp_path: Path, cut: int) -> None:
    journal = FileJournal(tmp_path)
    journal.append([result(1), result(2)])
    journal.close()
    [path] = tmp_path.iterdir()
    written = path.read_bytes().rstrip(b"\0")
    path.write_bytes(written[:-cut] + b"\0" * 1000)
    assert left_in(tmp_path) == [[result(1).finding]]


def test_a_damaged_line_costs_only_itself_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = FileJournal(tmp_path)
    journal.append([result(1), result(2), result(3)])
    journal.close()
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes().replace(b'"delivery": 2', b'"delivery": 9'))
    assert left_in(tmp_path) == [[result(1).finding, result(3).finding]]
    assert "delivery.journal_damaged" in caplog.text


def test_kill_9_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    dies = (
        "import os, signal, sys; from pathlib import Path; from newsletter.delivery.ledger.journal import FileJournal;"
        "from tests.delivery.ledger.test_journal import result; journal = FileJournal(Path(sys.argv[1]));"
        "journal.append([result(1)]); journal.append([result(2), result(3)]); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", dies, str(tmp_path)], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert left_in(tmp_path) == [[result(number).finding for number in (1, 2, 3)]]


def test_the_blocks_are_there_before_they_are_needed(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    journal.prepare()
    [path] = tmp_path.iterdir()
    assert path.stat().st_blocks * 512 >= RESERVED
    journal.append([result(number) for number in range(1_000)])
    journal.clear()
    assert path.stat().st_blocks * 512 >= RESERVED
    assert path.stat().st_size == RESERVED
    journal.close()


def test_where_no_more_can_be_written_the_reserved_room_still_takes_results_and_no_more(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    journal.prepare()
    # A limit on the length of files is the nearest that a test comes to a full disk.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (RESERVED, before[1]))
    try:
        journal.append([result(1)])
        with pytest.raises(OSError) as full:  # noqa: PT011 - the number says which
            journal.append([result(number) for number in range(10_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert full.value.errno in {errno.EFBIG, errno.ENOSPC}
    journal.close()
    found = left_in(tmp_path)
    assert found[0][0] == result(1).finding


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NewsletterError, match="check paths") as refused:
        FileJournal(tmp_path / "file").prepare()
    assert str(tmp_path / "file") in str(refused.value)
