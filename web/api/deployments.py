"""Deployments and process definitions: files in, problems out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import request

from service import deployments, instances
from service.deployments import Definition, Deployment
from service.errors import Forbidden, Invalid, Text
from service.form_description import FormDescription, describe
from service.identity import duties
from web.api.endpoints import BINARY, Call, Endpoint


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of files found; errors forbid a deployment, warnings do not."""

    deployable: bool
    problems: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Published:
    """A deployment that was put in force, with the warnings found in its files."""

    deployment: Deployment
    problems: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class StartForm:
    """The form a process starts with (None: it has none) and the data it starts from."""

    key: str
    name: Text
    form: FormDescription | None
    data: Mapping[str, Any]


def _files() -> dict[str, bytes]:
    found = {}
    for name, file in request.files.items(multi=True):
        # The part's name is the path; a part named "files" takes the file's own name.
        path = (file.filename or "") if name == "files" else name
        found[path] = file.read()
    if not found:
        message = Text(
            "请以 multipart/form-data 上传流程文件", "Send the procedure's files as multipart/form-data"
        )
        raise Invalid(message, fields={"files": message})
    return found


def _publish(call: Call) -> Published:
    if not call.person.has(duties.PUBLISHER):
        raise Forbidden(Text("只有流程发布员可以部署", "Only publishers may deploy"))
    files = _files()
    done = deployments.publish(
        call.system, files, note=request.form.get("note", ""), by=call.person.id, proposed_by=call.person.id
    )
    problems = [deployments.problem_facts(one) for one in deployments.check(files).problems]
    return Published(done, problems)


def _check(call: Call) -> Checked:
    procedure = deployments.check(_files())
    return Checked(procedure.deployable, [deployments.problem_facts(one) for one in procedure.problems])


def _list(call: Call) -> list[Deployment]:
    with call.system.database.read() as connection:
        return deployments.list_deployments(connection)


def _definitions(call: Call) -> list[Definition]:
    with call.system.database.read() as connection:
        wanted = call.query.get("deployment") or deployments.in_force(call.system, connection)
        return deployments.definitions(call.system, connection, deployments.get(connection, wanted).id)


def _start_form(call: Call) -> StartForm:
    shown = instances.start_form(
        call.system, call.person, call.path["key"], organisation_id=call.query.get("organisation")
    )
    form = describe(shown.form, {}, shown.filling.sources, shown.filling.data) if shown.form else None
    return StartForm(shown.key, shown.name, form, shown.filling.data)


PARTS: dict[str, object] = {
    "type": "object",
    "description": "Each part is a file, its name the path in the procedure, such as forms/request.json; parts called "
    "`files` take the names of their files",
    "properties": {"note": {"type": "string", "description": "What this deployment changes, for its list"}},
    "additionalProperties": BINARY,
}

ENDPOINTS = [
    Endpoint(
        "POST",
        "/deployments",
        _publish,
        "Check files and put them in force",
        Published,
        status=201,
        parts=PARTS,
    ),
    Endpoint(
        "POST", "/deployments/check", _check, "Check files without deploying them", Checked, parts=PARTS
    ),
    Endpoint("GET", "/deployments", _list, "All deployments, newest first", list[Deployment]),
    Endpoint(
        "GET",
        "/process-definitions",
        _definitions,
        "Process definitions of the deployment in force",
        list[Definition],
        query={"deployment": "id of another deployment"},
    ),
    Endpoint(
        "GET",
        "/process-definitions/{key}/start-form",
        _start_form,
        "The form a process starts with, as the caller would fill it in",
        StartForm,
        query={"organisation": "for which of one's organisations"},
    ),
]
