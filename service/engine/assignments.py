"""Which step of a process sets which variable, and what may be set before a step is reached."""

from collections.abc import Iterator

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
        self._called = {key: called_by(parts, key) for key in parts.diagrams}
        self._given = {
            key: {one: self._given_by(diagram, element) for one, element in diagram.elements.items()}
            for key, diagram in parts.diagrams.items()
        }
        self._all = {key: frozenset().union(*given.values()) for key, given in self._given.items()}

    def anywhere(self, key: str) -> frozenset[str]:
        """Return what process `key` may find set at all: by itself, those it calls and those that call it."""
        around = {key, *self._called[key]}
        around |= {one for called in self._called.values() if key in called for one in called}
        return STANDARD.union(*(self._all[one] for one in around))

    def before(self, key: str, element: str) -> frozenset[str]:
        """Return what may be set when a token comes to `element` of process `key`, on whatever way."""
        diagram = self._parts.diagrams[key]
        given = self._given[key]
        names = STANDARD.union(*(self._of(diagram, one, given) for one in _ancestors(diagram, element)))
        callers = [other for other, called in self._called.items() if key in called and other != key]
        return names.union(*(self.anywhere(other) for other in callers))

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
        for called in called_by(parts, element.calls) if element.calls is not None else ():
            inner = parts.diagrams[called]
            for one in inner.elements.values():
                # A called process that calls on has its own callees among the called ones.
                if one.calls is None:
                    names |= self._given_by(inner, one)
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
