"""Deployments: immutable sets of a procedure's files; process definitions get versions when they change."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update

from service.documents import wording
from service.engine.model import Problem, Procedure
from service.errors import Invalid, NotFound, Text
from service.identity import reference
from service.operations import registry
from service.store.database import Database
from service.store.ids import new_id
from service.store.procedure import (
    blob,
    deployment,
    deployment_file,
    deployment_process,
    installation,
    process_definition,
)
from service.system import System, deployment_files

#: What a procedure's folder may hold; everything else in it is not deployed.
PATTERNS = ("*.bpmn", "decisions/*.dmn", "forms/*.json", "*.toml")


@dataclass(frozen=True, slots=True)
class Deployment:
    """One published set of files."""

    id: str
    number: int
    digest: str
    note: str
    published_at: datetime
    published_by: str | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a process."""

    id: str
    key: str
    version: int
    name: Text
    deployment_id: str
    starters: tuple[str, ...]
    start_form: str | None
    starts_on: str | None


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return path → content of the procedure files below `folder`."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in PATTERNS
        for path in sorted(folder.glob(pattern))
    }
    if not found:
        raise Invalid(
            Text(f"{folder} 中没有流程文件（*.bpmn）", f"No procedure files (*.bpmn) in {folder}"),
            field="folder",
        )
    return found


def check(files: Mapping[str, bytes]) -> Procedure:
    """Read and check a set of files; the problems are on the result, nothing is raised for them."""
    procedure = registry.read(files)
    return replace(procedure, problems=(*procedure.problems, *wording.problems(files, procedure.forms)))


def refuse_problems(procedure: Procedure) -> None:
    """Raise `Invalid` with all problems when the procedure may not be deployed."""
    errors = [one for one in procedure.problems if one.severity == "error"]
    if errors:
        raise Invalid(
            Text(
                f"流程文件有 {len(errors)} 处错误，未部署：{errors[0].file} {errors[0].text.zh}",
                f"{len(errors)} errors in the procedure, not deployed: {errors[0].file} {errors[0].text.en}",
            ),
            problems=[problem_facts(one) for one in procedure.problems],
        )


def problem_facts(problem: Problem) -> dict[str, object]:
    """Return a problem as JSON facts."""
    return {
        "file": problem.file,
        "line": problem.line,
        "element": problem.element,
        "severity": problem.severity,
        "code": problem.code,
        "text": problem.text.zh,
        "text_en": problem.text.en,
    }


def publish(
    system: System, files: Mapping[str, bytes], *, note: str, by: str | None, proposed_by: str | None = None
) -> Deployment:
    """Check `files` and put them in force; the same files again are the same deployment.

    Raises `Invalid` with the problems (file, line, element) when a check fails; nothing is written then.
    """
    refuse_problems(check(files))
    with system.database.write() as connection:
        deployment_id = store(system, connection, files, note=note, by=by, proposed_by=proposed_by)
        return get(connection, deployment_id)


def store(
    system: System,
    connection: Connection,
    files: Mapping[str, bytes],
    *,
    note: str,
    by: str | None,
    proposed_by: str | None,
) -> str:
    """Write checked `files` as a deployment and put it in force; returns its id. Caller checked the files."""
    procedure = check(files)
    digest = _digest(files)
    system.database.lock_topic(connection, "deployment")
    known = connection.scalar(select(deployment.c.id).where(deployment.c.digest == digest))
    deployment_id = known or _insert(system, connection, files, procedure, digest, note, by, proposed_by)
    connection.execute(update(installation).values(deployment_id=deployment_id))
    reference.know_kinds(connection, (role.sits for role in procedure.roles.values()))
    return deployment_id


def _insert(
    system: System,
    connection: Connection,
    files: Mapping[str, bytes],
    procedure: Procedure,
    digest: str,
    note: str,
    by: str | None,
    proposed_by: str | None,
) -> str:
    deployment_id = new_id()
    connection.execute(
        insert(deployment).values(
            id=deployment_id,
            number=(connection.scalar(select(func.max(deployment.c.number))) or 0) + 1,
            digest=digest,
            note=note,
            published_at=system.now(connection),
            published_by=by,
            proposed_by=proposed_by,
        )
    )
    rows = []
    for path, data in files.items():
        store_blob(connection, data)
        rows.append(
            {"deployment_id": deployment_id, "path": path, "sha256": hashlib.sha256(data).hexdigest()}
        )
    connection.execute(insert(deployment_file), rows)
    for definition in procedure.processes.values():
        connection.execute(
            insert(deployment_process).values(
                deployment_id=deployment_id,
                key=definition.key,
                definition_id=_version(
                    connection, deployment_id, definition.key, definition.closure, definition.name
                ),
            )
        )
    return deployment_id


