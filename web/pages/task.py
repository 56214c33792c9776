"""One task: what came before, what to fill in, the buttons the diagram names, and everything else one may do."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from service import files, inbox, matters, tasks
from service.errors import AppError, Conflict, Forbidden, Invalid, NotFound, Text
from service.inbox import Shown, TaskView
from service.matters import Diagram, MatterView
from service.repeats import request_key
from web.context import current_person, current_system
from web.display import clock_time
from web.failures import field_errors, wants_json
from web.forms import reading
from web.forms import view as form_view
from web.forms.view import FormView
from web.language import gettext, say
from web.navigation import only_unit
from web.pages.inbox import FILTERS, about, filters, next_task, task_list

page = Blueprint("task", __name__)
page.app_template_global("total")(form_view.total_text)


@dataclass(frozen=True, slots=True)
class Typed:
    """What was posted with a task's form: its data, the opinion, and what was wrong with its files."""

    data: dict[str, Any]
    opinion: str
    errors: dict[str, Text]

    @property
    def draft(self) -> dict[str, Any]:
        """Both together, as a draft keeps them."""
        return {**self.data, tasks.DRAFT_OPINION: self.opinion} if self.opinion else dict(self.data)


@page.get("/tasks/<task_id>")
def show(task_id: str) -> ResponseReturnValue:
    """Show a task."""
    return _render(_view(task_id))


@page.get("/tasks/<task_id>/diagram")
def diagram(task_id: str) -> ResponseReturnValue:
    """Show the diagram of a task's process, the present step marked."""
    view = _view(task_id)
    shown = matters.diagram(current_system(), current_person(), view.row.instance_id)
    return render_template(
        "task/diagram.html", view=view, diagram=shown, instance_id=view.row.instance_id, **_around()
    )


@page.post("/tasks/<task_id>/complete")
def complete(task_id: str) -> ResponseReturnValue:
    """Complete a task with the button that was pressed; what is wrong stands beside its field."""
    view = _view(task_id)
    typed = _typed(view)
    if typed.errors:
        return _again(
            view, typed, Invalid(Text("有文件没有被接受", "A file was not accepted"), fields=typed.errors)
        )
    outcome = request.form.get("_outcome") or None
    try:
        done = tasks.complete(
            current_system(),
            current_person(),
            task_id,
            outcome=outcome,
            data=typed.data,
            opinion=typed.opinion or None,
            request_key=request_key(request.form.get("_key")),
        )
    except (Invalid, Conflict, Forbidden) as error:
        return _again(view, typed, error)
    named = next((say(one.name) for one in view.outcomes if one.id == outcome), gettext("提交"))
    flash(gettext("已办理“%(title)s”：%(outcome)s", title=_called(view), outcome=named))
    following = done.next_task_id or (next_task(task_id) if request.args.get("list") else None)
    if following is not None:
        return redirect(url_for("task.show", task_id=following, **_carried()), 303)
    if request.args.get("list"):
        return redirect(url_for("inbox.open_list", **filters()), 303)
    return redirect(url_for("matters.show", matter_id=done.matter_id), 303)


@page.post("/tasks/<task_id>/draft")
def save_draft(task_id: str) -> ResponseReturnValue:
    """Keep what has been typed so far, and say what the form's conditions make of it."""
    view = _view(task_id)
    typed = _typed(view)
    saved = tasks.save_draft(current_system(), current_person(), task_id, typed.draft)
    words = gettext("已保存 %(time)s", time=clock_time(saved))
    if not wants_json():
        flash(words)
        return redirect(url_for("task.show", task_id=task_id, **_carried()), 303)
    state = _form(view, typed.data, {}).state if view.form is not None else {"hidden": {}, "totals": {}}
    return jsonify(saved=words, **state)


