"""A whole first year, lived by everybody through the REST API; `python -m tests.year` goes on for six more."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.year.exceptions import NOT_TAKEN
from tests.year.run import live

SEED = 20260318


@pytest.mark.slow
def test_the_first_year_from_the_plan_to_the_titles(tmp_path: Path) -> None:
    year = live(tmp_path, f"sqlite:///{tmp_path}/year.sqlite3", SEED, date(2026, 10, 31))
    assert year.unexpected == []
    assert year.units >= 40
    assert year.named["county"] > 0
    assert year.named["city"] > 0
    walked = year.outcomes[0] + year.branches[0]
    assert walked > 300, year.missing


@pytest.mark.slow
def test_the_first_half_of_the_year_on_postgresql(tmp_path: Path, postgresql_server: str) -> None:
    engine = create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE a_lived_year"))
    try:
        url = make_url(postgresql_server).set(database="a_lived_year").render_as_string(hide_password=False)
        half = live(tmp_path, url, SEED, date(2026, 6, 1))
    finally:
        with engine.connect() as connection:
            connection.execute(text("DROP DATABASE a_lived_year WITH (FORCE)"))
        engine.dispose()
    assert half.unexpected == []
    assert half.counts["tasks completed"] > 500
    assert half.units > 0


def test_every_excuse_names_a_test_that_is_there() -> None:
    written = "".join(one.read_text("utf-8") for one in Path(__file__).parent.glob("test_*.py"))
    assert [one.test for one in NOT_TAKEN.values() if f"def {one.test}(" not in written] == []
