"""The time bar: who may move the clock, where to, and what is listed afterwards."""

import re
from collections import deque
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from service.clock import city_day
from service.errors import Text
from service.identity import duties
from service.jobs import Fired
from service.store.procedure import installation, matter
from service.system import System
from tests import town
from tests.web.conftest import Desk, open_desk
from web.pages.clock import Move


@pytest.fixture
def demo(sqlite_system: System) -> Desk:
    """The desk in a database made for a demo."""
    with sqlite_system.database.write() as connection:
        connection.execute(update(installation).values(demo=True))
    return open_desk(sqlite_system)


def test_only_administrators_move_the_clock_outside_a_demo(sqlite_desk: Desk) -> None:
    clerk = sqlite_desk.visitor(sqlite_desk.clerk)
    clerk.get("/")
    assert clerk.post("/clock", {"to": "event"}).status_code == 403
    keeper = sqlite_desk.visitor(town.add_person(sqlite_desk.system, "管理员", (duties.ADMINISTRATOR, None)))
    keeper.get("/")
    assert keeper.post("/clock", {"to": "event"}).status_code == 303


def test_a_real_clock_has_no_time_bar_and_no_page(sqlite_desk: Desk) -> None:
    with sqlite_desk.system.database.write() as connection:
        connection.execute(update(installation).values(movable_clock=False))
    sqlite_desk.system._movable = None
    clerk = sqlite_desk.visitor(sqlite_desk.clerk)
    assert "cl-timebar" not in clerk.get("/").text
    assert clerk.get("/clock").status_code == 404
    assert clerk.post("/clock", {"to": "event"}).status_code == 404


def test_moving_to_a_date_shows_the_new_date_and_makes_tasks_overdue(demo: Desk) -> None:
    clerk = demo.visitor(demo.clerk)
    demo.begin(clerk)
    with demo.system.database.read() as connection:
        day = city_day(demo.system.now(connection)) + timedelta(days=40)
    clerk.get("/inbox")
    answer = clerk.post("/clock", {"to": "day", "day": day.isoformat(), "next": "/inbox"})
    assert answer.status_code == 303
    page = clerk.get("/inbox?due=overdue").text
    assert f"{day.year}年{day.month}月{day.day}日" in page
    assert "超期" in page
    assert page.count("data-task") == 1
    assert clerk.get("/inbox?due=soon").text.count("data-task") == 0
    # Managers see on their home page what is late in the city, nobody else does.
    manager = town.add_person(demo.system, "管理者", (duties.MANAGER, None))
    assert "超期 1" in demo.visitor(manager).get("/").text
    assert "全市超期" not in demo.visitor(demo.stranger).get("/").text


def test_what_fired_is_listed_with_its_matter_to_those_who_may_see_it(demo: Desk) -> None:
    clerk = demo.visitor(demo.clerk)
    demo.begin(clerk)
    with demo.system.database.read() as connection:
        at = demo.system.now(connection)
        row = connection.execute(select(matter.c.id, matter.c.title)).one()
    move = Move(at, at, [Fired(at, "timer", row.id, row.title, Text("三日未办", "Three days"), True)])
    demo.app.extensions["chuanglv_moves"] = deque([move])
    page = clerk.get("/clock").text
    assert f'<a href="/matters/{row.id}">{row.title}</a>' in page
    assert '<td data-label="单位">渭滨中学</td>' in page
    stranger = demo.visitor(demo.stranger).get("/clock").text
    assert "另有 1 件您无权查看" in stranger
    assert row.title not in stranger
    assert "三日未办" not in stranger


@pytest.mark.parametrize("day", ["", "昨天", "2020-01-01", "9999-01-01"])
def test_an_impossible_date_moves_nothing_and_says_why(demo: Desk, day: str) -> None:
    clerk = demo.visitor(demo.clerk)
    before = re.search(r"演示时间 <strong>([^<]+)", clerk.get("/").text)
    clerk.post("/clock", {"to": "day", "day": day})
    after = clerk.get("/").text
    assert before is not None
    assert before.group(1) in after
    assert "cl-toast--soon" in after
