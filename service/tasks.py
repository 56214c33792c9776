"""What people do with a task: claim it, hand it over, keep a draft, complete it, return the matter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, RowMapping, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from service import answers, clock, files, filling, forms, recording, repeats
from service.engine import votes
from service.engine.model import Element, Procedure, ProcessDefinition, Spread
from service.engine.runtime import EngineIncident
from service.errors import AppError, Conflict, Forbidden, Invalid, NotFound, Text
from service.identity import people
from service.identity.access import may_read_matter
from service.identity.people import Person
from service.repeats import RequestKey
from service.rights import holds, may_do
from service.step import Stale, Step, attempt, locked_row, locked_row_of, refuse, write_step
from service.store import procedure as tables
from service.store.database import Transaction
from service.submissions import Submission
from service.system import System

#: Where a draft keeps the opinion beside the form's fields; no field can be called so.
DRAFT_OPINION = "_opinion"
#: Largest draft, in bytes; a full roster of 500 rows stays below.
LARGEST_DRAFT = 1024 * 1024

# Built once: a completion runs these, and building costs more than running them.
_THIS = tables.task.c.id == bindparam("this")
_INSTANCE_OF = select(tables.task.c.instance_id).where(_THIS)
_TASK = select(tables.task).where(_THIS)
_CLOSED = ("state", "person_id", "outcome", "opinion", "data", "closed_at", "closed_by")
_CLOSE = (
    update(tables.task)
    .where(_THIS, tables.task.c.state == "open")
    .values({name: bindparam(name) for name in _CLOSED})
)
_FORGET_DRAFTS = delete(tables.task_draft).where(tables.task_draft.c.task_id == bindparam("this"))


@dataclass(frozen=True, slots=True)
class Completed:
    """What a completion led to; `next_task_id` is a task of the same instance this person now has."""

    task_id: str
    instance_id: str
    matter_id: str
    next_task_id: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who may be given a task."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ReturnTarget:
    """An earlier step the matter may go back to: why not (`refusal`), and what open steps that would cancel.

    `process_key` is the process it is drawn in, the instance's own or a called one; `done_by` is the name of who did
    it last.
    """

    process_key: str
    element_id: str
    name: Text
    refusal: Text | None
    cancels: tuple[Text, ...]
    done_by: str | None


def complete(
    system: System,
    person: Person,
    task_id: str,
    *,
    outcome: str | None = None,
    data: Mapping[str, Any] | None = None,
    opinion: str | None = None,
    request_key: RequestKey | None = None,
) -> Completed:
    """Complete a task with the button `outcome`, its form's `data` and an `opinion`; the matter moves on.

    Everything is one transaction. The same `request_key` again gives the first answer. Raises `NotFound`
    for who may not see the task, `Forbidden` for who may not do it, `Conflict` when it is done or the procedure
    cannot go on, `Invalid` with `fields` for wrong data.
    """

    def work(transaction: Transaction, row: RowMapping, opened: "_Opened") -> Completed:
        element, definition = opened.element, opened.definition
        chosen = answers.chosen(element, outcome)
        said = answers.opinion(element, chosen, opinion)

        def answer(step: Step | None) -> _Answer:
            fields = _data(system, transaction, person, opened, row, dict(data or {}), chosen, step)
            attached = forms.file_ids(opened.procedure.forms[element.form], fields) if element.form else []
            return _Answer(chosen, said, fields, request_key, tuple(attached))

        if element.spread is not None:
            # A vote that decides nothing does not load the engine.
            return _vote(system, transaction, person, row, opened, element.spread, answer(None))
        step = opened.load(system, transaction, person)
        given = answer(step)
        variables = {name: value for name, value in given.data.items() if name in definition.reads}
        if chosen is not None or element.form is not None:
            variables["outcome"] = chosen
        return _run(system, transaction, person, row, step, given, variables, closed=row["ref"])

    return _on_task(system, person, task_id, work, request_key)


def return_targets(system: System, person: Person, task_id: str) -> list[ReturnTarget]:
    """Return the earlier steps this task may be returned to, and what each return would cancel.

    The rules are BPMN's token flow read backwards; a place where a return is not right says why.
    """
    with system.database.read() as connection:
        row = _read(system, connection, person, task_id)
        instance = connection.execute(
            select(tables.instance).where(tables.instance.c.id == row["instance_id"])
        ).mappings()
        transaction = Transaction(connection, is_sqlite=system.database.is_sqlite)
        step = Step.load(system, transaction, instance.one(), system.now(connection), person.id)
        done = {
            (one.process_key, one.element_id): one.closed_by
            for one in connection.execute(
                select(tables.task.c.process_key, tables.task.c.element_id, tables.task.c.closed_by)
                .where(tables.task.c.instance_id == row["instance_id"], tables.task.c.state == "done")
                .order_by(tables.task.c.closed_at)
            )
        }
        names = people.names(connection, {one for one in done.values() if one is not None})
        return [
            ReturnTarget(
                process_key=one.process_key,
                element_id=one.element_id,
                name=step.element(one.process_key, one.element_id).name,
                refusal=one.refusal,
                cancels=tuple(step.element(process, element).name for process, element in one.cancels),
                done_by=names.get(done.get((one.process_key, one.element_id)) or ""),
            )
            for one in step.machine.return_targets(row["ref"])
        ]


def return_to(
    system: System,
    person: Person,
    task_id: str,
    *,
    element_id: str,
    process_key: str | None = None,
    reason: str,
    request_key: RequestKey | None = None,
) -> Completed:
    """Return the matter to an earlier step; what is open behind it is cancelled, history stays.

    `process_key` says in which process the step is drawn; it may be left out where only one has such a step. Raises
    `Conflict` with the reason where a return is not right, and nothing is cancelled then; `Invalid` when it is not
    clear which step is meant.
    """
    said = answers.text(reason, "reason", required=True)

    def work(transaction: Transaction, row: RowMapping, opened: "_Opened") -> Completed:
        step = opened.load(system, transaction, person)
        meant = [
            one
            for one in step.machine.return_targets(row["ref"])
            if one.element_id == element_id and process_key in (None, one.process_key)
        ]
        if len(meant) > 1:
            processes = [one.process_key for one in meant]
            message = Text(
                f"几个流程都有这个步骤，请说明是哪个流程的：{'、'.join(processes)}",
                f"Several processes have such a step; say which: {', '.join(processes)}",
            )
            raise Invalid(message, fields={"process_key": message})
        target = meant[0] if meant else None
        if target is None or target.refusal is not None:
            raise Conflict(
                target.refusal
                if target is not None and target.refusal is not None
                else Text("不能退回到这个步骤", "The matter cannot be returned to this step"),
                element=element_id,
            )
        step.returning = (target.process_key, element_id)
        step.machine.return_to(target.ref, opened.at)
        step.go_on()
        transaction.begin_writing()
        _close(
            transaction,
            person,
            row,
            opened.element,
            opened.at,
            _Answer(None, said, {}, request_key),
            state="returned",
        )
        detail = {"task": row["id"], "element": row["element_id"], "to": element_id, "opinion": said}
        # Of a step given to several, the others' rows end with this one.
        step.record("return", detail, closed=row["ref"] if opened.element.spread is None else None)
        return _completed(system, person, row, step)

    return _on_task(system, person, task_id, work, request_key)


def claim(system: System, person: Person, task_id: str) -> None:
    """Take a task of the pool for oneself. Raises `Conflict` when somebody else has it."""
    _reassign(system, person, task_id, "claim", person.id, None, only_pool=True)


def release(system: System, person: Person, task_id: str) -> None:
    """Give a claimed task back to the pool. Raises `Conflict` for a task the diagram named a person for."""
    _reassign(system, person, task_id, "release", None, None)


def hand_over(system: System, person: Person, task_id: str, *, to: str, reason: str) -> None:
    """Give a task to another member who may do it, saying why; both find it in the history."""
    said = answers.text(reason, "reason", required=True)
    if to not in {one.id for one in candidates(system, person, task_id)}:
        raise Invalid(
            Text("只能转给可以办理该任务的人", "Only somebody who may do the task can be given it"),
            fields={"to": Text("请选择可以办理的人", "Choose somebody who may do it")},
        )
    _reassign(system, person, task_id, "hand_over", to, said)


def candidates(system: System, person: Person, task_id: str) -> list[Candidate]:
    """Return who else may do a task: members of its role at its organisation who are not kept out of it."""
    with system.database.read() as connection:
        row = _read(system, connection, person, task_id)
        if row["role"] is None or row["organisation_id"] is None:
            return []
        day = clock.city_day(system.now(connection))
        members = people.members(connection, row["role"], row["organisation_id"], day)
        allowed = [one for one in members if one != person.id and one not in (row["excluded"] or [])]
        names = people.names(connection, allowed)
        return [Candidate(one, names[one]) for one in allowed]


def save_draft(system: System, person: Person, task_id: str, data: Mapping[str, Any]) -> datetime:
    """Keep what a person has typed so far, its values unchecked; returns when. Only for who may do the task.

    It holds fields of the task's form and, under `DRAFT_OPINION`, the opinion. Raises `Invalid` for anything else.
    """
    answers.refuse_unwritable(data)
    with system.database.write() as connection:
        row = _read(system, connection, person, task_id)
        if row["state"] != "open" or not may_do(person, row):
            raise Conflict(
                Text("任务已不在您手上，草稿未保存", "The task is no longer yours; the draft was not kept")
            )
        _check_draft(system, connection, row, data)
        at = system.now(connection)
        kept = tables.task_draft
        mine = (kept.c.task_id == task_id) & (kept.c.person_id == person.id)
        if connection.execute(update(kept).where(mine).values(data=dict(data), saved_at=at)).rowcount == 0:
            connection.execute(
                insert(kept).values(task_id=task_id, person_id=person.id, data=dict(data), saved_at=at)
            )
        return at


def _check_draft(system: System, connection: Connection, row: RowMapping, data: Mapping[str, Any]) -> None:
    known = {DRAFT_OPINION}
    if row["form"] is not None:
        deployment_id = connection.scalar(
            select(tables.instance.c.deployment_id).where(tables.instance.c.id == row["instance_id"])
        )
        known |= system.procedure(connection, str(deployment_id)).forms[row["form"]].entries.keys()
    wrong = {
        name: Text(f"表单没有字段 {name}", f"The form has no field {name}")
        for name in data
        if name not in known
    }
    if not isinstance(data.get(DRAFT_OPINION, ""), str):
        wrong[DRAFT_OPINION] = Text("应为文字", "Must be text")
    if wrong:
        raise Invalid(next(iter(wrong.values())), fields=wrong)
    try:
        size = len(orjson.dumps(dict(data)))
    except TypeError as error:
        message = Text(
            "含有无法保存的数值或嵌套过深", "Holds a number that cannot be kept, or is nested too deep"
        )
        raise Invalid(message, fields={"data": message}) from error
    if size > LARGEST_DRAFT:
        message = Text(
            f"草稿超过 {LARGEST_DRAFT // 1024} KB，没有保存",
            f"The draft is larger than {LARGEST_DRAFT // 1024} KB and was not kept",
        )
        raise Invalid(message, fields={"data": message})


@dataclass(frozen=True, slots=True)
class _Answer:
    outcome: str | None
    opinion: str | None
    data: Mapping[str, Any]
    key: RequestKey | None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Opened:
    """A task a person is about to act on, its instance's row locked."""

    at: datetime
    instance: RowMapping
    procedure: Procedure
    definition: ProcessDefinition
    element: Element

    def load(self, system: System, transaction: Transaction, person: Person) -> Step:
        return Step.load(system, transaction, self.instance, self.at, person.id)


