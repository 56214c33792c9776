"""Matters: the list, one matter with why it waits, its timeline, forms, diagrams, and what one may do to it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from flask import (
    Blueprint,
    Response,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from service import inbox, instances, matters, tracing
from service.documents import issued
from service.errors import AppError, Conflict, Invalid, Text
from service.identity import duties
from service.matters import MatterView, TimelineEntry
from service.tracing import InstanceState
from web.context import current_person, current_system
from web.display import deadline
from web.failures import field_errors
from web.forms import view as form_view
from web.language import gettext, say

page = Blueprint("matters", __name__)


@page.app_template_global("action_word")
def action_word(action: str) -> str:
    """Return what a kind of step is called in a timeline."""
    return say(matters.ACTIONS.get(action, Text(action, action)))


@page.app_template_global("runs")
def runs(timeline: Iterable[TimelineEntry]) -> list[tuple[bool, list[TimelineEntry]]]:
    """Return a timeline in runs: what people did, and what went on by itself in between; the beginning is shown."""
    entries = list(timeline)
    found: list[tuple[bool, list[TimelineEntry]]] = [(False, entries[:1])] if entries else []
    for by_itself, run in groupby(
        entries[1:], key=lambda one: one.actor_name is None and one.task_id is None
    ):
        found.append((by_itself, list(run)))
    return found


ROWS = 50
FILTERS = ("search", "process", "unit", "year", "open")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why an instance waits at one place: in one sentence, since when, until when, and the task where it is one."""

    sentence: str
    kind: str
    optional: bool
    due_at: datetime | None
    since: datetime | None
    task_id: str | None


@dataclass(frozen=True, slots=True)
class Branch:
    """An instance in the tree of a matter, and how deep it lies."""

    state: InstanceState
    name: Text
    depth: int


@page.get("/matters")
def matter_list() -> ResponseReturnValue:
    """Show the matters I may see, newest first."""
    asked = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    found = matters.list_matters(
        current_system(),
        current_person(),
        process=asked.get("process"),
        plan_year=asked.get("year"),
        unit=asked.get("unit"),
        search=asked.get("search"),
        open_only="open" in asked,
        after=request.args.get("after"),
        limit=ROWS,
    )
    return render_template(
        "matters/list.html",
        page=found,
        asked=asked,
        processes=matters.processes(current_system(), current_person()),
    )


@page.get("/matters/<matter_id>")
def show(matter_id: str) -> ResponseReturnValue:
    """Show one matter."""
    return _show(matter_id)


@page.get("/matters/<matter_id>/submissions/<task_id>")
def submission(matter_id: str, task_id: str) -> ResponseReturnValue:
    """Show what was submitted with one step."""
    shown = matters.submission(current_system(), current_person(), task_id)
    return render_template(
        "matters/submission.html",
        matter_id=matter_id,
        shown=shown,
        form=form_view.build(shown.form, shown.data, sources=shown.sources, writable=False),
    )


@page.get("/instances/<instance_id>/diagram")
def diagram(instance_id: str) -> ResponseReturnValue:
    """Show the diagram an instance runs by, with where it stands, as a picture and as a list."""
    system, person = current_system(), current_person()
    shown = matters.diagram(system, person, instance_id)
    state = tracing.get(system, person, instance_id)
    return render_template("matters/diagram.html", diagram=shown, state=state, instance_id=instance_id)


@page.get("/instances/<instance_id>/diagram.bpmn")
def diagram_file(instance_id: str) -> Response:
    """Return the diagram's file, for the viewer and for who wants to keep it."""
    shown = matters.diagram(current_system(), current_person(), instance_id)
    answer = make_response(shown.xml)
    answer.mimetype = "application/xml"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Content-Disposition"] = f'attachment; filename="{shown.process_key}.bpmn"'
    return answer


@page.get("/instances/<instance_id>/diagram.json")
def diagram_state(instance_id: str) -> Response:
    """Return where the instance stands, by element, for the viewer."""
    shown = matters.diagram(current_system(), current_person(), instance_id)
    return jsonify(current=shown.current, done=shown.completed, cancelled=shown.cancelled)


