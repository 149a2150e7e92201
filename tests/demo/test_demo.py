"""The demo works on the bundled sample, and the sample holds only what may be shipped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import httpx
import pytest

from newsletter.demo.drawing import HEIGHT, WIDTH
from newsletter.packaging import sample_papers
from tests.demo.make_sample import lines
from tests.flow import text_of
from tests.pictures.samples import decoded

DEMO = [sys.executable, "-m", "newsletter", "demo"]


def assert_lead_is_pictured(inbox: str) -> None:
    """Look for the picture of the first paper in each mail, and fetch it from where the mail says."""
    sources = set()
    for number in (1, 2, 3):
        mail = message_from_bytes(httpx.get(f"{inbox}/{number}/raw").content, policy=policy.default)
        [source] = re.findall(r'<img[^>]* src="([^"]*)" width="528" alt="[^"]+"', text_of(mail, "html"))
        answer = httpx.get(source)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert decoded(answer.content).size == (WIDTH, HEIGHT)
        sources.add(source)
    assert len(sources) == 3  # the sample readers have different tastes


def test_the_demo_prints_an_account_that_adds_up(tmp_path: Path) -> None:
    ended = subprocess.run([*DEMO, "--once"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "146 papers" in ended.stdout
    assert re.search(r"\d+ pictures drawn by the demo itself, as the sample has none", ended.stdout)
    assert "account: 3 sent = audience of 3; adds up" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_sends_nowhere_whatever_the_environment_says(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "NEWSLETTER_SMTP__HOST": "192.0.2.1",
        "NEWSLETTER_DATABASE__URL": f"sqlite:///{tmp_path}/mine.db",
        "NEWSLETTER_SOURCES__HF_DAILY_PAPERS__ENABLED": "true",
    }
    ended = subprocess.run([*DEMO, "--once"], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_demo_serves_what_it_names_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*DEMO, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    addresses: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        words = line.split()
        if words[1:] and words[1].startswith("http://"):
            addresses[words[0]] = words[1]
        if "Ctrl-C" in line:
            break
    try:
        assert list(addresses) == ["sign-up", "inbox", "preview"]
        assert "3 mails" in httpx.get(addresses["inbox"]).text
        assert "Trending Papers" in httpx.get(addresses["sign-up"]).text
        assert "robots@example.org" in httpx.get(addresses["preview"]).text
        assert_lead_is_pictured(addresses["inbox"])
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_the_sample_holds_only_descriptive_metadata_and_counts() -> None:
    allowed = {"arxiv_id", "title", "abstract", "authors", "organization", "published_at", "listed_at", "signals", "source"}
    allowed |= {"code_url", "project_url", "discussion_url"}
    papers = [json.loads(line) for line in sample_papers().read_text(encoding="utf-8").splitlines()]
    assert set().union(*papers) == allowed
    assert len({paper["arxiv_id"] for paper in papers}) == len(papers) == 146


@pytest.mark.shared_data
def test_the_sample_is_what_the_recorded_data_gives(shared_data: Path) -> None:
    assert sample_papers().read_text(encoding="utf-8").splitlines() == list(lines(shared_data))
