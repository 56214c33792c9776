"""Incidents and what follows for other titles: found, heard, decided by the naming body, cascaded (R26, R27)."""

import contextlib
from typing import Any

import pytest
from sqlalchemy import select

from service import matters
from service.errors import Invalid, NotFound
from service.store import procedure as tables
from service.engine.tables import read_decision
from service.store.title import plaque
from tests.workflows.city import ROOT, City
from tests.workflows.test_terms import decide, status
from tests.workflows.titled import apply_for, decisions, grant, sent, tell, title, year_id

NOTHING = {
    "deaths": 0,
    "poisoned": 0,
    "moved": 0,
    "loss": 0,
    "water": "none",
    "fraud": False,
    "penalty": False,
}


def report(city: City, title_id: str, who: str = "clerk") -> None:
    """Somebody reports an incident."""
    city.start(
        who,
        "report_incident",
        title_id=title_id,
        kind="pollution",
        occurred_on="2026-03-01",
        place="厂区",
        facts="废水泄漏",
        evidence=[],
    )


def investigate(city: City, **facts: Any) -> None:
    """The office opens a case and finds the facts."""
    city.do("clerk", "Prima_facie", "accept", {"finding": "属实"})
    city.do("clerk", "Investigate", "found", {**NOTHING, **facts, "finding": "查明", "report": []})


def state(city: City, unit: str) -> None:
    """The unit is heard."""
    city.do(f"of-{unit}", "Statement", "submit", {"statement": "已采取措施", "evidence": []})


def test_r26_not_a_case_and_not_found(titled: City) -> None:
    made = grant(titled, "plant", "county", on="2026-03-01")
    report(titled, made)
    titled.do("clerk", "Prima_facie", "dismiss", {"finding": "不属实"}, opinion="不属实")
    report(titled, made, "qindu")
    titled.do("clerk", "Prima_facie", "accept", {"finding": "属实"})
    titled.do(
        "clerk",
        "Investigate",
        "unfounded",
        {**NOTHING, "finding": "查无实据", "report": []},
        opinion="查无实据",
    )
    assert status(titled, "incident") == ["不予立案", "查无实据，结案"]
    assert title(titled, made).state == "active"


def test_r26_revoked_after_the_unit_was_heard(titled: City) -> None:
    made = grant(titled, "plant", "county", on="2026-03-01", namer="qindu-government")
    report(titled, made)
    investigate(titled, deaths=10)
    assert status(titled, "incident") == ["重大（Ⅱ级），建议取消称号"]
    state(titled, "plant")
    assert title(titled, made).state == "active"
    decide(titled, "mayor", "Decide_county", "revoke", "2026-03-02", number="秦政决〔2026〕3号")
    assert decisions(titled, made)[-1] == ("revoked", "秦政决〔2026〕3号")
    lost = sent(titled, "title_lost")
    assert [(one["key"], one["title_id"], one["cause"]) for one in lost] == [
        (titled.units["plant"], made, "incident")
    ]
    titled.do("qindu", "Recall", "recalled", {"recalled_on": "2026-03-02", "note": None, "photo": []})
    assert titled.open_processes("title_term") == 0
    titled.move_to("2026-03-02 18:00")
    assert titled.ended_at("revocation_cascade") == ["End"]


def test_r26_silence_for_five_working_days_is_recorded_and_the_body_decides(titled: City) -> None:
    made = grant(titled, "school", "city", on="2026-03-01", namer="committee")
    report(titled, made)
    investigate(titled, penalty=True)
    # From Monday 2 March the fifth working day is Monday 9 March.
    titled.move_to("2026-03-09 23:59")
    assert [one.element_id for one in titled.waiting("of-school")] == ["Statement"]
    titled.move_to("2026-03-10 00:00")
    assert titled.waiting("of-school") == []
    decide(titled, "chair", "Decide_city", "yellow_card", "2026-03-10", number="咸创绿决〔2026〕7号")
    assert decisions(titled, made)[-1] == ("active", "咸创绿决〔2026〕7号")
    assert status(titled, "incident") == ["黄牌警告"]


