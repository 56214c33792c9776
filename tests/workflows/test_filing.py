"""County filings as the diagram draws them: due a month after the naming, two receipts, late, returned, zero (R29)."""

from typing import Any

import pytest

from service import files
from service.campaign import filings
from service.engine.tables import read_decision
from tests.workflows.city import ROOT, City, rows_of
from tests.workflows.titled import grant, sent, tell, year_id


def filing(city: City) -> filings.Filing:
    """The one filing there is."""
    with city.system.database.read() as connection:
        found = filings.list_filings(connection, year_id(city))
    assert len(found) == 1
    return found[0]


def name(city: City, on: str, *, nil: bool = False) -> None:
    """Let a county have named a unit on a day, or nobody."""
    made = [] if nil else [grant(city, "village", "county", on=on, term=False)]
    tell(
        city,
        "county_filing_wanted",
        plan_year_id=year_id(city),
        county_id=city.bodies["qindu"],
        organisation_id=city.bodies["qindu"],
        nil_return=nil,
        named_on=on,
        decision_number=None if nil else "秦政发〔2026〕5号",
        title_ids=made,
    )


def submit(city: City, step: str = "Prepare") -> None:
    """The county sends roster and materials."""
    city.do(
        "qindu",
        step,
        "submit",
        lambda view: {
            "roster": rows_of(view, "roster", contact="演示联系人", remark=None),
            "letter": "报请备案",
            "materials": [material(city)],
            "paper_sent_on": None,
        },
    )


def material(city: City) -> dict[str, Any]:
    """A file the county has uploaded."""
    made = files.upload(city.system, city.people["qindu"], "名册.pdf", b"%PDF-1.4\n%demo\n")
    return {"id": made.id}


def receive(
    city: City,
    *,
    paper_on: str,
    electronic: str = "receive",
    paper: str = "receive",
    paper_step: str = "Paper",
) -> None:
    """The office deals with both parts."""
    city.do(
        "clerk",
        "Electronic",
        electronic,
        {"readable": True, "consistent": True, "remark": None},
        opinion=None if electronic == "receive" else "名册有误",
    )
    city.do(
        "clerk",
        paper_step,
        paper,
        {"received_on": paper_on, "registrar": "登记人", "consistent": True, "remark": None},
        opinion=None if paper == "receive" else "缺章",
    )


def test_r29_filed_in_time_with_two_receipts(titled: City) -> None:
    titled.move_to("2026-06-01 09:00")
    name(titled, "2026-06-01")
    assert str(filing(titled).due_on) == "2026-07-01"
    titled.move_to("2026-06-20 10:00")
    submit(titled)
    sealed = filing(titled).package_sha256
    assert sealed is not None
    assert len(sealed) == 64
    receive(titled, paper_on="2026-06-20")
    done = filing(titled)
    assert (done.state, done.late, done.number) == ("filed", False, "咸创绿备〔2026〕1号")
    assert sent(titled, "supervision_wanted") == []


@pytest.mark.parametrize(
    ("named_on", "due_on"),
    [
        # 31 January: February has no such day, so its last one (Civil Code 202): 28 February 2026, a Saturday on
        # which the official list makes people work.
        ("2026-01-31", "2026-02-28"),
        # 1 September to 1 October: 国庆; the next working day is 8 October (203).
        ("2026-09-01", "2026-10-08"),
        ("2026-03-02", "2026-04-02"),
    ],
)
def test_r29_due_day(titled: City, named_on: str, due_on: str) -> None:
    if named_on > "2026-03-02":
        titled.move_to(f"{named_on} 12:00")
    name(titled, named_on)
    assert str(filing(titled).due_on) == due_on


def test_r29_last_minute_is_in_time_and_the_next_is_late(titled: City) -> None:
    titled.move_to("2026-06-01 09:00")
    name(titled, "2026-06-01")
    titled.move_to("2026-07-01 23:59")
    assert sent(titled, "supervision_wanted") == []
    titled.move_to("2026-07-02 00:00")
    wanted = sent(titled, "supervision_wanted")
    assert [one["organisation_id"] for one in wanted] == [titled.bodies["qindu"]]
    submit(titled)
    receive(titled, paper_on="2026-07-02")
    done = filing(titled)
    assert (done.state, done.late) == ("filed", True)


def test_r29_half_late_is_flagged_and_accepted(titled: City) -> None:
    titled.move_to("2026-06-01 09:00")
    name(titled, "2026-06-01")
    submit(titled)
    titled.move_to("2026-07-02 09:00")
    assert len(sent(titled, "supervision_wanted")) == 1
    receive(titled, paper_on="2026-07-02")
    assert (filing(titled).state, filing(titled).late) == ("filed", True)


def test_r29_returned_for_correction_keeps_its_first_day(titled: City) -> None:
    titled.move_to("2026-06-01 09:00")
    name(titled, "2026-06-01")
    titled.move_to("2026-07-01 22:00")
    submit(titled)
    receive(titled, paper_on="2026-07-01", electronic="return", paper="return")
    titled.move_to("2026-07-06 09:00")
    submit(titled, "Correct")
    titled.move_to("2026-07-07 09:00")
    receive(titled, paper_on="2026-07-06", paper_step="Paper_again")
    done = filing(titled)
    assert (done.state, done.late, str(done.paper_arrived_on)) == ("filed", False, "2026-07-01")
    # The month's clock stopped when both parts first came: nobody is supervised for being late.
    assert sent(titled, "supervision_wanted") == []


