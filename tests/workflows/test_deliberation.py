"""Deliberation, public notice and naming: votes, places, objections, signatures."""

from datetime import date
from typing import Any

import pytest

from service import inbox, tasks
from service.campaign import decisions, notices, plans, quotas, titles
from service.errors import Conflict, Invalid
from service.identity import directory
from service.store.identity import recusal
from service.store.ids import new_id
from tests.workflows.applying import (
    act,
    act_in,
    add_post,
    compile_pack,
    decide,
    deliberate,
    extend,
    form_team,
    inspect,
    name_them,
    post,
    report,
    score,
    suspend,
    the_application,
    to_the_office,
    vote,
)
from tests.workflows.city import SINCE, City, rows_of
from tests.workflows.titled import grant, sent, year_id


def scored(city: City) -> City:
    """The school (99 points) and the hotel (100), inspected, on 13 August."""
    grant(city, "hotel", "county", on="2025-06-01", namer="sanyuan", term=False)
    to_the_office(city, "school", "education")
    form_team(city, "2026-08-12")
    to_the_office(city, "hotel", "sanyuan")
    form_team(city, "2026-08-13")
    for unit, day, off in (("school", "2026-08-12", {"W4.1": 1.0}), ("hotel", "2026-08-13", {})):
        city.move_to(f"{day} 09:00")
        score(city, "inspector-1", off)
        score(city, "inspector-2", off)
        report(city, unit)
    return city


def states(city: City) -> tuple[str, str]:
    """The states of the school's and the hotel's application."""
    return the_application(city, "school").state, the_application(city, "hotel").state


def conclude(city: City, day: str = "2026-08-24 09:00") -> None:
    """Close the public notice."""
    city.move_to(day)
    city.do("poster", "Conclude", "close", {"closing_text": "公示结束"})


def object_to(city: City, unit: str, **changes: Any) -> None:
    """Record an objection to a posted unit."""
    data = {
        "objected_application": the_application(city, unit).id,
        "by_real_name": True,
        "objector_name": "李四",
        "objection_facts": "绿地被占用",
    }
    city.do("poster", "Posted", "record", data | changes)


def split(city: City, **places: int) -> None:
    """Put a split of city places in force: by body."""
    with city.system.database.write() as connection:
        at = city.system.now(connection)
        plan_year = year_id(city)
        codes = [one for one in plans.levels(connection, plan_year) if one.places is not None]
        rows = [(city.bodies[body], "city", number) for body, number in places.items()]
        rows += [
            (city.bodies["qindu"], one.code, one.places - (sum(places.values()) if one.code == "city" else 0))
            for one in codes
            if one.places is not None
        ]
        quotas.allocate(connection, plan_year, rows, reason="", at=at, by=None)
        quotas.issue(connection, plan_year, authority="组委会", document_number="划1", issued_on=at.date())


def test_r07_the_committee_decides_each_application(applying: City) -> None:
    city = scored(applying)
    deliberate(city, said={the_application(city, "school").id: "against"})
    assert states(city) == ("not_approved", "approved")


def test_votes_are_counted_without_who_stands_aside(applying: City) -> None:
    city = scored(applying)
    school = the_application(city, "school").id
    with city.system.database.write() as connection:
        for who in ("member-1", "member-2"):
            connection.execute(
                recusal.insert().values(
                    id=new_id(),
                    person_id=city.people[who].id,
                    organisation_id=city.units["school"],
                    reason="亲属",
                    declared_at=city.system.now(connection),
                )
            )
    compile_pack(city)
    for who, said in (("chair", "favour"), ("member-1", "against"), ("member-2", "aside")):
        cast = {school: said}
        city.do(
            who,
            "Vote",
            "cast",
            lambda view, cast=cast: {
                "votes_cast": rows_of(view, "votes_cast", said=lambda row: cast.get(row.id, "favour"))
            },
        )
    view = city.task("chair", "Determine")
    verdicts = {
        row.id: (row.attributes["in_favour"], row.attributes["counted"])
        for row in view.filling.sources.rows("deliberation_verdicts", "verdicts")
    }
    assert verdicts[school] == (1, 1)
    city.do("chair", "Determine", "sign", {"minutes_number": "纪要1"})
    assert states(city) == ("approved", "approved")


def test_when_all_stand_aside_nobody_is_approved(applying: City) -> None:
    city = scored(applying)
    deliberate(city, said={the_application(city, "school").id: "aside"})
    assert states(city) == ("not_approved", "approved")


