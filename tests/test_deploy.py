"""What lies in ``docs/deploy`` fits the program: its commands, its keys, and units that systemd takes."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from newsletter.config import DeliveryConfig, describe
from newsletter.config_file import load
from tests.test_docs import parse

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
PAGES = [DEPLOY / "README.md", ROOT / "docs" / "operator-guide.md"]


class Unit(ConfigParser):
    """A unit of systemd, whose names keep their case."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def read(unit: Path) -> Unit:
    parser = Unit(interpolation=None)
    parser.read(unit, encoding="utf-8")
    return parser


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_calls_a_command_there_is_and_gives_it_time_to_end(unit: Path) -> None:
    service = read(unit)["Service"]
    parse(service["ExecStart"].replace("%i", "4"))
    assert int(service["TimeoutStopSec"]) > DeliveryConfig().drain.total_seconds() + 10
    assert (service["Type"], service["KillSignal"], service["Restart"]) == ("exec", "SIGTERM", "on-failure")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    copies = []
    for unit in UNITS:
        copy = tmp_path / unit.name.replace("@", "@4")
        # The program is elsewhere on this machine; any one that is there will do.
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text(encoding="utf-8"), flags=re.MULTILINE)
        copy.write_text(text, encoding="utf-8")
        copies.append(str(copy))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *copies], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) not in done.stderr


def test_the_units_differ_only_in_what_they_run() -> None:
    services = [dict(read(unit)["Service"]) for unit in UNITS]
    commands = {service.pop("ExecStart").split(" ", 3)[3] for service in services}
    assert commands == {"run", "web", "scheduler", "inbound serve", "worker --processes %i"}
    assert all(service == services[0] for service in services)


def test_the_containers_call_commands_there_are() -> None:
    commands = [
        json.loads(re.sub(r"([\[ ])([\w-]+)(?=[,\]])", r'\1"\2"', line))
        for line in re.findall(r"^    command: (.+)$", COMPOSE, re.MULTILINE)
    ]
    named = {shlex.join(command) for command in commands}
    assert named == {"db upgrade", "web", "scheduler", "inbound serve", "worker --processes 2"}
    for command in commands:
        parse(shlex.join(["newsletter", *command]))


def test_the_containers_set_keys_there_are(tmp_path: Path) -> None:
    environ = dict(re.findall(r"^    (NEWSLETTER_\w+): (.+)$", COMPOSE, re.MULTILINE))
    assert environ
    (tmp_path / "config.toml").touch()
    config = load(tmp_path / "config.toml", environ=environ)
    assert config.web.host == environ["NEWSLETTER_WEB__HOST"]
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"NEWSLETTER_\w+", dockerfile) == ["NEWSLETTER_CONFIG"]


def test_the_image_is_made_of_files_there_are() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    admitted = set(re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    assert names == admitted
    assert all((ROOT / name).exists() for name in names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_keys_and_log_events_named_in_passing_are_there(page: Path) -> None:
    keys = {f"{section}.{key}" for section, model in describe() for key in model.model_fields}
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "newsletter").rglob("*.py"))
    known = keys | set(re.findall(r'"([a-z_]+\.[a-z_]+)[ "]', code))
    beginnings = {name.split(".")[0] for name in known}
    named = set(re.findall(r"`([a-z_]+(?:\.(?:NAME|[a-z_]+))+)`", page.read_text(encoding="utf-8")))
    wrong = {name for name in named if name.split(".")[0] in beginnings and name not in known}
    assert not wrong
