"""Windows: their first and last minute, who may extend them, and late applications (R11 to R14, G12, D05)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from service.campaign import windows
from service.clock import CITY_ZONE
from service.errors import Conflict, Invalid
from tests.workflows.city import City
from tests.workflows.titled import apply_for, changes, sent, tell
from tests.workflows.year import publish_plan, year_id

NUMBER = "咸创绿发〔2026〕8号"
DAYS = {
    "preparation": ("2026-03-20", "2026-03-31"),
    "implementation": ("2026-04-01", "2026-06-30"),
    "submission": ("2026-07-01", "2026-08-10"),
    "inspection": ("2026-08-11", "2026-09-10"),
}
MINUTE = timedelta(minutes=1)


def require_open(city: City, name: str, at: datetime, **whom: Any) -> None:
    with city.system.database.read() as connection:
        windows.require_open(connection, year_id(city), name, at, **whom)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY_ZONE)


def closes(city: City, name: str, **whom: Any) -> str:
    with city.system.database.read() as connection:
        return str(windows.read_window(connection, year_id(city), name, **whom).window.last_day)


def test_r11_r12_r13_r14_a_window_is_open_from_its_first_minute_to_its_last(city: City) -> None:
    publish_plan(city)
    for name, (first, last) in DAYS.items():
        require_open(city, name, local(f"{first} 00:00"))
        require_open(city, name, local(f"{last} 23:59"))
        with pytest.raises(Conflict) as early:
            require_open(city, name, local(f"{first} 00:00") - MINUTE)
        assert f"将于 {first} 00:00 开放" in early.value.text.zh
        with pytest.raises(Conflict) as late:
            require_open(city, name, local(f"{last} 23:59") + MINUTE)
        assert f"已于 {last} 24:00 关闭；可延期者：市创绿组委会" in late.value.text.zh


def ask(city: City, who: str = "qindu", **fields: Any) -> None:
    given = {
        "plan_year_id": year_id(city),
        "window": "submission",
        "scope": "one",
        "for_body_id": city.bodies["qindu"],
        "extended_to": "2026-08-13",
        "reason": "暴雨影响报送",
    }
    city.start(who, "window_extension", **given | fields)


def decide(city: City, who: str, step: str, outcome: str = "approve", until: str = "2026-08-13") -> None:
    data = {"granted_to": until, "document_number": NUMBER, "decided_on": "2026-03-02"}
    if outcome == "approve":
        city.do(who, step, outcome, data)
    else:
        city.do(who, step, outcome, {"granted_to": until}, opinion="理由不足")


def test_a_short_extension_for_one_body_is_the_heads(city: City) -> None:
    publish_plan(city)
    ask(city)
    assert not city.waiting("chair", "decide_chair")
    task = city.task("head", "decide_head").row
    assert task.title == "窗口延期 · 材料申报阶段至 2026-08-13 · 秦都区创绿办"
    decide(city, "head", "decide_head")
    assert closes(city, "submission") == "2026-08-10"
    assert closes(city, "submission", organisation_id=city.bodies["qindu"]) == "2026-08-13"
    require_open(city, "submission", local("2026-08-13 23:59"), organisation_id=city.bodies["qindu"])
    with pytest.raises(Conflict):
        require_open(city, "submission", local("2026-08-14 00:00"), organisation_id=city.bodies["qindu"])
    with pytest.raises(Conflict):
        require_open(city, "submission", local("2026-08-11 00:00"), organisation_id=city.bodies["sanyuan"])
    with city.system.database.read() as connection:
        (kept,) = windows.extensions(connection, year_id(city))
    assert (kept.authority, kept.document_number, kept.reason) == ("市创绿办主任", NUMBER, "暴雨影响报送")


def test_a_longer_one_and_one_for_all_are_the_committees(city: City) -> None:
    publish_plan(city)
    ask(city, extended_to="2026-08-14")
    assert not city.waiting("head", "decide_head")
    decide(city, "chair", "decide_chair", until="2026-08-14")
    ask(city, "clerk", scope="all", for_body_id=None, extended_to="2026-08-11")
    assert not city.waiting("head", "decide_head")
    decide(city, "chair", "decide_chair", until="2026-08-11")
    assert closes(city, "submission") == "2026-08-11"
    assert closes(city, "submission", organisation_id=city.bodies["qindu"]) == "2026-08-14"


def test_g12_the_head_does_not_grant_more_than_is_the_heads(city: City) -> None:
    publish_plan(city)
    ask(city)
    decide(city, "head", "decide_head", until="2026-09-30")
    body = {"organisation_id": city.bodies["qindu"]}
    assert closes(city, "submission", **body) == "2026-08-10"
    # What the head would grant beyond that is put to the committee, whose word it then is.
    assert city.task("chair", "decide_chair").row.title == "窗口延期 · 材料申报阶段至 2026-09-30 · 秦都区创绿办"
    decide(city, "chair", "decide_chair", until="2026-08-20")
    assert closes(city, "submission", **body) == "2026-08-20"
    with city.system.database.read() as connection:
        assert [one.authority for one in windows.extensions(connection, year_id(city))] == ["市创绿组委会"]


def test_g12_short_extensions_add_up(city: City) -> None:
    publish_plan(city)
    ask(city)
    decide(city, "head", "decide_head")
    assert closes(city, "submission", organisation_id=city.bodies["qindu"]) == "2026-08-13"
    # Three days are the head's, counted from the plan's own last day: the fourth is not.
    ask(city, extended_to="2026-08-14")
    assert not city.waiting("head", "decide_head")
    assert city.waiting("chair", "decide_chair")


def test_an_extension_may_be_refused(city: City) -> None:
    publish_plan(city)
    ask(city)
    with pytest.raises(Invalid):
        city.do("head", "decide_head", "refuse", {"granted_to": "2026-08-13"})
    decide(city, "head", "decide_head", "refuse")
    ask(city, scope="all", for_body_id=None)
    decide(city, "chair", "decide_chair", "refuse")
    assert closes(city, "submission", organisation_id=city.bodies["qindu"]) == "2026-08-10"
    assert city.ended_at("window_extension") == ["refused", "refused"]


def test_an_extension_leads_to_a_later_day(city: City) -> None:
    publish_plan(city)
    with pytest.raises(Invalid) as refusal:
        ask(city, extended_to="2026-08-10")
    assert "2026-08-10" in refusal.value.text.zh


def arrive(city: City, days_late: int) -> str:
    made = apply_for(city, "village", "city", state="late_pending")
    payload = {
        "application_id": made,
        "unit_id": city.units["village"],
        "plan_year_id": year_id(city),
        "level": "city",
        "recommender_id": city.bodies["qindu"],
        "days_late": days_late,
    }
    tell(city, "late_acceptance_requested", **payload)
    return made


def answered(city: City) -> list[str]:
    return [one["result"] for one in sent(city, "late_acceptance_answered")]


def explain(city: City) -> None:
    city.do("qindu", "explain", "submit", {"reason_class": "body", "late_reason_text": "报送人员生病"})


def conclude(city: City, who: str, step: str, outcome: str) -> None:
    data = {"document_number": NUMBER, "decided_on": "2026-08-11", "decision_reason": "情有可原"}
    if outcome == "accept":
        city.do(who, step, outcome, data)
    else:
        city.do(who, step, outcome, {}, opinion="不同意")


def test_r13_beyond_the_grace_a_late_application_is_the_committees(city: City) -> None:
    publish_plan(city)
    city.move_to("2026-08-11 09:00")
    late = arrive(city, 1)
    explain(city)
    assert not city.waiting("head", "decide_head")
    conclude(city, "chair", "decide_chair", "accept")
    assert answered(city) == ["accepted"]
    assert changes(city, late)[-1] == ("late_accepted", "市创绿组委会", "情有可原")
    assert closes(city, "submission", unit_id=city.units["village"]) == "2026-08-10"


def test_r13_within_the_grace_it_is_the_heads(city: City) -> None:
    publish_plan(city, grace_days="2")
    city.move_to("2026-08-12 09:00")
    arrive(city, 2)
    explain(city)
    conclude(city, "head", "decide_head", "accept")
    arrive(city, 3)
    explain(city)
    assert not city.waiting("head", "decide_head")
    conclude(city, "chair", "decide_chair", "refuse")
    assert answered(city) == ["accepted", "refused"]
    arrive(city, 1)
    explain(city)
    conclude(city, "head", "decide_head", "refuse")
    assert answered(city)[-1] == "refused"


def test_r13_nobody_is_asked_when_it_is_too_late_or_not_late_at_all(city: City) -> None:
    publish_plan(city)
    arrive(city, 31)
    arrive(city, 0)
    assert answered(city) == ["refused", "accepted"]
    assert not city.waiting("qindu", "explain")
    arrive(city, 30)
    assert city.waiting("qindu", "explain")


def test_r13_who_does_not_explain_is_refused(city: City) -> None:
    publish_plan(city)
    city.move_to("2026-08-11 09:00")
    arrive(city, 1)
    city.move_to("2026-08-14 23:59")
    assert answered(city) == []
    city.move_to("2026-08-15 00:00")
    assert answered(city) == ["refused"]
