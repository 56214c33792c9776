"""The schema of the whole database: its tables, and bringing a database to the newest version."""

import importlib
import pkgutil
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from service import store

_MIGRATIONS = Path(__file__).parent / "migrations"


def load_tables() -> None:
    """Import every table module, so that the metadata is complete."""
    for module in pkgutil.iter_modules(store.__path__):
        if module.name not in ("migrations", "schema"):
            importlib.import_module(f"{store.__name__}.{module.name}")


def upgrade(connection: Connection) -> None:
    """Bring the database behind `connection` to the newest schema; does nothing when it is there."""
    command.upgrade(_config(connection), "head")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