@page.post("/tasks/<task_id>/redraw")
def redraw(task_id: str) -> ResponseReturnValue:
    """Add or remove a row, take a file out, or show the form anew; what was typed is kept as a draft."""
    view = _view(task_id)
    if view.form is None:
        return redirect(url_for("task.show", task_id=task_id, **_carried()), 303)
    typed = _typed(view)
    touched = change(view.form, view.access, typed.data)
    tasks.save_draft(current_system(), current_person(), task_id, typed.draft)
    if wants_json():
        content = render_template(
            "forms/part.html",
            form=_form(view, typed.data, {}),
            redraw=url_for("task.redraw", task_id=task_id),
            required_when=_required_when(view),
        )
        return jsonify(html=content, touched=touched)
    anchor = f"f-{touched}" if touched else "form"
    return redirect(url_for("task.show", task_id=task_id, _anchor=anchor, **_carried()), 303)


@page.post("/tasks/<task_id>/files")
def upload(task_id: str) -> ResponseReturnValue:
    """Keep one file for a field of the task's form, for the script that sends files as they are chosen."""
    view = _view(task_id)
    if view.form is None or "complete" not in view.may:
        raise Conflict(
            Text("任务已不在您手上，文件未保存", "The task is no longer yours; the file was not kept")
        )
    return jsonify(**keep_file(view.form, view.access))


@page.post("/tasks/<task_id>/claim")
def claim(task_id: str) -> ResponseReturnValue:
    """Take a task of the pool."""
    return _after(
        task_id, lambda: tasks.claim(current_system(), current_person(), task_id), gettext("已领取")
    )


@page.post("/tasks/<task_id>/release")
def release(task_id: str) -> ResponseReturnValue:
    """Give a claimed task back to the pool."""
    return _after(
        task_id, lambda: tasks.release(current_system(), current_person(), task_id), gettext("已退回岗位")
    )


@page.get("/tasks/<task_id>/hand-over")
def hand_over(task_id: str) -> ResponseReturnValue:
    """Show who else may do the task."""
    return _hand_over_form(_view(task_id))


@page.post("/tasks/<task_id>/hand-over")
def give(task_id: str) -> ResponseReturnValue:
    """Give the task to a colleague, saying why."""
    # Asked before: who gives a task away may not see it any more.
    called, to = _called(_view(task_id)), request.form.get("to", "")
    candidates = tasks.candidates(current_system(), current_person(), task_id)
    try:
        tasks.hand_over(
            current_system(),
            current_person(),
            task_id,
            to=to,
            reason=request.form.get("reason", ""),
        )
    except (Invalid, Conflict) as error:
        return _hand_over_form(_view(task_id), error), 422 if isinstance(error, Invalid) else 409
    given = next((one.name for one in candidates if one.id == to), "")
    flash(gettext("已把“%(title)s”转给 %(name)s", title=called, name=given))
    return _on(url_for("inbox.open_list", **filters()))


@page.get("/tasks/<task_id>/return")
def return_form(task_id: str) -> ResponseReturnValue:
    """Show where the matter may be returned to, and what each return would cancel."""
    return _return_form(_view(task_id))


@page.post("/tasks/<task_id>/return")
def send_back(task_id: str) -> ResponseReturnValue:
    """Return the matter to an earlier step."""
    view = _view(task_id)
    process_key, _, element_id = request.form.get("target", "").rpartition("/")
    step = next(
        (
            say(one.name)
            for one in _targets(view)
            if (one.process_key, one.element_id) == (process_key, element_id)
        ),
        "",
    )
    try:
        tasks.return_to(
            current_system(),
            current_person(),
            task_id,
            element_id=element_id,
            process_key=process_key or None,
            reason=request.form.get("reason", ""),
            request_key=request_key(request.form.get("_key")),
        )
    except (Invalid, Conflict) as error:
        return _return_form(_view(task_id), error), 422 if isinstance(error, Invalid) else 409
    flash(gettext("已把“%(title)s”退回到“%(step)s”", title=_called(view), step=step))
    following = next_task(task_id)
    if following is not None and request.args.get("list"):
        return _on(url_for("task.show", task_id=following, **_carried()))
    return _on(url_for("inbox.open_list", **filters()))


