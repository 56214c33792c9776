"""Keeps an instance between two steps: its tokens and what they changed, without the specs, in few bytes.

The bytes are a format version and zlib-compressed JSON. A token is a row: number, parent's number, name of its
spec, state, the variables that differ from those it began with, internal facts. A later format gets the next
version and a function in `_MIGRATIONS` that turns the older JSON into it; stored states of earlier releases stay
in the tests.
"""

import zlib
from collections.abc import Callable
from typing import Any

import orjson
from SpiffWorkflow import TaskState

from service.engine.specs import Specs
from service.engine.tokens import LIVE, EngineIncident, Flow, Scope, Token
from service.errors import Text

#: Version of the format written now.
FORMAT = 1
#: Bytes a stored state may have; shipped processes stay below a tenth.
LARGEST_STATE = 64_000

#: By format version: turns that version's JSON into the next one's.
_MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
_MISSING = object()


def encode(flow: Flow) -> bytes:
    """Return the instance as bytes. Raises `EngineIncident` when it has become too large."""
    scopes = [[None, flow.spec.name, _rows(flow), flow.completed, flow.data, False]]
    for holder_id, scope in flow.subprocesses.items():
        scopes.append([holder_id, scope.spec.name, _rows(scope), scope.completed, {}, scope.cut_off])
    state = {"last": flow.last_number, "scopes": scopes}
    packed = zlib.compress(orjson.dumps(state), 1)
    if len(packed) > LARGEST_STATE:
        raise EngineIncident(
            Text(
                f"流程状态有 {len(packed)} 字节，最多 {LARGEST_STATE} 字节；请少用变量，内容放进表单或业务数据",
                f"the state has {len(packed)} bytes, {LARGEST_STATE} at most; use fewer variables, keep contents in "
                "forms or domain data",
            )
        )
    return bytes((FORMAT,)) + packed


def _rows(scope: Any) -> list[list[Any]]:
    rows = []
    for token in scope.tasks.values():
        data, before = token.data, token.entry
        changed = data if token._parent is None else None
        if data is not before:
            changed = {
                name: value
                for name, value in data.items()
                if (known := before.get(name, _MISSING)) is not value and known != value
            }
        row = [token.id, token._parent, token.task_spec.name, token._state]
        if token.internal_data:
            row += [changed or None, token.internal_data]
        elif changed:
            row.append(changed)
        rows.append(row)
    return rows


def decode(blob: bytes, specs: Specs) -> Flow:
    """Return the instance the bytes hold. Raises `EngineIncident` when its diagram lacks an element it needs."""
    version = blob[0]
    if version > FORMAT:
        raise EngineIncident(
            Text(
                "这个实例由更新的系统版本保存，请先升级本系统",
                "this instance was stored by a newer release; upgrade this system first",
            )
        )
    state = orjson.loads(zlib.decompress(memoryview(blob)[1:]))
    while version != FORMAT:
        state, version = _MIGRATIONS[version](state), version + 1
    flow = Flow(specs.main, specs.all)
    flow.last_number = state["last"]
    ready: list[Token] = []
    for holder_id, name, rows, completed, data, cut_off in state["scopes"]:
        if holder_id is None:
            scope: Any = flow
        else:
            scope = Scope.__new__(Scope)
            scope.restore(specs.all.get(name), holder_id, flow)
            scope.cut_off = cut_off
            flow.subprocesses[holder_id] = scope
        if scope.spec is None:
            raise _unknown(name)
        scope.completed, scope.data = completed, data
        _restore(scope, rows, ready)
    for token in sorted(ready, key=lambda one: one.id):
        flow.queue.append(token)
    return flow


def _restore(scope: Any, rows: list[list[Any]], ready: list[Token]) -> None:
    tasks, live, specs = scope.tasks, scope.live, scope.spec.task_specs
    for number, parent_number, name, state, *rest in rows:
        token = Token.__new__(Token)
        spec = specs.get(name)
        if spec is None:
            raise _unknown(name)
        parent = tasks.get(parent_number)
        changed = rest[0] if rest else None
        token.restore(scope, spec, number, parent, state)
        token.internal_data = rest[1] if len(rest) > 1 else {}
        tasks[number] = token
        if parent is None:
            token.data = changed or {}
            scope.task_tree = token
        else:
            token.data = {**token.entry, **changed} if changed else token.entry
        if state & LIVE:
            live[number] = token
            if state == TaskState.READY and not spec.stops:
                ready.append(token)


def _unknown(name: str) -> EngineIncident:
    return EngineIncident(
        Text(
            f"流程图里没有 {name} 了，而这个实例正需要它；不能换用这个版本",
            f"the diagram no longer has {name}, which this instance needs; it cannot use this version",
        ),
        name,
    )
