"""Plan years: their levels, windows and work items, from the draft to the year's close."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from service.campaign import settings
from service.campaign.calendar import Window, parse_day
from service.clock import city_day
from service.errors import Conflict, Invalid, NotFound, Text
from service.store import procedure as procedure_tables
from service.store.ids import new_id
from service.store.plan import plan_level, plan_window, plan_work_item, plan_year

#: Files of a deployment that hold the defaults of a plan year.
SETTINGS_FILE = "settings.toml"
WORK_ITEMS_FILE = "work_items.toml"


@dataclass(frozen=True, slots=True)
class PlanYear:
    """One year of the campaign; `deployment_id` pins the procedure its matters run under."""

    id: str
    year: int
    title: str
    state: str
    total: int
    deployment_id: str | None
    matter_id: str | None
    document_number: str | None
    decided_on: date | None
    published_at: datetime | None
    closed_at: datetime | None
    closing_note: str | None


@dataclass(frozen=True, slots=True)
class Level:
    """A level of titles in a plan year; `places` is the city-wide target, None where the plan sets none (G7)."""

    code: str
    position: int
    label: Text
    places: int | None
    source: Text


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A checkable item of the work plan; empty kinds mean all."""

    code: str
    position: int
    priority: str
    text: Text
    kinds: tuple[str, ...]
    organisation_kinds: tuple[str, ...]
    measure: Text

    def applies_to_organisation(self, kind: str) -> bool:
        """Whether the scheme of an organisation of this kind carries the item."""
        return not self.organisation_kinds or kind in self.organisation_kinds


def get(connection: Connection, plan_year_id: str) -> PlanYear:
    """Return a plan year. Raises `NotFound`."""
    row = connection.execute(select(plan_year).where(plan_year.c.id == plan_year_id)).one_or_none()
    if row is None:
        raise NotFound(Text("没有这个计划年度", "There is no such plan year"))
    return _year(row)


def list_years(connection: Connection) -> list[PlanYear]:
    """Return all plan years, newest first."""
    return [_year(row) for row in connection.execute(select(plan_year).order_by(plan_year.c.year.desc()))]


def current(connection: Connection, at: datetime) -> PlanYear | None:
    """Return the published plan year of today's calendar year, else the newest one published before it."""
    this_year = city_day(at).year
    published = [one for one in list_years(connection) if one.state == "published"]
    return next((one for one in published if one.year <= this_year), published[-1] if published else None)


def levels(connection: Connection, plan_year_id: str) -> list[Level]:
    """Return the levels of a plan year from the lowest to the highest."""
    rows = connection.execute(
        select(plan_level).where(plan_level.c.plan_year_id == plan_year_id).order_by(plan_level.c.position)
    )
    return [
        Level(
            row.level,
            row.position,
            Text(row.label_zh, row.label_en),
            row.places,
            Text(row.source_zh, row.source_en),
        )
        for row in rows
    ]


def work_items(connection: Connection, plan_year_id: str) -> list[WorkItem]:
    """Return the work items of a plan year in the order of the work plan."""
    rows = connection.execute(
        select(plan_work_item)
        .where(plan_work_item.c.plan_year_id == plan_year_id)
        .order_by(plan_work_item.c.position)
    )
    return [
        WorkItem(
            row.code,
            row.position,
            row.priority,
            Text(row.text_zh, row.text_en),
            tuple(row.kinds or ()),
            tuple(row.organisation_kinds or ()),
            Text(row.measure_zh, row.measure_en),
        )
        for row in rows
    ]


def read_defaults(connection: Connection, deployment_id: str, path: str) -> Mapping[str, Any]:
    """Return a defaults file (TOML) of a deployment. Raises `Conflict` when the deployment has none."""
    found = find_defaults(connection, deployment_id, path)
    if found is None:
        raise Conflict(
            Text(
                f"当前流程版本没有 {path}，无法建立年度方案；请发布含该文件的版本",
                f"The procedure in force has no {path}; publish one that has it to make a plan year",
            ),
            file=path,
        )
    return found


def find_defaults(connection: Connection, deployment_id: str, path: str) -> Mapping[str, Any] | None:
    """Return a defaults file (TOML) of a deployment, None when it has none."""
    data = connection.scalar(
        select(procedure_tables.blob.c.data)
        .join(
            procedure_tables.deployment_file,
            procedure_tables.deployment_file.c.sha256 == procedure_tables.blob.c.sha256,
        )
        .where(
            procedure_tables.deployment_file.c.deployment_id == deployment_id,
            procedure_tables.deployment_file.c.path == path,
        )
    )
    return tomllib.loads(bytes(data).decode()) if data is not None else None