def change(form: Any, access: Mapping[str, str], data: dict[str, Any]) -> str:
    """Do to the data what the form's own small buttons ask; returns the list or field touched."""
    path, _, file_id = request.form.get("_drop", "").rpartition(":")
    if path:
        reading.drop_file(data, path, file_id)
        return path.replace(".", "-")
    return reading.change_rows(
        form, access, data, request.form.get("_add", ""), request.form.get("_remove", "")
    )


def keep_file(form: Any, access: Mapping[str, str]) -> dict[str, Any]:
    """Keep the file a script sends for one field of a form; returns its reference. Raises `Invalid`."""
    field = reading.file_field(form, access, request.form.get("_path", ""))
    given = request.files.get("_file")
    if field is None or given is None:
        raise Invalid(Text("没有可以接收文件的字段", "There is no field for this file"))
    kept = files.upload(
        current_system(),
        current_person(),
        given.filename or "",
        given.read(),
        accept=field.accept,
        max_size=field.max_size,
    )
    return {
        "id": kept.id,
        "name": kept.name,
        "size": kept.size,
        "address": url_for("files.download", file_id=kept.id),
    }


def typed_form(
    form: Any, access: Mapping[str, str], matter_id: str | None
) -> tuple[dict[str, Any], dict[str, Text]]:
    """Return what was posted for a form, files kept and named, and the texts of files that were refused."""
    system, person = current_system(), current_person()
    data = reading.posted_data(form, access, request.form)
    errors: dict[str, Text] = {}
    for path, field, given in reading.posted_files(form, access, request.files):
        try:
            kept = files.upload(
                system,
                person,
                given.filename or "",
                given.read(),
                accept=field.accept,
                max_size=field.max_size,
            )
            reading.add_file(data, path, {"id": kept.id})
        except Invalid as error:
            errors[path] = error.text
    references = list(reading.file_references(data))
    known = files.described(system, person, [one["id"] for one in references], matter_id=matter_id)
    for one in references:
        file = known.get(one["id"])
        if file is not None:
            one |= {"name": file.name, "size": file.size, "content_type": file.content_type}
    return data, errors


def read_view(shown: Shown) -> FormView:
    """Return a submitted form to be read."""
    return form_view.build(shown.form, shown.data, sources=shown.sources, writable=False)


def _view(task_id: str) -> TaskView:
    return inbox.get(current_system(), current_person(), task_id)


def _typed(view: TaskView) -> Typed:
    opinion = request.form.get("_opinion", "")
    if view.form is None:
        return Typed({}, opinion, {})
    data, errors = typed_form(view.form, view.access, view.row.matter_id)
    return Typed(data, opinion, errors)


def _form(
    view: TaskView, data: Mapping[str, Any], errors: Mapping[str, Text], *, writable: bool = True
) -> FormView:
    assert view.form is not None  # noqa: S101 - callers have asked
    return form_view.build(
        view.form,
        {**view.data, **data},
        sources=view.filling.sources,
        access=view.access,
        names=view.filling.names,
        functions=view.filling.functions,
        errors=errors,
        writable=writable and "complete" in view.may,
    )


def _again(view: TaskView, typed: Typed, error: AppError) -> ResponseReturnValue:
    """Show the task again with what was typed and what was wrong."""
    if isinstance(error, Invalid):
        return _render(view, typed=typed, error=error), 422
    return _render(_view(view.row.id), typed=typed, error=error), 409 if isinstance(error, Conflict) else 403


