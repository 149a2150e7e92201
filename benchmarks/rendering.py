"""How long it takes to compile the templates, to make a digest of 10 papers, and to splice and sign it for one reader.

Then how large digests are in each theme, and the same as it is done while an issue is sent, from claims to messages, on a
database: where one digest is for all, and where each reader has another one, of 10 papers out of 50.

Run: python benchmarks/rendering.py [--rounds N] [--digests N]
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import insert

from newsletter.clock import ManualClock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.composing.composer import DigestComposer
from newsletter.delivery.identity.dkim import BodySigner
from newsletter.delivery.identity.verp import SignedAddresses
from newsletter.delivery.model import Claim
from newsletter.digest.model import Digest, DigestEntry, DigestId, PoolEntry
from newsletter.digest.snapshot import paper_to_json, receipt_to_json
from newsletter.digest.tables import DigestRow, IssuePaperRow
from newsletter.rendering.bodies import IssueBodies
from newsletter.rendering.message.lint import BUDGET_BYTES, lint
from newsletter.rendering.message.message import ComposedBody
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.template.compiled import Templates
from newsletter.rendering.template.folder import TemplateFolder
from subscribers.keys import LinkKeys
from subscribers.model import SubscriberId
from subscribers.tokens import KeyRing
from tests.delivery.house import add_issue, add_papers, claim
from tests.delivery.keys import ed25519_signer, rsa_signer
from tests.rendering.pictures import MadeUpPictures
from tests.rendering.samples import BASE_URL, FRIDAY, ISSUE, NEWSLETTER, PERSONAL, SECRET, digest_of, paper, pool_of


def median_seconds(action: Callable[[], object], rounds: int, times: int = 1) -> float:
    """Return the median time of one ``action``, over ``rounds`` rounds of ``times`` each."""
    measured = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(times):
            action()
        measured.append((time.perf_counter() - start) / times)
    return statistics.median(measured)


ABSTRACT = "This made-up abstract says in plain words what was done, how it was checked and what came out of it. " * 12
#: Papers to choose from, in each digest, and of those the ones a reader asked for; claims that are composed together.
POOL, PAPERS, OWN, BATCH = 50, 10, 6, 200


def pool_of_number(count: int) -> list[PoolEntry]:
    """That many papers with long abstracts, each by an author of its own."""
    return pool_of(
        [
            paper(number, title=f"Sample {number}: A Title", abstract=ABSTRACT, summary="", authors=(f"Author {number}",))
            for number in range(1, count + 1)
        ]
    )


@contextmanager
def issue_of(count: int) -> Iterator[tuple[Database, list[Claim]]]:
    """Yield a database with an issue of that many digests, each for one reader, and the readers' claims."""
    pool, chance = pool_of_number(POOL), random.Random(5322)  # noqa: S311 - repeatable, not a secret
    with tempfile.TemporaryDirectory(prefix="rendering-") as folder:
        database = Database(f"sqlite:///{folder}/newsletter.db")
        database.upgrade()
        add_papers(database, [entry.paper.seq for entry in pool])
        issue_id = add_issue(database)
        digests = []
        for number in range(1, count + 1):
            own = set(chance.sample(range(1, POOL + 1), OWN))
            chosen = sorted(own | set([seq for seq in range(1, POOL + 1) if seq not in own][: PAPERS - OWN]))
            entries = [[seq, f"author:Author {seq}" if seq in own else ""] for seq in chosen]
            digests.append({"id": number, "issue_id": issue_id, "key": str(number), "entries": entries})
        with database.write() as session:
            for entry in pool:
                session.add(
                    IssuePaperRow(
                        issue_id=issue_id,
                        rank=entry.rank,
                        paper_seq=entry.paper.seq,
                        score=entry.receipt.score,
                        receipt=receipt_to_json(entry.receipt),
                        snapshot=paper_to_json(entry.paper),
                    )
                )
            session.execute(insert(DigestRow), digests)
        yield (
            database,
            [
                claim(number, issue_id=issue_id, digest_id=DigestId(number), subscriber_id=SubscriberId(number))
                for number in range(1, count + 1)
            ],
        )
        database.engine.dispose()