def _on_task(
    system: System,
    person: Person,
    task_id: str,
    work: Callable[[Transaction, RowMapping, _Opened], Completed],
    request_key: RequestKey | None,
) -> Completed:
    def instance_of(connection: Connection) -> str:
        instance_id: str | None = connection.scalar(_INSTANCE_OF, {"this": task_id})
        if instance_id is None:
            raise _unknown()
        return instance_id

    def attempt_once(transaction: Transaction) -> Completed:
        connection = transaction.connection
        try:
            instance = locked_row_of(connection, task_id)
        except NotFound as error:
            raise _unknown() from error
        row = connection.execute(_TASK, {"this": task_id}).mappings().one()
        at = system.now(connection)
        if row["state"] != "open":
            return _done_before(system, transaction, person, row, at, request_key)
        if not may_do(person, row):
            if not holds(person, row) and not may_read_matter(connection, person, row["matter_id"], at):
                raise _unknown()
            raise _barred(transaction, person, row)
        procedure = system.procedure(connection, instance["deployment_id"])
        definition = procedure.processes[row["process_key"]]
        opened = _Opened(at, instance, procedure, definition, definition.elements[row["element_id"]])
        return work(transaction, row, opened)

    try:
        result = attempt(system, instance_of, attempt_once)
    except EngineIncident as error:
        raise refuse(error) from error
    except IntegrityError as error:
        if repeats.is_taken(error):
            raise repeats.used_before() from error
        raise
    system.wake()
    return result


