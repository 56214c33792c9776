"""The naming chain: who may ask for what, one application a year under its own year's procedure, skips (R20, R21)."""

from typing import Any

import pytest
from sqlalchemy import select, update

from service import deployments, messages
from service.engine.tables import read_decision
from service.errors import AppError, Conflict, Invalid
from service.store import procedure as tables
from service.store.identity import organisation
from service.store.plan import plan_year
from tests.workflows import city as cities
from tests.workflows.city import ROOT, City
from tests.workflows.test_incidents import investigate, report, state
from tests.workflows.test_terms import decide, status
from tests.workflows.titled import (
    TITLES,
    apply_for,
    begin_year,
    grant,
    sent,
    set_setting,
    tell,
    title,
    waits_for,
    year_id,
)

#: Takes the place of the application where only the chain is of interest.
OPENED = b"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:cl="urn:chuanglv:bpmn:1"
    id="D_opened" targetNamespace="urn:test">
  <bpmn:message id="M_opened" name="application_opened"/>
  <bpmn:process id="opened" name="opened" isExecutable="true" cl:matter="own">
    <bpmn:startEvent id="Start">
      <bpmn:extensionElements>
        <cl:variable name="unit_id" from="unit_id"/><cl:variable name="plan_year_id" from="plan_year_id"/>
        <cl:variable name="level" from="level"/><cl:variable name="skip" from="skip"/>
      </bpmn:extensionElements>
      <bpmn:outgoing>f1</bpmn:outgoing><bpmn:messageEventDefinition id="D_Start" messageRef="M_opened"/>
    </bpmn:startEvent>
    <bpmn:endEvent id="End"><bpmn:incoming>f1</bpmn:incoming></bpmn:endEvent>
    <bpmn:sequenceFlow id="f1" sourceRef="Start" targetRef="End"/>
  </bpmn:process>
