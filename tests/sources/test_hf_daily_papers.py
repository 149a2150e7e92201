"""Hugging Face Daily Papers: what is read from an answer, and which questions are asked."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.clock import ManualClock
from newsletter.config import HfDailyPapersConfig
from newsletter.database import Database
from newsletter.papers.model import Observation, Signal
from newsletter.sources.base import Batch, SourceError
from newsletter.sources.hf_daily_papers import NAME, load, parse
from newsletter.sources.service import FetchService
from tests.sources.conftest import Build
from tests.sources.replay import Asked, ReplayServer, Reply

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

ENTRY: dict[str, Any] = {
    "paper": {
        "id": "2611.01234",
        "authors": [
            {"_id": "a1", "name": "Ada Example", "hidden": False, "user": {"_id": "u1", "user": "ada"}},
            {"_id": "a2", "name": "Bo Sample", "hidden": False},
        ],
        "publishedAt": "2026-11-18T17:08:18.000Z",
        "submittedOnDailyAt": "2026-11-20T03:55:12.777Z",
        "title": "Tiny Models,\n  Long Memory",
        "summary": "We show that $n < 3$ layers\nsuffice.",
        "upvotes": 42,
        "ai_summary": "Three layers are enough.",
        "ai_keywords": ["memory", "small models"],
        "githubRepo": "https://github.com/example/tiny",
        "githubStars": 97,
        "projectPage": "https://example.org/tiny",
        "organization": {"_id": "o1", "name": "example-lab", "fullname": "Example Lab"},
    },
    "publishedAt": "2026-11-18T12:08:18.000Z",
    "title": "Outer title",
    "summary": "Outer summary",
    "thumbnail": "https://example.org/2611.01234.png",
    "numComments": 3,
    "submittedBy": {"_id": "u2", "user": "carl", "avatarUrl": "/avatars/y.svg"},
}


def one(entry: object, **options: Any) -> Observation:
    (observation,) = parse([entry], observed_at=NOW, **options).observations
    return observation


def test_an_entry_is_read_whole() -> None:
    observation = one(ENTRY)
    record = observation.record
    assert (record.title, record.abstract) == ("Tiny Models, Long Memory", "We show that $n < 3$ layers suffice.")
    assert (record.arxiv_id, record.version) == ("2611.01234", None)
    assert record.authors == ("Ada Example", "Bo Sample")
    assert (record.summary, record.keywords) == ("Three layers are enough.", ("memory", "small models"))
    assert record.organization == "Example Lab"
    assert record.published_at == datetime(2026, 11, 18, 17, 8, 18, tzinfo=UTC)
    assert record.listed_at == datetime(2026, 11, 20, 3, 55, 12, 777000, tzinfo=UTC)
    assert (record.code_url, record.project_url) == ("https://github.com/example/tiny", "https://example.org/tiny")
    assert record.discussion_url == "https://huggingface.co/papers/2611.01234"
    assert record.thumbnail_url == "https://example.org/2611.01234.png"
    assert observation.signal == Signal(NAME, NOW, votes=42, comments=3, stars=97)


def test_what_is_missing_inside_is_taken_from_outside() -> None:
    entry = {**ENTRY, "paper": {"id": "2611.01234"}, "organization": {"name": "lab"}}
    record = one(entry).record
    assert (record.title, record.abstract, record.organization) == ("Outer title", "Outer summary", "lab")


@pytest.mark.parametrize(
    ("inner", "outer", "asked", "expected"),
    [
        ("2024-05-30T16:07:54.000Z", "2024-05-31T03:52:55Z", None, datetime(2024, 5, 31, 3, 52, 55, tzinfo=UTC)),
        ("2025-03-10T07:23:19.000Z", "2025-03-10T03:23:19Z", date(2025, 3, 17), datetime(2025, 3, 17, tzinfo=UTC)),
        ("2025-03-10T07:23:19.000Z", "2025-03-10T03:23:19Z", None, None),
        (None, None, date(2025, 3, 17), datetime(2025, 3, 17, tzinfo=UTC)),
    ],
)
def test_the_day_of_listing_is_found_in_older_answers_too(
    inner: str | None, outer: str | None, asked: date | None, expected: datetime | None
) -> None:
    entry = {"paper": {"id": "2611.01234", "title": "T", "publishedAt": inner}, "publishedAt": outer}
    assert one(entry, listed_on=asked).record.listed_at == expected


def test_a_withdrawal_is_read() -> None:
    entry = {"paper": {**ENTRY["paper"], "withdrawnAt": "2026-11-19T00:00:00.000Z"}}
    assert one(entry).record.withdrawn_at == datetime(2026, 11, 19, tzinfo=UTC)


def test_odd_entries_are_counted_and_the_others_taken() -> None:
    batch = parse([ENTRY, None, 7, {"title": "x"}, {"paper": []}, {"paper": {"upvotes": 1}}], observed_at=NOW)
    assert len(batch.observations) == 1
    assert batch.refused == {"entry without a paper": 4, "neither arXiv id, DOI nor title": 1}


def test_a_paper_that_is_not_on_arxiv_goes_by_its_title() -> None:
    record = one({"paper": {"id": "a-blog-post", "title": "Tiny Models"}}).record
    assert (record.arxiv_id, record.title) == (None, "Tiny Models")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'[{"paper": {"id": "26', "not JSON, or only a part of it"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"error": "Invalid date"}', "the service says: Invalid date"),
        (b'{"papers": []}', "not a list of papers"),
    ],
)
def test_an_answer_that_is_no_list_is_named(body: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        load(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(sorted(ENTRY)), json_values),
    st.dictionaries(st.sampled_from([*sorted(ENTRY["paper"]), "withdrawnAt"]), json_values),
)
def test_no_value_in_any_field_breaks_the_reading(outer: dict[str, Any], inner: dict[str, Any]) -> None:
    batch = parse([{**ENTRY, **outer, "paper": {**ENTRY["paper"], **inner}}], observed_at=NOW)
    assert len(batch.observations) + sum(batch.refused.values()) == 1


def read_all(folder: Path) -> list[tuple[Path, Batch]]:
    files = sorted(folder.glob("*.json"))
    assert files
    return [(file, parse(load(file.read_bytes()), observed_at=NOW)) for file in files]


@pytest.mark.shared_data
@pytest.mark.parametrize("folder", ["daily_papers", "daily_papers_full"])
def test_every_recorded_entry_is_taken_in_on_its_day(shared_data: Path, folder: str) -> None:
    for file, batch in read_all(shared_data / folder):
        assert batch.refused == {}
        assert len(batch.observations) == len(json.loads(file.read_bytes()))
        for observation in batch.observations:
            record = observation.record
            assert record.listed_at is not None
            # Before 2025 a paper put forward on a Sunday evening stands on Monday's list.
            days = (date.fromisoformat(file.name[:10]) - record.listed_at.date()).days
            assert 0 <= days <= (0 if file.name >= "2025-03" else 3)
            assert record.arxiv_id
            assert record.title
            assert record.abstract
            assert observation.signal is not None
            assert observation.signal.votes is not None


def day_answer(asked: Asked) -> Reply:
    """A paper for each day, with an ETag that never changes from Monday to Wednesday."""
    on = date.fromisoformat(asked.query["date"])
    etag = f'"{on}"'
    if on.weekday() < 3 and asked.headers.get("if-none-match") == etag:
        return Reply(304)
    entry = {"paper": {"id": f"{on:%y%m}.{on:%d}001", "title": f"Paper of {on}", "upvotes": len(asked.path)}}
    return Reply(body=json.dumps([entry]).encode(), headers={"Content-Type": "application/json", "ETag": etag})


def run_for(service: FetchService, server: ReplayServer, clock: ManualClock, *, hours: int) -> list[list[date]]:
    """Run every hour; return the days asked for in each run, in order."""
    start, runs = clock.now(), []
    for hour in range(hours):
        clock.set(start + timedelta(hours=hour))
        before = len(server.asked)
        (outcome,) = service.run(["hf_daily_papers"])
        assert outcome.is_ok
        runs.append([date.fromisoformat(asked.query["date"]) for asked in server.asked[before:]])
    return runs


def test_young_days_are_asked_for_at_each_run_and_older_ones_ever_more_rarely(
    sqlite: Database, server: ReplayServer, build: Build, clock: ManualClock
) -> None:
    server.answer("/daily", day_answer)
    config = HfDailyPapersConfig()
    run_for(build(sqlite), server, clock, hours=10)  # finds all days due
    clock.set(clock.now().replace(hour=0) + timedelta(days=1))
    today = clock.now().date()
    runs = run_for(build(sqlite), server, clock, hours=24)
    assert max(map(len, runs)) <= config.days_back + 1 + config.older_days_per_run
    times = Counter(on for run in runs for on in run)
    for back in range(config.rarely_back + 1):
        on = today - timedelta(days=back)
        if on.weekday() >= 5:
            assert times[on] == 0
        elif back <= config.days_back:
            assert times[on] == 24
        elif back <= config.sometimes_back:
            assert times[on] == 4
        else:
            assert times[on] == 1
    assert min(times) >= today - timedelta(days=config.rarely_back)


def test_the_first_run_asks_young_days_first_and_leaves_most_older_ones_to_the_next(
    sqlite: Database, server: ReplayServer, build: Build, clock: ManualClock
) -> None:
    server.answer("/daily", day_answer)
    first, second = run_for(build(sqlite), server, clock, hours=2)
    assert [f"{on:%m-%d}" for on in first] == ["08-14", "08-17", "08-13", "08-12", "08-11", "08-10"]
    assert [f"{on:%m-%d}" for on in second] == ["08-14", "08-17", "08-07", "08-06", "08-05", "08-04"]


def test_days_that_were_asked_for_are_known_after_a_restart(
    sqlite: Database, server: ReplayServer, build: Build, clock: ManualClock
) -> None:
    server.answer("/daily", day_answer)
    short = {"rarely_back": 10}
    older = [run[2:] for _ in range(4) for run in run_for(build(sqlite, hf_daily_papers=short), server, clock, hours=1)]
    assert list(map(len, older)) == [4, 1, 0, 0]


def test_a_long_older_day_is_not_asked_for_again_too_soon(
    sqlite: Database, server: ReplayServer, build: Build, clock: ManualClock
) -> None:
    def answer(asked: Asked) -> Reply:
        number = int(asked.query["p"])
        entries = [{"paper": {"id": f"2608.{number}000{n}", "title": f"Paper {number} {n}"}} for n in range(2 - number)]
        return Reply(body=json.dumps(entries).encode(), headers={"Content-Type": "application/json", "ETag": '"v1"'})

    server.answer("/daily", answer)
    short = {"limit": 2, "rarely_back": 4, "sometimes_back": 4}
    first, second = run_for(build(sqlite, hf_daily_papers=short), server, clock, hours=2)
    assert first == [date(2026, 8, day) for day in (14, 14, 17, 17, 13, 13)]
    assert second == [date(2026, 8, day) for day in (14, 14, 17, 17)]
    assert all("if-none-match" not in asked.headers for asked in server.asked)


def test_only_today_is_asked_for_where_no_day_back_is_wanted(
    sqlite: Database, server: ReplayServer, build: Build, clock: ManualClock
) -> None:
    server.answer("/daily", day_answer)
    assert run_for(build(sqlite, hf_daily_papers={"days_back": 0}), server, clock, hours=1) == [[date(2026, 8, 17)]]