def _run(
    system: System,
    transaction: Transaction,
    person: Person,
    row: RowMapping,
    step: Step,
    answer: _Answer,
    variables: Mapping[str, Any],
    *,
    closed: str | None,
) -> Completed:
    """Move the engine; `closed` is the ref of the step when its one row is the one answered here."""
    submission = Submission(
        task_id=row["id"],
        element_id=row["element_id"],
        form=row["form"],
        by=person.id,
        organisation_id=row["organisation_id"],
        at=step.at,
        outcome=answer.outcome,
        opinion=answer.opinion,
        data=answer.data,
    )
    step.submit(submission)
    step.machine.complete(row["ref"], variables, step.at)
    try:
        step.go_on()
        transaction.begin_writing()
        _close(transaction, person, row, step.element(row["process_key"], row["element_id"]), step.at, answer)
        step.record("complete", _detail(row, answer), closed=closed)
    except EngineIncident as error:
        if row["form"] is None and answer.data:
            # No form has checked what was brought along: it is that which is wrong, and no administrator's concern.
            raise _unfit(error, answer.data) from error
        raise
    return _completed(system, person, row, step)


def _unfit(error: EngineIncident, data: Mapping[str, Any]) -> Invalid:
    text = Text(
        f"流程不能按所填的值继续，您的提交没有生效：{error.text.zh}",
        f"The procedure cannot go on with these values; nothing was saved: {error.text.en}",
    )
    return Invalid(text, fields=dict.fromkeys(data, text), element=error.element)


