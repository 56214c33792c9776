"""Which events of a diagram only listen: they may happen meanwhile, but are not what a process waits for."""

from functools import lru_cache

from service.engine.diagram import Diagram, read_diagram
from service.engine.model import ProcessDefinition
from service.engine.xml import local


def listeners(definition: ProcessDefinition) -> frozenset[str]:
    """Return the ids of the events beside the main path, as it is drawn.

    They are: events at the border of an activity; what people may send by hand; messages awaited on a branch of
    their own that a parallel gateway opens; and of an event-based gateway all but the first, which is drawn for
    what is expected.
    """
    return _listeners(definition.file, definition.xml)


@lru_cache(maxsize=256)
def _listeners(file: str, xml: bytes) -> frozenset[str]:
    diagram, _ = read_diagram(file, xml)
    if diagram is None:
        return frozenset()
    found = {
        key
        for key, one in diagram.elements.items()
        if one.attached_to is not None or (one.receive is not None and one.receive.by)
    }
    for key, node in diagram.nodes.items():
        if local(node) == "eventBasedGateway":
            events = [flow.target for flow in diagram.outgoing[key]]
            expected = next((one for one in events if one not in found), None)
            found.update(events if _beside(diagram, key) else [one for one in events if one != expected])
        elif (
            local(node) == "intermediateCatchEvent"
            and diagram.elements[key].receive
            and _beside(diagram, key)
        ):
            found.add(key)
    return frozenset(found)


def _beside(diagram: Diagram, key: str) -> bool:
    """Whether a parallel gateway opens a branch with this node."""
    sources = [flow.source for flow in diagram.incoming[key]]
    return any(
        local(diagram.nodes[one]) == "parallelGateway" and len(diagram.outgoing[one]) > 1 for one in sources
    )