def _version(connection: Connection, deployment_id: str, key: str, closure: str, name: Text) -> str:
    known: str | None = connection.scalar(
        select(process_definition.c.id).where(
            process_definition.c.key == key, process_definition.c.closure == closure
        )
    )
    if known is not None:
        return known
    last = connection.scalar(
        select(func.max(process_definition.c.version)).where(process_definition.c.key == key)
    )
    definition_id = new_id()
    connection.execute(
        insert(process_definition).values(
            id=definition_id,
            key=key,
            version=(last or 0) + 1,
            closure=closure,
            name_zh=name.zh,
            name_en=name.en,
            deployment_id=deployment_id,
        )
    )
    return definition_id


def store_blob(connection: Connection, data: bytes) -> str:
    """Keep `data` under its SHA-256 and return that; content already kept is not written again."""
    sha256 = hashlib.sha256(data).hexdigest()
    if connection.scalar(select(blob.c.sha256).where(blob.c.sha256 == sha256)) is None:
        connection.execute(insert(blob).values(sha256=sha256, data=data))
    return sha256


def _digest(files: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"{path}\0{hashlib.sha256(files[path]).hexdigest()}\0".encode())
    return total.hexdigest()


def in_force(system: System, connection: Connection) -> str:
    """Return the id of the deployment in force. Raises `NotFound` when nothing was deployed yet."""
    deployment_id = system.installation(connection).deployment_id
    if deployment_id is None:
        raise NotFound(Text("还没有部署任何流程", "No procedure has been deployed yet"))
    return deployment_id


def get(connection: Connection, deployment_id: str) -> Deployment:
    """Return a deployment. Raises `NotFound`."""
    for one in list_deployments(connection):
        if one.id == deployment_id:
            return one
    raise NotFound(Text("没有这个部署", "There is no such deployment"))


def list_deployments(connection: Connection) -> list[Deployment]:
    """Return all deployments, newest first."""
    current = connection.scalar(select(installation.c.deployment_id))
    rows = connection.execute(select(deployment).order_by(deployment.c.number.desc()))
    return [
        Deployment(
            id=row.id,
            number=row.number,
            digest=row.digest,
            note=row.note,
            published_at=row.published_at,
            published_by=row.published_by,
            in_force=row.id == current,
        )
        for row in rows
    ]


def definitions(system: System, connection: Connection, deployment_id: str) -> list[Definition]:
    """Return the process definitions of a deployment, by key."""
    procedure = system.procedure(connection, deployment_id)
    rows = connection.execute(
        select(process_definition)
        .join(deployment_process, deployment_process.c.definition_id == process_definition.c.id)
        .where(deployment_process.c.deployment_id == deployment_id)
        .order_by(process_definition.c.key)
    )
    return [
        Definition(
            id=row.id,
            key=row.key,
            version=row.version,
            name=Text(row.name_zh, row.name_en),
            deployment_id=deployment_id,
            starters=procedure.processes[row.key].starters,
            start_form=procedure.processes[row.key].start_form,
            starts_on=procedure.processes[row.key].starts_on,
        )
        for row in rows
    ]


def definition_id(connection: Connection, deployment_id: str, key: str) -> str:
    """Return the id of a process definition in a deployment. Raises `NotFound`."""
    found: str | None = connection.scalar(
        select(deployment_process.c.definition_id).where(
            deployment_process.c.deployment_id == deployment_id, deployment_process.c.key == key
        )
    )
    if found is None:
        raise NotFound(
            Text(f"部署中没有流程 {key}", f"There is no process {key} in the deployment"), process=key
        )
    return found


def export(database: Database, deployment_id: str, folder: Path) -> int:
    """Write a deployment's files below `folder`, exactly as they were deployed; returns how many."""
    with database.read() as connection:
        files = deployment_files(connection, deployment_id)
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return len(files)
