"""The parts of a procedure before they are checked against each other, and what each process reaches and reads."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from service.engine.decisions import DecisionTable
from service.engine.diagram import Diagram
from service.engine.expressions import Expression
from service.engine.fields import Field, Form, RowList, Table, walk
from service.engine.hints import Hints
from service.engine.model import Element, Problem, Role
from service.engine.xml import Node

#: What the `needed` of a vote reads beside the variables.
_OF_VOTE = frozenset({"total"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(slots=True)
class Parts:
    """What was read from the files: roles, forms, decision tables and diagrams by id, and problems so far."""

    roles: dict[str, Role] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    decisions: dict[str, DecisionTable] = field(default_factory=dict)
    diagrams: dict[str, Diagram] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    hints: Hints = field(default_factory=Hints)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a process reaches: paths of files, the variable names read in all of them, and those reckoned with.

    `reckons` leaves out where roles sit and what forms show: a diagram asks nobody for these.
    """

    files: frozenset[str]
    reads: frozenset[str]
    reckons: frozenset[str]


@dataclass(frozen=True, slots=True)
class Use:
    """Where an expression stands: it is evaluated on coming to `element`, or `leaving` it.

    `bound` are names it may read beside the variables (a fan-out's item, a vote's total).
    """

    expression: Expression
    node: Node
    element: str
    leaving: bool = False
    bound: frozenset[str] = frozenset()


def uses(diagram: Diagram) -> Iterator[Use]:
    """Yield every expression of a diagram, the lines of its scripts left out."""
    if diagram.title is not None:
        for start in diagram.starts(diagram.key)[:1]:
            yield Use(diagram.title, diagram.process, start, leaving=True)
    for key, element in diagram.elements.items():
        node = diagram.nodes[key]
        for one in _expressions(element):
            yield Use(one, node, key)
        if element.spread is not None and element.spread.vote is not None and element.spread.vote.expression:
            yield Use(element.spread.vote.expression, node, key, bound=_OF_VOTE)
        if element.send is not None:
            bound = frozenset({element.send.item} if element.send.item else ())
            for sent in (element.send.key, *element.send.payload.values()):
                if sent is not None:
                    yield Use(sent, node, key, bound=bound)
    for flow in diagram.flows.values():
        if flow.condition is not None:
            yield Use(flow.condition, flow.node, flow.source, leaving=True)


def _expressions(element: Element) -> Iterator[Expression]:
    given = [element.organisation, element.person, element.exclude, *element.parameters.values()]
    given += [one.expression for one in (element.due, element.timer) if one is not None]
    given += [element.receive.key] if element.receive is not None else []
    given += [element.send.each] if element.send is not None else []
    yield from (one for one in given if one is not None)


def forms_of(diagram: Diagram, *, shown: bool) -> frozenset[str]:
    """Return the ids of the forms people fill in, with `shown` also of those a step only shows."""
    elements = diagram.elements.values()
    filled = {one.form for one in elements if one.form is not None}
    return frozenset(filled.union(*(one.shows for one in elements)) if shown else filled)


def called_by(parts: Parts, key: str) -> tuple[str, ...]:
    """Return the process and all it calls, directly or not, itself first."""
    found: dict[str, None] = {}
    waiting = [key]
    while waiting:
        one = waiting.pop()
        if one in found or one not in parts.diagrams:
            continue
        found[one] = None
        waiting += sorted(
            {element.calls for element in parts.diagrams[one].elements.values() if element.calls}
        )
    return tuple(found)


def reached(parts: Parts) -> dict[str, Reach]:
    """Return for each process the files it reaches and the variables that are read in them.

    A form field becomes a variable of the engine only if its name is among the read ones, so names read by the
    roles' seats and by the parameters of forms' sources are among them too.
    """
    own = {key: _own_reach(parts, diagram) for key, diagram in parts.diagrams.items()}
    found = {}
    for key in own:
        called = [own[one] for one in called_by(parts, key)]
        found[key] = Reach(
            frozenset().union(*(one.files for one in called)),
            frozenset().union(*(one.reads for one in called)),
            frozenset().union(*(one.reckons for one in called)),
        )
    return found


def _own_reach(parts: Parts, diagram: Diagram) -> Reach:
    files = {diagram.file}
    reckons = _reckons(diagram)
    names = _seats(parts, diagram)
    filled = forms_of(diagram, shown=False)
    for form_id in forms_of(diagram, shown=True):
        form = parts.forms.get(form_id)
        if form is not None:
            files.add(form.file)
            # A form that is only shown is not prefilled: it reads nothing.
            names |= form_reads(form) | _source_names(form) if form_id in filled else frozenset()
    for element in diagram.elements.values():
        table = parts.decisions.get(element.decision or "")
        if table is not None:
            files.add(table.file)
            reckons |= table.names
    return Reach(frozenset(files), frozenset(names | reckons), frozenset(reckons))


def _reckons(diagram: Diagram) -> set[str]:
    """Return the names a diagram's own expressions, scripts and lists read."""
    names: set[str] = set()
    for use in uses(diagram):
        names |= use.expression.names - use.bound
    for script in diagram.scripts.values():
        names |= script.names
    names |= {one.spread.collection for one in diagram.elements.values() if one.spread is not None}
    return names


def _seats(parts: Parts, diagram: Diagram) -> set[str]:
    """Return the names that say where a diagram's roles sit."""
    names: set[str] = set()
    for element in diagram.elements.values():
        named = (element.role, *(element.receive.by if element.receive is not None else ()))
        seats = [parts.roles[role].of for role in named if role in parts.roles]
        names |= {of for of in seats if of is not None}
    return names


def form_reads(form: Form) -> frozenset[str]:
    """Return the instance's variables a form reads: those of its prefills and of tables it shows."""
    names: set[str] = set()
    for expression in form.prefills:
        names |= expression.names
    for item in walk(form.items):
        if isinstance(item, Table) and item.rows is not None:
            names |= item.rows.names
    return frozenset(names) - frozenset(form.entries)


def _source_names(form: Form) -> set[str]:
    found: set[str] = set()
    for item in walk(form.items):
        source = item.options if isinstance(item, Field) else None
        if isinstance(item, RowList | Table):
            source = item.source
        if source is not None and source.parameter is not None and _NAME.fullmatch(source.parameter):
            found.add(source.parameter)
    return found
