"""The REST API as a stranger finds it: its description, its errors, and a procedure of one's own run to its end."""

import io
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from sqlalchemy import select

from service import inbox
from service.identity import duties, tokens
from service.store import procedure as tables
from service.system import System
from tests.town import add_organisation, add_person, deploy
from web.app import create_app

ROOT = Path(__file__).resolve().parents[2]
LEAVE = ROOT / "tests" / "procedures" / "leave"
HELD = ROOT / "tests" / "procedures" / "held"


class Stranger:
    """Somebody with an address and a token, and nothing else of ours."""

    def __init__(self, address: str, token: str) -> None:
        self.address, self.token = address, token

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return self.send(method, path, data, **{"Content-Type": "application/json", **headers})

    def send(self, method: str, path: str, data: bytes | None, **headers: str) -> Any:
        request = urllib.request.Request(f"{self.address}/api/v1{path}", data, method=method)
        for name, value in {"Authorization": f"Bearer {self.token}", **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            return {"status": error.code, "kind": error.headers["Content-Type"], **json.loads(error.read())}
        return json.loads(content) if content else None

    def deploy(self, folder: Path) -> Any:
        edge = "edge-of-parts"
        parts = []
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            name = path.relative_to(folder).as_posix()
            head = (
                f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{path.name}"\r\n\r\n'
            )
            parts.append(head.encode() + path.read_bytes() + b"\r\n")
        content = b"".join(parts) + f"--{edge}--\r\n".encode()
        return self.send(
            "POST", "/deployments", content, Content_Type=f"multipart/form-data; boundary={edge}"
        )


@pytest.fixture
def command(tmp_path: Path) -> Any:
    """Run `chuanglv` with a data folder of its own."""
    environment = {**os.environ, "CHUANGLV_DATA": str(tmp_path), "CHUANGLV_PASSWORD": "plum-wind-lantern-42"}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "service.cli", *words],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    run.environment = environment
    return run


@pytest.fixture
def address(command: Any) -> Iterator[str]:
    """A served empty installation with a movable clock."""
    command("migrate", "--movable-clock")
    for name in ("lin", "hua", "boss"):
        command("person", "add", name)
    for duty in ("duty.publisher", "duty.administrator", "duty.process_administrator"):
        command("person", "member", "lin", duty)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "serve", "--port", str(port)],
        env=command.environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{found}/health", timeout=2).close()
            break
        except OSError:
            time.sleep(0.1)
    yield found
    server.terminate()
    server.wait(15)


def test_a_stranger_runs_a_procedure_of_their_own(address: str, command: Any) -> None:
    lin = Stranger(address, command("token", "create", "lin"))
    with urllib.request.urlopen(f"{address}/api/v1/openapi.json", timeout=10) as answer:
        validate(json.load(answer))

    published = lin.deploy(LEAVE)
    assert published["deployment"]["in_force"]
    bureau = lin.call("POST", "/organisations", {"code": "B1", "name": "水务局", "kind": "headquarters"})[
        "id"
    ]
    for name, role in (("hua", "employee"), ("lin", "head"), ("boss", "director")):
        command("person", "member", name, role, "B1")
    hua, boss = (Stranger(address, command("token", "create", name)) for name in ("hua", "boss"))

    form = hua.call("GET", "/process-definitions/leave/start-form")["form"]
    assert {one["key"]: one["type"] for one in form["fields"]}["days"] == "number"
    request = {"kind": "annual", "days": 5, "from_day": "2027-01-04", "reason": "探亲"}
    started = hua.call(
        "POST",
        "/instances",
        {"process": "leave", "data": request, "business_key": "L-1"},
        Idempotency_Key="one",
    )
    again = hua.call(
        "POST",
        "/instances",
        {"process": "leave", "data": request, "business_key": "L-1"},
        Idempotency_Key="one",
    )
    assert again == started

    (task,) = lin.call("GET", "/tasks")["rows"]
    assert [one["id"] for one in lin.call("GET", f"/tasks/{task['id']}")["outcomes"]] == [
        "approve",
        "correct",
        "refuse",
    ]
    lin.call("POST", f"/tasks/{task['id']}/claim")
    lin.call("POST", f"/tasks/{task['id']}/complete", {"outcome": "correct", "opinion": "请写明去向"})
    (correct,) = hua.call("GET", "/tasks")["rows"]
    hua.call(
        "POST", f"/tasks/{correct['id']}/complete", {"outcome": "submit", "data": {**request, "days": 6}}
    )
    (task,) = lin.call("GET", "/tasks")["rows"]
    lin.call("POST", f"/tasks/{task['id']}/complete", {"outcome": "approve"})
    (task,) = boss.call("GET", "/tasks")["rows"]
    boss.call("POST", f"/tasks/{task['id']}/complete", {"outcome": "approve"})

    (instance,) = lin.call("GET", "/instances?business_key=L-1")["rows"]
    assert (instance["state"], instance["organisation_id"]) == ("completed", bureau)
    history = lin.call("GET", f"/instances/{instance['id']}/history")
    assert [
        one["element_id"]
        for one in history
        if one["event"] == "completed" and one["element_type"] == "userTask"
    ] == [
        "Approve",
        "Correct",
        "Approve",
        "Direct",
    ]


