"""Return (退回): which earlier steps an open task may go back to, what that cancels, and the going back itself.

BPMN's token flow read backwards: a return undoes what came of the target's completion. A join that had fired on it
waits again for that branch only, with what had come along the others; a subprocess that had ended on it is open
again. The target begins anew, with the variables it began with then and its timers set anew; branches beside it
keep theirs. History and what operations did stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from SpiffWorkflow import TaskState

from service.engine import patches
from service.engine.events import Boundary, EventChoice
from service.engine.nodes import UserStep
from service.engine.tokens import LIVE, Flow, Scope, Token, number_of
from service.errors import Text

_BESIDE = Text(
    "本步骤在一条与主线并行的支线上（由不中断的事件引出）；退回主线会打断他人正在办理的步骤，请在主线上退回",
    "this step is on a branch beside the main line, begun by an event that does not interrupt; the main line goes "
    "on by itself and is returned from one of its own steps",
)
_CUT_OFF = Text(
    "这个步骤所在的子流程已被终止结束，当时并行的步骤已经取消，无法恢复原状",
    "the subprocess of this step was ended by a terminate event, which cancelled steps beside it; they cannot be "
    "brought back",
)


@dataclass(frozen=True, slots=True)
class ReturnTarget:
    """An earlier step: why it is refused, and the open steps (process key, element id) a return would cancel."""

    ref: str
    process_key: str
    element_id: str
    refusal: Text | None
    cancels: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Undoing:
    """What a return to one token undoes: tokens that go, joins that wait again, scopes that are open again."""

    gone: dict[int, Token] = field(default_factory=dict)
    waiting: dict[int, Token] = field(default_factory=dict)
    reopened: dict[int, Scope] = field(default_factory=dict)


def targets(flow: Flow, token: Token) -> list[ReturnTarget]:
    """Return the steps the open task `token` may be returned to, the nearest first; some with a refusal."""
    found: dict[tuple[str, str], tuple[Token, Text | None]] = {}
    own = (token.task_spec.process_key, token.task_spec.element_id)
    for earlier, refusal in _before(flow, token):
        spec = earlier.task_spec
        key = (spec.process_key, spec.element_id)
        if key == own:
            continue
        known = found.get(key)
        if known is None or earlier.id > known[0].id:
            found[key] = (earlier, refusal)
    listed = []
    for (process_key, element_id), (earlier, refusal) in found.items():
        undoing = _undo(flow, earlier)
        if refusal is None and any(scope.cut_off for scope in undoing.reopened.values()):
            refusal = _CUT_OFF
        cancels = () if refusal is not None else _cancelled(undoing, token)
        listed.append((earlier.id, ReturnTarget(earlier.ref, process_key, element_id, refusal, cancels)))
    return [one for _, one in sorted(listed, key=lambda pair: -pair[0])]


def finished(flow: Flow, ref: str) -> Token | None:
    """Return the completed user task `ref`, None if there is none."""
    number = number_of(ref)
    for scope in (flow, *flow.subprocesses.values()):
        token: Token | None = scope.tasks.get(number)
        if token is not None and isinstance(token.task_spec, UserStep) and token.state == TaskState.COMPLETED:
            return token
    return None


def go_back(flow: Flow, target: Token) -> None:
    """Undo what came of `target` and begin it anew, under a new ref."""
    undoing = _undo(flow, target)
    for token in sorted(undoing.gone.values(), key=lambda one: one.id):
        if token.state & LIVE and not token.waits_at_border:
            token.task_spec.note(token, "cancelled")
    parent, spec, kept = target.parent, target.task_spec, _kept(target)
    for token in undoing.gone.values():
        if token.id in token.workflow.tasks and (token.parent is None or token.parent.id not in undoing.gone):
            patches.drop_branch(token)
    for scope in sorted(undoing.reopened.values(), key=lambda one: -one.parent_task_id):
        patches.reopen(scope)
        holder = scope.holder
        holder._set_state(TaskState.STARTED)
        holder.data = holder.entry
        holder.task_spec.note(holder, "entered")
        holder.task_spec.arm(holder)
    patches.reopen(flow)
    for token in undoing.waiting.values():
        token.internal_data = {"via": token.internal_data["via"], **_kept(token)}
        token.data = token.entry
        token._set_state(TaskState.WAITING)
        token.task_spec.note(token, "entered")
    again = parent._add_child(spec)
    again.internal_data = kept
    spec._update(again)


def _kept(token: Token) -> dict[str, Any]:
    """Return the facts of a token that say what it began with."""
    return {name: token.internal_data[name] for name in ("entry", "set") if name in token.internal_data}


def _before(flow: Flow, token: Token) -> Iterator[tuple[Token, Text | None]]:
    """Yield the completed user tasks the token's way led through, with the reason where one is out of reach."""
    seen: set[int] = {token.id}
    pending: list[tuple[Token, Text | None]] = [(one, None) for one in _sources(flow, token)]
    while pending:
        one, refusal = pending.pop()
        if one.id in seen:
            continue
        seen.add(one.id)
        spec = one.task_spec
        if isinstance(spec, UserStep) and one.state == TaskState.COMPLETED:
            yield one, refusal
        scope = flow.subprocesses.get(one.id)
        if scope is not None and scope.completed and one.state == TaskState.COMPLETED:
            pending += [
                (last, refusal) for last in scope.tasks.values() if not last._children and not _beside(last)
            ]
        if _leads_beside(one):
            refusal = _BESIDE
        pending += [(above, refusal) for above in _sources(flow, one)]