</bpmn:definitions>
"""


def deploy(city: City, note: bytes = b"") -> str:
    """Publish the procedure with a stand-in for the application; `note` makes it another deployment."""
    files = cities.files_of(*TITLES) | {"opened.bpmn": OPENED + note}
    return deployments.publish(city.system, files, note="next", by=None).id


def opened(city: City) -> list[tuple[str, str, str]]:
    """Return the applications opened: unit, plan year, deployment, oldest first."""
    instance = tables.instance
    with city.system.database.read() as connection:
        rows = connection.execute(
            select(instance.c.unit_id, instance.c.plan_year_id, instance.c.deployment_id)
            .where(instance.c.process_key == "opened")
            .order_by(instance.c.started_at, instance.c.id)
        )
        return [(row.unit_id, row.plan_year_id, row.deployment_id) for row in rows]


def ask(
    city: City, unit: str, level: str, *, who: str | None = None, year: int = 2026, skip: bool = False
) -> None:
    """A unit, or who recommends it, asks for an application."""
    city.start(
        who or f"of-{unit}",
        "apply",
        plan_year_id=year_id(city, year),
        unit_id=city.units[unit],
        level=level,
        skip=skip,
    )


def refusal(city: City, unit: str, level: str, **more: Any) -> str:
    """Return the words with which an application is refused."""
    with pytest.raises(AppError) as caught:
        ask(city, unit, level, **more)
    return caught.value.text.zh


def open_round(city: City, *, closes_on: str = "2026-05-16", naming_by: str = "2026-06-30") -> None:
    """The county of Qindu announces its round."""
    tell(
        city,
        "county_round_opened",
        plan_year_id=year_id(city),
        county_id=city.bodies["qindu"],
        organisation_id=city.bodies["qindu"],
    )
    city.do(
        "qindu",
        "Set_dates",
        "publish",
        {
            "opens_on": "2026-03-10",
            "closes_on": closes_on,
            "naming_by": naming_by,
            "document_number": None,
        },
    )


def test_r20_county_window_says_since_when_and_who_may_extend(titled: City) -> None:
    assert "秦都区创绿办尚未公布" in refusal(titled, "village", "county")
    open_round(titled)
    assert "2026-03-10 00:00 开始" in refusal(titled, "village", "county")
    titled.move_to("2026-03-10 00:00")
    ask(titled, "village", "county")
    assert [one["level"] for one in sent(titled, "application_opened")] == ["county"]
    titled.move_to("2026-05-16 23:59")
    ask(titled, "plant", "county", who="qindu")
    titled.move_to("2026-05-17 00:00")
    text = refusal(titled, "plant", "county")
    assert "2026-05-16 截止" in text
    assert "可延期者：秦都区创绿办" in text


def test_r20_city_window_says_since_when_and_who_may_extend(titled: City) -> None:
    grant(titled, "village", "county", on="2026-03-01")
    titled.move_to("2026-06-30 23:59")
    assert "2026-07-01 00:00 开放" in refusal(titled, "village", "city")
    titled.move_to("2026-07-01 00:00")
    ask(titled, "village", "city")
    assert [one["level"] for one in sent(titled, "application_opened")] == ["city"]
    titled.move_to("2026-08-11 00:00")
    text = refusal(titled, "village", "city")
    assert "已于 2026-08-10 24:00 关闭" in text
    assert "可延期者：市创绿组委会" in text


def test_r10_a_unit_of_a_county_that_takes_no_part_cannot_apply(titled: City) -> None:
    city = titled
    with city.system.database.write() as connection:
        lies_in = organisation.c.id == city.units["village"]
        connection.execute(update(organisation).where(lies_in).values(area_code="610403"))
    city.move_to("2026-07-02 09:00")
    for skip in (False, True):
        assert "不参加创建" in refusal(city, "village", "city", skip=skip)
    assert "不参加创建" in refusal(city, "village", "county")
    assert waits_for(city, "application_wanted") == []


def test_r20_step_by_step(titled: City) -> None:
    titled.move_to("2026-07-01 09:00")
    assert "逐级申报" in refusal(titled, "village", "city")
    # Units of a municipal system begin at the city level (G10).
    ask(titled, "school", "city", who="education")
    ask(titled, "barracks", "city", who="garrison")
    grant(titled, "hotel", "county", on="2026-03-01")
    ask(titled, "hotel", "city")
    assert "逐级申报" in refusal(titled, "hotel", "province")
    assert len(sent(titled, "application_opened")) == 3
    assert titled.open_processes("naming_chain") == 3


def test_r20_what_is_refused_changes_nothing(titled: City) -> None:
    titled.move_to("2026-07-01 09:00")
    held = grant(titled, "school", "city", on="2026-03-01", namer="committee")
    assert "已持有" in refusal(titled, "school", "city")
    apply_for(titled, "school", "province")
    assert "在办申报" in refusal(titled, "school", "province")
    assert "越过的级数" not in refusal(titled, "school", "nation")
    assert titled.open_processes("apply") == 0
    assert titled.open_processes("naming_chain") == 0
    assert title(titled, held).state == "active"


def test_r20_pending_title_does_not_support_a_higher_one(titled: City) -> None:
    grant(titled, "village", "county", on="2021-06-01")
    titled.move_to("2026-07-01 09:00")
    assert "逐级申报" in refusal(titled, "village", "city")


def test_r20_pending_title_supports_a_higher_one_where_the_year_says_so(titled: City) -> None:
    set_setting(titled, "expired_title_supports", value=True)
    grant(titled, "village", "county", on="2021-06-01")
    titled.move_to("2026-07-01 09:00")
    ask(titled, "village", "city")
    titled.settle()
    assert [one["level"] for one in sent(titled, "application_opened")] == ["city"]


def test_r20_revoked_too_recently(titled: City) -> None:
    made = grant(titled, "school", "city", on="2021-03-01", namer="committee", term=False)
    report(titled, made)
    investigate(titled, deaths=30)
    state(titled, "school")
    decide(titled, "chair", "Decide_city", "revoke", "2026-03-02")
    titled.move_to("2026-07-01 09:00")
    assert "间隔" in refusal(titled, "school", "city")


def test_r20_chain_lives_on_and_notes_what_the_unit_holds(titled: City) -> None:
    titled.move_to("2026-07-01 09:00")
    ask(titled, "school", "city")
    assert status(titled, "naming_chain") == ["尚无有效称号"]
    made = grant(titled, "school", "city", on="2026-07-01", namer="committee")
    assert status(titled, "naming_chain") == [f"{title(titled, made).number}（有效）"]
    tell(
        titled,
        "application_finished",
        titled.units["school"],
        application_id="a",
        level="city",
        result="named",
        title_id=made,
    )
    tell(titled, "title_lost", titled.units["school"], title_id=made, level="city", cause="test")
    assert titled.open_processes("naming_chain") == 1
    tell(titled, "unit_ended", titled.units["school"])
    assert titled.open_processes("naming_chain") == 0


def test_r20_chain_hears_two_messages_that_come_at_once(titled: City) -> None:
    school = titled.units["school"]
    tell(titled, "chain_begun", school, unit_id=school)
    # Both are routed before the first is delivered: the second finds the chain waiting anew.
    messages.send(titled.system, "application_finished", key=school, payload={"result": "withdrawn"})
    messages.send(
        titled.system,
        "application_wanted",
        key=school,
        payload={"plan_year_id": year_id(titled), "level": "city", "skip": False},
    )
    titled.settle()
    assert [one["level"] for one in sent(titled, "application_opened")] == ["city"]


def test_r20_chain_drops_a_wish_that_is_no_longer_allowed(titled: City) -> None:
    school = titled.units["school"]
    tell(titled, "chain_begun", school, unit_id=school)
    tell(titled, "application_wanted", school, plan_year_id=year_id(titled), level="province", skip=False)
    assert sent(titled, "application_opened") == []
    tell(titled, "application_wanted", school, plan_year_id=year_id(titled), level="city", skip=False)
    assert [one["level"] for one in sent(titled, "application_opened")] == ["city"]


def test_r20_one_chain_for_a_unit(titled: City) -> None:
    for _ in range(2):
        tell(titled, "chain_begun", titled.units["school"], unit_id=titled.units["school"])
    assert titled.open_processes("naming_chain") == 1
    assert titled.ended_at("naming_chain") == ["End_double"]


def test_r20_chain_of_deployment_one_opens_next_years_application_under_deployment_two(titled: City) -> None:
    first = deploy(titled)
    with titled.system.database.write() as connection:
        connection.execute(update(plan_year).values(deployment_id=first))
    titled.move_to("2026-07-01 09:00")
    ask(titled, "school", "city")
    titled.move_to("2027-03-01 09:00")
    second = deploy(titled, b"<!-- the second year -->\n")
    next_year = begin_year(titled, 2027)
    titled.move_to("2027-07-01 09:00")
    ask(titled, "school", "city", year=2027)
    school = titled.units["school"]
    assert opened(titled) == [(school, year_id(titled), first), (school, next_year, second)]
    with titled.system.database.read() as connection:
        chain = connection.execute(
            select(tables.instance.c.deployment_id).where(tables.instance.c.process_key == "naming_chain")
        ).all()
    assert len(chain) == 1
    assert chain[0].deployment_id not in (second,)


# Skipping a level.

GROUNDS = {
    "results": "成效显著，绿地率达到百分之四十",
    "conditions": "条件成熟，制度健全，投入到位",
    "honours": [],
    "evidence": [],
}
PRECHECK = {"results_proved": True, "conditions_proved": True, "summary": "符合"}


def want_skip(city: City) -> None:
    """An application asks for the committee's consent."""
    tell(
        city,
        "skip_consent_requested",
        application_id="application",
        unit_id=city.units["village"],
        plan_year_id=year_id(city),
        level="city",
        recommender_id=city.bodies["qindu"],
    )


