"""A city whose year begins, for tests of the shipped procedure; each runs on SQLite and on PostgreSQL."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.config import Settings
from tests.conftest import command_server, named, settings_for
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

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def city_template(worker_folder: Path) -> Path:
    """An SQLite database with a city's bodies and people."""
    path = worker_folder / "city.sqlite3"
    cities.build(settings_for(worker_folder, f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def city_template_on_postgresql(postgresql_server: str, worker_folder: Path) -> str:
    """The name of a PostgreSQL database with a city's bodies and people."""
    name = f"city_template_{os.getpid()}"
    command_server(postgresql_server, f'CREATE DATABASE "{name}"')
    cities.build(settings_for(worker_folder, named(postgresql_server, name)))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def city_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """The settings of a fresh copy of the city's database."""
    if request.param == "sqlite":
        path = tmp_path / "chuanglv.sqlite3"
        shutil.copyfile(request.getfixturevalue("city_template"), path)
        yield settings_for(tmp_path, f"sqlite:///{path}")
        return
    server: str = request.getfixturevalue("postgresql_server")
    template: str = request.getfixturevalue("city_template_on_postgresql")
    name = f"city_{os.getpid()}_{next(_numbers)}"
    command_server(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield settings_for(tmp_path, named(server, name))
    command_server(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _lived_in(open_it: Callable[[Settings], City], settings: Settings) -> Iterator[City]:
    one = open_it(settings)
    yield one
    troubles = one.troubles()
    one.system.database.dispose()
    assert troubles == []


@pytest.fixture
def city(city_settings: Settings) -> Iterator[City]:
    """The city on the morning of 2 March 2026, the processes of the year deployed, nothing begun."""
    yield from _lived_in(lambda where: cities.open_city(where, cities.files_of(*YEAR)), city_settings)


@pytest.fixture
def titled(city_settings: Settings) -> Iterator[City]:
    """The city with what is drawn about titles deployed and the plan year 2026 in force."""
    yield from _lived_in(open_titled, city_settings)


@pytest.fixture
def applying(city_settings: Settings) -> Iterator[City]:
    """The city with applications deployed and the plan year 2026 in force."""
    yield from _lived_in(open_applying, city_settings)