def test_r29_a_paper_part_returned_more_than_once(titled: City) -> None:
    titled.move_to("2026-06-01 09:00")
    name(titled, "2026-06-01")
    submit(titled)
    receive(titled, paper_on="2026-06-01", paper="return")
    for paper in ("return", "receive"):
        submit(titled, "Correct")
        titled.do(
            "clerk",
            "Paper_again",
            paper,
            {"received_on": "2026-06-01", "registrar": "登记人", "consistent": True, "remark": None},
            opinion=None if paper == "receive" else "缺章",
        )
    assert filing(titled).state == "filed"


@pytest.mark.parametrize("nil", [False, True])
def test_r29_a_correction_has_its_own_clock(titled: City, *, nil: bool) -> None:
    titled.move_to("2026-06-01 09:00")
    name(titled, "2026-06-01", nil=nil)
    titled.move_to("2026-07-01 22:00")
    if nil:
        titled.do("qindu", "Nil", "submit", {"statement": "本年度未命名"})
        titled.move_to("2026-07-03 10:00")
        looked = {"readable": True, "consistent": True, "remark": None}
        titled.do("clerk", "Nil_receipt", "return", looked, opinion="请盖章")
    else:
        submit(titled)
        receive(titled, paper_on="2026-07-01", paper="return")
    # Five working days after the return, whatever the month says.
    titled.move_to("2026-07-08 23:59")
    assert sent(titled, "supervision_wanted") == []
    titled.move_to("2026-07-11 00:00")
    wanted = sent(titled, "supervision_wanted")
    assert [one["reason"] for one in wanted] == ["县级命名备案退回更正后，五个工作日内未重新报送"]


def test_r29_only_the_part_returned_is_received_again(titled: City) -> None:
    titled.move_to("2026-06-01 09:00")
    name(titled, "2026-06-01")
    submit(titled)
    receive(titled, paper_on="2026-06-01", electronic="return")
    submit(titled, "Correct")
    assert [one.element_id for one in titled.waiting("clerk")] == ["Electronic"]
    titled.do("clerk", "Electronic", "receive", {"readable": True, "consistent": True, "remark": None})
    assert filing(titled).state == "filed"


def test_r29_zero_report(titled: City) -> None:
    titled.move_to("2026-06-01 09:00")
    name(titled, "2026-06-01", nil=True)
    titled.do("qindu", "Nil", "submit", {"statement": "本年度未命名"})
    titled.do(
        "clerk",
        "Nil_receipt",
        "return",
        {"readable": True, "consistent": True, "remark": None},
        opinion="请盖章",
    )
    titled.do("qindu", "Correct_nil", "submit", {"statement": "本年度未命名，已盖章"})
    titled.do("clerk", "Nil_receipt", "receive", {"readable": True, "consistent": True, "remark": None})
    assert (filing(titled).state, filing(titled).late) == ("filed", False)


def test_r29_zero_report_late(titled: City) -> None:
    titled.move_to("2026-06-01 09:00")
    name(titled, "2026-06-01", nil=True)
    titled.move_to("2026-07-02 00:01")
    assert len(sent(titled, "supervision_wanted")) == 1
    titled.do("qindu", "Nil", "submit", {"statement": "本年度未命名"})
    titled.do("clerk", "Nil_receipt", "receive", {"readable": True, "consistent": True, "remark": None})
    assert filing(titled).late


def test_r29_reminded_ten_and_three_days_before(titled: City) -> None:
    titled.move_to("2026-06-01 09:00")
    name(titled, "2026-06-01")
    for before, day in (("2026-06-21 23:59", "2026-06-22 00:00"), ("2026-06-28 23:59", "2026-06-29 00:00")):
        titled.move_to(before)
        earlier = titled.waiting("qindu", "Prepare")[0].reminded_at
        titled.move_to(day)
        reminded = titled.waiting("qindu", "Prepare")[0].reminded_at
        assert reminded is not None
        assert reminded != earlier


@pytest.mark.parametrize(
    ("nil", "electronic_on", "paper_on", "status"),
    [
        (True, "2026-07-01", None, "on_time"),
        (True, "2026-07-02", None, "late"),
        (False, "2026-07-01", "2026-07-01", "on_time"),
        (False, "2026-07-02", "2026-07-01", "half"),
        (False, "2026-07-01", "2026-07-02", "half"),
        (False, "2026-07-02", "2026-07-02", "late"),
    ],
)
def test_r29_every_row_of_timeliness(
    *, nil: bool, electronic_on: str, paper_on: str | None, status: str
) -> None:
    table, _ = read_decision(
        "decisions/filing_status.dmn", (ROOT / "workflows/decisions/filing_status.dmn").read_bytes()
    )
    assert table is not None
    given = {
        "nil_return": nil,
        "due_on": "2026-07-01",
        "filing": {"electronic_on": electronic_on, "paper_on": paper_on},
    }
    assert table.evaluate(given, {})["status"] == status