def test_the_clock_moves_through_the_api_and_tells_what_fired(address: str, command: Any) -> None:
    lin = Stranger(address, command("token", "create", "lin"))
    lin.deploy(LEAVE)
    lin.call("POST", "/organisations", {"code": "B1", "name": "水务局", "kind": "headquarters"})
    command("person", "member", "hua", "employee", "B1")
    command("person", "member", "lin", "head", "B1")
    hua = Stranger(address, command("token", "create", "hua"))
    hua.call(
        "POST",
        "/instances",
        {"process": "leave", "data": {"kind": "sick", "days": 1, "from_day": "2027-01-04", "reason": "病"}},
    )
    assert hua.call("POST", "/clock", {})["status"] == 403

    fired: list[Any] = []
    while not any(one["kind"] == "timer" for one in fired):
        fired += lin.call("POST", "/clock", {})["fired"]

    (instance,) = lin.call("GET", "/instances")["rows"]
    assert instance["state"] == "completed"
    assert [one["kind"] for one in fired].count("timer") == 1


def test_a_broken_diagram_is_refused_with_file_line_and_element(
    address: str, command: Any, tmp_path: Path
) -> None:
    lin = Stranger(address, command("token", "create", "lin"))
    folder = tmp_path / "broken"
    folder.mkdir()
    for path in LEAVE.rglob("*"):
        if path.is_file():
            target = folder / path.relative_to(LEAVE)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes().replace(b'level == "director"', b"level === 3"))

    answer = lin.deploy(folder)

    assert (answer["status"], answer["kind"]) == (422, "application/problem+json")
    first = next(one for one in answer["problems"] if one["severity"] == "error")
    assert (first["file"], first["element"]) == ("leave.bpmn", "f7")
    assert first["line"] > 1
    assert lin.call("GET", "/deployments") == []


@pytest.fixture
def api(system: System) -> Any:
    """A test client with a deployed procedure and three people's tokens."""
    return open_api(system)


@pytest.fixture
def sqlite_api(sqlite_system: System) -> Any:
    """The same on SQLite alone, for what cannot differ between databases."""
    return open_api(sqlite_system)


def open_api(system: System) -> Any:
    deploy(system, LEAVE)
    with system.database.write() as connection:
        bureau = add_organisation(connection, "B1")
        other = add_organisation(connection, "B2")
    add_person(system, "employee", ("employee", bureau))
    add_person(system, "head", ("head", bureau))
    add_person(system, "stranger", ("head", other))
    client = create_app(system, options={"TESTING": True}).test_client()
    named = {
        name: {"Authorization": f"Bearer {tokens.create_by_command(system, name, label='t', days=1)}"}
        for name in ("employee", "head", "stranger")
    }
    return client, named


REQUEST = {"kind": "annual", "days": 2, "from_day": "2027-01-04", "reason": "事"}


