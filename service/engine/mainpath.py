"""The main path of a diagram: how it goes when nothing out of the ordinary happens, as far as the drawing tells."""

from collections import Counter
from functools import lru_cache

from service.engine.diagram import Diagram, read_diagram
from service.engine.listeners import listeners
from service.engine.model import ProcessDefinition
from service.engine.xml import local

#: What a flow with a condition costs beside a plain or default one, and what a step is worth.
_CONDITION, _STEP, _FLOW = 10.0, 1.0, 0.01
_STEPS = frozenset({"userTask", "receiveTask", "callActivity", "intermediateCatchEvent"})


def main_path(definition: ProcessDefinition, start: str | None = None) -> tuple[str, ...]:
    """Return the steps on the way with the fewest conditions to the last step, in order; those after `start`, if given.

    Steps are user tasks, awaited messages and called processes. Ways back (corrections) and ways that end early
    (refusals) are not on it; events that only listen are not either.
    """
    return _main_path(definition.file, definition.xml, listeners(definition), start)


@lru_cache(maxsize=256)
def _main_path(file: str, xml: bytes, beside: frozenset[str], start: str | None) -> tuple[str, ...]:
    diagram, _ = read_diagram(file, xml)
    if diagram is None:
        return ()
    order = _forward(diagram, beside)
    best: dict[str, tuple[float, tuple[str, ...]]] = {
        key: (0.0, ()) for key in ([start] if start is not None else diagram.starts(diagram.key))
    }
    for key in order:
        if key not in best:
            continue
        cost, path = best[key]
        for flow in diagram.outgoing[key]:
            target = flow.target
            if target in beside or order.get(target, -1) <= order[key]:
                continue
            step = local(diagram.nodes[target]) in _STEPS and diagram.elements[target].timer is None
            spent = cost + _FLOW + (_CONDITION if flow.conditional else 0) - (_STEP if step else 0)
            if target not in best or spent < best[target][0]:
                best[target] = (spent, (*path, target) if step else path)
    # The last step is the one the most others come before; of several, the one the most of the drawing comes after.
    # Where others do the rest, a task at the end is for reading what they answered.
    ways = Counter(path for _, path in best.values() if path)
    waits = [one for one in ways if local(diagram.nodes[one[-1]]) != "userTask"]
    return max(waits or ways, key=lambda one: (len(one), ways[one]), default=())


def _forward(diagram: Diagram, beside: frozenset[str]) -> dict[str, int]:
    """Return the place of each node in an order in which every flow but those back leads on."""
    finished: list[str] = []
    seen: set[str] = set()
    for start in diagram.starts(diagram.key):
        stack: list[tuple[str, int]] = [(start, 0)]
        seen.add(start)
        while stack:
            key, index = stack.pop()
            flows = diagram.outgoing[key]
            if index == len(flows):
                finished.append(key)
                continue
            stack.append((key, index + 1))
            target = flows[index].target
            if target not in seen and target not in beside:
                seen.add(target)
                stack.append((target, 0))
    return {key: index for index, key in enumerate(reversed(finished))}
