"""Connections to PostgreSQL outlive their server's restarts."""

import pytest
from sqlalchemy import text

from service.store import database
from service.system import System


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_rested_connection_whose_server_went_away_is_replaced(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    with system.database.read() as connection:
        first = connection.scalar(text("SELECT pg_backend_pid()"))
    with system.database.engine.connect() as one, system.database.engine.connect() as other:
        # The pool now holds two; the one with the known process is ended by the other.
        ender = other if one.scalar(text("SELECT pg_backend_pid()")) == first else one
        ender.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": first})
    monkeypatch.setattr(database, "PING_AFTER", 0.0)

    for _ in range(3):
        with system.database.read() as connection:
            assert connection.scalar(text("SELECT pg_backend_pid()")) != first