def _vote(
    system: System,
    transaction: Transaction,
    person: Person,
    row: RowMapping,
    opened: _Opened,
    spread: Spread,
    answer: _Answer,
) -> Completed:
    """Take one answer of a step given to several; the engine runs once, when the answers decide it."""
    mates = (tables.task.c.instance_id == row["instance_id"]) & (tables.task.c.ref == row["ref"])
    connection = transaction.connection
    counted = connection.execute(
        select(tables.task.c.state, tables.task.c.outcome, func.count())
        .where(mates)
        .group_by(tables.task.c.state, tables.task.c.outcome)
    ).all()
    counts = {outcome or "": number for state, outcome, number in counted if state == "done"}
    total = sum(number for state, _, number in counted if state in ("done", "open", "queued"))
    mine = answer.outcome or ""
    counts[mine] = counts.get(mine, 0) + 1
    step: Step | None = None
    names: Mapping[str, Any] = {}
    if spread.vote is not None and spread.vote.expression is not None:
        # Only a rule that is an expression needs to know what the step sees.
        step = opened.load(system, transaction, person)
        names = next(one.variables for one in step.machine.user_tasks() if one.ref == row["ref"])
    with recording.at_element(opened.element.id):
        decided, verdict = votes.decide(
            spread.vote, counts, total, names, step.functions if step is not None else None
        )
    if decided:
        variables: dict[str, Any] = {"outcome": verdict, "votes": counts}
        variables |= {name: value for name, value in answer.data.items() if name in opened.definition.reads}
        step = step or opened.load(system, transaction, person)
        return _run(system, transaction, person, row, step, answer, variables, closed=None)
    transaction.begin_writing()
    _close(transaction, person, row, opened.element, opened.at, answer)
    if spread.sequential:
        following = (
            select(tables.task.c.id)
            .where(mates, tables.task.c.state == "queued")
            .order_by(tables.task.c.turn)
            .limit(1)
        )
        connection.execute(
            update(tables.task)
            .where(tables.task.c.id == following.scalar_subquery())
            .values(state="open", created_at=opened.at)
        )
    _note(system, transaction, dict(opened.instance), opened.at, person, "complete", _detail(row, answer))
    return Completed(row["id"], row["instance_id"], row["matter_id"], None)


