"""The REST API as an integrator sees it: one caller for each personal token, every refusal with its text."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient


class Refused(Exception):
    """A problem the API answered with (RFC 9457)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('detail')} {problem.get('fields', '')}")
        self.status = status
        self.problem = problem


class Caller:
    """One person's calls."""

    def __init__(self, app: Flask, token: str) -> None:
        self.client: FlaskClient = app.test_client(use_cookies=False)
        self.headers = {"Authorization": f"Bearer {token}"}
        self.calls = 0

    def get(self, path: str, **query: Any) -> Any:
        """Read."""
        return self._answer(self.client.get(f"/api/v1{path}", query_string=query, headers=self.headers))

    def post(self, path: str, body: dict[str, Any] | None = None, *, key: str | None = None) -> Any:
        """Do."""
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        return self._answer(self.client.post(f"/api/v1{path}", json=body or {}, headers=headers))

    def pages(self, path: str, **query: Any) -> list[Any]:
        """Read all pages of a list."""
        rows: list[Any] = []
        after = None
        while True:
            page = self.get(path, limit=200, **query, **({"after": after} if after else {}))
            rows += page["rows"]
            after = page["next"]
            if after is None:
                return rows

    def upload(self, name: str, data: bytes) -> str:
        """Upload a file for a form; returns its id."""
        from io import BytesIO

        answer = self.client.post("/api/v1/files", data={"file": (BytesIO(data), name)}, headers=self.headers)
        return str(self._answer(answer)["id"])

    def _answer(self, response: Any) -> Any:
        self.calls += 1
        if response.status_code >= 400:
            raise Refused(response.status_code, response.get_json(force=True, silent=True) or {})
        return response.get_json() if response.status_code != 204 else None