def to_the_vote(city: City, *, support: str = "support") -> None:
    """Grounds, opinion and pre-check up to the committee's vote."""
    city.do("of-village", "Grounds", "submit", GROUNDS)
    city.do(
        "qindu",
        "Opinion",
        support,
        {"opinion_text": "意见"},
        opinion=None if support == "support" else "不支持",
    )
    city.do("clerk", "Precheck", "forward", PRECHECK)


def vote(city: City, *favour: bool) -> None:
    """The members of the committee vote in turn until it is decided."""
    for who, agrees in zip(("chair", "member-1", "member-2"), favour, strict=False):
        if city.waiting(who, "Vote"):
            city.do(
                who,
                "Vote",
                "agree" if agrees else "refuse",
                {"remark": None},
                opinion=None if agrees else "不同意",
            )


def answers(city: City) -> list[str]:
    """What the application was answered."""
    return [one["result"] for one in sent(city, "skip_consent_answered")]


def test_r21_skip_wish_is_taken_to_the_application(titled: City) -> None:
    titled.move_to("2026-07-01 09:00")
    ask(titled, "village", "city", skip=True)
    assert [(one["level"], one["skip"]) for one in sent(titled, "application_opened")] == [("city", True)]


def test_r21_the_committee_consents(titled: City) -> None:
    want_skip(titled)
    to_the_vote(titled)
    # The office has checked, and that is no consent.
    assert answers(titled) == []
    vote(titled, True, True)
    assert answers(titled) == []
    titled.do(
        "chair", "Consent", "sign", {"document_number": "咸创绿批〔2026〕1号", "decided_on": "2026-03-02"}
    )
    assert answers(titled) == ["agreed"]
    assert titled.open_processes("skip_level_consent") == 0


