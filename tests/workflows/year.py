"""What a plan year's people fill in, for tests that need a year under way."""

from typing import Any

from sqlalchemy import Connection

from service.campaign import plans
from service.inbox import TaskView
from tests.workflows.city import City, rows_of

PLAN = "咸创绿发〔2026〕1号"
SPLIT = "咸创绿发〔2026〕2号"


def plan_year(connection: Connection) -> plans.PlanYear:
    """Return the one plan year there is."""
    (found,) = plans.list_years(connection)
    return found


def year_id(city: City) -> str:
    """Return the id of the one plan year there is."""
    with city.system.database.read() as connection:
        return plan_year(connection).id


def draft_data(view: TaskView, *, total: int = 35, settings: dict[str, str] | None = None) -> dict[str, Any]:
    """Fill in the plan with what it starts from, some settings decided otherwise."""
    changed = settings or {}
    return {
        "total": total,
        "levels": rows_of(view, "levels", places=lambda row: row.attributes["places"]),
        "windows": rows_of(
            view,
            "windows",
            opens=lambda row: row.attributes["opens"],
            closes=lambda row: row.attributes["closes"],
        ),
        "settings": rows_of(
            view, "settings", value=lambda row: changed.get(row.id, row.attributes["value"])
        ),
    }


def publish_plan(city: City, **settings: str) -> None:
    """Take a plan year from its beginning to its publication."""
    city.start("clerk", "annual_plan", year=2026, plan_title="2026 年方案")
    city.do("clerk", "draft_plan", "submit", lambda view: draft_data(view, settings=settings))
    for who in ("member-1", "member-2"):
        city.do(who, "countersign", "agree")
    city.do("chair", "approve", "approve")
    city.do("clerk", "issue", "issue", {"document_number": PLAN, "decided_on": "2026-03-02"})
