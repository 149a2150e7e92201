"""How long it takes to compile the template, to compose a digest of 10 papers, and to splice and sign it for one reader.

Run: python benchmarks/rendering.py [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from newsletter.delivery.identity.dkim import BodySigner
from newsletter.rendering.lint import lint
from newsletter.rendering.message import ComposedBody
from newsletter.rendering.renderer import Renderer
from tests.delivery.keys import ed25519_signer, rsa_signer
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


def main() -> None:
    """Print one line per step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    abstract = "This made-up abstract says in plain words what was done, how it was checked and what came out of it. " * 12
    pool = pool_of([paper(number, abstract=abstract, summary="") for number in range(1, 11)])
    digest = digest_of(pool)
    renderer = Renderer(None, base_url=BASE_URL, secret=SECRET)
    body = renderer.compose(NEWSLETTER, "papers", ISSUE, pool, digest)
    message, stored = body.splice(PERSONAL), body.to_bytes()

    def compile_anew() -> None:
        Renderer(None, base_url=BASE_URL, secret=SECRET).template("digest")

    def preview() -> None:
        renderer.preview(NEWSLETTER, ISSUE, pool, digest)

    def compose() -> None:
        renderer.compose(NEWSLETTER, "papers", ISSUE, pool, digest)

    def look() -> None:
        lint(message, body.expectation(PERSONAL))

    print(f"message                  {len(message):10,d} bytes, HTML part {body.html_bytes:,d}, stored {len(stored):,d}")
    print(f"compile the template     {median_seconds(compile_anew, rounds) * 1e3:10.2f} ms")
    print(f"render and fit           {median_seconds(preview, rounds) * 1e3:10.2f} ms")
    print(f"compose with the linter  {median_seconds(compose, rounds) * 1e3:10.2f} ms")
    print(f"  of which the linter    {median_seconds(look, rounds) * 1e3:10.2f} ms")
    print(f"load a stored body       {median_seconds(lambda: ComposedBody.from_bytes(stored), rounds) * 1e3:10.2f} ms")
    print(f"splice for one reader    {median_seconds(lambda: body.splice(PERSONAL), rounds, 1000) * 1e6:10.2f} us")
    gapped, values = body.gapped(), PERSONAL.encoded()
    print(f"  warm, of known values  {median_seconds(lambda: gapped.fill(values), rounds, 1000) * 1e6:10.2f} us")
    for signer in (rsa_signer(), ed25519_signer()):
        seconds = median_seconds(partial(BodySigner(body, [signer]).fields, values, at=FRIDAY), rounds, 100)
        print(f"  {signer.algorithm:22s} {seconds * 1e6:10.2f} us")
    seconds = median_seconds(lambda: BodySigner(body, [rsa_signer()]), rounds)
    print(f"  prepare to sign a body {seconds * 1e6:10.2f} us")


if __name__ == "__main__":
    main()
