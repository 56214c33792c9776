"""The plan of a year: from its draft to the day on which every body's work begins (R02 to R07, R11 to R14)."""

import re
from typing import Any

import pytest

from service.campaign import plans, settings, windows
from service.errors import Conflict, Invalid
from service.inbox import TaskView
from tests.workflows import city as cities
from tests.workflows.city import City
from tests.workflows.year import PLAN, draft_data, plan_year, publish_plan


def begin(city: City) -> None:
    city.start("clerk", "annual_plan", year=2026, plan_title="2026 年方案")


def agree(city: City) -> None:
    for who in ("member-1", "member-2"):
        city.do(who, "countersign", "agree")


def test_r02_r03_r04_r05_targets_are_those_of_the_plan(city: City) -> None:
    begin(city)
    city.do("clerk", "draft_plan", "submit", draft_data)
    with city.system.database.read() as connection:
        year = plan_year(connection)
        assert year.total == 35
        assert {one.code: one.places for one in plans.levels(connection, year.id)} == {
            "county": None,
            "city": 22,
            "province": 10,
            "nation": 3,
        }


def test_r02_the_total_is_the_sum_of_the_levels(city: City) -> None:
    begin(city)
    with pytest.raises(Invalid) as refusal:
        city.do("clerk", "draft_plan", "submit", lambda view: draft_data(view, total=36))
    assert "合计应为 36，现为 35" in str(refusal.value.facts["fields"])
    assert city.waiting("clerk", "draft_plan")


def test_r11_r12_r13_r14_windows_are_those_of_the_plan(city: City) -> None:
    publish_plan(city)
    with city.system.database.read() as connection:
        found = windows.list_windows(connection, plan_year(connection).id)
    assert [(one.name, str(one.window.opens), str(one.window.closes)) for one in found] == [
        ("preparation", "2026-03-20", "2026-03-31"),
        ("implementation", "2026-04-01", "2026-06-30"),
        ("submission", "2026-07-01", "2026-08-10"),
        ("inspection", "2026-08-11", "2026-09-10"),
    ]
    assert "8月11—9月10日" in found[-1].source.zh


def test_windows_may_not_overlap(city: City) -> None:
    begin(city)

    def overlapping(view: TaskView) -> dict[str, Any]:
        data = draft_data(view)
        data["windows"][1]["opens"] = "2026-03-31"
        return data

    with pytest.raises(Invalid) as refusal:
        city.do("clerk", "draft_plan", "submit", overlapping)
    assert "组织实施阶段" in refusal.value.text.zh


def test_a_setting_is_decided_for_the_year_and_a_wrong_one_is_named(city: City) -> None:
    begin(city)
    with pytest.raises(Invalid) as refusal:
        city.do(
            "clerk", "draft_plan", "submit", lambda view: draft_data(view, settings={"grace_days": "viele"})
        )
    assert "逾期宽限天数" in refusal.value.text.zh
    city.do(
        "clerk",
        "draft_plan",
        "submit",
        lambda view: draft_data(
            view, settings={"grace_days": "2", "quota_mode": "cap", "notice_on_city": "false"}
        ),
    )
    with city.system.database.read() as connection:
        year = plan_year(connection)
        assert settings.read_value(connection, year.id, "grace_days") == 2
        assert settings.read_value(connection, year.id, "quota_mode") == "cap"
        assert settings.read_value(connection, year.id, "notice_on_city") is False
        changed = {one.key for one in settings.list_settings(connection, year.id) if one.changed}
    assert changed == {"grace_days", "quota_mode", "notice_on_city"}


def test_every_setting_shows_where_it_comes_from(city: City) -> None:
    begin(city)
    with city.system.database.read() as connection:
        for one in settings.list_settings(connection, plan_year(connection).id):
            assert one.source.zh.startswith(("计划原文", "先例", "演示数字", "民法典")), one.key
            assert one.source.en, one.key
            assert one.label.en != one.label.zh, one.key


def test_every_gap_of_the_plan_is_named_where_it_is_filled() -> None:
    text = (cities.ROOT / "workflows" / "settings.toml").read_text()
    assert [gap for gap in range(1, 18) if not re.search(rf"\bG{gap}\b", text)] == []


def test_what_is_decided_in_words_is_read_beside_the_settings(city: City) -> None:
    begin(city)
    view = city.task("clerk", "draft_plan")
    sources = view.filling.sources
    words = {row.id: row.attributes["value"] for row in sources.rows("settings", "words")}
    assert words["expiry_reminders"] == "180、90、30、7"
    assert "附件" in words["allocation_basis"]
    assert not words.keys() & {row.id for row in sources.rows("settings", None)}


def test_members_send_the_draft_back_and_so_does_the_chair(city: City) -> None:
    begin(city)
    city.do("clerk", "draft_plan", "submit", draft_data)
    with pytest.raises(Invalid):
        city.do("member-1", "countersign", "revise")
    city.do("member-1", "countersign", "revise", opinion="窗口太短")
    city.do("member-2", "countersign", "revise", opinion="同上")
    city.do("clerk", "draft_plan", "submit", draft_data)
    agree(city)
    city.do("chair", "approve", "return", opinion="请补附件")
    assert len(city.waiting("clerk", "draft_plan")) == 1
    city.do("clerk", "draft_plan", "submit", draft_data)
    agree(city)
    city.do("chair", "approve", "approve")
    city.do("clerk", "issue", "issue", {"document_number": PLAN, "decided_on": "2026-03-02"})
    with city.system.database.read() as connection:
        year = plan_year(connection)
    assert (year.state, year.document_number) == ("published", PLAN)


def test_r07_the_committee_decides_and_the_office_issues(city: City) -> None:
    begin(city)
    city.do("clerk", "draft_plan", "submit", draft_data)
    agree(city)
    assert not city.waiting("clerk")
    assert not city.waiting("head")
    assert [one.element_id for one in city.waiting("chair")] == ["approve"]


def test_r08_r09_r10_each_body_begins_on_the_first_minute_of_preparation(city: City) -> None:
    publish_plan(city)
    city.move_to("2026-03-19 23:59")
    assert city.open_processes("preparation") == 0
    city.move_to("2026-03-20 00:00")
    # Two counties, one department, the sub-district; 杨陵区 does not take part.
    assert city.open_processes("preparation") == 4
    for who in ("qindu", "sanyuan", "education", "garrison"):
        assert {one.element_id for one in city.waiting(who)} >= {"do_body", "do_targets", "do_scheme"}


def test_there_is_one_plan_a_year(city: City) -> None:
    begin(city)
    with pytest.raises(Conflict):
        begin(city)
