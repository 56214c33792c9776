"""Pages under test: a town with a deployed procedure, and browsers that keep cookies and forgery tokens."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service import clock
from service.identity import sessions
from service.identity.people import Person
from service.system import System
from tests import town
from web import session_cookie
from web.app import create_app

PROCEDURES = Path(__file__).resolve().parents[1] / "procedures"
_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


@dataclass
class Visitor:
    """Somebody at a browser without script."""

    client: FlaskClient
    token: str = ""

    def get(self, address: str, **options: Any) -> TestResponse:
        """Open a page and keep its forgery token."""
        answer = self.client.get(address, **options)
        found = _TOKEN.search(answer.text) if answer.mimetype == "text/html" else None
        if found:
            self.token = found.group(1)
        return answer

    def post(self, address: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """Send a form of the last page."""
        if not self.token:
            self.get("/")
        return self.client.post(address, data={"csrf_token": self.token, **(data or {})}, **options)


@dataclass
class Desk:
    """The pages of an installation, and who sits in front of them."""

    system: System
    app: Flask
    organisation_id: str
    clerk: Person
    colleague: Person
    checker: Person
    second_checker: Person
    stranger: Person

    def visitor(self, person: Person | None = None) -> Visitor:
        """Return a browser, signed in as `person`."""
        client = self.app.test_client()
        if person is not None:
            with self.system.database.write() as connection:
                token = sessions.begin(connection, person.id, clock.system_now())
            client.set_cookie(session_cookie.NAME, token)
        return Visitor(client)

    def begin(self, visitor: Visitor, subject: str = "节水") -> str:
        """Start a matter as the clerk and return the id of the task it opens."""
        visitor.get("/start/desk")
        answer = visitor.post("/start/desk", {"subject": subject, "urgency": "urgent"})
        assert answer.status_code == 303, answer.text
        return self.first_task(visitor)

    def first_task(self, visitor: Visitor) -> str:
        """Return the id of the first task in somebody's inbox."""
        found = re.search(r"/tasks/([0-9a-f]{32})", visitor.get("/inbox").text)
        assert found is not None
        return found.group(1)


def open_desk(system: System) -> Desk:
    """Deploy the test procedure of the desk and seat its people."""
    town.deploy(system, PROCEDURES / "desk")
    with system.database.write() as connection:
        school = town.add_organisation(connection, "渭滨中学")
        office = town.add_organisation(connection, "市创绿办", kind="headquarters")
        elsewhere = town.add_organisation(connection, "别处")
    return Desk(
        system,
        create_app(system, options={"TESTING": True}),
        school,
        town.add_person(system, "张三", ("clerk", school)),
        town.add_person(system, "赵六", ("clerk", school)),
        town.add_person(system, "李四", ("checker", office)),
        town.add_person(system, "王五", ("checker", office)),
        town.add_person(system, "外人", ("clerk", elsewhere)),
    )


@pytest.fixture
def desk(system: System) -> Desk:
    """The desk on SQLite and on PostgreSQL."""
    return open_desk(system)


@pytest.fixture
def sqlite_desk(sqlite_system: System) -> Desk:
    """The desk on SQLite alone, for what cannot differ between databases."""
    return open_desk(sqlite_system)


#: A form that is right in every field, without its file.
MATERIAL: dict[str, Any] = {
    "kind": "report",
    "area": "1200.5",
    "day": "2026-11-20",
    "topics": ["water", "power"],
    "people.0.name": "刘一",
    "people.0.hours": "8",
    "text": "已更换节水器具",
    "truthful": "on",
}
PDF = b"%PDF-1.4 test"

Open = Callable[[Person], Visitor]
