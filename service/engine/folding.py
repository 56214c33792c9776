"""Forgets finished rounds of drawn loops, so that round 300 costs what round 1 did.

Where a step X was passed again and again on one way, and all that still runs below the first X runs below a later
one, that later one takes the first one's place and what lay between is dropped. The newest finished round stays:
a task may be returned into it. Branches beside an activity that have ended are dropped too.
"""

from typing import Any

from SpiffWorkflow import TaskState

from service.engine import patches
from service.engine.events import Boundary
from service.engine.tokens import Flow, Token
from service.engine.variables import assigned

#: Rounds of a loop that stay: the one that runs and the newest finished one.
ROUNDS_KEPT = 2


def fold(flow: Flow) -> int:
    """Forget finished rounds everywhere in the instance; return how many tokens were dropped."""
    dropped = 0
    for scope in flow.scopes():
        if scope.live and len(scope.tasks) > ROUNDS_KEPT:
            dropped += _fold_scope(scope)
    return dropped


def _fold_scope(scope: Any) -> int:
    below: dict[int, int] = {}
    paths: list[list[Token]] = []
    for token in list(scope.live.values()):
        path = [token]
        while (parent := path[-1].parent) is not None:
            path.append(parent)
        for one in path:
            below[one.id] = below.get(one.id, 0) + 1
        path.reverse()
        paths.append(path)
    dropped = _drop_ended(scope, below)
    for path in paths:
        dropped += _fold_path([one for one in path if one.id in scope.tasks], below)
    return dropped


def _drop_ended(scope: Any, below: dict[int, int]) -> int:
    dropped = 0
    for token in list(scope.tasks.values()):
        spec = token.task_spec
        if (
            isinstance(spec, Boundary)
            and not spec.element.interrupting
            and token.state == TaskState.COMPLETED
            and token.id not in below
            and token.id in scope.tasks
            and _closed(list(patches.every_task(token)))
        ):
            dropped += len(patches.drop_branch(token))
    return dropped


def _fold_path(path: list[Token], below: dict[int, int]) -> int:
    """Fold the rounds of one way from the root to a live token, as long as there are any."""
    dropped = 0
    while True:
        passed: dict[str, list[Token]] = {}
        for token in path:
            passed.setdefault(token.task_spec.name, []).append(token)
        pairs = [
            (tokens[0], tokens[-ROUNDS_KEPT])
            for tokens in passed.values()
            if len(tokens) > ROUNDS_KEPT and tokens[-ROUNDS_KEPT].state == TaskState.COMPLETED
        ]
        folded = 0
        for first, later in sorted(pairs, key=lambda pair: pair[0].id - pair[1].id):
            if first.parent is not None and below[first.id] == below[later.id]:
                folded = _splice(first, later)
            if folded:
                break
        if not folded:
            return dropped
        dropped += folded
        path = [one for one in path if one.id in one.workflow.tasks]


def _splice(first: Token, later: Token) -> int:
    """Put `later` in the place of `first`, dropping what lay between; 0 when a join holds on to it."""
    kept = {one.id for one in patches.every_task(later)}
    between = [one for one in patches.every_task(first) if one.id not in kept]
    if not _closed(between):
        return 0
    parent = first.parent
    entry, names = later.entry, _set_between(first, later)
    later.parent._children.remove(later.id)
    parent._children[parent._children.index(first.id)] = later.id
    later._parent = parent.id
    later.begin_with(entry)
    if names:
        later.internal_data["set"] = sorted(names)
    top = later.workflow.top_workflow
    for one in between:
        one.workflow.tasks.pop(one.id, None)
        one.workflow.live.pop(one.id, None)
        top.subprocesses.pop(one.id, None)
    return len(between)


def _set_between(first: Token, later: Token) -> set[str]:
    """Return the names set on the way from `first` to `later`, which itself is left out."""
    names = set(later.internal_data.get("set", ()))
    by_border, above = later.task_spec.at_border, later.parent
    while above is not first.parent:
        if not by_border:
            names |= assigned(above)
        by_border, above = above.task_spec.at_border, above.parent
    return names


def _closed(tokens: list[Token]) -> bool:
    """Return whether no join outside has gathered one of these tokens, and no join among them one outside."""
    numbers = {one.id for one in tokens}
    return all(
        (one.internal_data.get("into") is None or one.internal_data["into"] in numbers)
        and numbers.issuperset(one.internal_data.get("joined", ()))
        for one in tokens
    )
