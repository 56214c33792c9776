"""The inbox: what waits for me, what I did, what I started; search and filters stand in the address."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from service import inbox, matters, tasks
from service.clock import city_day
from service.errors import AppError
from service.inbox import SOON, TaskRow
from service.paging import Page
from web.context import current_person, current_system, now
from web.language import gettext, ngettext, say

page = Blueprint("inbox", __name__)

#: Rows of one page of the list.
ROWS = 50
#: What an address may say about the list; a task's page carries the same on.
FILTERS = ("search", "process", "step", "unit", "due", "taken", "group")
#: Most tasks claimed with one click.
MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class View:
    """One ready-made view of the list: its address, name, and how many tasks it holds."""

    address: str
    label: str
    current: bool
    count: int | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class TaskList:
    """What the two left panes show: ready-made views, steps, and the rows by heading."""

    views: list[View]
    steps: list[View]
    page: Page[TaskRow]
    groups: list[tuple[str, list[TaskRow]]]
    filters: dict[str, str]
    heading: str


@page.get("/inbox")
def open_list() -> ResponseReturnValue:
    """Show what waits for me."""
    return render_template("inbox/list.html", tasks=task_list())


@page.post("/inbox/claim")
def claim_many() -> ResponseReturnValue:
    """Claim the chosen tasks; each that cannot be claimed says why."""
    system, person = current_system(), current_person()
    wanted = list(dict.fromkeys(request.form.getlist("task")))[:MOST_AT_ONCE]
    done, refused = 0, []
    for task_id in wanted:
        try:
            tasks.claim(system, person, task_id)
            done += 1
        except AppError as error:
            refused.append(say(error.text))
    if not wanted:
        flash(gettext("请先勾选要领取的任务"), "soon")
    if done:
        flash(ngettext("已领取 %(num)d 件", "已领取 %(num)d 件", done))
    for text in dict.fromkeys(refused):
        flash(gettext("%(n)s 件未能领取：%(why)s", n=refused.count(text), why=text), "soon")
    return redirect(url_for("inbox.open_list", **filters()), 303)


@page.get("/inbox/done")
def done_list() -> ResponseReturnValue:
    """Show what I have done, newest first."""
    found = inbox.done_tasks(current_system(), current_person(), after=request.args.get("after"), limit=ROWS)
    return render_template("inbox/done.html", page=found)


@page.get("/inbox/mine")
def mine_list() -> ResponseReturnValue:
    """Show the matters I started, newest first."""
    person = current_person()
    found = matters.list_matters(
        current_system(),
        person,
        opened_by=person.id,
        search=request.args.get("search") or None,
        after=request.args.get("after"),
        limit=ROWS,
    )
    return render_template("inbox/mine.html", page=found)


def filters() -> dict[str, Any]:
    """Return what this request's address says about the list."""
    return {name: request.values[name] for name in FILTERS if request.values.get(name)}


def task_list() -> TaskList:
    """Return the list the address asks for, with the views beside it."""
    system, person = current_system(), current_person()
    asked = filters()
    at = now()
    before = {"overdue": at, "soon": at + SOON}.get(asked.get("due", ""))
    found = inbox.open_tasks(
        system,
        person,
        process=asked.get("process"),
        step=asked.get("step"),
        unit=asked.get("unit"),
        search=asked.get("search"),
        due_from=at if asked.get("due") == "soon" else None,
        due_before=before,
        taken={"mine": True, "pool": False}.get(asked.get("taken", "")),
        after=request.args.get("after"),
        limit=ROWS,
    )
    steps = [
        View(
            url_for("inbox.open_list", process=one.process_key, step=one.element_id),
            say(one.name),
            asked.get("step") == one.element_id and asked.get("process") == one.process_key,
            one.count,
        )
        for one in inbox.steps(system, person)
    ]
    chosen = next((one.label for one in steps if one.current), None)
    return TaskList(
        _views(asked), steps, found, _grouped(found.rows, asked.get("group", "")), asked, chosen or ""
    )


def next_task(done: str | None) -> str | None:
    """Return the first task of the list the address asks for, other than the one just done."""
    return next((one.id for one in task_list().page.rows if one.id != done), None)


def _views(asked: dict[str, str]) -> list[View]:
    counted = inbox.counts(current_system(), current_person())
    due, taken = asked.get("due"), asked.get("taken")
    plain = not any(asked.get(name) for name in ("due", "taken", "step"))
    return [
        View(url_for("inbox.open_list"), gettext("全部待办"), plain, counted.open),
        View(
            url_for("inbox.open_list", due="overdue"),
            gettext("已超期"),
            due == "overdue",
            counted.overdue,
            counted.overdue > 0,
        ),
        View(
            url_for("inbox.open_list", due="soon"),
            gettext("三天内到期"),
            due == "soon",
            counted.due_soon,
        ),
        View(
            url_for("inbox.open_list", taken="mine"),
            gettext("我已领取或指定给我"),
            taken == "mine",
            counted.mine,
        ),
        View(
            url_for("inbox.open_list", taken="pool"),
            gettext("待领取"),
            taken == "pool",
            counted.open - counted.mine,
        ),
    ]


def _grouped(rows: Iterable[TaskRow], by: str) -> list[tuple[str, list[TaskRow]]]:
    """Return the rows under headings: by unit, by step, or by how soon they are due."""
    found: dict[str, list[TaskRow]] = {}
    for row in rows:
        found.setdefault(_heading(row, by), []).append(row)
    return list(found.items())


def _heading(row: TaskRow, by: str) -> str:
    if by == "unit":
        return row.unit_name or row.body_name or row.organisation_name or gettext("未涉及单位")
    if by == "step":
        return f"{say(row.process_name)} · {say(row.name)}"
    if by != "due":
        return ""
    if row.due_at is None:
        return gettext("没有时限")
    today = city_day(now())
    if row.due_at < now():
        return gettext("已超期")
    days = (city_day(row.due_at) - today).days
    return (
        gettext("今天到期") if days == 0 else gettext("三天内到期") if days <= SOON.days else gettext("以后")
    )


@page.app_template_global("about")
def about(row: TaskRow) -> str | None:
    """Return whom a task is about, where its title does not say so by itself: a unit, or a body."""
    if row.unit_name is not None or row.body_name is None or row.body_name in row.title:
        return row.unit_name
    return None if row.organisation_name in (None, row.body_name) else row.body_name


@page.app_template_global("flags")
def flags(row: TaskRow) -> list[tuple[str, str]]:
    """Return the flags of a task: kind of badge and words."""
    found: list[tuple[str, Any]] = []
    if row.returned:
        found.append(("soon", gettext("退回")))
    if row.reminded_at is not None:
        found.append(("info", gettext("催办")))
    if row.organisation_id is None and row.person_id is None:
        found.append(("stop", gettext("无人可办")))
    return found
