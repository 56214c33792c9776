"""Draws BPMN files: rewrites the diagram part so that lanes read left to right, deterministically.

Usage: `python tools/layout.py FILE...`. Only `bpmndi:BPMNDiagram` is replaced; the process itself is left byte
by byte as it was. Nodes stand in a grid: columns by longest path from the start, rows inside their lane. Edges
are orthogonal and run through free cells or through the gaps between columns and rows, each in its own track.
"""

import re
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
TASK = (110, 80)
GATEWAY = (50, 50)
EVENT = (36, 36)
SLOT = 112  # height of a row
COLUMN = 110  # width of a column
TRACK = 12
POOL_HEAD = 30
LETTER = 12
LABEL_LINE = 14
EVENTS = ("startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent")

Point = tuple[float, float]


@dataclass
class Node:
    """A shape: where it stands in the grid and on the page."""

    id: str
    kind: str
    name: str
    lane: int
    host: str | None = None
    column: int = 0
    row: int = 0
    width: float = 0
    height: float = 0
    x: float = 0
    y: float = 0

    @property
    def middle(self) -> float:
        """Vertical centre."""
        return self.y + self.height / 2

    @property
    def centre(self) -> float:
        """Horizontal centre."""
        return self.x + self.width / 2


@dataclass
class Edge:
    """A sequence flow and how it runs: `plan` names gaps and rows, points follow when gaps have widths."""

    id: str
    name: str
    source: str
    target: str
    back: bool = False
    plan: list[tuple[str, int]] = field(default_factory=list)
    leave: str = "right"
    enter: str = "left"
    points: list[Point] = field(default_factory=list)
    label: tuple[float, float, float, float] | None = None