def test_the_chair_may_ask_for_another_vote_and_the_office_may_leave_units_out(applying: City) -> None:
    city = scored(applying)
    school = the_application(city, "school").id
    city.start("clerk", "deliberation", plan_year_id=year_id(city), level="city")
    for included in (False, True):
        city.do(
            "clerk",
            "Compile",
            "submit",
            lambda view, included=included: {
                "candidates": rows_of(view, "candidates", included=lambda row: included and row.id == school),
                "meeting_day": "2026-09-15",
            },
        )
    vote(city, {school: "against"})
    city.do("chair", "Determine", "again", {}, "再议")
    vote(city)
    city.do("chair", "Determine", "sign", {"minutes_number": "纪要1"})
    assert states(city) == ("approved", "scored")


def test_a_deliberation_may_be_cancelled_or_approve_nobody(applying: City) -> None:
    city = scored(applying)
    city.start("clerk", "deliberation", plan_year_id=year_id(city), level="city")
    city.do("clerk", "Compile", "cancel", {})
    deliberate(city, said={the_application(city, unit).id: "against" for unit in ("school", "hotel")})
    assert sorted(city.ended_at("deliberation")) == ["End_cancelled", "End_none"]


@pytest.mark.parametrize(("mode", "state"), [("target", "approved"), ("cap", "waitlisted")])
def test_beyond_the_places_a_cap_makes_wait_and_a_target_does_not(
    applying: City, mode: str, state: str
) -> None:
    decide(applying, "quota_mode", mode)
    split(applying, education=0, sanyuan=1)
    city = scored(applying)
    deliberate(city)
    assert states(city) == (state, "approved")


def test_who_waits_is_judged_again_when_there_is_a_place(applying: City) -> None:
    decide(applying, "quota_mode", "cap")
    split(applying, education=0, sanyuan=1)
    city = scored(applying)
    deliberate(city)
    with city.system.database.write() as connection:
        quotas.move(
            connection,
            year_id(city),
            "city",
            1,
            from_id=city.bodies["qindu"],
            to_id=city.bodies["education"],
            taken_states=(),
            authority="市创绿办",
            reason="调剂",
            at=city.system.now(connection),
            by=None,
        )
    deliberate(city)
    assert states(city) == ("approved", "approved")


def test_r23_a_tie_is_not_approved(applying: City) -> None:
    city = scored(applying)
    school = the_application(city, "school").id
    compile_pack(city)
    # One for, one against, one stands aside.
    for who, said in (("chair", "favour"), ("member-1", "against"), ("member-2", "aside")):
        cast = {school: said}
        city.do(
            who,
            "Vote",
            "cast",
            lambda view, cast=cast: {
                "votes_cast": rows_of(view, "votes_cast", said=lambda row: cast.get(row.id, "favour"))
            },
        )
    city.do("chair", "Determine", "sign", {"minutes_number": "纪要1"})
    assert states(city) == ("not_approved", "approved")


def test_who_still_waits_at_the_end_of_the_year_may_apply_next_year(applying: City) -> None:
    decide(applying, "quota_mode", "cap")
    split(applying, education=0, sanyuan=1)
    city = scored(applying)
    deliberate(city)
    city.move_to("2026-12-31 23:59")
    assert the_application(city, "school").state == "waitlisted"
    city.move_to("2027-01-01 00:00")
    assert the_application(city, "school").state == "lapsed"


def test_who_is_being_voted_on_does_not_lapse_with_the_year(applying: City) -> None:
    city = scored(applying)
    compile_pack(city)
    city.move_to("2027-01-04 09:00")
    assert states(city) == ("scored", "scored")
    vote(city)
    city.do("chair", "Determine", "sign", {"minutes_number": "纪要1"})
    assert states(city) == ("approved", "approved")


def test_who_is_never_deliberated_lapses_with_the_next_year(applying: City) -> None:
    city = scored(applying)
    city.move_to("2027-12-31 23:59")
    assert states(city) == ("scored", "scored")
    city.move_to("2028-01-01 00:00")
    assert states(city) == ("lapsed", "lapsed")


def test_who_votes_reads_the_pack_with_its_units(applying: City) -> None:
    city = scored(applying)
    compile_pack(city)
    (pack,) = city.task("chair", "Vote").shows
    rows = pack.sources.rows("applications_to_judge", "scored waitlisted")
    assert {row.label.zh for row in rows} == {"演示school", "演示hotel"}


def posted(city: City) -> list[list[str]]:
    """Whom each notice posts."""
    with city.system.database.read() as connection:
        return [
            [item.posted_name for item in notices.items(connection, one.id)]
            for one in notices.list_notices(connection)
        ]


def test_who_withdraws_during_the_vote_is_not_posted(applying: City) -> None:
    city = scored(applying)
    compile_pack(city)
    act(city, "of-hotel", the_application(city, "hotel"), "撤回申报")
    vote(city)
    city.do("chair", "Determine", "sign", {"minutes_number": "纪要1"})
    post(city)
    assert posted(city) == [["演示school"]]


