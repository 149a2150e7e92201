"""Engines, sessions and the schema's version, for SQLite and PostgreSQL alike."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from newsletter.errors import DatabaseError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS = 30_000


class Database:
    """An engine with its session factory. Cheap to make: connects on first use.

    SQLite runs in WAL mode with ``synchronous=FULL`` (a committed row survives a power cut) and foreign keys on. Writers say so
    with :meth:`write`, which takes SQLite's one write lock at the start: a transaction that reads first and writes later could
    otherwise fail half-way with "database is locked".
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        if self.url.drivername in {"postgres", "postgresql"}:
            self.url = self.url.set(drivername="postgresql+psycopg")
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url)
        self._readers = sessionmaker(self.engine, expire_on_commit=False)
        self._writers = sessionmaker(self.engine.execution_options(newsletter_write=True), expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; nothing is committed."""
        with self._readers() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction: committed at the end, rolled back on an error. Keep it short, no network inside."""
        with self._writers.begin() as session:
            if self.is_sqlite:
                session.connection()
            yield session

    def keep(self) -> KeptConnection:
        """Return a connection of its own for a thread that writes all the time; close it in the end."""
        return KeptConnection(self.engine)

    def dispose(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()

    def forget_deleted(self, *tables: str) -> bool:
        """Make what was deleted or overwritten unreadable in the database's files too; safe to call at any time.

        SQLite: freed pages are zeroed with the deletion (``secure_delete``); here the write-ahead log, which still holds
        the old pages, is written back and cut to nothing. PostgreSQL: dead rows of ``tables`` are removed by VACUUM.

        Returns:
            False if a reader or writer was in the way; call it again later.
        """
        if self.is_sqlite:
            # Past SQLAlchemy, which would leave the driver beginning transactions by itself; see _pragmas.
            with self.engine.connect() as connection:
                raw: Any = connection.connection.dbapi_connection
                busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                return not busy
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in tables:
                connection.exec_driver_sql(f"VACUUM {connection.dialect.identifier_preparer.quote(table)}")
            return True

    def upgrade(self) -> None:
        """Bring the schema to this program's version; does nothing where it is there already.

        Raises:
            DatabaseError: the database is out of reach, or was written by a newer version of the program.
        """
        from alembic import command
        from alembic.util import CommandError

        try:
            with self.engine.connect() as connection:
                config = _alembic_config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.commit()
        except CommandError as error:
            raise DatabaseError(
                f"the database was written by a newer version of this program ({error}); install that version"
            ) from error
        except SQLAlchemyError as error:
            raise _out_of_reach(self.url.render_as_string(hide_password=True), error) from error

    def is_current(self) -> bool:
        """Whether the schema is at this program's version.

        Raises:
            DatabaseError: the database is out of reach.
        """
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        try:
            with self.engine.connect() as connection:
                here = MigrationContext.configure(connection).get_current_revision()
        except SQLAlchemyError as error:
            raise _out_of_reach(self.url.render_as_string(hide_password=True), error) from error
        return here == ScriptDirectory.from_config(_alembic_config()).get_current_head()

    def ready(self) -> None:
        """Make sure the schema can be used: SQLite is upgraded by itself, PostgreSQL must have been.

        Raises:
            DatabaseError: out of reach, or a PostgreSQL database that waits for ``newsletter db upgrade``.
        """
        if self.is_sqlite:
            if not self.is_current():
                self.upgrade()
        elif not self.is_current():
            raise DatabaseError(
                "the database schema is not at this version; run 'newsletter db upgrade' once, then start again"
            )


class KeptConnection:
    """One connection for many short transactions, each several times cheaper than with a new one. For one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._connection: Connection | None = None
        self._session = Session(expire_on_commit=False)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction, as :meth:`Database.write` gives it. After an error the next one connects anew."""
        connection = self._connected()
        try:
            # Leaving it does not end the session, it forgets all that it knew: making a new one costs more than that.
            with connection.begin(), self._session as session:
                yield session
        except BaseException:
            self.close()
            raise

    def run_alone(self, statement: str, parameters: Sequence[object]) -> int:
        """Run one change as a transaction of its own, with nothing between it and the driver.

        Args:
            statement: in the driver's words, with its marks for parameters.
            parameters: as the driver takes them.

        Returns:
            How many rows of the table were changed.

        Raises:
            DBAPIError: as from any other statement; the next one connects anew.
        """
        connection = self._connected()
        driver: Any = connection.dialect.dbapi
        try:
            raw: Any = connection.connection.dbapi_connection
            # SQLite's never begins a transaction by itself; see _pragmas.
            if not self.is_sqlite:
                raw.autocommit = True
            cursor = raw.cursor()
            try:
                cursor.execute(statement, parameters)
                changed = int(cursor.rowcount)
            finally:
                cursor.close()
            if not self.is_sqlite:
                raw.autocommit = False
        except BaseException as error:
            self.close()
            if not isinstance(error, driver.Error):
                raise
            raise DBAPIError.instance(statement, None, error, driver.Error, hide_parameters=True) from error
        if self.is_sqlite and raw.in_transaction:
            self.close()
            raise DatabaseError("a change that should have been committed was not; this is a fault of the program")
        return changed

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect().execution_options(newsletter_write=True)
            if not self.is_sqlite:
                connection.detach()  # from the pool: nobody else is to have it with these settings
                with connection.begin():
                    for setting in _FEW_ROWS:
                        connection.exec_driver_sql(f"SET {setting}")
            self._connection = self._session.bind = connection
        return self._connection

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            connection, self._connection, self._session.bind = self._connection, None, None
            connection.close()


def _alembic_config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _out_of_reach(url: str, error: SQLAlchemyError) -> DatabaseError:
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return DatabaseError(f"database {url}: {cause}; check database.url and that the server runs")


#: What a process that froze or vanished in the middle of a transaction has locked must be free again before its deliveries
#: are taken over: the server ends such a session, and the connection notices a dead host (libpq, section 34.1.2).
_POSTGRES_LIMITS = {
    # Nothing here runs long enough to be worth compiling.
    "options": "-c idle_in_transaction_session_timeout=10s -c jit=off",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}


#: For a connection that only ever asks for some rows by their keys, with the same few statements. A planner that guesses would
#: read a table from end to end for a few dozen of its rows, and plan each statement anew (PostgreSQL, section 19.7).
_FEW_ROWS = ("enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off", "plan_cache_mode = force_generic_plan")


def _postgres_engine(url: Any) -> Engine:
    limits = {name: value for name, value in _POSTGRES_LIMITS.items() if name not in url.query}
    try:
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=10, hide_parameters=True, connect_args=limits)
    except ModuleNotFoundError as error:
        raise DatabaseError(
            "PostgreSQL needs its driver; install it with: pip install 'trending-papers-newsletter[postgres]'"
        ) from error


def _create_closed(path: Path) -> None:
    # It holds people's addresses: folder and file are closed to the machine's other users from the start.
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise DatabaseError(f"database {path}: {error.strerror}; check database.url and the folder's rights") from error


def _sqlite_engine(url: Any) -> Engine:
    in_memory = url.database in (None, "", ":memory:")
    if not in_memory:
        _create_closed(Path(url.database))
    engine = create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions by itself: _begin below says which kind.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "secure_delete=ON",
            "temp_store=MEMORY",  # an import's temporary tables hold addresses
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("newsletter_write", False)
        statement = "BEGIN IMMEDIATE" if writes else "BEGIN"
        driver: Any = engine.dialect.dbapi
        try:
            # Past SQLAlchemy, which takes longer for it than SQLite.
            connection.connection.cursor().execute(statement).close()
        except driver.Error as error:
            raise DBAPIError.instance(statement, None, error, driver.Error, hide_parameters=True) from error

    return engine


def lock(session: Session, name: str) -> None:
    """Hold ``name`` to the end of ``session``'s transaction: whoever else asks for it waits.

    On PostgreSQL an advisory lock; on SQLite nothing is needed, as :meth:`Database.write` holds the file's one write lock.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
