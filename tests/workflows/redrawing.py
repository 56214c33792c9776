"""Changes a copy of a diagram as a designer would with the pencil: steps, flows, lanes."""

import xml.etree.ElementTree as ET

NAMESPACES = {
    "bpmn": "http://www.omg.org/spec/BPMN/20100524/MODEL",
    "bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
    "dc": "http://www.omg.org/spec/DD/20100524/DC",
    "di": "http://www.omg.org/spec/DD/20100524/DI",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "cl": "urn:chuanglv:bpmn:1",
}
BPMN = f"{{{NAMESPACES['bpmn']}}}"
_HEAD = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
for _prefix, _uri in NAMESPACES.items():
    ET.register_namespace(_prefix, _uri)


class Drawing:
    """One diagram under the pencil; `data` is the file as it stands now."""

    def __init__(self, data: bytes) -> None:
        # The file is one of ours, or was made of one by this class.
        self.root = ET.fromstring(data)
        process = self.root.find(f"{BPMN}process")
        assert process is not None
        self.process = process

    @property
    def data(self) -> bytes:
        """The file; its picture is left out, since nothing that runs depends on it."""
        for picture in self.root.findall(f"{{{NAMESPACES['bpmndi']}}}BPMNDiagram"):
            self.root.remove(picture)
        return ET.tostring(self.root, encoding="utf-8", xml_declaration=True)

    def node(self, key: str) -> ET.Element:
        """The node or flow of that id."""
        found = self.process.find(f".//*[@id='{key}']")
        assert found is not None, key
        return found

    def parameters(self, name: str) -> list[ET.Element]:
        """What is handed to operations under that name, anywhere in the diagram."""
        found = self.process.findall(f".//{{{NAMESPACES['cl']}}}param[@name='{name}']")
        assert found, name
        return found

    def lead(self, flow: str, target: str) -> None:
        """Lead a flow to another node."""
        self.node(flow).set("targetRef", target)
        self.node(target)

    def remove(self, *keys: str) -> None:
        """Take nodes away, with every flow that touches them and their places in lanes."""
        for key in keys:
            self.process.remove(self.node(key))
        for flow in self.process.findall(f"{BPMN}sequenceFlow"):
            if {flow.get("sourceRef"), flow.get("targetRef")} & set(keys):
                self.process.remove(flow)
        for lane in self.process.iter(f"{BPMN}lane"):
            for reference in lane.findall(f"{BPMN}flowNodeRef"):
                if reference.text in keys:
                    lane.remove(reference)

    def move(self, key: str, lane: str) -> None:
        """Put a node into another lane."""
        for one in self.process.iter(f"{BPMN}lane"):
            for reference in one.findall(f"{BPMN}flowNodeRef"):
                if reference.text == key:
                    one.remove(reference)
        reference = ET.SubElement(self.node(lane), f"{BPMN}flowNodeRef")
        reference.text = key

    def draw(self, text: str) -> None:
        """Add nodes and flows, written as in a file."""
        for one in ET.fromstring(f"<bpmn:process {_HEAD}>{text}</bpmn:process>"):
            self.process.append(one)

    def draw_lane(self, key: str, name: str, role: str, *nodes: str) -> None:
        """Add a lane with nodes in it."""
        lanes = self.process.find(f"{BPMN}laneSet")
        assert lanes is not None
        lane = ET.SubElement(lanes, f"{BPMN}lane", {"id": key, "name": name})
        lane.set(f"{{{NAMESPACES['cl']}}}role", role)
        for node in nodes:
            self.move(node, key)
