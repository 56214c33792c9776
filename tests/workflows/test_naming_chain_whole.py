"""One unit from its county's round to a city title, every process in its place: nothing is played (R20, R22, R29)."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from service.campaign import filings, titles
from tests.conftest import settings_for
from tests.workflows.applying import (
    APPLYING,
    INSPECTORS,
    add_post,
    check,
    fill,
    form_team,
    forward,
    inspect,
    name_them,
    post,
    report,
    review,
    score,
    the_application,
    vote,
)
from tests.workflows.city import City, build, rows_of
from tests.workflows.test_chain import ask, open_round, to_the_vote
from tests.workflows.test_chain import vote as vote_on_skip
from tests.workflows.test_county import close_round, determine, sign
from tests.workflows.test_filing import receive
from tests.workflows.test_filing import submit as submit_filing
from tests.workflows.test_incidents import investigate, state
from tests.workflows.test_incidents import report as report_incident
from tests.workflows.test_terms import decide, take_part
from tests.workflows.titled import TITLES, begin_year, grant, open_titled, title, year_id


@pytest.fixture(params=["sqlite", "postgresql"])
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[City]:
    """The city with chain, applications, county rounds and titles deployed, the year 2026 in force."""
    if request.param == "sqlite":
        path = tmp_path / "chuanglv.sqlite3"
        shutil.copyfile(request.getfixturevalue("city_template"), path)
        settings = settings_for(tmp_path, f"sqlite:///{path}")
    else:
        settings = settings_for(tmp_path, request.getfixturevalue("empty_postgresql"))
        build(settings)
    one = open_titled(settings, *TITLES, *APPLYING)
    for login in INSPECTORS:
        add_post(one, login, "inspector", one.bodies["office"])
    for login, role in (("organiser", "organiser"), ("poster", "publisher")):
        add_post(one, login, role, one.bodies["office"])
        add_post(one, "qindu", role, one.bodies["qindu"])
    yield one
    assert one.troubles() == []
    one.system.database.dispose()


@pytest.fixture
def empty_postgresql(postgresql_server: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    name = f"whole_{os.getpid()}"
    engine = create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    yield make_url(postgresql_server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    engine.dispose()


def test_r20_a_village_is_named_by_its_county_and_next_year_by_the_city(whole: City) -> None:
    open_round(whole)
    whole.move_to("2026-03-11 09:00")
    ask(whole, "village", "county")
    fill(whole, "village")
    whole.do("qindu", "Review", "accept", {"complete": True, "finding": "齐全"})
    form_county_team(whole)
    assert the_application(whole, "village").state == "approved_in_principle"
    close_round(whole)
    whole.do("qindu", "Collect", "propose", {"remark": None})
    determine(whole)
    post(whole, "qindu")
    whole.move_to("2026-03-25 09:00")
    whole.do("qindu", "Conclude", "close", {"closing_text": "无异议"})
    sign(whole, on="2026-03-25")
    mine = the_application(whole, "village")
    assert (mine.state, mine.closed) == ("named", True)
    with whole.system.database.read() as connection:
        held = titles.current(connection, whole.units["village"], "county")
    assert held is not None
    assert (held.namer_name, str(held.valid_to)) == ("秦都区人民政府", "2031-03-25")
    whole.do(
        "qindu",
        "Plaques",
        "delivered",
        lambda view: {"plaques": rows_of(view, "plaques", delivered_on="2026-03-25", receiver="村主任")},
    )
    submit_filing(whole)
    receive(whole, paper_on="2026-03-25")
    with whole.system.database.read() as connection:
        found = filings.list_filings(connection, year_id(whole), whole.bodies["qindu"])
    assert [(one.state, one.late) for one in found] == [("filed", False)]
    assert whole.open_processes("naming_chain") == 1

    whole.move_to("2027-03-01 09:00")
    begin_year(whole, 2027)
    whole.move_to("2027-07-01 09:00")
    ask(whole, "village", "city", year=2027)
    fill(whole, "village")
    review(whole, "qindu")
    forward(whole, "qindu")
    check(whole)
    whole.move_to("2027-08-11 09:00")
    inspect(whole, "village", "2027-08-12")
    deliberate_next_year(whole)
    post(whole)
    whole.move_to("2027-08-23 09:00")
    whole.do("poster", "Conclude", "close", {"closing_text": "无异议"})
    name_them(whole)
    with whole.system.database.read() as connection:
        assert titles.current(connection, whole.units["village"], "city") is not None
    assert whole.open_processes("title_term") == 2
    assert whole.open_processes("naming_chain") == 1


def test_r21_an_application_skips_a_level_by_the_committees_consent(whole: City) -> None:
    whole.move_to("2026-07-01 09:00")
    ask(whole, "village", "city", skip=True)
    to_the_vote(whole)
    vote_on_skip(whole, True, True)
    assert not the_application(whole, "village").consented
    whole.do(
        "chair", "Consent", "sign", {"document_number": "咸创绿批〔2026〕1号", "decided_on": "2026-07-01"}
    )
    assert the_application(whole, "village").consented
    fill(whole, "village", honours="省级卫生村")
    review(whole, "qindu")
    forward(whole, "qindu")
    check(whole)
    assert the_application(whole, "village").level == "city"


def test_r21_refused_is_offered_the_normal_level(whole: City) -> None:
    open_round(whole, closes_on="2026-07-20", naming_by="2026-08-30")
    whole.move_to("2026-07-01 09:00")
    ask(whole, "village", "city", skip=True)
    to_the_vote(whole)
    vote_on_skip(whole, False, False)
    whole.do("chair", "Refused", "downgrade", {"reason": "条件尚不成熟"}, opinion="条件尚不成熟")
    assert the_application(whole, "village").level == "county"
    fill(whole, "village")
    assert {one.element_id for one in whole.waiting("qindu")} == {"Manage", "Review"}


def test_r20a_a_revoked_county_title_stops_the_running_city_application(whole: City) -> None:
    held = grant(whole, "village", "county", on="2026-03-01", namer="qindu-government")
    whole.move_to("2026-07-01 09:00")
    ask(whole, "village", "city")
    fill(whole, "village")
    assert the_application(whole, "village").closed is False
    report_incident(whole, held)
    investigate(whole, deaths=30)
    state(whole, "village")
    decide(whole, "mayor", "Decide_county", "revoke", "2026-07-01")
    mine = the_application(whole, "village")
    assert (mine.closed, mine.state) == (True, "terminated")
    assert whole.open_processes("channel_review") == 0
    assert whole.open_processes("title_term") == 0
    whole.do("qindu", "Recall", "recalled", {"recalled_on": "2026-07-01", "note": None, "photo": []})
    whole.move_to("2026-07-01 18:00")
    assert whole.ended_at("revocation_cascade") == ["End"]
    assert whole.open_processes("naming_chain") == 1


def test_r28_renewed_by_a_real_inspection(whole: City) -> None:
    held = grant(whole, "village", "county", on="2021-09-01", namer="qindu-government")
    whole.move_to("2026-03-10 09:00")
    take_part(whole, "village")
    form_county_team(whole)
    decide(whole, "mayor", "Decide_county", "renew", "2026-03-12")
    assert (title(whole, held).term, str(title(whole, held).valid_to)) == (2, "2031-09-01")


def form_county_team(city: City) -> None:
    """The county's inspection from team to acknowledgement."""
    form_team(city, "2026-03-12", who="qindu")
    city.move_to("2026-03-12 09:00")
    score(city, "inspector-1")
    score(city, "inspector-2")
    report(city, "village")


def deliberate_next_year(city: City) -> None:
    """The deliberation of 2027."""
    city.start("clerk", "deliberation", plan_year_id=year_id(city, 2027), level="city")
    city.do(
        "clerk",
        "Compile",
        "submit",
        lambda view: {"candidates": rows_of(view, "candidates", included=True), "meeting_day": "2027-09-15"},
    )
    vote(city)
    city.do("chair", "Determine", "sign", {"minutes_number": "纪要1"})