@pytest.mark.parametrize("reports", [True, False])
def test_r27_suspended_then_restored_or_revoked(titled: City, *, reports: bool) -> None:
    made = grant(titled, "school", "city", on="2026-03-01", namer="committee")
    report(titled, made)
    investigate(titled, deaths=3)
    titled.do("of-school", "Statement", "waive", {})
    decide(titled, "chair", "Decide_city", "suspend", "2026-03-02")
    assert title(titled, made).state == "suspended"
    assert titled.open_processes("incident") == 1
    if reports:
        titled.do("of-school", "Rectify", "submit", {"measures": "整改完毕", "evidence": []})
        decide(titled, "chair", "Decide_city", "none", "2026-03-02")
        assert title(titled, made).state == "active"
        assert status(titled, "incident") == ["称号不变"]
    else:
        # Ninety days end on a Sunday: they last until 24:00 of the Monday after.
        titled.move_to("2026-06-01 23:59")
        assert titled.waiting("chair", "Decide_city") == []
        titled.move_to("2026-06-02 00:00")
        decide(titled, "chair", "Decide_city", "revoke", "2026-06-02")
        assert title(titled, made).state == "revoked"


def test_r27_restored_after_the_term_waits_for_its_reinspection(titled: City) -> None:
    made = grant(titled, "school", "city", on="2021-05-01", namer="committee")
    report(titled, made)
    investigate(titled, deaths=3)
    titled.do("of-school", "Statement", "waive", {})
    decide(titled, "chair", "Decide_city", "suspend", "2026-03-02")
    titled.move_to("2026-05-20 09:00")
    assert title(titled, made).state == "suspended"
    titled.do("of-school", "Rectify", "submit", {"measures": "整改完毕", "evidence": []})
    decide(titled, "chair", "Decide_city", "none", "2026-05-20")
    assert title(titled, made).state == "pending_reinspection"


def test_r26_no_measure(titled: City) -> None:
    made = grant(titled, "school", "city", on="2026-03-01", namer="committee")
    report(titled, made)
    investigate(titled)
    state(titled, "school")
    decide(titled, "chair", "Decide_city", "none", "2026-03-02")
    assert title(titled, made).state == "active"
    assert status(titled, "incident") == ["称号不变"]


@pytest.mark.parametrize(
    ("level", "who"), [("county", "mayor"), ("city", "chair"), ("province", "province"), ("nation", "nation")]
)
@pytest.mark.parametrize(
    ("outcome", "state_after"),
    [("none", "active"), ("yellow_card", "active"), ("suspend", "suspended"), ("revoke", "revoked")],
)
def test_r26_each_naming_body_decides_of_its_own_titles(
    titled: City, level: str, who: str, outcome: str, state_after: str
) -> None:
    made = grant(titled, "village", level, on="2026-03-01", years=4)
    report(titled, made)
    investigate(titled, fraud=True)
    state(titled, "village")
    assert titled.waiting(who, f"Decide_{level}") != []
    decide(titled, who, f"Decide_{level}", outcome, "2026-03-02")
    assert title(titled, made).state == state_after


@pytest.mark.parametrize("outcome", ["keep", "revoke"])
def test_r26_every_body_may_keep_or_revoke_what_the_cascade_brings(titled: City, outcome: str) -> None:
    made = {
        level: grant(titled, "village", level, on="2026-03-01", years=4, term=False)
        for level in ("county", "city", "province", "nation")
    }
    lost = grant(titled, "village", "former", on="2026-03-01", years=4, term=False)
    tell(
        titled,
        "cascade_wanted",
        title_id=lost,
        unit_id=titled.units["village"],
        cause="incident",
        level="county",
        plan_year_id=year_id(titled),
        recommender_id=titled.bodies["qindu"],
        county_id=titled.bodies["qindu"],
    )
    recall = {"recalled_on": "2026-03-02", "note": None, "photo": []}
    titled.do("qindu", "Recall", "recalled", recall)
    letter = {"letter_number": "函〔2026〕2号", "sent_on": "2026-03-02", "text_sent": "建议撤销"}
    for level, who in (
        ("county", "mayor"),
        ("city", "chair"),
        ("province", "province"),
        ("nation", "nation"),
    ):
        if titled.waiting("clerk", "Recommend"):
            titled.do("clerk", "Recommend", "sent", letter)
        decide(titled, who, f"Decide_{level}", outcome, "2026-03-02", number=f"{level}〔2026〕1号")
        if outcome == "revoke":
            titled.do("qindu", "Recall", "recalled", recall)
    states = {title(titled, one).state for one in made.values()}
    assert states == {"active" if outcome == "keep" else "revoked"}