@page.post("/matters/<matter_id>/act")
def act(matter_id: str) -> ResponseReturnValue:
    """Do something the diagram lets people do to a running matter (withdraw it, for example), with a reason."""
    try:
        matters.act(
            current_system(),
            current_person(),
            request.form.get("instance", ""),
            request.form.get("ref", ""),
            reason=request.form.get("reason", ""),
        )
    except (Invalid, Conflict) as error:
        return _show(matter_id, error, request.form.get("ref", "")), 422 if isinstance(
            error, Invalid
        ) else 409
    flash(gettext("已办理"))
    return redirect(url_for("matters.show", matter_id=matter_id), 303)


@page.post("/matters/<matter_id>/cancel")
def cancel(matter_id: str) -> ResponseReturnValue:
    """End an instance where it stands; process administrators only."""
    instance_id = request.form.get("instance", "")
    try:
        instances.cancel(
            current_system(), current_person(), instance_id, reason=request.form.get("reason", "")
        )
    except (Invalid, Conflict) as error:
        return _show(matter_id, error, instance_id), 422 if isinstance(error, Invalid) else 409
    flash(gettext("已终止"))
    return redirect(url_for("matters.show", matter_id=matter_id), 303)


def _show(matter_id: str, error: AppError | None = None, at: str = "") -> str:
    system, person = current_system(), current_person()
    view = matters.get(system, person, matter_id)
    states = tracing.list_instances(system, person, matter=matter_id, limit=200).rows
    return render_template(
        "matters/show.html",
        view=view,
        waiting=_waiting(view, states),
        tree=_tree(view, states),
        mine=_mine(view),
        results=issued.results(system, person, matter_id),
        error=error,
        errors=field_errors(error) if error is not None else {},
        at=at,
        may_cancel=person.has(duties.PROCESS_ADMINISTRATOR),
    )


def _mine(view: MatterView) -> list[str]:
    """Return the open tasks of the matter that wait for me."""
    system, person = current_system(), current_person()
    found: list[str] = []
    for one in view.instances:
        if one.state == "active":
            found += [row.id for row in inbox.open_tasks(system, person, instance=one.id, limit=20).rows]
    return found


def _waiting(view: MatterView, states: list[InstanceState]) -> list[Waiting]:
    """Return one sentence for each place where the matter's instances stand."""
    tasks = {row.id: row for row in view.open_tasks}
    found: list[Waiting] = []
    for state in states:
        for step in state.open_steps:
            name = say(step.name)
            task = tasks.get(step.task_id or "")
            if task is not None:
                if task.person_name:
                    who = task.person_name
                else:
                    parts = [task.organisation_name or "", say(task.role_label) if task.role_label else ""]
                    who = " · ".join(part for part in parts if part) or gettext("流程管理员（无人可办）")
                words = gettext("等待 %(who)s 办理“%(step)s”", who=who, step=name)
                found.append(Waiting(words, "task", False, task.due_at, task.created_at, task.id))
            elif step.kind == "timer":
                words = gettext("等到 %(when)s：%(step)s", when=deadline(step.due_at), step=name)
                found.append(Waiting(words, "timer", step.optional, None, None, None))
            elif step.kind == "message":
                if step.optional:
                    words = gettext("其间可以发生：%(step)s", step=name)
                elif name.startswith(gettext("等待")):  # the diagram says it in words
                    words = name
                else:
                    words = gettext("等待：%(step)s", step=name)
                found.append(Waiting(words, "message", step.optional, None, None, None))
    order = {"task": 0, "message": 1, "timer": 2}
    found.sort(key=lambda one: (one.optional, order[one.kind]))
    if found and found[0].optional:  # nothing else is left to wait for
        found[0] = replace(found[0], optional=False)
    return found


def _tree(view: MatterView, states: list[InstanceState]) -> list[Branch]:
    """Return the matter's instances, each below the one that started it."""
    names = {one.id: one.name for one in view.instances}
    known = {one.id for one in states}
    found: list[Branch] = []

    def add(parent: str | None, depth: int) -> None:
        for one in sorted(states, key=lambda state: state.started_at):
            above = one.parent_id if one.parent_id in known else None
            if above == parent:
                found.append(Branch(one, names.get(one.id, Text(one.title, one.title)), depth))
                add(one.id, depth + 1)

    add(None, 0)
    return found
