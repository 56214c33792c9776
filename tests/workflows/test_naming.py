"""The city level from the application to the plaque (R07, R14, R23, R24)."""

from service.campaign import titles
from tests.workflows.applying import (
    deliberate,
    inspect,
    name_them,
    post,
    the_application,
    to_the_office,
)
from tests.workflows.city import City, rows_of
from tests.workflows.titled import sent


def test_r23_the_committee_names_after_inspection_deliberation_and_notice(applying: City) -> None:
    city = applying
    to_the_office(city, "school", "education")
    city.move_to("2026-08-11 09:00")
    inspect(city, "school")
    assert the_application(city, "school").state == "scored"
    deliberate(city)
    assert the_application(city, "school").state == "approved"
    post(city)
    city.move_to("2026-08-20 09:00")
    city.do("poster", "Conclude", "close", {"closing_text": "无异议"})
    assert the_application(city, "school").state == "naming"
    name_them(city)
    mine = the_application(city, "school")
    assert (mine.state, mine.closed) == ("named", True)
    with city.system.database.read() as connection:
        held = titles.current(connection, city.units["school"], "city")
    assert held is not None
    assert held.decision_number == "咸创绿发〔2026〕1号"
    assert held.number == "咸绿市〔2026〕001号"
    assert mine.number == "市绿申〔2026〕001号"
    assert held.valid_to is not None
    assert held.valid_to.isoformat() == "2031-08-20"
    assert [one["result"] for one in sent(city, "application_finished")] == ["named"]
    assert [one["title_id"] for one in sent(city, "title_granted")] == [held.id]
    city.do(
        "clerk",
        "Plaques",
        "done",
        lambda view: {"plaques": rows_of(view, "plaques", handed_on="2026-08-20", taken_by="张三")},
    )
    assert city.ended_at("municipal_naming") == ["End"]