def test_who_withdraws_before_the_notice_is_not_posted(applying: City) -> None:
    city = scored(applying)
    deliberate(city)
    act(city, "of-hotel", the_application(city, "hotel"), "撤回申报")
    act(city, "of-school", the_application(city, "school"), "撤回申报")
    post(city)
    assert posted(city) == []
    assert city.ended_at("public_notice") == ["End_nobody"]
    assert city.ended_at("deliberation") == ["End"]


def test_what_two_meetings_approve_is_posted_once(applying: City) -> None:
    city = scored(applying)
    compile_pack(city)
    compile_pack(city)
    for who in ("chair", "member-1", "member-2"):
        for one in city.waiting(who, "Vote"):
            view = inbox.get(city.system, city.people[who], one.id)
            data = {"votes_cast": rows_of(view, "votes_cast", said="favour")}
            tasks.complete(city.system, city.people[who], one.id, outcome="cast", data=data, opinion=None)
            city.settle()
    for one in city.waiting("chair", "Determine"):
        data = {"minutes_number": one.id}
        tasks.complete(city.system, city.people["chair"], one.id, outcome="sign", data=data, opinion=None)
        city.settle()
    assert [one.element_id for one in city.waiting("poster")] == ["Draft"]
    assert city.ended_at("deliberation") == ["End_none"]


def test_g14_a_place_stays_taken_while_a_naming_pauses(applying: City) -> None:
    city = applying
    decide(city, "quota_mode", "cap")
    split(city, education=1, sanyuan=1)
    held = grant(city, "hotel", "county", on="2025-06-01", namer="sanyuan", term=False)
    to_the_office(city, "hotel", "sanyuan")
    city.move_to("2026-08-11 09:00")
    inspect(city, "hotel")
    deliberate(city)
    post(city)
    suspend(city, held)
    conclude(city)
    assert the_application(city, "hotel").state == "naming_paused"
    # Another unit of the same county comes later; the one place is not free.
    with city.system.database.write() as connection:
        other = directory.insert_organisation(
            connection, code="inn", name="演示inn", kind="unit", area_code="610422", valid_from=SINCE
        )
        directory.insert_profile(connection, other, {"unit_kind": "hotel"}, at=city.system.now(connection))
    extend(city, "submission", date(2026, 9, 2))
    city.units["inn"] = other
    add_post(city, "of-inn", "applicant", other)
    grant(city, "inn", "county", on="2025-06-01", namer="sanyuan", term=False)
    to_the_office(city, "inn", "sanyuan")
    inspect(city, "inn", "2026-08-25")
    deliberate(city)
    assert the_application(city, "inn").state == "waitlisted"


def test_a_notice_lasts_five_working_days(applying: City) -> None:
    city = scored(applying)
    deliberate(city)
    post(city)
    with city.system.database.read() as connection:
        (posted,) = notices.list_notices(connection)
        names = [one.posted_name for one in notices.items(connection, posted.id)]
    assert posted.closes_on.isoformat() == "2026-08-20"
    assert sorted(names) == ["演示hotel", "演示school"]
    city.move_to("2026-08-20 23:59")
    assert city.waiting("poster", "Posted")
    city.move_to("2026-08-21 00:00")
    assert not city.waiting("poster", "Posted")
    assert city.waiting("poster", "Conclude")


def test_r09_a_military_unit_is_posted_without_its_name(applying: City) -> None:
    city = applying
    to_the_office(city, "barracks", "garrison")
    form_team(city, "2026-08-12")
    city.move_to("2026-08-12 09:00")
    score(city, "inspector-1")
    score(city, "inspector-2")
    report(city, "barracks")
    deliberate(city)
    post(city)
    with city.system.database.read() as connection:
        (posted,) = notices.list_notices(connection)
        assert [one.posted_name for one in notices.items(connection, posted.id)] == ["某涉军单位"]


def test_without_a_notice_naming_follows_at_once(applying: City) -> None:
    decide(applying, "notice_on_city", False)
    city = scored(applying)
    deliberate(city)
    assert states(city) == ("naming", "naming")
    name_them(city, "咸创绿发〔2026〕20号")
    assert states(city) == ("named", "named")
    with city.system.database.read() as connection:
        (made,) = decisions.list_decisions(connection, year_id(city))
        listed = decisions.named(connection, made.id)
    assert made.document_number == "咸创绿发〔2026〕20号"
    assert made.decided_by == city.people["chair"].id
    assert made.authority_id == city.bodies["committee"]
    assert len(listed) == 2


@pytest.mark.parametrize(("finding", "state"), [("dismissed", "named"), ("upheld", "objection_upheld")])
def test_an_objection_holds_its_unit_and_nobody_else(applying: City, finding: str, state: str) -> None:
    city = scored(applying)
    deliberate(city)
    post(city)
    object_to(city, "school")
    conclude(city)
    assert states(city) == ("objection", "naming")
    name_them(city)
    assert states(city) == ("objection", "named")
    city.do(
        "poster",
        "Verify",
        "submit",
        lambda view: {"findings": rows_of(view, "findings", finding_result=finding, finding_text="经核查")},
    )
    if finding == "dismissed":
        name_them(city)
    assert states(city) == (state, "named")