def _detail(row: RowMapping, answer: _Answer) -> dict[str, Any]:
    return {
        "task": row["id"],
        "element": row["element_id"],
        "outcome": answer.outcome,
        "opinion": answer.opinion,
    }


def _close(
    transaction: Transaction,
    person: Person,
    row: RowMapping,
    element: Element,
    at: datetime,
    answer: _Answer,
    *,
    state: str = "done",
) -> None:
    written = {
        "state": state,
        "person_id": person.id,
        "outcome": answer.outcome,
        "opinion": answer.opinion,
        "data": dict(answer.data) or None,
        "closed_at": at,
        "closed_by": person.id,
    }
    changed = transaction.connection.execute(_CLOSE, {**written, "this": row["id"]}).rowcount
    if changed != 1:
        raise Stale
    repeats.keep(transaction.connection, person.id, answer.key, row["id"], at)
    if row["form"] is not None:
        files.attach(transaction.connection, answer.files, matter_id=row["matter_id"], person_id=person.id)
        transaction.connection.execute(_FORGET_DRAFTS, {"this": row["id"]})
    recording.forget_reminders(transaction.connection, row["id"], element)


def _completed(system: System, person: Person, row: RowMapping, step: Step) -> Completed:
    following = next((one["id"] for one in step.opened if may_do(person, one)), None)
    return Completed(row["id"], row["instance_id"], row["matter_id"], following)


def _done_before(
    system: System,
    transaction: Transaction,
    person: Person,
    row: RowMapping,
    at: datetime,
    key: RequestKey | None,
) -> Completed:
    """Answer a repeated request, or say who was faster."""
    if row["closed_by"] == person.id and repeats.earlier(transaction.connection, person.id, key) == row["id"]:
        mine = (
            transaction.connection.execute(
                select(tables.task)
                .where(tables.task.c.instance_id == row["instance_id"], tables.task.c.state == "open")
                .order_by(tables.task.c.id)
            )
            .mappings()
            .all()
        )
        following = next((one["id"] for one in mine if may_do(person, one)), None)
        return Completed(row["id"], row["instance_id"], row["matter_id"], following)
    if not holds(person, row) and not may_read_matter(transaction.connection, person, row["matter_id"], at):
        raise _unknown()
    if row["state"] == "queued":
        raise Conflict(Text("还没有轮到您办理", "It is not your turn yet"))
    if row["state"] == "cancelled":
        raise Conflict(
            Text("任务已被撤销（退回、超时或事项终止）", "The task was cancelled (return, timeout or end)")
        )
    names = people.names(transaction.connection, [row["closed_by"]])
    who = names.get(row["closed_by"], "")
    when = row["closed_at"].astimezone(clock.CITY_ZONE).strftime("%Y-%m-%d %H:%M")
    raise Conflict(
        Text(f"任务已由 {who} 于 {when} 办理", f"{who} did this task at {when}"),
        closed_by=row["closed_by"],
        closed_at=row["closed_at"].isoformat(),
    )


