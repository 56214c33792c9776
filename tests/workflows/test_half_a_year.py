"""The first half of the year in one go: plan, split, preparation, a report, an extension, a supervision."""

from service.campaign import progress, quotas, supervision
from tests.workflows.city import City
from tests.workflows.year import hand_in, issue_split, publish_plan, report, year_id


def test_the_plan_the_split_a_report_and_a_supervision(city: City) -> None:
    publish_plan(city, quota_mode="cap")
    issue_split(city)
    city.move_to("2026-03-20 09:00")
    hand_in(city, "qindu")
    city.move_to("2026-04-24 09:00")
    city.do("qindu", "report", "submit", report)
    city.do("clerk", "guide", "give", {"guidance": "请加快"})
    city.start(
        "sanyuan",
        "window_extension",
        plan_year_id=year_id(city),
        window="submission",
        scope="one",
        for_body_id=city.bodies["sanyuan"],
        extended_to="2026-08-12",
        reason="暴雨影响报送",
    )
    decided = {
        "granted_to": "2026-08-12",
        "document_number": "咸创绿办〔2026〕3号",
        "decided_on": "2026-04-24",
    }
    city.do("head", "decide_head", "approve", decided)
    with city.system.database.read() as connection:
        year = year_id(city)
        assert [one.guidance for one in progress.reports(connection, year)] == ["请加快"]
        assert quotas.places(connection, year, city.bodies["qindu"], "city") == 8
        assert supervision.list_cases(connection, year) == []
    assert len(city.waiting("clerk", "issue")) == 3