def test_without_a_token_nothing_is_told(api: Any) -> None:
    client, _ = api

    for headers in ({}, {"Authorization": "Bearer clv_wrong"}, {"Authorization": "Basic YTpi"}):
        answer = client.get("/api/v1/tasks", headers=headers)

        assert answer.status_code == 401
        assert answer.content_type == "application/problem+json"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_wrong_fields_are_named_and_nothing_is_written(api: Any) -> None:
    client, named = api

    body = {"process": "leave", "data": {**REQUEST, "days": 99, "colour": "red"}}
    answer = client.post("/api/v1/instances", json=body, headers=named["employee"])

    assert answer.status_code == 422
    assert set(answer.get_json()["fields"]) == {"days", "colour"}
    assert client.get("/api/v1/instances", headers=named["employee"]).get_json()["rows"] == []


def test_a_task_of_others_is_not_found_and_a_repeat_gets_the_first_answer(api: Any) -> None:
    client, named = api
    client.post("/api/v1/instances", json={"process": "leave", "data": REQUEST}, headers=named["employee"])
    (task,) = client.get("/api/v1/tasks", headers=named["head"]).get_json()["rows"]
    path = f"/api/v1/tasks/{task['id']}"

    assert client.get(path, headers=named["stranger"]).status_code == 404
    assert (
        client.post(f"{path}/complete", json={"outcome": "approve"}, headers=named["stranger"]).status_code
        == 404
    )

    key = {**named["head"], "Idempotency-Key": "k-1"}
    first = client.post(f"{path}/complete", json={"outcome": "approve"}, headers=key)
    repeated = client.post(f"{path}/complete", json={"outcome": "approve"}, headers=key)
    late = client.post(f"{path}/complete", json={"outcome": "approve"}, headers=named["head"])

    assert first.status_code == repeated.status_code == 200
    assert first.get_json() == repeated.get_json()
    assert late.status_code == 409
    assert "head" in late.get_json()["detail"]


def test_problems_speak_the_language_asked_for(api: Any) -> None:
    client, named = api

    english = client.get("/api/v1/tasks/none", headers={**named["head"], "Accept-Language": "en"}).get_json()
    chinese = client.get("/api/v1/tasks/none", headers={**named["head"], "Accept-Language": "zh"}).get_json()

    assert english["detail"].startswith("There is no such task")
    assert chinese["detail"].startswith("没有这个任务")


def test_an_unknown_query_parameter_is_refused(api: Any) -> None:
    client, named = api

    assert client.get("/api/v1/tasks?colour=red", headers=named["head"]).status_code == 422


