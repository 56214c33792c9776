"""What the branches of a process see of each other's variables, and how these come together.

A branch sees what was set before it began and what it sets itself. At a join, at the end of a branch, and where
an event leaves an activity, changes come together: what a branch has set counts, later over earlier; what it
merely carried along does not undo another's change.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from service.engine.model import Variables
from service.engine.patches import every_task
from service.engine.tokens import EngineIncident, Scope, Token
from service.errors import Text

#: Bytes of one variable as JSON. Contents belong into tables.
LARGEST_VARIABLE = 16_000

_STRICT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
_NOTHING = b"null"
_MISSING = object()


def checked(name: str, value: Any, element: str | None) -> Any:
    """Return `value` as JSON gives it back. Raises `EngineIncident` naming the variable if it is none, or too large."""
    if value is None or value is True or value is False:
        return value
    try:
        written = orjson.dumps(value, option=_STRICT)
    except TypeError:
        written = _NOTHING
    # What JSON has no number for, such as infinity, is written as null.
    if written == _NOTHING:
        kind = type(value).__name__
        raise EngineIncident(
            Text(
                f"变量 {name} 的值（{kind}）不能保存", f"the value of variable {name} ({kind}) cannot be kept"
            ),
            element,
            variable=name,
        )
    if len(written) > LARGEST_VARIABLE:
        raise EngineIncident(
            Text(
                f"变量 {name} 有 {len(written)} 字节，最多 {LARGEST_VARIABLE} 字节；"
                "内容请放进表单或业务数据，变量只放编号和供判断的值",
                f"variable {name} has {len(written)} bytes, {LARGEST_VARIABLE} at most; keep contents in forms or "
                "domain data, variables hold ids and values to decide by",
            ),
            element,
            variable=name,
        )
    return orjson.loads(written) if isinstance(value, list | tuple | dict) else value


def assign(token: Token, values: Variables, element: str | None) -> None:
    """Set variables of a token. Raises `EngineIncident` for a value that cannot be kept."""
    if values:
        token.data = {**token.data, **{name: checked(name, value, element) for name, value in values.items()}}
        _keep(token, values)


def assigned(token: Token) -> set[str]:
    """Return the names set by a token, or in rounds folded into it; what it received of others does not count."""
    found: set[str] = set(token.internal_data.get("set", ()))
    data, before = token.data, token.entry
    if data is not before:
        found.update(
            name
            for name, value in data.items()
            if (known := before.get(name, _MISSING)) is not value and known != value
        )
        found.difference_update(token.internal_data.get("received", ()))
    return found


def _path(token: Token) -> set[int]:
    found = set()
    current_token: Token | None = token
    while current_token is not None:
        found.add(current_token.id)
        current_token = current_token.parent
    return found


def assigned_since(token: Token, ancestors: set[int]) -> set[str]:
    """Return the names set on the way from the first token above that is in `ancestors` down to `token`."""
    found: set[str] = set()
    # What left an activity by its border did so before the activity had set what it set.
    by_border = False
    above: Token | None = token
    while above is not None and above.id not in ancestors:
        if not by_border:
            found |= assigned(above)
        by_border = above.task_spec.at_border
        above = above.parent
    if above is not None and above is not token and above.task_spec.boundary and not by_border:
        found |= assigned(above)
    return found


def together(tokens: Sequence[Token]) -> Variables:
    """Return what branches of one scope hold together, given oldest first; later changes count over earlier."""
    first = tokens[0]
    data = current(first)
    if len(tokens) == 1:
        return data
    data = dict(data)
    seen = _path(first)
    for token in tokens[1:]:
        own = current(token)
        names = assigned_since(token, seen) | {name for name in own if name not in data}
        if own is not token.data:
            names |= {name for name, value in own.items() if token.data.get(name, _MISSING) is not value}
        data.update({name: own[name] for name in names})
        seen |= _path(token)
    return data


def current(token: Token) -> Variables:
    """Return what a token holds; for a running subprocess, what its branches have set so far."""
    scope = token.workflow.top_workflow.subprocesses.get(token.id)
    if scope is None or scope.completed or not scope.live:
        data: Variables = token.data
        return data
    return together(sorted(scope.live.values(), key=lambda one: one.id))


def own(holder: Token) -> None:
    """Let what was set within a subprocess or called process count as set by its holder, whatever others handed it.

    Called when the scope ends or is left, while its tokens are still there.
    """
    scope = holder.workflow.top_workflow.subprocesses.get(holder.id)
    if scope is not None and holder.internal_data.get("received"):
        for token in every_task(scope.task_tree):
            _keep(holder, assigned(token))


def _keep(token: Token, names: Iterable[str]) -> None:
    """Let these names no longer count as received of others."""
    received = token.internal_data.get("received")
    if received:
        token.internal_data["received"] = [name for name in received if name not in names]


def hand_on(ended: Token, others: Iterable[Token]) -> None:
    """Give what a branch set before it ended to those of its scope that still run, if they did not set it too."""
    above = _path(ended)
    if isinstance(ended.workflow, Scope):
        # Folding may forget the branch before the scope ends.
        _keep(ended.workflow.holder, assigned_since(ended, set()))
    for other in others:
        names = assigned_since(ended, _path(other)) - assigned_since(other, above)
        _receive(other, {name: ended.data[name] for name in names})


def _receive(token: Token, values: Variables) -> None:
    changed = {name: value for name, value in values.items() if token.data.get(name, _MISSING) != value}
    if not changed:
        return
    token.data = {**token.data, **changed}
    token.internal_data["received"] = sorted({*token.internal_data.get("received", ()), *changed})
    scope = token.workflow.top_workflow.subprocesses.get(token.id)
    if scope is not None:
        for inner in list(scope.live.values()):
            inside = assigned_since(inner, set())
            _receive(inner, {name: value for name, value in changed.items() if name not in inside})