def draft(
    connection: Connection,
    year: int,
    title: str,
    *,
    deployment_id: str,
    matter_id: str | None,
    at: datetime,
    by: str | None,
) -> PlanYear:
    """Make the draft of a plan year with the defaults of a deployment; again for the same matter it renames it.

    Raises `Conflict` when another matter already made this year, `Invalid` for an unlikely year.
    """
    if not 2000 <= year <= 2100:
        raise Invalid(Text(f"年度 {year} 不合理", f"{year} is no likely plan year"))
    known = connection.execute(select(plan_year).where(plan_year.c.year == year)).one_or_none()
    if known is not None:
        if known.state != "draft" or known.matter_id != matter_id:
            raise Conflict(
                Text(f"{year} 年度方案已经存在", f"There already is a plan for {year}"), plan_year_id=known.id
            )
        connection.execute(update(plan_year).where(plan_year.c.id == known.id).values(title=title))
        return get(connection, known.id)
    defaults = read_defaults(connection, deployment_id, SETTINGS_FILE)
    items = read_defaults(connection, deployment_id, WORK_ITEMS_FILE)
    plan_year_id = new_id()
    connection.execute(
        insert(plan_year).values(
            id=plan_year_id,
            year=year,
            title=title,
            state="draft",
            total=sum(one.get("places", 0) for one in defaults["levels"]),
            deployment_id=deployment_id,
            matter_id=matter_id,
            created_at=at,
            created_by=by,
        )
    )
    _store_defaults(connection, plan_year_id, year, defaults, items)
    return get(connection, plan_year_id)


def set_targets(connection: Connection, plan_year_id: str, total: int, places: Mapping[str, int]) -> None:
    """Set the total and each level's places of a draft (R02 to R05). Raises `Invalid` unless they add up."""
    require_draft(connection, plan_year_id)
    known = {one.code: one for one in levels(connection, plan_year_id)}
    for code, number in places.items():
        if code not in known:
            raise Invalid(Text(f"没有级别 {code}", f"There is no level {code}"), level=code)
        if number < 0:
            raise Invalid(
                Text(
                    f"{known[code].label.zh}名额不能为负",
                    f"{known[code].label.en}: places cannot be negative",
                )
            )
    if total != sum(places.values()):
        parts = " + ".join(str(number) for number in places.values())
        raise Invalid(
            Text(
                f"总目标 {total} 与各级之和 {parts} = {sum(places.values())} 不一致，请改正其中之一",
                f"The total {total} differs from the levels' sum {parts} = {sum(places.values())}",
            )
        )
    for code, number in places.items():
        connection.execute(
            update(plan_level)
            .where(plan_level.c.plan_year_id == plan_year_id, plan_level.c.level == code)
            .values(places=number)
        )
    connection.execute(update(plan_year).where(plan_year.c.id == plan_year_id).values(total=total))


def set_windows(connection: Connection, plan_year_id: str, days: Mapping[str, tuple[date, date]]) -> None:
    """Set first and last day of windows of a draft (R11 to R14).

    Raises `Invalid` when a window ends before it begins, begins before the one before it has ended, or lies
    outside the plan's calendar year.
    """
    year = require_draft(connection, plan_year_id).year
    rows = connection.execute(
        select(plan_window).where(plan_window.c.plan_year_id == plan_year_id).order_by(plan_window.c.position)
    ).all()
    unknown = days.keys() - {row.name for row in rows}
    if unknown:
        raise Invalid(Text(f"没有窗口 {sorted(unknown)[0]}", f"There is no window {sorted(unknown)[0]}"))
    before: tuple[str, date] | None = None
    for row in rows:
        opens, closes = days.get(row.name, (row.opens_on, row.closes_on))
        Window(opens, closes)
        if opens.year != year or closes.year != year:
            raise Invalid(
                Text(
                    f"“{row.label_zh}”的日期 {opens} 至 {closes} 不在 {year} 年内",
                    f"“{row.label_en}”: {opens} to {closes} is not within {year}",
                )
            )
        if before is not None and opens <= before[1]:
            raise Invalid(
                Text(
                    f"“{row.label_zh}”自 {opens} 开始，而“{before[0]}”到 {before[1]} 才结束，请改正",
                    f"“{row.label_en}” begins on {opens} before the phase before it ends on {before[1]}",
                )
            )
        before = (row.label_zh, closes)
        connection.execute(
            update(plan_window)
            .where(plan_window.c.plan_year_id == plan_year_id, plan_window.c.name == row.name)
            .values(opens_on=opens, closes_on=closes)
        )


