"""What stops the machine becomes an incident that says where and why, and is gone when it is passed."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service import incidents, instances, jobs, messages, tasks
from service.errors import Conflict, Invalid
from service.store import procedure as tables
from service.store.database import Transaction
from service.system import System
from tests.service.drawn import YES_NO, lane, open_incidents, open_rows, publish, rows, settle, several, town
from tests.unit.engine_drawing import (
    drawing,
    end,
    exclusive,
    extensions,
    flow,
    flows,
    message,
    node,
    parallel,
    received,
    script,
    start,
    user,
)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (user("v", extensions(YES_NO) + several()), "名单为空"),
        (user("v", cl_due="=5 + 1"), "期限"),
        (user("v", cl_person="=voters[0]"), "voters"),
    ],
    ids=["nobody-to-ask", "due", "person"],
)
def test_what_fails_on_entering_a_task_leaves_the_one_before_open_and_an_incident(
    system: System, tmp_path: Path, step: str, words: str
) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        lane("s", "a", "v", "e"),
        start(),
        user("a"),
        script("n", "voters = []"),
        step,
        end(),
        flows("s", "a", "n", "v", "e"),
    )
    started = instances.start(system, person, "p", organisation_id=bureau)
    task_id = open_rows(system, started.instance_id)["a"]
    with pytest.raises(Conflict, match="没有生效"):
        tasks.complete(system, person, task_id)
    assert open_rows(system, started.instance_id) == {"a": task_id}
    (incident,) = open_incidents(system)
    assert (incident["instance_id"], incident["element_id"]) == (started.instance_id, "v")
    assert words in incident["text_zh"]


def test_a_votes_rule_that_gives_no_number_is_an_incident(system: System, tmp_path: Path) -> None:
    bureau, people = town(system, "anna", "bert")
    publish(
        system,
        tmp_path,
        lane("s", "n", "v", "e"),
        start(),
        script("n", "voters = voters"),
        user(
            "v",
            extensions(f'{YES_NO}<cl:vote pass="yes" needed="=\'most\'" otherwise="no"/>') + several(),
        ),
        end(),
        flows("s", "n", "v", "e"),
    )
    started = instances.start(
        system, people[0], "p", organisation_id=bureau, variables={"voters": [one.id for one in people]}
    )
    asked = open_rows(system, started.instance_id)
    with pytest.raises(Conflict, match="没有生效"):
        tasks.complete(system, people[0], asked[people[0].id], outcome="yes")
    assert [one["element_id"] for one in open_incidents(system)] == ["v"]
    assert set(open_rows(system, started.instance_id)) == set(asked)


QUERY = re.compile(r"SQL|sqlalche|sqlite|psycopg|INSERT|Traceback", re.IGNORECASE)


def test_a_message_that_names_no_unit_is_refused_in_words(system: System, tmp_path: Path) -> None:
    town(system, "anna")
    publish(
        system,
        tmp_path,
        lane("s", "a", "e"),
        start(),
        user("a"),
        end(),
        flows("s", "a", "e"),
        others=[drawing("q", node("startEvent", "s", message("m")), end(), flows("s", "e"))],
    )
    wrong: list[dict[str, Any]] = [
        {"unit_id": ["x"]},
        {"organisation_id": {"a": 1}},
        {"plan_year_id": 5},
        {"unit_id": "x" * 33},
        {"unit_id": ""},
    ]
    for payload in wrong:
        messages.send(system, "m", payload=payload)
    messages.send(system, "m", payload={"unit_id": "0" * 32})
    assert settle(system) == len(wrong) + 1
    texts = [one["text_zh"] + one["text_en"] for one in open_incidents(system)]
    assert sorted(one.partition(" ")[0] for one in texts) == [
        "organisation_id",
        "plan_year_id",
        "unit_id",
        "unit_id",
        "unit_id",
    ]
    assert [one["process_key"] for one in rows(system, tables.instance)] == ["q"]
    with pytest.raises(Invalid):
        messages.send(system, "m" * 121)
    with pytest.raises(Invalid):
        messages.send(system, "m", key="k" * 201)


def test_what_breaks_inside_is_in_the_log_and_not_before_peoples_eyes(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(system: System, transaction: Transaction, job: jobs.Job, at: datetime) -> None:
        raise RuntimeError("INSERT INTO nowhere")

    monkeypatch.setattr(jobs, "HANDLERS", {**jobs.HANDLERS, "message": broken})
    with system.database.write() as connection:
        job_id = messages.post(connection, "m", key="", payload=None, by=None, at=system.now(connection))
    for _ in range(6):
        settle(system)
        (job,) = rows(system, tables.job)
        assert QUERY.search(job["last_error"]) is None
        with system.database.write() as connection:
            system.set_clock(connection, system.now(connection) + timedelta(minutes=5))
    (incident,) = open_incidents(system)
    assert job_id in incident["text_zh"]
    assert QUERY.search(incident["text_zh"] + incident["text_en"] + str(incident["facts"])) is None
    assert "nowhere" in caplog.text


def test_a_message_that_starts_what_cannot_go_on_leaves_one_incident_to_try_again_from(
    system: System, tmp_path: Path
) -> None:
    town(system, "anna")
    broken = drawing(
        "q",
        node("startEvent", "s", message("m")),
        script("n", "x = 1 / (1 - 1)"),
        end(),
        flows("s", "n", "e"),
    )
    publish(system, tmp_path, lane("s", "e"), start(), end(), flows("s", "e"), others=[broken])
    job_ids = [messages.send(system, "m") for _ in range(2)]
    settle(system)
    found = [(one["instance_id"], one["element_id"], one["job_id"]) for one in open_incidents(system)]
    assert sorted(found, key=str) == [(None, "n", job_id) for job_id in sorted(job_ids)]


def test_an_incident_is_closed_when_the_step_that_failed_is_passed(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    form = {
        "id": "f",
        "title": "f",
        "titleEn": "f",
        "type": "default",
        "schemaVersion": 16,
        "components": [
            {"type": "number", "id": "n", "key": "n", "label": "n", "properties": {"labelEn": "n"}}
        ],
    }
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms" / "f.json").write_text(json.dumps(form))
    publish(
        system,
        tmp_path,
        lane("s", "a", "b", "e"),
        start(),
        user("a", cl_form="f"),
        script("c", "x = 1 / n"),
        user("b", cl_person="='nobody'"),
        end(),
        flows("s", "a", "c", "b", "e"),
    )
    first, second = (
        instances.start(system, person, "p", organisation_id=bureau).instance_id for _ in range(2)
    )
    for instance_id in (first, second):
        with pytest.raises(Conflict, match="没有生效"):
            tasks.complete(system, person, open_rows(system, instance_id)["a"], data={"n": 0})

    def where() -> list[tuple[str, str]]:
        return sorted((one["instance_id"], one["element_id"]) for one in open_incidents(system))

    assert where() == sorted([(first, "c"), (second, "c")])
    tasks.complete(system, person, open_rows(system, first)["a"], data={"n": 2})
    assert where() == sorted([(first, "b"), (second, "c")])
    tasks.complete(system, person, open_rows(system, first)["b"])
    assert where() == [(second, "c")]
    instances.cancel(system, person, second, reason="不再需要")
    assert where() == []


def test_an_incident_stays_while_its_job_is_set_aside(system: System, tmp_path: Path) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        lane("s", "a", "b", "e"),
        start(),
        parallel("g", "j"),
        user("a"),
        node("intermediateCatchEvent", "m", received("instance_id", n="n") + message("news")),
        script("c", "x = 1 / n"),
        user("b"),
        end(),
        flows("s", "g", "a", "j", "b", "e"),
        flows("g", "m", "c", "j"),
    )
    instance_id = instances.start(system, person, "p", organisation_id=bureau).instance_id
    messages.send(system, "news", key=instance_id, payload={"n": 0})
    settle(system)
    (incident,) = open_incidents(system)
    messages.send(system, "news", key=instance_id, payload={"n": 1})
    settle(system)
    tasks.complete(system, person, open_rows(system, instance_id)["a"])
    assert set(open_rows(system, instance_id)) == {"b"}
    assert [one["id"] for one in open_incidents(system)] == [incident["id"]]
    incidents.retry(system, person, incident["id"])
    settle(system)
    assert open_incidents(system) == []


def test_a_value_brought_along_that_fits_nothing_is_refused_and_no_incident(
    system: System, tmp_path: Path
) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system,
        tmp_path,
        lane("s", "a", "e"),
        start(),
        user("a"),
        exclusive("x", "d"),
        end(),
        flows("s", "a", "x"),
        flow("x", "e", "wanted > 3"),
        flow("x", "a", key="d"),
    )
    instance_id = instances.start(system, person, "p", organisation_id=bureau).instance_id
    task_id = open_rows(system, instance_id)["a"]
    with pytest.raises(Invalid, match="没有生效") as refused:
        tasks.complete(system, person, task_id, data={"wanted": "many"})
    assert set(refused.value.facts["fields"]) == {"wanted"}
    assert open_incidents(system) == []
    tasks.complete(system, person, task_id, data={"wanted": 4})
    assert open_rows(system, instance_id) == {}


@pytest.mark.parametrize(
    ("title", "called"), [("None", "p"), ("''", "p"), ("2026", "2026"), ("'年度' + str(1)", "年度1")]
)
def test_a_matter_is_called_by_its_title_or_by_its_process(
    system: System, tmp_path: Path, title: str, called: str
) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system, tmp_path, lane("s", "a", "e"), start(), user("a"), end(), flows("s", "a", "e"), title=title
    )
    instances.start(system, person, "p", organisation_id=bureau)
    assert [one["title"] for one in rows(system, tables.matter)] == [called]


@pytest.mark.parametrize("title", ["[1]", "True", "1 / (1 - 1)"])
def test_a_title_that_is_no_text_is_an_incident(system: System, tmp_path: Path, title: str) -> None:
    bureau, (person,) = town(system, "anna")
    publish(
        system, tmp_path, lane("s", "a", "e"), start(), user("a"), end(), flows("s", "a", "e"), title=title
    )
    with pytest.raises(Conflict, match="没有生效"):
        instances.start(system, person, "p", organisation_id=bureau)
    assert rows(system, tables.matter) == []
    assert [one["element_id"] for one in open_incidents(system)] == ["s"]