@pytest.mark.parametrize(("outcome", "answer"), [("downgrade", "downgraded"), ("refuse", "refused")])
def test_r21_the_committee_refuses(titled: City, outcome: str, answer: str) -> None:
    want_skip(titled)
    to_the_vote(titled, support="oppose")
    vote(titled, False, False)
    titled.do("chair", "Refused", outcome, {"reason": "条件尚不成熟"}, opinion="条件尚不成熟")
    assert answers(titled) == [answer]


@pytest.mark.parametrize(("outcome", "answer"), [("downgrade", "downgraded"), ("withdraw", "refused")])
def test_r21_the_unit_changes_its_mind(titled: City, outcome: str, answer: str) -> None:
    want_skip(titled)
    titled.do("of-village", "Grounds", outcome, {})
    assert answers(titled) == [answer]


def test_r21_grounds_are_sent_back_and_both_conditions_needed(titled: City) -> None:
    want_skip(titled)
    with pytest.raises(AppError):
        titled.do("of-village", "Grounds", "submit", {**GROUNDS, "conditions": None})
    titled.do("of-village", "Grounds", "submit", GROUNDS)
    titled.do("qindu", "Opinion", "correct", {}, opinion="请补充")
    titled.do("of-village", "Grounds", "submit", GROUNDS)
    titled.do("qindu", "Opinion", "support", {"opinion_text": "支持"})
    titled.do("clerk", "Precheck", "correct", {}, opinion="请补充佐证")
    to_the_vote(titled)
    assert [one.element_id for one in titled.waiting("member-2")] == ["Vote"]


def test_r21_stops_with_the_application(titled: City) -> None:
    want_skip(titled)
    tell(titled, "application_stopped", "application")
    assert titled.waiting("of-village") == []
    assert titled.open_processes("skip_level_consent") == 0


def test_r21_consent_is_asked_for_anew_next_year(titled: City) -> None:
    titled.move_to("2026-07-01 09:00")
    ask(titled, "village", "city", skip=True)
    titled.move_to("2027-03-01 09:00")
    begin_year(titled, 2027)
    titled.move_to("2027-07-01 09:00")
    assert "逐级申报" in refusal(titled, "village", "city", year=2027)
    ask(titled, "village", "city", year=2027, skip=True)
    assert [one["skip"] for one in sent(titled, "application_opened")] == [True, True]


@pytest.mark.parametrize(
    ("standing", "gap", "skip", "most", "answer"),
    [
        ("held", 0, False, 3, "refuse"),
        ("open", 0, False, 3, "refuse"),
        ("cooling", 0, False, 3, "refuse"),
        ("below", 0, False, 3, "refuse"),
        ("free", 0, False, 3, "ok"),
        ("free", 0, True, 3, "ok"),
        ("free", 1, False, 3, "refuse"),
        ("free", 1, True, 3, "skip"),
        ("free", 3, True, 3, "skip"),
        ("free", 3, True, 2, "refuse"),
    ],
)
def test_r20_every_row_of_what_may_be_applied_for(
    standing: str, gap: int, skip: bool, most: int, answer: str
) -> None:
    table, _ = read_decision(
        "decisions/level_allowed.dmn", (ROOT / "workflows/decisions/level_allowed.dmn").read_bytes()
    )
    assert table is not None
    given = {"position": {"standing": standing, "gap": gap}, "skip": skip, "rules": {"skip_levels_max": most}}
    assert table.evaluate(given, {})["answer"] == answer


@pytest.mark.parametrize(
    ("gap", "has_title", "honours", "scrutiny"),
    [(2, True, 3, "strict"), (1, True, 0, "normal"), (1, False, 2, "normal"), (1, False, 0, "strict")],
)
def test_r21_every_row_of_the_review(gap: int, has_title: bool, honours: int, scrutiny: str) -> None:
    table, _ = read_decision(
        "decisions/skip_review.dmn", (ROOT / "workflows/decisions/skip_review.dmn").read_bytes()
    )
    assert table is not None
    given = {"position": {"gap": gap}, "has_title": has_title, "honours": honours}
    assert table.evaluate(given, {})["scrutiny"] == scrutiny


# Province and nation.

RESULT = {
    "stage_name": None,
    "stage_on": None,
    "stage_note": None,
    "namer_name": "省绿色办",
    "decision_number": "陕绿〔2026〕8号",
    "decided_on": "2026-03-02",
    "certificate_number": "SX-2026-0001",
}


def recommend(city: City, level: str) -> None:
    """An application goes up."""
    tell(
        city,
        "upward_recommendation_requested",
        application_id="application",
        unit_id=city.units["school"],
        plan_year_id=year_id(city),
        level=level,
    )