def _barred(transaction: Transaction, person: Person, row: RowMapping) -> AppError:
    """Return why somebody may not act on an open task: another has it for now, or it is not theirs to do."""
    if row["person_id"] is not None and row["person_id"] != person.id:
        who = people.names(transaction.connection, [row["person_id"]]).get(row["person_id"], "")
        return Conflict(Text(f"任务正由 {who} 办理", f"{who} is working on this task"))
    if person.id in (row["excluded"] or []):
        return Forbidden(
            Text(
                "您办理过此事项的前序步骤或需要回避，不能办理本任务",
                "You did an earlier step or have to recuse yourself; somebody else must do this task",
            )
        )
    return Forbidden(Text("这个任务不属于您的岗位", "This task is not your role's"))


def _data(
    system: System,
    transaction: Transaction,
    person: Person,
    opened: _Opened,
    row: RowMapping,
    data: dict[str, Any],
    outcome: str | None,
    step: Step | None,
) -> dict[str, Any]:
    """Check what was submitted against the task's form, or against what the diagram reads when it has none."""
    element = opened.element
    if element.form is None:
        return answers.free_variables(person, opened.definition, data)
    chosen = next((one for one in element.outcomes if one.id == outcome), None)
    form = opened.procedure.forms[element.form]
    shown = filling.fill_task(
        system,
        transaction.connection,
        opened.procedure,
        form,
        opened.instance,
        row,
        person.id,
        opened.at,
        machine=step.machine if step is not None else None,
    )
    return forms.validate(
        form,
        data,
        access=element.fields,
        partial=chosen is not None and chosen.form == "partial",
        sources=shown.sources,
        previous=shown.data,
        files=files.lookup(transaction.connection, person_id=person.id, matter_id=row["matter_id"]),
    )


def _reassign(
    system: System,
    person: Person,
    task_id: str,
    action: str,
    to: str | None,
    reason: str | None,
    *,
    only_pool: bool = False,
) -> None:
    with system.database.write() as connection:
        found = connection.scalar(select(tables.task.c.instance_id).where(tables.task.c.id == task_id))
        if found is None:
            raise _unknown()
        transaction = Transaction(connection, is_sqlite=system.database.is_sqlite)
        instance = dict(locked_row(connection, found))
        row = _read(system, connection, person, task_id)
        at = system.now(connection)
        if row["state"] != "open":
            _done_before(system, transaction, person, row, at, None)
        if not may_do(person, row):
            raise _barred(transaction, person, row)
        if only_pool and row["person_id"] is not None:
            return
        if action == "release" and row["named"]:
            raise Conflict(
                Text(
                    "流程指定由您办理，不能退回岗位",
                    "The diagram names you for this task; hand it over instead",
                )
            )
        connection.execute(
            update(tables.task)
            .where(tables.task.c.id == task_id)
            .values(person_id=to, sent_by=person.id if reason else row["sent_by"])
        )
        detail = {"task": task_id, "element": row["element_id"], "to": to, "opinion": reason}
        _note(system, transaction, instance, at, person, action, detail)


def _note(
    system: System,
    transaction: Transaction,
    instance: dict[str, Any],
    at: datetime,
    person: Person,
    action: str,
    detail: Mapping[str, Any],
) -> None:
    """Write a history row of something that did not move the engine."""
    write_step(
        system,
        transaction.connection,
        instance,
        at=at,
        actor_id=person.id,
        action=action,
        detail=detail,
        trace=[],
    )


def _read(system: System, connection: Any, person: Person, task_id: str) -> RowMapping:
    row: RowMapping | None = (
        connection.execute(select(tables.task).where(tables.task.c.id == task_id)).mappings().one_or_none()
    )
    if row is None or not (
        holds(person, row) or may_read_matter(connection, person, row["matter_id"], system.now(connection))
    ):
        raise _unknown()
    return row


def _unknown() -> AppError:
    return NotFound(Text("没有这个任务，或您无权查看", "There is no such task, or it is not yours to see"))
