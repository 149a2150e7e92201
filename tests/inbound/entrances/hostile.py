"""An IMAP server that does what no honest one does."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class HostileImap:
    """One folder of mails by UID; what is wrong with it is set before, or while, somebody asks.

    Attributes:
        offers: capabilities beside IMAP4rev1.
        says: whole answers by the first words of a command, instead of the right one; ``None`` hangs up, ``b""`` says nothing.
        drips: first words of commands that are answered with a byte now and then, for ever.
        sizes: what it says of a message's size, where that is wrong.
        moved: UIDs by folder.
    """

    mails: dict[int, bytes]
    offers: str = "UIDPLUS MOVE IDLE"
    says: dict[str, bytes | None] = field(default_factory=dict)
    drips: set[str] = field(default_factory=set)
    sizes: dict[int, int] = field(default_factory=dict)
    moved: dict[str, list[int]] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    heard: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self, command: str) -> bytes:
        """The lines before the tagged OK."""
        words = command.upper()
        if words == "CAPABILITY":
            return f"* CAPABILITY IMAP4rev1 {self.offers}\r\n".encode()
        if words.startswith("LIST"):
            return b'* LIST () "/" "there"\r\n'
        if words.startswith("SELECT"):
            return f"* {len(self.mails)} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] fine\r\n".encode()
        if words.startswith("FETCH"):
            places = [int(place) for place in command.split()[1].split(",")]
            uids = sorted(self.mails)
            return b"".join(self._line(place, uids[place - 1]) for place in places if place <= len(uids))
        if found := re.match(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", words):
            raw = self.mails[int(found[1])][: int(found[2])]
            return b"* 1 FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\n" % (int(found[1]), len(raw), raw)
        if found := re.match(r'UID (MOVE|COPY|STORE|EXPUNGE) ([\d,]+) ?"?([^"]*)"?', command):
            self._change(found[1], {int(uid) for uid in found[2].split(",")}, found[3])
        return b""

    def _change(self, verb: str, uids: set[int], folder: str) -> None:
        if verb in {"MOVE", "COPY"}:
            self.moved.setdefault(folder, []).extend(sorted(uids))
        if verb == "STORE":
            self.deleted |= uids
        if verb in {"MOVE", "EXPUNGE"}:
            self.mails = {uid: raw for uid, raw in self.mails.items() if uid not in uids}

    def _line(self, place: int, uid: int) -> bytes:
        size = self.sizes.get(uid, len(self.mails[uid]))
        flags = "\\Deleted" if uid in self.deleted else ""
        return f"* {place} FETCH (UID {uid} RFC822.SIZE {size} FLAGS ({flags}))\r\n".encode()

    def serve(self, made: socket.socket) -> None:
        with made, made.makefile("rb") as lines:
            greeting = self.says.get("greeting", b"* OK ready\r\n")
            if greeting is None:
                return
            made.sendall(greeting)
            for line in lines:
                tag, _, command = line.decode().strip().partition(" ")
                self.heard.append(command)
                said = next((said for begin, said in self.says.items() if command.upper().startswith(begin)), b"-")
                while any(command.upper().startswith(begin) for begin in self.drips):
                    made.sendall(b"x")
                    time.sleep(0.02)
                if said is None:
                    return
                if said != b"-":
                    made.sendall(said.replace(b"TAG", tag.encode()))
                elif command == "IDLE":
                    made.sendall(b"+ idling\r\n")
                    lines.readline()
                    made.sendall(f"{tag} OK done\r\n".encode())
                else:
                    made.sendall(self.answer(command) + f"{tag} OK done\r\n".encode())


@contextmanager
def hostile(**wrong: object) -> Iterator[HostileImap]:
    """Serve one until the end of the context."""
    server = HostileImap(**wrong)  # type: ignore[arg-type]  # its own fields
    made: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            made.append(connection)
            threading.Thread(target=_quietly, args=(server, connection), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in made:
                connection.close()
            thread.join(5)


def _quietly(server: HostileImap, made: socket.socket) -> None:
    with suppress(OSError, ValueError):  # the other side is gone
        server.serve(made)
