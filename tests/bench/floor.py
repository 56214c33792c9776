"""The floor: what one completed task costs at least on this machine, with nothing of this product.

Unpatched SpiffWorkflow in memory with its own script engine, the state without specs as compressed JSON, and one
durable commit of the same rows. `python tests/bench/floor.py URL INSTANCES` prints milliseconds as JSON; URL is an
SQLite file or a psycopg address.
"""

import json
import sqlite3
import statistics
import sys
import time
import uuid
import zlib
from pathlib import Path
from typing import Any

import orjson
import psycopg
from lxml import etree
from SpiffWorkflow import TaskState
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.serializer.default.workflow import BpmnWorkflowConverter, WorkflowConverter
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.spiff.parser.process import SpiffBpmnParser
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG

MODEL = Path(__file__).parent / "model"
ANSWER = {"approved_a": True, "subject": "基准", "amount": 42, "remark": "一段说明文字。" * 12}
SPECS: list[Any] = []


class StateOnly(BpmnWorkflowConverter):
    """Leaves the specs out of the state."""

    def to_dict(self, workflow: Any) -> dict[str, Any]:
        """Return tasks, data and subprocesses."""
        found: dict[str, Any] = WorkflowConverter.to_dict(self, workflow)
        found["subprocesses"] = self.mapping_to_dict(workflow.subprocesses)
        return found

    def from_dict(self, state: dict[str, Any]) -> Any:
        """Return the workflow of a state."""
        spec, subprocesses = SPECS
        workflow = self.target_class(spec, dict(subprocesses), deserializing=True)
        workflow.tasks = self.mapping_from_dict(state["tasks"], uuid.UUID, workflow=workflow)
        workflow.task_tree = workflow.tasks.get(uuid.UUID(state["root"]))
        self.set_default_attributes(workflow, state)
        self.subprocesses_from_dict(state["subprocesses"], workflow)
        return workflow


def prepare() -> BpmnWorkflowSerializer:
    """Parse the model once."""
    parser = SpiffBpmnParser()
    for name in ("main.bpmn", "sub.bpmn"):
        parser.add_bpmn_xml(etree.fromstring((MODEL / name).read_bytes()), name)
    SPECS[:] = [parser.get_spec("main"), parser.get_subprocess_specs("main")]
    config = dict(SPIFF_CONFIG)
    config[BpmnWorkflow] = StateOnly
    return BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure(config))


SCHEMA = (
    "CREATE TABLE instance (id TEXT PRIMARY KEY, version INTEGER NOT NULL, machine {blob} NOT NULL)",
    "CREATE TABLE task (id TEXT PRIMARY KEY, instance_id TEXT NOT NULL, element TEXT, state TEXT, data TEXT)",
    "CREATE TABLE history (instance_id TEXT, seq INTEGER, detail TEXT, PRIMARY KEY (instance_id, seq))",
)


class Store:
    """The same rows a completion writes, in one durable commit."""

    def __init__(self, url: str) -> None:
        """Open the database and make the tables."""
        self.sqlite = not url.startswith("postgresql")
        self.mark = "?" if self.sqlite else "%s"
        self.db: Any
        if self.sqlite:
            self.db = sqlite3.connect(url, isolation_level=None)
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=FULL")
        else:
            self.db = psycopg.connect(url, autocommit=True)
            # Beside the product's tables, in a schema of its own.
            self.db.execute("DROP SCHEMA IF EXISTS floor CASCADE")
            self.db.execute("CREATE SCHEMA floor")
            self.db.execute("SET search_path TO floor")
        for statement in SCHEMA:
            self.db.execute(statement.format(blob="BLOB" if self.sqlite else "BYTEA"))

    def run(self, statement: str, *values: Any) -> Any:
        """Run one statement."""
        return self.db.execute(statement.replace("?", self.mark), values)

    def read(self, instance: str) -> bytes:
        """Return an instance's state."""
        return bytes(self.run("SELECT machine FROM instance WHERE id=?", instance).fetchone()[0])

    def write(self, instance: str, seq: int, done: str | None, opened: list[str], machine: bytes) -> None:
        """Write one step."""
        self.run("BEGIN IMMEDIATE" if self.sqlite else "BEGIN")
        if done is None:
            self.run("INSERT INTO instance VALUES (?, ?, ?)", instance, seq, machine)
        else:
            self.run(
                "UPDATE instance SET version=?, machine=? WHERE id=? AND version=?",
                seq,
                machine,
                instance,
                seq - 1,
            )
            self.run("UPDATE task SET state='done', data=? WHERE id=?", json.dumps(ANSWER), done)
        for element in opened:
            self.run(
                "INSERT INTO task VALUES (?, ?, ?, 'open', NULL)", f"{instance}{element}", instance, element
            )
        self.run("INSERT INTO history VALUES (?, ?, ?)", instance, seq, json.dumps({"done": done}))
        self.run("COMMIT")


def ready(workflow: Any) -> list[Any]:
    """Return the tasks that wait for a person."""
    return list(workflow.get_tasks(state=TaskState.READY, manual=True))


def main(url: str, instances: int) -> dict[str, float]:
    """Measure; milliseconds."""
    serializer = prepare()

    def dump(workflow: Any) -> bytes:
        return zlib.compress(serializer.serialize_json(workflow).encode(), 1)

    def load(machine: bytes) -> Any:
        return serializer.deserialize_json(zlib.decompress(machine).decode())

    store = Store(url)
    starts, completes = [], []
    for _ in range(instances):
        instance = uuid.uuid4().hex
        begun = time.perf_counter()
        workflow = BpmnWorkflow(SPECS[0], dict(SPECS[1]))
        workflow.do_engine_steps()
        seq = 1
        open_tasks = [str(one.task_spec.name) for one in ready(workflow)]
        store.write(instance, seq, None, open_tasks, dump(workflow))
        starts.append(time.perf_counter() - begun)
        while open_tasks:
            begun = time.perf_counter()
            workflow = load(store.read(instance))
            task = ready(workflow)[0]
            done = f"{instance}{task.task_spec.name}"
            task.data.update(orjson.loads(orjson.dumps(ANSWER)))
            task.run()
            workflow.do_engine_steps()
            seq += 1
            open_tasks = [str(one.task_spec.name) for one in ready(workflow)]
            store.write(instance, seq, done, open_tasks, dump(workflow))
            completes.append(time.perf_counter() - begun)
        assert workflow.is_completed()
    return {
        "floor_ms": round(statistics.median(completes) * 1000, 3),
        "floor_start_ms": round(statistics.median(starts) * 1000, 3),
        "tasks": len(completes),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
