"""A city whose year begins, for tests of the shipped procedure."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.conftest import settings_for
from tests.workflows import city as cities
from tests.workflows.applying import open_applying
from tests.workflows.city import City
from tests.workflows.titled import open_titled

#: The processes of the year itself; applications and titles have their own tests.
YEAR = (
    "annual_plan",
    "quota_allocation",
    "quota_adjustment",
    "preparation",
    "implementation",
    "supervision",
    "supervision_order",
    "window_extension",
    "late_acceptance",
)


@pytest.fixture(scope="session")
def city_template(worker_folder: Path) -> Path:
    """A database with a city's bodies and people."""
    path = worker_folder / "city.sqlite3"
    settings = settings_for(worker_folder, f"sqlite:///{path}")
    cities.build(settings)
    return path


@pytest.fixture
def city(city_template: Path, tmp_path: Path) -> Iterator[City]:
    """The city on the morning of 2 March 2026, the processes of the year deployed, nothing begun."""
    path = tmp_path / "chuanglv.sqlite3"
    shutil.copyfile(city_template, path)
    one = cities.open_city(settings_for(tmp_path, f"sqlite:///{path}"), cities.files_of(*YEAR))
    yield one
    assert one.troubles() == []
    one.system.database.dispose()


@pytest.fixture
def titled(city_template: Path, tmp_path: Path) -> Iterator[City]:
    """The city with what is drawn about titles deployed and the plan year 2026 in force."""
    path = tmp_path / "chuanglv.sqlite3"
    shutil.copyfile(city_template, path)
    one = open_titled(settings_for(tmp_path, f"sqlite:///{path}"))
    yield one
    assert one.troubles() == []
    one.system.database.dispose()


@pytest.fixture
def applying(city_template: Path, tmp_path: Path) -> Iterator[City]:
    """The city with applications deployed and the plan year 2026 in force."""
    path = tmp_path / "chuanglv.sqlite3"
    shutil.copyfile(city_template, path)
    one = open_applying(settings_for(tmp_path, f"sqlite:///{path}"))
    yield one
    assert one.troubles() == []
    one.system.database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def applying_anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[City]:
    """The city with applications deployed, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "chuanglv.sqlite3"
        shutil.copyfile(request.getfixturevalue("city_template"), path)
        one = open_applying(settings_for(tmp_path, f"sqlite:///{path}"))
    else:
        server = make_url(request.getfixturevalue("postgresql_server"))
        name = f"city_{tmp_path.name}"[:60]
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        url = server.set(database=name).render_as_string(hide_password=False)
        cities.build(settings_for(tmp_path, url))
        one = open_applying(settings_for(tmp_path, url))
    yield one
    assert one.troubles() == []
    one.system.database.dispose()
