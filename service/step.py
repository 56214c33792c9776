"""One step of one instance: lock it, load it, run it until it waits, record everything in one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Result, RowMapping, bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError

from service import history, incidents, recording
from service.cascade import Cascade
from service.engine.expressions import Expression
from service.engine.model import Element, Functions, Procedure, ProcessDefinition, Variables
from service.engine.runtime import EngineIncident, Machine
from service.errors import Conflict, Invalid, NotFound, Text
from service.operations import registry
from service.store import procedure as tables
from service.store.database import Transaction, is_retryable
from service.store.ids import new_id
from service.store.types import Columns
from service.submissions import Submission
from service.system import System

T = TypeVar("T")

#: How often a step is tried again when another process was faster.
TRIES = 6
#: Variables of an instance that say whose matter it is, kept in columns of its own.
_IDENTIFIERS = ("unit_id", "organisation_id", "plan_year_id")
_LONGEST_ID = 32
_LONGEST_TITLE = 400

# Whether something of it waits for an administrator is read along: a step of its own would cost every completion.
_TROUBLED = (
    select(tables.incident.c.id)
    .where(tables.incident.c.instance_id == tables.instance.c.id, tables.incident.c.closed_at.is_(None))
    .exists()
    .label("troubled")
)
_INSTANCE = (
    select(tables.instance, _TROUBLED)
    .where(tables.instance.c.id == bindparam("instance_id"))
    .with_for_update(of=tables.instance)
)
_INSTANCE_OF = (
    select(tables.instance, _TROUBLED)
    .where(
        tables.instance.c.id
        == select(tables.task.c.instance_id).where(tables.task.c.id == bindparam("task_id")).scalar_subquery()
    )
    .with_for_update(of=tables.instance)
)
_VERSION = select(tables.instance.c.version).where(tables.instance.c.id == bindparam("instance_id"))
_INSERT_HISTORY = insert(tables.history)
_CHANGED = (
    "version",
    "machine",
    "state",
    "ended_at",
    "title",
    "unit_id",
    "organisation_id",
    "plan_year_id",
    "history_seq",
    "history_head",
)
_UPDATE_INSTANCE = (
    update(tables.instance)
    .where(tables.instance.c.id == bindparam("this"), tables.instance.c.version == bindparam("seen"))
    .values({name: bindparam(name) for name in _CHANGED})
)


class Stale(Exception):
    """Another process moved the instance between reading and writing; the whole step is tried again."""


def attempt(
    system: System,
    instance: str | Callable[[Connection], str],
    work: Callable[[Transaction], T],
    *,
    reports: bool = True,
) -> T:
    """Run `work` in a transaction that holds the instance, again when another process was faster.

    `instance` is its id, or finds it: SQLite has to know whose lock to hold before `work` begins, on PostgreSQL
    `work` locks the row itself. When the engine cannot go on, nothing of `work` is kept and an incident is
    written, unless the caller writes one (`reports=False`). Raises `EngineIncident` then, `Conflict` after too many
    tries, and what `work` raises.
    """

    def named(connection: Connection) -> str:
        return instance if isinstance(instance, str) else instance(connection)

    held = ""
    if system.database.is_sqlite:
        if isinstance(instance, str):
            held = instance
        else:
            with system.database.read() as connection:
                held = instance(connection)
    for _ in range(TRIES):
        try:
            with system.database.instance_lock(held), system.database.transaction() as transaction:
                return work(transaction)
        except Stale:
            continue
        except EngineIncident as error:
            if not reports:
                raise
            with system.database.write() as connection:
                incidents.report(
                    connection,
                    instance_id=named(connection),
                    element_id=error.element,
                    text=error.text,
                    facts={},
                    at=system.now(connection),
                )
            raise
        except DBAPIError as error:
            if not is_retryable(error):
                raise
    raise Conflict(
        Text(
            "这件事项正在被其他人办理，请刷新后再试",
            "Others are working on this matter; reload and try again",
        )
    )


def refuse(error: EngineIncident) -> Conflict:
    """Return what a person reads whose click the engine could not carry out."""
    return Conflict(
        Text(
            f"流程无法继续，您的提交没有生效，已通知流程管理员：{error.text.zh}",
            f"The procedure cannot go on; nothing was saved, the process administrators were told: {error.text.en}",
        ),
        element=error.element,
    )


def locked_row(connection: Connection, instance_id: str) -> RowMapping:
    """Return all columns of an instance and whether it is `troubled`; its row is locked. Raises `NotFound`."""
    return _found(connection.execute(_INSTANCE, {"instance_id": instance_id}))


def locked_row_of(connection: Connection, task_id: str) -> RowMapping:
    """Return what `locked_row` does, of a task's instance. Raises `NotFound`."""
    return _found(connection.execute(_INSTANCE_OF, {"task_id": task_id}))


