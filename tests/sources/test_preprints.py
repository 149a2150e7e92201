"""bioRxiv and medRxiv: recorded answers over the wire, and the odd ones."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.papers.model import Paper, PaperRecord
from newsletter.papers.store import PaperStore
from newsletter.sources import preprints
from newsletter.sources.base import Period, SourceError
from newsletter.sources.store import RunOutcome
from tests.sources.conftest import Build
from tests.sources.replay import Asked, ReplayServer, Reply

NOW = datetime(2026, 8, 17, 6, tzinfo=UTC)


def row(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "title": f"Preprint {number}",
        "authors": "Example, A.; Sample, B.",
        "doi": f"10.1101/2026.08.14.{number:06}",
        "date": "2026-08-15",
        "version": "1",
        "type": "new results",
        "category": "neuroscience",
        "abstract": "We measured it.",
        **fields,
    }


def answer(rows: list[dict[str, Any]], **message: Any) -> Reply:
    body = {"messages": [{"status": "ok", "count": len(rows), **message}], "collection": rows}
    return Reply(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def record(**fields: Any) -> PaperRecord:
    (observation,) = preprints.parse([row(**fields)], now=NOW).observations
    return observation.record


def papers(database: Database) -> list[Paper]:
    with database.read() as session:
        return PaperStore(session).latest(None)


def in_pages(server: ReplayServer, name: str, days: str, rows: list[dict[str, Any]], size: int) -> None:
    """Answer as the service does: a page for each cursor."""
    for cursor in range(0, max(len(rows), 1), size):
        page = rows[cursor : cursor + size]
        server.script(f"/details/{name}/{days}/{cursor}/json", answer(page, total=str(len(rows)), cursor=cursor))


def recorded(shared_data: Path, name: str) -> list[dict[str, Any]]:
    answers = json.loads((shared_data / "sources" / f"{name}_details_responses.json").read_text(encoding="utf-8"))
    return [entry for one in answers for entry in one["raw_response"]["collection"]]


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "count"), [("biorxiv", 7), ("medrxiv", 5)])
def test_recorded_answers_come_over_the_wire_page_by_page(
    database: Database, server: ReplayServer, build: Build, shared_data: Path, name: str, count: int
) -> None:
    rows = recorded(shared_data, name)
    assert len(rows) > count  # some are revisions
    in_pages(server, name, "2026-08-15/2026-08-17", rows, 3)
    (outcome,) = build(database).run([name])
    assert (outcome.source, outcome.outcome, outcome.new, outcome.refused) == (name, RunOutcome.DONE, count, {})
    assert [asked.path.split("/")[5] for asked in server.asked] == [str(cursor) for cursor in range(0, len(rows), 3)]
    for paper in papers(database):
        assert paper.sources == (name,)
        assert paper.key.startswith("doi:10.1101/20")
        assert paper.title
        assert len(paper.abstract) > 200
        assert paper.authors
        assert paper.categories
        assert paper.published_at


@pytest.mark.shared_data
def test_a_heading_that_is_stuck_to_its_text_is_parted_from_it(shared_data: Path) -> None:
    first, second = (
        preprints.parse(recorded(shared_data, name), now=NOW).observations[0].record for name in ("biorxiv", "medrxiv")
    )
    assert first.abstract.startswith("Summary: Manually assessing the scope")
    assert first.authors[:2] == ("A. L. Doanvo", "X. Qian")
    assert second.abstract.startswith("Introduction: Psychiatric disorders")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (
            "Background We know.MethodsWe looked. ResultsNone (yet)ConclusionsMore.",
            "Background We know.Methods: We looked. Results: None (yet)Conclusions: More.",
        ),
        ("We use ResultsDB and MethodsX.", "We use ResultsDB and MethodsX."),
    ],
)
def test_only_headings_are_parted(given: str, shown: str) -> None:
    assert record(abstract=given).abstract == shown


def test_enabling_it_takes_one_line(sqlite: Database, server: ReplayServer, build: Build) -> None:
    in_pages(server, "biorxiv", "2026-08-15/2026-08-17", [row(1), row(2)], 100)
    service = build(sqlite, hf_daily_papers={"enabled": False}, biorxiv={"enabled": True})
    assert service.enabled == ("biorxiv",)
    assert [one.new for one in service.run()] == [2]


def test_a_new_preprint_is_listed_on_the_day_it_was_posted() -> None:
    new = record()
    assert (new.title, new.abstract, new.doi) == ("Preprint 1", "We measured it.", "10.1101/2026.08.14.000001")
    assert (new.authors, new.categories) == (("A. Example", "B. Sample"), ("neuroscience",))
    assert new.listed_at == new.published_at == datetime(2026, 8, 15, tzinfo=UTC)
    assert new.withdrawn_at is None


@pytest.mark.parametrize(
    ("doi", "published"),
    [
        ("10.1101/2026.03.02.123456", datetime(2026, 3, 2, tzinfo=UTC)),
        ("10.64898/2026.03.02.123456", datetime(2026, 3, 2, tzinfo=UTC)),
        ("10.1101/2026.13.02.123456", datetime(2026, 8, 15, tzinfo=UTC)),
        ("10.1101/123456", datetime(2019, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_revision_is_no_listing_and_as_old_as_its_doi(doi: str, published: datetime) -> None:
    revised = record(doi=doi, version="2")
    assert (revised.listed_at, revised.published_at) == (None, published)


def test_of_two_versions_the_later_is_taken() -> None:
    rows = [row(version="2", title="Second title"), row(), row(number=2), row(version="10", title="Tenth title")]
    batch = preprints.parse(rows, now=NOW)
    assert [one.record.title for one in batch.observations] == ["Tenth title", "Preprint 2"]


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "WITHDRAWN: Preprint 1"},
        {"title": "[Withdrawn] Preprint 1"},
        {"type": "WITHDRAWN"},
        {"abstract": "The authors have withdrawn this manuscript owing to an error in figure 2."},
        {"abstract": "AbstractThe author has now withdrawn their manuscript."},
        {"abstract": "This manuscript has been withdrawn by bioRxiv following a request of the authors."},
    ],
)
def test_a_withdrawn_preprint_is_marked_and_keeps_its_title(fields: dict[str, str]) -> None:
    gone = record(version="2", **fields)
    assert gone.withdrawn_at == datetime(2026, 8, 15, tzinfo=UTC)
    assert (gone.title, gone.abstract) == ("Preprint 1", "")


@pytest.mark.parametrize(
    "abstract", ["The authors whose ethanol was withdrawn drank less.", "Oil is withdrawn from a reservoir."]
)
def test_words_about_withdrawals_are_not_one(abstract: str) -> None:
    assert record(abstract=abstract).withdrawn_at is None


def test_a_withdrawal_reaches_a_paper_that_is_known(
    database: Database, server: ReplayServer, build: Build, clock: ManualClock
) -> None:
    service = build(database)
    in_pages(server, "biorxiv", "2026-08-15/2026-08-17", [row()], 100)
    service.run(["biorxiv"])
    clock.advance(timedelta(days=1))
    gone = row(version="2", date="2026-08-17", title="WITHDRAWN: Preprint 1", abstract="The authors have withdrawn this.")
    in_pages(server, "biorxiv", "2026-08-16/2026-08-18", [gone], 100)
    (outcome,) = service.run(["biorxiv"])
    assert (outcome.new, outcome.changed) == (0, 1)
    (paper,) = papers(database)
    assert (paper.title, paper.abstract) == ("Preprint 1", "We measured it.")
    assert paper.withdrawn_at == datetime(2026, 8, 17, tzinfo=UTC)


def test_a_revision_replaces_what_is_known(database: Database, server: ReplayServer, build: Build, clock: ManualClock) -> None:
    service = build(database)
    in_pages(server, "biorxiv", "2026-08-15/2026-08-17", [row()], 100)
    service.run(["biorxiv"])
    clock.advance(timedelta(days=1))
    revised = row(version="2", date="2026-08-17", title="Better title", abstract="Shorter.")
    in_pages(server, "biorxiv", "2026-08-16/2026-08-18", [revised], 100)
    service.run(["biorxiv"])
    (paper,) = papers(database)
    assert (paper.title, paper.abstract, paper.version) == ("Better title", "Shorter.", 2)
    assert paper.listed_at == datetime(2026, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("Example, A. B.; Sample, B., Jr.; Cy Test", ("A. B. Example", "B. Sample Jr.", "Cy Test")),
        ("van der Example, A.;; ,; Sample,", ("A. van der Example", "Sample")),
    ],
)
def test_a_list_of_names_is_parted(text: str, names: tuple[str, ...]) -> None:
    assert preprints.split_authors(text) == names


def test_subjects_that_nobody_wants_stay_out_and_odd_entries_are_counted() -> None:
    rows = [row(1), row(2, category="Zoology"), row(3, doi="10.1/x"), {"category": "zoology", "doi": "10.1101/2026.08.14.9"}]
    batch = preprints.parse(rows, now=NOW, categories=["zoology ", "ecology"])
    assert [one.record.doi for one in batch.observations] == ["10.1101/2026.08.14.000002", "10.1101/2026.08.14.9"]
    assert preprints.parse([*rows, None], now=NOW).refused == {"no DOI": 1, "entry that is not an object": 1}


def test_a_date_to_come_says_nothing() -> None:
    assert record(date="2026-09-01").listed_at is None
    assert record(date="soon").published_at is None


def test_the_same_days_are_asked_for_again_after_a_while_only(
    database: Database, server: ReplayServer, build: Build, clock: ManualClock
) -> None:
    in_pages(server, "biorxiv", "2026-08-15/2026-08-17", [row(1), row(2), row(3)], 2)
    service = build(database)
    outcomes = []
    for _ in range(3):
        outcomes += [one.outcome for one in service.run(["biorxiv"])]
        clock.advance(timedelta(hours=2))
    assert outcomes == [RunOutcome.DONE, RunOutcome.UNCHANGED, RunOutcome.DONE]
    assert len(server.asked) == 4


def test_a_run_that_broke_half_way_begins_anew(sqlite: Database, server: ReplayServer, build: Build) -> None:
    in_pages(server, "biorxiv", "2026-08-15/2026-08-17", [row(1), row(2), row(3)], 2)
    server.script("/details/biorxiv/2026-08-15/2026-08-17/2/json", Reply(404), answer([row(3)], total=3))
    service = build(sqlite)
    (first,) = service.run(["biorxiv"])
    assert (first.outcome, first.new) == (RunOutcome.PARTIAL, 2)
    (second,) = service.run(["biorxiv"])
    assert (second.outcome, second.new) == (RunOutcome.DONE, 1)


def test_a_period_is_asked_for_by_its_days(sqlite: Database, server: ReplayServer, build: Build) -> None:
    in_pages(server, "medrxiv", "2026-08-03/2026-08-09", [row(date="2026-08-04")], 100)
    (outcome,) = build(sqlite).run(["medrxiv"], period=Period.parse("2026-W32", today=date(2026, 8, 17)))
    assert (outcome.outcome, outcome.new) == (RunOutcome.DONE, 1)


def test_more_than_fits_in_a_run_is_an_error_that_says_what_to_do(sqlite: Database, server: ReplayServer, build: Build) -> None:
    in_pages(server, "biorxiv", "2026-08-15/2026-08-17", [row(number) for number in range(250)], 50)
    (outcome,) = build(sqlite, biorxiv={"max_papers": 100}).run(["biorxiv"])
    assert (outcome.outcome, outcome.new, outcome.is_transient) == (RunOutcome.PARTIAL, 100, False)
    assert outcome.problem.endswith("from 2026-08-15 on; ask for fewer days, or raise sources.biorxiv.max_papers")


def test_a_service_that_ignores_the_cursor_does_not_hold_us(sqlite: Database, server: ReplayServer, build: Build) -> None:
    def same(asked: Asked) -> Reply:
        assert asked
        return answer([row(1), row(2)], total="many")

    for cursor in range(6):
        server.answer(f"/details/biorxiv/2026-08-15/2026-08-17/{cursor}/json", same)
    (outcome,) = build(sqlite).run(["biorxiv"])
    assert (outcome.outcome, outcome.new, len(server.asked)) == (RunOutcome.DONE, 2, 2)


@pytest.mark.parametrize("status", ["no posts found", "ok"])
def test_days_without_preprints_are_no_error(sqlite: Database, server: ReplayServer, build: Build, status: str) -> None:
    server.script("/details/biorxiv/2026-08-15/2026-08-17/0/json", answer([], status=status))
    assert [(one.outcome, one.seen) for one in build(sqlite).run(["biorxiv"])] == [(RunOutcome.DONE, 0)]


@pytest.mark.parametrize(
    ("broken", "words", "is_transient"),
    [
        (Reply(429, headers={"Retry-After": "900"}), "HTTP 429; asks to be left alone for 15 min", True),
        (Reply(503), "HTTP 503 (4 times)", True),
        (Reply(body=b"<!DOCTYPE html><p>Sorry"), "a web page instead of JSON", True),
        (Reply(body=b'{"collection": [{"doi'), "not JSON, or only a part of it", True),
        (Reply(body=b"[]"), "the answer is not an object; check sources.biorxiv.url", False),
        (Reply(body=b"{}"), "the answer holds no collection", True),
        (Reply(body=b""), "an empty answer", True),
        (answer([], status="Error: database is down"), "the service says: Error: database is down", True),
        (Reply(404), "HTTP 404; check sources.biorxiv.url", False),
    ],
)
def test_a_failure_is_told(
    sqlite: Database, server: ReplayServer, build: Build, broken: Reply, words: str, is_transient: bool
) -> None:
    server.script("/details/biorxiv/2026-08-15/2026-08-17/0/json", broken)
    (outcome,) = build(sqlite).run(["biorxiv"])
    assert outcome.outcome is RunOutcome.FAILED
    assert outcome.problem.startswith("biorxiv: ")
    assert words in outcome.problem
    assert outcome.is_transient is is_transient


def test_an_answer_that_is_none_is_refused() -> None:
    with pytest.raises(SourceError, match="medrxiv: the service says: no such server"):
        preprints.read(b'{"messages": [{"status": "no such server"}]}', source="medrxiv")