class Drawing:
    """One process laid out; `lanes` are in the order of the file."""

    def __init__(self, process: ET.Element) -> None:
        """Read nodes, flows and lanes of a process."""
        self.lanes: list[tuple[str, int, int]] = []
        lane_of: dict[str, int] = {}
        self.lane_ids: list[str] = []
        for number, lane in enumerate(process.iter(f"{BPMN}lane")):
            self.lane_ids.append(lane.get("id", ""))
            for ref in lane.findall(f"{BPMN}flowNodeRef"):
                lane_of[(ref.text or "").strip()] = number
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        for child in process:
            kind = child.tag.removeprefix(BPMN)
            if kind == "sequenceFlow":
                self.edges.append(
                    Edge(
                        child.get("id", ""),
                        child.get("name", ""),
                        child.get("sourceRef", ""),
                        child.get("targetRef", ""),
                    )
                )
            elif kind.endswith(("Task", "Event", "Gateway")) or kind in (
                "task",
                "callActivity",
                "subProcess",
            ):
                id_ = child.get("id", "")
                host = child.get("attachedToRef")
                lane_number = lane_of.get(id_, lane_of.get(host or "", 0))
                node = Node(id_, kind, child.get("name", ""), lane_number, host)
                node.width, node.height = (
                    EVENT if kind in EVENTS else GATEWAY if kind.endswith("Gateway") else TASK
                )
                self.nodes[id_] = node
        known = set(self.nodes)
        for edge in self.edges:
            if edge.source not in known or edge.target not in known:
                raise SystemExit(f"{edge.id}: {edge.source} -> {edge.target} does not join two nodes")
        self.boundaries: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes.values():
            if node.host:
                node.lane = self.nodes[node.host].lane
                self.boundaries[node.host].append(node)

    def draw(self) -> None:
        """Place everything."""
        self._columns()
        self._rows()
        self._route()
        self._measure()
        self._points()

    # --- grid -----------------------------------------------------------------------------------

    def _owner(self, id_: str) -> str:
        return self.nodes[id_].host or id_

    def _columns(self) -> None:
        following: dict[str, list[Edge]] = defaultdict(list)
        for edge in self.edges:
            following[self._owner(edge.source)].append(edge)
        state: dict[str, int] = {}

        def visit(id_: str) -> None:
            state[id_] = 1
            for edge in following[id_]:
                if state.get(edge.target) == 1:
                    edge.back = True
                elif edge.target not in state:
                    visit(edge.target)
            state[id_] = 2
            order.append(id_)

        order: list[str] = []
        inner = [one for one in self.nodes.values() if not one.host]
        reached = {edge.target for edge in self.edges}
        for node in sorted(inner, key=lambda one: one.id in reached):
            if node.id not in state:
                visit(node.id)
        for id_ in reversed(order):
            for edge in following[id_]:
                if not edge.back:
                    target = self.nodes[edge.target]
                    target.column = max(target.column, self.nodes[id_].column + 1)

    def _rows(self) -> None:
        """Give each node a row in its lane: that of its first predecessor where the cell is free."""
        taken: set[tuple[int, int, int]] = set()
        height: dict[int, int] = defaultdict(lambda: 1)
        wish: dict[str, tuple[int, int]] = {}
        before: dict[str, list[Edge]] = defaultdict(list)
        for edge in self.edges:
            if not edge.back:
                before[edge.target].append(edge)
        position = {id_: number for number, id_ in enumerate(self.nodes)}
        for node in sorted(
            (one for one in self.nodes.values() if not one.host),
            key=lambda one: (one.column, position[one.id]),
        ):
            rows = []
            for edge in before[node.id]:
                source = self.nodes[self._owner(edge.source)]
                if source.lane == node.lane:
                    aside = 1 if self.nodes[edge.source].host else 0
                    siblings = [
                        one.target for one in self.edges if one.source == edge.source and not one.back
                    ]
                    same = [one for one in siblings if self.nodes[one].lane == node.lane]
                    rows.append(source.row + aside + (same.index(node.id) if node.id in same else 0))
            want = min(rows) if rows else 0
            row = want
            while (node.lane, node.column, row) in taken:
                row += 1
            taken.add((node.lane, node.column, row))
            wish[node.id] = (node.lane, row)
            node.row = row
            height[node.lane] = max(height[node.lane], row + 1)
        first: dict[int, int] = {}
        total = 0
        for lane in range(max(1, len(self.lane_ids))):
            first[lane] = total
            total += height[lane]
            self.lanes.append((self.lane_ids[lane] if self.lane_ids else "", first[lane], total))
        for node in self.nodes.values():
            if not node.host:
                node.row += first[node.lane]
        for node in self.nodes.values():
            if node.host:
                node.row, node.column = self.nodes[node.host].row, self.nodes[node.host].column
        self.row_count = total
        self.column_count = 1 + max((one.column for one in self.nodes.values()), default=0)

    # --- routes ---------------------------------------------------------------------------------

    def _route(self) -> None:
        self.cells: dict[tuple[int, int], str] = {
            (one.row, one.column): one.id for one in self.nodes.values() if not one.host
        }
        used_side: set[tuple[str, str]] = set()

        def free(row: int, first: int, last: int, owner: str) -> bool:
            return all(self.cells.get((row, column), owner) == owner for column in range(first, last + 1))

        def take(row: int, first: int, last: int, owner: str) -> None:
            for column in range(first, last + 1):
                self.cells[row, column] = owner

        def span(edge: Edge) -> tuple[int, int]:
            a, b = self.nodes[edge.source], self.nodes[edge.target]
            return (abs(b.column - a.column) + abs(b.row - a.row), 0)

        for edge in sorted(self.edges, key=lambda one: (one.back, span(one), one.id)):
            a, b = self.nodes[edge.source], self.nodes[edge.target]
            by_target, by_source = f"to:{b.id}", f"from:{a.id}"
            if a.host:
                edge.leave = "bottom"
                edge.plan = [("h", a.row), ("v", b.column - 1)]
                if not edge.back and b.row == a.row + 1 and free(b.row, a.column, b.column - 1, by_target):
                    edge.plan = [("row", b.row)]
                    take(b.row, a.column, b.column - 1, by_target)
                continue
            if edge.back:
                # Backwards through the gap beside the source's row, and in from the left like everybody else.
                below = b.row > a.row
                if a.kind.endswith("Gateway"):
                    below = (a.id, "bottom") not in used_side
                    edge.leave = "bottom" if below else "top"
                    used_side.add((a.id, edge.leave))
                elif a.row == b.row or (a.id, "right") in used_side:
                    edge.leave = "bottom" if below else "top"
                run = [("h", a.row if below else a.row - 1), ("v", b.column - 1)]
                edge.plan = run if edge.leave != "right" else [("v", a.column), *run]
                continue
            if a.row == b.row and free(a.row, a.column + 1, b.column - 1, by_target):
                take(a.row, a.column + 1, b.column - 1, by_target)
                edge.plan = []
                used_side.add((a.id, "right"))
                continue
            side = "bottom" if b.row > a.row else "top"
            step = 1 if b.row > a.row else -1
            down = range(a.row + step, b.row + step, step)
            if (
                a.kind.endswith("Gateway")
                and (a.id, side) not in used_side
                and b.row != a.row
                and all(free(row, a.column, a.column, by_source) for row in down)
                and free(b.row, a.column, b.column - 1, by_source)
            ):
                edge.leave = side
                edge.plan = [("row", b.row)]
                used_side.add((a.id, side))
                for row in down:
                    take(row, a.column, a.column, by_source)
                take(b.row, a.column, b.column - 1, by_source)
                continue
            if b.column == a.column + 1:
                edge.plan = [("v", a.column)]
            elif free(b.row, a.column + 1, b.column - 1, by_target):
                take(b.row, a.column + 1, b.column - 1, by_target)
                edge.plan = [("v", a.column)]
            elif a.row != b.row and free(a.row, a.column + 1, b.column - 1, by_source):
                take(a.row, a.column + 1, b.column - 1, by_source)
                edge.plan = [("v", b.column - 1)]
            else:
                gap = a.row if b.row > a.row else a.row - 1 if b.row < a.row else a.row
                edge.plan = [("v", a.column), ("h", gap), ("v", b.column - 1)]
                if a.kind.endswith("Gateway") and b.row >= a.row and (a.id, "bottom") not in used_side:
                    edge.leave = "bottom"
                    edge.plan = [("h", gap), ("v", b.column - 1)]
                    used_side.add((a.id, "bottom"))

    # --- measures -------------------------------------------------------------------------------

    def _measure(self) -> None:
        """Give every use of a gap a track, and every gap its width."""
        spans: dict[tuple[str, int], list[tuple[float, float, str, int]]] = defaultdict(list)
        for edge in self.edges:
            a, b = self.nodes[edge.source], self.nodes[edge.target]
            for place, (kind, gap) in enumerate(edge.plan):
                if kind == "row":
                    continue
                if kind == "v":
                    after = [one for one in edge.plan[place + 1 :] if one[0] == "h"]
                    prior = [one for one in edge.plan[:place] if one[0] == "h"]
                    low = prior[-1][1] + 0.5 if prior else float(a.row)
                    high = after[0][1] + 0.5 if after else float(b.row)
                else:
                    prior = [one for one in edge.plan[:place] if one[0] == "v"]
                    after = [one for one in edge.plan[place + 1 :] if one[0] == "v"]
                    low = prior[-1][1] + 0.5 if prior else float(a.column)
                    high = after[0][1] + 0.5 if after else float(b.column)
                spans[kind, gap].append((min(low, high), max(low, high), edge.id, place))
        self.track: dict[tuple[str, int], int] = {}
        count: dict[tuple[str, int], int] = {}
        target = {one.id: one.target for one in self.edges}
        for key, wanted in spans.items():
            tracks: list[list[tuple[float, float, str]]] = []
            for low, high, edge_id, place in sorted(wanted):
                fitting = (
                    number
                    for number, filled in enumerate(tracks)
                    if all(high < one[0] or low > one[1] or target[edge_id] == one[2] for one in filled)
                )
                number = next(fitting, len(tracks))
                if number == len(tracks):
                    tracks.append([])
                tracks[number].append((low, high, target[edge_id]))
                self.track[edge_id, place] = number
            count[key] = len(tracks)
        label_room: dict[int, float] = defaultdict(float)
        end_room: dict[int, float] = defaultdict(float)
        for edge in self.edges:
            room = min(len(edge.name), 9) * LETTER + 8
            if edge.name and self._named_at_end(edge):
                gap = edge.plan[-1][1]
                end_room[gap] = max(end_room[gap], room - 14)
            elif edge.name and edge.leave == "right":
                column = self.nodes[edge.source].column
                label_room[column] = max(label_room[column], room)
        self.column_x: list[float] = []
        self.gap_x: dict[int, float] = {-1: 0}
        left: float = POOL_HEAD * 2 + 30 + TRACK * count.get(("v", -1), 0)
        self.gap_x[-1] = POOL_HEAD * 2 + 18
        for column in range(self.column_count):
            self.column_x.append(left)
            self.gap_x[column] = left + COLUMN + 14 + max(0.0, label_room[column] - 14)
            left = self.gap_x[column] + TRACK * count.get(("v", column), 0) + 26 + end_room[column]
        self.width = left + 10
        self.row_y: list[float] = []
        self.gap_y: dict[int, float] = {-1: 14}
        top = 24.0 + TRACK * count.get(("h", -1), 0)
        hosts = {one.row for one in self.nodes.values() if one.host}
        for row in range(self.row_count):
            self.row_y.append(top)
            bottom = top + SLOT + (24 if row in hosts else 0)
            self.gap_y[row] = bottom
            top = bottom + TRACK * count.get(("h", row), 0) + 4
        self.height = top
        for node in self.nodes.values():
            if not node.host:
                node.x = self.column_x[node.column] + (COLUMN - node.width) / 2
                node.y = self.row_y[node.row] + (SLOT - node.height) / 2
        for host, events in self.boundaries.items():
            box = self.nodes[host]
            for number, node in enumerate(events):
                node.x = box.x + box.width - 26 - number * 44 - node.width / 2
                node.y = box.y + box.height - node.height / 2

    def _points(self) -> None:
        for edge in self.edges:
            a, b = self.nodes[edge.source], self.nodes[edge.target]
            start: Point = {
                "right": (a.x + a.width, a.middle),
                "bottom": (a.centre, a.y + a.height),
                "top": (a.centre, a.y),
            }[edge.leave]
            end: Point = {
                "left": (b.x, b.middle),
                "bottom": (b.centre, b.y + b.height),
                "top": (b.centre, b.y),
            }[edge.enter]
            points = [start]
            for place, (kind, gap) in enumerate(edge.plan):
                x, y = points[-1]
                if kind == "row":
                    points.append((x, b.middle))
                elif kind == "v":
                    points.append((self.gap_x[gap] + TRACK * self.track[edge.id, place], y))
                else:
                    points.append((x, self.gap_y[gap] + TRACK * self.track[edge.id, place]))
            x, y = points[-1]
            points.append((x, end[1]) if edge.enter == "left" else (end[0], y))
            points.append(end)
            edge.points = _plain(points)
            if edge.name:
                edge.label = self._label(edge)

    def _named_at_end(self, edge: Edge) -> bool:
        """Whether the flow is named before its arrow: flows that leave together are named where they run alone.

        Those that also arrive together run alone nowhere, and are named where they leave.
        """
        together = [one for one in self.edges if one.target == edge.target and self._leaves_together(one)]
        return self._leaves_together(edge) and len({one.source for one in together}) == 1

    def _leaves_together(self, edge: Edge) -> bool:
        if (
            not edge.name
            or edge.leave != "right"
            or edge.enter != "left"
            or not edge.plan
            or edge.plan[-1][0] != "v"
        ):
            return False
        return sum(one.source == edge.source and one.leave == "right" for one in self.edges) > 1

    def _label(self, edge: Edge) -> tuple[float, float, float, float]:
        x, y = edge.points[0]
        letters = min(len(edge.name), 9)
        width = letters * LETTER + 4
        height = LABEL_LINE * -(-len(edge.name) // 9)
        if self._named_at_end(edge):
            x, y = edge.points[-1]
            return (x - width - 8, y - 3 - height, width, height)
        if edge.leave == "right":
            return (x + 3, y - 3 - height, width, height)
        if edge.leave == "bottom":
            return (x + 4, y + 6, width, height)
        return (x + 4, y - 8 - height, width, height)

    # --- output ---------------------------------------------------------------------------------

    def shapes(self, top: float) -> list[str]:
        """Return the diagram interchange of lanes, nodes and edges, moved down by `top`."""
        out: list[str] = []
        for number, (id_, first, last) in enumerate(self.lanes):
            if not id_:
                continue
            y = 0.0 if number == 0 else self.gap_y[first - 1] + (self._lane_edge(first))
            end = (
                self.height if number == len(self.lanes) - 1 else self.gap_y[last - 1] + self._lane_edge(last)
            )
            out.append(
                _shape(id_, POOL_HEAD, top + y, self.width - POOL_HEAD, end - y, 'isHorizontal="true"')
            )
        for node in self.nodes.values():
            label = None
            if node.name and node.kind in EVENTS:
                width = 90.0 if not node.host else 84.0
                lines = -(-len(node.name) * LETTER // int(width))
                box = (node.centre - width / 2, node.y + node.height + 4, width, float(LABEL_LINE * lines))
                if node.host:
                    number = self.boundaries[node.host].index(node)
                    if number or len(self.boundaries[node.host]) == 1:
                        box = (node.centre - width - 4, box[1] - 2, width, box[3])
                    else:
                        box = (node.centre + 5, box[1] - 2, width, box[3])
                label = (box[0], box[1] + top, box[2], box[3])
            elif node.name and node.kind.endswith("Gateway"):
                # A flow through its top pushes the name aside.
                aside = any(one.source == node.id and one.leave == "top" for one in self.edges)
                width = 80.0 if aside else 130.0
                lines = -(-len(node.name) * LETTER // int(width))
                label = (
                    node.centre - (width + 6 if aside else width / 2),
                    top + node.y - 4 - LABEL_LINE * lines,
                    width,
                    float(LABEL_LINE * lines),
                )
            extra = 'isMarkerVisible="true"' if node.kind == "exclusiveGateway" else ""
            out.append(_shape(node.id, node.x, top + node.y, node.width, node.height, extra, label))
        for edge in self.edges:
            points = "".join(f'<di:waypoint x="{x:.0f}" y="{y + top:.0f}" />' for x, y in edge.points)
            text = ""
            if edge.label:
                x, y, width, height = edge.label
                text = f"<bpmndi:BPMNLabel>{_bounds(x, y + top, width, height)}</bpmndi:BPMNLabel>"
            out.append(
                f"<bpmndi:BPMNEdge id={quoteattr(edge.id + '_di')} bpmnElement={quoteattr(edge.id)}>{points}{text}"
                "</bpmndi:BPMNEdge>"
            )
        return out

    def _lane_edge(self, row: int) -> float:
        """Distance from the gap's first track to the lane's border: half of the gap's tracks."""
        return (self.row_y[row] - self.gap_y[row - 1]) / 2 if row < len(self.row_y) else 0.0


def draw(text: str) -> str:
    """Return the BPMN document `text` with its diagram drawn anew."""
    root = ET.fromstring(text.encode())  # noqa: S314  a developer's own file, no network input
    out: list[str] = []
    top = 0.0
    participants = list(root.iter(f"{BPMN}participant"))
    collaboration = root.find(f"{BPMN}collaboration")
    processes = {one.get("id", ""): one for one in root.findall(f"{BPMN}process")}
    plane = collaboration.get("id", "") if collaboration is not None else next(iter(processes), "")
    pools = {one.get("processRef", ""): one.get("id", "") for one in participants}
    for key, process in processes.items():
        drawing = Drawing(process)
        drawing.draw()
        if key in pools:
            out.append(_shape(pools[key], 0, top, drawing.width, drawing.height, 'isHorizontal="true"'))
        out += drawing.shapes(top)
        top += drawing.height + 40
    body = "\n      ".join(out)
    diagram = (
        '<bpmndi:BPMNDiagram xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI"'
        ' xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:di="http://www.omg.org/spec/DD/20100524/DI"'
        f' id="diagram">\n    <bpmndi:BPMNPlane id="plane" bpmnElement={quoteattr(plane)}>\n      {body}\n'
        "    </bpmndi:BPMNPlane>\n  </bpmndi:BPMNDiagram>\n"
    )
    bare = re.sub(r"[ \t]*<(bpmndi:)?BPMNDiagram\b.*</(bpmndi:)?BPMNDiagram>\s*", "", text, flags=re.DOTALL)
    end = bare.rindex("</")
    return bare[:end].rstrip() + "\n  " + diagram + bare[end:]


def _plain(points: list[Point]) -> list[Point]:
    """Drop repeated points and those in the middle of a straight line."""
    out: list[Point] = []
    for point in points:
        if out and abs(out[-1][0] - point[0]) < 0.5 and abs(out[-1][1] - point[1]) < 0.5:
            continue
        if len(out) > 1:
            (ax, ay), (bx, by) = out[-2], out[-1]
            if (abs(ax - bx) < 0.5 and abs(bx - point[0]) < 0.5) or (
                abs(ay - by) < 0.5 and abs(by - point[1]) < 0.5
            ):
                out[-1] = point
                continue
        out.append(point)
    return out


def _bounds(x: float, y: float, width: float, height: float) -> str:
    return f'<dc:Bounds x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" />'


def _shape(
    id_: str,
    x: float,
    y: float,
    width: float,
    height: float,
    extra: str = "",
    label: tuple[float, float, float, float] | None = None,
) -> str:
    text = f"<bpmndi:BPMNLabel>{_bounds(*label)}</bpmndi:BPMNLabel>" if label else ""
    head = f"<bpmndi:BPMNShape id={quoteattr(id_ + '_di')} bpmnElement={quoteattr(id_)} {extra}".rstrip()
    return f"{head}>{_bounds(x, y, width, height)}{text}</bpmndi:BPMNShape>"


def main(files: list[str]) -> int:
    """Draw each file in place."""
    for name in files:
        path = Path(name)
        text = path.read_text(encoding="utf-8")
        drawn = draw(text)
        if drawn != text:
            path.write_text(drawn, encoding="utf-8")
        print(f"{name}: drawn")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
