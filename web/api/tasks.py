"""Tasks: the caller's inbox and everything one does with a task."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flask import Response, request
from pydantic import Field

from service import files, inbox, tasks
from service.errors import Invalid, Text
from service.form_description import FormDescription, describe
from service.inbox import TaskRow
from service.paging import Page
from service.tasks import Candidate, Completed, ReturnTarget
from web import downloads
from web.api.endpoints import BINARY, Call, Choice, Endpoint, limit_of
from web.api.instances import PAGE
from web.api.reading import Body


@dataclass(frozen=True, slots=True)
class Outcome:
    """A button: whether it needs an opinion (required, optional, none)."""

    id: str
    name: Text
    opinion: Literal["required", "optional", "none"]


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """A task with its form (fields with type, whether required, and their options), data and buttons.

    Without a form, `reads` names the variables that the caller's completion may carry: those the diagrams read and
    no step gives; for process administrators all they read but the matter's own.
    """

    task: TaskRow
    form: FormDescription | None
    data: Mapping[str, Any]
    outcomes: list[Outcome]
    may: list[str]
    reads: list[str]


class Complete(Body):
    """Complete a task: the button, the form's data, an opinion."""

    outcome: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    opinion: str | None = None


class Return(Body):
    """Return the matter to an earlier step; `process_key` where several processes have such a step."""

    element_id: str
    process_key: str | None = None
    reason: str


class HandOver(Body):
    """Give the task to a colleague."""

    to: str
    reason: str


class Draft(Body):
    """What has been filled in so far: fields of the task's form, and the opinion as `_opinion`."""

    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Saved:
    """When the draft was kept."""

    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An uploaded file; a form's file field takes `[{"id": …}]`."""

    id: str
    name: str
    size: int
    content_type: str


def _list(call: Call) -> Page[TaskRow]:
    query = call.query
    if query.get("state", "open") == "done":
        return inbox.done_tasks(call.system, call.person, after=query.get("after"), limit=limit_of(query))
    return inbox.open_tasks(
        call.system,
        call.person,
        process=query.get("process"),
        search=query.get("search"),
        instance=query.get("instance"),
        after=query.get("after"),
        limit=limit_of(query),
    )


def _get(call: Call) -> TaskDetail:
    view = inbox.get(call.system, call.person, call.path["task_id"])
    return TaskDetail(
        task=view.row,
        form=describe(view.form, view.access, view.filling.sources, view.data) if view.form else None,
        data=view.data,
        outcomes=[Outcome(one.id, one.name, one.opinion) for one in view.outcomes],
        may=sorted(view.may),
        reads=list(view.reads),
    )


def _complete(call: Call) -> Completed:
    body: Complete = call.body
    return tasks.complete(
        call.system,
        call.person,
        call.path["task_id"],
        outcome=body.outcome,
        data=body.data,
        opinion=body.opinion,
        request_key=call.request_key,
    )


def _return(call: Call) -> Completed:
    return tasks.return_to(
        call.system,
        call.person,
        call.path["task_id"],
        element_id=call.body.element_id,
        process_key=call.body.process_key,
        reason=call.body.reason,
        request_key=call.request_key,
    )


def _upload(call: Call) -> Uploaded:
    given = request.files.get("file")
    if given is None:
        message = Text("请在 file 中上传文件", "Send the file as the part “file”")
        raise Invalid(message, fields={"file": message})
    kept = files.upload(call.system, call.person, given.filename or "", given.read())
    return Uploaded(kept.id, kept.name, kept.size, kept.content_type)


ENDPOINTS = [
    Endpoint(
        "GET",
        "/tasks",
        _list,
        "The caller's tasks, what is due first on top",
        Page[TaskRow],
        query={
            "state": Choice("open tasks (default), or those the caller has done", ("open", "done")),
            "process": "process key",
            "instance": "instance id",
            "search": "words of the title or step",
            **PAGE,
        },
    ),
    Endpoint("GET", "/tasks/{task_id}", _get, "One task with form, data and buttons", TaskDetail),
    Endpoint(
        "POST",
        "/tasks/{task_id}/claim",
        lambda call: tasks.claim(call.system, call.person, call.path["task_id"]),
        "Take a task of the pool",
    ),
    Endpoint(
        "POST",
        "/tasks/{task_id}/release",
        lambda call: tasks.release(call.system, call.person, call.path["task_id"]),
        "Give a claimed task back",
    ),
    Endpoint(
        "GET",
        "/tasks/{task_id}/candidates",
        lambda call: tasks.candidates(call.system, call.person, call.path["task_id"]),
        "Who else may do it",
        list[Candidate],
    ),
    Endpoint(
        "POST",
        "/tasks/{task_id}/hand-over",
        lambda call: tasks.hand_over(
            call.system, call.person, call.path["task_id"], to=call.body.to, reason=call.body.reason
        ),
        "Give the task to a colleague",
        body=HandOver,
    ),
    Endpoint(
        "PUT",
        "/tasks/{task_id}/draft",
        lambda call: Saved(tasks.save_draft(call.system, call.person, call.path["task_id"], call.body.data)),
        "Keep what has been filled in so far",
        Saved,
        body=Draft,
    ),
    Endpoint(
        "POST",
        "/tasks/{task_id}/complete",
        _complete,
        "Complete a task",
        Completed,
        body=Complete,
        idempotent=True,
    ),
    Endpoint(
        "GET",
        "/tasks/{task_id}/return-targets",
        lambda call: tasks.return_targets(call.system, call.person, call.path["task_id"]),
        "Where the matter may be returned to, and what that would cancel",
        list[ReturnTarget],
    ),
    Endpoint(
        "POST",
        "/tasks/{task_id}/return",
        _return,
        "Return the matter to an earlier step",
        Completed,
        body=Return,
        idempotent=True,
    ),
    Endpoint(
        "POST",
        "/files",
        _upload,
        "Upload a file for a form",
        Uploaded,
        status=201,
        parts={"type": "object", "properties": {"file": BINARY}, "required": ["file"]},
    ),
    Endpoint(
        "GET",
        "/files/{file_id}",
        lambda call: downloads.sent(*files.download(call.system, call.person, call.path["file_id"])),
        "Download a file of a matter one may see, or one's own that is in none yet",
        Response,
    ),
]
