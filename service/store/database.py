"""One database, SQLite or PostgreSQL: connections, and transactions that commit whole or not at all."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from service.errors import Text, Unavailable

#: SQLSTATEs after which PostgreSQL asks to repeat the transaction.
RETRYABLE = frozenset({"40001", "40P01"})
#: A pooled PostgreSQL connection that rested longer is asked whether it still stands (seconds).
PING_AFTER = 5.0


def _loads(stored: Any) -> Any:
    # SQLite keeps a document that is a bare number as a number, and gives it back as one.
    return stored if isinstance(stored, int | float) else orjson.loads(stored)


def _dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


class Transaction:
    """One transaction that first only reads and becomes a writer when it is told to.

    On SQLite the single write lock is taken by `begin_writing`, so that long computations happen before it; what
    was read before may then be stale and has to be guarded by a version. On PostgreSQL it is one transaction.
    """

    def __init__(self, connection: Connection, *, is_sqlite: bool) -> None:
        """Begin as a reader on `connection`."""
        self.connection = connection
        self.writing = False
        self._is_sqlite = is_sqlite

    def begin_writing(self) -> None:
        """Become a writer; does nothing the second time."""
        if self.writing:
            return
        self.writing = True
        if self._is_sqlite:
            if self.connection.in_transaction():
                self.connection.rollback()
            self.connection.execution_options(writes=True)
            self.connection.begin()


class Database:
    """Connections to one database.

    SQLite runs in WAL with `synchronous=FULL` (a commit survives power loss) and takes its write lock when a
    writing transaction begins; PostgreSQL runs READ COMMITTED with explicit row locks.
    """

    def __init__(self, url: str) -> None:
        """Prepare connections to the SQLAlchemy address `url`; none is opened yet."""
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": _loads}
        if self.is_sqlite:
            options["connect_args"] = {"timeout": 30, "check_same_thread": False}
        else:
            options |= {"pool_size": 10, "max_overflow": 20}
        self.engine: Engine = create_engine(url, **options)
        # Striped: two instances may share a lock, but the number of locks stays small for ever.
        self._locks = [threading.RLock() for _ in range(256)]
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "connect", _prepare_postgresql)
            event.listen(self.engine, "checkin", _note_rest)
            event.listen(self.engine, "checkout", _ping_rested)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction for reading only."""
        with self.engine.connect() as connection:
            yield connection
            connection.rollback()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A writing transaction; see `transaction`."""
        with self.transaction() as transaction:
            transaction.begin_writing()
            yield transaction.connection

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that commits on leaving, or rolls back whole when an exception leaves it.

        Raises `Unavailable` when the database is locked for too long, full or gone.
        """
        try:
            with self.engine.connect() as connection:
                transaction = Transaction(connection, is_sqlite=self.is_sqlite)
                yield transaction
                if connection.in_transaction():
                    if transaction.writing:
                        connection.commit()
                    else:
                        connection.rollback()
        except OperationalError as error:
            if is_retryable(error):
                raise
            raise Unavailable(
                Text(
                    "数据库暂时不可用，请稍后重试；没有写入任何内容",
                    "The database is unavailable; nothing was written, try again",
                )
            ) from error

    @contextmanager
    def instance_lock(self, instance_id: str) -> Iterator[None]:
        """Hold the in-process lock of an instance (SQLite only: on PostgreSQL its row is locked instead).

        It keeps the engine's work outside SQLite's single write lock.
        """
        if not self.is_sqlite:
            yield
            return
        with self._locks[hash(instance_id) % len(self._locks)]:
            yield

    def lock_topic(self, connection: Connection, topic: str) -> None:
        """Serialise transactions that speak of the same `topic` until they end (SQLite already does)."""
        if not self.is_sqlite:
            connection.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:topic, 0))"), {"topic": topic}
            )

    def dispose(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()


def is_retryable(error: BaseException) -> bool:
    """Whether the database asks to repeat the whole transaction (serialisation failure, deadlock)."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in RETRYABLE


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "trusted_schema=OFF",
        "cache_size=-16000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once instead of waiting: writers say so first.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout='10s'")
        cursor.execute("SET idle_in_transaction_session_timeout='60s'")
        cursor.execute("SET timezone='UTC'")
    connection.commit()


def _note_rest(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = time.monotonic()


def _ping_rested(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Ask a connection that has rested whether its server is still there; a busy one was asked just now.

    Asking at every checkout, as the pool's own option does, costs a completion two of its fourteen round trips.
    """
    if time.monotonic() - record.info.get("rests_since", 0.0) < PING_AFTER:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        # Whatever it was, the pool tries a fresh connection.
        raise DisconnectionError from error