def test_r26_cascade_to_other_titles_and_running_applications(titled: City) -> None:
    titles = {
        level: grant(titled, "plant", level, on="2026-03-01", years=years, namer=namer)
        for level, years, namer in (
            ("county", 5, "qindu-government"),
            ("city", 5, "committee"),
            ("province", 4, None),
            ("nation", None, None),
        )
    }
    apply_for(titled, "plant", "province")
    report(titled, titles["city"])
    investigate(titled, deaths=30)
    state(titled, "plant")
    decide(titled, "chair", "Decide_city", "revoke", "2026-03-02", number="市决〔2026〕1号")
    recall = {"recalled_on": "2026-03-02", "note": None, "photo": []}
    titled.do("qindu", "Recall", "recalled", recall)
    # The county title is its own government's to decide.
    decide(titled, "mayor", "Decide_county", "keep", "2026-03-02", number="县决〔2026〕1号")
    letter = {"letter_number": "咸创绿函〔2026〕1号", "sent_on": "2026-03-02", "text_sent": "建议撤销"}
    titled.do("clerk", "Recommend", "sent", letter)
    decide(titled, "province", "Decide_province", "revoke", "2026-03-02", number="省决〔2026〕1号")
    titled.do("qindu", "Recall", "recalled", recall)
    titled.do("clerk", "Recommend", "sent", letter)
    decide(titled, "nation", "Decide_nation", "keep", "2026-03-02", number="国决〔2026〕1号")
    # The running application was told an hour ago, and the one here hears nothing.
    titled.move_to("2026-03-02 18:00")
    titled.do("clerk", "Running_told", "checked", {"remark": "已告知"})
    found = {level: title(titled, one).state for level, one in titles.items()}
    assert found == {"county": "active", "city": "revoked", "province": "revoked", "nation": "active"}
    assert [(one["level"], one["cause"]) for one in sent(titled, "title_lost")] == [
        ("city", "incident"),
        ("province", "cascade"),
    ]
    assert titled.ended_at("revocation_cascade") == ["End"]


def test_r26_other_titles_are_reviewed_while_a_plaque_is_still_out(titled: City) -> None:
    lower = grant(titled, "plant", "county", on="2026-03-01", namer="qindu-government")
    lost = grant(titled, "plant", "city", on="2026-03-01", namer="committee")
    report(titled, lost)
    investigate(titled, deaths=30)
    state(titled, "plant")
    decide(titled, "chair", "Decide_city", "revoke", "2026-03-02", number="市决〔2026〕1号")
    assert titled.task("qindu", "Recall").row.title == "演示plant：市级绿色单位牌匾收回"
    decide(titled, "mayor", "Decide_county", "revoke", "2026-03-02", number="县决〔2026〕1号")
    assert title(titled, lower).state == "revoked"
    titled.move_to("2026-03-02 18:00")
    assert titled.ended_at("revocation_cascade") == ["End"]
    # Both plaques are asked for, each in a matter of its own.
    recalls = {one.title for one in titled.waiting("qindu", "Recall")}
    assert recalls == {"演示plant：市级绿色单位牌匾收回", "演示plant：县级绿色单位牌匾收回"}


def test_r28_a_failed_higher_title_leaves_the_lower_one(titled: City) -> None:
    lower = grant(titled, "school", "county", on="2026-03-01", years=20, namer="qindu-government")
    higher = grant(titled, "school", "city", on="2026-03-01", namer="committee")
    titled.move_to("2030-10-01 09:00")
    titled.do("of-school", "Self_check", "decline", {}, opinion="放弃")
    decide(titled, "chair", "Decide_city", "cancel", "2030-10-01")
    titled.do("education", "Recall", "recalled", {"recalled_on": "2030-10-01", "note": None, "photo": []})
    titled.do("clerk", "Keep", "confirmed", {"remark": None})
    assert (title(titled, lower).state, title(titled, higher).state) == ("active", "revoked")


def test_r28_a_failed_lower_title_puts_the_higher_ones_to_review(titled: City) -> None:
    grant(titled, "village", "county", on="2026-03-01", namer="qindu-government")
    city = grant(titled, "village", "city", on="2026-03-01", years=20, namer="committee")
    grant(titled, "village", "province", on="2026-03-01", years=20)
    titled.move_to("2030-10-01 09:00")
    titled.do("of-village", "Self_check", "decline", {}, opinion="放弃")
    decide(titled, "mayor", "Decide_county", "cancel", "2030-10-01")
    titled.do("qindu", "Recall", "recalled", {"recalled_on": "2030-10-01", "note": None, "photo": []})
    decide(titled, "chair", "Decide_city", "revoke", "2030-10-01", number="市决〔2030〕2号")
    assert title(titled, city).state == "revoked"
    titled.do("qindu", "Recall", "recalled", {"recalled_on": "2030-10-01", "note": None, "photo": []})
    titled.do(
        "clerk",
        "Recommend",
        "sent",
        {"letter_number": "函〔2030〕1号", "sent_on": "2030-10-01", "text_sent": "通报"},
    )
    decide(titled, "province", "Decide_province", "keep", "2030-10-01", number="省决〔2030〕2号")
    titled.move_to("2030-10-01 18:00")
    assert titled.ended_at("revocation_cascade") == ["End"]


