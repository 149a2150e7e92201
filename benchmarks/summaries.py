"""How near extracted summaries come to the ones a source wrote by itself, and how near simpler ways come.

The measure is the F1 of single words (ROUGE-1, Lin 2004: words in small letters, counted as often as they occur, no stemming)
against the one-line summaries in recorded answers of Hugging Face Daily Papers. Every way gets the same room. "First" is what
cutting the abstract gives; sentences in other orders fill the room one by one until the next one does not fit.

Run: python benchmarks/summaries.py FOLDER [--room N ...]   (FOLDER holds daily_papers/*.json)
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from newsletter.rendering.words.summary import best_summary
from newsletter.rendering.words.text import clean, sentences, shorten, summarize

Way = Callable[[str, int], str]


def f1(text: str, reference: str) -> float:
    """Return the F1 of the words of ``text`` against those of ``reference``."""
    ours, theirs = (Counter(re.findall(r"[a-z0-9]+", each.lower())) for each in (text, reference))
    common = (ours & theirs).total()
    return 2 * common / (ours.total() + theirs.total()) if common else 0.0


def filled(in_order: Sequence[str], room: int) -> str:
    """Return sentences from the first on, as many as fit; the first cut at a word if it does not."""
    text = ""
    for sentence in in_order:
        if len(text) + len(sentence) + 1 > room:
            break
        text = f"{text} {sentence}".lstrip()
    return text or shorten(in_order[0], room)


def ways() -> dict[str, Way]:
    """Return the ways that are compared, by name."""
    dice = random.Random(1)  # noqa: S311 - the same order each time is what is wanted

    def at_random(abstract: str, room: int) -> str:
        found = sentences(abstract)
        dice.shuffle(found)
        return filled(found, room)

    return {
        "extract": lambda abstract, room: best_summary("", abstract, room),
        "first": summarize,
        "random": at_random,
        "last": lambda abstract, room: filled(sentences(abstract)[::-1], room),
    }


def pairs(folder: Path) -> list[tuple[str, str]]:
    """Return each paper's abstract with the source's summary, every paper once."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted((folder / "daily_papers").glob("20*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8")):
            paper = entry["paper"]
            if paper.get("ai_summary") and paper.get("summary"):
                found[paper["id"]] = clean(paper["summary"]), clean(paper["ai_summary"])
    return list(found.values())


def main() -> None:
    """Print one line for each room and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--room", type=int, nargs="+", default=[160, 300, 420], help="characters")
    options = parser.parse_args()
    found = pairs(options.folder)
    print(f"{len(found)} papers\n\nroom  way        F1    characters  ms each")
    for room in options.room:
        for name, way in ways().items():
            start = time.perf_counter()
            made = [way(abstract, room) for abstract, _ in found]
            each = (time.perf_counter() - start) / len(found) * 1000
            score = sum(f1(text, reference) for text, (_, reference) in zip(made, found, strict=True)) / len(found)
            print(f"{room:4}  {name:8}  {score:.3f}  {sum(map(len, made)) / len(made):10.0f}  {each:7.2f}")


if __name__ == "__main__":
    main()