def measure_issue(count: int) -> None:
    """Print how long the messages of an issue take."""
    plain = NEWSLETTER.model_copy(update={"envelope_from": "bounces@example.org"})
    answered = plain.model_copy(update={"inbound_address": "papers@example.org"})

    def composer(database: Database, newsletter: NewsletterConfig = plain) -> DigestComposer:
        newsletters = {"papers": newsletter}
        keys, bounces = LinkKeys(KeyRing.of(SECRET)), SignedAddresses(SECRET)
        renderer = Renderer(None, base_url=BASE_URL, secret=SECRET)
        renderer.template(NEWSLETTER)
        return DigestComposer(database, ManualClock(FRIDAY), renderer, keys, SECRET, newsletters, bounces=bounces)

    def compose(composer: DigestComposer, claims: list[Claim]) -> float:
        start = time.perf_counter()
        for first in range(0, len(claims), BATCH):
            for draft in composer.prepare(claims[first : first + BATCH]):
                if isinstance(draft, Exception):
                    raise draft
                draft()
        return time.perf_counter() - start

    with issue_of(count) as (database, claims):
        making = composer(database)
        seconds = compose(making, claims[:1])
        print(f"first message of an issue          {seconds * 1e3:8.1f} ms")
        shared = [claim(number, digest_id=claims[0].digest_id, issue_id=claims[0].issue_id) for number in range(1, 20_001)]
        seconds = statistics.median(compose(making, shared) for _ in range(3)) / len(shared)
        print(f"each message of one body           {seconds * 1e6:8.1f} us")
        with issue_of(1) as (other, _):
            taking = composer(other, answered)
            compose(taking, shared[:1])
            pairs = [(compose(making, shared), compose(taking, shared)) for _ in range(5)]
        ratio = statistics.median(signed / unsigned for unsigned, signed in pairs)
        print(f"  with an address for answers      {ratio * seconds * 1e6:8.1f} us, {ratio:.2f} times as long")
        half = max(2, count // 2)
        seconds = compose(making, claims[1:half])
        print(f"each message of {half - 1:,} other bodies {seconds / (half - 1) * 1e6:10.1f} us")
        seconds = compose(making, claims[half:])
        print(f"and of {count - half:,} more                {seconds / (count - half) * 1e6:10.1f} us")
        seconds = compose(composer(database), claims)
        print(f"each again, of stored bodies       {seconds / count * 1e6:8.1f} us")


def in_theme(theme: str) -> NewsletterConfig:
    """The newsletter in another theme."""
    return NEWSLETTER.model_copy(update={"look": NEWSLETTER.look.model_copy(update={"theme": theme})})


def measure_themes(rounds: int) -> None:
    """Print for each theme how long its templates take to compile, and how large digests are, in encoded HTML."""
    pool = pool_of_number(30)
    for theme in TemplateFolder().themes():
        newsletter = in_theme(theme)
        renderer = Renderer(None, base_url=BASE_URL, secret=SECRET, pictures=MadeUpPictures(range(1, 31)))
        sizes = [
            renderer.compose(newsletter, "papers", ISSUE, pool, digest_of(pool[:count])).html_bytes
            for count in (PAPERS, len(pool))
        ]
        seconds = median_seconds(partial(compile_anew, newsletter), rounds)
        cut = median_seconds(partial(compile_anew, newsletter, in_parts=True), rounds)
        print(f"{theme:10s} compiled in {seconds * 1e3:6.1f} ms, cut into parts in {(cut - seconds) * 1e3:6.1f} ms")
        for count, size in zip((PAPERS, len(pool)), sizes, strict=True):
            print(f"  HTML of {count} papers {size:15,d} bytes, {100 * size / BUDGET_BYTES:.0f} % of the budget")


def compile_anew(newsletter: NewsletterConfig, *, in_parts: bool = False) -> None:
    """Compile the templates of a digest as a new process does, for whole pages and on wish for pieces too."""
    theme = TemplateFolder().themed(newsletter.look.theme)
    templates = Templates(theme)
    templates.template("digest")
    if in_parts:
        templates.parts("digest")


def measure_selections(rounds: int) -> None:
    """Print how long a new selection of papers takes: rendered, fitted and encoded, and the linter's look at it."""
    pool, chance, count = pool_of_number(POOL), random.Random(2045), itertools.count(1)  # noqa: S311 - repeatable, not a secret
    renderer = Renderer(None, base_url=BASE_URL, secret=SECRET)
    renderer.template(NEWSLETTER)

    def selection(entries: Sequence[PoolEntry]) -> Digest:
        chosen = tuple(DigestEntry(entry.paper.seq) for entry in chance.sample(entries, PAPERS))
        return Digest(DigestId(next(count)), ISSUE.id, chosen)

    def compose(entries: Sequence[PoolEntry]) -> None:
        renderer.compose(NEWSLETTER, "papers", ISSUE, entries, selection(entries))

    def compose_unknown() -> None:
        compose(
            [replace(entry, paper=replace(entry.paper, abstract=f"No. {next(count)}. {ABSTRACT}")) for entry in pool[:PAPERS]]
        )

    message = renderer.sample(NEWSLETTER, "papers", ISSUE, pool, selection(pool), address="ada@example.org")
    looking = median_seconds(lambda: lint(message.data, message.expectation), rounds)
    print(f"the linter's look at a message     {looking * 1e3:8.2f} ms")
    for label, action in (("papers never seen", compose_unknown), ("known papers", partial(compose, pool))):
        seconds = median_seconds(action, rounds)
        print(f"whole, of {label:25s}{seconds * 1e3:8.2f} ms, without the linter {(seconds - looking) * 1e3:.2f} ms")
    bodies = IssueBodies(renderer, NEWSLETTER, "papers", ISSUE, pool)

    def pieced() -> None:
        bodies.compose([selection(pool)])

    print(f"in pieces, first of an issue       {median_seconds(pieced, 1) * 1e3:8.2f} ms, with cutting and a look at it")
    print(f"  the next, mostly new pieces      {median_seconds(pieced, PAPERS) * 1e3:8.2f} ms, with a look at them")
    for _ in range(5 * POOL):
        pieced()
    print(f"  then, of known pieces            {median_seconds(pieced, 5 * rounds) * 1e3:8.2f} ms, with a look at the header")


def main() -> None:
    """Print one line per step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--digests", type=int, default=4000)
    options = parser.parse_args()
    rounds = options.rounds
    pool = pool_of_number(PAPERS)
    digest = digest_of(pool)
    renderer = Renderer(None, base_url=BASE_URL, secret=SECRET)
    body = renderer.compose(NEWSLETTER, "papers", ISSUE, pool, digest)
    message, stored = body.splice(PERSONAL), body.to_bytes()

    def compose() -> None:
        renderer.compose(NEWSLETTER, "papers", ISSUE, pool, digest)

    def look() -> None:
        lint(message, body.expectation(PERSONAL))

    print(f"message                  {len(message):10,d} bytes, HTML part {body.html_bytes:,d}, stored {len(stored):,d}")
    print(f"compose with the linter  {median_seconds(compose, rounds) * 1e3:10.2f} ms")
    print(f"  of which the linter    {median_seconds(look, rounds) * 1e3:10.2f} ms")
    print(f"load a stored body       {median_seconds(lambda: ComposedBody.from_bytes(stored), rounds) * 1e3:10.2f} ms")
    gapped, values = body.gapped(), PERSONAL.encoded()
    print(f"splice for one reader    {median_seconds(lambda: body.splice(PERSONAL), rounds, 1000) * 1e6:10.2f} us")
    print(f"  for one more of it     {median_seconds(lambda: gapped.fill(PERSONAL.encoded()), rounds, 1000) * 1e6:10.2f} us")
    print(f"  of known values        {median_seconds(lambda: gapped.fill(values), rounds, 1000) * 1e6:10.2f} us")
    for signer in (rsa_signer(), ed25519_signer()):
        seconds = median_seconds(partial(BodySigner(body, [signer]).fields, values, at=FRIDAY), rounds, 100)
        print(f"  {signer.algorithm:22s} {seconds * 1e6:10.2f} us")
    seconds = median_seconds(lambda: BodySigner(body, [rsa_signer()]), rounds)
    print(f"  prepare to sign a body {seconds * 1e6:10.2f} us")
    measure_themes(rounds)
    measure_selections(rounds)
    measure_issue(options.digests)


if __name__ == "__main__":
    main()
