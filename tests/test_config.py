"""The configuration is checked as a whole, and its errors help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.config import FILE_SOURCES, Config
from newsletter.config_file import load, secret_from_file
from newsletter.errors import ConfigError
from newsletter.sources import feeds, text_page
from newsletter.sources.files import RECORDS
from tests.cli.shell import Ended, Shell


def _load(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ={})


def _problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(folder, text)
    return caught.value.problems


def test_all_problems_are_named_at_once_with_the_nearest_key(tmp_path: Path) -> None:
    problems = _problems(
        tmp_path,
        '[smtp]\nhots = "relay"\nport = "many"\n[delivry]\nbatch = 1\n[delivery]\nretry_first = "10"\n'
        '[newsletters.papers]\nfrom_adress = "a@example.org"\nzone = "Europe/Berln"\n',
    )
    assert problems == [
        "smtp.port: must be a whole number",
        "smtp.hots: no such key; did you mean 'host'?",
        "delivery.retry_first: not a length of time; write a number and s, m, h or d, like '30m'",
        "newsletters.papers.zone: no such time zone; did you mean 'Europe/Berlin'?",
        "newsletters.papers.from_adress: no such key; did you mean 'from_address'?",
        "delivry: no such key; did you mean 'delivery'?",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[smtp", "not valid TOML"),
        ('[smtp]\nsecurity = "none"\nusername = "u"\npassword = "p"', "a password needs TLS"),
        ('[smtp]\nusername = "u"', "no password"),
        ('[web]\nbase_url = "http://papers.example.org"', "must begin with https://"),
        ('[web]\nbase_url = "https://papers.example.org/?a=1"', "not an absolute URL"),
        ('[smtp]\nhost = "relay.example.org"', "readers could not unsubscribe"),
        ('[database]\nurl = "mysql://x"', "not a database this program speaks"),
        ('[newsletters.papers]\nfrom_address = "Papers <p@example.org>"', "not an e-mail address"),
        ('[newsletters.papers]\nname = "A\\r\\nBcc: x@example.org"', "line break or a control character"),
        ('[newsletters.papers]\nlist_id = "papers"', "not a list identifier"),
        ('[newsletters."Bad Name"]\nname = "x"', "newsletters.Bad Name"),
        ("[newsletters]\n", "at least 1 item"),
        ('[delivery]\nretry_first = "0s"', "longer than nothing"),
        ('[newsletters.papers]\nsources = "arxiv_api"', 'newsletters.papers.sources: must be a list, like ["..."]'),
        ("[delivery]\nbatch = 0", "delivery.batch: must be at least 1"),
        ("[delivery]\nbatch = 100000", "delivery.batch: must be at most 10000"),
        ("[trending]\nprior_votes = 0", "trending.prior_votes: must be more than 0"),
        ("[delivery]\nbatch = true", "delivery.batch: must be a number, not true or false"),
        ("[trending]\nvelocity_weight = true", "trending.velocity_weight: must be a number, not true or false"),
        ("smtp = 3", "smtp: must be a table"),
        ("relays = true", "relays: must be a table"),
        ('[smtp]\nsecurity = "ssl"', "smtp.security: must be 'starttls', 'tls' or 'none'"),
        ('[newsletters.papers]\ngoodbye = "perhaps"', "newsletters.papers.goodbye: must be true or false"),
        ('[newsletters.papers]\nbuild_at = "early"', 'newsletters.papers.build_at: must be a time of day, like "06:00"'),
        ('[newsletters.papers]\nlanguage = "EN"', "must be a language, like en or pt_BR"),
        (
            '[newsletters."Bad Name"]\nname = "x"',
            "newsletters.Bad Name: a name has small letters, digits and - only, and begins with a letter or digit",
        ),
        (
            '[newsletters.papers.fields."my lab"]\nlabel = "x"',
            "newsletters.papers.fields.my lab: a name has small letters, digits and _ only, and begins with a letter",
        ),
        (
            '[sources.feeds.lab]\nurl = "lab.example.org/feed"',
            "sources.feeds.lab.url: not a web address; write it like https://lab.example.org/feed",
        ),
        (
            '[newsletters.papers]\ninbound_address = "papers+in@example.org"',
            "newsletters.papers.inbound_address: holds a '+'",
        ),
        (
            '[newsletters.papers]\ninbound_address = "in@example.org"\n[newsletters.labs]\nenvelope_from = "In@example.org"',
            "newsletters.papers.inbound_address: is envelope_from of newsletters.labs too",
        ),
        (
            '[newsletters.papers]\ninbound_address = "in@example.org"\n[inbound]\nforward_to = ["in+me@example.org"]',
            "inbound.forward_to: in+me@example.org comes back here",
        ),
        (
            '[newsletters.papers]\nenvelope_from = "back@example.org"\n[inbound]\nforward_to = ["Back@example.org"]',
            "inbound.forward_to: Back@example.org comes back here",
        ),
        ("[inbound.listen]\nport = 8080", "inbound.listen.port: 8080 is web.port too"),
        ('[inbound.listen]\nport = 80\nhost = "10.0.0.1"\n[web]\nport = 80\nhost = "0.0.0.0"', "80 is web.port too"),
    ],
)
def test_a_bad_value_says_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    assert any(says in problem for problem in _problems(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "key", "name"),
    [
        ('[newsletters.papers]\nsources = ["arxiv"]\n', "newsletters.papers.sources", "arxiv"),
        ('[trending]\nvote_sources = ["hugging_face"]\n', "trending.vote_sources", "hugging_face"),
        ('[newsletters.papers]\nsources = ["records", "feeds.lap"]\n', "newsletters.papers.sources", "feeds.lap"),
    ],
)
def test_a_source_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path, text: str, key: str, name: str) -> None:
    feed = '[sources.feeds.lab]\nurl = "https://lab.example.org/feed"\n'
    own = "hf_daily_papers, arxiv_api, arxiv_rss, biorxiv, medrxiv, semantic_scholar, openalex"
    known = f"{own}, feeds.lab, feed, records, text_page"
    assert _problems(tmp_path, text + feed) == [f"{key}: there is no source {name!r}; known are {known}"]


def test_sources_that_are_named_may_be_switched_off_or_come_from_files(tmp_path: Path) -> None:
    names = ["arxiv_api", "feeds.lab", feeds.FEED, RECORDS, text_page.NAME]
    text = f'[newsletters.papers]\nsources = {json.dumps(names)}\n[sources.feeds.lab]\nurl = "http://127.0.0.1:8000/f"\n'
    assert list(_load(tmp_path, text).newsletters["papers"].sources) == names
    assert set(FILE_SOURCES) == {feeds.FEED, RECORDS, text_page.NAME}


def test_a_missing_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="newsletter init"):
        load(tmp_path / "none.toml", environ={})


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    config = _load(tmp_path, "")
    assert config.smtp.host == ""
    assert config.delivery.retry_first == timedelta(minutes=10)
    assert list(config.newsletters) == ["papers"]


def test_relative_paths_belong_to_the_folder_of_the_file(tmp_path: Path) -> None:
    config = _load(tmp_path, '[database]\nurl = "sqlite:///here/n.db"')
    assert config.database.url == f"sqlite:///{tmp_path}/here/n.db"
    assert config.paths.data == tmp_path / "data"
    assert config.security.secret_key_file == tmp_path / "data" / "secret.key"


def test_an_absolute_database_path_stays(tmp_path: Path) -> None:
    assert _load(tmp_path, '[database]\nurl = "sqlite:////var/lib/n.db"').database.url == "sqlite:////var/lib/n.db"


def test_unknown_variables_are_problems_too(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    with pytest.raises(ConfigError, match="NEWSLETTER_SMPT__HOST: no such key; did you mean 'smtp'"):
        load(path, environ={"NEWSLETTER_SMPT__HOST": "x", "NEWSLETTER_CONFIG": "config.toml", "HOME": "/"})


def test_an_environment_that_is_handed_over_is_the_one_that_counts(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[delivery]\nbatch = 7\n[newsletters.papers]\nsize = 3\n")
    environ = {
        "NEWSLETTER_DELIVERY__CONNECTIONS": "9",
        "NEWSLETTER_NEWSLETTERS__PAPERS__NAME": "Robots",
        "NEWSLETTER_SOURCES__ARXIV_API__CATEGORIES": '["cs.RO"]',
    }
    config = load(path, environ=environ)
    assert (config.delivery.batch, config.delivery.connections) == (7, 9)
    assert (config.newsletters["papers"].size, config.newsletters["papers"].name) == (3, "Robots")
    assert config.sources.arxiv_api.categories == ("cs.RO",)
    assert load(path, environ={}).delivery.connections == 2
    with pytest.raises(ConfigError, match="write lists and tables as JSON"):
        load(path, environ={"NEWSLETTER_SOURCES__ARXIV_API__CATEGORIES": "cs.RO"})


def test_the_environment_goes_over_the_file_and_secrets_never_show(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[web]\nbase_url = "https://papers.example.org"\n[smtp]\nhost = "file.example.org"\nusername = "u"\n'
    )
    shown = subprocess.run(
        [sys.executable, "-m", "newsletter", "--config", str(tmp_path / "config.toml"), "config", "show"],
        env={**os.environ, "NEWSLETTER_SMTP__HOST": "env.example.org", "NEWSLETTER_SMTP__PASSWORD": "canary-7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "env.example.org" in shown.stdout
    assert "canary-7" not in shown.stdout + shown.stderr


def test_broken_config_ends_a_command_with_code_1_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[smtp]\nhots = 1\n[web]\nport = -1\n")
    ended = subprocess.run(
        [sys.executable, "-m", "newsletter", "--config", str(tmp_path / "config.toml"), "config", "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "2 problems" in ended.stderr
    assert "did you mean 'host'?" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_secret_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("s3cret\nsecond line\n")
    assert secret_from_file(tmp_path / "p", "smtp.password_file").get_secret_value() == "s3cret"


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_missing_or_empty_secret_file_says_so(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "p").write_text(content)
    with pytest.raises(ConfigError, match=r"smtp\.password_file"):
        secret_from_file(tmp_path / "p", "smtp.password_file")


def test_a_port_may_be_taken_twice_at_two_addresses(tmp_path: Path) -> None:
    _load(tmp_path, '[inbound.listen]\nport = 8080\nhost = "10.0.0.1"\n[web]\nport = 8080\nhost = "127.0.0.1"')


def test_commands_and_the_from_address_may_be_one(tmp_path: Path) -> None:
    _load(tmp_path, '[newsletters.papers]\nfrom_address = "in@example.org"\ninbound_address = "in@example.org"')


def _checked(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> Ended:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return Shell(folder / "config.toml", capsys)("config", "check")


@pytest.mark.parametrize(
    ("provider", "wrong"),
    [
        ('provider = "ses"', "topic_arn: not the ARN of a topic; copy it from the provider's pages"),
        ('provider = "sendgrid"', "public_key: "),
        ('provider = "postmark"', "postmark needs a secret; set secret_file"),
        ('provider = "postmark"\nsecret = "alone"', "secret: must be USER:PASSWORD"),
        ('provider = "mailgun"', "mailgun needs a secret; set secret_file"),
        ('provider = "mailgun"\nsecret_file = "gone"', ".secret_file: cannot be read"),
    ],
)
def test_a_check_names_what_reports_cannot_be_proven_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], provider: str, wrong: str
) -> None:
    ended = _checked(tmp_path, f"[inbound.webhooks.mine]\n{provider}\n", capsys)
    assert ended.code == 1
    assert "1 problem\n  - inbound.webhooks.mine" in ended.err
    assert wrong in ended.err


def test_a_check_names_every_file_of_a_password_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    login = 'username = "u"\npassword_file = "gone"\n'
    wrong = _checked(
        tmp_path,
        f'[web]\nbase_url = "https://papers.example.org"\n[smtp]\nhost = "a.example.org"\n{login}'
        f'[relays.other]\nhost = "b.example.org"\n{login}[inbound.imap]\nhost = "c.example.org"\n{login}',
        capsys,
    )
    assert wrong.code == 1
    assert "3 problems" in wrong.err
    for key in ("smtp", "relays.other", "inbound.imap"):
        assert f"  - {key}.password_file: cannot be read" in wrong.err
    (tmp_path / "there").write_text("secret\n", encoding="utf-8")
    there = login.replace("gone", "there")
    assert _checked(tmp_path, f'[inbound.imap]\nhost = "c.example.org"\n{there}', capsys).code == 0


def test_a_check_hints_at_mail_that_nobody_gets_or_that_has_no_way_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    takes = '[newsletters.papers]\ninbound_address = "in@example.org"\n'
    both = _checked(tmp_path, takes, capsys)
    assert both.code == 0
    assert [line[:6] for line in both.err.splitlines()] == ["hint: ", "hint: "]
    assert "inbound.forward_to is empty" in both.err
    assert "no way in but a pipe" in both.err
    more = '[inbound]\nforward_to = ["me@example.org"]\n[inbound.listen]\nport = 2424\n'
    assert _checked(tmp_path, takes + more, capsys).err == ""
    assert _checked(tmp_path, "", capsys).err == ""