def test_r26_a_revocation_ends_a_running_reinspection_and_the_other_way_round(titled: City) -> None:
    first = grant(titled, "village", "county", on="2026-03-01", namer="qindu-government")
    second = grant(titled, "plant", "county", on="2026-03-01", namer="qindu-government")
    titled.move_to("2030-10-01 09:00")
    assert titled.open_processes("reinspection") == 2
    report(titled, first)
    investigate(titled, deaths=30)
    state(titled, "village")
    decide(titled, "mayor", "Decide_county", "revoke", "2030-10-01", number="一")
    assert titled.open_processes("reinspection") == 1
    report(titled, second)
    titled.do("clerk", "Prima_facie", "accept", {"finding": "属实"})
    titled.do("of-plant", "Self_check", "decline", {}, opinion="放弃")
    decide(titled, "mayor", "Decide_county", "cancel", "2030-10-01", number="二")
    assert titled.waiting("clerk") == []
    assert titled.open_processes("incident") == 0
    assert (title(titled, first).state, title(titled, second).state) == ("revoked", "revoked")


def test_r26_recalled_plaque_is_registered(titled: City) -> None:
    made = grant(titled, "village", "county", on="2026-03-01", namer="qindu-government")
    report(titled, made)
    investigate(titled, deaths=30)
    state(titled, "village")
    decide(titled, "mayor", "Decide_county", "revoke", "2026-03-02")
    titled.do(
        "qindu",
        "Recall",
        "missing",
        {"recalled_on": "2026-03-02", "note": None, "photo": []},
        opinion="已遗失",
    )
    with titled.system.database.read() as connection:
        assert connection.scalar(select(plaque.c.state).where(plaque.c.title_id == made)) == "lost"


@pytest.mark.parametrize(
    ("facts", "severity"),
    [
        ({"deaths": 30}, "Ⅰ"),
        ({"poisoned": 100}, "Ⅰ"),
        ({"moved": 50_000}, "Ⅰ"),
        ({"loss": 10_000}, "Ⅰ"),
        ({"water": "city"}, "Ⅰ"),
        ({"deaths": 29}, "Ⅱ"),
        ({"deaths": 10}, "Ⅱ"),
        ({"poisoned": 50}, "Ⅱ"),
        ({"moved": 10_000}, "Ⅱ"),
        ({"loss": 2_000}, "Ⅱ"),
        ({"water": "county"}, "Ⅱ"),
        ({"fraud": True}, "其他"),
        ({"deaths": 9}, "Ⅲ"),
        ({"deaths": 3}, "Ⅲ"),
        ({"poisoned": 10}, "Ⅲ"),
        ({"moved": 5_000}, "Ⅲ"),
        ({"loss": 500}, "Ⅲ"),
        ({"water": "township"}, "Ⅲ"),
        ({"penalty": True}, "Ⅳ"),
        ({"deaths": 2}, "Ⅳ"),
        ({}, "Ⅳ"),
    ],
)
def test_r26_severity_is_advice_by_the_national_classes(facts: dict[str, Any], severity: str) -> None:
    table, _ = read_decision(
        "decisions/incident_severity.dmn", (ROOT / "workflows/decisions/incident_severity.dmn").read_bytes()
    )
    assert table is not None
    assert table.evaluate({**NOTHING, **facts}, {})["severity"] == severity


def test_r09_who_reports_an_incident_reports_of_its_own_units_and_reads_no_more(titled: City) -> None:
    secret = grant(titled, "barracks", "city", on="2026-03-01", namer="committee")
    own = grant(titled, "village", "county", on="2026-03-01", namer="qindu-government")
    with pytest.raises(Invalid, match="可选范围"):
        report(titled, secret, who="qindu")
    for made, who in ((own, "qindu"), (secret, "clerk")):
        report(titled, made, who=who)
        titled.do("clerk", "Prima_facie", "accept", {"finding": "属实"})
        titled.do("clerk", "Investigate", "found", {**NOTHING, "deaths": 30, "finding": "查明", "report": []})
    with titled.system.database.read() as connection:
        incidents = connection.scalars(
            select(tables.matter.c.id).where(tables.matter.c.process_key == "incident")
        ).all()
    seen = []
    for one in incidents:
        assert matters.get(titled.system, titled.people["clerk"], one)
        with contextlib.suppress(NotFound):
            seen.append(matters.get(titled.system, titled.people["qindu"], one).row.unit_id)
    assert len(incidents) == 2
    assert seen == [titled.units["village"]]