def publish(
    connection: Connection,
    plan_year_id: str,
    *,
    document_number: str,
    decided_on: date,
    deployment_id: str,
    at: datetime,
) -> PlanYear:
    """Put a drafted plan year in force and pin the procedure its matters run under.

    Raises `Conflict` unless it is a draft, `Invalid` without a document number or with a day still to come.
    """
    require_draft(connection, plan_year_id)
    if not document_number.strip():
        raise Invalid(Text("请填写发文字号", "Give the document number"))
    if decided_on > city_day(at):
        raise Invalid(Text("印发日期不能晚于今天", "The day of issue cannot be later than today"))
    connection.execute(
        update(plan_year)
        .where(plan_year.c.id == plan_year_id)
        .values(
            state="published",
            document_number=document_number.strip(),
            decided_on=decided_on,
            deployment_id=deployment_id,
            published_at=at,
        )
    )
    return get(connection, plan_year_id)


def close(connection: Connection, plan_year_id: str, note: str, *, at: datetime) -> PlanYear:
    """Close a published plan year; what is open goes on, but nothing of the plan changes any more."""
    if get(connection, plan_year_id).state != "published":
        raise Conflict(Text("只有执行中的年度可以归档", "Only a plan year in force can be closed"))
    connection.execute(
        update(plan_year)
        .where(plan_year.c.id == plan_year_id)
        .values(state="closed", closed_at=at, closing_note=note)
    )
    return get(connection, plan_year_id)


def require_draft(connection: Connection, plan_year_id: str) -> PlanYear:
    """Return a plan year that may still be changed. Raises `Conflict` otherwise."""
    one = get(connection, plan_year_id)
    if one.state != "draft":
        raise Conflict(
            Text(f"{one.year} 年度方案已印发，不能再改", f"The plan of {one.year} is issued and stays")
        )
    return one


def _store_defaults(
    connection: Connection,
    plan_year_id: str,
    year: int,
    defaults: Mapping[str, Any],
    items: Mapping[str, Any],
) -> None:
    settings.store_defaults(connection, plan_year_id, defaults["settings"])
    connection.execute(delete(plan_level).where(plan_level.c.plan_year_id == plan_year_id))
    connection.execute(
        insert(plan_level),
        [
            {
                "plan_year_id": plan_year_id,
                "level": one["code"],
                "position": position,
                "label_zh": one["label"],
                "label_en": one["label_en"],
                "places": one.get("places"),
                "source_zh": one["source"],
                "source_en": one["source_en"],
            }
            for position, one in enumerate(defaults["levels"])
        ],
    )
    connection.execute(
        insert(plan_window),
        [
            {
                "plan_year_id": plan_year_id,
                "name": one["name"],
                "position": position,
                "label_zh": one["label"],
                "label_en": one["label_en"],
                "opens_on": parse_day(f"{year}-{one['opens']}"),
                "closes_on": parse_day(f"{year}-{one['closes']}"),
                "source_zh": one["source"],
                "source_en": one["source_en"],
            }
            for position, one in enumerate(defaults["windows"])
        ],
    )
    connection.execute(insert(plan_work_item), list(_items(plan_year_id, items["items"])))


def _items(plan_year_id: str, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "plan_year_id": plan_year_id,
            "code": one["code"],
            "position": position,
            "priority": one["priority"],
            "text_zh": one["text"],
            "text_en": one["text_en"],
            "kinds": list(one.get("kinds", ())),
            "organisation_kinds": list(one.get("organisation_kinds", ())),
            "measure_zh": one["measure"],
            "measure_en": one["measure_en"],
        }
        for position, one in enumerate(items)
    ]


def _year(row: Any) -> PlanYear:
    return PlanYear(
        id=row.id,
        year=row.year,
        title=row.title,
        state=row.state,
        total=row.total,
        deployment_id=row.deployment_id,
        matter_id=row.matter_id,
        document_number=row.document_number,
        decided_on=row.decided_on,
        published_at=row.published_at,
        closed_at=row.closed_at,
        closing_note=row.closing_note,
    )
