"""Supervision of bodies that do not do their part: notice, answer, reminders, the chair, close (R07, P28)."""

import pytest

from service.campaign import supervision
from service.errors import Invalid
from tests.workflows.city import City
from tests.workflows.year import publish_plan, year_id


@pytest.fixture
def ordered(city: City) -> City:
    """The city with a supervision ordered against a county."""
    publish_plan(city)
    city.start(
        "clerk",
        "supervision_order",
        plan_year_id=year_id(city),
        supervised_id=city.bodies["qindu"],
        reason="创建对象迟迟未定",
    )
    return city


def case(city: City) -> supervision.Case:
    with city.system.database.read() as connection:
        (found,) = supervision.list_cases(connection, year_id(city))
    return found


def issue(city: City) -> None:
    city.do("clerk", "issue", "issue", {"notice": "请于五个工作日内答复", "notice_number": "督〔2026〕1号"})


def answer(city: City) -> None:
    city.do("qindu", "reply", "reply", {"reply": "已确定创建对象"})


def test_r07_a_case_is_answered_checked_and_closed(ordered: City) -> None:
    view = ordered.task("clerk", "issue")
    assert view.data["notice"] == "创建对象迟迟未定"
    issue(ordered)
    assert not ordered.waiting("sanyuan", "reply")
    answer(ordered)
    assert case(ordered).state == "answered"
    with pytest.raises(Invalid):
        ordered.do("clerk", "review", "again", {})
    ordered.do("clerk", "review", "again", {"result": "请附名单"})
    answer(ordered)
    ordered.do("clerk", "review", "close", {"result": "已整改"})
    assert (case(ordered).state, case(ordered).result, case(ordered).escalations) == ("closed", "已整改", 0)
    assert ordered.ended_at("supervision") == ["end"]


def test_a_supervision_may_be_dropped_with_a_reason(ordered: City) -> None:
    with pytest.raises(Invalid):
        ordered.do("clerk", "issue", "drop", {})
    ordered.do("clerk", "issue", "drop", {}, opinion="情况不属实")
    assert ordered.ended_at("supervision") == ["dropped"]


def test_r07_silence_is_reminded_twice_and_then_the_chairs(ordered: City) -> None:
    issue(ordered)
    # Five working days after Monday 2 March end with the 9th.
    ordered.move_to("2026-03-09 23:59")
    assert case(ordered).escalations == 0
    ordered.move_to("2026-03-10 00:00")
    assert case(ordered).escalations == 1
    ordered.move_to("2026-03-18 00:00")
    assert case(ordered).escalations == 2
    assert not ordered.waiting("chair", "chair_decides")
    ordered.move_to("2026-03-26 00:00")
    assert not ordered.waiting("qindu", "reply")
    ordered.do("chair", "chair_decides", "again", {"result": "责令三日内答复"})
    answer(ordered)
    ordered.do("clerk", "review", "close", {"result": "已约谈并答复"})
    assert case(ordered).state == "closed"


def test_the_chair_may_close_a_case(ordered: City) -> None:
    issue(ordered)
    ordered.move_to("2026-03-26 00:00")
    ordered.do("chair", "chair_decides", "close", {"result": "通报批评"})
    assert (case(ordered).state, case(ordered).escalations) == ("closed", 3)
