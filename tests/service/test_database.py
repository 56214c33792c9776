"""Connections to PostgreSQL outlive their server's restarts."""

import pytest
from sqlalchemy import create_engine, text

from service.store import database
from service.system import System


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_rested_connection_whose_server_went_away_is_replaced(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    with system.database.read() as connection:
        first = connection.scalar(text("SELECT pg_backend_pid()"))
    ender = create_engine(system.database.url)
    with ender.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": first})
    ender.dispose()
    monkeypatch.setattr(database, "PING_AFTER", 0.0)

    with system.database.read() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != first
