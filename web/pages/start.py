"""The start page by role, and starting a process one may start."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from service import drafts, inbox, incidents, instances, matters
from service.campaign import overview
from service.campaign.overview import DueSteps
from service.drafts import Draft
from service.errors import AppError, Conflict, Forbidden, Invalid, Text
from service.identity import administration, duties, people
from service.identity.access import roles_in_force
from service.identity.journal import SecurityEvent
from service.inbox import TaskRow
from service.incidents import Incident
from service.instances import StartForm
from service.matters import DiagramStep, MatterRow
from service.repeats import request_key
from web.context import current_person, current_system, now
from web.failures import field_errors, wants_json
from web.forms import view as form_view
from web.language import gettext, say
from web.navigation import only_unit
from web.pages.task import change, keep_file, typed_form

page = Blueprint("start", __name__)

#: How many tasks and matters the start page shows.
TASKS, MATTERS = 8, 5


@dataclass(frozen=True, slots=True)
class Progress:
    """A matter with its steps, for a progress line, and its open tasks."""

    row: MatterRow
    steps: list[DiagramStep]
    open_tasks: list[TaskRow]


@dataclass(frozen=True, slots=True)
class Watch:
    """Drafts of the procedure, open incidents, the newest of the security journal, and the steps due this week.

    What is not theirs to oversee is empty, `due` None; `names` are of the people in the journal.
    """

    drafts: list[Draft]
    incidents: list[Incident]
    journal: tuple[SecurityEvent, ...]
    names: Mapping[str, str]
    due: DueSteps | None


@page.get("/")
def home() -> ResponseReturnValue:
    """Show what waits for me, where the year stands, and my own matters."""
    system, person = current_system(), current_person()
    unit = only_unit(person)
    mine = matters.list_matters(
        system, person, opened_by=None if unit else person.id, open_only=True, worked_on=True, limit=MATTERS
    ).rows
    return render_template(
        "start/home.html",
        counts=inbox.counts(system, person),
        tasks=inbox.open_tasks(system, person, limit=TASKS).rows,
        mine=[_progress(one) for one in mine],
        startable=instances.startable(system, person),
        unit=unit,
        watch=_watch(),
    )


@page.get("/start")
def choose() -> ResponseReturnValue:
    """Show what I may start."""
    return render_template(
        "start/choose.html", startable=instances.startable(current_system(), current_person())
    )


@page.get("/start/<key>")
def form(key: str) -> ResponseReturnValue:
    """Show the form a process starts with; who sits in several organisations first says for which."""
    return _show(key)


@page.post("/start/<key>")
def begin(key: str) -> ResponseReturnValue:
    """Start a process."""
    given, data, errors = _given(key)
    if errors:
        return _show(
            key, data, Invalid(Text("有文件没有被接受", "A file was not accepted"), fields=errors)
        ), 422
    try:
        started = instances.start(
            current_system(),
            current_person(),
            key,
            data=data,
            organisation_id=_organisation(),
            request_key=request_key(request.form.get("_key")),
        )
    except Invalid as error:
        return _show(key, data, error), 422
    except (Conflict, Forbidden) as error:
        return _show(key, data, error), 409
    flash(gettext("已发起“%(name)s”", name=say(given.name) if given else key))
    opened = inbox.open_tasks(current_system(), current_person(), instance=started.instance_id, limit=2).rows
    if len(opened) == 1:  # nothing else to choose from: begin with it
        return redirect(url_for("task.show", task_id=opened[0].id), 303)
    return redirect(url_for("matters.show", matter_id=started.matter_id), 303)


@page.post("/start/<key>/redraw")
def redraw(key: str) -> ResponseReturnValue:
    """Show the start form anew with what was typed: a row more or less, conditions worked out."""
    given, data, errors = _given(key)
    touched = change(given.form, {}, data) if given is not None and given.form is not None else ""
    if wants_json() and given is not None and given.form is not None:
        shown = _form(given, data, errors)
        if request.form.get("_state"):
            return jsonify(saved="", **shown.state)
        content = render_template("forms/part.html", form=shown, redraw=url_for("start.redraw", key=key))
        return jsonify(html=content, touched=touched)
    return _show(key, data)


@page.post("/start/<key>/files")
def upload(key: str) -> ResponseReturnValue:
    """Keep one file for a field of the start form, for the script that sends files as they are chosen."""
    given = instances.start_form(current_system(), current_person(), key, organisation_id=_organisation())
    if given.form is None:
        raise Conflict(Text("这个流程没有发起表单", "This process has no start form"))
    return jsonify(**keep_file(given.form, {}))


def _watch() -> Watch:
    """Return what a person's duties ask them to look at, beside the tasks of their roles."""
    system, person = current_system(), current_person()
    studio = person.has(duties.DESIGNER) or person.has(duties.PUBLISHER)
    due: DueSteps | None = None
    if any(person.has(one) for one in duties.READS_ALL):
        with system.database.read() as connection:
            due = overview.due_before(
                connection, person, roles_in_force(connection), now(), now() + timedelta(days=7)
            )
    journal: tuple[SecurityEvent, ...] = ()
    names: Mapping[str, str] = {}
    if person.has(duties.AUDITOR) or person.has(duties.ADMINISTRATOR):
        journal = administration.journal_entries(system, person, limit=5)
        with system.database.read() as connection:
            names = people.names(connection, {one.person_id for one in journal if one.person_id})
    return Watch(
        journal=journal,
        names=names,
        drafts=drafts.list_drafts(system, person) if studio else [],
        incidents=incidents.list_open(system, person) if person.has(duties.PROCESS_ADMINISTRATOR) else [],
        due=due,
    )