def _found(result: Result[Any]) -> RowMapping:
    row = result.mappings().one_or_none()
    if row is None:
        raise NotFound(Text("没有这个流程实例", "There is no such process instance"))
    return row


def write_step(
    system: System,
    connection: Connection,
    row: dict[str, Any],
    *,
    at: datetime,
    actor_id: str | None,
    action: str,
    detail: Mapping[str, Any],
    trace: list[list[str]],
) -> None:
    """Write what a step changed on its instance, and the step's row of its history.

    The version guards both. Raises `Stale` when somebody else was faster.
    """
    entry: dict[str, Any] = {
        "instance_id": row["id"],
        "seq": row["history_seq"] + 1,
        "at": at,
        "actor_id": actor_id,
        "action": action,
        "detail": dict(detail),
        "trace": trace,
    }
    entry["hash"] = history.link(system.settings.secret, row["history_head"], row["id"], entry)
    row["history_seq"], row["history_head"] = entry["seq"], entry["hash"]
    seen = row["version"]
    row["version"] = seen + 1
    values = {name: row[name] for name in _CHANGED}
    if connection.execute(_UPDATE_INSTANCE, {**values, "this": row["id"], "seen": seen}).rowcount != 1:
        raise Stale
    connection.execute(_INSERT_HISTORY, entry)


