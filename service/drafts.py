"""Drafts of the procedure: files being edited, checked as one set, submitted, and published by a second person."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from service import deployments
from service.deployments import Deployment
from service.engine.model import Procedure
from service.errors import Conflict, Forbidden, Invalid, NotFound, Text
from service.identity import duties, people
from service.identity.people import Person
from service.store import procedure as tables
from service.store.ids import new_id
from service.system import System, deployment_files

#: Largest file of a procedure, in bytes.
LARGEST_FILE = 2 * 1024 * 1024
#: Endings of files a procedure may hold.
ENDINGS = (".bpmn", ".dmn", ".json", ".toml")


@dataclass(frozen=True, slots=True)
class Draft:
    """A set of files being edited; state is editing, submitted, published or discarded."""

    id: str
    name: str
    note: str
    state: str
    based_on: str | None
    created_by: str
    created_by_name: str
    created_at: datetime
    submitted_by: str | None
    submitted_by_name: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Change:
    """A file that differs from the deployment the draft began from: added, changed or removed."""

    path: str
    kind: str


def create(system: System, person: Person, *, name: str, files: Mapping[str, bytes] | None = None) -> Draft:
    """Begin a draft from the procedure in force, or from uploaded `files` (the whole set)."""
    _demand(person, duties.DESIGNER)
    if not name.strip():
        message = Text("请给草稿起名", "Name the draft")
        raise Invalid(message, fields={"name": message})
    with system.database.write() as connection:
        based_on = system.installation(connection).deployment_id
        if files is None:
            files = deployment_files(connection, based_on) if based_on is not None else {}
        for path, data in files.items():
            check_file(path, data)
        at = system.now(connection)
        draft_id = new_id()
        connection.execute(
            insert(tables.draft).values(
                id=draft_id,
                name=name.strip()[:200],
                note="",
                state="editing",
                based_on=based_on,
                created_by=person.id,
                created_at=at,
                version=1,
            )
        )
        for path, data in files.items():
            _write_file(connection, draft_id, path, data, person, at)
        return _draft(connection, _row(connection, draft_id))


def list_drafts(system: System, person: Person) -> list[Draft]:
    """Return the drafts that are being edited or wait for publication, newest first."""
    _demand(person, duties.DESIGNER, duties.PUBLISHER)
    with system.database.read() as connection:
        rows = connection.execute(
            select(tables.draft)
            .where(tables.draft.c.state.in_(("editing", "submitted")))
            .order_by(tables.draft.c.created_at.desc())
        ).mappings()
        return [_draft(connection, row) for row in rows.all()]


def get(system: System, person: Person, draft_id: str) -> Draft:
    """Return a draft. Raises `NotFound`."""
    _demand(person, duties.DESIGNER, duties.PUBLISHER)
    with system.database.read() as connection:
        return _draft(connection, _row(connection, draft_id))


def files(system: System, person: Person, draft_id: str) -> dict[str, bytes]:
    """Return path → content of a draft's files."""
    _demand(person, duties.DESIGNER, duties.PUBLISHER)
    with system.database.read() as connection:
        _row(connection, draft_id)
        return _files(connection, draft_id)


def changes(system: System, person: Person, draft_id: str) -> list[Change]:
    """Return what a draft changes against the deployment it began from, by path."""
    _demand(person, duties.DESIGNER, duties.PUBLISHER)
    with system.database.read() as connection:
        row = _row(connection, draft_id)
        before = deployment_files(connection, row["based_on"]) if row["based_on"] else {}
        after = _files(connection, draft_id)
    found = []
    for path in sorted(before.keys() | after.keys()):
        if path not in before:
            found.append(Change(path, "added"))
        elif path not in after:
            found.append(Change(path, "removed"))
        elif before[path] != after[path]:
            found.append(Change(path, "changed"))
    return found


def save_file(
    system: System, person: Person, draft_id: str, path: str, data: bytes, *, version: int
) -> Draft:
    """Write one file of a draft; `version` is the draft's that the person has seen.

    Raises `Conflict` when somebody else saved meanwhile, `Invalid` for a wrong path or size. The content may
    still have problems: `check` shows them, and publishing refuses them.
    """
    return save_files(system, person, draft_id, {path: data}, version=version)