def test_what_an_objection_needs(applying: City) -> None:
    city = scored(applying)
    deliberate(city)
    post(city)
    object_to(city, "hotel", by_real_name=False, objector_name=None)
    with pytest.raises(Invalid, match="必填"):
        object_to(city, "hotel", objection_facts=None)
    decide(city, "objection_form", "real_name")
    with pytest.raises(Invalid, match="只受理实名"):
        object_to(city, "school", by_real_name=False, objector_name=None)
    conclude(city)
    assert states(city) == ("naming", "objection")


def test_the_head_may_send_the_draft_back_and_the_drafter_may_not_countersign(applying: City) -> None:
    decide(applying, "notice_on_city", False)
    city = scored(applying)
    deliberate(city)
    draft = {"decision_heading": "决定", "decision_body": "命名"}
    city.do("clerk", "Draft", "submit", draft)
    city.do("head", "Countersign", "revise", {}, "改标题")
    city.do("clerk", "Draft", "submit", draft)
    city.do("head", "Countersign", "agree")
    city.do("chair", "Sign", "return", {}, "重核")
    name_them(city)
    assert states(city) == ("named", "named")


def test_a_document_number_is_used_once(applying: City) -> None:
    decide(applying, "notice_on_city", False)
    city = scored(applying)
    school = the_application(city, "school").id
    for unit in ("school", "hotel"):
        city.start("clerk", "deliberation", plan_year_id=year_id(city), level="city")
        city.do(
            "clerk",
            "Compile",
            "submit",
            lambda view, unit=unit: {
                "candidates": rows_of(
                    view, "candidates", included=lambda row: (row.id == school) == (unit == "school")
                ),
                "meeting_day": "2026-09-15",
            },
        )
        vote(city)
        city.do("chair", "Determine", "sign", {"minutes_number": "纪要1"})
        if unit == "hotel":
            with pytest.raises(Conflict, match="已使用"):
                name_them(city, "咸创绿发〔2026〕20号")
        else:
            name_them(city, "咸创绿发〔2026〕20号")
    assert states(city) == ("named", "naming")


def test_nobody_is_named_whose_notice_is_not_closed(applying: City) -> None:
    city = scored(applying)
    with city.system.database.read() as connection:
        found = decisions.obstacles(
            connection,
            [the_application(city, "school").id],
            entries={"municipal_department": "city"},
            cooling_months=24,
            notice_required=True,
            pending_supports=False,
            day=city.system.now(connection).date(),
        )
    assert [one.text.zh for one in found] == ["公示未完成"]


def test_r24_five_years_to_the_corresponding_day(applying: City) -> None:
    decide(applying, "notice_on_city", False)
    city = scored(applying)
    deliberate(city)
    city.move_to("2026-09-30 09:00")
    name_them(city)
    with city.system.database.read() as connection:
        (made,) = decisions.list_decisions(connection, year_id(city))
        held = [titles.get(connection, title_id) for _, title_id in decisions.named(connection, made.id)]
    assert {str(one.valid_to) for one in held} == {"2031-09-30"}
    assert len(sent(city, "title_granted")) == 2


def ballots(city: City, *members: str) -> str:
    """Let some members vote in favour of all; returns the matter."""
    started = city.start("clerk", "deliberation", plan_year_id=year_id(city), level="city")
    city.do(
        "clerk",
        "Compile",
        "submit",
        lambda view: {"candidates": rows_of(view, "candidates", included=True), "meeting_day": "2026-09-15"},
    )
    for who in members:
        city.do(who, "Vote", "cast", lambda view: {"votes_cast": rows_of(view, "votes_cast", said="favour")})
    return started.matter_id


def test_an_absent_member_does_not_hold_up_the_vote(applying: City) -> None:
    city = scored(applying)
    matter = ballots(city, "chair", "member-1")
    act_in(city, "clerk", matter, "结束投票（有人缺席）")
    city.do("chair", "Determine", "again", {}, "请到齐")
    with pytest.raises(Conflict, match="已投票 0 人，未过半数"):
        act_in(city, "clerk", matter, "结束投票（有人缺席）")
    vote(city)
    city.do("chair", "Determine", "sign", {"minutes_number": "纪要1"})
    assert states(city) == ("approved", "approved")


def test_one_of_three_is_no_quorum(applying: City) -> None:
    city = scored(applying)
    matter = ballots(city, "chair")
    with pytest.raises(Conflict, match="应到 3 人，已投票 1 人"):
        act_in(city, "clerk", matter, "结束投票（有人缺席）")
