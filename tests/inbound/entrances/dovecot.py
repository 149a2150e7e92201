"""A real Dovecot of our own on loopback, for as long as a test lasts."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import trustme

#: Whether one can be started here.
IS_THERE = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None
PASSWORD = "grünes Pferd"
#: People who have a mailbox there.
USERS = 40
CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
instance_name = newsletter-test
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
mailbox_idle_check_interval = 1s
mail_location = maildir:{folder}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
namespace inbox {{
  inbox = yes
  prefix = {prefix}
  separator = {separator}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = home={folder}/home
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """Where it listens in clear and under TLS, a user of it, his mail (a maildir), and who signed its certificate."""

    port: int
    tls_port: int
    name: str
    mail: Path
    ca_file: Path

    def another(self, number: int) -> Dovecot:
        """The same server with another user, whose mailbox is empty."""
        mail = self.mail.parent / f"user{number}"
        for part in ("", "tmp", "new", "cur"):
            (mail / part).mkdir()
            if os.geteuid() == 0:
                shutil.chown(mail / part, "nobody")
        return replace(self, name=mail.name, mail=mail)

    def deliver(self, raw: bytes, name: str) -> None:
        """Put a message into its inbox, the way a delivery agent does."""
        draft = self.mail / "tmp" / name
        draft.write_bytes(raw)
        shutil.copymode(self.mail, draft)
        if os.geteuid() == 0:
            shutil.chown(draft, "nobody")
        draft.rename(self.mail / "new" / name)

    def messages(self, folder: str = "") -> list[bytes]:
        """What is in a folder, ``""`` for the inbox, in the order of arrival."""
        place = self.mail / f".{folder}" if folder else self.mail
        files = [path for part in ("new", "cur") for path in (place / part).glob("*")]
        return [path.read_bytes() for path in sorted(files, key=lambda path: path.name)]


@contextmanager
def dovecot(prefix: str = "", separator: str = "/") -> Iterator[Dovecot]:
    """Run one; its folders begin with ``prefix``."""
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program is not None
    port, tls_port = _free_ports(2)
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder = Path(name)
        # Its users must get in, and pytest's own folders are closed to them.
        folder.chmod(0o755)
        is_root = os.geteuid() == 0
        owner = pwd.getpwnam("nobody") if is_root else pwd.getpwuid(os.geteuid())
        for part in ("run", "state", "home", "mail"):
            (folder / part).mkdir()
            if is_root and part not in {"run", "state"}:
                shutil.chown(folder / part, owner.pw_uid, owner.pw_gid)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        issued = authority.issue_cert("localhost", "127.0.0.1")
        issued.private_key_pem.write_to_path(folder / "key.pem")
        issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        (folder / "dovecot.conf").write_text(
            CONFIG.format(
                folder=folder,
                uid=owner.pw_uid,
                gid=owner.pw_gid,
                internal="dovecot" if is_root else owner.pw_name,
                internal_group="dovecot" if is_root else grp.getgrgid(owner.pw_gid).gr_name,
                login="dovenull" if is_root else owner.pw_name,
                port=port,
                tls_port=tls_port,
                prefix=prefix,
                separator=separator,
            ),
            encoding="utf-8",
        )
        (folder / "users").write_text("".join(f"user{number}:{PASSWORD}\n" for number in range(USERS)), encoding="utf-8")
        run = subprocess.Popen(
            [program, "-F", "-c", folder / "dovecot.conf"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            _wait_for(port, run, folder / "dovecot.log")
            yield Dovecot(port, tls_port, "", folder / "mail" / "nobody", folder / "ca.pem").another(0)
        finally:
            run.terminate()
            run.wait(20)


def _free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


def _wait_for(port: int, run: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        assert run.poll() is None, log.read_text(encoding="utf-8") if log.exists() else "it did not start"
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as made:
                if made.recv(4) == b"* OK":
                    return
        except OSError:
            pass
        assert time.monotonic() < deadline, "it does not answer"
        time.sleep(0.05)