def save_files(
    system: System, person: Person, draft_id: str, files: Mapping[str, bytes], *, version: int
) -> Draft:
    """Write several files of a draft at once; the others stay. See `save_file`."""
    for path, data in files.items():
        check_file(path, data)

    def write(connection: Connection, at: datetime) -> None:
        for path, data in files.items():
            _write_file(connection, draft_id, path, data, person, at)

    return _edit(system, person, draft_id, version, write)


def delete_file(system: System, person: Person, draft_id: str, path: str, *, version: int) -> Draft:
    """Remove one file of a draft; see `save_file`."""

    def write(connection: Connection, _at: datetime) -> None:
        connection.execute(
            delete(tables.draft_file).where(
                tables.draft_file.c.draft_id == draft_id, tables.draft_file.c.path == path
            )
        )

    return _edit(system, person, draft_id, version, write)


def check(system: System, person: Person, draft_id: str) -> Procedure:
    """Check a draft's files as one set; the problems are on the result."""
    return deployments.check(files(system, person, draft_id))


def submit(system: System, person: Person, draft_id: str, *, note: str) -> Draft:
    """Hand a draft to a publisher, saying what changes and why. Raises `Invalid` while it has errors."""
    _demand(person, duties.DESIGNER)
    if not note.strip():
        message = Text("请说明改了什么、为什么", "Say what changes and why")
        raise Invalid(message, fields={"note": message})
    deployments.refuse_problems(check(system, person, draft_id))
    with system.database.write() as connection:
        _expect(_row(connection, draft_id), "editing")
        connection.execute(
            update(tables.draft)
            .where(tables.draft.c.id == draft_id)
            .values(
                state="submitted",
                note=note.strip(),
                submitted_by=person.id,
                submitted_at=system.now(connection),
            )
        )
        return _draft(connection, _row(connection, draft_id))


def reopen(system: System, person: Person, draft_id: str) -> Draft:
    """Give a submitted draft back to editing."""
    _demand(person, duties.DESIGNER, duties.PUBLISHER)
    return _set_state(system, draft_id, "submitted", "editing")


def discard(system: System, person: Person, draft_id: str) -> Draft:
    """Throw a draft away; its files stay readable in the database."""
    _demand(person, duties.DESIGNER)
    return _set_state(system, draft_id, "editing", "discarded")


def publish(system: System, person: Person, draft_id: str) -> Deployment:
    """Put a submitted draft in force: a second person, after a clean check, when nobody published since.

    Raises `Forbidden` for who submitted or edited it, `Conflict` when another deployment came into force after
    the draft was begun, `Invalid` with the problems.
    """
    _demand(person, duties.PUBLISHER)
    contents = files(system, person, draft_id)
    deployments.refuse_problems(deployments.check(contents))
    with system.database.write() as connection:
        row = _row(connection, draft_id)
        _expect(row, "submitted")
        editors = set(
            connection.scalars(
                select(tables.draft_file.c.saved_by).where(
                    tables.draft_file.c.draft_id == draft_id, tables.draft_file.c.saved_at > row["created_at"]
                )
            )
        )
        if person.id in {row["submitted_by"], *editors}:
            raise Forbidden(
                Text(
                    "提交或修改草稿的人不能自己发布，请由另一位发布员审核发布",
                    "Who submitted or edited a draft may not publish it; another publisher must",
                )
            )
        if system.installation(connection).deployment_id != row["based_on"]:
            raise Conflict(
                Text(
                    "草稿开始后已有新版本生效，请以新版本为基础重新编辑",
                    "Another version came into force since this draft was begun; start from that one",
                )
            )
        deployment_id = deployments.store(
            system, connection, contents, note=row["note"], by=person.id, proposed_by=row["submitted_by"]
        )
        connection.execute(
            update(tables.draft).where(tables.draft.c.id == draft_id).values(state="published")
        )
        return deployments.get(connection, deployment_id)


