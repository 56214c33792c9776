"""The windows of a plan year: which days, extended for whom, and what expressions may ask about them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, insert, select

from service.campaign import settings
from service.campaign.calendar import Window, end_of, parse_day
from service.campaign.date_functions import instant_text
from service.clock import city_day
from service.errors import Conflict, Invalid, NotFound, Text
from service.store.ids import new_id
from service.store.plan import plan_window, plan_year, window_extension


@dataclass(frozen=True, slots=True)
class PlanWindow:
    """A phase of the year as it stands for somebody: name, days (extension included) and where they come from."""

    name: str
    position: int
    label: Text
    window: Window
    source: Text
    #: Who may extend it, in words, as this plan year decided.
    authority: Text


@dataclass(frozen=True, slots=True)
class Extension:
    """A decided extension; without organisation and unit it holds for all."""

    id: str
    window: str
    organisation_id: str | None
    unit_id: str | None
    previous_closes_on: date
    extended_to: date
    authority: str
    reason: str
    document_number: str
    decided_on: date
    recorded_at: datetime


def functions_for_plan(
    connection: Connection,
    plan_year_id: str | None,
    *,
    roll_forward: Callable[[str], str],
    organisation_id: str | None = None,
    unit_id: str | None = None,
) -> dict[str, Callable[..., Any]]:
    """Return what expressions may ask of a plan year, read when first asked.

    `window_opens(name)` and `window_closes(name)` give days, `window_ends(name)` the instant of the last day's
    24:00, `window_key(name)` the key of the message that tells of a change; the three take an organisation id
    as second argument instead of the instance's own. `period_ends(day)` is the day, moved by `roll_forward` where
    the year's setting says so. Without a plan year that moves nothing, and every other call raises `Invalid`.
    """

    def year(name: str) -> str:
        if plan_year_id is None:
            raise Invalid(
                Text(
                    f"{name}(…) 需要年度方案，而这个流程没有关联年度",
                    f"{name}(…) needs a plan year, and this instance belongs to none",
                )
            )
        return plan_year_id

    @cache
    def windows_of(plan: str, organisation: str | None) -> dict[str, Window]:
        listed = list_windows(connection, plan, organisation_id=organisation, unit_id=unit_id)
        return {one.name: one.window for one in listed}

    def found(function: str, name: str, organisation: str | None) -> Window:
        known = windows_of(year(function), organisation if organisation is not None else organisation_id)
        if name not in known:
            raise _unknown(name)
        return known[name]

    @cache
    def value_of(key: str) -> Any:
        return settings.read_value(connection, year("setting"), key)

    @cache
    def rolls() -> bool:
        return plan_year_id is not None and settings.is_on(connection, plan_year_id, "roll_forward_periods")

    return {
        "period_ends": lambda day: roll_forward(day) if rolls() else parse_day(day).isoformat(),
        "setting": value_of,
        "window_opens": lambda name, of=None: found("window_opens", name, of).opens.isoformat(),
        "window_closes": lambda name, of=None: found("window_closes", name, of).last_day.isoformat(),
        "window_ends": lambda name, of=None: instant_text(found("window_ends", name, of).closes_at),
        "window_key": lambda name: window_key(year("window_key"), name),
    }


def window_key(plan_year_id: str, name: str) -> str:
    """Return the key under which waiting instances hear that a window of a plan year changed."""
    return f"{plan_year_id}:{name}"


def read_window(
    connection: Connection,
    plan_year_id: str,
    name: str,
    *,
    organisation_id: str | None = None,
    unit_id: str | None = None,
) -> PlanWindow:
    """Return a window as it stands for an organisation or a unit (neither: for all). Raises `NotFound`."""
    for one in list_windows(connection, plan_year_id, organisation_id=organisation_id, unit_id=unit_id):
        if one.name == name:
            return one
    raise _unknown(name)


def _unknown(name: str) -> NotFound:
    return NotFound(
        Text(f"本年度没有名为 {name} 的时间窗口", f"This plan year has no window named {name}"), window=name
    )


def list_windows(
    connection: Connection,
    plan_year_id: str,
    *,
    organisation_id: str | None = None,
    unit_id: str | None = None,
) -> list[PlanWindow]:
    """Return the windows of a plan year in their order, extensions for this organisation and unit included."""
    extended: dict[str, date] = {}
    for one in extensions(connection, plan_year_id):
        if one.organisation_id not in (None, organisation_id) or one.unit_id not in (None, unit_id):
            continue
        extended[one.window] = max(one.extended_to, extended.get(one.window, one.extended_to))
    authority = settings.read_text(connection, plan_year_id, "extension_authority")
    rows = connection.execute(
        select(plan_window).where(plan_window.c.plan_year_id == plan_year_id).order_by(plan_window.c.position)
    )
    return [
        PlanWindow(
            name=row.name,
            position=row.position,
            label=Text(row.label_zh, row.label_en),
            window=Window(
                row.opens_on,
                row.closes_on,
                to if (to := extended.get(row.name)) is not None and to > row.closes_on else None,
            ),
            source=Text(row.source_zh, row.source_en),
            authority=authority,
        )
        for row in rows
    ]


def phase(connection: Connection, plan_year_id: str, at: datetime) -> PlanWindow | None:
    """Return the window that is open at `at` (the earliest in order), or None between and after them."""
    return next((one for one in list_windows(connection, plan_year_id) if one.window.contains(at)), None)


def require_open(
    connection: Connection,
    plan_year_id: str,
    name: str,
    at: datetime,
    *,
    organisation_id: str | None = None,
    unit_id: str | None = None,
) -> None:
    """Refuse what needs an open window (R11 to R14): which window, since when, and who may extend it.

    The first day counts from 00:00, the last one to 24:00 of the city. Raises `Conflict`.
    """
    one = read_window(connection, plan_year_id, name, organisation_id=organisation_id, unit_id=unit_id)
    state = one.window.state(at)
    if state.kind == "open":
        return
    if state.kind == "not_open":
        raise Conflict(
            Text(
                f"“{one.label.zh}”窗口将于 {one.window.opens} 00:00 开放，目前不能办理",
                f"The window “{one.label.en}” opens on {one.window.opens} at 00:00; this cannot be done yet",
            ),
            window=name,
            opens_on=one.window.opens.isoformat(),
        )
    raise Conflict(
        Text(
            f"“{one.label.zh}”窗口已于 {one.window.last_day} 24:00 关闭；可延期者：{one.authority.zh}",
            f"The window “{one.label.en}” closed on {one.window.last_day} at 24:00; "
            f"who may extend it: {one.authority.en}",
        ),
        window=name,
        closed_on=one.window.last_day.isoformat(),
    )


def extensions(connection: Connection, plan_year_id: str) -> list[Extension]:
    """Return the decided extensions of a plan year, oldest first."""
    rows = connection.execute(
        select(window_extension)
        .where(window_extension.c.plan_year_id == plan_year_id)
        .order_by(window_extension.c.recorded_at, window_extension.c.id)
    )
    return [
        Extension(
            id=row.id,
            window=row.window,
            organisation_id=row.organisation_id,
            unit_id=row.unit_id,
            previous_closes_on=row.previous_closes_on,
            extended_to=row.extended_to,
            authority=row.authority,
            reason=row.reason,
            document_number=row.document_number,
            decided_on=row.decided_on,
            recorded_at=row.recorded_at,
        )
        for row in rows
    ]


def extend(
    connection: Connection,
    plan_year_id: str,
    name: str,
    *,
    extended_to: date,
    authority: str,
    reason: str,
    document_number: str,
    decided_on: date,
    at: datetime,
    by: str | None,
    organisation_id: str | None = None,
    unit_id: str | None = None,
    matter_id: str | None = None,
) -> Extension:
    """Record a decided extension of a window (G12: authority, reason and document are required).

    Raises `Invalid` when the new last day is not later than the one that holds, is already over, or reason,
    authority or document number is missing; `Conflict` when the plan year is closed.
    """
    if connection.scalar(select(plan_year.c.state).where(plan_year.c.id == plan_year_id)) == "closed":
        raise Conflict(Text("本年度已归档，不能再延期", "The plan year is closed; nothing can be extended"))
    now = read_window(connection, plan_year_id, name, organisation_id=organisation_id, unit_id=unit_id)
    if extended_to <= now.window.last_day:
        raise Invalid(
            Text(
                f"延期后的截止日 {extended_to} 必须晚于现在的截止日 {now.window.last_day}",
                f"The new closing day {extended_to} must be later than the present one, {now.window.last_day}",
            )
        )
    if end_of(extended_to) <= at:
        raise Invalid(
            Text(
                f"延期后的截止日 {extended_to} 已经过去", f"The new closing day {extended_to} is already over"
            )
        )
    if decided_on > city_day(at):
        raise Invalid(Text("延期决定日期不能晚于今天", "The decision cannot be dated later than today"))
    for text, zh, en in (
        (authority, "决定机关", "authority"),
        (reason, "延期理由", "reason"),
        (document_number, "文号", "document number"),
    ):
        if not text.strip():
            raise Invalid(Text(f"请填写{zh}", f"Give the {en}"))
    row = {
        "id": new_id(),
        "plan_year_id": plan_year_id,
        "window": name,
        "organisation_id": organisation_id,
        "unit_id": unit_id,
        "previous_closes_on": now.window.last_day,
        "extended_to": extended_to,
        "authority": authority.strip(),
        "reason": reason.strip(),
        "document_number": document_number.strip(),
        "decided_on": decided_on,
        "decided_by": by,
        "matter_id": matter_id,
        "recorded_at": at,
    }
    connection.execute(insert(window_extension).values(row))
    return next(one for one in extensions(connection, plan_year_id) if one.id == row["id"])
