"""The designers' studio: drafts of the procedure, their files and problems, the diagram editor, and publication."""

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from service import deployments, differences, drafts, procedure_archive
from service.errors import AppError, Conflict, Forbidden, Invalid, NotFound, Text
from service.identity import duties
from service.operations import registry
from service.system import deployment_files
from web import security
from web.context import current_person, current_system
from web.failures import answer, wants_json
from web.language import current, gettext, say

page = Blueprint("designer", __name__, url_prefix="/designer")

#: Kinds of files in the order they are listed: ending or folder, and what it is called.
KINDS: tuple[tuple[str, Text], ...] = (
    ("diagram", Text("流程图", "Diagrams")),
    ("decision", Text("决策表", "Decision tables")),
    ("form", Text("表单", "Forms")),
    ("data", Text("岗位与数据", "Roles and data")),
)


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file as the studio lists it: what it is called, how it differs, and what is wrong in it."""

    path: str
    kind: str
    name: Text
    size: int
    change: str
    errors: int
    warnings: int


@page.before_request
def _only_designers() -> None:
    person = current_person()
    if not (person.has(duties.DESIGNER) or person.has(duties.PUBLISHER)):
        raise Forbidden(
            Text(
                "只有流程设计员和发布员可以打开流程设计",
                "Only process designers and publishers may open the studio",
            )
        )


@page.get("/")
def overview() -> ResponseReturnValue:
    """Show the drafts, the version in force and the versions before it."""
    system, person = current_system(), current_person()
    with system.database.read() as connection:
        versions = deployments.list_deployments(connection)
    return render_template(
        "designer/overview.html",
        drafts=drafts.list_drafts(system, person),
        versions=versions,
        in_force=next((one for one in versions if one.in_force), None),
        may_design=person.has(duties.DESIGNER),
    )


@page.post("/drafts")
def begin() -> ResponseReturnValue:
    """Begin a draft from the version in force, or from an uploaded archive."""
    upload = request.files.get("archive")
    files = procedure_archive.unpack(upload.read()) if upload and upload.filename else None
    draft = drafts.create(current_system(), current_person(), name=request.form.get("name", ""), files=files)
    return redirect(url_for("designer.show", draft_id=draft.id))


@page.get("/versions/<deployment_id>")
def version(deployment_id: str) -> ResponseReturnValue:
    """Show a published version: its processes, its files, and what still runs by it."""
    system = current_system()
    with system.database.read() as connection:
        deployment = deployments.get(connection, deployment_id)
        definitions = deployments.definitions(system, connection, deployment_id)
        files = deployment_files(connection, deployment_id)
        running = {(one.process_key, one.version): one.count for one in differences.running(connection)}
    rows = _rows(files, {}, ())
    procedure = _check(files)
    senders: dict[str, list[Text]] = {}
    for process in procedure.processes.values():
        for message in {one.send.message for one in process.elements.values() if one.send is not None}:
            senders.setdefault(message, []).append(process.name)
    return render_template(
        "designer/version.html",
        version=deployment,
        definitions=definitions,
        roles={key: one.label for key, one in procedure.roles.items()},
        senders=senders,
        running=running,
        groups=_groups(rows),
        kinds=dict(KINDS),
    )


@page.get("/versions/<deployment_id>.zip")
def version_archive(deployment_id: str) -> ResponseReturnValue:
    """Send all files of a published version."""
    with current_system().database.read() as connection:
        deployment = deployments.get(connection, deployment_id)
        files = deployment_files(connection, deployment_id)
    return _archive(files, f"procedure-{deployment.number}")


@page.get("/versions/<deployment_id>/files/<path:path>")
def version_file(deployment_id: str, path: str) -> ResponseReturnValue:
    """Send one file of a published version."""
    with current_system().database.read() as connection:
        files = deployment_files(connection, deployments.get(connection, deployment_id).id)
    return _attachment(_one(files, path), path)


@page.get("/drafts/<draft_id>")
def show(draft_id: str) -> ResponseReturnValue:
    """Show a draft: its files with what is wrong in each, and what can be done with it now."""
    system, person = current_system(), current_person()
    draft = drafts.get(system, person, draft_id)
    files = drafts.files(system, person, draft_id)
    procedure = _check(files)
    changes = {one.path: one.kind for one in drafts.changes(system, person, draft_id)}
    rows = _rows(files, changes, procedure.problems)
    rows += [
        FileRow(path, _kind(path), Text(path, path), 0, "removed", 0, 0)
        for path, kind in changes.items()
        if kind == "removed"
    ]
    return render_template(
        "designer/draft.html",
        draft=draft,
        groups=_groups(rows),
        kinds=dict(KINDS),
        problems=_problems(procedure.problems),
        errors=sum(one.severity == "error" for one in procedure.problems),
        changed=len(changes),
        may_edit=person.has(duties.DESIGNER) and draft.state == "editing",
        may_publish=person.has(duties.PUBLISHER) and draft.state == "submitted",
        may_reopen=draft.state == "submitted",
        own=draft.submitted_by == person.id,
    )


@page.get("/drafts/<draft_id>/changes")
def changes(draft_id: str) -> ResponseReturnValue:
    """Say in words what a draft changes, and what that means for what is running."""
    system, person = current_system(), current_person()
    draft = drafts.get(system, person, draft_id)
    files = drafts.files(system, person, draft_id)
    with system.database.read() as connection:
        before = _check(deployment_files(connection, draft.based_on) if draft.based_on else {})
        running = differences.running(connection)
    after = _check(files)
    found = differences.compare(before, after)
    by_file: dict[str, list[differences.Difference]] = {}
    for one in found:
        by_file.setdefault(one.file, []).append(one)
    touched = {
        key
        for key in before.processes.keys() | after.processes.keys()
        if getattr(before.processes.get(key), "closure", None)
        != getattr(after.processes.get(key), "closure", None)
    }
    return render_template(
        "designer/changes.html",
        draft=draft,
        by_file=by_file,
        names=_names(files),
        running=[one for one in running if one.process_key in touched],
        others=sum(one.count for one in running if one.process_key not in touched),
        may_publish=person.has(duties.PUBLISHER) and draft.state == "submitted",
        own=draft.submitted_by == person.id,
    )


@page.get("/drafts/<draft_id>.zip")
def draft_archive(draft_id: str) -> ResponseReturnValue:
    """Send all files of a draft."""
    draft = drafts.get(current_system(), current_person(), draft_id)
    return _archive(drafts.files(current_system(), current_person(), draft_id), draft.name)


@page.get("/drafts/<draft_id>/files/<path:path>")
def draft_file(draft_id: str, path: str) -> ResponseReturnValue:
    """Send one file of a draft, as it is."""
    files = drafts.files(current_system(), current_person(), draft_id)
    return _attachment(_one(files, path), path)


@page.get("/drafts/<draft_id>/edit/<path:path>")
def edit(draft_id: str, path: str) -> ResponseReturnValue:
    """Open a file: diagrams in the diagram editor, everything else (and on demand a diagram) as text."""
    system, person = current_system(), current_person()
    draft = drafts.get(system, person, draft_id)
    files = drafts.files(system, person, draft_id)
    data = _one(files, path)
    procedure = _check(files)
    problems = [one for one in _problems(procedure.problems) if one["file"] == path]
    may_edit = person.has(duties.DESIGNER) and draft.state == "editing"
    common = {
        "draft": draft,
        "path": path,
        "name": _names(files)[path],
        "problems": problems,
        "may_edit": may_edit,
    }
    if path.endswith(".bpmn") and request.args.get("as") != "text" and b"BPMNDiagram" in data:
        security.allow_editor_styles()
        return render_template("designer/diagram.html", **common, known=_vocabulary(files, procedure))
    if path.endswith(".dmn") and request.args.get("as") != "text":
        security.allow_preview_styles()
        return render_template("designer/decision.html", **common)
    drawn = path.endswith(".dmn") or (path.endswith(".bpmn") and b"BPMNDiagram" in data)
    return render_template(
        "designer/text.html",
        **common,
        text=data.decode("utf-8", "replace"),
        drawn=drawn,
        line=request.args.get("line", type=int),
    )


@page.post("/drafts/<draft_id>/edit/<path:path>")
def save(draft_id: str, path: str) -> ResponseReturnValue:
    """Write a file of a draft; scripts get the draft's version and the file's problems back."""
    system, person = current_system(), current_person()
    data = request.form.get("content", "").replace("\r\n", "\n").encode()
    draft = drafts.save_file(system, person, draft_id, path, data, version=_version())
    procedure = _check(drafts.files(system, person, draft_id))
    problems = [one for one in _problems(procedure.problems) if one["file"] == path]
    if wants_json():
        return jsonify(version=draft.version, problems=problems)
    flash(gettext("已保存 %(path)s", path=path), "ok")
    address = url_for("designer.edit", draft_id=draft_id, path=path)
    return redirect(f"{address}?as=text" if request.args.get("as") == "text" else address)


@page.post("/drafts/<draft_id>/upload")
def upload(draft_id: str) -> ResponseReturnValue:
    """Write uploaded files into a draft: single files, or a zip archive with several."""
    found: dict[str, bytes] = {}
    for one in request.files.getlist("files"):
        found |= _uploaded(one, request.form.get("folder", ""))
    if not found:
        message = Text("请选择要上传的文件", "Choose the files to upload")
        raise Invalid(message, fields={"files": message})
    drafts.save_files(current_system(), current_person(), draft_id, found, version=_version())
    problems = _check(drafts.files(current_system(), current_person(), draft_id)).problems
    broken = sorted({one.file for one in problems if one.severity == "error" and one.file in found})
    if broken:
        words = gettext("已上传 %(n)s 个文件，其中有错误：%(files)s", n=len(found), files="、".join(broken))
        flash(words, "soon")
    else:
        flash(gettext("已上传 %(n)s 个文件", n=len(found)), "ok")
    return redirect(url_for("designer.show", draft_id=draft_id))


@page.post("/drafts/<draft_id>/new-file")
def new_file(draft_id: str) -> ResponseReturnValue:
    """Add an empty file of a chosen kind."""
    kind, key = request.form.get("kind", ""), request.form.get("key", "").strip()
    name = request.form.get("name", "").strip()
    if not key.isascii() or not key.replace("_", "").isalnum() or not key[0].isalpha():
        message = Text(
            "文件编号以英文字母开头，由字母、数字、下划线组成",
            "A file's id: letters, digits, underscores; a letter first",
        )
        raise Invalid(message, fields={"key": message})
    path, data = _blank(kind, key, name or key)
    if path in drafts.files(current_system(), current_person(), draft_id):
        raise Conflict(Text(f"草稿里已有 {path}", f"The draft already has {path}"))
    drafts.save_file(current_system(), current_person(), draft_id, path, data, version=_version())
    return redirect(url_for("designer.edit", draft_id=draft_id, path=path))


@page.post("/drafts/<draft_id>/remove")
def remove(draft_id: str) -> ResponseReturnValue:
    """Remove a file from a draft."""
    path = request.form.get("path", "")
    drafts.delete_file(current_system(), current_person(), draft_id, path, version=_version())
    flash(gettext("已从草稿中删除 %(path)s", path=path), "ok")
    return redirect(url_for("designer.show", draft_id=draft_id))


@page.post("/drafts/<draft_id>/submit")
def submit(draft_id: str) -> ResponseReturnValue:
    """Hand a draft to a publisher."""
    drafts.submit(current_system(), current_person(), draft_id, note=request.form.get("note", ""))
    flash(gettext("已提交，等待另一位发布员审核发布"), "ok")
    return redirect(url_for("designer.show", draft_id=draft_id))


@page.post("/drafts/<draft_id>/reopen")
def reopen(draft_id: str) -> ResponseReturnValue:
    """Give a submitted draft back to editing."""
    drafts.reopen(current_system(), current_person(), draft_id)
    flash(gettext("草稿已退回编辑"), "ok")
    return redirect(url_for("designer.show", draft_id=draft_id))


@page.post("/drafts/<draft_id>/discard")
def discard(draft_id: str) -> ResponseReturnValue:
    """Throw a draft away."""
    drafts.discard(current_system(), current_person(), draft_id)
    flash(gettext("草稿已作废"), "ok")
    return redirect(url_for("designer.overview"))


@page.post("/drafts/<draft_id>/publish")
def publish(draft_id: str) -> ResponseReturnValue:
    """Put a submitted draft in force, as the second person."""
    done = drafts.publish(current_system(), current_person(), draft_id)
    flash(gettext("第 %(n)s 版已生效；在办事项继续按原版本办理", n=done.number), "ok")
    return redirect(url_for("designer.version", deployment_id=done.id))


@page.errorhandler(AppError)
def _refused(error: AppError) -> ResponseReturnValue:
    """Show a refusal of a form on the page the person came from, where there is one."""
    if request.method == "POST" and not wants_json() and isinstance(error, Invalid | Conflict):
        flash(say(error.text), "stop")
        draft_id = (request.view_args or {}).get("draft_id")
        back = url_for("designer.show", draft_id=draft_id) if draft_id else url_for("designer.overview")
        return redirect(back)
    return answer(error)


def _check(files: Mapping[str, bytes]) -> Any:
    """Return the checked procedure of `files`; pages ask for the same set again and again."""
    return _checked(tuple(sorted(files.items())))


@lru_cache(maxsize=6)
def _checked(files: tuple[tuple[str, bytes], ...]) -> Any:
    return deployments.check(dict(files))


def _uploaded(file: FileStorage, folder: str) -> dict[str, bytes]:
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    if not name:
        return {}
    data = file.read()
    if name.lower().endswith(".zip"):
        return procedure_archive.unpack(data)
    default = {".dmn": "decisions/", ".json": "forms/"}.get(name[name.rfind(".") :], "")
    return {f"{folder or default}{name}": data}


def _version() -> int:
    try:
        return int(request.form.get("version", ""))
    except ValueError:
        raise Invalid(
            Text("页面缺少草稿版本号，请刷新后重试", "The draft's version is missing; reload")
        ) from None


def _one(files: Mapping[str, bytes], path: str) -> bytes:
    if path not in files:
        raise NotFound(Text(f"没有文件 {path}", f"There is no file {path}"))
    return files[path]


def _kind(path: str) -> str:
    if path.endswith(".bpmn"):
        return "diagram"
    if path.endswith(".dmn"):
        return "decision"
    return "form" if path.endswith(".json") else "data"


def _rows(files: Mapping[str, bytes], changed: Mapping[str, str], problems: Sequence[Any]) -> list[FileRow]:
    errors = Counter(one.file for one in problems if one.severity == "error")
    warnings = Counter(one.file for one in problems if one.severity != "error")
    names = _names(files)
    return [
        FileRow(
            path,
            _kind(path),
            names[path],
            len(data),
            changed.get(path, ""),
            errors[path],
            warnings[path],
        )
        for path, data in sorted(files.items())
    ]


def _names(files: Mapping[str, bytes]) -> dict[str, Text]:
    """Return what people call each file: the name written in it, else its file name."""
    procedure = _check(files)
    names = {path: Text(path.rpartition("/")[2], path.rpartition("/")[2]) for path in files}
    names |= {one.file: one.name for one in procedure.processes.values()}
    names |= {one.file: one.name for one in procedure.decisions.values()}
    return names | {one.file: one.title for one in procedure.forms.values()}


def _groups(rows: Sequence[FileRow]) -> list[tuple[str, list[FileRow]]]:
    return [(kind, found) for kind, _ in KINDS if (found := [one for one in rows if one.kind == kind])]


def _problems(problems: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "file": one.file,
            "line": one.line,
            "element": one.element,
            "severity": one.severity,
            "code": one.code,
            "text": say(one.text),
        }
        for one in problems
    ]


def _vocabulary(files: Mapping[str, bytes], procedure: Any) -> dict[str, Any]:
    """Return what the properties panel offers: roles, forms, decisions, operations, messages, processes."""
    english = current() == "en"

    def word(text: Text) -> str:
        return text.en if english else text.zh

    messages = sorted(
        {
            one.message
            for process in procedure.processes.values()
            for element in process.elements.values()
            for one in (element.send, element.receive)
            if one is not None
        }
    )
    return {
        "roles": [[key, word(one.label)] for key, one in sorted(procedure.roles.items())],
        "forms": [[key, word(one.title)] for key, one in sorted(procedure.forms.items())],
        "decisions": sorted(
            path.rpartition("/")[2].removesuffix(".dmn") for path in files if path.endswith(".dmn")
        ),
        "processes": [[key, word(one.name)] for key, one in sorted(procedure.processes.items())],
        "messages": messages,
        "operations": [
            {
                "name": one.name,
                "summary": word(one.summary),
                "required": sorted(one.required),
                "optional": sorted(one.optional),
            }
            for _, one in sorted(registry.signatures().items())
        ],
    }


def _blank(kind: str, key: str, name: str) -> tuple[str, bytes]:
    if kind == "diagram":
        return f"{key}.bpmn", render_template("designer/blank.bpmn.xml", key=key, name=name).encode()
    if kind == "form":
        content = {"schemaVersion": 18, "type": "default", "id": key, "title": name, "components": []}
        return f"forms/{key}.json", (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()
    if kind == "decision":
        return f"decisions/{key}.dmn", render_template("designer/blank.dmn.xml", key=key, name=name).encode()
    raise Invalid(Text("请选择文件种类", "Choose the kind of file"))


def _archive(files: Mapping[str, bytes], name: str) -> Response:
    return send_file(
        io.BytesIO(procedure_archive.pack(files)),
        mimetype="application/zip",
        as_attachment=True,
        download_name=f"{name}.zip",
    )


def _attachment(data: bytes, path: str) -> Response:
    """Send a file so that no browser takes it for a page of ours."""
    return send_file(
        io.BytesIO(data),
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=path.rpartition("/")[2],
    )