@dataclass(slots=True)
class Step:
    """A loaded instance in a transaction; `go_on` runs it, `record` writes it."""

    system: System
    transaction: Transaction
    at: datetime
    actor_id: str | None
    row: dict[str, Any]
    definition: ProcessDefinition
    procedure: Procedure
    functions: Functions
    machine: Machine
    #: What this step submits: expressions see it before it is written.
    submission: Submission | None = None
    #: Process and element a return goes to; its new task is marked as returned.
    returning: tuple[str, str] | None = None
    #: Task rows opened by this step.
    opened: list[dict[str, Any]] = field(default_factory=list)
    left_jobs: bool = False
    #: What led here without a person.
    cascade: Cascade = field(default_factory=Cascade)
    _tasks: set[str] = field(default_factory=set)
    _waits: set[str] = field(default_factory=set)
    _timers: set[str] = field(default_factory=set)
    _matter: dict[str, Any] = field(default_factory=dict)
    _checked: bool = False
    #: What reckoning warned of, such as a year without an official list of holidays.
    _warned: list[Text] = field(default_factory=list)

    @classmethod
    def load(
        cls,
        system: System,
        transaction: Transaction,
        row: RowMapping,
        at: datetime,
        actor_id: str | None,
        submission: Submission | None = None,
    ) -> "Step":
        """Load the instance of `row` (all columns of `instance`). Raises `Conflict` when it is not running."""
        if row["state"] != "active":
            raise Conflict(Text("事项已结束或暂停，不能继续办理", "The matter has ended or is suspended"))
        connection = transaction.connection
        procedure = system.procedure(connection, row["deployment_id"])
        definition = procedure.processes[row["process_key"]]
        warned: list[Text] = []
        functions = _functions(system, transaction, at, row, submission, warned)
        machine = Machine.load(definition, procedure, row["machine"], functions)
        step = cls(
            system,
            transaction,
            at,
            actor_id,
            dict(row),
            definition,
            procedure,
            functions,
            machine,
            submission,
            _warned=warned,
        )
        step._tasks = {one.ref for one in machine.user_tasks()}
        step._waits = {one.ref for one in machine.waits()}
        step._timers = {one.ref for one in machine.timers()}
        return step

    @classmethod
    def begin(
        cls,
        system: System,
        transaction: Transaction,
        *,
        deployment_id: str,
        definition_id: str,
        key: str,
        variables: Variables,
        at: datetime,
        actor_id: str | None,
        parent: Columns | None = None,
        business_key: str | None = None,
        submission: Submission | None = None,
    ) -> "Step":
        """Make a new instance of process `key` and write it, not yet run.

        It joins the matter of `parent` unless the process has a matter of its own (`cl:matter`). Raises `Invalid` for
        a variable that names nothing, `EngineIncident` for a title that is none.
        """
        _check_identifiers(variables)
        transaction.begin_writing()
        connection = transaction.connection
        procedure = system.procedure(connection, deployment_id)
        definition = procedure.processes[key]
        own = definition.own_matter or parent is None
        row: dict[str, Any] = {
            "id": new_id(),
            "process_key": key,
            "definition_id": definition_id,
            "deployment_id": deployment_id,
            "matter_id": new_id() if parent is None or own else parent["matter_id"],
            "parent_id": parent["id"] if parent else None,
            "business_key": business_key,
            "unit_id": variables.get("unit_id"),
            "organisation_id": variables.get("organisation_id"),
            "plan_year_id": variables.get("plan_year_id"),
            "title": definition.name.zh,
            "state": "active",
            "version": 0,
            "machine": b"",
            "history_seq": 0,
            "history_head": "",
            "started_at": at,
            "started_by": actor_id,
            "ended_at": None,
        }
        warned: list[Text] = []
        functions = _functions(system, transaction, at, row, submission, warned)
        given: Variables = {
            "unit_id": None,
            "organisation_id": None,
            "plan_year_id": None,
            "starter_id": actor_id,
            **variables,
            "instance_id": row["id"],
            "matter_id": row["matter_id"],
        }
        if definition.title is not None:
            row["title"] = _title(definition, definition.title, given, functions)
        elif parent is not None and not own:
            row["title"] = parent["title"]
        if own:
            _insert_matter(connection, row)
        connection.execute(insert(tables.instance), row)
        machine = Machine.start(definition, procedure, given, at, functions)
        step = cls(
            system,
            transaction,
            at,
            actor_id,
            row,
            definition,
            procedure,
            functions,
            machine,
            submission,
            _warned=warned,
        )
        step._checked = True
        return step

    @property
    def connection(self) -> Connection:
        """The transaction's connection."""
        return self.transaction.connection

    @property
    def instance_id(self) -> str:
        """Id of the instance this step moves."""
        return str(self.row["id"])

    def element(self, process_key: str, element_id: str) -> Element:
        """Return an element of this process or of one it calls."""
        return self.procedure.processes[process_key].elements[element_id]

    def submit(self, submission: Submission) -> None:
        """Let expressions see what this step submits, before it is written."""
        self.submission = submission
        self._renew_functions()

    def go_on(self) -> None:
        """Run until the instance waits or has ended; operations run in the write transaction."""
        self.machine.advance(self.at)
        while waiting := self.machine.operations():
            self._begin_operating()
            one = waiting[0]
            context = registry.Context(
                connection=self.connection,
                now=self.at,
                calendar=self.system.calendar(self.connection),
                instance=registry.InstanceFacts(
                    id=self.instance_id,
                    matter_id=self.row["matter_id"],
                    process_key=self.row["process_key"],
                    deployment_id=self.row["deployment_id"],
                    plan_year_id=self.row["plan_year_id"],
                    unit_id=self.row["unit_id"],
                    organisation_id=self.row["organisation_id"],
                    business_key=self.row["business_key"],
                ),
                variables=self.machine.variables,
                actor_id=self.actor_id,
                matter_changes=self._matter,
            )
            value = registry.run(one.operation, context, one.arguments)
            self._adopt()
            # An operation may have changed what expressions read, such as a window.
            self._renew_functions()
            self.machine.finish_operation(one.ref, value, self.at)
            self.machine.advance(self.at)

    def _begin_operating(self) -> None:
        """Become a writer before an operation runs, sure that nobody moved the instance meanwhile.

        A step without operations is guarded by the version alone, when it is recorded. Raises `Stale`.
        """
        if self._checked:
            return
        self._checked = True
        self.transaction.begin_writing()
        if not self.system.database.is_sqlite:
            return
        if self.connection.scalar(_VERSION, {"instance_id": self.instance_id}) != self.row["version"]:
            raise Stale

    def record(self, action: str, detail: Mapping[str, Any], *, closed: str | None = None) -> None:
        """Write the instance, its tasks, waits, timers, messages and one history row. Raises `Stale`.

        `closed` is the ref of the user task whose row the caller has written.
        """
        self._adopt()
        self.transaction.begin_writing()
        if self.machine.completed:
            self.row["state"], self.row["ended_at"] = "completed", self.at
        self.row["machine"] = self.machine.dump()
        trace = self.machine.drain_trace()
        write_step(
            self.system,
            self.connection,
            self.row,
            at=self.at,
            actor_id=self.actor_id,
            action=action,
            detail=detail,
            trace=[[one.element_id, one.element_type, one.event, one.process_key] for one in trace],
        )
        if self.row.get("troubled"):
            # Before this step reports what it leaves to the administrators itself.
            passed = None if self.row["ended_at"] is not None else {one.element_id for one in trace}
            incidents.close_passed(self.connection, self.instance_id, passed, self.at)
        self._tasks = recording.write_tasks(self, self._tasks, closed)
        self._waits = recording.write_waits(self, self._waits)
        self._timers = recording.write_timers(self, self._timers)
        recording.write_sent(self)
        self._write_matter()
        self._report_warnings()

    def forget_timer(self, ref: str) -> None:
        """Leave the job of a timer to the caller, who fired it and removes it."""
        self._timers.discard(ref)

    def cancel(self, action: str, detail: Mapping[str, Any]) -> None:
        """End the instance here and now: everything open in it is cancelled."""
        self.machine.cancel(self.at)
        self.row["state"], self.row["ended_at"] = "cancelled", self.at
        self.record(action, detail)

    def _report_warnings(self) -> None:
        """Tell the process administrators what reckoning warned of; once, however many steps meet it."""
        for text in dict.fromkeys(self._warned):
            incidents.report(
                self.connection, instance_id=None, element_id=None, text=text, facts={}, at=self.at
            )
        self._warned.clear()

    def _adopt(self) -> None:
        """Take over what an operation said of the matter: unit, plan year, title."""
        for column in ("unit_id", "plan_year_id", "organisation_id", "title"):
            if column in self._matter:
                self.row[column] = self._matter[column]

    def _renew_functions(self) -> None:
        self.functions = _functions(
            self.system, self.transaction, self.at, self.row, self.submission, self._warned
        )
        self.machine.functions = self.functions

    def _write_matter(self) -> None:
        columns = ("title", "number", "status_zh", "status_en", "unit_id", "organisation_id", "plan_year_id")
        changed = {name: self._matter[name] for name in columns if name in self._matter}
        if self.row["ended_at"] is not None and not self._others_run():
            changed["closed_at"] = self.at
        if changed:
            self.connection.execute(
                update(tables.matter).where(tables.matter.c.id == self.row["matter_id"]).values(**changed)
            )

    def _others_run(self) -> bool:
        found = self.connection.scalar(
            select(tables.instance.c.id)
            .where(
                tables.instance.c.matter_id == self.row["matter_id"],
                tables.instance.c.ended_at.is_(None),
                tables.instance.c.id != self.instance_id,
            )
            .limit(1)
        )
        return found is not None


