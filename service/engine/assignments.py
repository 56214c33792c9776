"""Which step of a process sets which variable, and what may be set before a step is reached."""

from collections.abc import Iterator
from functools import cache

from service.engine.diagram import Diagram
from service.engine.model import Element
from service.engine.parts import Parts, called_by

#: Variables every instance has, and those every user task leaves.
STANDARD = frozenset(
    {"unit_id", "organisation_id", "plan_year_id", "starter_id", "instance_id", "matter_id", "outcome"}
)


class Assignments:
    """What is set where in all processes of a procedure."""

    def __init__(self, parts: Parts) -> None:
        """Reckon over `parts`, which do not change afterwards."""
        self._parts = parts
        self._given = {
            key: {one: self._given_by(diagram, element) for one, element in diagram.elements.items()}
            for key, diagram in parts.diagrams.items()
        }
        own = {key: frozenset().union(*given.values()) for key, given in self._given.items()}
        called = {key: called_by(parts, key) for key in parts.diagrams}
        #: What a process and all it calls set.
        self._all = {key: frozenset().union(*(own[one] for one in called[key])) for key in called}
        self._callers: dict[str, list[str]] = {key: [] for key in called}
        for key, callees in called.items():
            for one in callees:
                if one != key:
                    self._callers[one].append(key)
        for key, diagram in parts.diagrams.items():
            for one, element in diagram.elements.items():
                if element.calls in self._all:
                    self._given[key][one] |= self._all[element.calls]
        self.anywhere = cache(self._anywhere)
        self.before = cache(self._before)
        self._from_callers = cache(self._set_by_callers)

    def _anywhere(self, key: str) -> frozenset[str]:
        """Return what process `key` may find set at all: by itself, those it calls and those that call it."""
        return STANDARD.union(self._all[key], *(self._all[one] for one in self._callers[key]))

    def _before(self, key: str, element: str) -> frozenset[str]:
        """Return what may be set when a token comes to `element` of process `key`, on whatever way."""
        diagram = self._parts.diagrams[key]
        given = self._given[key]
        names = STANDARD.union(*(self._of(diagram, one, given) for one in _ancestors(diagram, element)))
        return names | self._from_callers(key)

    def _set_by_callers(self, key: str) -> frozenset[str]:
        return frozenset().union(*(self.anywhere(other) for other in self._callers[key]))

    def after(self, key: str, element: str) -> frozenset[str]:
        """Return what may be set when a token leaves `element`."""
        return self.before(key, element) | self._given[key][element]

    def givers(self, key: str, name: str) -> list[Element]:
        """Return the elements of process `key` that set `name`."""
        elements = self._parts.diagrams[key].elements
        return [elements[one] for one, names in self._given[key].items() if name in names]

    def _of(self, diagram: Diagram, element: str, given: dict[str, frozenset[str]]) -> frozenset[str]:
        if diagram.elements[element].type != "subProcess":
            return given[element]
        inner = [one for one, scope in diagram.scopes.items() if scope == element]
        return given[element].union(*(self._of(diagram, one, given) for one in inner))

    def _given_by(self, diagram: Diagram, element: Element) -> frozenset[str]:
        parts = self._parts
        names: set[str] = set()
        form = parts.forms.get(element.form or "")
        if form is not None:
            names |= form.entries.keys()
        if element.result is not None:
            names.add(element.result)
        table = parts.decisions.get(element.decision or "")
        if table is not None and element.result is None:
            names |= set(table.outputs)
        if element.spread is not None:
            names |= {element.spread.item, "votes"}
        if element.receive is not None:
            names |= element.receive.variables.keys()
            # A message start without cl:variable takes all the message carries.
            if element.type == "startEvent" and not element.receive.variables:
                names |= set(_carried(parts, element.receive.message))
        script = diagram.scripts.get(element.id)
        if script is not None:
            names |= script.sets
        return frozenset(names)


def _carried(parts: Parts, message: str) -> Iterator[str]:
    for diagram in parts.diagrams.values():
        for element in diagram.elements.values():
            if element.send is not None and element.send.message == message:
                yield from element.send.payload


def _ancestors(diagram: Diagram, element: str) -> set[str]:
    """Return the nodes a token may have left before it came to `element`."""
    seen: set[str] = set()
    waiting = _sources(diagram, element)
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting += _sources(diagram, one)
    return seen


def _sources(diagram: Diagram, key: str) -> list[str]:
    found = [flow.source for flow in diagram.incoming[key]]
    host = diagram.elements[key].attached_to
    if host is not None and host in diagram.elements:
        # Its border is left before the step is done; what is inside a subprocess may have been done.
        found += [one for one, scope in diagram.scopes.items() if scope == host]
        found += _sources(diagram, host)
    scope = diagram.scopes[key]
    if diagram.elements[key].type == "startEvent" and scope in diagram.elements:
        found += _sources(diagram, scope)
    return found
