"""Starting process instances by hand and ending them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from service import answers, deployments, files, filling, forms, repeats
from service.engine.model import Outcome, ProcessDefinition
from service.engine.runtime import EngineIncident
from service.errors import Conflict, Forbidden, Invalid, NotFound, Text
from service.filling import Filling
from service.identity import duties, organisations
from service.identity.people import Person
from service.repeats import RequestKey
from service.step import Step, attempt, locked_row, refuse
from service.store import procedure as tables
from service.store.database import Transaction
from service.store.ids import ID_LENGTH, new_id
from service.submissions import Submission
from service.system import System

#: Variables every instance keeps beside its state, read or not.
_IDS = ("unit_id", "organisation_id", "plan_year_id")


@dataclass(frozen=True, slots=True)
class Startable:
    """A process this person may start by hand."""

    key: str
    name: Text
    has_form: bool


@dataclass(frozen=True, slots=True)
class StartForm:
    """The form a process starts with, as it is shown first."""

    key: str
    name: Text
    form: forms.Form | None
    filling: Filling
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Started:
    """A new instance and the matter it belongs to."""

    instance_id: str
    matter_id: str


def startable(system: System, person: Person) -> list[Startable]:
    """Return the processes of the deployment in force that this person may start, by name."""
    with system.database.read() as connection:
        deployment_id = system.installation(connection).deployment_id
        if deployment_id is None:
            return []
        procedure = system.procedure(connection, deployment_id)
        found = [
            Startable(one.key, one.name, one.start_form is not None)
            for one in procedure.processes.values()
            if one.starts_on is None and one.starters and _seats(person, one)
        ]
        return sorted(found, key=lambda one: one.name.zh)


def start_form(system: System, person: Person, key: str, *, organisation_id: str | None = None) -> StartForm:
    """Return the start form of process `key`. Raises `NotFound` and `Forbidden` as `start` does."""
    with system.database.read() as connection:
        definition, deployment_id = _definition(system, connection, person, key)
        seat = _seat(connection, person, definition, organisation_id)
        procedure = system.procedure(connection, deployment_id)
        form = procedure.forms[definition.start_form] if definition.start_form else None
        at = system.now(connection)
        facts = filling.Facts(None, None, None, _unit(connection, seat), seat, person.id)
        start = definition.elements[_start_element(definition)]
        shown = filling.fill(system, connection, procedure, form, facts, {}, at)
        return StartForm(key, definition.name, form, filling.to_show(form, shown), start.outcomes)


def start(
    system: System,
    person: Person,
    key: str,
    *,
    data: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    organisation_id: str | None = None,
    business_key: str | None = None,
    request_key: RequestKey | None = None,
) -> Started:
    """Start process `key` of the deployment in force; `data` is its start form.

    `organisation_id` says for which of the person's organisations; a person with one needs not say. Process
    administrators may set `variables`. The same `request_key` again gives the first answer. Raises
    `NotFound` for an unknown process, `Forbidden`, and `Invalid` with `fields`.
    """

    def work(transaction: Transaction) -> Started:
        connection = transaction.connection
        known = _started_before(connection, person, request_key)
        if known is not None:
            return known
        definition, deployment_id = _definition(system, connection, person, key)
        seat = _seat(connection, person, definition, organisation_id)
        at = system.now(connection)
        procedure = system.procedure(connection, deployment_id)
        unit_id = _unit(connection, seat)
        given = dict(variables or {})
        _check_variables(person, definition, given)
        submitted: dict[str, Any] = {}
        if definition.start_form is not None:
            facts = filling.Facts(None, None, None, unit_id, seat, person.id)
            form = procedure.forms[definition.start_form]
            shown = filling.fill(system, connection, procedure, form, facts, {}, at)
            submitted = forms.validate(
                form,
                dict(data or {}),
                access={},
                partial=False,
                sources=shown.sources,
                previous=shown.data,
                files=files.lookup(connection, person_id=person.id, matter_id=None),
            )
        elif data:
            given |= data
            _check_variables(person, definition, given)
        submission = Submission(
            task_id=new_id(),
            element_id=_start_element(definition),
            form=definition.start_form,
            by=person.id,
            organisation_id=seat,
            at=at,
            outcome=None,
            opinion=None,
            data=submitted,
        )
        step = Step.begin(
            system,
            transaction,
            deployment_id=deployment_id,
            definition_id=deployments.definition_id(connection, deployment_id, key),
            key=key,
            variables={
                "unit_id": unit_id,
                "organisation_id": seat,
                **given,
                **{name: value for name, value in submitted.items() if name in definition.reads},
            },
            at=at,
            actor_id=person.id,
            business_key=business_key,
            submission=submission,
        )
        repeats.keep(connection, person.id, request_key, step.instance_id, at)
        step.go_on()
        if definition.start_form is not None:
            _keep_start_form(step, definition, submission)
            attached = forms.file_ids(procedure.forms[definition.start_form], submitted)
            files.attach(connection, attached, matter_id=step.row["matter_id"], person_id=person.id)
        step.record("start", {"task": submission.task_id if definition.start_form else None})
        return Started(step.instance_id, step.row["matter_id"])

    try:
        started = attempt(system, new_id(), work)
    except EngineIncident as error:
        raise refuse(error) from error
    except IntegrityError:
        with system.database.read() as connection:
            before = _started_before(connection, person, request_key)
        if before is None:
            raise
        started = before
    system.wake()
    return started


def cancel(system: System, person: Person, instance_id: str, *, reason: str) -> None:
    """End an instance where it stands; only process administrators, with a reason that stays in the history."""
    if not person.has(duties.PROCESS_ADMINISTRATOR):
        raise Forbidden(Text("只有流程管理员可以终止实例", "Only process administrators may end an instance"))
    said = answers.text(reason, "reason", required=True)

    def work(transaction: Transaction) -> None:
        row = locked_row(transaction.connection, instance_id)
        step = Step.load(system, transaction, row, system.now(transaction.connection), person.id)
        step.cancel("cancel", {"opinion": said})

    attempt(system, instance_id, work)
    system.wake()


def _definition(
    system: System, connection: Connection, person: Person, key: str
) -> tuple[ProcessDefinition, str]:
    deployment_id = deployments.in_force(system, connection)
    definition = system.procedure(connection, deployment_id).processes.get(key)
    if definition is None:
        raise NotFound(Text(f"没有流程 {key}", f"There is no process {key}"), process=key)
    if definition.starts_on is not None:
        raise Conflict(
            Text(
                f"流程“{definition.name.zh}”由消息 {definition.starts_on} 启动，不能直接发起",
                f"Process “{definition.name.en}” is started by the message {definition.starts_on}",
            ),
            message=definition.starts_on,
        )
    if not _may_start(person, definition):
        raise Forbidden(
            Text(
                f"您的岗位不能发起“{definition.name.zh}”", f"Your roles may not start “{definition.name.en}”"
            )
        )
    return definition, deployment_id


def _seats(person: Person, definition: ProcessDefinition) -> list[str]:
    """Return the organisations for which the person has one of the process's starting roles."""
    return list(
        dict.fromkeys(
            one.organisation_id
            for one in person.memberships
            if one.role in definition.starters and one.organisation_id is not None
        )
    )


