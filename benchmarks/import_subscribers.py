"""How fast addresses are imported: ``python benchmarks/import_subscribers.py --count 1000000``.

Aim: at least 100,000 addresses/s on SQLite (``synchronous=FULL``) in under 300 MB. Makes a CSV file of random addresses in
random order, 1 in 200 of them refused, duplicate or suppressed, and imports it twice: into an empty database, and over itself.
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import tempfile
import time
from pathlib import Path

from newsletter.clock import SystemClock
from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.model import Cadence, Choices, SuppressionReason
from subscribers.suppression import Hasher, SuppressionStore
from subscribers.transfer.import_lines import Defaults
from subscribers.transfer.importing import BATCH, AddressImport

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_addresses(path: Path, count: int) -> list[str]:
    """Write ``count`` lines; return the addresses that are to be suppressed."""
    chance = random.Random(8058)  # noqa: S311 - a repeatable file, not a secret
    names = ["".join(chance.choices(LETTERS, k=chance.randint(6, 12))) for _ in range(10_000)]
    suppressed: list[str] = []
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "name", "joined"])
        for number in range(count):
            name = chance.choice(names)
            address = f"{name}.{chance.randrange(10**6)}@mail{number % 40}.example.org"
            if number % 400 == 399:
                address = address.replace("@", " at ")
            elif number % 1000 == 998:
                suppressed.append(address)
            writer.writerow([address, name.title(), "2026-08-17"])
    return suppressed


def time_bare(database_path: Path, path: Path) -> float:
    """Return the seconds that the bare rows take: no check, no look-up, the same batches, order and durability."""
    database = Database(f"sqlite:///{database_path}")
    database.upgrade()
    with path.open(encoding="utf-8", newline="") as file:
        addresses = list(dict.fromkeys(row[0] for row in csv.reader(file)))[1:]
    now = SystemClock().now().replace(tzinfo=None).isoformat(" ")
    started = time.perf_counter()
    for start in range(0, len(addresses), BATCH):
        people = list(enumerate(sorted(addresses[start : start + BATCH]), start + 1))
        with database.write() as session:
            execute = session.connection().exec_driver_sql
            execute(
                f"INSERT INTO subscriber (id, address, address_key, state, token_epoch, created_at, changed_at) "  # noqa: S608 - no foreign text
                f"VALUES (?, ?, ?, 'active', 0, '{now}', '{now}')",
                [(number, address, address) for number, address in people],
            )
            execute(
                f"INSERT INTO subscription (subscriber_id, newsletter, cadence, local_hour, zone, interests, fields, "  # noqa: S608 - no foreign text
                f"created_at, changed_at) VALUES (?, 'papers', 'daily', 8, 'UTC', '{{}}', '{{}}', '{now}', '{now}')",
                [(number,) for number, _ in people],
            )
            execute(
                f"INSERT INTO consent (subscriber_id, newsletter, event, method, wording, detail, at) "  # noqa: S608 - no foreign text
                f"VALUES (?, 'papers', 'confirmed', 'import', 'Signed up at the conference desk', 'addresses.csv', '{now}')",
                [(number,) for number, _ in people],
            )
    seconds = time.perf_counter() - started
    database.dispose()
    return seconds


def main() -> None:
    """Import and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--url", help="an empty, migrated database; default: a SQLite file of its own")
    options = parser.parse_args()
    secret = b"0" * 32
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "addresses.csv"
        suppressed = write_addresses(path, options.count)
        database = Database(options.url or f"sqlite:///{folder}/newsletter.db")
        database.upgrade()
        with database.write() as session:
            store = SuppressionStore(session, Hasher(secret))
            for address in suppressed[:1000]:
                store.add(parse_address(address), SuppressionReason.OPERATOR, detail="", at=SystemClock().now())
        defaults = Defaults("papers", Choices(), {"papers": tuple(Cadence)})
        for label in ("into an empty database", "the same file again"):
            with path.open("rb") as raw:
                started = time.perf_counter()
                result = AddressImport(database, SystemClock(), Hasher(secret)).run(
                    raw, defaults, wording="Signed up at the conference desk", source=path.name
                )
                seconds = time.perf_counter() - started
            lines = result.added + result.known + result.refused
            # Both processes: the one that stores and the one that reads.
            kilobytes = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
            print(
                f"{label}: {lines / seconds:>9,.0f} addresses/s  {seconds:.1f} s  peak memory {kilobytes / 1024:.0f} MB  "
                f"added {result.added:,}  known {result.known:,}  refused {result.refused:,}"
            )
        database.dispose()
        if database.is_sqlite:
            seconds = time_bare(Path(folder) / "bare.db", path)
            print(f"bare executemany of the same rows: {options.count / seconds:>9,.0f} addresses/s  {seconds:.1f} s")


if __name__ == "__main__":
    main()