@pytest.mark.parametrize(("level", "valid_to"), [("province", "2030-03-02"), ("nation", "None")])
def test_r03_recommended_and_named_above(titled: City, level: str, valid_to: str) -> None:
    recommend(titled, level)
    titled.do("clerk", "Dossier", "submit", {"summary": "推荐", "dossier": []})
    titled.do("chair", "Approve", "return", {"finding": "补充"}, opinion="补充")
    titled.do("clerk", "Dossier", "submit", {"summary": "推荐", "dossier": []})
    titled.do("chair", "Approve", "approve", {"minutes_number": None, "finding": "同意"})
    titled.do("clerk", "Letter", "sent", {"letter_number": "咸创绿报〔2026〕1号", "sent_on": "2026-03-02"})
    stage = {"stage_name": "省级复核", "stage_on": "2026-03-02", "stage_note": "通过"}
    titled.do(level, f"Result_{level}", "stage", stage)
    titled.do(level, f"Result_{level}", "named", RESULT)
    answered = sent(titled, "upward_answered")
    assert [one["result"] for one in answered] == ["named"]
    made = title(titled, answered[0]["title_id"])
    assert (made.level, made.namer_name, made.number, made.origin) == (
        level,
        "省绿色办",
        "SX-2026-0001",
        "external",
    )
    assert str(made.valid_to) == valid_to
    titled.do("clerk", "Plaque", "delivered", {"delivered_on": "2026-03-02", "receiver": "校长"})
    assert titled.open_processes("upward_recommendation") == 0
    assert titled.open_processes("title_term") == 1


def test_r04_not_recommended_not_named_and_stopped(titled: City) -> None:
    recommend(titled, "province")
    titled.do("clerk", "Dossier", "submit", {"summary": "推荐", "dossier": []})
    titled.do("chair", "Approve", "refuse", {"finding": "不同意"}, opinion="不同意")
    recommend(titled, "nation")
    titled.do("clerk", "Dossier", "submit", {"summary": "推荐", "dossier": []})
    titled.do("chair", "Approve", "approve", {"minutes_number": None, "finding": "同意"})
    titled.do("clerk", "Letter", "sent", {"letter_number": "咸创绿报〔2026〕2号", "sent_on": "2026-03-02"})
    titled.do("nation", "Result_nation", "not_named", {}, opinion="未获命名")
    recommend(titled, "province")
    titled.do("clerk", "Dossier", "submit", {"summary": "推荐", "dossier": []})
    titled.do("chair", "Approve", "approve", {"minutes_number": None, "finding": "同意"})
    titled.do("clerk", "Letter", "sent", {"letter_number": "咸创绿报〔2026〕3号", "sent_on": "2026-03-02"})
    titled.do("province", "Result_province", "not_named", {}, opinion="未获命名")
    assert [one["result"] for one in sent(titled, "upward_answered")] == ["not_named"] * 3
    recommend(titled, "province")
    tell(titled, "application_stopped", "application")
    assert titled.open_processes("upward_recommendation") == 0


def to_the_province(city: City) -> None:
    """A recommendation waits for what the province says."""
    recommend(city, "province")
    city.do("clerk", "Dossier", "submit", {"summary": "推荐", "dossier": []})
    city.do("chair", "Approve", "approve", {"minutes_number": None, "finding": "同意"})
    city.do("clerk", "Letter", "sent", {"letter_number": "咸创绿报〔2026〕1号", "sent_on": "2026-03-02"})


def test_r23_a_certificate_number_belongs_to_one_title(titled: City) -> None:
    held = grant(titled, "village", "county", on="2026-03-01", term=False)
    taken = title(titled, held).number
    to_the_province(titled)
    with pytest.raises(Conflict) as refusal:
        titled.do("province", "Result_province", "named", RESULT | {"certificate_number": taken})
    assert f"证书编号“{taken}”已经登记在另一个称号名下" in refusal.value.text.zh
    titled.do("province", "Result_province", "named", RESULT)
    assert [one["result"] for one in sent(titled, "upward_answered")] == ["named"]


def test_r24_a_title_from_above_does_not_begin_before_the_recommendation(titled: City) -> None:
    to_the_province(titled)
    with pytest.raises(Invalid) as refusal:
        titled.do("province", "Result_province", "named", RESULT | {"decided_on": "2026-03-01"})
    assert "命名日期 2026-03-01 早于申报或报送之日 2026-03-02" in refusal.value.text.zh
    titled.do("province", "Result_province", "named", RESULT)
    assert titled.open_processes("title_term") == 1


def test_r20_refusal_is_a_conflict_and_not_an_incident(titled: City) -> None:
    titled.move_to("2026-07-01 09:00")
    with pytest.raises(Conflict):
        ask(titled, "village", "city")