def _may_start(person: Person, definition: ProcessDefinition) -> bool:
    return bool(_seats(person, definition)) or person.has(duties.PROCESS_ADMINISTRATOR)


def _seat(
    connection: Connection, person: Person, definition: ProcessDefinition, wanted: str | None
) -> str | None:
    seats = _seats(person, definition)
    if wanted is not None:
        if wanted not in seats and not person.has(duties.PROCESS_ADMINISTRATOR):
            raise Forbidden(Text("您不能代表这个单位发起", "You may not start this for that organisation"))
        if not organisations.names(connection, [wanted]):
            message = Text("没有这个机构", "There is no such organisation")
            raise Invalid(message, fields={"organisation_id": message})
        return wanted
    if len(seats) > 1:
        message = Text("您在多个单位任职，请选择代表哪个单位", "Choose for which of your organisations")
        raise Invalid(message, fields={"organisation_id": message}, organisations=seats)
    return seats[0] if seats else None


def _unit(connection: Connection, organisation_id: str | None) -> str | None:
    """Return the organisation's id when it is a unit that can be named."""
    if organisation_id is None:
        return None
    return organisation_id if organisations.is_unit(connection, organisation_id) else None


def _check_variables(person: Person, definition: ProcessDefinition, given: Mapping[str, Any]) -> None:
    if given and not person.has(duties.PROCESS_ADMINISTRATOR):
        raise Forbidden(
            Text(
                "只有流程管理员可以直接设置流程变量", "Only process administrators may set variables directly"
            )
        )
    answers.refuse_unwritable(given)
    wrong = {
        name: Text(f"流程不读取变量 {name}", f"The procedure reads no variable {name}")
        for name in given
        if name not in definition.reads and name not in _IDS
    }
    wrong |= {
        name: Text("应为 32 位编号", "Must be an id of 32 characters")
        for name in _IDS
        if given.get(name) is not None
        and not (isinstance(given[name], str) and len(given[name]) == ID_LENGTH)
    }
    if wrong:
        raise Invalid(next(iter(wrong.values())), fields=wrong)


def _start_element(definition: ProcessDefinition) -> str:
    return next(one.id for one in definition.elements.values() if one.type == "startEvent")


def _keep_start_form(step: Step, definition: ProcessDefinition, submission: Submission) -> None:
    """Keep the start form like any other submission: as a done task on the start event."""
    step.connection.execute(
        insert(tables.task).values(
            id=submission.task_id,
            instance_id=step.instance_id,
            matter_id=step.row["matter_id"],
            process_key=definition.key,
            element_id=submission.element_id,
            ref=submission.element_id,
            name_zh=definition.name.zh,
            name_en=definition.name.en,
            title=step.row["title"],
            unit_id=step.row["unit_id"],
            role=None,
            organisation_id=submission.organisation_id,
            person_id=submission.by,
            named=True,
            turn=0,
            state="done",
            priority=50,
            created_at=step.at,
            sort_at=step.at,
            returned=False,
            form=submission.form,
            data=dict(submission.data),
            closed_at=step.at,
            closed_by=submission.by,
        )
    )


def _started_before(connection: Connection, person: Person, key: RequestKey | None) -> Started | None:
    """Return what the same request started before. Raises `Invalid` when the key stood for something else."""
    made = repeats.earlier(connection, person.id, key)
    if made is None:
        return None
    row = connection.execute(
        select(tables.instance.c.id, tables.instance.c.matter_id).where(tables.instance.c.id == made)
    ).one_or_none()
    if row is None:
        raise repeats.used_before()
    return Started(row.id, row.matter_id)
