"""Follows the flows of a diagram: steps never reached, ends never reached, loops without a wait, lost tokens."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from service.engine.diagram import GATEWAYS, Diagram
from service.engine.xml import local

#: Where an instance rests until a person, a message or a time moves it.
_WAITS = frozenset(
    {"userTask", "receiveTask", "intermediateCatchEvent", "eventBasedGateway", "boundaryEvent"}
)
#: A scope with more combinations of parallel branches is not followed to the end; real diagrams have dozens.
_MOST_MARKINGS = 2_000

#: A call within a call within a call; real procedures have two or three.
MOST_CALLS_DEEP = 20

Marking = tuple[str, ...]


def check_paths(diagram: Diagram) -> None:
    """Report nodes no token reaches or leaves for good, and joins that can wait for ever."""
    scopes = [diagram.key, *(key for key, node in diagram.nodes.items() if local(node) == "subProcess")]
    for scope in scopes:
        nodes = [key for key, where in diagram.scopes.items() if where == scope]
        starts = diagram.starts(scope)
        if not starts:
            continue
        reached = _reached(diagram, starts)
        for key in nodes:
            if key not in reached:
                diagram.findings.error(
                    "unreachable",
                    f"从开始事件走不到“{diagram.elements[key].name.zh}”，它永远不会发生；请把连线接上，或删去它",
                    f"no path leads from the start to “{diagram.elements[key].name.en}”, it never happens; connect it, "
                    "or delete it",
                    diagram.nodes[key],
                )
        _check_ends(diagram, scope, nodes, reached)
    if not diagram.findings.failed:
        for scope in scopes:
            _check_tokens(diagram, scope)


def check_loops(diagrams: Mapping[str, Diagram]) -> None:
    """Report loops in which nothing waits: the engine would run round and round; and calls that go in circles."""
    calls = {
        key: {one.calls for one in diagram.elements.values() if one.calls in diagrams}
        for key, diagram in diagrams.items()
    }
    #: Of each process, whether a token may run through it without waiting; those it calls come first.
    through: dict[str, bool] = {}
    for _ in range(MOST_CALLS_DEEP):
        for key in [one for one in diagrams if one not in through and calls[one] <= through.keys()]:
            through[key] = _runs_through(diagrams[key], key, through, {})
    circles = False
    for key, diagram in diagrams.items():
        if key in through:
            _check_loop(diagram, through)
            continue
        circle = _call_circle(calls, key)
        if circle is None:
            continue
        circles = True
        call = next(key for key, one in diagram.elements.items() if one.calls == circle[1])
        diagram.findings.error(
            "call-circle",
            f"流程互相调用成了圈：{' → '.join(circle)}，会无穷无尽；请用消息启动其中一个，"
            "或在一个流程里画回去的连线",
            f"processes call each other in a circle: {' → '.join(circle)}, without end; start one of them by a "
            "message, or draw a flow back within one process",
            diagram.nodes[call],
        )
    for key in diagrams.keys() - through.keys() if not circles else ():
        diagrams[key].findings.error(
            "calls-too-deep",
            f"调用活动一层套一层，超过 {MOST_CALLS_DEEP} 层；请合并几个流程，或用消息启动其中一个",
            f"call activities are nested more than {MOST_CALLS_DEEP} deep; join some processes, or start one of them "
            "by a message",
            diagrams[key].process,
        )


def _borders(diagram: Diagram) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, element in diagram.elements.items():
        if element.attached_to is not None:
            found.setdefault(element.attached_to, []).append(key)
    return found


def _reached(diagram: Diagram, starts: Iterable[str]) -> set[str]:
    borders = _borders(diagram)
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        waiting += [flow.target for flow in diagram.outgoing[key]]
        waiting += borders.get(key, [])
    return seen


def _check_ends(diagram: Diagram, scope: str, nodes: list[str], reached: set[str]) -> None:
    ends = [key for key in nodes if diagram.elements[key].type == "endEvent"]
    if not ends:
        diagram.findings.error(
            "no-end",
            "没有结束事件；请画一个，让流程能办结",
            "there is no end event; draw one so that the process can finish",
            diagram.process if scope == diagram.key else diagram.nodes[scope],
        )
        return
    leading: set[str] = set()
    waiting = list(ends)
    while waiting:
        key = waiting.pop()
        if key in leading:
            continue
        leading.add(key)
        waiting += [flow.source for flow in diagram.incoming[key]]
        host = diagram.elements[key].attached_to
        if host is not None and host in diagram.nodes:
            waiting.append(host)
    # A node without any way on has been told so already; of a trap, its first node is enough to find it.
    trapped = [key for key in nodes if key in reached and key not in leading and diagram.outgoing[key]]
    if trapped:
        first = diagram.elements[trapped[0]].name
        diagram.findings.error(
            "no-way-out",
            f"从“{first.zh}”起（共 {len(trapped)} 个节点）走不到任何结束事件，流程永远办不结；请画一条通向结束的路",
            f"from “{first.en}” on ({len(trapped)} nodes) no path leads to an end, the process never finishes; draw a "
            "way out",
            diagram.nodes[trapped[0]],
        )


def _call_circle(calls: Mapping[str, Set[str | None]], key: str) -> list[str] | None:
    """Return the processes from `key` back to `key` by call activities, None if there is no such way."""
    before: dict[str, str] = {}
    waiting = [key]
    while waiting:
        one = waiting.pop()
        for called in sorted(called for called in calls[one] if called is not None):
            if called == key:
                circle = [key, one]
                while circle[-1] != key:
                    circle.append(before[circle[-1]])
                return circle[::-1]
            if called not in before:
                before[called] = one
                waiting.append(called)
    return None


def _check_loop(diagram: Diagram, through: Mapping[str, bool]) -> None:
    inner: dict[str, bool] = {}
    passable = {key for key in diagram.nodes if _passable(diagram, key, through, inner)}
    loop = next(_loops(diagram, passable), None)
    if loop is None:
        return
    names = [diagram.elements[key].name for key in loop]
    diagram.findings.error(
        "busy-loop",
        f"这个圈里没有等待的一步，会不停地转：{' → '.join(name.zh for name in names)}；"
        "请在圈里放一个用户任务、消息或定时事件，要对列表每一项计算请用列表表达式",
        f"nothing waits in this loop, it would run for ever: {' → '.join(name.en for name in names)}; put a user task, "
        "message or timer into it, or go through a list by a list expression",
        diagram.nodes[loop[0]],
    )


def _passable(diagram: Diagram, key: str, through: Mapping[str, bool], inner: dict[str, bool]) -> bool:
    """Whether a token can pass the node without waiting; `inner` keeps what is known of subprocesses."""
    element = diagram.elements[key]
    if element.type == "subProcess":
        if key not in inner:
            inner[key] = _runs_through(diagram, key, through, inner)
        return inner[key]
    if element.type == "callActivity":
        return through.get(element.calls or "", False)
    return element.type not in _WAITS


def _runs_through(diagram: Diagram, scope: str, through: Mapping[str, bool], inner: dict[str, bool]) -> bool:
    """Whether a token can go from the start of the process or subprocess `scope` to an end without waiting."""
    seen: set[str] = set()
    waiting = diagram.starts(scope)
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        if not _passable(diagram, key, through, inner):
            continue
        if diagram.elements[key].type == "endEvent":
            return True
        waiting += [flow.target for flow in diagram.outgoing[key]]
    return False


def _loops(diagram: Diagram, inside: set[str]) -> Iterator[list[str]]:
    """Yield circles of flows that stay within the nodes `inside`."""
    onward = {key: [flow.target for flow in diagram.outgoing[key] if flow.target in inside] for key in inside}
    done: set[str] = set()
    for begin in diagram.nodes:
        if begin not in inside or begin in done:
            continue
        path = [begin]
        ways = [iter(onward[begin])]
        while path:
            target = next(ways[-1], None)
            if target is None:
                ways.pop()
                done.add(path.pop())
            elif target in path:
                yield path[path.index(target) :]
            elif target not in done:
                path.append(target)
                ways.append(iter(onward[target]))


def _check_tokens(diagram: Diagram, scope: str) -> None:
    """Play the token game over one scope, every gateway free to choose, and report what goes wrong.

    Only joins can wait for ever, so a scope without a parallel gateway is not played.
    """
    nodes = [key for key, where in diagram.scopes.items() if where == scope]
    joins = [
        key
        for key in nodes
        if diagram.elements[key].type == "parallelGateway" and len(diagram.incoming[key]) > 1
    ]
    splits = any(
        diagram.elements[key].type == "parallelGateway" and len(diagram.outgoing[key]) > 1 for key in nodes
    )
    if not joins and not splits:
        return
    game = _Game(diagram, scope)
    game.play(in_turn=True)
    game.play(in_turn=False)
    for join, missing in game.stuck.items():
        name = diagram.elements[join].name
        sources = [diagram.elements[diagram.flows[one].source].name for one in sorted(missing)]
        diagram.findings.error(
            "join-starves",
            f"并行汇合“{name.zh}”可能永远等不齐：来自“{'”、“'.join(one.zh for one in sources)}”的一路可能不来；"
            "选一条路走的分支请先用排他网关合拢再汇合，中途办结的分支请用终止结束事件",
            f"the join “{name.en}” may wait for ever: what comes from “{'”, “'.join(one.en for one in sources)}” may "
            "not arrive; close an exclusive choice by an exclusive gateway before the join, and end a branch that "
            "finishes everything with a terminate end event",
            diagram.nodes[join],
        )
    for key in sorted(game.doubled):
        name = diagram.elements[key].name
        diagram.findings.warning(
            "runs-twice",
            f"“{name.zh}”可能被两个并行的分支各走一次；若只应走一次，请在它之前用并行网关汇合",
            f"“{name.en}” may be run once by each of two parallel branches; if once is meant, join them by a parallel "
            "gateway before it",
            diagram.nodes[key],
        )


@dataclass(frozen=True, slots=True)
class _Move:
    """What happens to a token that comes by a flow: where to, with which others it leaves, what may follow."""

    target: str
    #: The flows a join waits for; None: the token goes on alone.
    needed: frozenset[str] | None
    choices: tuple[tuple[str, ...], ...]
    terminates: bool
    #: Whether two tokens at the target at once are worth telling.
    doubles: bool


class _Game:
    """All markings (multisets of flows that carry a token) one scope can get into, up to a limit."""

    def __init__(self, diagram: Diagram, scope: str) -> None:
        self.first: Marking = tuple(
            sorted(flow.id for key in diagram.starts(scope) for flow in diagram.outgoing[key])
        )
        borders = _borders(diagram)
        self.moves = {
            flow.id: _move(diagram, flow.target, borders)
            for flow in diagram.flows.values()
            if diagram.scopes[flow.target] == scope
        }
        #: Joins that may wait for ever, with the flows no token comes by.
        self.stuck: dict[str, set[str]] = {}
        #: Steps two tokens may be at once.
        self.doubled: set[str] = set()

    def play(self, *, in_turn: bool) -> None:
        """Follow all choices; `in_turn` moves one branch after the other, which finds every starving join soon."""
        seen: set[Marking] = {self.first}
        waiting = [self.first]
        while waiting and len(seen) < _MOST_MARKINGS:
            marking = waiting.pop()
            following = self._following(marking, in_turn)
            if not following and marking:
                self._note_stuck(marking)
            for one in following:
                self._note_doubled(one)
                # A flow with two tokens would soon have any number of them.
                if one and len(set(one)) == len(one) and one not in seen:
                    seen.add(one)
                    waiting.append(one)

    def _following(self, marking: Marking, in_turn: bool) -> list[Marking]:
        found: list[Marking] = []
        here = set(marking)
        for flow in marking:
            move = self.moves[flow]
            if move.needed is not None and not (move.needed <= here and flow == min(move.needed)):
                continue
            if move.terminates:
                return [()]
            used = move.needed or {flow}
            rest = [one for one in marking if one not in used]
            found += [tuple(sorted([*rest, *produced])) for produced in move.choices]
            if in_turn:
                break
        return found

    def _note_doubled(self, marking: Marking) -> None:
        targets: set[str] = set()
        for flow in marking:
            move = self.moves[flow]
            if move.target in targets and move.doubles:
                self.doubled.add(move.target)
            targets.add(move.target)

    def _note_stuck(self, marking: Marking) -> None:
        for flow in marking:
            move = self.moves[flow]
            if move.needed is not None:
                self.stuck.setdefault(move.target, set()).update(move.needed - set(marking))


def _move(diagram: Diagram, target: str, borders: Mapping[str, list[str]]) -> _Move:
    kind = diagram.elements[target].type
    outgoing = tuple(flow.id for flow in diagram.outgoing[target])
    choices: list[tuple[str, ...]] = [outgoing]
    if kind in ("exclusiveGateway", "eventBasedGateway"):
        choices = [(one,) for one in outgoing]
    else:
        for border in borders.get(target, []):
            leaving = tuple(flow.id for flow in diagram.outgoing[border])
            choices.append(leaving if diagram.elements[border].interrupting else outgoing + leaving)
    definitions = diagram.definitions_of(diagram.nodes[target])
    return _Move(
        target,
        frozenset(flow.id for flow in diagram.incoming[target]) if kind == "parallelGateway" else None,
        tuple(choices),
        any(local(one) == "terminateEventDefinition" for one in definitions),
        kind not in GATEWAYS | {"endEvent"},
    )
