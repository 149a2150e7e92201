"""A real Postfix on loopback, of one's own, for as long as a block lasts. Nothing leaves the machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = shutil.which("postfix")
MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {commands}
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
local_recipient_maps =
recipient_delimiter = +
virtual_mailbox_domains = example.org
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = {mailboxes}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
# An unknown mailbox is found out after the message was taken, so that a report comes back.
smtpd_reject_unlisted_recipient = no
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
transport_maps = {transports}
default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine
"""
#: Its services: name, type, whether in a chroot or as root (never), most processes, program.
SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """One that runs: the port it takes mail on, and its folder."""

    port: int
    folder: Path

    def mailbox(self, name: str) -> Path:
        """Return the folder of the mails that came to a mailbox; it is there once one did."""
        return self.folder / "mail" / name / "new"

    @property
    def log(self) -> str:
        """What it wrote so far."""
        path = self.folder / "mail.log"
        return path.read_text(errors="replace") if path.is_file() else ""


@contextmanager
def postfix(
    *,
    mailboxes: Mapping[str, str] | None = None,
    transports: Sequence[str] = (),
    services: str = "",
    files: Sequence[Path] = (),
) -> Iterator[Postfix]:
    """Run an instance of its own as long as the block lasts.

    Args:
        mailboxes: name of the mailbox by what stands before the @ of the addresses there are at example.org; None: all there
            can be, with one mailbox ``all``.
        transports: lines of a transport table: a regular expression of addresses, and where their mail goes.
        services: more lines for its services; ``{folder}`` stands for its folder.
        files: copied into its folder, to be run there.
    """
    assert PROGRAM is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    commands = Path(PROGRAM).parent
    daemons = subprocess.run([commands / "postconf", "-dh", "daemon_directory"], capture_output=True, text=True, check=True)
    # Its users must get in, and pytest's own folders are closed to them.
    with tempfile.TemporaryDirectory(prefix="postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part, owner in (("conf", "root"), ("queue", "root"), ("data", "postfix"), ("mail", "nobody")):
            (folder / part).mkdir()
            shutil.chown(folder / part, owner)
        known = "static:all/"
        if mailboxes is not None:
            lines = [rf"/^{name}(\+.*)?@/ {mailbox}/" for name, mailbox in mailboxes.items()]
            known = f"regexp:{_table(folder, 'mailboxes', lines)}"
        table = f"regexp:{_table(folder, 'transports', transports)}" if transports else ""
        main = MAIN.format(folder=folder, commands=commands, daemons=daemons.stdout.strip(), mailboxes=known, transports=table)
        (folder / "conf/main.cf").write_text(main, encoding="utf-8")
        written = SERVICES.format(port=port) + services.replace("{folder}", str(folder))
        (folder / "conf/master.cf").write_text(written, encoding="utf-8")
        for file in files:
            shutil.copy(file, folder / file.name)
            (folder / file.name).chmod(0o755)
        run = [PROGRAM, "-c", str(folder / "conf")]
        subprocess.run([*run, "start"], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        try:
            yield Postfix(port, folder)
        finally:
            subprocess.run([*run, "stop"], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


def _table(folder: Path, name: str, lines: Sequence[str]) -> Path:
    path = folder / "conf" / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