def _check_identifiers(variables: Variables) -> None:
    """Raise `Invalid` where whose matter it is (unit, organisation, plan year) is said by something that is no id."""
    wrong = {
        name: Text("不是编号", "This is no identifier")
        for name in _IDENTIFIERS
        if (given := variables.get(name)) is not None
        and not (isinstance(given, str) and given.isprintable() and 0 < len(given) <= _LONGEST_ID)
    }
    if wrong:
        names = ", ".join(wrong)
        raise Invalid(Text(f"{names} 不是编号", f"{names}: no identifier"), fields=wrong)


def _title(definition: ProcessDefinition, title: Expression, given: Variables, functions: Functions) -> str:
    """Return what a new matter is called: text or a number; the process's name when the diagram says None."""
    start = next(one.id for one in definition.elements.values() if one.type == "startEvent")
    with recording.at_element(start):
        value = title.evaluate(given, functions)
    if value is None or value == "":
        return definition.name.zh
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        source = title.source[:80]
        raise EngineIncident(
            Text(
                f"cl:title（{source}）得到 {repr(value)[:60]}，不是文字",
                f"cl:title ({source}) gives {repr(value)[:60]}, which is no text",
            ),
            start,
        )
    return str(value)[:_LONGEST_TITLE]


def _insert_matter(connection: Connection, row: Mapping[str, Any]) -> None:
    connection.execute(
        insert(tables.matter).values(
            id=row["matter_id"],
            process_key=row["process_key"],
            title=row["title"],
            unit_id=row["unit_id"],
            organisation_id=row["organisation_id"],
            plan_year_id=row["plan_year_id"],
            opened_at=row["started_at"],
            opened_by=row["started_by"],
        )
    )


def _functions(
    system: System,
    transaction: Transaction,
    at: datetime,
    row: Columns,
    submission: Submission | None,
    warned: list[Text],
) -> Functions:
    return system.functions(
        transaction.connection,
        at,
        matter_id=row["matter_id"],
        plan_year_id=row["plan_year_id"],
        organisation_id=row["organisation_id"],
        unit_id=row["unit_id"],
        submission=submission,
        warn=warned.append,
    )