def _organisation() -> str | None:
    return request.values.get("_organisation") or request.values.get("organisation") or None


def _given(key: str) -> tuple[StartForm | None, dict[str, Any], dict[str, Text]]:
    given = instances.start_form(current_system(), current_person(), key, organisation_id=_organisation())
    if given.form is None:
        return given, {}, {}
    data, errors = typed_form(given.form, {}, None)
    return given, data, errors


def _form(given: StartForm, data: Mapping[str, Any], errors: Mapping[str, Text]) -> form_view.FormView:
    assert given.form is not None  # noqa: S101 - callers have asked
    return form_view.build(
        given.form,
        data,
        sources=given.filling.sources,
        names=given.filling.names,
        functions=given.filling.functions,
        errors=errors,
    )


def _show(key: str, data: Mapping[str, Any] | None = None, error: AppError | None = None) -> str:
    system, person = current_system(), current_person()
    chosen = _organisation()
    try:
        given = instances.start_form(system, person, key, organisation_id=chosen)
    except Invalid as wrong:
        seats: Any = wrong.facts.get("organisations")
        if not seats:
            raise
        names = {one.organisation_id: one.organisation_name for one in person.memberships}
        offered = [(one, names.get(one, one)) for one in seats]
        return render_template("start/seat.html", key=key, offered=offered)
    errors = field_errors(error) if error is not None else {}
    shown = None
    if given.form is not None:
        shown = _form(given, {**given.filling.data, **(data or {})}, errors)
    return render_template(
        "start/form.html",
        given=given,
        form=shown,
        error=error,
        errors=errors,
        labels=shown.labels if shown is not None else {},
        organisation=chosen,
        redraw=url_for("start.redraw", key=key),
        key=request.form.get("_key") or secrets.token_hex(16),
    )


def _progress(row: MatterRow) -> Progress:
    """Return a matter with how far it is and who has it; what waits is called by what it waits for."""
    found = matters.progress(current_system(), current_person(), row.id)
    steps = [replace(one, name=_awaited(one.name)) for one in found.steps]
    return Progress(row, steps, found.open_tasks)


def _awaited(name: Text) -> Text:
    en = name.en.removeprefix("Wait for ").removeprefix("the ")
    return Text(name.zh.removeprefix("等待"), en[:1].upper() + en[1:])