def _edit(
    system: System, person: Person, draft_id: str, version: int, write: Callable[[Connection, datetime], None]
) -> Draft:
    _demand(person, duties.DESIGNER)
    with system.database.write() as connection:
        row = _row(connection, draft_id)
        _expect(row, "editing")
        if row["version"] != version:
            raise Conflict(
                Text(
                    "别人刚保存了这份草稿，请刷新后再改，您的修改没有写入",
                    "Somebody else saved this draft; reload and edit again, yours was not written",
                )
            )
        write(connection, system.now(connection))
        connection.execute(
            update(tables.draft).where(tables.draft.c.id == draft_id).values(version=version + 1)
        )
        return _draft(connection, _row(connection, draft_id))


def _set_state(system: System, draft_id: str, expected: str, state: str) -> Draft:
    with system.database.write() as connection:
        _expect(_row(connection, draft_id), expected)
        connection.execute(update(tables.draft).where(tables.draft.c.id == draft_id).values(state=state))
        return _draft(connection, _row(connection, draft_id))


def check_file(path: str, data: bytes) -> None:
    """Refuse a path or size no file of a procedure may have. Raises `Invalid`."""
    parts = path.split("/")
    if not path.endswith(ENDINGS) or len(path) > 200 or any(part in ("", ".", "..") for part in parts):
        message = Text(
            f"文件路径 {path} 不可用：只能是 .bpmn、.dmn、.json、.toml",
            f"{path} cannot be used: only .bpmn, .dmn, .json and .toml files",
        )
        raise Invalid(message, fields={"path": message})
    if len(data) > LARGEST_FILE:
        message = Text(f"{path} 超过 {LARGEST_FILE // 1048576} MB", f"{path} is larger than 2 MB")
        raise Invalid(message, fields={"path": message})


def _write_file(
    connection: Connection, draft_id: str, path: str, data: bytes, person: Person, at: datetime
) -> None:
    sha256 = deployments.store_blob(connection, data)
    where = (tables.draft_file.c.draft_id == draft_id) & (tables.draft_file.c.path == path)
    values = {"sha256": sha256, "saved_by": person.id, "saved_at": at}
    if connection.execute(update(tables.draft_file).where(where).values(**values)).rowcount == 0:
        connection.execute(insert(tables.draft_file).values(draft_id=draft_id, path=path, **values))


def _files(connection: Connection, draft_id: str) -> dict[str, bytes]:
    rows = connection.execute(
        select(tables.draft_file.c.path, tables.blob.c.data)
        .join(tables.blob, tables.blob.c.sha256 == tables.draft_file.c.sha256)
        .where(tables.draft_file.c.draft_id == draft_id)
        .order_by(tables.draft_file.c.path)
    )
    return {row.path: bytes(row.data) for row in rows}


def _row(connection: Connection, draft_id: str) -> RowMapping:
    row = (
        connection.execute(select(tables.draft).where(tables.draft.c.id == draft_id)).mappings().one_or_none()
    )
    if row is None:
        raise NotFound(Text("没有这份草稿", "There is no such draft"))
    return row


def _draft(connection: Connection, row: RowMapping) -> Draft:
    names = people.names(connection, {one for one in (row["created_by"], row["submitted_by"]) if one})
    return Draft(
        id=row["id"],
        name=row["name"],
        note=row["note"],
        state=row["state"],
        based_on=row["based_on"],
        created_by=row["created_by"],
        created_by_name=names.get(row["created_by"], ""),
        created_at=row["created_at"],
        submitted_by=row["submitted_by"],
        submitted_by_name=names.get(row["submitted_by"] or ""),
        version=row["version"],
    )


def _expect(row: RowMapping, state: str) -> None:
    if row["state"] != state:
        names = {"editing": "编辑中", "submitted": "待发布", "published": "已发布", "discarded": "已作废"}
        raise Conflict(
            Text(
                f"草稿{names[row['state']]}，不能这样操作",
                f"The draft is {row['state']}; this is not possible",
            )
        )


def _demand(person: Person, *wanted: str) -> None:
    if not any(person.has(one) for one in wanted):
        raise Forbidden(
            Text(
                "只有流程设计员和发布员可以管理流程草稿",
                "Only process designers and publishers handle drafts",
            )
        )