def test_a_key_stands_for_one_request_and_its_content(api: Any) -> None:
    client, named = api
    key = {**named["employee"], "Idempotency-Key": "k-1"}
    body = {"process": "leave", "data": REQUEST, "business_key": "L-1"}
    first = client.post("/api/v1/instances", json=body, headers=key)
    again = client.post("/api/v1/instances", json=dict(reversed(body.items())), headers=key)
    other = client.post("/api/v1/instances", json={**body, "data": {**REQUEST, "days": 1}}, headers=key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.get_json() == first.get_json()
    assert set(other.get_json()["fields"]) == {"Idempotency-Key"}
    mine = {**named["head"], "Idempotency-Key": "k-1"}
    (task,) = client.get("/api/v1/tasks", headers=named["head"]).get_json()["rows"]
    path = f"/api/v1/tasks/{task['id']}"
    assert (
        client.post(
            f"{path}/complete", json={"outcome": "correct", "opinion": "改"}, headers=mine
        ).status_code
        == 200
    )
    refused = client.post(f"{path}/complete", json={"outcome": "approve"}, headers=mine)
    assert refused.status_code == 422
    assert (
        "another request"
        in client.post(
            f"{path}/complete", json={"outcome": "approve"}, headers={**mine, "Accept-Language": "en"}
        ).get_json()["detail"]
    )


def test_a_key_of_another_task_completes_nothing(api: Any) -> None:
    client, named = api
    for _ in range(2):
        client.post(
            "/api/v1/instances", json={"process": "leave", "data": REQUEST}, headers=named["employee"]
        )
    first, second = client.get("/api/v1/tasks", headers=named["head"]).get_json()["rows"]
    key = {**named["head"], "Idempotency-Key": "k"}

    def approve(task: Any, headers: Any) -> int:
        path = f"/api/v1/tasks/{task['id']}/complete"
        return int(client.post(path, json={"outcome": "approve"}, headers=headers).status_code)

    assert [approve(first, key), approve(second, key), approve(first, key)] == [200, 422, 200]
    assert [one["id"] for one in client.get("/api/v1/tasks", headers=named["head"]).get_json()["rows"]] == [
        second["id"]
    ]


def test_an_empty_key_is_none_and_a_long_one_is_refused(api: Any) -> None:
    client, named = api

    def start(key: str, business_key: str = "L") -> Any:
        headers = {**named["employee"], "Idempotency-Key": key}
        body = {"process": "leave", "data": REQUEST, "business_key": business_key}
        return client.post("/api/v1/instances", json=body, headers=headers)

    first, second = start(""), start("")
    assert first.get_json()["instance_id"] != second.get_json()["instance_id"]
    assert start("k" * 200).status_code == 201
    assert (start("k" * 201).status_code, set(start("k" * 201).get_json()["fields"])) == (
        422,
        {"Idempotency-Key"},
    )
    assert start("", "b" * 200).status_code == 201
    long = start("", "b" * 201)
    assert (long.status_code, set(long.get_json()["fields"])) == (422, {"business_key"})


def test_every_error_of_the_api_is_a_problem_and_no_page(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client, named = api
    head = named["head"]
    monkeypatch.setattr(inbox, "open_tasks", lambda *_, **__: 1 / 0)
    client.application.config["MAX_CONTENT_LENGTH"] = 1000
    large = {"message": "x", "payload": {"x": "x" * 2000}}
    answers = {
        404: [
            client.get("/api/v1/nothing"),
            client.get("/api/v1/tasks/", headers=head),
            client.get("/api/v2/tasks"),
        ],
        405: [client.delete("/api/v1/tasks", headers=head)],
        413: [client.post("/api/v1/messages", json=large, headers=head)],
        500: [client.get("/api/v1/tasks", headers=head)],
    }

    for status, given in answers.items():
        for one in given:
            assert (one.status_code, one.content_type) == (status, "application/problem+json")
            assert one.get_json()["status"] == status
            assert one.get_json()["detail"]
            assert "Set-Cookie" not in one.headers
            assert one.headers["X-Request-Id"]
    assert "GET" in answers[405][0].headers["Allow"]
    assert client.get("/nothing").mimetype == "text/html"


NUL = [
    ("GET", "/api/v1/tasks/a%00b", None, "task_id"),
    ("GET", "/api/v1/tasks?search=a%00b", None, "search"),
    ("GET", "/api/v1/matters?unit=%00", None, "unit"),
    (
        "POST",
        "/api/v1/instances",
        {"process": "leave", "data": REQUEST, "business_key": "a\0"},
        "business_key",
    ),
    ("POST", "/api/v1/instances", {"process": "leave", "data": {**REQUEST, "reason": "a\0"}}, "data.reason"),
    ("POST", "/api/v1/instances", {"process": "leave", "data": {"a\0b": 1}}, "data"),
    ("POST", "/api/v1/tasks/x/complete", {"outcome": "approve", "opinion": "\0"}, "opinion"),
    ("POST", "/api/v1/tasks/x/hand-over", {"to": "x", "reason": "\0"}, "reason"),
    ("PUT", "/api/v1/tasks/x/draft", {"data": {"rows": [{"name": "\0"}]}}, "data.rows.0.name"),
    ("POST", "/api/v1/messages", {"message": "x", "payload": {"a": {"b": "\0"}}}, "payload.a.b"),
    ("POST", "/api/v1/organisations", {"code": "X", "name": "\0", "kind": "bureau"}, "name"),
]


@pytest.mark.parametrize(("method", "path", "body", "field"), NUL)
def test_what_no_database_keeps_is_refused_by_name(
    api: Any, method: str, path: str, body: Any, field: str
) -> None:
    client, named = api

    answer = client.open(path, method=method, json=body, headers=named["head"])

    assert (answer.status_code, list(answer.get_json()["fields"])) == (422, [field])


def test_names_of_uploaded_parts_are_looked_at_too(api: Any) -> None:
    client, named = api
    for name in ("/api/v1/files", "/api/v1/deployments/check"):
        head = (
            b'--B\r\nContent-Disposition: form-data; name="file"; filename="a\0b.txt"\r\n\r\nx\r\n--B--\r\n'
        )
        answer = client.post(
            name, data=head, content_type="multipart/form-data; boundary=B", headers=named["head"]
        )
        assert (answer.status_code, list(answer.get_json()["fields"])) == (422, ["file"])


@pytest.mark.parametrize(
    ("content", "field", "said"),
    [
        (b'{"process": "leave", "process": "leave"}', "process", "twice"),
        (b'{"process": "leave", "data": {"days": 1, "days": 2}}', "days", "twice"),
        (b'{"process": "leave", "data": {"days": NaN}}', "data.days", "finite"),
        (b'{"process": "leave", "data": {"days": 1e999}}', "data.days", "finite"),
        (b'{"process": "leave", "data": {"days": 9007199254740993}}', "data.days", "too large"),
        (b'{"process": "leave", "data": {"days": ' + b"9" * 5000 + b"}}", "body", "JSON"),
        (
            b'{"process": "leave", "data": {"a": ' + b"[" * 150 + b"]" * 150 + b"}}",
            "data.a",
            "deep",
        ),
        (b"[" * 100_000, "body", "JSON"),
        (b'{"process": ', "body", "JSON"),
        (b'{"process": "\xff"}', "body", "UTF-8"),
        (b"[]", "body", "object"),
        (b"null", "body", "object"),
        (rb'{"process": "\ud800"}', "process", "surrogate"),
        (b"{}", "process", "Required"),
        (b'{"process": 5}', "process", "text"),
        (b'{"process": "leave", "data": []}', "data", "object"),
        (b'{"process": "leave", "colour": "red"}', "colour", "business_key"),
    ],
)
def test_a_body_that_is_wrong_says_where_and_what_to_write_in_both_languages(
    sqlite_api: Any, content: bytes, field: str, said: str
) -> None:
    client, named = sqlite_api

    def send(language: str) -> Any:
        headers = {**named["employee"], "Accept-Language": language}
        return client.post(
            "/api/v1/instances", data=content, content_type="application/json", headers=headers
        )

    english, chinese = send("en").get_json(), send("zh").get_json()
    assert english["status"] == 422
    assert list(english["fields"]) == list(chinese["fields"]) == [field]
    assert said in english["fields"][field]
    assert re.search("[一-鿿]", chinese["fields"][field])


def test_a_body_of_another_kind_than_json_is_not_read(sqlite_api: Any) -> None:
    client, named = sqlite_api
    body = json.dumps({"process": "leave", "data": REQUEST})

    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post("/api/v1/instances", data=body, content_type=kind, headers=named["employee"])
        assert (answer.status_code, answer.content_type) == (415, "application/problem+json")
    kind = "application/json; charset=utf-8"
    assert (
        client.post("/api/v1/instances", data=body, content_type=kind, headers=named["employee"]).status_code
        == 201
    )


@pytest.mark.parametrize("limit", ["²", "٣", "１２", "0", "201", "-1", "1.5", "", "9" * 5000])
def test_a_page_has_between_one_and_two_hundred_rows(sqlite_api: Any, limit: str) -> None:
    client, named = sqlite_api

    answer = client.get("/api/v1/tasks", query_string={"limit": limit}, headers=named["head"])

    assert (answer.status_code, list(answer.get_json()["fields"])) == (422, ["limit"])


def test_a_draft_holds_fields_of_its_form_and_no_more_than_a_form_can(api: Any) -> None:
    client, named = api
    client.post("/api/v1/instances", json={"process": "leave", "data": REQUEST}, headers=named["employee"])
    (task,) = client.get("/api/v1/tasks", headers=named["head"]).get_json()["rows"]
    path = f"/api/v1/tasks/{task['id']}"

    def keep(data: Any) -> Any:
        return client.put(f"{path}/draft", json={"data": data}, headers=named["head"])

    assert keep({"remark": "先看", "_opinion": "同意"}).status_code == 200
    for wrong, field in (
        ({"colour": "red"}, "colour"),
        ({"_opinion": 1}, "_opinion"),
        ({"remark": "x" * 2_000_000}, "data"),
        ({"remark": 10**20}, "data.remark"),
    ):
        answer = keep(wrong)
        assert (answer.status_code, list(answer.get_json()["fields"])) == (422, [field])
    kept = client.get(path, headers=named["head"]).get_json()
    assert kept["data"]["remark"] == "先看"


def test_the_clock_is_not_moved_beyond_what_the_calendar_knows(
    sqlite_api: Any, sqlite_system: System
) -> None:
    client, _ = sqlite_api
    add_person(sqlite_system, "keeper", (duties.ADMINISTRATOR, None))
    token = tokens.create_by_command(sqlite_system, "keeper", label="t", days=1)
    keeper = {"Authorization": f"Bearer {token}"}

    def now() -> str:
        return str(client.get("/api/v1/clock", headers=keeper).get_json()["now"])[:10]

    before = now()
    for far in ("9999-12-31T23:59:59Z", "2190-01-01T00:00:00+08:00", "0001-01-01T00:00:00+14:00"):
        answer = client.post("/api/v1/clock", json={"to": far}, headers=keeper)
        assert (answer.status_code, list(answer.get_json()["fields"])) == (422, ["to"])
    assert now() == before
    for year in range(2040, 2200, 19):
        there = {"to": f"{year}-01-01T00:00:00Z"}
        assert client.post("/api/v1/clock", json=there, headers=keeper).status_code == 200
    end = client.post("/api/v1/clock", json={"to": "2200-01-02T00:00:00Z"}, headers=keeper)
    assert end.status_code == 422
    assert client.get("/api/v1/tasks", headers=keeper).status_code == 200


def test_a_task_that_is_not_one_s_to_do_is_refused_alike_whatever_one_tries(api: Any, system: System) -> None:
    client, named = api
    client.post("/api/v1/instances", json={"process": "leave", "data": REQUEST}, headers=named["employee"])
    (task,) = client.get("/api/v1/tasks", headers=named["head"]).get_json()["rows"]
    path = f"/api/v1/tasks/{task['id']}"

    def refused(name: str) -> list[int]:
        tries = [("claim", None), ("release", None), ("complete", {"outcome": "approve"})]
        return [
            client.post(f"{path}/{verb}", json=body, headers=named[name]).status_code for verb, body in tries
        ]

    assert refused("employee") == [403, 403, 403]
    bureau = client.get("/api/v1/me", headers=named["head"]).get_json()["memberships"][0]["organisation_id"]
    add_person(system, "second", ("head", bureau))
    token = tokens.create_by_command(system, "second", label="t", days=1)
    named["second"] = {"Authorization": f"Bearer {token}"}
    assert client.post(f"{path}/claim", headers=named["head"]).status_code == 204
    assert refused("second") == [409, 409, 409]


def test_wrong_values_of_filters_are_refused_naming_the_right_ones(sqlite_api: Any) -> None:
    client, named = sqlite_api
    head = {**named["head"], "Accept-Language": "en"}
    for path, field in (
        ("/instances?state=garbage", "state"),
        ("/tasks?state=garbage", "state"),
        ("/titles?state=garbage", "state"),
        ("/organisations?after=garbage", "after"),
        ("/titles?after=garbage", "after"),
        ("/instances?after=garbage", "after"),
        ("/tasks?limit=5&limit=abc", "limit"),
    ):
        answer = client.get(f"/api/v1{path}", headers=head)
        assert (answer.status_code, list(answer.get_json()["fields"])) == (422, [field]), path
    assert "pending_reinspection" in client.get("/api/v1/titles?state=x", headers=head).get_json()["detail"]
    for path in ("/instances?state=active", "/tasks?state=done", "/titles?state=ended"):
        assert client.get(f"/api/v1{path}", headers=head).status_code == 200
    first = client.get("/api/v1/organisations?limit=1", headers=head).get_json()
    second = client.get(f"/api/v1/organisations?limit=1&after={first['next']}", headers=head).get_json()
    assert (len(first["rows"]), len(second["rows"])) == (1, 1)


def test_a_message_is_one_that_a_diagram_receives_and_is_sent_once_under_its_key(system: System) -> None:
    deploy(system, HELD)
    add_person(system, "keeper", (duties.PROCESS_ADMINISTRATOR, None))
    keeper = {
        "Authorization": f"Bearer {tokens.create_by_command(system, 'keeper', label='t', days=1)}",
        "Accept-Language": "en",
    }
    client = create_app(system, options={"TESTING": True}).test_client()

    def send(body: Any, key: str = "") -> Any:
        return client.post("/api/v1/messages", json=body, headers={**keeper, "Idempotency-Key": key})

    unknown = send({"message": "title_grante"})
    assert (unknown.status_code, list(unknown.get_json()["fields"])) == (422, ["message"])
    assert unknown.get_json()["known"] == ["title_granted"]
    body = {"message": "title_granted", "payload": {"a": 1}}
    first, again = send(body, "m-1"), send(body, "m-1")
    assert (first.status_code, again.get_json()) == (202, first.get_json())
    assert send({**body, "payload": {"a": 2}}, "m-1").status_code == 422
    assert send(body).get_json() != first.get_json()
    with system.database.read() as connection:
        sent = connection.scalars(select(tables.job.c.id).where(tables.job.c.kind == "message")).all()
    assert len(sent) == 2


def test_a_file_is_downloaded_with_the_rights_of_its_page(api: Any) -> None:
    client, named = api
    part = {"file": (io.BytesIO("请假条".encode()), "请假条.txt")}
    sent = client.post("/api/v1/files", data=part, headers=named["employee"]).get_json()
    path = f"/api/v1/files/{sent['id']}"

    mine = client.get(path, headers=named["employee"])

    assert (mine.status_code, mine.text, mine.mimetype) == (200, "请假条", "text/plain")
    assert mine.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in mine.headers["Content-Security-Policy"]
    for path_, name in ((path, "head"), ("/api/v1/files/none", "employee")):
        refused = client.get(path_, headers=named[name])
        assert (refused.status_code, refused.content_type) == (404, "application/problem+json")
    assert client.get(path).status_code == 401


def test_the_description_says_what_is_taken_and_how_it_may_be_refused(sqlite_api: Any) -> None:
    client, _ = sqlite_api
    document = client.get("/api/v1/openapi.json").get_json()
    validate(document)
    paths, schemas = document["paths"], document["components"]["schemas"]

    def parameter(method: str, path: str, name: str) -> Any:
        return next(one for one in paths[path][method]["parameters"] if one["name"] == name)["schema"]

    limit = parameter("get", "/tasks", "limit")
    assert (limit["type"], limit["minimum"], limit["maximum"]) == ("integer", 1, 200)
    assert parameter("get", "/instances", "state")["enum"] == ["active", "completed", "cancelled"]
    assert "pending_reinspection" in parameter("get", "/titles", "state")["enum"]
    assert schemas["Outcome"]["properties"]["opinion"]["enum"] == ["required", "optional", "none"]
    assert "filepicker" in schemas["FieldDescription"]["properties"]["type"]["enum"]
    assert schemas["InstanceState"]["properties"]["state"]["enum"] == ["active", "completed", "cancelled"]
    start = schemas["Start"]["properties"]["business_key"]
    assert start["anyOf"][0]["maxLength"] == 200
    assert "several" in start["description"]
    upload = paths["/files"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert upload["required"] == ["file"]
    deploy_parts = paths["/deployments"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert "note" in deploy_parts["properties"]
    assert "path" in deploy_parts["description"]
    assert paths["/clock"]["post"]["requestBody"]["required"] is False
    assert paths["/instances"]["post"]["requestBody"]["required"] is True
    for path, operations in paths.items():
        for method, one in operations.items():
            assert {"401", "403", "404", "422"} <= one["responses"].keys(), (method, path)


def test_an_administrator_starts_nothing_for_what_does_not_exist(api: Any, system: System) -> None:
    client, _ = api
    add_person(system, "keeper", (duties.PROCESS_ADMINISTRATOR, None))
    keeper = {"Authorization": f"Bearer {tokens.create_by_command(system, 'keeper', label='t', days=1)}"}
    body = {"process": "leave", "data": REQUEST}
    for wrong, field in (
        ({"organisation_id": "x" * 5000}, "organisation_id"),
        ({"organisation_id": "0" * 32}, "organisation_id"),
        ({"variables": {"unit_id": "x" * 33}}, "unit_id"),
        ({"variables": {"plan_year_id": 7}}, "plan_year_id"),
    ):
        answer = client.post("/api/v1/instances", json={**body, **wrong}, headers=keeper)
        assert (answer.status_code, list(answer.get_json()["fields"])) == (422, [field])
    assert client.get("/api/v1/instances", headers=keeper).get_json()["rows"] == []
