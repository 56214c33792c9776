"""What a plan year's people fill in, for tests that need a year under way."""

from typing import Any

from sqlalchemy import Connection

from service.campaign import plans
from service.inbox import TaskView
from tests.workflows.city import City, Data, rows_of

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
        "settings": rows_of(view, "settings", value=lambda row: changed.get(row.id, row.attributes["value"])),
    }


def publish_plan(city: City, **settings: str) -> None:
    """Take a plan year from its beginning to its publication."""
    city.start("clerk", "annual_plan", year=2026, plan_title="2026 年方案")
    city.do("clerk", "draft_plan", "submit", lambda view: draft_data(view, settings=settings))
    for who in ("member-1", "member-2"):
        city.do(who, "countersign", "agree")
    city.do("chair", "approve", "approve")
    city.do("clerk", "issue", "issue", {"document_number": PLAN, "decided_on": "2026-03-02"})


#: A split of the places over the city's four bodies: 22, 10 and 3.
SHARES = {"qindu": (8, 4, 1), "sanyuan": (6, 2, 1), "education": (6, 3, 1), "garrison": (2, 1, 0)}


def split_data(
    city: City, view: TaskView, shares: dict[str, tuple[int, int, int]] | None = None
) -> dict[str, Any]:
    """Fill in the grid of the split."""
    by_id = {city.bodies[code]: places for code, places in (shares or SHARES).items()}

    def cell(index: int) -> Any:
        return lambda row: by_id[row.id][index]

    return {
        "shares": rows_of(view, "shares", city=cell(0), province=cell(1), nation=cell(2)),
        "reason": "演示",
    }


def issue_split(city: City) -> None:
    """Take the split of the places to its issue; everybody confirms."""
    city.do("clerk", "draft", "submit", lambda view: split_data(city, view))
    for who in SHARES:
        city.do(who, "confirm", "confirm", {})
    city.do("chair", "approve", "approve")
    city.do("clerk", "issue_split", "issue", {"document_number": SPLIT, "issued_on": "2026-03-02"})


def working_body() -> dict[str, Any]:
    """Fill in the working body."""
    return {
        "body_name": "创绿工作领导小组",
        "leader": "演示组长",
        "contact": "演示联络员",
        "contact_phone": "000-1111",
        "members": [{"name": "演示成员", "post": "办公室"}],
    }


def targets(city: City, *wanted: tuple[str, str]) -> dict[str, Any]:
    """Fill in the units to bring to a title."""
    return {"targets": [{"unit": city.units[unit], "level": level} for unit, level in wanted]}


def scheme(view: TaskView) -> dict[str, Any]:
    """Fill in the scheme: a task and a figure for every work item it lists."""
    return {
        "outline": "围绕工作要点开展创建",
        "scheme_due_on": "2026-06-30",
        "tasks": rows_of(view, "tasks", task=lambda row: f"完成 {row.id}", target=10, responsible="演示科室"),
    }


#: A unit each body means to bring to a title.
TARGET = {
    "qindu": ("village", "county"),
    "sanyuan": ("hotel", "county"),
    "education": ("school", "city"),
    "garrison": ("barracks", "city"),
}


def hand_in(
    city: City,
    who: str,
    *,
    check: bool = True,
    parts: tuple[str, ...] = ("body", "targets", "scheme"),
) -> None:
    """Hand in a body's deliverables, and have the office accept them."""
    filled: dict[str, Data] = {
        "body": working_body(),
        "targets": targets(city, TARGET[who]),
        "scheme": scheme,
    }
    for part in parts:
        city.do(who, f"do_{part}", "submit", filled[part])
    if check:
        for part in parts:
            city.do("clerk", f"check_{part}", "accept", {})


def report(view: TaskView, *, figure: float = 3) -> dict[str, Any]:
    """Fill in a progress report: a figure for every task of the scheme."""
    return {"summary": "本月开展各项工作", "figures": rows_of(view, "figures", figure=figure)}
