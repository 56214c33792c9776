"""The first half of the year on PostgreSQL: what the year's processes write there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from service.campaign import progress, quotas, supervision
from tests.conftest import settings_for
from tests.workflows import city as cities
from tests.workflows.city import City
from tests.workflows.conftest import YEAR
from tests.workflows.year import hand_in, issue_split, publish_plan, report, year_id


@pytest.fixture
def served(postgresql_server: str, tmp_path: Path) -> Iterator[City]:
    """The city in a PostgreSQL database of its own."""
    engine = create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE year_of_a_city"))
    url = make_url(postgresql_server).set(database="year_of_a_city").render_as_string(hide_password=False)
    settings = settings_for(tmp_path, url)
    cities.build(settings)
    one = cities.open_city(settings, cities.files_of(*YEAR))
    yield one
    assert one.troubles() == []
    one.system.database.dispose()
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE year_of_a_city WITH (FORCE)"))
    engine.dispose()


def test_the_plan_the_split_a_report_and_a_supervision(served: City) -> None:
    publish_plan(served, quota_mode="cap")
    issue_split(served)
    served.move_to("2026-03-20 09:00")
    hand_in(served, "qindu")
    served.move_to("2026-04-24 09:00")
    served.do("qindu", "report", "submit", report)
    served.do("clerk", "guide", "give", {"guidance": "请加快"})
    served.start(
        "sanyuan",
        "window_extension",
        plan_year_id=year_id(served),
        window="submission",
        scope="one",
        for_body_id=served.bodies["sanyuan"],
        extended_to="2026-08-12",
        reason="暴雨影响报送",
    )
    decided = {
        "granted_to": "2026-08-12",
        "document_number": "咸创绿办〔2026〕3号",
        "decided_on": "2026-04-24",
    }
    served.do("head", "decide_head", "approve", decided)
    with served.system.database.read() as connection:
        year = year_id(served)
        assert [one.guidance for one in progress.reports(connection, year)] == ["请加快"]
        assert quotas.places(connection, year, served.bodies["qindu"], "city") == 8
        assert supervision.list_cases(connection, year) == []
    assert len(served.waiting("clerk", "issue")) == 3
