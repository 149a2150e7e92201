"""Papers as vectors of their words."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.papers.model import Paper
from newsletter.trending.vectors import DIM, Vectors
from tests.samples import paper

VECTORS = Vectors()
VIDEO = paper(1, title="Video Diffusion in Real Time", abstract="Diffusion models generate video frames. Frames come fast.")
VIDEO_TOO = paper(
    2, title="Fast Diffusion for Videos", abstract="We generate the frames of a video by diffusion, in real time."
)
PROOFS = paper(3, title="Formal Proofs by Search", abstract="Theorem provers search for formal proofs of theorems in algebra.")

TEXTS = st.text(max_size=80)


def _alike(one: Paper, other: Paper) -> float:
    rows = VECTORS.matrix([one, other])
    return float(rows[0] @ rows[1])


def test_papers_on_one_topic_are_more_alike_than_papers_on_two() -> None:
    assert _alike(VIDEO, VIDEO_TOO) > 0.3 > _alike(VIDEO, PROOFS)
    assert _alike(VIDEO, VIDEO) == pytest.approx(1)


def test_singular_plural_and_capitals_are_one_word() -> None:
    lower = paper(1, title="policy networks", abstract="", categories=(), organization="")
    upper = replace(lower, title="Policies Network")
    words = {word for word, _ in VECTORS.words(lower)}
    assert words == {"policy", "networks", "policy networks"}
    assert dict(VECTORS.words(lower))["networks"] == dict(VECTORS.words(upper))["network"]
    assert dict(VECTORS.words(lower))["policy"] == dict(VECTORS.words(upper))["policies"]


def test_words_are_told_as_people_write_them_with_the_columns_that_they_fill() -> None:
    known = replace(VIDEO, title="LoRA for LLM Agents", keywords=("reinforcement learning",), categories=("cs.CL", "q-bio.NC"))
    told = dict(VECTORS.words(known))
    assert {"LoRA", "LLM", "agents", "reinforcement learning", "Computation and language", "Example Lab"} <= told.keys()
    assert "for" not in told
    assert set(told.values()) == set(np.flatnonzero(VECTORS.matrix([known])[0]).tolist())


def test_the_weightiest_word_comes_first() -> None:
    words = VECTORS.words(replace(PROOFS, categories=(), organization=""))
    row = VECTORS.matrix([replace(PROOFS, categories=(), organization="")])[0]
    assert words[0][0] in {"theorem", "proofs"}
    assert row[words[0][1]] > row[words[-1][1]]


def test_category_and_lab_take_part() -> None:
    plain = paper(1, categories=(), organization="")
    assert _alike(replace(plain, organization="Example Lab"), replace(plain, organization="Other Lab")) < 1 - 1e-6
    assert _alike(replace(plain, categories=("cs.CL",)), replace(plain, categories=("cs.CV",))) < 1 - 1e-6


def test_addresses_and_numbers_are_no_words() -> None:
    words = [word for word, _ in VECTORS.words(paper(1, abstract="See https://example.org/video-code and 42 of 2026."))]
    assert not {"example", "org", "video", "code", "42", "2026"} & set(words)


def test_a_paper_without_a_word_has_a_row_of_zeros() -> None:
    assert not VECTORS.matrix([paper(1, title="!?", abstract="", categories=(), organization="")]).any()
    assert VECTORS.matrix([]).shape == (0, DIM)


@given(title=TEXTS, abstract=TEXTS, keywords=st.lists(TEXTS, max_size=3), lab=TEXTS)
def test_every_text_gives_a_row_of_length_one_or_zeros(title: str, abstract: str, keywords: list[str], lab: str) -> None:
    given_ = paper(1, title=title, abstract=abstract, keywords=tuple(keywords), organization=lab)
    row = VECTORS.matrix([given_])[0]
    assert row.min() >= 0
    assert float(np.linalg.norm(row)) == pytest.approx(1, abs=1e-5) or not VECTORS.words(given_)
    assert {column for _, column in VECTORS.words(given_)} <= set(range(DIM))


def test_another_process_and_other_company_give_the_same_row() -> None:
    code = (
        "from newsletter.trending.vectors import Vectors; from tests.samples import paper;"
        "print(Vectors().matrix([paper(7)])[0].tobytes().hex())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == VECTORS.matrix([VIDEO, paper(7), PROOFS])[1].tobytes().hex()


def test_a_table_that_was_learned_is_written_and_tells_rare_words_from_common_ones() -> None:
    learned = Vectors.learn([VIDEO, VIDEO_TOO, PROOFS])
    assert '"diffusion": 6667' in learned.to_json()
    words = [word for word, _ in learned.words(replace(VIDEO, title="Diffusion by Algebra", abstract=""))]
    assert words.index("algebra") < words.index("diffusion")


def test_two_hundred_papers_take_a_moment() -> None:
    abstract = " ".join(f"word{number % 97} of sample{number}" for number in range(75))
    papers = [paper(seq, abstract=f"{abstract} {seq}") for seq in range(200)]
    VECTORS.matrix(papers[:1])
    began = time.perf_counter()
    VECTORS.matrix(papers)
    first = time.perf_counter() - began
    began = time.perf_counter()
    VECTORS.matrix(papers)
    again = time.perf_counter() - began
    assert first < 1  # some 40 ms; a busy machine is allowed much more
    assert again < first / 2
