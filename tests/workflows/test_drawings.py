"""Every shipped diagram can be read by an official: names in both languages, questions, and a clear drawing."""

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
DI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
DC = "{http://www.omg.org/spec/DD/20100524/DC}"
POINT = "{http://www.omg.org/spec/DD/20100524/DI}waypoint"
ENGLISH = "{urn:chuanglv:bpmn:1}nameEn"
FILES = sorted((ROOT / "workflows").glob("*.bpmn"))

Box = tuple[float, float, float, float]


class Drawing:
    """The nodes and flows of a file, where they stand and how they run."""

    def __init__(self, path: Path) -> None:
        root = ET.parse(path).getroot()
        (self.process,) = root.findall(f"{BPMN}process")
        self.flows = {one.get("id", ""): one for one in self.process.iter(f"{BPMN}sequenceFlow")}
        self.nodes = {
            one.get("id", ""): one
            for one in self.process.iter()
            if one.tag.endswith(("Task", "Event", "Gateway", "callActivity", "subProcess"))
        }
        self.boxes = {one.get("bpmnElement", ""): _box(one) for one in root.iter(f"{DI}BPMNShape")}
        self.labels = {
            one.get("bpmnElement", ""): _box(label)
            for one in root.iter(f"{DI}BPMNEdge")
            if (label := one.find(f"{DI}BPMNLabel")) is not None
        }
        self.lines = {
            one.get("bpmnElement", ""): [(_number(at, "x"), _number(at, "y")) for at in one.iter(POINT)]
            for one in root.iter(f"{DI}BPMNEdge")
        }


@pytest.fixture(params=FILES, ids=[one.stem for one in FILES])
def drawing(request: pytest.FixtureRequest) -> Drawing:
    return Drawing(request.param)


def test_everything_is_drawn(drawing: Drawing) -> None:
    assert drawing.nodes.keys() <= drawing.boxes.keys()
    assert drawing.flows.keys() == drawing.lines.keys()


def test_everything_has_a_name_in_both_languages(drawing: Drawing) -> None:
    named = [drawing.process, *drawing.process.iter(f"{BPMN}lane"), *drawing.flows.values()]
    for one in named + list(drawing.nodes.values()):
        chinese, english = one.get("name", ""), one.get(ENGLISH, "")
        assert bool(chinese) == bool(english), one.get("id")
        assert not english or english != chinese, one.get("id")
    for key, node in drawing.nodes.items():
        if node.tag.endswith("Task"):
            assert node.get("name"), key


def test_a_choice_is_a_question_and_every_way_an_answer(drawing: Drawing) -> None:
    for key, node in drawing.nodes.items():
        ways = [one for one in drawing.flows.values() if one.get("sourceRef") == key]
        if node.tag == f"{BPMN}exclusiveGateway" and len(ways) > 1:
            assert node.get("name", "").endswith("？"), key
            assert all(one.get("name") for one in ways), key


def test_no_flow_runs_through_a_step(drawing: Drawing) -> None:
    hosts = {key: node.get("attachedToRef") for key, node in drawing.nodes.items()}
    for key, flow in drawing.flows.items():
        ends = {flow.get("sourceRef"), flow.get("targetRef")}
        around = ends | {hosts.get(end or "") for end in ends}
        around |= {node for node, host in hosts.items() if host in ends}
        line = drawing.lines[key]
        for start, end in itertools.pairwise(line):
            for node in drawing.nodes.keys() - around:
                assert not _overlap(_stretch(start, end), drawing.boxes[node]), (key, node)


def test_no_answer_lies_on_a_step_or_on_another(drawing: Drawing) -> None:
    for key, label in drawing.labels.items():
        for node in drawing.nodes:
            assert not _overlap(label, drawing.boxes[node], slack=2), (key, node)
        for other, second in drawing.labels.items():
            assert other == key or not _overlap(label, second), (key, other)


def _number(element: ET.Element, name: str) -> float:
    return float(element.get(name, "nan"))


def _box(shape: ET.Element) -> Box:
    bounds = shape.find(f"{DC}Bounds")
    assert bounds is not None
    x, y = _number(bounds, "x"), _number(bounds, "y")
    return (x, y, x + _number(bounds, "width"), y + _number(bounds, "height"))


def _stretch(start: tuple[float, float], end: tuple[float, float]) -> Box:
    (x1, y1), (x2, y2) = start, end
    return (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))


def _overlap(one: Box, other: Box, slack: float = 1) -> bool:
    return (
        one[2] > other[0] + slack
        and one[0] < other[2] - slack
        and one[3] > other[1] + slack
        and one[1] < other[3] - slack
    )
