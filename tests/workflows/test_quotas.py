"""The split of the places over bodies, and moves of places afterwards (R06, D08)."""

import pytest
from sqlalchemy import select

from service.campaign import quotas
from service.errors import Invalid
from service.store.plan import quota_confirmation, quota_movement
from tests.workflows.city import City
from tests.workflows.titled import apply_for
from tests.workflows.year import SHARES, SPLIT, issue_split, publish_plan, split_data, year_id


def answers(city: City) -> dict[str, str]:
    with city.system.database.read() as connection:
        found = dict(
            connection.execute(
                select(quota_confirmation.c.organisation_id, quota_confirmation.c.answer)
            ).all()
        )
    codes = {body: code for code, body in city.bodies.items()}
    return {codes[body]: answer for body, answer in found.items()}


def places(city: City, code: str, level: str) -> int:
    with city.system.database.read() as connection:
        return quotas.places(connection, year_id(city), city.bodies[code], level)


def draft(city: City) -> None:
    city.do("clerk", "draft", "submit", lambda view: split_data(city, view))


def test_r06_the_split_gives_out_what_the_plan_sets(city: City) -> None:
    publish_plan(city)
    wrong = {**SHARES, "qindu": (9, 4, 1)}
    with pytest.raises(Invalid) as refusal:
        city.do("clerk", "draft", "submit", lambda view: split_data(city, view, wrong))
    assert "合计应为 22，现为 23" in str(refusal.value.facts["fields"])
    issue_split(city)
    assert [places(city, "qindu", level) for level in ("city", "province", "nation")] == [8, 4, 1]
    with city.system.database.read() as connection:
        version = quotas.newest(connection, year_id(city), state="issued")
    assert version is not None
    assert version.document_number == SPLIT


def test_r06_who_keeps_silent_is_recorded_as_silent(city: City) -> None:
    publish_plan(city)
    draft(city)
    city.do("qindu", "confirm", "confirm", {})
    # Monday 2 March: three working days end with the 5th.
    city.move_to("2026-03-05 23:59")
    assert city.waiting("sanyuan", "confirm")
    city.move_to("2026-03-06 00:00")
    assert not city.waiting("sanyuan", "confirm")
    assert answers(city) == {
        "qindu": "confirmed", "sanyuan": "silent", "education": "silent", "garrison": "silent"
    }  # fmt: skip
    assert city.waiting("chair", "approve")


def test_r06_an_objection_is_dealt_with_before_the_split_is_approved(city: City) -> None:
    publish_plan(city)
    draft(city)
    for who in ("sanyuan", "education", "garrison"):
        city.do(who, "confirm", "confirm", {})
    with pytest.raises(Invalid):
        city.do("qindu", "confirm", "object", {})
    city.do("qindu", "confirm", "object", {"remark": "名额偏多"})
    assert answers(city)["qindu"] == "objected"
    city.do("clerk", "treat", "revise", {"treatment": "调减一个"})
    changed = {**SHARES, "qindu": (7, 4, 1), "sanyuan": (7, 2, 1)}
    city.do("clerk", "draft", "submit", lambda view: split_data(city, view, changed))
    # The answers to the first draft do not count for the second.
    assert answers(city) == {}
    for who in ("sanyuan", "education", "garrison"):
        city.do(who, "confirm", "confirm", {})
    city.do("qindu", "confirm", "object", {"remark": "仍有意见"})
    city.do("clerk", "treat", "keep", {"treatment": "维持"})
    city.do("chair", "approve", "return", opinion="再核")
    city.do("clerk", "draft", "submit", lambda view: split_data(city, view, changed))
    for who in SHARES:
        city.do(who, "confirm", "confirm", {})
    city.do("chair", "approve", "approve")
    city.do("clerk", "issue_split", "issue", {"document_number": SPLIT, "issued_on": "2026-03-02"})
    assert (places(city, "qindu", "city"), places(city, "sanyuan", "city")) == (7, 7)


def ask(city: City, outcome: str = "submit", **fields: object) -> None:
    given = {
        "move_level": "city", "move_places": 2, "move_kind": "transfer",
        "giver_id": city.bodies["qindu"], "receiver_id": city.bodies["sanyuan"], "move_reason": "秦都无合适单位",
    } | fields  # fmt: skip
    city.start("sanyuan", "quota_adjustment", plan_year_id=year_id(city))
    city.do("sanyuan", "fill", outcome, given if outcome == "submit" else {})


def test_places_move_within_the_total_by_the_head_of_the_office(city: City) -> None:
    publish_plan(city)
    issue_split(city)
    ask(city)
    assert not city.waiting("chair", "decide_chair")
    task = city.task("head", "decide_head").row
    assert task.title == "名额调剂 · 秦都区创绿办 → 三原县创绿办 · 市级 2 个"
    city.do("head", "decide_head", "approve")
    assert (places(city, "qindu", "city"), places(city, "sanyuan", "city")) == (6, 8)
    ask(city)
    city.do("head", "decide_head", "refuse", opinion="已调过一次")
    assert places(city, "qindu", "city") == 6
    assert city.ended_at("quota_adjustment") == ["moved_by_office", "not_moved"]


def test_places_above_the_total_are_the_committees(city: City) -> None:
    publish_plan(city)
    issue_split(city)
    ask(city, move_kind="increase", giver_id=None)
    assert not city.waiting("head", "decide_head")
    city.do("chair", "decide_chair", "approve")
    assert places(city, "sanyuan", "city") == 8
    ask(city, move_kind="increase", giver_id=None)
    city.do("chair", "decide_chair", "refuse", opinion="不再增加")
    with city.system.database.read() as connection:
        assert connection.scalars(select(quota_movement.c.authority)).all() == ["市创绿组委会"]
    assert city.ended_at("quota_adjustment") == ["moved_by_committee", "not_added"]


def test_a_cap_cannot_be_raised(city: City) -> None:
    publish_plan(city, quota_mode="cap")
    issue_split(city)
    ask(city, move_kind="increase", giver_id=None)
    ask(city, "withdraw")
    assert city.ended_at("quota_adjustment") == ["refused_by_mode", "withdrawn"]
    assert places(city, "sanyuan", "city") == 6


def test_nobody_gives_what_they_do_not_have(city: City) -> None:
    publish_plan(city)
    issue_split(city)
    with pytest.raises(Invalid) as refusal:
        ask(city, move_places=9)
    assert "有 8 个名额，已使用 0 个，不能调出 9 个" in refusal.value.text.zh


def test_r06_a_place_that_is_taken_is_not_given_away(city: City) -> None:
    publish_plan(city)
    issue_split(city)
    giving = {"giver_id": city.bodies["qindu"], "receiver_id": city.bodies["sanyuan"]}
    apply_for(city, "school", "city", state="approved")
    with pytest.raises(Invalid) as refusal:
        ask(city, move_places=8, **giving)
    assert "秦都区创绿办在该级别有 8 个名额，已使用 1 个，不能调出 8 个" in refusal.value.text.zh
    city.do("sanyuan", "fill", "withdraw", {})
    ask(city, move_places=7, **giving)
    # Taken while the head thinks it over: nothing is moved.
    apply_for(city, "village", "city", state="named")
    with pytest.raises(Invalid):
        city.do("head", "decide_head", "approve")
    assert places(city, "qindu", "city") == 8