def _render(view: TaskView, *, typed: Typed | None = None, error: AppError | None = None) -> str:
    system, person = current_system(), current_person()
    lost = typed is not None and "complete" not in view.may
    errors = field_errors(error) if error is not None else {}
    data = dict(view.data) if typed is None or lost else typed.data
    opinion = typed.opinion if typed is not None else str(data.pop(tasks.DRAFT_OPINION, ""))
    form = _form(view, data, errors) if view.form is not None else None
    kept = (
        _form(view, typed.data, {}, writable=False)
        if lost and typed is not None and view.form is not None
        else None
    )
    matter: MatterView | None
    steps: Diagram | None
    try:
        matter = matters.get(system, person, view.row.matter_id)
        steps = matters.diagram(system, person, view.row.instance_id)
    except NotFound:
        matter = steps = None
    labels = dict(form.labels) if form is not None else {}
    labels |= {"opinion": ("opinion", gettext("意见")), "outcome": ("outcomes", gettext("办理结果"))}
    return render_template(
        "task/show.html",
        view=view,
        form=form,
        opinion=opinion,
        kept=kept,
        kept_opinion=typed.opinion if lost and typed is not None else "",
        error=error,
        errors=errors,
        labels=labels,
        matter=matter,
        steps=steps,
        earlier=[(one, read_view(one)) for one in view.shows],
        redraw=url_for("task.redraw", task_id=view.row.id, **_carried()),
        required_when=_required_when(view),
        key=request.form.get("_key") or secrets.token_hex(16),
        phrases=[] if only_unit(person) else _phrases(view),
        returnable=_returnable(view),
        **_around(),
    )


def _phrases(view: TaskView) -> list[str]:
    """Return stock phrases for an opinion that fit the buttons; none where there is nothing to decide.

    A plain button that wants a reason, beside the main one, sends the matter back: what to mend is said there alone.
    """
    main = any(one.style == "primary" for one in view.outcomes)
    if not main or len(view.outcomes) < 2:
        return []
    words = [gettext("同意。"), gettext("情况属实，同意。"), gettext("材料齐全，符合要求。")]
    if any(one.style == "plain" and one.opinion == "required" for one in view.outcomes):
        words += [gettext("材料不全，请补正。"), gettext("请按要求修改后再报。")]
    return words


def _called(view: TaskView) -> str:
    """Return how a task's matter is told of: by its unit or body too, where the title does not say it."""
    whom, title = about(view.row), view.row.title
    return title if whom is None or title.startswith(whom) else f"{whom} · {title}"


def _returnable(view: TaskView) -> bool:
    """Whether there is an earlier step the matter may be returned to."""
    return any(one.refusal is None for one in _targets(view))


def _targets(view: TaskView) -> list[tasks.ReturnTarget]:
    if "return" not in view.may:
        return []
    return tasks.return_targets(current_system(), current_person(), view.row.id)


def _required_when(view: TaskView) -> str | None:
    """Return when required fields are required, if the main button takes the form incomplete; None otherwise."""
    strict = [say(one.name) for one in view.outcomes if one.form == "complete"]
    if not strict or not any(one.form == "partial" and one.style == "primary" for one in view.outcomes):
        return None
    return gettext("选择%(names)s时必填", names="“" + "”“".join(strict) + "”")


def _around() -> dict[str, Any]:
    """Return the list beside the task, where the address asks for it, and what links have to carry on."""
    asked = bool(request.args.get("list"))
    return {"tasks": task_list() if asked else None, "carried": _carried()}


def _carried() -> dict[str, Any]:
    return {name: request.args[name] for name in (*FILTERS, "list") if request.args.get(name)}


def _after(task_id: str, work: Any, words: str) -> ResponseReturnValue:
    try:
        work()
        flash(words)
    except (Conflict, Forbidden) as error:
        flash(say(error.text), "soon")
    return redirect(url_for("task.show", task_id=task_id, **_carried()), 303)


def _on(address: str) -> ResponseReturnValue:
    """Lead on to a page; a dialog is told where, for following would use up what the next page has to say."""
    return jsonify(to=address) if wants_json() else redirect(address, 303)


def _hand_over_form(view: TaskView, error: AppError | None = None) -> str:
    return render_template(
        "task/hand_over.html",
        view=view,
        candidates=tasks.candidates(current_system(), current_person(), view.row.id),
        error=error,
        errors=field_errors(error) if error is not None else {},
        carried=_carried(),
        part=wants_json(),
    )


def _return_form(view: TaskView, error: AppError | None = None) -> str:
    targets = tasks.return_targets(current_system(), current_person(), view.row.id)
    return render_template(
        "task/return.html",
        view=view,
        targets=targets,
        error=error,
        errors=field_errors(error) if error is not None else {},
        key=request.form.get("_key") or secrets.token_hex(16),
        carried=_carried(),
        part=wants_json(),
    )
