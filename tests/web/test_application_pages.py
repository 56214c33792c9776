"""The shipped procedure on its pages: a unit fills in its application, outside and inside the window."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from service import clock
from service.identity import sessions
from tests.conftest import settings_for
from tests.web.conftest import Visitor
from tests.workflows import city as cities
from tests.workflows.applying import begin, form_data, open_applying, the_application
from tests.workflows.city import City
from web import session_cookie
from web.app import create_app


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """A city in which units apply, before the window of submission."""
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path / 'chuanglv.sqlite3'}")
    cities.build(settings)
    one = open_applying(settings)
    yield one
    one.system.database.dispose()


def _visitor(city: City, who: str) -> Visitor:
    client = create_app(city.system, options={"TESTING": True}).test_client()
    with city.system.database.write() as connection:
        token = sessions.begin(connection, city.people[who].id, clock.system_now())
    client.set_cookie(session_cookie.NAME, token)
    return Visitor(client)


def _posted(data: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return form data as a browser posts it."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{before}{key}"
        if isinstance(value, list):
            for index, row in enumerate(value):
                found |= _posted(row, f"{path}.{index}.")
        elif value is True:
            found[path] = "on"
        elif value not in (None, False):
            found[path] = str(value)
    return found


def test_r13_a_closed_window_says_which_since_when_and_who_may_extend_it(city: City) -> None:
    begin(city, "school")
    visitor = _visitor(city, "of-school")
    view = city.task("of-school", "Fill")
    form = _posted(form_data(view, report="很长的自评报告"))
    page = visitor.get(f"/tasks/{view.row.id}")
    assert "申报" in page.text
    city.move_to("2026-08-11 00:00")
    refused = visitor.post(f"/tasks/{view.row.id}/complete", form | {"_outcome": view.outcomes[0].id})
    assert refused.status_code == 409
    assert "2026-08-10 24:00 关闭" in refused.text
    assert "可延期者：市创绿组委会" in refused.text
    assert "很长的自评报告" in refused.text
    assert 'name="_outcome"' in refused.text
    assert the_application(city, "school").state == "draft"


def test_a_unit_submits_its_application_on_the_page(city: City) -> None:
    begin(city, "school")
    city.move_to("2026-07-02 09:00")
    visitor = _visitor(city, "of-school")
    view = city.task("of-school", "Fill")
    page = visitor.get(f"/tasks/{view.row.id}").text
    rows = re.findall(r'name="self_sheet\.\d+\.row" value="[^"]+"', page)
    assert len(rows) == len(form_data(view)["self_sheet"])
    form = _posted(form_data(view))
    answer = visitor.post(f"/tasks/{view.row.id}/complete", form | {"_outcome": view.outcomes[0].id})
    assert answer.status_code == 303, re.findall(r'cl-error"[^>]*>([^<]+)', answer.text)
    city.settle()
    assert the_application(city, "school").state == "channel_review"
    shown = visitor.get(f"/matters/{view.row.matter_id}").text.split('id="waiting"')[1].split("</section>")[0]
    home = visitor.get("/").text
    line = re.findall(r'<li class="is-(done|current|future)">([^<]+)<', home.split('class="cl-steps"')[1])
    assert line == [
        ("done", "填写申报材料"),
        ("current", "推荐单位意见"),
        *(("future", one) for one in ("受理结果", "检查结果", "评议结果到达", "公示结果", "命名决定")),
    ]
    assert "等待 市教育局 办理“初审申报材料”" in home
    now, meanwhile = shown.split('class="cl-fold cl-perhaps"')
    assert re.findall(r"<li[^>]*><span>([^<]+)", now) == [
        "等待 市教育局 · 推荐单位 办理“初审申报材料”",
        "等待推荐单位意见",
    ]
    assert "撤回申报" in meanwhile
    assert "称号被取消或失效" in meanwhile