def _leads_beside(token: Token) -> bool:
    return isinstance(token.task_spec, Boundary) and not token.task_spec.element.interrupting


def _beside(token: Token) -> bool:
    """Return whether the token is on a branch an event began beside the main line of its scope."""
    above: Token | None = token
    while above is not None and not _leads_beside(above):
        above = above.parent
    return above is not None


def _sources(flow: Flow, token: Token) -> list[Token]:
    """Return the tokens this one came from: its parent, what its join had gathered, or the scope's holder."""
    if token.parent is None:
        return [] if token.workflow is flow else [token.workflow.holder]
    joined = [token.workflow.tasks[number] for number in token.internal_data.get("joined", ())]
    return [token.parent, *joined]


def _undo(flow: Flow, target: Token) -> _Undoing:
    """Reckon what a return to `target` undoes: all that came of it, through joins and ends of scopes."""
    undoing = _Undoing()
    pending: list[Token] = [target]
    while pending:
        token = pending.pop()
        if token.id in undoing.gone:
            continue
        undoing.gone[token.id] = token
        undoing.waiting.pop(token.id, None)
        pending += token.children
        scope = flow.subprocesses.get(token.id)
        if scope is not None:
            pending.append(scope.task_tree)
        tasks = token.workflow.tasks
        into = token.internal_data.get("into")
        fired = tasks[into] if into is not None else token if "joined" in token.internal_data else None
        if fired is not None:
            # The join has not fired then: what came of it goes, what had come along other flows waits again.
            pending += fired.children
            for one in (fired, *(tasks[number] for number in fired.internal_data["joined"])):
                if one.id not in undoing.gone:
                    undoing.waiting[one.id] = one
        inner = token.workflow
        if inner is not flow and inner.completed and inner.parent_task_id not in undoing.gone:
            undoing.reopened[inner.parent_task_id] = inner
            pending += [one for one in inner.holder.children]
    for number in [one for one in undoing.reopened if one in undoing.gone]:
        del undoing.reopened[number]
    return undoing


def _cancelled(undoing: _Undoing, token: Token) -> tuple[tuple[str, str], ...]:
    found = []
    for one in sorted(undoing.gone.values(), key=lambda each: each.id):
        spec = one.task_spec
        if one is token or not one.state & LIVE or one.waits_at_border:
            continue
        waits = one.state == TaskState.WAITING and not isinstance(one.parent.task_spec, EventChoice)
        if spec.stops or waits:
            found.append((spec.process_key, spec.element_id))
    return tuple(dict.fromkeys(found))
