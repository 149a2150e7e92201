"""The database is what it promises: current after an upgrade, equal to the models, safe at power loss."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from psycopg import sql
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError, StatementError

from newsletter.clock import SystemClock
from newsletter.database import MIGRATIONS, Database
from newsletter.errors import DatabaseError
from newsletter.migrations.metadata import metadata
from newsletter.papers.model import PaperSeq, Signal
from newsletter.papers.store import PaperStore
from newsletter.papers.tables import PaperIdentityRow
from subscribers.model import Cadence, Choices, Interests
from subscribers.store import SubscriberStore
from tests.delivery.house import add_papers, add_readers, open_issue


def test_migrations_lead_to_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_readers_of_the_first_version_are_there_after_the_upgrade(database: Database) -> None:
    _migrate(database, command.downgrade, "0001")
    now = "2026-08-17 06:00:00"
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO subscriber (id, address, address_key, state, token_epoch, created_at, changed_at) "
                "VALUES (1, 'You@example.org', 'you@example.org', 'active', 0, :now, :now)"
            ),
            {"now": now},
        )
        session.execute(
            text(
                "INSERT INTO subscription (id, subscriber_id, newsletter, cadence, local_hour, zone, interests, created_at, "
                "changed_at) VALUES (1, 1, 'papers', 'weekly', 7, 'Europe/Berlin', :interests, :now, :now)"
            ),
            {"now": now, "interests": '{"keywords": ["agents"]}'},
        )
    _migrate(database, command.upgrade, "head")
    with database.read() as session:
        [found] = SubscriberStore(session).subscriptions([1])
    assert found.choices == Choices(Cadence.WEEKLY, 7, "Europe/Berlin", Interests(keywords=("agents",)))
    test_migrations_lead_to_the_models(database)


def test_votes_of_an_older_version_are_there_after_the_upgrade(database: Database) -> None:
    """And after the way back, to the second."""
    _migrate(database, command.downgrade, "0006")
    noon = datetime(2026, 8, 17, 12, tzinfo=UTC)
    zone = "" if database.is_sqlite else "+00:00"
    facts = (
        "abstract, authors, author_count, summary, categories, keywords, organization, code_url, project_url, discussion_url, "
        "thumbnail_url"
    )
    measured = [
        (seq, source, f"2026-08-17 12:{minute:02}:00.{seq % 2 * 25:06}{zone}", minute, None, seq)
        for seq in range(1, 603)
        for source in ("arxiv", "hf")
        for minute in (0, 5)
    ]
    with database.write() as session:
        session.execute(
            text(
                f"INSERT INTO paper (seq, key, title, {facts}, listed_at, first_seen_at, changed_at) "  # noqa: S608 - our words
                "VALUES (:seq, :key, 'Paper', '', '[]', 0, '', '[]', '[]', '', '', '', '', '', :now, :now, :now)"
            ),
            [{"seq": seq, "key": f"title:{seq}", "now": f"2026-08-17 12:00:00{zone}"} for seq in range(1, 603)],
        )
        session.execute(
            text("INSERT INTO signal VALUES (:seq, :source, :at, :votes, :comments, :stars)"),
            [dict(zip(("seq", "source", "at", "votes", "comments", "stars"), row, strict=True)) for row in measured],
        )
    for _ in range(2):
        _migrate(database, command.upgrade, "head")
        with database.read() as session:
            found = PaperStore(session).signals(range(1, 604), until=noon + timedelta(hours=1))
        assert found[PaperSeq(603)] == []
        for seq in range(1, 603):
            assert found[PaperSeq(seq)] == [
                Signal(source, noon + timedelta(minutes=minute), minute, None, seq)
                for minute in (0, 5)
                for source in ("arxiv", "hf")
            ]
        test_migrations_lead_to_the_models(database)
        _migrate(database, command.downgrade, "0006")


def test_issues_and_deliveries_stay_when_the_version_goes_back_and_forth(database: Database) -> None:
    readers = add_readers(database, 2)
    add_papers(database, [1, 2])
    open_issue(database, readers)
    tables = ("issue", "issue_paper", "digest", "delivery", "subscriber", "paper")

    def counts() -> list[int]:
        with database.read() as session:
            return [session.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables]  # noqa: S608 - names above

    before = counts()
    _migrate(database, command.downgrade, "0006")
    assert counts() == before
    _migrate(database, command.upgrade, "head")
    assert counts() == before


def _migrate(database: Database, way: Callable[[Config, str], object], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        way(config, revision)
        connection.commit()


def test_an_upgraded_database_is_current(database: Database) -> None:
    assert database.is_current()
    database.ready()


def test_sqlite_is_upgraded_by_itself(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new.db")
    assert not database.is_current()
    database.ready()
    assert database.is_current()
    database.dispose()


def test_postgresql_waits_to_be_told(postgres_server: str) -> None:
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    database = Database(make_url(postgres_server).set(database=name).render_as_string(hide_password=False))
    with pytest.raises(DatabaseError, match="run 'newsletter db upgrade' once"):
        database.ready()
    database.upgrade()
    database.ready()
    database.dispose()


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="written by a newer version"):
        database.upgrade()


def test_sqlite_survives_a_power_cut_and_checks_references(sqlite_template: object) -> None:
    database = Database(f"sqlite:///{sqlite_template}")
    with database.engine.connect() as connection:
        pragma = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    database.dispose()
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_new_database_is_closed_to_the_machines_other_users(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/data/new.db")
    database.ready()
    database.dispose()
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "data").iterdir())


def test_a_database_that_cannot_be_made_says_what_to_check(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match=r"check database\.url"):
        Database(f"sqlite:///{tmp_path}/file/new.db")


def test_a_naive_instant_is_refused(database: Database) -> None:
    from newsletter.sources.tables import HttpPaceRow

    with pytest.raises(StatementError, match="naive datetime"), database.write() as session:
        session.add(HttpPaceRow(host="a", next_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - the point of the test


def test_an_instant_comes_back_as_it_was(database: Database) -> None:
    from newsletter.sources.tables import HttpPaceRow

    now = SystemClock().now()
    with database.write() as session:
        session.add(HttpPaceRow(host="a", next_at=now))
    with database.read() as session:
        assert session.get_one(HttpPaceRow, "a").next_at == now


def test_a_dangling_reference_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"), database.write() as session:
        session.add(PaperIdentityRow(name="arxiv:1", paper_seq=99))


def test_a_database_out_of_reach_says_what_to_check() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseError, match=r"check database\.url"):
        database.ready()


def test_a_change_alone_is_committed_when_it_returns(database: Database) -> None:
    """Whatever the connection was used for before, here and elsewhere in the pool."""
    assert database.forget_deleted("worker")
    kept = database.keep()
    add = "INSERT INTO worker (name, beat, started_at) VALUES ('one', 0, '2026-11-21 06:00:00+00:00')"
    for number in (1, 2, 3):
        assert kept.run_alone(add, ()) == 1
        assert database.forget_deleted("worker") is not None
        with database.read() as session:
            assert session.scalar(text("SELECT count(*) FROM worker")) == number
        with kept.write() as session:
            session.execute(text("UPDATE worker SET beat = beat + 1"))
    kept.close()


def test_a_change_alone_that_fails_changes_nothing_and_the_next_one_works(database: Database) -> None:
    kept = database.keep()
    with pytest.raises(IntegrityError):
        kept.run_alone("INSERT INTO worker (name, beat, started_at) VALUES ('one', NULL, '2026-11-21 06:00:00+00:00')", ())
    assert kept.run_alone("UPDATE worker SET beat = beat + 1", ()) == 0
    kept.close()
