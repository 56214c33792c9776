"""One step of one instance: lock it, load it, run it until it waits, record everything in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, Select, bindparam, delete, insert, select, update

from service import history
from service.assignment import Assignment, assign
from service.engine import deadlines
from service.engine.model import Element, Functions, Procedure, ProcessDefinition, Variables
from service.engine.runtime import Machine, OpenTask
from service.errors import AppError, Conflict, Text
from service.operations import registry
from service.store import procedure as tables
from service.store.database import Transaction
from service.store.ids import new_id
from service.system import System

#: Sorts tasks without a due instant after all others.
FAR_FUTURE = datetime(9999, 1, 1, tzinfo=UTC)
#: Attempts of an engine job (timer, message) before it becomes an incident.
ENGINE_ATTEMPTS = 5

_INSTANCE = select(tables.instance).where(tables.instance.c.id == bindparam("instance_id")).with_for_update()


class Stale(Exception):
    """Another process moved the instance between reading and writing; the whole step is tried again."""


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
    is_new: bool = False
    #: Ids of the task rows opened by this step.
    opened: list[str] = field(default_factory=list)
    left_jobs: bool = False
    _tasks: set[str] = field(default_factory=set)
    _waits: set[str] = field(default_factory=set)
    _timers: set[str] = field(default_factory=set)
    _matter: dict[str, Any] = field(default_factory=dict)
    _checked: bool = False

    @classmethod
    def load(
        cls,
        system: System,
        transaction: Transaction,
        row: RowMapping | None,
        at: datetime,
        actor_id: str | None,
    ) -> "Step":
        """Load the instance of `row` (all columns of `instance`). Raises `Conflict` when it is not running."""
        if row is None or row["state"] not in ("active", "incident"):
            raise Conflict(Text("事项已结束或暂停，不能继续办理", "The matter has ended or is suspended"))
        connection = transaction.connection
        procedure = system.procedure(connection, row["deployment_id"])
        definition = procedure.processes[row["process_key"]]
        functions = _functions(system, transaction, at, row)
        machine = Machine.load(definition, procedure, row["machine"], functions)
        step = cls(system, transaction, at, actor_id, dict(row), definition, procedure, functions, machine)
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
        parent: Mapping[str, Any] | None = None,
        matter_id: str | None = None,
        business_key: str | None = None,
        idempotency_key: str | None = None,
    ) -> "Step":
        """Make a new instance of process `key`; it joins `matter_id` unless the process has a matter of its own."""
        connection = transaction.connection
        procedure = system.procedure(connection, deployment_id)
        definition = procedure.processes[key]
        own = definition.own_matter or matter_id is None
        instance_id = new_id()
        row: dict[str, Any] = {
            "id": instance_id,
            "process_key": key,
            "definition_id": definition_id,
            "deployment_id": deployment_id,
            "matter_id": new_id() if own else matter_id,
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
            "idempotency_key": idempotency_key,
        }
        functions = _functions(system, transaction, at, row)
        given: Variables = {
            "unit_id": None,
            "organisation_id": None,
            "plan_year_id": None,
            "starter_id": actor_id,
            **variables,
            "instance_id": instance_id,
            "matter_id": row["matter_id"],
        }
        if definition.title is not None:
            row["title"] = str(definition.title.evaluate(given, functions))[:400]
        elif parent is not None and not own:
            row["title"] = parent["title"]
        machine = Machine.start(definition, procedure, given, at, functions)
        step = cls(system, transaction, at, actor_id, row, definition, procedure, functions, machine, is_new=True)
        if own:
            step._matter = {"new": True}
        return step

    @property
    def instance_id(self) -> str:
        """Id of the instance this step moves."""
        return str(self.row["id"])

    def element(self, element_id: str) -> Element:
        """Return an element of this process or of one it calls."""
        found = self.definition.elements.get(element_id)
        if found is not None:
            return found
        return next(
            process.elements[element_id]
            for process in self.procedure.processes.values()
            if element_id in process.elements
        )

    def go_on(self) -> None:
        """Run until the instance waits or has ended; operations run in the write transaction."""
        self.machine.advance(self.at)
        while waiting := self.machine.operations():
            self.begin_writing()
            one = waiting[0]
            context = registry.Context(
                connection=self.transaction.connection,
                now=self.at,
                calendar=self.system.calendar(self.transaction.connection),
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
            self.machine.finish_operation(one.ref, value, self.at)
            self.machine.advance(self.at)

    def begin_writing(self) -> None:
        """Become a writer and make sure that nobody moved the instance meanwhile. Raises `Stale`."""
        if self._checked:
            return
        self._checked = True
        self.transaction.begin_writing()
        if self.is_new or not self.system.database.is_sqlite:
            return
        version = self.transaction.connection.scalar(
            select(tables.instance.c.version).where(tables.instance.c.id == self.instance_id)
        )
        if version != self.row["version"]:
            raise Stale

    def record(self, action: str, detail: Mapping[str, Any]) -> None:
        """Write the instance, its tasks, waits, timers, messages and one history row. Raises `Stale`."""
        self._adopt()
        self.transaction.begin_writing()
        if self.machine.completed and self.row["state"] in ("active", "incident"):
            self.row["state"], self.row["ended_at"] = "completed", self.at
        self._write_history(action, detail)
        self._write_instance()
        self._write_tasks()
        self._write_waits()
        self._write_timers()
        self._write_sent()
        self._write_matter()

    def _adopt(self) -> None:
        """Take over what an operation said of the matter: unit, plan year, title."""
        changed = False
        for column in ("unit_id", "plan_year_id", "organisation_id"):
            if column in self._matter and self.row[column] != self._matter[column]:
                self.row[column] = self._matter[column]
                changed = True
        if "title" in self._matter:
            self.row["title"] = self._matter["title"]
        if changed:
            self.functions = _functions(self.system, self.transaction, self.at, self.row)
            self.machine.functions = self.functions

    def _write_history(self, action: str, detail: Mapping[str, Any]) -> None:
        self.row["history_seq"] += 1
        row = {
            "instance_id": self.instance_id,
            "seq": self.row["history_seq"],
            "at": self.at,
            "actor_id": self.actor_id,
            "action": action,
            "detail": dict(detail),
            "trace": [[one.element_id, one.element_type, one.event, one.process_key] for one in self.machine.drain_trace()],
        }
        secret = self.system.settings.secret
        row["hash"] = history.link(secret, self.row["history_head"], self.instance_id, row)
        self.row["history_head"] = row["hash"]
        self._pending_history = row

    def _write_instance(self) -> None:
        connection = self.transaction.connection
        seen = self.row["version"]
        self.row["version"] = seen + 1
        self.row["machine"] = self.machine.dump()
        if self.is_new:
            if self._matter.pop("new", False):
                connection.execute(
                    insert(tables.matter).values(
                        id=self.row["matter_id"],
                        process_key=self.row["process_key"],
                        title=self.row["title"],
                        unit_id=self.row["unit_id"],
                        organisation_id=self.row["organisation_id"],
                        plan_year_id=self.row["plan_year_id"],
                        opened_at=self.at,
                        opened_by=self.actor_id,
                    )
                )
            connection.execute(insert(tables.instance), self.row)
        else:
            changed = {
                name: self.row[name]
                for name in (
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
            }
            result = connection.execute(_UPDATE_INSTANCE, {**changed, "this": self.instance_id, "seen": seen})
            if result.rowcount != 1:
                raise Stale
        connection.execute(_INSERT_HISTORY, self._pending_history)

    def _write_tasks(self) -> None:
        connection = self.transaction.connection
        now_open = {one.ref: one for one in self.machine.user_tasks()}
        gone = self._tasks - now_open.keys()
        if gone:
            connection.execute(
                update(tables.task)
                .where(
                    tables.task.c.instance_id == self.instance_id,
                    tables.task.c.ref.in_(gone),
                    tables.task.c.state.in_(("open", "queued")),
                )
                .values(state="cancelled", closed_at=self.at)
            )
        rows: list[dict[str, Any]] = []
        for ref in now_open.keys() - self._tasks:
            rows += self._task_rows(now_open[ref])
        if rows:
            connection.execute(_INSERT_TASK, rows)
            self.opened = [row["id"] for row in rows if row["state"] == "open"]
        self._tasks = set(now_open)

    def _task_rows(self, opened: OpenTask) -> list[dict[str, Any]]:
        element = self.element(opened.element_id)
        connection = self.transaction.connection
        owners = assign(
            connection,
            self.procedure,
            element,
            opened.variables,
            self.functions,
            matter_id=self.row["matter_id"],
            at=self.at,
        )
        due = None
        if element.due is not None:
            due = deadlines.resolve_due(element.due, self.at, opened.variables, self.functions)
        in_turn = element.spread is not None and element.spread.sequential
        rows = []
        for turn, owner in enumerate(owners):
            task_id = new_id()
            rows.append(
                {
                    "id": task_id,
                    "instance_id": self.instance_id,
                    "matter_id": self.row["matter_id"],
                    "process_key": self.row["process_key"],
                    "element_id": element.id,
                    "ref": opened.ref,
                    "name_zh": element.name.zh,
                    "name_en": element.name.en,
                    "title": self.row["title"],
                    "unit_id": self.row["unit_id"],
                    "role": owner.role,
                    "organisation_id": None if owner.orphan else owner.organisation_id,
                    "person_id": owner.person_id,
                    "named": owner.named,
                    "excluded": list(owner.excluded) or None,
                    "turn": turn,
                    "state": "queued" if in_turn and turn > 0 else "open",
                    "priority": element.priority,
                    "created_at": self.at,
                    "due_at": due,
                    "sort_at": due or FAR_FUTURE,
                    "sent_by": self.actor_id,
                    "returned": False,
                    "form": element.form,
                }
            )
            if owner.orphan:
                self._report_orphan(element, owner)
            if due is not None:
                self._schedule_reminders(task_id, element, due, opened.variables)
        return rows

    def _report_orphan(self, element: Element, owner: Assignment) -> None:
        role = owner.role or "—"
        report_incident(
            self.transaction,
            instance_id=self.instance_id,
            element_id=element.id,
            text=Text(
                f"步骤“{element.name.zh}”没有可以办理的人（角色 {role}），已转给流程管理员",
                f"Nobody can do step “{element.name.en}” (role {role}); the process administrators have it",
            ),
            facts={"role": owner.role, "organisation": owner.organisation_id},
            at=self.at,
        )

    def _schedule_reminders(self, task_id: str, element: Element, due: datetime, variables: Variables) -> None:
        for index, before in enumerate(element.remind):
            # A reminder's distance is measured backwards from the due instant.
            distance = deadlines.resolve_due(before, self.at, variables, self.functions) - self.at
            self.add_job("reminder", due - distance, {"task": task_id}, dedupe=f"reminder:{task_id}:{index}")

    def _write_waits(self) -> None:
        connection = self.transaction.connection
        now_open = {one.ref: one for one in self.machine.waits()}
        gone = self._waits - now_open.keys()
        if gone:
            connection.execute(
                delete(tables.subscription).where(
                    tables.subscription.c.instance_id == self.instance_id, tables.subscription.c.ref.in_(gone)
                )
            )
        fresh = [now_open[ref] for ref in now_open.keys() - self._waits]
        if fresh:
            for one in sorted(fresh, key=lambda wait: (wait.message, wait.key)):
                self.system.database.lock_topic(connection, f"{one.message}|{one.key}")
            connection.execute(
                insert(tables.subscription),
                [
                    {
                        "instance_id": self.instance_id,
                        "ref": one.ref,
                        "element_id": one.element_id,
                        "message": one.message,
                        "key": one.key,
                        "created_at": self.at,
                    }
                    for one in fresh
                ],
            )
            self._take_early([(one.message, one.key) for one in fresh])
        self._waits = set(now_open)

    def _take_early(self, awaited: Sequence[tuple[str, str]]) -> None:
        """Send messages that came before anybody waited on their way again."""
        early = tables.early_message
        connection = self.transaction.connection
        for message, key in awaited:
            found = connection.execute(
                select(early).where(early.c.message == message, early.c.key == key, early.c.expires_at > self.at)
            ).all()
            for one in found:
                connection.execute(delete(early).where(early.c.id == one.id))
                self.add_job("message", self.at, {"message": message, "key": key, "payload": one.payload})

    def _write_timers(self) -> None:
        now_open = {one.ref: one for one in self.machine.timers()}
        gone = self._timers - now_open.keys()
        if gone:
            self.transaction.connection.execute(
                delete(tables.job).where(
                    tables.job.c.dedupe_key.in_([f"timer:{self.instance_id}:{ref}" for ref in gone])
                )
            )
        for ref in now_open.keys() - self._timers:
            one = now_open[ref]
            self.add_job(
                "timer",
                one.due_at,
                {"ref": ref, "element": one.element_id},
                dedupe=f"timer:{self.instance_id}:{ref}",
            )
        self._timers = set(now_open)

    def _write_sent(self) -> None:
        for one in self.machine.drain_sent():
            self.add_job(
                "message",
                self.at,
                {
                    "message": one.message,
                    "key": one.key,
                    "payload": one.payload,
                    "deployment": one.deployment,
                    "sender": self.instance_id,
                },
            )

    def _write_matter(self) -> None:
        connection = self.transaction.connection
        columns = ("title", "number", "status_zh", "status_en", "unit_id", "organisation_id", "plan_year_id")
        changed = {name: self._matter[name] for name in columns if name in self._matter}
        if self.row["ended_at"] is not None and not connection.scalar(
            select(tables.instance.c.id)
            .where(
                tables.instance.c.matter_id == self.row["matter_id"],
                tables.instance.c.ended_at.is_(None),
                tables.instance.c.id != self.instance_id,
            )
            .limit(1)
        ):
            changed["closed_at"] = self.at
        if changed:
            connection.execute(
                update(tables.matter).where(tables.matter.c.id == self.row["matter_id"]).values(**changed)
            )

    def add_job(
        self, kind: str, due_at: datetime, payload: Mapping[str, Any], *, dedupe: str | None = None
    ) -> None:
        """Add a job of this instance to the transaction; see `jobs`."""
        self.left_jobs = True
        self.transaction.connection.execute(
            _INSERT_JOB,
            {
                "id": new_id(),
                "kind": kind,
                "lane": "engine",
                "instance_id": self.instance_id,
                "dedupe_key": dedupe,
                "payload": dict(payload),
                "due_at": due_at,
                "attempts": 0,
                "max_attempts": ENGINE_ATTEMPTS,
                "state": "ready",
                "created_at": self.at,
            },
        )


_INSERT_TASK = insert(tables.task)
_INSERT_JOB = insert(tables.job)
_INSERT_HISTORY = insert(tables.history)
_UPDATE_INSTANCE = (
    update(tables.instance)
    .where(tables.instance.c.id == bindparam("this"), tables.instance.c.version == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in (
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
        }
    )
)


def locked_instance() -> Select[Any]:
    """Return the query of one instance by `instance_id`, its row locked (PostgreSQL)."""
    return _INSTANCE


def report_incident(
    transaction: Transaction,
    *,
    instance_id: str | None,
    element_id: str | None,
    text: Text,
    facts: Mapping[str, Any],
    at: datetime,
    job_id: str | None = None,
) -> None:
    """Write an incident row for the administrators."""
    transaction.connection.execute(
        insert(tables.incident).values(
            id=new_id(),
            instance_id=instance_id,
            job_id=job_id,
            element_id=element_id,
            text_zh=text.zh,
            text_en=text.en,
            facts=dict(facts),
            opened_at=at,
        )
    )


def _functions(system: System, transaction: Transaction, at: datetime, row: Mapping[str, Any]) -> Functions:
    return system.functions(
        transaction.connection,
        at,
        matter_id=row["matter_id"],
        plan_year_id=row["plan_year_id"],
        organisation_id=row["organisation_id"],
        unit_id=row["unit_id"],
    )


